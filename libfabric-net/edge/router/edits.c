/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/router/difference.h"

#include <stdlib.h>

struct text *edits_add(struct edits *edits, size_t at, size_t length)
{
        static struct text nowhere = {.failed = true};

        if (!ARRAY_RESERVE(edits->items, edits->count, edits->capacity)) {
                edits->failed = true;
                return &nowhere;
        }
        edits->items[edits->count] = (struct edit){.at = at, .length = length, .bytes = {.secret = true}};
        return &edits->items[edits->count++].bytes;
}

void edits_free(struct edits *edits)
{
        for (size_t i = 0; i < edits->count; i++)
                text_wipe(&edits->items[i].bytes);
        memory_free(edits->items);
        *edits = (struct edits){0};
}

/* Few enough to look for the next each time: a stable order without a sort. */
bool edits_apply(const struct edits *edits, const char *bytes, size_t length, struct text *out)
{
        size_t at = 0, done = 0, least = 0;

        if (edits->failed)
                return false;
        while (done < edits->count) {
                size_t next = SIZE_MAX;

                for (size_t i = 0; i < edits->count; i++)
                        if (edits->items[i].at >= least && edits->items[i].at < next)
                                next = edits->items[i].at;
                for (size_t i = 0; i < edits->count; i++) {
                        const struct edit *edit = &edits->items[i];

                        if (edit->at != next)
                                continue;
                        if (edit->at > at)
                                text_append(out, bytes + at, edit->at - at);
                        at = MAX(at, edit->at + edit->length);
                        text_append(out, edit->bytes.bytes ? edit->bytes.bytes : "", edit->bytes.length);
                        out->failed |= edit->bytes.failed;
                        done++;
                }
                least = next + 1;
        }
        text_append(out, bytes + at, length - at);
        return !out->failed;
}

int element_depth(const struct element *element)
{
        int depth = 0;

        for (; element->parent; element = element->parent)
                depth++;
        return depth;
}

/* Where its line begins, if nothing but white space is before it there. */
static size_t line_start(const struct config *config, size_t at)
{
        size_t start = at;

        while (start > 0 && (config->bytes[start - 1] == '\t' || config->bytes[start - 1] == ' '))
                start--;
        return start > 0 && config->bytes[start - 1] == '\n' ? start : at;
}

static void indent(struct text *out, int depth)
{
        while (depth-- > 0)
                text_append(out, "\t", 1);
}

void edits_delete(struct edits *edits, const struct config *config, const struct element *element)
{
        size_t start = line_start(config, element->start), end = element->end;

        if (end < config->length && config->bytes[end] == '\n')
                end++;
        edits_add(edits, start, end - start);
}

/* Lines come with their tabs and a final newline, which stand there already. */
void edits_replace(struct edits *edits, const struct element *element, const struct text *lines)
{
        size_t skip = lines->bytes ? strspn(lines->bytes, "\t") : 0;
        struct text *out = edits_add(edits, element->start, element->end - element->start);

        if (lines->length > skip)
                text_append(out, lines->bytes + skip, lines->length - skip - 1);
        out->failed |= lines->failed;
}

static void open_missing(struct text *out, const char *path, int depth, const struct text *lines)
{
        size_t length = strcspn(path, "/");

        if (length == 0) {
                text_append(out, lines->bytes ? lines->bytes : "", lines->length);
                out->failed |= lines->failed;
                return;
        }
        indent(out, depth);
        text_add(out, "<%.*s>\n", (int)length, path);
        open_missing(out, path + length + (path[length] == '/'), depth + 1, lines);
        indent(out, depth);
        text_add(out, "</%.*s>\n", (int)length, path);
}

/* At the end of an element, however that is written. */
static void insert_last(struct edits *edits, const struct config *config, const struct element *parent, const char *missing, const struct text *lines)
{
        int depth = element_depth(parent);
        size_t at = line_start(config, parent->inner_end);
        struct text *out;

        if (parent->inner_end && config->bytes[at - 1] == '\n') {
                open_missing(edits_add(edits, at, 0), missing, depth + 1, lines);
                return;
        }
        if (parent->inner_end) {
                out = edits_add(edits, parent->inner_end, 0);
                text_append(out, "\n", 1);
        } else {
                out = edits_add(edits, parent->start, parent->end - parent->start);
                text_add(out, "<%.*s>\n", (int)parent->name_length, parent->name);
        }
        open_missing(out, missing, depth + 1, lines);
        indent(out, depth);
        if (!parent->inner_end)
                text_add(out, "</%.*s>", (int)parent->name_length, parent->name);
}

/* Behind the last of the same name, where pfSense would write it; SIZE_MAX: there is none, or no line ends behind it. */
static size_t behind_last(const struct config *config, const struct element *parent, const char *item)
{
        const struct element *last = element_child(parent, item);

        for (const struct element *next = last; next; next = element_again(next))
                last = next;
        return last && last->end < config->length && config->bytes[last->end] == '\n' ? last->end + 1 : SIZE_MAX;
}

void edits_insert(struct edits *edits, const struct config *config, const char *parent, const char *item, bool first, const struct text *lines)
{
        const struct element *element = config->root, *before;

        while (*parent) {
                size_t length = strcspn(parent, "/");
                const struct element *child = element->first;

                while (child && (child->name_length != length || memcmp(child->name, parent, length) != 0))
                        child = child->next;
                if (!child)
                        break;
                element = child;
                parent += length + (parent[length] == '/');
        }
        before = *parent || !first ? NULL : element_child(element, item);
        if (before)
                open_missing(edits_add(edits, line_start(config, before->start), 0), "", 0, lines);
        else if (!*parent && behind_last(config, element, item) != SIZE_MAX)
                open_missing(edits_add(edits, behind_last(config, element, item), 0), "", 0, lines);
        else
                insert_last(edits, config, element, parent, lines);
}
