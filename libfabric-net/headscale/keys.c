/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/keys.h"

#include <inttypes.h>
#include <stdio.h>

struct fbn_headscale_keys {
        unsigned references;
        struct arena arena;
        fbn_headscale_key *items;
        size_t count, capacity;
};

static const struct json_field user_fields[] = {JSON_ONE(fbn_headscale_key, user, "name", TEXT), {0}};

static const struct json_field pre_auth_fields[] = {
        JSON_IN("user", user_fields),
        JSON_ONE(fbn_headscale_key, id, "id", WHOLE),
        JSON_ONE(fbn_headscale_key, prefix, "key", BEGINNING), /* up to 0.27 the secret itself is listed */
        JSON_ONE(fbn_headscale_key, reusable, "reusable", FLAG),
        JSON_ONE(fbn_headscale_key, ephemeral, "ephemeral", FLAG),
        JSON_ONE(fbn_headscale_key, used, "used", FLAG),
        JSON_ONE(fbn_headscale_key, expiry, "expiration", TIME),
        JSON_ONE(fbn_headscale_key, created, "createdAt", TIME),
        JSON_MANY(fbn_headscale_key, tags, "aclTags", TEXTS),
        {0},
};

static const struct json_field api_fields[] = {
        JSON_ONE(fbn_headscale_key, id, "id", WHOLE),
        JSON_ONE(fbn_headscale_key, prefix, "prefix", BEGINNING),
        JSON_ONE(fbn_headscale_key, expiry, "expiration", TIME),
        JSON_ONE(fbn_headscale_key, created, "createdAt", TIME),
        JSON_ONE(fbn_headscale_key, last_seen, "lastSeen", TIME),
        {0},
};

const char *headscale_key_name(fbn_headscale_key_kind kind)
{
        return kind == FBN_HEADSCALE_KEY_API ? "API key" : "pre-auth key";
}

static int items_read(fbn_context *c, struct list *list, fbn_headscale_key_kind kind, const fbn_secret *own, fbn_headscale_keys *keys)
{
        const struct json_field *fields = kind == FBN_HEADSCALE_KEY_API ? api_fields : pre_auth_fields;
        int r;

        do {
                fbn_headscale_key *key;

                if (!ARRAY_RESERVE(keys->items, keys->count, keys->capacity))
                        return fail_memory(c);
                key = &keys->items[keys->count];
                r = list_next(c, list, &keys->arena, fields, key, sizeof(*key));
                if (r != 1)
                        break;
                key->size = sizeof(*key);
                key->kind = kind;
                key->user = key->user ? key->user : "";
                key->own = kind == FBN_HEADSCALE_KEY_API && headscale_key_is(own, key->prefix);
                keys->count++;
        } while (true);
        return fail_in(c, r, "%s %zu", headscale_key_name(kind), keys->count + 1);
}

static const char *member_of(fbn_headscale_key_kind kind)
{
        return kind == FBN_HEADSCALE_KEY_API ? "apiKeys" : "preAuthKeys";
}

static int keys_new(fbn_context *c, fbn_headscale_keys **ret_keys)
{
        fbn_headscale_keys *keys = memory_alloc(sizeof(*keys));

        if (!keys)
                return fail_memory(c);
        keys->references = 1;
        *ret_keys = keys;
        return 0;
}

int headscale_keys_read(fbn_context *c, const char *text, size_t length, fbn_headscale_key_kind kind, fbn_headscale_keys **ret_keys)
{
        _cleanup_(list_close) struct list list = {0};
        FBN_CLEANUP(fbn_headscale_keys) keys = NULL;
        int r = keys_new(c, &keys);

        list_of_text(text, length, member_of(kind), &list);
        if (r == 0)
                r = items_read(c, &list, kind, NULL, keys);
        if (r == 0)
                *ret_keys = TAKE_PTR(keys);
        return r;
}

static int path_read(fbn_context *c, fbn_headscale *headscale, const char *path, fbn_headscale_key_kind kind, fbn_headscale_keys *keys)
{
        _cleanup_(list_close) struct list list = {0};
        int r = list_open(c, headscale, headscale->http, path, member_of(kind), &list);

        return r < 0 ? r : items_read(c, &list, kind, headscale->key, keys);
}

/* Up to 0.27 there is a list for each user. */
static int users_keys_read(fbn_context *c, fbn_headscale *headscale, fbn_headscale_keys *keys)
{
        FBN_CLEANUP(fbn_headscale_users) users = NULL;
        int r = fbn_headscale_user_list(c, headscale, &users);

        for (size_t i = 0; r == 0 && i < fbn_headscale_users_count(users); i++) {
                char path[64];

                snprintf(path, sizeof(path), KEYS_PATH "?user=%" PRIu64, fbn_headscale_users_at(users, i)->id);
                r = path_read(c, headscale, path, FBN_HEADSCALE_KEY_PRE_AUTH, keys);
        }
        return r;
}

int fbn_headscale_key_list(fbn_context *c, fbn_headscale *headscale, fbn_headscale_key_kind kind, fbn_headscale_keys **ret_keys)
{
        FBN_CLEANUP(fbn_headscale_keys) keys = NULL;
        int r = headscale_negotiate(c, headscale);

        if (r == 0)
                r = keys_new(c, &keys);
        if (r < 0)
                return r;
        if (kind == FBN_HEADSCALE_KEY_API)
                r = path_read(c, headscale, API_KEYS_PATH, kind, keys);
        else
                r = headscale->minor >= 28 ? path_read(c, headscale, KEYS_PATH, kind, keys) : users_keys_read(c, headscale, keys);
        if (r == 0)
                *ret_keys = TAKE_PTR(keys);
        return r;
}

/* What older servers want to have named: of an API key its prefix, of a pre-auth key its user and the secret, which the list of such a
 * server still has. The answer is read anew: our records do not keep it. */
static int old_body(fbn_context *c, fbn_headscale *headscale, uint64_t id, json_t **ret_body)
{
        FBN_CLEANUP(fbn_headscale_users) users = NULL;
        char wanted[32];
        int r = fbn_headscale_user_list(c, headscale, &users);

        snprintf(wanted, sizeof(wanted), "%" PRIu64, id);
        for (size_t i = 0; r == 0 && i < fbn_headscale_users_count(users); i++) {
                _cleanup_(json_freep) json_t *object = NULL;
                char path[64], user[32];
                json_t *key;
                size_t index;

                snprintf(user, sizeof(user), "%" PRIu64, fbn_headscale_users_at(users, i)->id);
                snprintf(path, sizeof(path), KEYS_PATH "?user=%s", user);
                r = headscale_call(c, headscale, "GET", path, NULL, &object);
                json_array_foreach(json_object_get(object, "preAuthKeys"), index, key) {
                        const char *secret = json_string_value(json_object_get(key, "key")), *have = json_string_value(json_object_get(key, "id"));

                        if (have && secret && streq(have, wanted))
                                *ret_body = json_pack("{s:s, s:s}", "user", user, "key", secret);
                        if (secret)
                                explicit_bzero((char *)secret, strlen(secret)); /* jansson's, which nobody reads again */
                }
                if (r == 0 && *ret_body)
                        return 0;
        }
        return r < 0 ? r : fail(c, FBN_ENOENT, "there is none");
}

/* Servers answer 200 for an id that they do not know: it has to be in the list. */
static int find(fbn_context *c, fbn_headscale *headscale, fbn_headscale_key_kind kind, uint64_t id, fbn_headscale_keys **ret_keys,
                const fbn_headscale_key **ret_key)
{
        int r = fbn_headscale_key_list(c, headscale, kind, ret_keys);

        for (size_t i = 0; r == 0 && i < fbn_headscale_keys_count(*ret_keys); i++)
                if (fbn_headscale_keys_at(*ret_keys, i)->id == id) {
                        *ret_key = fbn_headscale_keys_at(*ret_keys, i);
                        return 0;
                }
        return r < 0 ? r : fail(c, FBN_ENOENT, "there is none");
}

static json_t *id_body(uint64_t id)
{
        char text[32];

        snprintf(text, sizeof(text), "%" PRIu64, id);
        return json_pack("{s:s}", "id", text);
}

/* The servers know an API key by the part that tells it from others. */
static const char *bare_prefix(const char *prefix)
{
        return strncmp(prefix, "hskey-api-", 10) == 0 ? prefix + 10 : prefix;
}

static int expire(fbn_context *c, fbn_headscale *headscale, const fbn_headscale_key *key)
{
        const char *secret;
        json_t *body = NULL;
        int r = 0;

        if (headscale->minor >= 28)
                body = id_body(key->id);
        else if (key->kind == FBN_HEADSCALE_KEY_API)
                body = json_pack("{s:s}", "prefix", key->prefix);
        else
                r = old_body(c, headscale, key->id, &body);
        if (r < 0)
                return r;
        if (!body)
                return fail_memory(c);
        json_incref(body);
        r = headscale_call(c, headscale, "POST", key->kind == FBN_HEADSCALE_KEY_API ? API_KEYS_PATH "/expire" : KEYS_PATH "/expire", body, NULL);
        secret = json_string_value(json_object_get(body, "key"));
        if (secret)
                explicit_bzero((char *)secret, strlen(secret));
        json_decref(body);
        return r;
}

int fbn_headscale_key_expire(fbn_context *c, fbn_headscale *headscale, fbn_headscale_key_kind kind, uint64_t id)
{
        FBN_CLEANUP(fbn_headscale_keys) keys = NULL;
        const fbn_headscale_key *key;
        int r = find(c, headscale, kind, id, &keys, &key);

        if (r == 0)
                r = expire(c, headscale, key);
        return fail_in(c, r, "%s %" PRIu64, headscale_key_name(kind), id);
}

int fbn_headscale_key_delete(fbn_context *c, fbn_headscale *headscale, fbn_headscale_key_kind kind, uint64_t id)
{
        FBN_CLEANUP(fbn_headscale_keys) keys = NULL;
        _cleanup_(text_free) struct text path = {0};
        const fbn_headscale_key *key;
        int r = kind == FBN_HEADSCALE_KEY_API ? 0 : headscale_need(c, headscale, FBN_HEADSCALE_CAN_DELETE_KEYS, "delete pre-auth keys; expire it instead");

        if (r == 0)
                r = find(c, headscale, kind, id, &keys, &key);
        if (r < 0)
                return fail_in(c, r, "%s %" PRIu64, headscale_key_name(kind), id);
        if (kind == FBN_HEADSCALE_KEY_API) {
                text_add(&path, API_KEYS_PATH "/");
                http_text_escape(&path, bare_prefix(key->prefix));
        } else
                text_add(&path, KEYS_PATH "?id=%" PRIu64, id);
        if (path.failed)
                return fail_memory(c);
        return fail_in(c, headscale_call(c, headscale, "DELETE", path.bytes, NULL, NULL), "%s %" PRIu64, headscale_key_name(kind), id);
}

fbn_headscale_keys *fbn_headscale_keys_ref(fbn_headscale_keys *keys)
{
        keys->references++;
        return keys;
}

fbn_headscale_keys *fbn_headscale_keys_unref(fbn_headscale_keys *keys)
{
        if (!keys || --keys->references > 0)
                return NULL;
        arena_free(&keys->arena);
        memory_free(keys->items);
        memory_free(keys);
        return NULL;
}

size_t fbn_headscale_keys_count(const fbn_headscale_keys *keys)
{
        return keys ? keys->count : 0;
}

const fbn_headscale_key *fbn_headscale_keys_at(const fbn_headscale_keys *keys, size_t index)
{
        return index < fbn_headscale_keys_count(keys) ? &keys->items[index] : NULL;
}
