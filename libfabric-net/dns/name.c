/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/name.h"

#include <stdio.h>
#include <string.h>

static bool digit(char c)
{
        return c >= '0' && c <= '9';
}

/* One byte of a label, perhaps escaped; moves *text past it. */
static bool parse_byte(const char **text, uint8_t *ret_byte)
{
        const char *at = *text;
        int value = (unsigned char)*at++;

        if (value == '\\') {
                if (digit(at[0]) && digit(at[1]) && digit(at[2])) {
                        value = (at[0] - '0') * 100 + (at[1] - '0') * 10 + (at[2] - '0');
                        at += 3;
                } else if (*at && !digit(*at))
                        value = (unsigned char)*at++;
                else
                        return false;
        }
        if (value > 255)
                return false;
        *text = at;
        *ret_byte = (uint8_t)value;
        return true;
}

/* A label up to its dot or the end of the text. */
static bool parse_label(const char **text, struct name *name)
{
        size_t start = name->length;
        size_t length = 0;

        while (**text && **text != '.') {
                uint8_t byte;

                /* Leave room for the root's zero. */
                if (length == NAME_LABEL || start + 1 + length >= NAME_BYTES - 1 || !parse_byte(text, &byte))
                        return false;
                name->bytes[start + 1 + length++] = byte;
        }
        if (length == 0)
                return false;
        name->bytes[start] = (uint8_t)length;
        name->length = (uint8_t)(start + 1 + length);
        return true;
}

bool name_parse(const char *text, struct name *ret_name)
{
        struct name name = {0};

        if (!*text)
                return false;
        if (strcmp(text, ".") == 0)
                text++;
        while (*text) {
                if (!parse_label(&text, &name))
                        return false;
                if (*text == '.')
                        text++;
        }
        name.bytes[name.length++] = 0;
        *ret_name = name;
        return true;
}

static char *format_byte(uint8_t byte, char *at)
{
        if (byte <= ' ' || byte >= 0x7f)
                return at + sprintf(at, "\\%03u", byte);
        if (strchr(".\\\"();@$", byte))
                *at++ = '\\';
        *at++ = (char)byte;
        return at;
}

const char *name_format(const struct name *name, char *buffer)
{
        char *at = buffer;

        for (size_t i = 0; i + 1 < name->length; i += 1 + (size_t)name->bytes[i]) {
                if (i > 0)
                        *at++ = '.';
                for (size_t j = 1; j <= name->bytes[i]; j++)
                        at = format_byte(name->bytes[i + j], at);
        }
        if (at == buffer)
                *at++ = '.';
        *at = 0;
        return buffer;
}

const char *name_quote(const char *text, char *buffer)
{
        char *at = buffer;

        for (size_t i = 0; text[i] && i < NAME_BYTES; i++)
                if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] >= 0x7f)
                        at += sprintf(at, "\\%03u", (unsigned char)text[i]);
                else
                        *at++ = text[i];
        *at = 0;
        return buffer;
}

/* The last eight overlap those before them. */
void bytes_lower(uint8_t *to, const uint8_t *from, size_t length)
{
        if (length < 8) {
                for (size_t i = 0; i < length; i++)
                        to[i] = byte_lower(from[i]);
                return;
        }
        for (size_t i = 0; i < length; i += 8) {
                size_t at = i + 8 <= length ? i : length - 8;
                uint64_t word = bytes8_lower(bytes8_read(from + at));

                memcpy(to + at, &word, sizeof(word));
        }
}

/* Lengths of labels are below 64 and thus never mistaken for letters. */
void name_lower(struct name *name)
{
        bytes_lower(name->bytes, name->bytes, name->length);
}

bool bytes_equal(const uint8_t *a, const uint8_t *b, size_t length)
{
        for (size_t i = 0; length >= 8 && i < length; i += 8) {
                size_t at = i + 8 <= length ? i : length - 8;

                if (bytes8_lower(bytes8_read(a + at)) != bytes8_lower(bytes8_read(b + at)))
                        return false;
        }
        for (size_t i = 0; length < 8 && i < length; i++)
                if (byte_lower(a[i]) != byte_lower(b[i]))
                        return false;
        return true;
}

bool name_equal(const struct name *a, const struct name *b)
{
        return a->length == b->length && bytes_equal(a->bytes, b->bytes, a->length);
}

size_t name_labels(const struct name *name, uint8_t ret_starts[NAME_LABELS])
{
        size_t count = 0;

        for (size_t i = 0; i + 1 < name->length; i += 1 + (size_t)name->bytes[i])
                ret_starts[count++] = (uint8_t)i;
        return count;
}
