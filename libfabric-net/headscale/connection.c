/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/headscale.h"

#define TIMEOUT_MS 10000U
#define TRIES 3U

static int connect_to(fbn_context *c, const fbn_headscale_options *options, fbn_headscale *headscale)
{
        const struct http_options http = {
                .url = options->url ? options->url : "http://headscale.sock",
                .socket = options->socket,
                .ca_file = options->ca_file,
                .pinned_key = options->pinned_key,
                .proxy = options->proxy,
                .bearer = options->api_key,
                .timeout_ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_MS,
                .reply_limit = options->reply_limit,
                .http2 = options->http2,
        };

        return fail_in(c, http_new(c, &http, &headscale->http), "headscale");
}

int fbn_headscale_new(fbn_context *c, const fbn_headscale_options *options, fbn_headscale **ret_headscale)
{
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        fbn_headscale_options mine;
        int r;

        r = OPTIONS_READ(c, fbn_headscale_options, options, &mine);
        if (r < 0)
                return r;
        if (!mine.url && !mine.socket)
                return fail(c, FBN_EINVAL, "headscale: no url given");
        headscale = memory_alloc(sizeof(*headscale));
        if (!headscale)
                return fail_memory(c);
        headscale->references = 1;
        headscale->tries = mine.tries ? mine.tries : TRIES;
        headscale->reply_limit = mine.reply_limit ? mine.reply_limit : HTTP_REPLY_LIMIT;
        headscale->key = mine.api_key ? fbn_secret_ref((fbn_secret *)mine.api_key) : NULL;
        r = connect_to(c, &mine, headscale);
        if (r == 0)
                *ret_headscale = TAKE_PTR(headscale);
        return r;
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
        fbn_secret_unref(headscale->key);
        memory_free(headscale->version);
        memory_free(headscale);
        return NULL;
}

struct meaning {
        const char *words;
        fbn_error code;
};

static fbn_error find(const struct meaning *meanings, size_t count, const char *words)
{
        for (size_t i = 0; i < count; i++)
                if (strstr(words, meanings[i].words))
                        return meanings[i].code;
        return 0;
}

static fbn_error meaning_of_status(long status)
{
        switch (status) {
        case 400:
        case 422:
                return FBN_EINVAL;
        case 404:
                return FBN_ENOENT;
        case 409:
                return FBN_EEXIST;
        case 502:
        case 503:
        case 504:
                return FBN_EUNAVAILABLE;
        default:
                return 0;
        }
}

/* Source: hscontrol's errors of 0.26 to 0.29 (grpcv1.go, db, state, types). Where the status tells, vague words do not count. */
static fbn_error meaning(long status, const char *words)
{
        static const struct meaning clear[] = {
                {"update is disabled for modes other than", FBN_EUNSUPPORTED},
                {"not empty", FBN_ECONFLICT},
                {"UNIQUE constraint", FBN_EEXIST},
                {"already exists", FBN_EEXIST},
                {"not unique", FBN_EEXIST},
                {"not found", FBN_ENOENT},
                {"no longer exists", FBN_ENOENT},
                {"registration expired", FBN_ENOENT},
        };
        static const struct meaning vague[] = {
                {"setting policy", FBN_EINVAL}, {"parsing policy", FBN_EINVAL}, {"verifying SSH", FBN_EINVAL}, {"invalid", FBN_EINVAL},
                {"must be", FBN_EINVAL},        {"must start", FBN_EINVAL},     {"should", FBN_EINVAL},         {"cannot", FBN_EINVAL},
        };
        fbn_error code;

        if (status == 401 || status == 403 || streq(words, "Unauthorized")) /* 0.26 says that with status 500 */
                return FBN_EDENIED;
        code = find(clear, ARRAY_SIZE(clear), words);
        if (!code)
                code = meaning_of_status(status);
        if (!code)
                code = find(vague, ARRAY_SIZE(vague), words);
        return code ? code : FBN_EPROTOCOL;
}

/* What to do next, where the server's own words do not say it. */
static const char *hint(const fbn_headscale *headscale, fbn_error code)
{
        switch (code) {
        case FBN_EDENIED:
                return headscale->key ? "; the API key is wrong or expired, make one with 'headscale apikeys create'" : "; an API key is needed";
        case FBN_EUNAVAILABLE:
                return "; a proxy answers in its place: is headscale running behind it?";
        case FBN_ECONFLICT:
                return "; delete its nodes first, or give them to somebody else";
        default:
                return "";
        }
}

int headscale_refused(fbn_context *c, const fbn_headscale *headscale, const struct http_reply *reply)
{
        char words[512];
        fbn_error code;

        http_reply_words(reply, words, sizeof(words));
        code = meaning(reply->status, words);
        fail(c, code, "HTTP %ld%s%s%s", reply->status, *words ? ": " : "", words, hint(headscale, code));
        return fail_in(c, -(int)code, "%s", http_name(headscale->http));
}

/* The body's text. */
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

static bool is_failure(const struct http_reply *reply)
{
        return reply->status < 200 || reply->status > 299;
}

/* What only reads is asked again. What changes something is sent once: the server may have done it before the connection broke. */
static int ask(fbn_context *c, fbn_headscale *headscale, const char *method, const char *path, const char *body, struct http_reply *ret_reply)
{
        struct retry retry = {.tries = streq(method, "GET") ? headscale->tries : 1};
        int r;

        for (;;) {
                HTTP_REPLY reply = {0};

                r = http_request(c, headscale->http, method, path, body, &reply);
                if (!(r < 0 || is_failure(&reply)) || !http_transient(headscale->http, reply.status) || !retry_wait(c, &retry)) {
                        *ret_reply = reply;
                        reply = (struct http_reply){0};
                        return r;
                }
        }
}

static int call(fbn_context *c, fbn_headscale *headscale, const char *method, const char *path, const json_t *body,
                struct http_reply *ret_reply)
{
        _cleanup_free_ char *text = NULL;
        int r = body ? dump(c, body, &text) : 0;

        if (r == 0)
                r = ask(c, headscale, method, path, text, ret_reply);
        if (text)
                explicit_bzero(text, strlen(text)); /* to old servers a pre-auth key is told to end it */
        return r == 0 && is_failure(ret_reply) ? headscale_refused(c, headscale, ret_reply) : r;
}

int headscale_get(fbn_context *c, fbn_headscale *headscale, const char *path, struct http_reply *ret_reply)
{
        return ask(c, headscale, "GET", path, NULL, ret_reply);
}

int headscale_call(fbn_context *c, fbn_headscale *headscale, const char *method, const char *path, json_t *body, json_t **ret_object)
{
        _cleanup_(json_freep) json_t *taken = body;
        HTTP_REPLY reply = {0};
        int r = call(c, headscale, method, path, taken, &reply);

        return r == 0 && ret_object ? json_reply(c, headscale->http, &reply, ret_object) : r;
}
