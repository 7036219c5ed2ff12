/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A long list read element by element, without the members that nobody wants: jansson's tree of all of it would cost ten times the text
 * in memory and most of the time. */
#include "http/json.h"

#include "base/text.h"

struct cursor {
        const char *start, *next, *end;
};

struct list {
        const char *member;         /* where the list is in the answer */
        const char *const *members; /* what is wanted of its elements */
        json_element_reader *read;
        void *data;
        struct text kept; /* of the element at hand */
};

static int fail_form(fbn_context *c, const struct cursor *at)
{
        return fail(c, FBN_EPROTOCOL, "answered JSON that is not well formed at byte %zu", (size_t)(at->next - at->start));
}

/* The next character that is no space, 0 at the end. */
static char peek(struct cursor *at)
{
        while (at->next < at->end && (*at->next == ' ' || *at->next == '\n' || *at->next == '\t' || *at->next == '\r'))
                at->next++;
        return at->next < at->end ? *at->next : 0;
}

static int expect(fbn_context *c, struct cursor *at, char wanted)
{
        if (peek(at) != wanted)
                return fail_form(c, at);
        at->next++;
        return 0;
}

/* One value of any kind. Without the check for the end jansson tells how many bytes it took. */
static int value_read(fbn_context *c, struct cursor *at, json_t **ret_value)
{
        json_error_t error;

        peek(at);
        *ret_value = json_loadb(at->next, (size_t)(at->end - at->next), JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &error);
        if (!*ret_value)
                return json_error_code(&error) == json_error_out_of_memory ? fail_memory(c) : fail_form(c, at);
        at->next += error.position;
        return 0;
}

/* Past the string that begins here. */
static int string_skip(fbn_context *c, struct cursor *at)
{
        const char *p = at->next + 1;

        while (p < at->end && *p != '"')
                p += *p == '\\' ? 2 : 1;
        if (p >= at->end)
                return fail_form(c, at);
        at->next = p + 1;
        return 0;
}

/* Past the value that begins here, with its brackets in balance; whether it is well formed inside nobody needs to know. */
static int value_skip(fbn_context *c, struct cursor *at)
{
        size_t depth = 0;

        do {
                char byte = peek(at);
                int r = 0;

                if (byte == '"')
                        r = string_skip(c, at);
                else if (byte == 0 || (depth == 0 && strchr(",:]}", byte)))
                        return fail_form(c, at);
                else if (byte == '{' || byte == '[')
                        depth++, at->next++;
                else if (byte == '}' || byte == ']')
                        depth--, at->next++;
                else
                        do /* a number, a word, or what parts them */
                                at->next++;
                        while (at->next < at->end && !strchr("\"{}[],: \n\t\r", *at->next));
                if (r < 0)
                        return r;
        } while (depth > 0);
        return 0;
}

static bool is_wanted(const struct list *list, const char *name, size_t length)
{
        for (const char *const *member = list->members; *member; member++)
                if (strlen(*member) == length && memcmp(*member, name, length) == 0)
                        return true;
        return false;
}

static int member_keep(fbn_context *c, struct cursor *at, struct list *list)
{
        const char *name, *value;
        size_t length;
        int r;

        if (peek(at) != '"')
                return fail_form(c, at);
        name = at->next;
        r = string_skip(c, at);
        length = (size_t)(at->next - name);
        if (r == 0)
                r = expect(c, at, ':');
        if (r < 0)
                return r;
        peek(at);
        value = at->next;
        r = value_skip(c, at);
        if (r < 0 || !is_wanted(list, name + 1, length - 2))
                return r;
        text_append(&list->kept, ",", list->kept.length > 1);
        text_append(&list->kept, name, length);
        text_append(&list->kept, ":", 1);
        text_append(&list->kept, value, (size_t)(at->next - value));
        return 0;
}

/* Copy the wanted members of the object that begins here. */
static int element_keep(fbn_context *c, struct cursor *at, struct list *list)
{
        int r;

        if (peek(at) != '{')
                return fail(c, FBN_EPROTOCOL, "the answer's member '%s' is not a list of objects", list->member);
        at->next++;
        list->kept.length = 0;
        text_append(&list->kept, "{", 1);
        if (peek(at) != '}')
                do {
                        r = member_keep(c, at, list);
                        if (r < 0)
                                return r;
                } while (peek(at) == ',' && at->next++);
        text_append(&list->kept, "}", 1);
        return list->kept.failed ? fail_memory(c) : expect(c, at, '}');
}

static int element_read(fbn_context *c, struct cursor *at, struct list *list, size_t index)
{
        _cleanup_(json_freep) json_t *element = NULL;
        const char *start = at->next;
        json_error_t error;
        int r = element_keep(c, at, list);

        if (r < 0)
                return r;
        element = json_loadb(list->kept.bytes, list->kept.length, 0, &error);
        if (element)
                return list->read(c, element, index, list->data);
        at->next = start;
        return json_error_code(&error) == json_error_out_of_memory ? fail_memory(c) : fail_form(c, at);
}

static int elements_read(fbn_context *c, struct cursor *at, struct list *list)
{
        int r = expect(c, at, '[');

        if (r == 0 && peek(at) != ']')
                for (size_t i = 0;; i++) {
                        r = element_read(c, at, list, i);
                        if (r < 0 || peek(at) != ',')
                                break;
                        at->next++;
                }
        return r < 0 ? r : expect(c, at, ']');
}

static int member_read(fbn_context *c, struct cursor *at, struct list *list)
{
        _cleanup_(json_freep) json_t *key = NULL, *value = NULL;
        bool wanted;
        int r = value_read(c, at, &key);

        if (r < 0)
                return r;
        if (!json_is_string(key))
                return fail_form(c, at);
        wanted = streq(json_string_value(key), list->member);
        r = expect(c, at, ':');
        if (r < 0)
                return r;
        if (wanted && peek(at) == '[')
                return elements_read(c, at, list);
        r = value_read(c, at, &value);
        if (r == 0 && wanted && !json_is_null(value))
                return fail(c, FBN_EPROTOCOL, "the answer's member '%s' is not a list", list->member);
        return r;
}

static int object_read(fbn_context *c, struct cursor *at, struct list *list)
{
        int r = expect(c, at, '{');

        if (r == 0 && peek(at) != '}')
                do
                        r = member_read(c, at, list);
                while (r == 0 && peek(at) == ',' && at->next++);
        if (r == 0)
                r = expect(c, at, '}');
        return r == 0 && peek(at) ? fail_form(c, at) : r;
}

int json_each(fbn_context *c, const char *text, size_t length, const char *member, const char *const *members, json_element_reader *read,
              void *data)
{
        struct cursor at = {text, text, text + length};
        struct list list = {.member = member, .members = members, .read = read, .data = data};
        int r = object_read(c, &at, &list);

        text_free(&list.kept);
        return r;
}
