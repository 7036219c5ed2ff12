/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <fabricnet/error.h>
#include <stdio.h>

int fbn_address_parse(const char *text, fbn_address *ret_address)
{
        fbn_address address = {0};

        if (inet_pton(AF_INET, text, address.bytes) == 1)
                address.family = AF_INET;
        else if (inet_pton(AF_INET6, text, address.bytes) == 1)
                address.family = AF_INET6;
        else
                return -FBN_EINVAL;
        *ret_address = address;
        return 0;
}

const char *fbn_address_format(const fbn_address *address, char *buffer, size_t size)
{
        char text[INET6_ADDRSTRLEN] = "";

        if (address && family_bits(address->family))
                inet_ntop(address->family, address->bytes, text, sizeof(text));
        snprintf(buffer, size, "%s", text);
        return buffer;
}

/* The part of text before end as a string of its own; false if it does not fit. */
static bool part(const char *text, const char *end, char *buffer, size_t size)
{
        size_t length = (size_t)(end - text);

        if (length >= size)
                return false;
        memcpy(buffer, text, length);
        buffer[length] = 0;
        return true;
}

int fbn_prefix_parse(const char *text, fbn_prefix *ret_prefix)
{
        const char *slash = strchr(text, '/');
        char address[INET6_ADDRSTRLEN];
        fbn_prefix prefix = {0};
        uint64_t length;

        if (!part(text, slash ? slash : text + strlen(text), address, sizeof(address)) || fbn_address_parse(address, &prefix.address) < 0)
                return -FBN_EINVAL;
        length = family_bits(prefix.address.family);
        if (slash && !text_to_u64(slash + 1, 0, length, &length))
                return -FBN_EINVAL;
        prefix.length = (uint8_t)length;
        *ret_prefix = prefix;
        return 0;
}

const char *fbn_prefix_format(const fbn_prefix *prefix, char *buffer, size_t size)
{
        char address[FBN_ADDRESS_TEXT];

        if (!prefix || !family_bits(prefix->address.family))
                snprintf(buffer, size, "%s", "");
        else
                snprintf(buffer, size, "%s/%u", fbn_address_format(&prefix->address, address, sizeof(address)), prefix->length);
        return buffer;
}

int fbn_prefix_network(const fbn_prefix *prefix, fbn_prefix *ret_network)
{
        size_t bytes = family_bytes(prefix->address.family);
        fbn_prefix network = *prefix;
        int cleared = 0;

        if (bytes == 0 || prefix->length > bytes * 8)
                return -FBN_EINVAL;
        for (size_t i = 0; i < bytes; i++) {
                unsigned first = (unsigned)i * 8;
                unsigned keep = prefix->length <= first ? 0 : MIN(prefix->length - first, 8u);
                uint8_t mask = (uint8_t)(0xff00 >> keep);

                cleared |= network.address.bytes[i] & (uint8_t)~mask;
                network.address.bytes[i] &= mask;
        }
        *ret_network = network;
        return cleared != 0;
}

bool fbn_prefix_contains(const fbn_prefix *prefix, const fbn_address *address)
{
        fbn_prefix other = {*address, prefix->length};
        fbn_prefix network;

        return prefix->address.family == address->family && fbn_prefix_network(&other, &other) >= 0 &&
               fbn_prefix_network(prefix, &network) >= 0 && prefix_equal(&other, &network);
}

bool fbn_prefix_overlaps(const fbn_prefix *a, const fbn_prefix *b)
{
        return a->length <= b->length ? fbn_prefix_contains(a, &b->address) : fbn_prefix_contains(b, &a->address);
}

int fbn_endpoint_parse(const char *text, fbn_endpoint *ret_endpoint)
{
        const char *colon = strrchr(text, ':');
        bool bracket = *text == '[';
        fbn_endpoint endpoint = {0};
        char address[FBN_ADDRESS_TEXT];
        uint64_t port, scope;
        char *zone;

        if (!colon || !text_to_u64(colon + 1, 0, 65535, &port))
                return -FBN_EINVAL;
        if (bracket && (colon == text || colon[-1] != ']'))
                return -FBN_EINVAL;
        if (!part(text + bracket, colon - bracket, address, sizeof(address)))
                return -FBN_EINVAL;
        zone = bracket ? strchr(address, '%') : NULL;
        if (zone) {
                *zone = 0;
                if (!text_to_u64(zone + 1, 1, UINT32_MAX, &scope))
                        return -FBN_EINVAL;
                endpoint.scope = (uint32_t)scope;
        }
        if (fbn_address_parse(address, &endpoint.address) < 0 || (endpoint.address.family == AF_INET6) != bracket)
                return -FBN_EINVAL;
        endpoint.port = (uint16_t)port;
        *ret_endpoint = endpoint;
        return 0;
}

const char *fbn_endpoint_format(const fbn_endpoint *endpoint, char *buffer, size_t size)
{
        char address[FBN_ADDRESS_TEXT], zone[16] = "";

        if (!endpoint || !family_bits(endpoint->address.family)) {
                snprintf(buffer, size, "%s", "");
                return buffer;
        }
        fbn_address_format(&endpoint->address, address, sizeof(address));
        if (endpoint->scope)
                snprintf(zone, sizeof(zone), "%%%u", endpoint->scope);
        if (endpoint->address.family == AF_INET6)
                snprintf(buffer, size, "[%s%s]:%u", address, zone, endpoint->port);
        else
                snprintf(buffer, size, "%s:%u", address, endpoint->port);
        return buffer;
}
