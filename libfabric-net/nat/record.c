/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include "base/address.h"

#include <arpa/inet.h>
#include <libnftnl/udata.h>

/* Attributes of userdata are numbered from 0 up by nft; it passes over those that it does not know. Ours is far from them. */
#define ATTRIBUTE_OURS 0xfb
#define MARK "libfabricnet"
#define RECORD_VERSION 1
#define RECORD_ESTABLISHED 0x01

/* The fixed part of a rule's record, numbers in network byte order. After it: source and destination, each a byte 0 (none), 4 or 6, a
 * byte of length, the address; then the incoming and outgoing device, each a byte of length and its name. */
struct fixed {
        uint8_t version, kind, flags, protocol;
        uint16_t source_port, destination_port, mss;
        uint32_t mark, mark_mask;
} __attribute__((packed));

static void put(struct userdata *userdata, const void *bytes, size_t length)
{
        memcpy(userdata->bytes + userdata->length, bytes, length);
        userdata->length += (uint32_t)length;
}

static void put_byte(struct userdata *userdata, size_t byte)
{
        userdata->bytes[userdata->length++] = (uint8_t)byte;
}

static void put_attribute(struct userdata *userdata, uint8_t type, const void *bytes, size_t length)
{
        put_byte(userdata, type);
        put_byte(userdata, length);
        put(userdata, bytes, length);
}

static bool find_attribute(const uint8_t *bytes, size_t length, uint8_t type, const uint8_t **ret_bytes, size_t *ret_length)
{
        for (size_t offset = 0; offset + 2 <= length; offset += 2 + (size_t)bytes[offset + 1]) {
                if (bytes[offset] != type || length - offset - 2 < bytes[offset + 1])
                        continue;
                *ret_bytes = bytes + offset + 2;
                *ret_length = bytes[offset + 1];
                return true;
        }
        return false;
}

void table_mark(struct userdata *ret_userdata)
{
        static const char comment[] = "made by libfabricnet; changes by hand are undone";

        ret_userdata->length = 0;
        put_attribute(ret_userdata, NFTNL_UDATA_TABLE_COMMENT, comment, sizeof(comment));
        put_attribute(ret_userdata, ATTRIBUTE_OURS, MARK, sizeof(MARK));
}

bool table_is_marked(const void *bytes, size_t length)
{
        const uint8_t *mark;
        size_t mark_length;

        return find_attribute(bytes, length, ATTRIBUTE_OURS, &mark, &mark_length) && mark_length == sizeof(MARK) &&
               memcmp(mark, MARK, sizeof(MARK)) == 0;
}

static void put_prefix(struct userdata *userdata, const fbn_prefix *prefix, size_t count)
{
        if (count == 0) {
                put_byte(userdata, 0);
                return;
        }
        put_byte(userdata, prefix->address.family == AF_INET ? 4 : 6);
        put_byte(userdata, prefix->length);
        put(userdata, prefix->address.bytes, family_bytes(prefix->address.family));
}

static void put_text(struct userdata *userdata, const char *text)
{
        size_t length = text ? strlen(text) : 0;

        put_byte(userdata, length);
        put(userdata, text ? text : "", length);
}

/* A validated rule needs 2 + 65 bytes for its name and at most 2 + 18 + 2 * 18 + 2 * 16 for its record: it always fits. */
void record_encode(const fbn_nat_rule *record, struct userdata *ret_userdata)
{
        struct fixed fixed = {
                .version = RECORD_VERSION,
                .kind = (uint8_t)record->kind,
                .flags = record->established ? RECORD_ESTABLISHED : 0,
                .source_port = htons(record->source_port),
                .destination_port = htons(record->destination_port),
                .mss = htons(record->mss),
                .mark = htonl(record->mark),
                .mark_mask = htonl(rule_mark_mask(record)),
        };
        struct userdata body = {.length = 0};

        if (record->protocol)
                protocol_number(record->protocol, &fixed.protocol);
        put(&body, &fixed, sizeof(fixed));
        put_prefix(&body, record->sources, record->n_sources);
        put_prefix(&body, record->destinations, record->n_destinations);
        put_text(&body, record->in_device);
        put_text(&body, record->out_device);
        ret_userdata->length = 0;
        put_attribute(ret_userdata, NFTNL_UDATA_RULE_COMMENT, record->name, strlen(record->name) + 1);
        put_attribute(ret_userdata, ATTRIBUTE_OURS, body.bytes, body.length);
}

/* Reads from the front; failed once anything is missing. */
struct reader {
        const uint8_t *bytes;
        size_t left;
        struct arena *arena;
        bool failed, no_memory;
};

static const uint8_t *take(struct reader *reader, size_t length)
{
        static const uint8_t nothing[sizeof(struct fixed)];
        const uint8_t *bytes = reader->bytes;

        if (reader->failed || reader->left < length) {
                reader->failed = true;
                return nothing;
        }
        reader->bytes += length;
        reader->left -= length;
        return bytes;
}

static void *keep(struct reader *reader, void *memory)
{
        if (!memory)
                reader->no_memory = reader->failed = true;
        return memory;
}

static const fbn_prefix *take_prefix(struct reader *reader, size_t *ret_count)
{
        fbn_prefix prefix = {0};
        uint8_t version = *take(reader, 1);

        *ret_count = 0;
        if (version == 0)
                return NULL;
        prefix.address.family = version == 4 ? AF_INET : AF_INET6;
        prefix.length = *take(reader, 1);
        if ((version != 4 && version != 6) || prefix.length > family_bits(prefix.address.family))
                reader->failed = true;
        if (reader->left < family_bytes(prefix.address.family))
                reader->failed = true;
        if (reader->failed)
                return NULL;
        memcpy(prefix.address.bytes, take(reader, family_bytes(prefix.address.family)), family_bytes(prefix.address.family));
        *ret_count = 1;
        return keep(reader, arena_copy(reader->arena, &prefix, sizeof(prefix)));
}

static const char *take_text(struct reader *reader, size_t length)
{
        const uint8_t *bytes = take(reader, length);
        char *text;

        if (reader->failed || length == 0)
                return NULL;
        text = keep(reader, arena_alloc(reader->arena, length + 1));
        return text ? memcpy(text, bytes, length) : NULL;
}

static void take_fixed(struct reader *reader, fbn_nat_rule *record)
{
        struct fixed fixed;

        memcpy(&fixed, take(reader, sizeof(fixed)), sizeof(fixed));
        record->size = sizeof(*record);
        record->kind = (fbn_nat_kind)fixed.kind;
        record->established = fixed.flags & RECORD_ESTABLISHED;
        record->protocol = protocol_name(fixed.protocol);
        record->source_port = ntohs(fixed.source_port);
        record->destination_port = ntohs(fixed.destination_port);
        record->mss = ntohs(fixed.mss);
        record->mark = ntohl(fixed.mark);
        record->mark_mask = ntohl(fixed.mark_mask);
        if (fixed.version != RECORD_VERSION || fixed.kind < FBN_NAT_MASQUERADE || fixed.kind > FBN_NAT_KEEP_OUT ||
            (fixed.protocol && !record->protocol))
                reader->failed = true;
}

int record_decode(struct arena *arena, const void *bytes, size_t length, fbn_nat_rule *ret_record)
{
        struct reader name = {.arena = arena}, body = {.arena = arena};
        fbn_nat_rule record = {0};

        if (!find_attribute(bytes, length, NFTNL_UDATA_RULE_COMMENT, &name.bytes, &name.left) ||
            !find_attribute(bytes, length, ATTRIBUTE_OURS, &body.bytes, &body.left))
                return 0;
        take_fixed(&body, &record);
        record.sources = take_prefix(&body, &record.n_sources);
        record.destinations = take_prefix(&body, &record.n_destinations);
        record.in_device = take_text(&body, *take(&body, 1));
        record.out_device = take_text(&body, *take(&body, 1));
        record.name = take_text(&name, name.left);
        if (name.no_memory || body.no_memory)
                return -FBN_ENOMEM;
        if (name.failed || body.failed || body.left > 0 || !record.name || !*record.name)
                return 0;
        *ret_record = record;
        return 1;
}
