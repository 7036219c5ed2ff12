/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/wire.h"

#include <string.h>

/* The offset behind the name at an offset, 0 if it is malformed. What a pointer leads to must begin and end before the labels that the
 * pointer ends: nothing loops, leads into the header (RFC 9267) or depends on what comes later, which truncation may take away. */
static size_t skip_name(const uint8_t *bytes, size_t length, size_t offset)
{
        size_t segment = offset; /* where the labels being read began */
        size_t limit = length;   /* and where they must have ended */
        size_t behind = 0;
        size_t total = 1;
        unsigned pointers = 0;

        for (;;) {
                if (offset >= limit)
                        return 0;
                if (bytes[offset] == 0)
                        return behind ? behind : offset + 1;
                if (bytes[offset] <= NAME_LABEL) {
                        total += 1 + (size_t)bytes[offset];
                        if (total > NAME_BYTES)
                                return 0;
                        offset += 1 + (size_t)bytes[offset];
                        continue;
                }
                if ((bytes[offset] & 0xc0) != 0xc0 || offset + 2 > limit || ++pointers > WIRE_POINTERS)
                        return 0;
                if (!behind)
                        behind = offset + 2;
                limit = segment;
                offset = segment = wire_read16(bytes + offset) & 0x3fff;
                if (segment < WIRE_HEADER)
                        return 0;
        }
}

/* Where the data of the types that may hold compressed names has them: so many bytes, so many names, so many bytes. For other types the
 * data is not looked into (RFC 3597 4: no compression there). */
static const struct layout {
        uint16_t type;
        uint8_t before, names, after;
} layouts[] = {
        {TYPE_A, 4, 0, 0}, {TYPE_AAAA, 16, 0, 0},
        {2, 0, 1, 0},  /* NS */
        {3, 0, 1, 0},  /* MD */
        {4, 0, 1, 0},  /* MF */
        {TYPE_CNAME, 0, 1, 0},
        {TYPE_SOA, 0, 2, 20},
        {7, 0, 1, 0},  /* MB */
        {8, 0, 1, 0},  /* MG */
        {9, 0, 1, 0},  /* MR */
        {TYPE_PTR, 0, 1, 0},
        {14, 0, 2, 0}, /* MINFO */
        {15, 2, 1, 0}, /* MX */
        {17, 0, 2, 0}, /* RP */
        {18, 2, 1, 0}, /* AFSDB */
        {21, 2, 1, 0}, /* RT */
        {33, 6, 1, 0}, /* SRV */
        {36, 2, 1, 0}, /* KX */
        {39, 0, 1, 0}, /* DNAME */
};

static const struct layout *layout_of(const struct record *record)
{
        for (size_t i = 0; record->class == CLASS_IN && i < sizeof(layouts) / sizeof(layouts[0]); i++)
                if (layouts[i].type == record->type)
                        return &layouts[i];
        return NULL;
}

static bool data_valid(const struct message *message, const struct record *record)
{
        size_t offset = record->data;
        const struct layout *layout = layout_of(record);

        if (!layout)
                return true;
        offset += layout->before;
        for (unsigned i = 0; i < layout->names; i++) {
                offset = skip_name(message->bytes, record->end, offset);
                if (offset == 0)
                        return false;
        }
        return offset + layout->after == record->end;
}

/* Most owners are a pointer to the question's name, which was read already. */
static size_t skip_owner(const struct message *message, size_t offset)
{
        if (message->records > 0 && offset >= message->records && offset + 2 <= message->length &&
            wire_read16(message->bytes + offset) == (0xc000 | WIRE_HEADER))
                return offset + 2;
        return skip_name(message->bytes, message->length, offset);
}

bool message_record(const struct message *message, size_t offset, struct record *ret_record)
{
        size_t fixed = skip_owner(message, offset);
        const uint8_t *bytes = message->bytes + fixed;

        if (fixed == 0 || message->length - fixed < 10)
                return false;
        *ret_record = (struct record){
                .start = offset,
                .type = wire_read16(bytes),
                .class = wire_read16(bytes + 2),
                .ttl = wire_read32(bytes + 4),
                .data = fixed + 10,
                .end = fixed + 10 + wire_read16(bytes + 8),
        };
        return ret_record->end <= message->length && data_valid(message, ret_record);
}

void message_name(const struct message *message, size_t offset, struct name *ret_name)
{
        const uint8_t *bytes = message->bytes;
        size_t length = 0;

        while (bytes[offset]) {
                if (bytes[offset] > NAME_LABEL) {
                        offset = wire_read16(bytes + offset) & 0x3fff;
                        continue;
                }
                memcpy(ret_name->bytes + length, bytes + offset, 1 + (size_t)bytes[offset]);
                length += 1 + (size_t)bytes[offset];
                offset += 1 + (size_t)bytes[offset];
        }
        ret_name->bytes[length] = 0;
        ret_name->length = (uint8_t)(length + 1);
}

struct writing {
        uint8_t *out;
        size_t length, room;
};

static bool write_bytes(struct writing *writing, const uint8_t *bytes, size_t length)
{
        if (length > writing->room - writing->length)
                return false;
        memcpy(writing->out + writing->length, bytes, length);
        writing->length += length;
        return true;
}

static bool write_name(struct writing *writing, const struct message *message, size_t offset)
{
        struct name name;

        message_name(message, offset, &name);
        return write_bytes(writing, name.bytes, name.length);
}

static bool write_data(struct writing *writing, const struct message *message, const struct record *record)
{
        const struct layout *layout = layout_of(record);
        size_t at = record->data;

        if (!layout)
                return write_bytes(writing, message->bytes + at, record->end - at);
        if (!write_bytes(writing, message->bytes + at, layout->before))
                return false;
        at += layout->before;
        for (unsigned i = 0; i < layout->names; i++) {
                if (!write_name(writing, message, at))
                        return false;
                at = skip_name(message->bytes, record->end, at);
        }
        return write_bytes(writing, message->bytes + at, layout->after);
}

size_t message_copy_record(const struct message *message, const struct record *record, uint8_t *out, size_t room)
{
        struct writing writing = {.out = out, .room = room};
        size_t data;

        if (!write_name(&writing, message, record->start) || !write_bytes(&writing, message->bytes + record->data - 10, 10))
                return 0;
        data = writing.length;
        if (!write_data(&writing, message, record) || writing.length - data > UINT16_MAX)
                return 0;
        wire_write16(out + data - 2, (uint16_t)(writing.length - data));
        return writing.length;
}

bool message_header(const uint8_t *bytes, size_t length, struct message *ret_message)
{
        if (length < WIRE_HEADER || length > WIRE_MESSAGE)
                return false;
        /* All but the question, which is filled in when it is read. */
        ret_message->bytes = bytes;
        ret_message->length = length;
        ret_message->id = wire_read16(bytes);
        ret_message->flags = wire_read16(bytes + 2);
        ret_message->records = ret_message->end = 0;
        ret_message->edns = (struct edns){0};
        for (size_t i = 0; i < SECTIONS; i++)
                ret_message->counts[i] = wire_read16(bytes + 4 + 2 * i);
        return true;
}

bool message_question(struct message *message)
{
        struct question *question = &message->question;
        size_t end;

        if (message->counts[SECTION_QUESTION] != 1)
                return false;
        /* Nothing stands before this name that it could point to, so that it is always whole. */
        end = skip_name(message->bytes, message->length, WIRE_HEADER);
        if (end == 0 || message->length - end < 4)
                return false;
        question->name.length = (uint8_t)(end - WIRE_HEADER);
        memcpy(question->name.bytes, message->bytes + WIRE_HEADER, end - WIRE_HEADER);
        question->type = wire_read16(message->bytes + end);
        question->class = wire_read16(message->bytes + end + 2);
        message->records = end + 4;
        return true;
}

static bool read_options(struct message *message, size_t at, size_t end)
{
        while (end - at >= 4) {
                size_t option = 4 + (size_t)wire_read16(message->bytes + at + 2);

                if (option > end - at)
                        return false;
                if (wire_read16(message->bytes + at) == OPTION_COOKIE && message->edns.cookie_length == 0) {
                        message->edns.cookie = at + 4;
                        message->edns.cookie_length = (uint16_t)(option - 4);
                }
                if (wire_read16(message->bytes + at) == OPTION_WHY) {
                        message->edns.why = at + 4;
                        message->edns.why_length = (uint16_t)(option - 4);
                }
                at += option;
        }
        return at == end;
}

/* At most one, of the root, among the additional records: RFC 6891 6.1.1. */
static bool read_edns(struct message *message, const struct record *record, unsigned section, unsigned index)
{
        if (section != SECTION_ADDITIONAL || message->edns.present || message->bytes[record->start] != 0)
                return false;
        message->edns = (struct edns){
                .present = true,
                .dnssec_ok = record->ttl & 0x8000,
                .version = (uint8_t)(record->ttl >> 16),
                .rcode = (uint8_t)(record->ttl >> 24),
                .size = record->class,
                .start = record->start,
                .before = (uint16_t)index,
        };
        return read_options(message, record->data, record->end);
}

bool message_records(struct message *message)
{
        unsigned total = 0;

        message->end = message->records;
        message->aliases = false;
        for (unsigned section = SECTION_ANSWER; section < SECTIONS; section++)
                for (unsigned i = 0; i < message->counts[section]; i++) {
                        struct record record;

                        if (++total > WIRE_RECORDS || !message_record(message, message->end, &record))
                                return false;
                        if (record.type == TYPE_OPT && !read_edns(message, &record, section, i))
                                return false;
                        message->aliases |= record.type == TYPE_CNAME;
                        message->end = record.end;
                }
        return true;
}

bool question_equal(const struct question *a, const struct question *b)
{
        return a->type == b->type && a->class == b->class && name_equal(&a->name, &b->name);
}
