/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#define TYPE_BITS 6 /* of each field in the number of several. Source: nftables' include/datatype.h */
#define SEPARATOR " . "
#define REGISTER 4

const struct field_type field_types[] = {
        [FIELD_IPV4] = {"ipv4_addr", 7, 4, true},      [FIELD_IPV6] = {"ipv6_addr", 8, 16, true},
        [FIELD_PORT] = {"inet_service", 13, 2, true},  [FIELD_PROTOCOL] = {"inet_proto", 12, 1, true},
        [FIELD_DEVICE] = {"ifname", 41, 16, false},    [FIELD_MARK] = {"mark", 19, 4, false},
};

static bool append(struct layout *layout, size_t field)
{
        if (layout->count == LAYOUT_FIELDS)
                return false;
        layout->fields[layout->count++] = (uint8_t)field;
        return true;
}

static size_t padded(size_t length)
{
        return (length + REGISTER - 1) / REGISTER * REGISTER;
}

size_t layout_step(const struct layout *layout, size_t field)
{
        size_t length = field_types[layout->fields[field]].length;

        return layout->count > 1 ? padded(length) : length;
}

static bool finish(struct layout *layout)
{
        size_t bytes = 0;

        for (size_t i = 0; i < layout->count; i++)
                bytes += layout_step(layout, i);
        layout->bytes = (uint8_t)bytes;
        return layout->count > 0 && bytes <= LAYOUT_BYTES;
}

bool layout_parse(const char *text, bool may_be_verdict, struct layout *ret_layout)
{
        struct layout layout = {0};

        if (may_be_verdict && streq(text, "verdict")) {
                *ret_layout = (struct layout){.verdict = true, .bytes = sizeof(uint32_t)};
                return true;
        }
        for (;;) {
                const char *end = strstr(text, SEPARATOR);
                size_t length = end ? (size_t)(end - text) : strlen(text), field = 0;

                while (field < FIELD_COUNT && (strlen(field_types[field].name) != length || memcmp(field_types[field].name, text, length) != 0))
                        field++;
                if (field == FIELD_COUNT || !append(&layout, field))
                        return false;
                if (!end)
                        break;
                text = end + strlen(SEPARATOR);
        }
        if (!finish(&layout))
                return false;
        *ret_layout = layout;
        return true;
}

bool layout_of_id(uint32_t id, struct layout *ret_layout)
{
        struct layout layout = {0};

        if (id == NFT_DATA_VERDICT) {
                *ret_layout = (struct layout){.verdict = true, .bytes = sizeof(uint32_t)};
                return true;
        }
        for (int shift = 32 / TYPE_BITS * TYPE_BITS; shift >= 0; shift -= TYPE_BITS) {
                uint32_t one = id >> shift & ((1u << TYPE_BITS) - 1);
                size_t field = 0;

                if (one == 0 && layout.count == 0)
                        continue;
                while (field < FIELD_COUNT && field_types[field].id != one)
                        field++;
                if (field == FIELD_COUNT || !append(&layout, field))
                        return false;
        }
        if (!finish(&layout))
                return false;
        *ret_layout = layout;
        return true;
}

uint32_t layout_id(const struct layout *layout)
{
        uint32_t id = 0;

        for (size_t i = 0; i < layout->count; i++)
                id = id << TYPE_BITS | field_types[layout->fields[i]].id;
        return layout->verdict ? NFT_DATA_VERDICT : id;
}

void layout_format(const struct layout *layout, char buffer[LAYOUT_TEXT])
{
        *buffer = 0;
        if (layout->verdict)
                strcpy(buffer, "verdict");
        for (size_t i = 0; i < layout->count; i++) {
                strcat(buffer, i ? SEPARATOR : "");
                strcat(buffer, field_types[layout->fields[i]].name);
        }
}
