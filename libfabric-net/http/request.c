/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/connection.h"

static int run(fbn_context *c, struct http *http)
{
        CURLcode code = CURLE_OK;
        int r;

        do
                r = connection_step(c, http, CANCEL_LATENCY, &code);
        while (r == 0);
        if (r < 0)
                return r;
        return code == CURLE_OK ? 0 : connection_fail(c, http, code);
}

int connection_reply(fbn_context *c, struct http *http, struct http_reply *ret_reply)
{
        const char *type = NULL;
        struct http_reply reply = {0};
        curl_off_t wait = 0;

        http->curl->easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &reply.status);
        http->curl->easy_getinfo(http->easy, CURLINFO_CONTENT_TYPE, &type);
        http->curl->easy_getinfo(http->easy, CURLINFO_RETRY_AFTER, &wait);
        reply.retry_after_s = wait;
        reply.type = memory_strdup(type ? type : "");
        if (!reply.type)
                return fail_memory(c);
        reply.body = TAKE_PTR(http->received.bytes);
        reply.length = http->received.length;
        http->received = (struct text){0};
        http->filled = 0;
        *ret_reply = reply;
        return 0;
}

int http_request(fbn_context *c, struct http *http, const char *method, const char *path, const char *body, struct http_reply *ret_reply)
{
        int r;

        r = connection_start(c, http, method, path, body, http->timeout_ms);
        if (r == 0)
                r = run(c, http);
        if (r == 0)
                r = connection_reply(c, http, ret_reply);
        connection_stop(http);
        return fail_in(c, r, "%s", http_name(http));
}

void http_reply_clear(struct http_reply *reply)
{
        if (reply->body)
                explicit_bzero(reply->body, reply->length);
        memory_free(reply->body);
        memory_free(reply->type);
        *reply = (struct http_reply){0};
}
