/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include "base/address.h"

#include <libnftnl/udata.h>
#include <stddef.h>

/* Attributes of userdata are numbered from 0 up by nft; it passes over those that it does not know. Ours is far from them. */
#define ATTRIBUTE_OURS 0xfb
#define MARK "libfabricnet"
#define RECORD_VERSION 2

/* A record is a byte of version, then of each member that is not zero a byte of tag and its value: numbers in network byte order as wide
 * as they are; flags nothing; addresses with a byte 4 or 6 before them, prefixes with one of length after them; texts with a byte of length before them. */
enum type { TYPE_NUMBER, TYPE_FLAG, TYPE_TEXT, TYPE_ADDRESS, TYPE_PREFIX, TYPE_PROTOCOL, TYPE_STATES };

struct member {
        uint8_t tag; /* never used again for another member */
        uint8_t type;
        uint16_t offset, size;
};

#define MEMBER(tag, member, type) {tag, TYPE_##type, offsetof(fbn_nat_rule, member), sizeof(((fbn_nat_rule *)0)->member)}

static const struct member members[] = {
        MEMBER(1, kind, NUMBER),
        MEMBER(2, at, NUMBER),
        MEMBER(3, sources, PREFIX),
        MEMBER(4, destinations, PREFIX),
        MEMBER(5, in_device, TEXT),
        MEMBER(6, out_device, TEXT),
        MEMBER(7, protocol, PROTOCOL),
        MEMBER(8, source_port, NUMBER),
        MEMBER(9, source_port_last, NUMBER),
        MEMBER(10, destination_port, NUMBER),
        MEMBER(11, destination_port_last, NUMBER),
        MEMBER(12, mark, NUMBER),
        MEMBER(13, mark_mask, NUMBER),
        MEMBER(14, connection_mark, NUMBER),
        MEMBER(15, connection_mark_mask, NUMBER),
        MEMBER(16, states, STATES),
        MEMBER(17, dnat, FLAG),
        MEMBER(18, local, FLAG),
        MEMBER(19, rate, NUMBER),
        MEMBER(20, rate_seconds, NUMBER),
        MEMBER(21, burst, NUMBER),
        MEMBER(22, log, TEXT),
        MEMBER(23, log_group, NUMBER),
        MEMBER(24, log_level, NUMBER),
        MEMBER(25, mss, NUMBER),
        MEMBER(26, to, ADDRESS),
        MEMBER(27, to_port, NUMBER),
        MEMBER(28, to_port_last, NUMBER),
        MEMBER(29, random, FLAG),
        MEMBER(30, hairpin, NUMBER),
        MEMBER(31, set_mark, NUMBER),
        MEMBER(32, set_mark_mask, NUMBER),
        MEMBER(40, source_set, TEXT),
        MEMBER(41, destination_set, TEXT),
        MEMBER(42, to_map, TEXT),
};

static void put(struct userdata *userdata, const void *bytes, size_t length)
{
        if (length > sizeof(userdata->bytes) - userdata->length) {
                userdata->full = true;
                return;
        }
        memcpy(userdata->bytes + userdata->length, bytes, length);
        userdata->length += (uint32_t)length;
}

static void put_byte(struct userdata *userdata, size_t byte)
{
        uint8_t value = (uint8_t)byte;

        put(userdata, &value, 1);
}

static void put_attribute(struct userdata *userdata, uint8_t type, const void *bytes, size_t length)
{
        userdata->full |= length > UINT8_MAX;
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

        *ret_userdata = (struct userdata){.length = 0};
        put_attribute(ret_userdata, NFTNL_UDATA_TABLE_COMMENT, comment, sizeof(comment));
        put_attribute(ret_userdata, ATTRIBUTE_OURS, MARK, sizeof(MARK));
}

void userdata_mark(struct userdata *ret_userdata)
{
        *ret_userdata = (struct userdata){.length = 0};
        put_attribute(ret_userdata, ATTRIBUTE_OURS, MARK, sizeof(MARK));
}

/* nft shows a name of a link or a mark right only if it is told that its bytes are in this machine's order. Source: nftables'
 * include/datatype.h, enum byteorder; src/netlink.c, netlink_delinearize_set(). */
static void put_order(struct userdata *userdata, uint8_t type, const struct layout *layout)
{
        const uint32_t host = 1;

        if (layout->count == 1 && !field_types[layout->fields[0]].ordered)
                put_attribute(userdata, type, &host, sizeof(host));
}

void sets_mark(const struct set_shape *shape, struct userdata *ret_userdata)
{
        userdata_mark(ret_userdata);
        put_order(ret_userdata, NFTNL_UDATA_SET_KEYBYTEORDER, &shape->key);
        put_order(ret_userdata, NFTNL_UDATA_SET_DATABYTEORDER, &shape->data);
}

bool table_is_marked(const void *bytes, size_t length)
{
        const uint8_t *mark;
        size_t mark_length;

        return find_attribute(bytes, length, ATTRIBUTE_OURS, &mark, &mark_length) && mark_length == sizeof(MARK) &&
               memcmp(mark, MARK, sizeof(MARK)) == 0;
}

static uint64_t number_at(const void *value, size_t size)
{
        uint8_t byte;
        uint16_t two;
        uint32_t four;

        switch (size) {
        case 1:
                memcpy(&byte, value, size);
                return byte;
        case 2:
                memcpy(&two, value, size);
                return two;
        default:
                memcpy(&four, value, size);
                return four;
        }
}

/* The bits that the type has room for. */
static void set_number(void *value, size_t size, uint64_t number)
{
        uint8_t byte = (uint8_t)number;
        uint16_t two = (uint16_t)number;
        uint32_t four = (uint32_t)number;

        memcpy(value, size == 1 ? (void *)&byte : size == 2 ? (void *)&two : (void *)&four, size);
}

static void put_number(struct userdata *userdata, uint8_t tag, uint64_t number, size_t size)
{
        if (!number)
                return;
        put_byte(userdata, tag);
        while (size-- > 0)
                put_byte(userdata, number >> 8 * size & 0xff);
}

static void put_address(struct userdata *userdata, uint8_t tag, const fbn_address *address)
{
        if (!address->family)
                return;
        put_byte(userdata, tag);
        put_byte(userdata, address->family == AF_INET ? 4 : 6);
        put(userdata, address->bytes, family_bytes(address->family));
}

static void put_prefix(struct userdata *userdata, uint8_t tag, const fbn_prefix *prefix)
{
        if (!prefix)
                return;
        put_address(userdata, tag, &prefix->address);
        put_byte(userdata, prefix->length);
}

/* What the caller has as text. */
static void put_words(struct userdata *userdata, const struct member *member, const char *text)
{
        uint32_t states = 0;
        uint8_t protocol = 0;

        switch (member->type) {
        case TYPE_PROTOCOL:
                protocol_number(text, &protocol);
                put_number(userdata, member->tag, protocol, sizeof(protocol));
                break;
        case TYPE_STATES:
                states_parse(text, &states);
                put_number(userdata, member->tag, states, sizeof(states));
                break;
        default:
                put_attribute(userdata, member->tag, text, strlen(text));
        }
}

static void put_member(struct userdata *userdata, const struct member *member, const void *value)
{
        const char *text;

        switch (member->type) {
        case TYPE_NUMBER:
                put_number(userdata, member->tag, number_at(value, member->size), member->size);
                break;
        case TYPE_FLAG:
                if (*(const bool *)value)
                        put_byte(userdata, member->tag);
                break;
        case TYPE_ADDRESS:
                put_address(userdata, member->tag, value);
                break;
        case TYPE_PREFIX:
                put_prefix(userdata, member->tag, *(const fbn_prefix *const *)value);
                break;
        default:
                text = *(const char *const *)value;
                if (text)
                        put_words(userdata, member, text);
        }
}

void record_encode(const fbn_nat_rule *record, struct userdata *ret_userdata)
{
        struct userdata body = {.length = 0};

        put_byte(&body, RECORD_VERSION);
        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                put_member(&body, &members[i], (const char *)record + members[i].offset);
        *ret_userdata = (struct userdata){.full = body.full};
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
        static const uint8_t nothing[16];
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

static uint64_t take_number(struct reader *reader, size_t size)
{
        const uint8_t *bytes = take(reader, size);
        uint64_t number = 0;

        for (size_t i = 0; i < size; i++)
                number = number << 8 | bytes[i];
        return number;
}

static const char *take_text(struct reader *reader, size_t length)
{
        const uint8_t *bytes;
        char *text;

        if (length == 0 || reader->left < length) {
                reader->failed = true;
                return NULL;
        }
        bytes = take(reader, length);
        text = reader->failed ? NULL : keep(reader, arena_alloc(reader->arena, length + 1));
        return text ? memcpy(text, bytes, length) : NULL;
}

static fbn_address take_address(struct reader *reader)
{
        uint64_t version = take_number(reader, 1);
        fbn_address address = {.family = version == 4 ? AF_INET : AF_INET6};

        reader->failed |= version != 4 && version != 6;
        memcpy(address.bytes, take(reader, family_bytes(address.family)), family_bytes(address.family));
        return address;
}

static const fbn_prefix *take_prefix(struct reader *reader)
{
        fbn_prefix prefix = {.address = take_address(reader)};

        prefix.length = (uint8_t)take_number(reader, 1);
        reader->failed |= prefix.length > family_bits(prefix.address.family);
        return reader->failed ? NULL : keep(reader, arena_copy(reader->arena, &prefix, sizeof(prefix)));
}

static const char *take_states(struct reader *reader)
{
        uint32_t states = (uint32_t)take_number(reader, sizeof(states));
        _cleanup_(text_free) struct text text = {0};

        states_format(states, &text);
        if (!text.bytes && !text.failed)
                reader->failed = true; /* not one of them is known */
        return reader->failed ? NULL : keep(reader, text.failed ? NULL : arena_strdup(reader->arena, text.bytes));
}

static void take_member(struct reader *reader, const struct member *member, void *value)
{
        switch (member->type) {
        case TYPE_NUMBER:
                set_number(value, member->size, take_number(reader, member->size));
                break;
        case TYPE_FLAG:
                *(bool *)value = true;
                break;
        case TYPE_TEXT:
                *(const char **)value = take_text(reader, take_number(reader, 1));
                break;
        case TYPE_ADDRESS:
                *(fbn_address *)value = take_address(reader);
                break;
        case TYPE_PREFIX:
                *(const fbn_prefix **)value = take_prefix(reader);
                break;
        case TYPE_PROTOCOL:
                *(const char **)value = protocol_name((uint8_t)take_number(reader, 1));
                reader->failed |= !*(const char **)value;
                break;
        case TYPE_STATES:
                *(const char **)value = take_states(reader);
                break;
        }
}

static const struct member *member_of(uint64_t tag)
{
        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                if (members[i].tag == tag)
                        return &members[i];
        return NULL;
}

static void take_record(struct reader *reader, fbn_nat_rule *record)
{
        reader->failed |= take_number(reader, 1) != RECORD_VERSION;
        while (!reader->failed && reader->left > 0) {
                const struct member *member = member_of(take_number(reader, 1));

                if (member)
                        take_member(reader, member, (char *)record + member->offset);
                else
                        reader->failed = true;
        }
        record->size = sizeof(*record);
        record->n_sources = record->sources != NULL;
        record->n_destinations = record->destinations != NULL;
        if (record->kind < FBN_NAT_MASQUERADE || record->kind > FBN_NAT_OFFLOAD || (unsigned)record->at > FBN_NAT_ARRIVAL)
                reader->failed = true;
}

int record_decode(struct arena *arena, const void *bytes, size_t length, fbn_nat_rule *ret_record)
{
        struct reader name = {.arena = arena}, body = {.arena = arena};
        fbn_nat_rule record = {0};

        if (!find_attribute(bytes, length, NFTNL_UDATA_RULE_COMMENT, &name.bytes, &name.left) ||
            !find_attribute(bytes, length, ATTRIBUTE_OURS, &body.bytes, &body.left))
                return 0;
        take_record(&body, &record);
        record.name = take_text(&name, name.left);
        if (name.no_memory || body.no_memory)
                return -FBN_ENOMEM;
        if (name.failed || body.failed || !record.name || !*record.name)
                return 0;
        *ret_record = record;
        return 1;
}
