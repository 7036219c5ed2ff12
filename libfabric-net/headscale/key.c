/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define SECOND INT64_C(1000000000)
#define VALID_FOR (3600 * SECOND)
#define API_VALID_FOR (90 * 86400 * SECOND)

static json_t *texts_array(const char *const *texts, size_t count)
{
        json_t *array = json_array();

        for (size_t i = 0; i < count; i++)
                json_array_append_new(array, json_string(texts[i]));
        if (json_array_size(array) == count)
                return array;
        json_decref(array);
        return NULL;
}

/* Always with an expiration: without one the servers make a key that is expired at birth. */
static json_t *body_new(const fbn_headscale_key_options *options)
{
        bool api = options->kind == FBN_HEADSCALE_KEY_API;
        int64_t valid_for = options->valid_for ? options->valid_for : api ? API_VALID_FOR : VALID_FOR;
        char user[32], expiration[32];

        json_time_format((int64_t)time(NULL) * SECOND + valid_for, expiration, sizeof(expiration));
        if (api)
                return json_pack("{s:s}", "expiration", expiration);
        snprintf(user, sizeof(user), "%" PRIu64, options->user);
        return json_pack("{s:s*, s:b, s:b, s:s, s:o}", "user", options->user ? user : NULL, "reusable", options->reusable, "ephemeral",
                         options->ephemeral, "expiration", expiration, "aclTags", texts_array(options->tags, options->n_tags));
}

static void wipe(const char *text)
{
        explicit_bzero((void *)text, strlen(text)); /* inside jansson's value, which nobody reads again */
}

static int key_read(fbn_context *c, const json_t *object, bool api, fbn_secret **ret_key)
{
        json_t *key = NULL;
        const char *text;
        int r = api ? 0 : json_read_object(c, object, "preAuthKey", &key);

        if (r < 0)
                return r;
        text = json_string_value(api ? json_object_get(object, "apiKey") : json_object_get(key, "key"));
        if (!text || !*text)
                return fail(c, FBN_EPROTOCOL, "the answer has no key");
        r = fbn_secret_new(c, text, strlen(text), ret_key);
        wipe(text);
        return r;
}

static int check(fbn_context *c, fbn_headscale *headscale, const fbn_headscale_key_options *options)
{
        if (options->valid_for < 0 || options->valid_for > INT64_MAX / 4)
                return fail(c, FBN_EINVAL, "it cannot be valid for %" PRId64 " ns", options->valid_for);
        if (options->kind == FBN_HEADSCALE_KEY_API || options->user)
                return 0;
        if (options->n_tags == 0)
                return fail(c, FBN_EINVAL, "no user given");
        return headscale_need(c, headscale, FBN_HEADSCALE_CAN_MINT_TAGGED, "mint a key without a user");
}

int fbn_headscale_key_mint(fbn_context *c, fbn_headscale *headscale, const fbn_headscale_key_options *options, fbn_secret **ret_key)
{
        _cleanup_(json_freep) json_t *object = NULL;
        fbn_headscale_key_options mine;
        json_t *body;
        bool api;
        int r;

        r = OPTIONS_READ(c, fbn_headscale_key_options, options, &mine);
        if (r < 0)
                return r;
        api = mine.kind == FBN_HEADSCALE_KEY_API;
        r = check(c, headscale, &mine);
        if (r < 0)
                return fail_in(c, r, "%s", headscale_key_name(mine.kind));
        body = body_new(&mine);
        if (!body)
                return fail(c, FBN_EINVAL, "pre-auth key: a tag is not UTF-8");
        r = headscale_call(c, headscale, "POST", api ? API_KEYS_PATH : KEYS_PATH, body, &object);
        if (r == 0)
                r = key_read(c, object, api, ret_key);
        return mine.user ? fail_in(c, r, "pre-auth key for user %" PRIu64, mine.user) : fail_in(c, r, "%s", headscale_key_name(mine.kind));
}

/* How much of the secret of an API key is no secret: what the server calls its prefix. It may have a '-' in it (hscontrol/types/api_key.go). */
static size_t public_length(const char *bytes, size_t length)
{
        static const char begin[] = "hskey-api-";
        const size_t prefix = sizeof(begin) - 1 + 12;
        const char *dot;

        if (length > prefix && memcmp(bytes, begin, sizeof(begin) - 1) == 0)
                return bytes[prefix] == '-' ? prefix : 0;
        dot = memchr(bytes, '.', length);
        return dot ? (size_t)(dot - bytes) : 0;
}

bool headscale_key_is(const fbn_secret *secret, const char *prefix)
{
        size_t length = secret ? public_length(fbn_secret_bytes(secret), fbn_secret_length(secret)) : 0;

        return length > 0 && strlen(prefix) == length && memcmp(fbn_secret_bytes(secret), prefix, length) == 0;
}

static int find_own(fbn_context *c, fbn_headscale *headscale, const fbn_secret *key, uint64_t *ret_id)
{
        FBN_CLEANUP(fbn_headscale_keys) keys = NULL;
        int r = fbn_headscale_key_list(c, headscale, FBN_HEADSCALE_KEY_API, &keys);

        if (r < 0)
                return r;
        for (size_t i = 0; i < fbn_headscale_keys_count(keys); i++)
                if (headscale_key_is(key, fbn_headscale_keys_at(keys, i)->prefix)) {
                        *ret_id = fbn_headscale_keys_at(keys, i)->id;
                        return 0;
                }
        return fail(c, FBN_ENOENT, "the server does not list the key of this connection");
}

/* From here on the connection has this key. */
static int use(fbn_context *c, fbn_headscale *headscale, fbn_secret *key)
{
        int r = http_bearer(c, headscale->http, key);

        if (r == 0) {
                fbn_secret_ref(key);
                fbn_secret_unref(headscale->key);
                headscale->key = key;
        }
        return r;
}

void headscale_key_back(fbn_context *c, fbn_headscale *headscale, fbn_secret *old, const fbn_secret *made)
{
        struct undoing undoing = undo_begin(c);
        uint64_t id;

        use(c, headscale, old);
        if (find_own(c, headscale, made, &id) == 0)
                fbn_headscale_key_delete(c, headscale, FBN_HEADSCALE_KEY_API, id);
        undo_end(c, &undoing);
}

int fbn_headscale_key_rotate(fbn_context *c, fbn_headscale *headscale, int64_t valid_for, fbn_secret **ret_key)
{
        FBN_CLEANUP(fbn_secret) old = NULL, *made = NULL;
        uint64_t id;
        int r;

        if (!headscale->key)
                return fail(c, FBN_EINVAL, "API key: the connection has none");
        old = fbn_secret_ref(headscale->key);
        r = fbn_headscale_key_mint(c, headscale, FBN_OPTIONS(fbn_headscale_key_options, .kind = FBN_HEADSCALE_KEY_API, .valid_for = valid_for), &made);
        if (r < 0)
                return r;
        r = use(c, headscale, made);
        if (r == 0)
                r = find_own(c, headscale, made, &id);
        if (r < 0) {
                headscale_key_back(c, headscale, old, made);
                return r;
        }
        *ret_key = TAKE_PTR(made);
        return 0;
}
