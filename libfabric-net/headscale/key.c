/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/headscale.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define VALID_FOR ((int64_t)3600 * 1000000000)

/* Always with an expiration: without one the servers make a key that is expired at birth. */
static json_t *body_new(const fbn_headscale_key_options *options)
{
        char user[32], expiration[32];
        json_t *tags = json_array(), *body;
        int64_t valid_for = options->valid_for ? options->valid_for : VALID_FOR;

        for (size_t i = 0; i < options->n_tags; i++)
                json_array_append_new(tags, json_string(options->tags[i]));
        if (json_array_size(tags) != options->n_tags) {
                json_decref(tags);
                return NULL;
        }
        snprintf(user, sizeof(user), "%" PRIu64, options->user);
        json_time_format((int64_t)time(NULL) * 1000000000 + valid_for, expiration, sizeof(expiration));
        body = json_pack("{s:s, s:b, s:b, s:s, s:o}", "user", user, "reusable", options->reusable, "ephemeral", options->ephemeral, "expiration",
                         expiration, "aclTags", tags);
        return body;
}

static void wipe(const char *text)
{
        explicit_bzero((void *)text, strlen(text)); /* inside jansson's value, which nobody reads again */
}

static int key_read(fbn_context *c, const json_t *object, fbn_secret **ret_key)
{
        json_t *key;
        const char *text;
        int r = json_read_object(c, object, "preAuthKey", &key);

        if (r < 0)
                return r;
        text = json_string_value(json_object_get(key, "key"));
        if (!text || !*text)
                return fail(c, FBN_EPROTOCOL, "the answer has no key");
        r = fbn_secret_new(c, text, strlen(text), ret_key);
        wipe(text);
        return r;
}

int fbn_headscale_key_mint(fbn_context *c, fbn_headscale *headscale, const fbn_headscale_key_options *options, fbn_secret **ret_key)
{
        _cleanup_(json_freep) json_t *object = NULL;
        fbn_headscale_key_options mine;
        json_t *body;
        int r;

        r = OPTIONS_READ(c, fbn_headscale_key_options, options, &mine);
        if (r < 0)
                return r;
        if (mine.user == 0)
                return fail(c, FBN_EINVAL, "pre-auth key: no user given");
        if (mine.valid_for < 0 || mine.valid_for > INT64_MAX / 4)
                return fail(c, FBN_EINVAL, "pre-auth key: it cannot be valid for %" PRId64 " ns", mine.valid_for);
        body = body_new(&mine);
        if (!body)
                return fail(c, FBN_EINVAL, "pre-auth key: a tag is not UTF-8");
        r = headscale_call(c, headscale, "POST", "/api/v1/preauthkey", body, &object);
        if (r == 0)
                r = key_read(c, object, ret_key);
        return fail_in(c, r, "pre-auth key for user %" PRIu64, mine.user);
}
