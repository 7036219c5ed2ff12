/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/headscale.h"

#include <inttypes.h>
#include <stdio.h>

struct fbn_headscale_users {
        unsigned references;
        struct arena arena;
        fbn_headscale_user *items;
        size_t count;
};

static int user_read(fbn_context *c, struct arena *arena, const json_t *object, fbn_headscale_user *user)
{
        int r;

        user->size = sizeof(*user);
        r = json_read_number(c, object, "id", &user->id);
        if (r == 0)
                r = json_read_text(c, arena, object, "name", &user->name);
        if (r == 0)
                r = json_read_text(c, arena, object, "displayName", &user->display_name);
        if (r == 0)
                r = json_read_text(c, arena, object, "email", &user->email);
        if (r == 0)
                r = json_read_time(c, object, "createdAt", &user->created);
        return r;
}

static int items_read(fbn_context *c, json_t *array, fbn_headscale_users *users)
{
        size_t i;
        json_t *item;
        int r;

        users->items = arena_alloc(&users->arena, json_array_size(array) * sizeof(*users->items));
        if (!users->items)
                return fail_memory(c);
        json_array_foreach(array, i, item) {
                r = user_read(c, &users->arena, item, &users->items[i]);
                if (r < 0)
                        return fail_in(c, r, "user %zu", i + 1);
        }
        users->count = json_array_size(array);
        return 0;
}

int headscale_users_read(fbn_context *c, const json_t *object, fbn_headscale_users **ret_users)
{
        FBN_CLEANUP(fbn_headscale_users) users = memory_alloc(sizeof(*users));
        json_t *array;
        int r;

        if (!users)
                return fail_memory(c);
        users->references = 1;
        r = json_read_array(c, object, "users", &array);
        if (r == 0)
                r = items_read(c, array, users);
        if (r < 0)
                return r;
        *ret_users = TAKE_PTR(users);
        return 0;
}

int fbn_headscale_user_list(fbn_context *c, fbn_headscale *headscale, fbn_headscale_users **ret_users)
{
        _cleanup_(json_freep) json_t *object = NULL;
        int r = headscale_call(c, headscale, "GET", "/api/v1/user", NULL, &object);

        return r < 0 ? r : fail_in(c, headscale_users_read(c, object, ret_users), "%s", http_name(headscale->http));
}

int fbn_headscale_user_create(fbn_context *c, fbn_headscale *headscale, const char *name)
{
        json_t *body = json_pack("{s:s}", "name", name);

        if (!body)
                return fail(c, FBN_EINVAL, "user: the name is not UTF-8");
        return fail_in(c, headscale_call(c, headscale, "POST", "/api/v1/user", body, NULL), "user '%s'", name);
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
