/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/headscale.h"

#include <inttypes.h>
#include <stdio.h>

struct fbn_headscale_users {
        unsigned references;
        struct arena arena;
        fbn_headscale_user *items;
        size_t count, capacity;
};

static int user_read(fbn_context *c, struct arena *arena, const json_t *object, fbn_headscale_user *user)
{
        int r;

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

static int item_read(fbn_context *c, const json_t *element, size_t index, void *data)
{
        fbn_headscale_users *users = data;
        fbn_headscale_user *item;
        int r;

        if (!ARRAY_RESERVE(users->items, users->count, users->capacity))
                return fail_memory(c);
        item = &users->items[users->count];
        *item = (fbn_headscale_user){.size = sizeof(*item)};
        r = user_read(c, &users->arena, element, item);
        if (r < 0)
                return fail_in(c, r, "user %zu", index + 1);
        users->count++;
        return 0;
}

int headscale_users_read(fbn_context *c, const char *text, size_t length, fbn_headscale_users **ret_users)
{
        static const char *const members[] = {"id", "name", "displayName", "email", "createdAt", NULL};
        FBN_CLEANUP(fbn_headscale_users) users = memory_alloc(sizeof(*users));
        int r;

        if (!users)
                return fail_memory(c);
        users->references = 1;
        r = json_each(c, text, length, "users", members, item_read, users);
        if (r < 0)
                return r;
        *ret_users = TAKE_PTR(users);
        return 0;
}

int fbn_headscale_user_list(fbn_context *c, fbn_headscale *headscale, fbn_headscale_users **ret_users)
{
        HTTP_REPLY reply = {0};
        int r = headscale_list(c, headscale, "/api/v1/user", &reply);

        return r < 0 ? r : fail_in(c, headscale_users_read(c, reply.body, reply.length, ret_users), "%s", http_name(headscale->http));
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
