/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *grow(struct text *text, size_t capacity)
{
        char *bytes;

        if (!text->secret)
                return memory_realloc(text->bytes, capacity);
        bytes = memory_alloc(capacity);
        if (bytes && text->bytes) {
                memcpy(bytes, text->bytes, text->length + 1);
                explicit_bzero(text->bytes, text->capacity);
                memory_free(text->bytes);
        }
        return bytes;
}

static bool reserve(struct text *text, size_t more)
{
        size_t need = text->length + more + 1;
        size_t capacity = MAX(text->capacity * 2, (size_t)256);
        char *bytes;

        if (need <= text->capacity)
                return true;
        capacity = MAX(capacity, need);
        bytes = text->failed ? NULL : grow(text, capacity);
        if (!bytes) {
                text->failed = true;
                return false;
        }
        text->bytes = bytes;
        text->capacity = capacity;
        return true;
}

void text_append(struct text *text, const char *bytes, size_t length)
{
        if (!reserve(text, length))
                return;
        memcpy(text->bytes + text->length, bytes, length);
        text->length += length;
        text->bytes[text->length] = 0;
}

void text_add(struct text *text, const char *format, ...)
{
        va_list arguments, again;
        int length;

        va_start(arguments, format);
        va_copy(again, arguments);
        length = vsnprintf(NULL, 0, format, arguments);
        va_end(arguments);
        if (length < 0)
                text->failed = true;
        else if (reserve(text, (size_t)length)) {
                vsnprintf(text->bytes + text->length, (size_t)length + 1, format, again);
                text->length += (size_t)length;
        }
        va_end(again);
}

void text_wipe(struct text *text)
{
        if (text->bytes)
                explicit_bzero(text->bytes, text->capacity);
        text_free(text);
}

void text_free(struct text *text)
{
        memory_free(text->bytes);
        *text = (struct text){0};
}

bool text_to_u64(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *ret_value)
{
        uint64_t value = 0;

        if (!*text)
                return false;
        for (; *text; text++) {
                if (*text < '0' || *text > '9')
                        return false;
                if (__builtin_mul_overflow(value, (uint64_t)10, &value) || __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
                        return false;
        }
        if (value < minimum || value > maximum)
                return false;
        *ret_value = value;
        return true;
}

bool text_to_duration(const char *text, int64_t *ret_nanoseconds)
{
        static const struct {
                const char *name;
                int64_t nanoseconds;
        } units[] = {{"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000}, {"d", 86400000000000}};
        size_t digits = strspn(text, "0123456789");
        char number[20] = "";
        int64_t nanoseconds;
        uint64_t value;

        if (digits == 0 || digits >= sizeof(number))
                return false;
        memcpy(number, text, digits);
        if (!text_to_u64(number, 0, INT64_MAX, &value))
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
                if (!streq(text + digits, units[i].name))
                        continue;
                if (__builtin_mul_overflow((int64_t)value, units[i].nanoseconds, &nanoseconds))
                        return false;
                *ret_nanoseconds = nanoseconds;
                return true;
        }
        return false;
}
