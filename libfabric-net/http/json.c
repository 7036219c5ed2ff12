/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/json.h"

#include "base/text.h"

#include <strings.h>

/* Headscale answers paths that it does not know with a web page and status 200. */
int json_check(fbn_context *c, const struct http *http, const struct http_reply *reply)
{
        if (strncasecmp(reply->type, "application/json", 16) == 0)
                return 0;
        return fail_in(c, fail(c, FBN_EPROTOCOL, "answered '%s' instead of JSON; is this the right server?", reply->type), "%s", http_name(http));
}

int json_reply(fbn_context *c, const struct http *http, const struct http_reply *reply, json_t **ret_object)
{
        json_error_t error;
        json_t *object;
        int r = json_check(c, http, reply);

        if (r < 0)
                return r;
        object = json_loadb(reply->body, reply->length, 0, &error);
        if (!object && json_error_code(&error) == json_error_out_of_memory)
                return fail_memory(c);
        if (!object)
                return fail_in(c, fail(c, FBN_EPROTOCOL, "answered JSON that is not well formed: %s at byte %d", error.text, error.position), "%s",
                               http_name(http));
        if (!json_is_object(object)) {
                json_decref(object);
                return fail_in(c, fail(c, FBN_EPROTOCOL, "answered JSON that is no object"), "%s", http_name(http));
        }
        *ret_object = object;
        return 0;
}

static int fail_type(fbn_context *c, const char *member, const char *wanted)
{
        return fail(c, FBN_EPROTOCOL, "the answer's member '%s' is not %s", member, wanted);
}

/* NULL for one that is missing or null. */
static json_t *get(const json_t *object, const char *member)
{
        json_t *value = json_object_get(object, member);

        return json_is_null(value) ? NULL : value;
}

int json_read_text(fbn_context *c, struct arena *arena, const json_t *object, const char *member, const char **ret_text)
{
        const json_t *value = get(object, member);
        const char *text = value ? json_string_value(value) : "";

        if (!text)
                return fail_type(c, member, "a text");
        *ret_text = *text ? arena_copy(arena, text, strlen(text) + 1) : "";
        return *ret_text ? 0 : fail_memory(c);
}

int json_read_flag(fbn_context *c, const json_t *object, const char *member, bool *ret_flag)
{
        const json_t *value = get(object, member);

        if (value && !json_is_boolean(value))
                return fail_type(c, member, "true or false");
        *ret_flag = json_is_true(value);
        return 0;
}

int json_read_number(fbn_context *c, const json_t *object, const char *member, uint64_t *ret_number)
{
        const json_t *value = get(object, member);
        uint64_t number = 0;

        if (json_is_integer(value) && json_integer_value(value) >= 0)
                number = (uint64_t)json_integer_value(value);
        else if (value && !(json_is_string(value) && text_to_u64(json_string_value(value), 0, UINT64_MAX, &number)))
                return fail_type(c, member, "a whole number");
        *ret_number = number;
        return 0;
}

int json_read_time(fbn_context *c, const json_t *object, const char *member, int64_t *ret_nanoseconds)
{
        const json_t *value = get(object, member);
        int64_t nanoseconds = 0;

        if (value && !(json_is_string(value) && json_time_parse(json_string_value(value), &nanoseconds)))
                return fail_type(c, member, "a time of RFC 3339");
        *ret_nanoseconds = MAX(nanoseconds, 0); /* Go's zero time is year 1 */
        return 0;
}

int json_read_array(fbn_context *c, const json_t *object, const char *member, json_t **ret_array)
{
        json_t *value = get(object, member);

        if (value && !json_is_array(value))
                return fail_type(c, member, "a list");
        *ret_array = value;
        return 0;
}

int json_read_object(fbn_context *c, const json_t *object, const char *member, json_t **ret_object)
{
        json_t *value = get(object, member);

        if (value && !json_is_object(value))
                return fail_type(c, member, "an object");
        *ret_object = value;
        return 0;
}

/* A list of texts, each turned into one item by read. */
static int read_items(fbn_context *c, struct arena *arena, const json_t *object, const char *member, size_t item_size, const char *wanted,
                      bool (*read)(struct arena *arena, const char *text, void *item), void **ret_items, size_t *ret_count)
{
        json_t *array;
        char *items;
        int r;

        r = json_read_array(c, object, member, &array);
        if (r < 0)
                return r;
        items = json_array_size(array) ? arena_alloc(arena, item_size * json_array_size(array)) : NULL;
        if (json_array_size(array) && !items)
                return fail_memory(c);
        for (size_t i = 0; i < json_array_size(array); i++) {
                const char *text = json_string_value(json_array_get(array, i));

                if (!text || !read(arena, text, items + i * item_size))
                        return fail_type(c, member, wanted);
        }
        *ret_items = items;
        *ret_count = json_array_size(array);
        return 0;
}

static bool text_item(struct arena *arena, const char *text, void *item)
{
        char *copy = arena_strdup(arena, text);

        memcpy(item, &copy, sizeof(copy));
        return true; /* a copy that is missing is found below */
}

static bool address_item(struct arena *arena, const char *text, void *item)
{
        (void)arena;
        return fbn_address_parse(text, item) == 0;
}

static bool prefix_item(struct arena *arena, const char *text, void *item)
{
        (void)arena;
        return fbn_prefix_parse(text, item) == 0;
}

int json_read_texts(fbn_context *c, struct arena *arena, const json_t *object, const char *member, const char *const **ret_texts,
                    size_t *ret_count)
{
        void *items = NULL;
        size_t count = 0;
        int r;

        r = read_items(c, arena, object, member, sizeof(char *), "a list of texts", text_item, &items, &count);
        if (r < 0)
                return r;
        for (size_t i = 0; i < count; i++)
                if (!((const char *const *)items)[i])
                        return fail_memory(c);
        *ret_texts = items;
        *ret_count = count;
        return 0;
}

int json_read_addresses(fbn_context *c, struct arena *arena, const json_t *object, const char *member, const fbn_address **ret_addresses,
                        size_t *ret_count)
{
        void *items = NULL;
        int r = read_items(c, arena, object, member, sizeof(fbn_address), "a list of addresses", address_item, &items, ret_count);

        if (r == 0)
                *ret_addresses = items;
        return r;
}

int json_read_prefixes(fbn_context *c, struct arena *arena, const json_t *object, const char *member, const fbn_prefix **ret_prefixes,
                       size_t *ret_count)
{
        void *items = NULL;
        int r = read_items(c, arena, object, member, sizeof(fbn_prefix), "a list of prefixes", prefix_item, &items, ret_count);

        if (r == 0)
                *ret_prefixes = items;
        return r;
}
