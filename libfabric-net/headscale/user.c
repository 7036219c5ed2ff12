/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/list.h"

#include <inttypes.h>
#include <stdio.h>

struct fbn_headscale_users {
        unsigned references;
        struct arena arena;
        fbn_headscale_user *items;
        size_t count, capacity;
};

static const struct json_field fields[] = {
        JSON_ONE(fbn_headscale_user, id, "id", WHOLE),
        JSON_ONE(fbn_headscale_user, name, "name", TEXT),
        JSON_ONE(fbn_headscale_user, created, "createdAt", TIME),
        JSON_ONE(fbn_headscale_user, display_name, "displayName", TEXT),
        JSON_ONE(fbn_headscale_user, email, "email", TEXT),
        {0},
};

static int items_read(fbn_context *c, struct list *list, fbn_headscale_users *users)
{
        int r;

        do {
                if (!ARRAY_RESERVE(users->items, users->count, users->capacity))
                        return fail_memory(c);
                r = list_next(c, list, &users->arena, fields, &users->items[users->count], sizeof(*users->items));
                users->items[users->count].size = sizeof(*users->items);
                users->count += r == 1;
        } while (r == 1);
        return fail_in(c, r, "user %zu", users->count + 1);
}

static int users_read(fbn_context *c, struct list *list, fbn_headscale_users **ret_users)
{
        FBN_CLEANUP(fbn_headscale_users) users = memory_alloc(sizeof(*users));
        int r;

        if (!users)
                return fail_memory(c);
        users->references = 1;
        r = items_read(c, list, users);
        if (r == 0)
                *ret_users = TAKE_PTR(users);
        return r;
}

int headscale_users_read(fbn_context *c, const char *text, size_t length, fbn_headscale_users **ret_users)
{
        _cleanup_(list_close) struct list list = {0};

        list_of_text(text, length, "users", &list);
        return users_read(c, &list, ret_users);
}

int fbn_headscale_user_list(fbn_context *c, fbn_headscale *headscale, fbn_headscale_users **ret_users)
{
        _cleanup_(list_close) struct list list = {0};
        int r = list_open(c, headscale, headscale->http, "/api/v1/user", "users", &list);

        return r < 0 ? r : users_read(c, &list, ret_users);
}

int fbn_headscale_user_create(fbn_context *c, fbn_headscale *headscale, const char *name)
{
        json_t *body = json_pack("{s:s}", "name", name);

        if (!body)
                return fail(c, FBN_EINVAL, "user: the name is not UTF-8");
        return fail_in(c, headscale_call(c, headscale, "POST", "/api/v1/user", body, NULL), "user '%s'", name);
}

int fbn_headscale_user_rename(fbn_context *c, fbn_headscale *headscale, uint64_t id, const char *name)
{
        _cleanup_(text_free) struct text path = {0};
        int r = headscale_name_check(c, name);

        if (r < 0)
                return fail_in(c, r, "user %" PRIu64, id);
        text_add(&path, "/api/v1/user/%" PRIu64 "/rename/", id);
        http_text_escape(&path, name);
        if (path.failed)
                return fail_memory(c);
        return fail_in(c, headscale_call(c, headscale, "POST", path.bytes, NULL, NULL), "user %" PRIu64, id);
}

int fbn_headscale_user_delete(fbn_context *c, fbn_headscale *headscale, uint64_t id)
{
        char path[64];

        snprintf(path, sizeof(path), "/api/v1/user/%" PRIu64, id);
        return fail_in(c, headscale_call(c, headscale, "DELETE", path, NULL, NULL), "user %" PRIu64, id);
}

fbn_headscale_users *fbn_headscale_users_ref(fbn_headscale_users *users)
{
        users->references++;
        return users;
}

fbn_headscale_users *fbn_headscale_users_unref(fbn_headscale_users *users)
{
        if (!users || --users->references > 0)
                return NULL;
        arena_free(&users->arena);
        memory_free(users->items);
        memory_free(users);
        return NULL;
}

size_t fbn_headscale_users_count(const fbn_headscale_users *users)
{
        return users ? users->count : 0;
}

const fbn_headscale_user *fbn_headscale_users_at(const fbn_headscale_users *users, size_t index)
{
        return index < fbn_headscale_users_count(users) ? &users->items[index] : NULL;
}
