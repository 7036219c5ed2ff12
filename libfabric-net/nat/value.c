/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include "base/address.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define FIELD_TEXT 96 /* a field as text: a range of two IPv6 addresses */
#define SEPARATOR " . "

static bool parse_address(int family, const char *text, uint8_t *first, uint8_t *last)
{
        const char *dash = strchr(text, '-');
        size_t length = family_bytes((uint16_t)family);
        char lower[INET6_ADDRSTRLEN];
        fbn_prefix prefix;

        if (dash) {
                if ((size_t)(dash - text) >= sizeof(lower))
                        return false;
                memcpy(lower, text, (size_t)(dash - text));
                lower[dash - text] = 0;
                return inet_pton(family, lower, first) == 1 && inet_pton(family, dash + 1, last) == 1 && memcmp(first, last, length) <= 0;
        }
        if (fbn_prefix_parse(text, &prefix) < 0 || prefix.address.family != family)
                return false;
        if (fbn_prefix_network(&prefix, &prefix) != 0) /* host bits: not what was meant */
                return false;
        memcpy(first, prefix.address.bytes, length);
        memcpy(last, prefix.address.bytes, length);
        for (size_t bit = prefix.length; bit < length * 8; bit++)
                last[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
        return true;
}

static bool parse_number(const char *text, unsigned long maximum, unsigned long *ret_number, const char **ret_end)
{
        char *end;

        if (*text < '0' || *text > '9')
                return false;
        *ret_number = strtoul(text, &end, 0);
        *ret_end = end;
        return *ret_number <= maximum;
}

static bool parse_numbers(const char *text, unsigned long maximum, unsigned long *ret_first, unsigned long *ret_last)
{
        const char *end;

        if (!parse_number(text, maximum, ret_first, &end))
                return false;
        *ret_last = *ret_first;
        if (*end == '-' && !parse_number(end + 1, maximum, ret_last, &end))
                return false;
        return *end == 0 && *ret_first <= *ret_last;
}

static bool parse_port(const char *text, uint8_t *first, uint8_t *last)
{
        unsigned long from, to;
        uint16_t ports[2];

        if (!parse_numbers(text, UINT16_MAX, &from, &to))
                return false;
        ports[0] = htons((uint16_t)from);
        ports[1] = htons((uint16_t)to);
        memcpy(first, &ports[0], sizeof(uint16_t));
        memcpy(last, &ports[1], sizeof(uint16_t));
        return true;
}

static bool parse_protocol(const char *text, uint8_t *first, uint8_t *last)
{
        unsigned long from, to;

        if (protocol_number(text, first)) {
                *last = *first;
                return true;
        }
        if (!parse_numbers(text, UINT8_MAX, &from, &to))
                return false;
        *first = (uint8_t)from;
        *last = (uint8_t)to;
        return true;
}

static bool parse_mark(const char *text, uint8_t *first, uint8_t *last)
{
        unsigned long from, to;
        uint32_t mark;

        if (!parse_numbers(text, UINT32_MAX, &from, &to) || from != to)
                return false;
        mark = (uint32_t)from;
        memcpy(first, &mark, sizeof(mark));
        memcpy(last, &mark, sizeof(mark));
        return true;
}

static bool parse_device(const char *text, uint8_t *first, uint8_t *last)
{
        size_t length = strnlen(text, IFNAMSIZ);

        if (length == 0 || length == IFNAMSIZ)
                return false;
        memcpy(first, text, length);
        memcpy(last, text, length);
        return true;
}

static bool parse_field(size_t field, const char *text, uint8_t *first, uint8_t *last)
{
        switch (field) {
        case FIELD_IPV4:
                return parse_address(AF_INET, text, first, last);
        case FIELD_IPV6:
                return parse_address(AF_INET6, text, first, last);
        case FIELD_PORT:
                return parse_port(text, first, last);
        case FIELD_PROTOCOL:
                return parse_protocol(text, first, last);
        case FIELD_MARK:
                return parse_mark(text, first, last);
        default:
                return parse_device(text, first, last);
        }
}

static bool parse_verdict(const char *text, uint8_t *bytes)
{
        uint32_t verdict = streq(text, "drop") ? NF_DROP : NF_ACCEPT;

        memcpy(bytes, &verdict, sizeof(verdict));
        return verdict == NF_DROP || streq(text, "accept");
}

static bool parse_fields(const struct layout *layout, const char *text, uint8_t *first, uint8_t *last)
{
        for (size_t i = 0, offset = 0; i < layout->count; offset += layout_step(layout, i++)) {
                const char *end = i + 1 < layout->count ? strstr(text, SEPARATOR) : text + strlen(text);
                char field[FIELD_TEXT];

                if (!end || (size_t)(end - text) >= sizeof(field))
                        return false;
                memcpy(field, text, (size_t)(end - text));
                field[end - text] = 0;
                if (!parse_field(layout->fields[i], field, first + offset, last + offset))
                        return false;
                text = end + strlen(SEPARATOR);
        }
        return true;
}

bool value_parse(const struct layout *layout, const char *text, uint8_t *first, uint8_t *last)
{
        uint8_t other[LAYOUT_BYTES] = {0};

        memset(first, 0, layout->bytes);
        if (layout->verdict)
                return parse_verdict(text, first);
        if (last)
                memset(last, 0, layout->bytes);
        if (!parse_fields(layout, text, first, last ? last : other))
                return false;
        return last || memcmp(first, other, layout->bytes) == 0;
}

/* How many leading bits two addresses share, if what follows is all zeros in first and all ones in last; -1: they are no prefix. */
static int prefix_length(const uint8_t *first, const uint8_t *last, size_t length)
{
        size_t bits = length * 8, shared = 0;

        while (shared < bits && !((first[shared / 8] ^ last[shared / 8]) & 0x80 >> shared % 8))
                shared++;
        for (size_t bit = shared; bit < bits; bit++)
                if (first[bit / 8] & 0x80 >> bit % 8 || !(last[bit / 8] & 0x80 >> bit % 8))
                        return -1;
        return (int)shared;
}

static void format_address(int family, const uint8_t *first, const uint8_t *last, char *buffer)
{
        size_t length = family_bytes((uint16_t)family), used;
        int bits = prefix_length(first, last, length);

        inet_ntop(family, first, buffer, INET6_ADDRSTRLEN);
        used = strlen(buffer);
        if (bits < 0) {
                buffer[used] = '-';
                inet_ntop(family, last, buffer + used + 1, INET6_ADDRSTRLEN);
        } else if ((size_t)bits < length * 8) {
                snprintf(buffer + used, FIELD_TEXT - used, "/%d", bits);
        }
}

static void format_numbers(unsigned first, unsigned last, char *buffer)
{
        if (first == last)
                snprintf(buffer, FIELD_TEXT, "%u", first);
        else
                snprintf(buffer, FIELD_TEXT, "%u-%u", first, last);
}

static void format_protocol(uint8_t first, uint8_t last, char *buffer)
{
        const char *name = first == last ? protocol_name(first) : NULL;

        if (name)
                snprintf(buffer, FIELD_TEXT, "%s", name);
        else
                format_numbers(first, last, buffer);
}

static void format_field(size_t field, const uint8_t *first, const uint8_t *last, char *buffer)
{
        uint32_t mark;

        switch (field) {
        case FIELD_IPV4:
                format_address(AF_INET, first, last, buffer);
                break;
        case FIELD_IPV6:
                format_address(AF_INET6, first, last, buffer);
                break;
        case FIELD_PORT:
                format_numbers((unsigned)first[0] << 8 | first[1], (unsigned)last[0] << 8 | last[1], buffer);
                break;
        case FIELD_PROTOCOL:
                format_protocol(*first, *last, buffer);
                break;
        case FIELD_MARK:
                memcpy(&mark, first, sizeof(mark));
                snprintf(buffer, FIELD_TEXT, "0x%x", mark);
                break;
        default:
                snprintf(buffer, FIELD_TEXT, "%.15s", (const char *)first);
        }
}

void value_format(const struct layout *layout, const uint8_t *first, const uint8_t *last, char buffer[VALUE_TEXT])
{
        uint32_t verdict;

        *buffer = 0;
        if (layout->verdict) {
                memcpy(&verdict, first, sizeof(verdict));
                snprintf(buffer, VALUE_TEXT, "%s", verdict == NF_DROP ? "drop" : verdict == NF_ACCEPT ? "accept" : "other");
        }
        for (size_t i = 0, offset = 0, used = 0; i < layout->count; offset += layout_step(layout, i++)) {
                char field[FIELD_TEXT];

                format_field(layout->fields[i], first + offset, last + offset, field);
                used += (size_t)snprintf(buffer + used, VALUE_TEXT - used, "%s%s", i ? SEPARATOR : "", field);
                if (used >= VALUE_TEXT)
                        break;
        }
}
