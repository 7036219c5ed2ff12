/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/router/config.h"

#include <ctype.h>

#define DEPTH_MAX 64

struct scan {
        fbn_context *c;
        struct arena *arena;
        const char *bytes;
        size_t at, length;
        struct element *open; /* NULL: outside of the root */
        struct element *root;
        int depth;
};

static int refuse(struct scan *scan, const char *what)
{
        size_t line = 1;

        for (size_t i = 0; i < scan->at && i < scan->length; i++)
                line += scan->bytes[i] == '\n';
        return fail(scan->c, FBN_EINVAL, "line %zu: %s", line, what);
}

static bool begins(const struct scan *scan, const char *word)
{
        size_t length = strlen(word);

        return scan->length - scan->at >= length && memcmp(scan->bytes + scan->at, word, length) == 0;
}

static int skip_past(struct scan *scan, const char *end)
{
        const char *found = memmem(scan->bytes + scan->at, scan->length - scan->at, end, strlen(end));

        if (!found)
                return refuse(scan, "something that begins here does not end");
        scan->at = (size_t)(found - scan->bytes) + strlen(end);
        return 0;
}

static size_t name_at(const struct scan *scan)
{
        size_t n = 0;

        while (scan->at + n < scan->length && !strchr(" \t\r\n/>=<", scan->bytes[scan->at + n]))
                n++;
        return n;
}

static int append(struct scan *scan, size_t start, const char *name, size_t name_length)
{
        struct element *element = arena_alloc(scan->arena, sizeof(*element));

        if (!element)
                return fail_memory(scan->c);
        *element = (struct element){.name = name, .name_length = name_length, .start = start, .parent = scan->open};
        if (!scan->open)
                scan->root = element;
        else if (scan->open->last)
                scan->open->last->next = element;
        else
                scan->open->first = element;
        if (scan->open)
                scan->open->last = element;
        scan->open = element;
        scan->depth++;
        return 0;
}

static void leave(struct scan *scan)
{
        scan->open->end = scan->at;
        scan->open = scan->open->parent;
        scan->depth--;
}

/* Attributes are stepped over: pfSense writes none. */
static int open_tag(struct scan *scan)
{
        size_t start = scan->at++, name_length = name_at(scan);
        const char *name = scan->bytes + scan->at;
        char quote = 0;
        int r;

        if (name_length == 0 || scan->depth >= DEPTH_MAX || (!scan->open && scan->root))
                return refuse(scan, name_length == 0 ? "a '<' that begins nothing" : !scan->open ? "a second root" : "elements lie too deep in each other");
        r = append(scan, start, name, name_length);
        if (r < 0)
                return r;
        for (scan->at += name_length; scan->at < scan->length && (quote || scan->bytes[scan->at] != '>'); scan->at++)
                if (quote)
                        quote = scan->bytes[scan->at] == quote ? 0 : quote;
                else if (scan->bytes[scan->at] == '"' || scan->bytes[scan->at] == '\'')
                        quote = scan->bytes[scan->at];
        if (scan->at++ >= scan->length)
                return refuse(scan, "a tag that does not end");
        if (scan->bytes[scan->at - 2] == '/')
                leave(scan);
        else
                scan->open->inner_start = scan->at;
        return 0;
}

static int close_tag(struct scan *scan)
{
        size_t start = scan->at, name_length;

        scan->at += 2;
        name_length = name_at(scan);
        if (!scan->open || scan->open->name_length != name_length || memcmp(scan->open->name, scan->bytes + scan->at, name_length) != 0)
                return refuse(scan, "a tag closes what is not open");
        scan->open->inner_end = start;
        if (skip_past(scan, ">") < 0)
                return -FBN_EINVAL;
        leave(scan);
        return 0;
}

static int step(struct scan *scan)
{
        if (begins(scan, "<?"))
                return skip_past(scan, "?>");
        if (begins(scan, "<!--"))
                return skip_past(scan, "-->");
        if (begins(scan, "<![CDATA["))
                return scan->open ? skip_past(scan, "]]>") : refuse(scan, "text outside of the root");
        if (begins(scan, "<!"))
                return refuse(scan, "a document type, which pfSense does not write");
        return begins(scan, "</") ? close_tag(scan) : open_tag(scan);
}

int config_parse(fbn_context *c, struct arena *arena, const char *bytes, size_t length, struct config *ret_config)
{
        struct scan scan = {.c = c, .arena = arena, .bytes = bytes, .length = length};

        while (scan.at < length) {
                const char *tag = memchr(bytes + scan.at, '<', length - scan.at);
                int r;

                scan.at = tag ? (size_t)(tag - bytes) : length;
                r = tag ? step(&scan) : 0;
                if (r < 0)
                        return r;
        }
        if (!scan.root || scan.open)
                return refuse(&scan, scan.open ? "it ends too early" : "it is empty");
        *ret_config = (struct config){bytes, length, scan.root};
        return 0;
}

bool element_is(const struct element *element, const char *name)
{
        return strlen(name) == element->name_length && memcmp(name, element->name, element->name_length) == 0;
}

struct element *element_child(const struct element *element, const char *name)
{
        for (struct element *child = element ? element->first : NULL; child; child = child->next)
                if (element_is(child, name))
                        return child;
        return NULL;
}

struct element *element_again(const struct element *element)
{
        for (struct element *next = element->next; next; next = next->next)
                if (next->name_length == element->name_length && memcmp(next->name, element->name, element->name_length) == 0)
                        return next;
        return NULL;
}

struct element *config_find(const struct config *config, const char *path)
{
        struct element *element = config->root;

        while (element && *path) {
                size_t length = strcspn(path, "/");
                struct element *child = element->first;

                while (child && (child->name_length != length || memcmp(child->name, path, length) != 0))
                        child = child->next;
                element = child;
                path += length + (path[length] == '/');
        }
        return element;
}

static size_t entity(const char *bytes, size_t length, char *ret_byte)
{
        static const struct {
                const char *name;
                char byte;
        } known[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&#039;", '\''}, {"&#39;", '\''}};

        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (length >= strlen(known[i].name) && memcmp(bytes, known[i].name, strlen(known[i].name)) == 0) {
                        *ret_byte = known[i].byte;
                        return strlen(known[i].name);
                }
        *ret_byte = *bytes;
        return 1;
}

/* Entities mean the same inside of CDATA: pfSense decodes once more there. Source: xmlparse.inc, cData(). */
static void decode(const char *bytes, size_t length, struct text *text)
{
        for (size_t i = 0; i < length;) {
                char byte;

                i += entity(bytes + i, length - i, &byte);
                text_append(text, &byte, 1);
        }
}

void element_text(const struct config *config, const struct element *element, struct text *text)
{
        static const char open[] = "<![CDATA[", close[] = "]]>";
        const char *at = config->bytes + element->inner_start, *end = config->bytes + element->inner_end;

        while (at < end && strchr("\t\r\n", *at))
                at++;
        while (end > at && strchr("\t\r\n", end[-1]))
                end--;
        while (at < end) {
                const char *cdata = memmem(at, (size_t)(end - at), open, sizeof(open) - 1), *after;

                decode(at, (size_t)((cdata ? cdata : end) - at), text);
                if (!cdata)
                        return;
                at = cdata + sizeof(open) - 1;
                after = memmem(at, (size_t)(end - at), close, sizeof(close) - 1);
                decode(at, (size_t)((after ? after : end) - at), text);
                at = after ? after + sizeof(close) - 1 : end;
        }
}

bool element_text_is(const struct config *config, const struct element *element, const char *text)
{
        _cleanup_(text_wipe) struct text have = {.secret = true};

        if (!element || element->first)
                return false;
        element_text(config, element, &have);
        return !have.failed && have.length == strlen(text) && (have.length == 0 || memcmp(have.bytes, text, have.length) == 0);
}

bool element_text_begins(const struct config *config, const struct element *element, const char *beginning, struct text *rest)
{
        _cleanup_(text_wipe) struct text have = {.secret = true};
        size_t length = strlen(beginning);

        if (!element || element->first)
                return false;
        element_text(config, element, &have);
        if (have.length < length || memcmp(have.bytes, beginning, length) != 0)
                return false;
        if (rest)
                text_append(rest, have.bytes + length, have.length - length);
        return true;
}

bool element_is_pfsenses_own(const struct element *element)
{
        return element_is(element, "created") || element_is(element, "updated");
}

bool element_member_holds(const struct config *config, const struct element *element, const char *name, const json_t *value)
{
        const struct element *child = element_child(element, name);
        size_t n = json_is_array(value) ? json_array_size(value) : 1;

        for (size_t i = 0; i < n; i++, child = element_again(child))
                if (!child || !element_holds(config, child, json_is_array(value) ? json_array_get(value, i) : value))
                        return false;
        return !child;
}

static bool holds_members(const struct config *config, const struct element *element, const json_t *members)
{
        const char *name;
        json_t *value;

        json_object_foreach((json_t *)(uintptr_t)members, name, value)
                if (!element_member_holds(config, element, name, value))
                        return false;
        for (const struct element *child = element->first; child; child = child->next)
                if (!json_object_getn(members, child->name, child->name_length) && !element_is_pfsenses_own(child))
                        return false;
        return true;
}

bool element_holds(const struct config *config, const struct element *element, const json_t *value)
{
        if (json_is_object(value))
                return holds_members(config, element, value);
        return element_text_is(config, element, json_string_value(value) ? json_string_value(value) : "");
}

static bool same_text(const struct config *a, const struct element *x, const struct config *b, const struct element *y)
{
        _cleanup_(text_wipe) struct text left = {.secret = true}, right = {.secret = true};

        element_text(a, x, &left);
        element_text(b, y, &right);
        return left.length == right.length && (left.length == 0 || memcmp(left.bytes, right.bytes, left.length) == 0);
}

static const struct element *past_revision(const struct element *element)
{
        while (element && element_is(element, "revision") && element->parent && !element->parent->parent)
                element = element->next;
        return element;
}

static bool same(const struct config *a, const struct element *x, const struct config *b, const struct element *y)
{
        if (x->name_length != y->name_length || memcmp(x->name, y->name, x->name_length) != 0)
                return false;
        if (!x->first && !y->first)
                return same_text(a, x, b, y);
        x = past_revision(x->first);
        y = past_revision(y->first);
        while (x && y && same(a, x, b, y)) {
                x = past_revision(x->next);
                y = past_revision(y->next);
        }
        return !x && !y;
}

bool config_equal(const struct config *a, const struct config *b)
{
        return same(a, a->root, b, b->root);
}

/* Source: xmlparse.inc, is_cdata_entity(); those of its names that our objects have. */
static bool is_cdata(const char *name)
{
        return strncmp(name, "descr", 5) == 0 || strncmp(name, "state", 5) == 0 || strcmp(name, "aclname") == 0;
}

static void escape(struct text *out, const char *bytes, size_t length)
{
        for (size_t i = 0; i < length; i++)
                switch (bytes[i]) {
                case '&': text_append(out, "&amp;", 5); break;
                case '<': text_append(out, "&lt;", 4); break;
                case '>': text_append(out, "&gt;", 4); break;
                case '"': text_append(out, "&quot;", 6); break;
                case '\'': text_append(out, "&apos;", 6); break;
                default: text_append(out, bytes + i, 1);
                }
}

static void indent(struct text *out, int depth)
{
        for (int i = 0; i < depth; i++)
                text_append(out, "\t", 1);
}

void config_write_text(struct text *out, const char *name, const char *bytes, size_t length, int depth)
{
        bool cdata = length > 0 && is_cdata(name);

        indent(out, depth);
        text_add(out, "<%s>%s", name, cdata ? "<![CDATA[" : "");
        escape(out, bytes, length);
        text_add(out, "%s</%s>\n", cdata ? "]]>" : "", name);
}

void config_write(struct text *out, const char *name, const json_t *value, int depth)
{
        const char *text = json_string_value(value), *key;
        json_t *member;

        if (json_is_array(value)) {
                for (size_t i = 0; i < json_array_size(value); i++)
                        config_write(out, name, json_array_get(value, i), depth);
                return;
        }
        if (!json_object_size(value)) {
                config_write_text(out, name, text ? text : "", text ? strlen(text) : 0, depth);
                return;
        }
        indent(out, depth);
        text_add(out, "<%s>\n", name);
        json_object_foreach((json_t *)(uintptr_t)value, key, member)
                config_write(out, key, member, depth + 1);
        indent(out, depth);
        text_add(out, "</%s>\n", name);
}
