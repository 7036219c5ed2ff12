/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/schema.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

/* The way from the root to the value at hand. */
struct path {
        const struct path *up;
        const char *name; /* NULL: index counts */
        size_t index;
};

static void path_write(const struct path *path, struct text *pointer)
{
        if (!path->up)
                return;
        path_write(path->up, pointer);
        if (!path->name) {
                text_add(pointer, "/%zu", path->index);
                return;
        }
        pointer_append(pointer, path->name);
}

int document_refuse(const struct document *document, const char *pointer, bool at_key, const char *format, ...)
{
        struct place place = {.pointer = pointer};
        uint32_t line, column;
        va_list arguments;
        char what[512];

        va_start(arguments, format);
        vsnprintf(what, sizeof(what), format, arguments);
        va_end(arguments);
        if (!pointer || !places_find(document->sources, document->n_sources, &place, 1))
                return fail_memory(document->c);
        at_key = at_key && place.key_line;
        line = at_key ? place.key_line : place.line;
        column = at_key ? place.key_column : place.column;
        return fail(document->c, FBN_EINVAL, "%s:%u:%u: %s: %s", place.file ? place.file : document->sources[0].file, line, column,
                    *pointer ? pointer : "/", what);
}

static int refuse(const struct document *d, const struct path *path, bool at_key, const char *format, ...) FBN_PRINTF(4, 5);

static int refuse(const struct document *d, const struct path *path, bool at_key, const char *format, ...)
{
        struct text pointer = {0};
        va_list arguments;
        char what[512];
        int r;

        va_start(arguments, format);
        vsnprintf(what, sizeof(what), format, arguments);
        va_end(arguments);
        path_write(path, &pointer);
        r = pointer.failed ? fail_memory(d->c) : document_refuse(d, pointer.bytes ? pointer.bytes : "", at_key, "%s", what);
        text_free(&pointer);
        return r;
}

/* Edit distance, one row at a time; names are short, longer ones are not near anything. */
static size_t distance(const char *a, const char *b)
{
        size_t row[65], length = strlen(b);

        if (strlen(a) > 64 || length > 64)
                return SIZE_MAX;
        for (size_t j = 0; j <= length; j++)
                row[j] = j;
        for (size_t i = 1; a[i - 1]; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= length; j++) {
                        size_t replaced = diagonal + (a[i - 1] != b[j - 1]);

                        diagonal = row[j];
                        row[j] = MIN(replaced, MIN(row[j], row[j - 1]) + 1);
                }
        }
        return row[length];
}

void nearest_consider(const char *wanted, const char *candidate, const char **best, size_t *best_distance)
{
        size_t d = distance(wanted, candidate);

        if (d <= MAX(strlen(wanted) / 3, (size_t)2) && d < strlen(candidate) && d < *best_distance) {
                *best = candidate;
                *best_distance = d;
        }
}

const char *nearest_key(json_t *object, const char *wanted)
{
        size_t best_distance = SIZE_MAX;
        const char *best = NULL, *key;
        json_t *value;

        json_object_foreach(object, key, value)
                nearest_consider(wanted, key, &best, &best_distance);
        return best;
}

static const char *type_name(json_t *value)
{
        switch (json_typeof(value)) {
        case JSON_OBJECT:
                return "an object";
        case JSON_ARRAY:
                return "a list";
        case JSON_STRING:
                return "text";
        case JSON_INTEGER:
                return "a number";
        case JSON_REAL:
                return "a number with a fraction or exponent";
        case JSON_NULL:
                return "null";
        default:
                return json_is_true(value) ? "true" : "false";
        }
}

static int wrong_type(const struct document *d, const struct path *path, const struct shape *shape, json_t *value)
{
        return refuse(d, path, false, "expected %s, found %s", shape->expected, type_name(value));
}

static int check_choice(const struct document *d, const struct path *path, const struct shape *shape, const char *text)
{
        size_t best_distance = SIZE_MAX;
        const char *best = NULL;

        for (size_t i = 0; shape->choices[i]; i++) {
                if (streq(shape->choices[i], text))
                        return 0;
                nearest_consider(text, shape->choices[i], &best, &best_distance);
        }
        return refuse(d, path, false, "expected %s, found '%s'%s%s%s", shape->expected, text, best ? "; did you mean '" : "",
                      best ? best : "", best ? "'?" : "");
}

static int check_name(const struct document *d, const struct path *path, const struct shape *shape, const char *text, bool at_key)
{
        json_t *map = json_object_get(d->root, shape->names), *other = shape->or_names ? json_object_get(d->root, shape->or_names) : NULL;
        const char *near;

        if (json_object_get(map, text) || json_object_get(other, text))
                return 0;
        near = nearest_key(map, text);
        if (!near)
                near = nearest_key(other, text);
        return refuse(d, path, at_key, "there is no '%s' in /%s%s%s: expected %s%s%s%s", text, shape->names, shape->or_names ? " or /" : "",
                      shape->or_names ? shape->or_names : "", shape->expected, near ? "; did you mean '" : "", near ? near : "",
                      near ? "'?" : "");
}

/* Text that does not fit is not repeated: somebody may have put a secret there. */
static int check_text(const struct document *d, const struct path *path, const struct shape *shape, const char *text, bool at_key)
{
        if (shape->fits && !shape->fits(text))
                return refuse(d, path, at_key, "expected %s", shape->expected);
        if (shape->choices)
                return check_choice(d, path, shape, text);
        return shape->names ? check_name(d, path, shape, text, at_key) : 0;
}

static int check_number(const struct document *d, const struct path *path, const struct shape *shape, json_t *value)
{
        if (!json_is_integer(value))
                return wrong_type(d, path, shape, value);
        if (json_integer_value(value) < shape->minimum || json_integer_value(value) > shape->maximum)
                return refuse(d, path, false, "expected %s, found %lld", shape->expected, (long long)json_integer_value(value));
        return 0;
}

static int check_value(const struct document *d, const struct path *path, const struct shape *shape, json_t *value);

static const struct property *property_find(const struct shape *shape, const char *name)
{
        for (const struct property *p = shape->properties; p->name; p++)
                if (streq(p->name, name))
                        return p;
        return NULL;
}

static int unknown_member(const struct document *d, const struct path *path, const struct shape *shape)
{
        size_t best_distance = SIZE_MAX;
        struct text known = {0};
        const char *best = NULL;
        int r;

        for (const struct property *p = shape->properties; p->name; p++) {
                nearest_consider(path->name, p->name, &best, &best_distance);
                text_add(&known, "%s%s", known.length ? ", " : "", p->name);
        }
        if (best)
                r = refuse(d, path, true, "unknown member; did you mean '%s'?", best);
        else
                r = refuse(d, path, true, "unknown member; expected one of: %s", known.bytes ? known.bytes : "");
        text_free(&known);
        return r;
}

static int check_present(const struct document *d, const struct path *path, const struct shape *shape, json_t *value)
{
        const char *present = NULL;

        for (const struct property *p = shape->properties; p->name; p++)
                if (p->required && !json_object_get(value, p->name))
                        return refuse(d, path, false, "'%s' is missing: expected %s", p->name, p->shape->expected);
        if (!shape->exactly_one)
                return 0;
        for (size_t i = 0; shape->exactly_one[i]; i++) {
                if (!json_object_get(value, shape->exactly_one[i]))
                        continue;
                if (present)
                        return refuse(d, path, false, "'%s' and '%s' exclude each other", present, shape->exactly_one[i]);
                present = shape->exactly_one[i];
        }
        return present ? 0 : refuse(d, path, false, "expected %s", shape->expected);
}

static int check_object(const struct document *d, const struct path *path, const struct shape *shape, json_t *value)
{
        const char *key;
        json_t *member;

        if (!json_is_object(value))
                return wrong_type(d, path, shape, value);
        json_object_foreach(value, key, member) {
                const struct property *property = property_find(shape, key);
                struct path below = {.up = path, .name = key};
                int r = property ? check_value(d, &below, property->shape, member) : unknown_member(d, &below, shape);

                if (r < 0)
                        return r;
        }
        return check_present(d, path, shape, value);
}

static int check_map(const struct document *d, const struct path *path, const struct shape *shape, json_t *value)
{
        const char *key;
        json_t *member;

        if (!json_is_object(value))
                return wrong_type(d, path, shape, value);
        json_object_foreach(value, key, member) {
                struct path below = {.up = path, .name = key};
                int r = check_text(d, &below, shape->keys, key, true);

                if (r == 0)
                        r = check_value(d, &below, shape->item, member);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_list(const struct document *d, const struct path *path, const struct shape *shape, json_t *value)
{
        size_t i;
        json_t *item;

        if (!json_is_array(value))
                return wrong_type(d, path, shape, value);
        if ((int64_t)json_array_size(value) < shape->minimum)
                return refuse(d, path, false, "expected %s, found an empty list", shape->expected);
        json_array_foreach(value, i, item) {
                struct path below = {.up = path, .index = i};
                int r = check_value(d, &below, shape->item, item);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_either(const struct document *d, const struct path *path, const struct shape *shape, json_t *value)
{
        for (size_t i = 0; shape->either[i]; i++) {
                bool text = shape->either[i]->kind == SHAPE_TEXT;

                if (text ? json_is_string(value) : json_is_object(value))
                        return check_value(d, path, shape->either[i], value);
        }
        return wrong_type(d, path, shape, value);
}

static int check_value(const struct document *d, const struct path *path, const struct shape *shape, json_t *value)
{
        switch (shape->kind) {
        case SHAPE_TEXT:
                return json_is_string(value) ? check_text(d, path, shape, json_string_value(value), false)
                                             : wrong_type(d, path, shape, value);
        case SHAPE_NUMBER:
                return check_number(d, path, shape, value);
        case SHAPE_BOOLEAN:
                return json_is_boolean(value) ? 0 : wrong_type(d, path, shape, value);
        case SHAPE_OBJECT:
                return check_object(d, path, shape, value);
        case SHAPE_MAP:
                return check_map(d, path, shape, value);
        case SHAPE_LIST:
                return check_list(d, path, shape, value);
        case SHAPE_EITHER:
                return check_either(d, path, shape, value);
        }
        return 0;
}

int document_check(const struct document *document, const struct shape *shape)
{
        struct path root = {0};

        return check_value(document, &root, shape, document->root);
}
