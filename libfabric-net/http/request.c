/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/connection.h"


#define CANCEL_LATENCY 100 /* milliseconds between two looks at whether the context was cancelled */

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

static int reply_take(fbn_context *c, struct http *http, struct http_reply *ret_reply)
{
        const char *type = NULL;
        struct http_reply reply = {0};

        http->curl->easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &reply.status);
        http->curl->easy_getinfo(http->easy, CURLINFO_CONTENT_TYPE, &type);
        reply.type = memory_strdup(type ? type : "");
        if (!reply.type)
                return fail_memory(c);
        reply.body = TAKE_PTR(http->received.bytes);
        reply.length = http->received.length;
        http->received = (struct text){0};
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
                r = reply_take(c, http, ret_reply);
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

static int stream_status(fbn_context *c, struct http *http)
{
        long status = 0;

        http->curl->easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
        if (status == 0 || (status >= 200 && status < 300))
                return (int)status;
        return fail(c, status == 403 ? FBN_EPERM : FBN_EPROTOCOL, "HTTP %ld", status);
}

/* One round. 1 once the header is there; a transfer that is over cannot be read from any more. */
static int stream_step(fbn_context *c, struct http *http, int64_t deadline_ms)
{
        int64_t left = deadline_ms - http_clock_ms();
        CURLcode code = CURLE_OK;
        int r;

        if (left <= 0)
                return fail(c, FBN_ETIMEOUT, "no answer in time");
        r = connection_step(c, http, (int)MIN(left, CANCEL_LATENCY), &code);
        if (r < 0)
                return r;
        if (r > 0 && code != CURLE_OK)
                return connection_fail(c, http, code);
        return stream_status(c, http);
}

int http_stream_open(fbn_context *c, struct http *http, const char *path)
{
        int64_t deadline = http_clock_ms() + http->timeout_ms;
        int r;

        r = connection_start(c, http, "GET", path, NULL, 0);
        if (r < 0)
                return fail_in(c, r, "%s", http_name(http));
        do
                r = stream_step(c, http, deadline);
        while (r == 0);
        if (r < 0)
                connection_stop(http);
        return r < 0 ? fail_in(c, r, "%s", http_name(http)) : 0;
}

/* The next whole line of what was received, its newline made a zero; NULL if there is none yet. What was read before is dropped. */
static const char *line_take(struct http *http)
{
        struct text *received = &http->received;
        char *line = received->bytes + http->consumed;
        char *end = memchr(line, '\n', received->length - http->consumed);

        if (end) {
                *end = 0;
                http->consumed = (size_t)(end + 1 - received->bytes);
                return line;
        }
        memmove(received->bytes, line, received->length - http->consumed);
        received->length -= http->consumed;
        http->consumed = 0;
        return NULL;
}

int http_stream_line(fbn_context *c, struct http *http, int64_t deadline_ms, const char **ret_line)
{
        const char *line;
        int r = 0;

        while (!(line = line_take(http))) {
                CURLcode code = CURLE_OK;
                int64_t left = deadline_ms - http_clock_ms();

                if (left <= 0)
                        r = fail(c, FBN_ETIMEOUT, "no answer in time");
                else
                        r = connection_step(c, http, (int)MIN(left, CANCEL_LATENCY), &code);
                if (r > 0)
                        r = code == CURLE_OK ? fail(c, FBN_EUNAVAILABLE, "the stream ended") : connection_fail(c, http, code);
                if (r < 0)
                        return fail_in(c, r, "%s", http_name(http));
        }
        *ret_line = line;
        return 0;
}
