/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/headscale.h"

#define TIMEOUT_MS 10000U

int fbn_headscale_new(fbn_context *c, const fbn_headscale_options *options, fbn_headscale **ret_headscale)
{
        fbn_headscale_options mine;
        fbn_headscale *headscale;
        int r;

        r = OPTIONS_READ(c, fbn_headscale_options, options, &mine);
        if (r < 0)
                return r;
        if (!mine.url)
                return fail(c, FBN_EINVAL, "headscale: no url given");
        headscale = memory_alloc(sizeof(*headscale));
        if (!headscale)
                return fail_memory(c);
        headscale->references = 1;
        headscale->has_key = mine.api_key != NULL;
        r = http_new(c,
                     &(struct http_options){.url = mine.url, .ca_file = mine.ca_file, .bearer = mine.api_key,
                                            .timeout_ms = mine.timeout_ms ? mine.timeout_ms : TIMEOUT_MS},
                     &headscale->http);
        if (r < 0) {
                fbn_headscale_unref(headscale);
                return fail_in(c, r, "headscale");
        }
        *ret_headscale = headscale;
        return 0;
}

fbn_headscale *fbn_headscale_ref(fbn_headscale *headscale)
{
        headscale->references++;
        return headscale;
}

fbn_headscale *fbn_headscale_unref(fbn_headscale *headscale)
{
        if (!headscale || --headscale->references > 0)
                return NULL;
        http_free(headscale->http);
        memory_free(headscale->version);
        memory_free(headscale);
        return NULL;
}

static bool says(const char *words, const char *const *any)
{
        for (; *any; any++)
                if (strstr(words, *any))
                        return true;
        return false;
}

static fbn_error meaning(long status, const char *words)
{
        /* Source: hscontrol's errors of 0.26 to 0.29 (grpcv1.go, db, state, types). */
        static const char *const missing[] = {"not found", "no longer exists", "registration expired", NULL}, *const exists[] = {"UNIQUE constraint", "already exists", "not unique", NULL},
                                 *const used[] = {"not empty", NULL}, *const mode[] = {"update is disabled for modes other than", NULL},
                                 *const invalid[] = {"setting policy", "parsing policy", "invalid", "must be", "should", "cannot", "verifying SSH", NULL};

        if (status == 401 || status == 403 || streq(words, "Unauthorized")) /* 0.26 says that with status 500 */
                return FBN_EDENIED;
        if (says(words, mode))
                return FBN_EUNSUPPORTED;
        if (says(words, used))
                return FBN_ECONFLICT;
        if (status == 409 || says(words, exists))
                return FBN_EEXIST;
        if (status == 404 || says(words, missing))
                return FBN_ENOENT;
        if (status == 502 || status == 503 || status == 504)
                return FBN_EUNAVAILABLE;
        if (status == 400 || status == 422 || says(words, invalid))
                return FBN_EINVAL;
        return FBN_EPROTOCOL;
}

int headscale_refused(fbn_context *c, const fbn_headscale *headscale, const struct http_reply *reply)
{
        char words[512];
        fbn_error code;

        http_reply_words(reply, words, sizeof(words));
        code = meaning(reply->status, words);
        if (code == FBN_EDENIED)
                return fail_in(c,
                               fail(c, code, "HTTP %ld: %s; %s", reply->status, words,
                                    headscale->has_key ? "the API key is wrong or expired, make one with 'headscale apikeys create'" : "an API key is needed"),
                               "%s", http_name(headscale->http));
        return http_fail(c, code, headscale->http, reply);
}

/* The body's text; it may hold nothing secret, no request of ours does. */
static int dump(fbn_context *c, const json_t *body, char **ret_text)
{
        size_t size = json_dumpb(body, NULL, 0, JSON_COMPACT);
        char *text = size ? memory_alloc(size + 1) : NULL;

        if (!text)
                return fail_memory(c);
        json_dumpb(body, text, size, JSON_COMPACT);
        *ret_text = text;
        return 0;
}

static int call(fbn_context *c, fbn_headscale *headscale, const char *method, const char *path, const json_t *body, struct http_reply *ret_reply)
{
        _cleanup_free_ char *text = NULL;
        int r = body ? dump(c, body, &text) : 0;

        if (r == 0)
                r = http_request(c, headscale->http, method, path, text, ret_reply);
        if (r == 0 && (ret_reply->status < 200 || ret_reply->status > 299))
                r = headscale_refused(c, headscale, ret_reply);
        return r;
}

int headscale_call(fbn_context *c, fbn_headscale *headscale, const char *method, const char *path, json_t *body, json_t **ret_object)
{
        _cleanup_(json_freep) json_t *taken = body;
        HTTP_REPLY reply = {0};
        int r = call(c, headscale, method, path, taken, &reply);

        return r == 0 && ret_object ? json_reply(c, headscale->http, &reply, ret_object) : r;
}

int headscale_list(fbn_context *c, fbn_headscale *headscale, const char *path, struct http_reply *ret_reply)
{
        int r = call(c, headscale, "GET", path, NULL, ret_reply);

        return r < 0 ? r : json_check(c, headscale->http, ret_reply);
}
