/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/answer.h"

#include "base/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* The types that people meet, and what their data is made of: 4 and 6 an address, n a name, b h w a number of one, two or four bytes, s a
 * character string, S all further ones, x the rest in hexadecimal digits. Without a layout the data is shown as bytes. */
static const struct type {
        uint16_t number;
        const char *name, *layout;
} types[] = {
        {TYPE_A, "A", "4"},   {2, "NS", "n"},         {5, "CNAME", "n"},     {TYPE_SOA, "SOA", "nnwwwww"}, {TYPE_PTR, "PTR", "n"},
        {13, "HINFO", "ss"},  {15, "MX", "hn"},       {16, "TXT", "S"},      {TYPE_AAAA, "AAAA", "6"},     {33, "SRV", "hhhn"},
        {35, "NAPTR", NULL},  {39, "DNAME", "n"},     {TYPE_DS, "DS", "hbbx"}, {44, "SSHFP", "bbx"},       {46, "RRSIG", NULL},
        {47, "NSEC", NULL},   {48, "DNSKEY", NULL},   {50, "NSEC3", NULL},   {52, "TLSA", "bbbx"},         {64, "SVCB", NULL},
        {65, "HTTPS", NULL},  {99, "SPF", "S"},       {257, "CAA", NULL},    {TYPE_ANY, "ANY", NULL},
};

static const struct type *type_find(uint16_t number)
{
        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                if (types[i].number == number)
                        return &types[i];
        return NULL;
}

bool type_parse(const char *text, uint16_t *ret_type)
{
        uint64_t number;

        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                if (strcasecmp(types[i].name, text) == 0) {
                        *ret_type = types[i].number;
                        return true;
                }
        if (strncasecmp(text, "TYPE", 4) != 0 || !text_to_u64(text + 4, 1, UINT16_MAX, &number))
                return false;
        *ret_type = (uint16_t)number;
        return true;
}

const char *type_format(uint16_t type, char *buffer, size_t size)
{
        const struct type *known = type_find(type);

        if (known)
                return known->name;
        snprintf(buffer, size, "TYPE%u", type);
        return buffer;
}

/* A walk over the data of a record; never past its end. */
struct walk {
        const struct message *message;
        size_t at, end;
        struct text *text;
        bool failed;
};

static size_t left(const struct walk *walk)
{
        return walk->end - walk->at;
}

static void put_hex(struct walk *walk)
{
        for (; walk->at < walk->end; walk->at++)
                text_add(walk->text, "%02X", walk->message->bytes[walk->at]);
}

static void put_number(struct walk *walk, size_t bytes)
{
        uint32_t value = 0;

        walk->failed |= left(walk) < bytes;
        for (size_t i = 0; i < bytes && !walk->failed; i++)
                value = value << 8 | walk->message->bytes[walk->at++];
        text_add(walk->text, "%u", value);
}

static void put_address(struct walk *walk, uint16_t family)
{
        fbn_address address = {.family = family};
        char text[FBN_ADDRESS_TEXT];

        walk->failed |= left(walk) != family_bytes(family);
        if (walk->failed)
                return;
        memcpy(address.bytes, walk->message->bytes + walk->at, left(walk));
        walk->at = walk->end;
        text_add(walk->text, "%s", fbn_address_format(&address, text, sizeof(text)));
}

/* Where a name within data ends: at its zero, or behind its first pointer. That it is well-formed was seen when the message was read. */
static void put_name(struct walk *walk)
{
        const uint8_t *bytes = walk->message->bytes;
        char text[NAME_TEXT];
        struct name name;

        message_name(walk->message, walk->at, &name);
        text_add(walk->text, "%s%s", name_format(&name, text), name.length > 1 ? "." : "");
        while (bytes[walk->at] && bytes[walk->at] <= NAME_LABEL)
                walk->at += 1 + (size_t)bytes[walk->at];
        walk->at += bytes[walk->at] ? 2 : 1;
}

static void put_string(struct walk *walk)
{
        size_t length = left(walk) ? walk->message->bytes[walk->at++] : 0;

        walk->failed |= length > left(walk);
        text_add(walk->text, "\"");
        for (size_t i = 0; i < length && !walk->failed; i++) {
                uint8_t byte = walk->message->bytes[walk->at++];

                if (byte < ' ' || byte >= 0x7f)
                        text_add(walk->text, "\\%03u", byte);
                else
                        text_add(walk->text, byte == '"' || byte == '\\' ? "\\%c" : "%c", byte);
        }
        text_add(walk->text, "\"");
}

static void put_piece(struct walk *walk, char piece)
{
        switch (piece) {
        case '4': put_address(walk, AF_INET); break;
        case '6': put_address(walk, AF_INET6); break;
        case 'n': put_name(walk); break;
        case 'b': put_number(walk, 1); break;
        case 'h': put_number(walk, 2); break;
        case 'w': put_number(walk, 4); break;
        case 'x': put_hex(walk); break;
        default: put_string(walk);
        }
}

static bool put_layout(struct walk *walk, const char *layout)
{
        for (; *layout && !walk->failed; layout++) {
                put_piece(walk, *layout);
                while (*layout == 'S' && walk->at < walk->end && !walk->failed) {
                        text_add(walk->text, " ");
                        put_string(walk);
                }
                if (layout[1])
                        text_add(walk->text, " ");
        }
        return !walk->failed && walk->at == walk->end;
}

void record_text(const struct message *message, const struct record *record, struct text *text)
{
        const struct type *type = record->class == CLASS_IN ? type_find(record->type) : NULL;
        struct walk walk = {.message = message, .at = record->data, .end = record->end, .text = text};
        size_t before = text->length;

        if (type && type->layout && put_layout(&walk, type->layout))
                return;
        text->length = before;
        text_add(text, "\\# %zu%s", record->end - record->data, record->end > record->data ? " " : "");
        walk.at = record->data;
        put_hex(&walk);
}
