/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <fabricnet/error.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

unsigned family_bits(uint16_t family)
{
        return family == AF_INET ? 32 : family == AF_INET6 ? 128 : 0;
}

size_t family_bytes(uint16_t family)
{
        return family_bits(family) / 8;
}

int address_compare(const fbn_address *a, const fbn_address *b)
{
        if (a->family != b->family)
                return a->family < b->family ? -1 : 1;
        return memcmp(a->bytes, b->bytes, family_bytes(a->family));
}

int prefix_compare(const fbn_prefix *a, const fbn_prefix *b)
{
        int order = address_compare(&a->address, &b->address);

        return order ? order : (int)a->length - (int)b->length;
}

bool prefix_equal(const fbn_prefix *a, const fbn_prefix *b)
{
        return prefix_compare(a, b) == 0;
}

bool endpoint_equal(const fbn_endpoint *a, const fbn_endpoint *b)
{
        return a->port == b->port && a->scope == b->scope && address_compare(&a->address, &b->address) == 0;
}
