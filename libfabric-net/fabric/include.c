/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/include.h"
#include "base/file.h"
#include "base/text.h"
#include "fabric/schema.h"

#include <limits.h>
#include <stdio.h>

#define INCLUDES_MAX 64

/* jansson's text ends with "near '…'", which may hold half of the file: its first line is enough. */
static int fail_syntax(fbn_context *c, const char *name, const json_error_t *error)
{
        return fail(c, FBN_EINVAL, "%s:%d:%d: not JSON: %.*s", name, error->line < 1 ? 1 : error->line,
                    error->column < 1 ? 1 : error->column, (int)strcspn(error->text, "\n"), error->text);
}

int source_json(fbn_context *c, const char *name, const char *text, size_t length, json_t **ret_root)
{
        json_error_t error;

        *ret_root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
        return *ret_root ? 0 : fail_syntax(c, name, &error);
}

struct merge {
        fbn_context *c;
        const fbn_fabric *fabric;
        const struct source *from;
        struct text pointer;
};

/* Where the second of two is, and where the first. */
static int refuse_twice(struct merge *m)
{
        struct place first = {.pointer = m->pointer.bytes}, second = first;

        if (!places_find(m->fabric->sources, m->fabric->n_sources, &first, 1) || !places_find(m->from, 1, &second, 1))
                return fail_memory(m->c);
        return fail(m->c, FBN_EINVAL, "%s:%u:%u: %s: is declared in %s:%u too; one thing stands in one file", m->from->file, second.line,
                    second.column, m->pointer.bytes, first.file ? first.file : m->fabric->file, first.line);
}

static int merge_into(struct merge *m, json_t *into, json_t *from)
{
        const char *key;
        json_t *value;

        json_object_foreach(from, key, value) {
                json_t *have = json_object_get(into, key);
                size_t length = m->pointer.length;
                int r = 0;

                if (length == 0 && streq(key, "$schema"))
                        continue;
                pointer_append(&m->pointer, key);
                if (m->pointer.failed || (!have && json_object_set(into, key, value) < 0))
                        return fail_memory(m->c);
                if (json_is_object(have) && json_is_object(value))
                        r = merge_into(m, have, value);
                else if (have)
                        r = refuse_twice(m);
                if (r < 0)
                        return r;
                m->pointer.bytes[m->pointer.length = length] = 0;
        }
        return 0;
}

static int merge(fbn_context *c, const fbn_fabric *fabric, const struct source *source, json_t *root, json_t *part)
{
        struct merge m = {.c = c, .fabric = fabric, .from = source};
        int r;

        if (!json_is_object(part))
                return fail(c, FBN_EINVAL, "%s:1:1: /: expected an object with sections of a fabric", source->file);
        r = merge_into(&m, root, part);
        text_free(&m.pointer);
        return r;
}

static int include(fbn_context *c, fbn_fabric *fabric, json_t *root, const char *path)
{
        struct source *source = &fabric->sources[fabric->n_sources];
        _cleanup_(json_decrefp) json_t *part = NULL;
        _cleanup_free_ char *text = NULL;
        char file[PATH_MAX];
        size_t length;
        int r;

        if (!fabric_path(fabric, path, file, sizeof(file)))
                return fail(c, FBN_EINVAL, "the path is too long");
        r = file_read(c, file, SOURCE_MAX, &text, &length);
        if (r < 0)
                return r;
        source->file = arena_strdup(&fabric->arena, file);
        source->text = arena_strdup(&fabric->arena, text);
        if (!source->file || !source->text)
                return fail_memory(c);
        r = source_json(c, source->file, text, length, &part);
        if (r == 0)
                r = merge(c, fabric, source, root, part);
        if (r == 0)
                fabric->n_sources++;
        return r;
}

/* A file that cannot be read is told at the place that names it; an error within it has a place of its own. */
static int include_at(fbn_context *c, fbn_fabric *fabric, json_t *root, size_t index, const char *path)
{
        struct document document = {.c = c, .sources = fabric->sources, .n_sources = 1};
        char pointer[32], message[sizeof(c->error.what)];
        int r;

        r = include(c, fabric, root, path);
        if (r == 0 || r == -FBN_ENOMEM || fabric->sources[fabric->n_sources].text)
                return r;
        snprintf(pointer, sizeof(pointer), "/include/%zu", index);
        snprintf(message, sizeof(message), "%s", fbn_context_error(c));
        return document_refuse(&document, pointer, false, "%s", message);
}

int include_all(fbn_context *c, fbn_fabric *fabric, json_t *root)
{
        _cleanup_(json_decrefp) json_t *list = json_incref(json_object_get(root, "include"));
        struct document document = {.c = c, .sources = fabric->sources, .n_sources = 1};
        struct source *sources;
        json_t *path;
        size_t i;

        if (json_array_size(list) == 0)
                return 0; /* not there, or refused by the language */
        if (json_array_size(list) > INCLUDES_MAX)
                return document_refuse(&document, "/include", false, "expected at most %d files", INCLUDES_MAX);
        sources = arena_alloc(&fabric->arena, (json_array_size(list) + 1) * sizeof(*sources));
        if (!sources)
                return fail_memory(c);
        sources[0] = fabric->sources[0];
        fabric->sources = sources;
        json_array_foreach(list, i, path) {
                int r = json_is_string(path) ? include_at(c, fabric, root, i, json_string_value(path)) : 0;

                if (r < 0)
                        return r;
        }
        return 0;
}
