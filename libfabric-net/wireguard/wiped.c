/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/wiped.h"

#include <sodium.h>

void wiped_free(struct wiped *text)
{
        if (text->bytes)
                sodium_memzero(text->bytes, text->capacity);
        memory_free(text->bytes);
        *text = (struct wiped){0};
}

bool wiped_reserve(struct wiped *text, size_t more)
{
        struct wiped grown = {.length = text->length, .capacity = MAX(text->capacity * 4, (size_t)256)};

        if (text->failed)
                return false; /* nothing may follow what is missing */
        if (more <= text->capacity - text->length)
                return true;
        grown.capacity = MAX(grown.capacity, text->length + more);
        grown.bytes = memory_alloc(grown.capacity);
        if (!grown.bytes) {
                text->failed = true;
                return false;
        }
        if (text->length)
                memcpy(grown.bytes, text->bytes, text->length);
        wiped_free(text);
        *text = grown;
        return true;
}

void wiped_append(struct wiped *text, const char *bytes, size_t length)
{
        if (length == 0 || !wiped_reserve(text, length))
                return;
        memcpy(text->bytes + text->length, bytes, length);
        text->length += length;
}

void wiped_add(struct wiped *text, const char *string)
{
        wiped_append(text, string, strlen(string));
}
