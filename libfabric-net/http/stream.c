/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers that are read while they come. */
#include "http/connection.h"

#define ONE_ROUND ((size_t)4 << 20) /* more than libcurl hands over before its caller can use any of it */
#define SLOWEST 1000 /* bytes a second: what comes slower over a whole time-out is no server at work */

static int stream_status(fbn_context *c, struct http *http)
{
        long status = 0;

        http->curl->easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
        if (status == 0 || (status >= 200 && status < 300))
                return (int)status;
        return fail(c, status == 403 ? FBN_EPERM : FBN_EPROTOCOL, "HTTP %ld", status);
}

/* One round, of at most so long. 1 when the answer is over. */
static int step(fbn_context *c, struct http *http, int64_t left_ms)
{
        CURLcode code = CURLE_OK;
        int r;

        if (http->over)
                return 1;
        if (left_ms <= 0)
                return fail(c, FBN_ETIMEOUT, "no answer within %u ms", http->timeout_ms);
        r = connection_step(c, http, (int)MIN(left_ms, CANCEL_LATENCY), &code);
        http->over = r > 0;
        return r > 0 && code != CURLE_OK ? connection_fail(c, http, code) : r;
}

/* Until the status is there. */
static int header_wait(fbn_context *c, struct http *http)
{
        int64_t deadline = http_clock_ms() + http->timeout_ms;
        long status = 0;
        int r = 0;

        while (r == 0 && status == 0) {
                r = step(c, http, deadline - http_clock_ms());
                http->curl->easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
        }
        return MIN(r, 0);
}

int http_stream_open(fbn_context *c, struct http *http, const char *path)
{
        int r = connection_start(c, http, "GET", path, NULL, 0);

        if (r == 0)
                r = header_wait(c, http);
        if (r == 0)
                r = stream_status(c, http);
        if (r < 0)
                connection_stop(http);
        return r < 0 ? fail_in(c, r, "%s", http_name(http)) : 0;
}

/* Drop what was read before. */
static void used_drop(struct http *http)
{
        struct text *received = &http->received;

        memmove(received->bytes, received->bytes + http->consumed, received->length - http->consumed);
        received->length -= http->consumed;
        http->consumed = 0;
}

/* The next whole line of what was received, its newline made a zero; NULL if there is none yet. */
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
        used_drop(http);
        return NULL;
}

int http_stream_line(fbn_context *c, struct http *http, int64_t deadline_ms, const char **ret_line)
{
        const char *line;
        int r = 0;

        while (!(line = line_take(http))) {
                int64_t left = deadline_ms - http_clock_ms();

                r = left <= 0 ? fail(c, FBN_ETIMEOUT, "no answer in time") : step(c, http, left);
                if (r > 0 && !memchr(http->received.bytes, '\n', http->received.length))
                        r = fail(c, FBN_EUNAVAILABLE, "the stream ended");
                if (r < 0)
                        return fail_in(c, r, "%s", http_name(http));
        }
        *ret_line = line;
        return 0;
}

int http_stream_poll(fbn_context *c, struct http *http, const char **ret_line)
{
        const char *line = line_take(http);
        CURLcode code = CURLE_OK;
        int r = line || http->over ? 0 : connection_step(c, http, 0, &code);

        if (r > 0) {
                http->over = true;
                r = code == CURLE_OK ? 0 : connection_fail(c, http, code);
        }
        if (r == 0 && !line)
                line = line_take(http);
        if (r == 0 && !line && http->over)
                r = fail(c, FBN_EUNAVAILABLE, "the stream ended");
        if (r < 0)
                return fail_in(c, r, "%s", http_name(http));
        *ret_line = line;
        return line != NULL;
}

int http_stream_fd(const struct http *http)
{
        return http->fd;
}

/* The whole of a refusal, so that its words can be told. */
static int refusal_take(fbn_context *c, struct http *http, struct http_reply *ret_reply)
{
        int64_t deadline = http_clock_ms() + http->timeout_ms;
        int r = 0;

        while (r == 0)
                r = step(c, http, deadline - http_clock_ms());
        if (r > 0)
                r = connection_reply(c, http, ret_reply);
        connection_stop(http);
        return r;
}

int http_download(fbn_context *c, struct http *http, const char *path, struct http_reply *ret_reply)
{
        struct http_reply reply = {0};
        const char *type = NULL;
        int r = connection_start(c, http, "GET", path, NULL, 0);

        http->buffer_limit = http->reply_limit + ONE_ROUND;
        if (r == 0)
                r = header_wait(c, http);
        /* The type's line comes with the status' or after it. */
        while (r == 0 && !http->over && http->received.length == 0)
                r = MIN(step(c, http, http->timeout_ms), 0);
        if (r < 0)
                connection_stop(http);
        if (r < 0)
                return fail_in(c, r, "%s", http_name(http));
        http->curl->easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &reply.status);
        if (reply.status < 200 || reply.status > 299)
                return fail_in(c, refusal_take(c, http, ret_reply), "%s", http_name(http));
        http->curl->easy_getinfo(http->easy, CURLINFO_CONTENT_TYPE, &type);
        reply.type = memory_strdup(type ? type : "");
        if (!reply.type) {
                connection_stop(http);
                return fail_memory(c);
        }
        http->waited_ms = 0;
        http->used = 0;
        *ret_reply = reply;
        return 0;
}

/* How much there has to be before the reader tries again: it begins a long element anew each time. */
static size_t enough(const struct http *http, const struct http_part *part)
{
        size_t had = http->received.length - http->consumed;

        return !part->bytes ? 0 : had < HTTP_PART ? had + 1 : 2 * had;
}

static int too_slow(fbn_context *c, const struct http *http)
{
        size_t all = http->used + http->received.length;

        if (http->waited_ms <= http->timeout_ms || all / SLOWEST >= (size_t)http->waited_ms / 1000)
                return 0;
        return fail(c, FBN_ETIMEOUT, "the answer comes too slowly: %zu bytes in %lld ms", all, (long long)http->waited_ms);
}

int http_download_more(fbn_context *c, struct http *http, struct http_part *part)
{
        int64_t start = http_clock_ms(), deadline = start + http->timeout_ms;
        size_t wanted = enough(http, part);
        int r = 0;

        used_drop(http);
        while (r == 0 && http->received.length < wanted)
                r = step(c, http, deadline - http_clock_ms());
        http->waited_ms += http_clock_ms() - start;
        if (r == 0)
                r = too_slow(c, http);
        if (r < 0)
                return fail_in(c, r, "%s", http_name(http));
        *part = (struct http_part){.bytes = http->received.bytes, .length = http->received.length, .before = http->used, .open = !http->over};
        return 0;
}

void http_download_used(struct http *http, size_t length)
{
        http->consumed += length;
        http->used += length;
}

void http_download_end(struct http *http)
{
        connection_stop(http);
        received_clear(http);
}
