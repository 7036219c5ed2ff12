/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/reverse.h"

#include "base/address.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* RFC 1035 3.5: a label for each octet; RFC 3596 2.5: one for each nibble. */
static unsigned bits_of_label(const fbn_prefix *prefix)
{
        return prefix->address.family == AF_INET ? 8 : 4;
}

static unsigned labels_of(const fbn_prefix *prefix)
{
        return (prefix->length + bits_of_label(prefix) - 1) / bits_of_label(prefix);
}

size_t reverse_zones(const fbn_prefix *prefix)
{
        return (size_t)1 << (labels_of(prefix) * bits_of_label(prefix) - prefix->length);
}

static unsigned label_value(const fbn_prefix *prefix, unsigned label)
{
        const uint8_t *bytes = prefix->address.bytes;

        if (prefix->address.family == AF_INET)
                return bytes[label];
        return label % 2 ? bytes[label / 2] & 15 : bytes[label / 2] >> 4;
}

void reverse_zone(const fbn_prefix *prefix, size_t index, struct name *ret_zone)
{
        bool v4 = prefix->address.family == AF_INET;
        char text[80], *at = text;

        for (unsigned label = labels_of(prefix); label-- > 0; index = 0)
                at += sprintf(at, v4 ? "%u." : "%x.", label_value(prefix, label) + (unsigned)index);
        strcpy(at, v4 ? "in-addr.arpa" : "ip6.arpa");
        name_parse(text, ret_zone);
}
