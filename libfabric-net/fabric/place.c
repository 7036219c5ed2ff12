/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/place.h"
#include "base/text.h"

#include <jansson.h>
#include <stdlib.h>

struct scanner {
        const char *at;
        const char *line_start;
        uint32_t line;
        const char *counted; /* up to where, */
        uint32_t columns;    /* how many: a file may be one long line */
        struct text pointer;
        const char *file;
        struct place *places;
        size_t n;
};

static void skip_space(struct scanner *s)
{
        for (; *s->at == ' ' || *s->at == '\t' || *s->at == '\r' || *s->at == '\n'; s->at++)
                if (*s->at == '\n') {
                        s->line++;
                        s->line_start = s->at + 1;
                }
}

/* From 1, in characters: continuation bytes of UTF-8 do not count. */
static uint32_t column(struct scanner *s)
{
        if (s->counted <= s->line_start) {
                s->counted = s->line_start;
                s->columns = 1;
        }
        for (; s->counted < s->at; s->counted++)
                s->columns += ((unsigned char)*s->counted & 0xc0) != 0x80;
        return s->columns;
}

static int compare(const void *pointer, const void *place)
{
        return strcmp(pointer, ((const struct place *)place)->pointer);
}

static void found(struct scanner *s, uint32_t key_line, uint32_t key_column)
{
        const char *pointer = s->pointer.bytes ? s->pointer.bytes : "";
        struct place *place = bsearch(pointer, s->places, s->n, sizeof(*s->places), compare);

        if (!place || place->line)
                return;
        while (place > s->places && streq(place[-1].pointer, pointer))
                place--;
        for (; place < s->places + s->n && streq(place->pointer, pointer); place++) {
                place->file = s->file;
                place->line = s->line;
                place->column = column(s);
                place->key_line = key_line;
                place->key_column = key_column;
        }
}

static void skip_string(struct scanner *s)
{
        for (s->at++; *s->at && *s->at != '"'; s->at++)
                if (*s->at == '\\' && s->at[1])
                        s->at++;
        if (*s->at)
                s->at++;
}

static void add_escaped(struct text *pointer, const char *name, size_t length)
{
        text_append(pointer, "/", 1);
        for (size_t i = 0; i < length; i++)
                if (name[i] == '~')
                        text_append(pointer, "~0", 2);
                else if (name[i] == '/')
                        text_append(pointer, "~1", 2);
                else
                        text_append(pointer, name + i, 1);
}

void pointer_append(struct text *pointer, const char *name)
{
        add_escaped(pointer, name, strlen(name));
}

/* Append a name as it stands between its quotes. */
static void add_name(struct scanner *s, const char *quoted, size_t length)
{
        json_t *decoded;

        if (!memchr(quoted, '\\', length)) {
                add_escaped(&s->pointer, quoted + 1, length - 2);
                return;
        }
        decoded = json_loadb(quoted, length, JSON_DECODE_ANY, NULL);
        add_escaped(&s->pointer, json_string_value(decoded), json_string_length(decoded));
        json_decref(decoded);
}

static void scan_value(struct scanner *s, uint32_t key_line, uint32_t key_column);

static void scan_member(struct scanner *s)
{
        uint32_t line = s->line, key_column = column(s);
        const char *quoted = s->at;

        skip_string(s);
        add_name(s, quoted, (size_t)(s->at - quoted));
        skip_space(s);
        s->at += *s->at == ':';
        scan_value(s, line, key_column);
}

static void scan_container(struct scanner *s, char end)
{
        size_t length = s->pointer.length;

        s->at++;
        skip_space(s);
        for (size_t i = 0; *s->at && *s->at != end; i++) {
                if (end == '}')
                        scan_member(s);
                else {
                        text_add(&s->pointer, "/%zu", i);
                        scan_value(s, 0, 0);
                }
                if (s->pointer.failed)
                        return;
                s->pointer.bytes[s->pointer.length = length] = 0;
                skip_space(s);
                s->at += *s->at == ',';
                skip_space(s);
        }
        s->at += *s->at == end;
}

static void scan_value(struct scanner *s, uint32_t key_line, uint32_t key_column)
{
        skip_space(s);
        found(s, key_line, key_column);
        if (*s->at == '{')
                scan_container(s, '}');
        else if (*s->at == '[')
                scan_container(s, ']');
        else if (*s->at == '"')
                skip_string(s);
        else
                s->at += strcspn(s->at, ",]} \t\r\n");
}

static bool find_in(const struct source *source, struct place *places, size_t n)
{
        struct scanner s = {.at = source->text, .line_start = source->text, .counted = source->text, .line = 1, .file = source->file,
                            .places = places, .n = n};
        bool failed;

        scan_value(&s, 0, 0);
        failed = s.pointer.failed;
        text_free(&s.pointer);
        return !failed;
}

bool places_find(const struct source *sources, size_t n_sources, struct place *places, size_t n)
{
        bool found = true;

        for (size_t i = 0; n > 0 && found && i < n_sources; i++)
                found = find_in(&sources[i], places, n);
        return found;
}
