/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "records.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct room_piece {
        struct room_piece *next;
        alignas(max_align_t) char bytes[];
};

struct room_secret {
        struct room_secret *next;
        fbn_secret *secret;
};

void *room_alloc(struct room *room, size_t bytes)
{
        struct room_piece *piece = calloc(1, sizeof(*piece) + bytes);

        if (!piece)
                return NULL;
        piece->next = room->pieces;
        room->pieces = piece;
        return piece->bytes;
}

char *room_text(struct room *room, const char *text)
{
        char *copy = room_alloc(room, strlen(text) + 1);

        return copy ? strcpy(copy, text) : NULL;
}

bool room_keep(struct room *room, fbn_secret *secret)
{
        struct room_secret *kept = room_alloc(room, sizeof(*kept));

        if (!kept)
                return false;
        kept->secret = fbn_secret_ref(secret);
        kept->next = room->secrets;
        room->secrets = kept;
        return true;
}

void room_free(struct room *room)
{
        struct room_piece *piece = room->pieces, *next;

        for (struct room_secret *kept = room->secrets; kept; kept = kept->next)
                fbn_secret_unref(kept->secret);
        for (; piece; piece = next) {
                next = piece->next;
                free(piece);
        }
        *room = (struct room){0};
}

void *record_new(struct room *room, const struct record *record)
{
        void *base = room_alloc(room, record->size);

        if (base)
                memcpy(base, &record->size, sizeof(record->size));
        return base;
}

const struct field *record_field(const struct record *record, const char *name)
{
        for (size_t i = 0; i < record->n_fields; i++)
                if (strcmp(record->fields[i].name, name) == 0)
                        return &record->fields[i];
        return NULL;
}

size_t element_size(const struct field *field)
{
        switch (field->type) {
        case FIELD_TEXT:
                return sizeof(char *);
        case FIELD_ADDRESS:
                return sizeof(fbn_address);
        case FIELD_PREFIX:
        case FIELD_INTERFACE:
                return sizeof(fbn_prefix);
        case FIELD_ENDPOINT:
                return sizeof(fbn_endpoint);
        case FIELD_RECORD:
                return ((const struct record *)field->more)->size;
        default:
                return field->size;
        }
}

static const char *store_endpoint(const char *text, fbn_endpoint *endpoint)
{
        fbn_endpoint bare = {0};

        if (fbn_endpoint_parse(text, endpoint) == 0)
                return NULL;
        if (fbn_address_parse(text, &bare.address) < 0)
                return "no ADDRESS:PORT";
        *endpoint = bare; /* port 0: what the domain takes for granted */
        return NULL;
}

static void store_bytes(const struct field *field, uint64_t value, void *element)
{
        switch (field->size) {
        case 1:
                *(uint8_t *)element = (uint8_t)value;
                break;
        case 2:
                *(uint16_t *)element = (uint16_t)value;
                break;
        case 4:
                *(uint32_t *)element = (uint32_t)value;
                break;
        default:
                *(uint64_t *)element = value;
        }
}

static const char *store_name(const struct field *field, const char *text, void *element)
{
        for (const struct enum_name *each = field->more; each->name; each++)
                if (strcmp(each->name, text) == 0) {
                        store_bytes(field, (uint64_t)each->value, element);
                        return NULL;
                }
        return "none of its names";
}

const char *store_text(const struct field *field, const char *text, void *element)
{
        switch (field->type) {
        case FIELD_ENUM:
                return store_name(field, text, element);
        case FIELD_ADDRESS:
                return fbn_address_parse(text, element) < 0 ? "no IP address" : NULL;
        case FIELD_PREFIX:
        case FIELD_INTERFACE:
                return fbn_prefix_parse(text, element) < 0 ? "no ADDRESS/LENGTH" : NULL;
        case FIELD_ENDPOINT:
                return store_endpoint(text, element);
        case FIELD_KEY:
                return fbn_key_parse(text, element) < 0 ? "no public key (44 characters of base64)" : NULL;
        default:
                return "not to be given as text";
        }
}

const char *store_number(const struct field *field, bool negative, uint64_t magnitude, void *element)
{
        uint64_t limit = field->size >= 8 ? UINT64_MAX : (UINT64_C(1) << field->size * 8) - 1;

        if (field->type == FIELD_ONE_MORE) {
                if (negative || magnitude >= INT32_MAX)
                        return negative ? "negative" : "too large";
                *(int32_t *)element = (int32_t)magnitude + 1;
                return NULL;
        }
        if (field->type == FIELD_SIGNED)
                limit = negative ? UINT64_C(1) << 63 : INT64_MAX;
        else if (negative)
                return "negative";
        if (magnitude > limit)
                return "too large";
        store_bytes(field, negative ? -magnitude : magnitude, element);
        return NULL;
}

static uint64_t load_bytes(const struct field *field, const void *element)
{
        switch (field->size) {
        case 1:
                return *(const uint8_t *)element;
        case 2:
                return *(const uint16_t *)element;
        case 4:
                return *(const uint32_t *)element;
        default:
                return *(const uint64_t *)element;
        }
}

bool element_negative(const struct field *field, const void *element, uint64_t *ret_value)
{
        *ret_value = load_bytes(field, element);
        return field->type == FIELD_SIGNED && (int64_t)*ret_value < 0;
}

static const char *name_of(const struct field *field, const void *element)
{
        uint64_t value = load_bytes(field, element);

        for (const struct enum_name *each = field->more; each->name; each++)
                if (each->value == (int)value)
                        return each->name;
        return "";
}

static const char *key_text(const fbn_key *key, char *buffer)
{
        static const fbn_key none;

        if (memcmp(key, &none, sizeof(none)) == 0)
                return "";
        return fbn_key_format(key, buffer, FBN_ADDRESS_TEXT);
}

const char *element_text(const struct field *field, const void *element, char *buffer)
{
        switch (field->type) {
        case FIELD_ENUM:
                return name_of(field, element);
        case FIELD_ADDRESS:
                return fbn_address_format(element, buffer, FBN_ADDRESS_TEXT);
        case FIELD_PREFIX:
        case FIELD_INTERFACE:
                return fbn_prefix_format(element, buffer, FBN_ADDRESS_TEXT);
        case FIELD_ENDPOINT:
                return fbn_endpoint_format(element, buffer, FBN_ADDRESS_TEXT);
        case FIELD_KEY:
                return key_text(element, buffer);
        default:
                return "";
        }
}

const char *enum_names(const struct field *field, char *buffer, size_t size)
{
        size_t used = 0;

        buffer[0] = 0;
        for (const struct enum_name *each = field->more; each->name && used < size; each++)
                used += (size_t)snprintf(buffer + used, size - used, "%s%s", used > 0 ? ", " : "", each->name);
        return buffer;
}
