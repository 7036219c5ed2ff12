/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

/* A client of one HTTP server: https anywhere, plain http on loopback, or a unix socket. One connection, kept open between requests. */
#include "base/context.h"

#include <fabricnet/secret.h>

#define HTTP_REPLY_LIMIT ((size_t)64 << 20)

struct http;

struct http_options {
        const char *url;          /* "https://host[:port][/path]"; with a socket only its host is used, as the Host header */
        const char *socket;       /* unix socket to connect to, NULL for TCP */
        const char *ca_file;      /* NULL: the system's authorities */
        const char *pinned_key;   /* "sha256//BASE64", several parted by ';'; NULL: none */
        const char *proxy;        /* NULL: what the environment says, "": none */
        const fbn_secret *bearer; /* sent as Authorization: Bearer; may be NULL */
        uint32_t timeout_ms;      /* of each request */
        size_t reply_limit;       /* bytes; 0: HTTP_REPLY_LIMIT */
        bool http2;               /* offered in TLS */
};

struct http_reply {
        long status;
        char *type; /* Content-Type, "" if none */
        char *body; /* zero-terminated; wiped when cleared: it may hold a secret */
        size_t length;
        int64_t retry_after_s; /* what the server asked to be waited; 0: nothing */
};

/* -FBN_EINVAL (url, key), -FBN_EUNSUPPORTED (no libcurl). Sends nothing. */
int http_new(fbn_context *c, const struct http_options *options, struct http **ret_http);
struct http *http_free(struct http *http);

/* Another connection to the same server. */
int http_again(fbn_context *c, const struct http *http, struct http **ret_http);

/* Other requests from now on have this key. */
int http_bearer(fbn_context *c, struct http *http, const fbn_secret *bearer);

/* The server's address for messages: the url or the socket. */
const char *http_name(const struct http *http);

/* One request; body is JSON or NULL. 0 with whatever status the server answered, or -FBN_EUNAVAILABLE, -FBN_ETIMEOUT, -FBN_EPERM (a
 * socket), -FBN_EPROTOCOL, -FBN_ECANCELED. Names are resolved in the context's namespace, by this process's /etc/resolv.conf and
 * /etc/hosts. libcurl sends a request again if a kept connection turns out to be dead before a byte of the answer came. */
int http_request(fbn_context *c, struct http *http, const char *method, const char *path, const char *body, struct http_reply *ret_reply);
void http_reply_clear(struct http_reply *reply);

#define HTTP_REPLY _cleanup_(http_reply_clear) struct http_reply

/* What the server said about a failure, from any of the shapes that Headscale and tailscaled use, cut to one line. */
const char *http_reply_words(const struct http_reply *reply, char *buffer, size_t size);

/* Record a failure with the reply's status and words; returns -code. */
int http_fail(fbn_context *c, fbn_error code, const struct http *http, const struct http_reply *reply);

/* An answer that goes on: GET path, then its lines one by one as they come. The connection's timeout does not apply. */
int http_stream_open(fbn_context *c, struct http *http, const char *path);

/* The next line, borrowed until the next call. deadline_ms is of http_clock_ms(). 0, -FBN_ETIMEOUT, -FBN_EUNAVAILABLE (it ended). */
int http_stream_line(fbn_context *c, struct http *http, int64_t deadline_ms, const char **ret_line);

/* The same without waiting: 1, or 0 if no line is whole yet. */
int http_stream_poll(fbn_context *c, struct http *http, const char **ret_line);

/* A descriptor that can be read when there is more, for a caller's loop. */
int http_stream_fd(const struct http *http);

/* An answer that is read while it comes: GET path. 0 with its status and type, and the body of one that is no success: nothing is left to
 * read of it. Errors as http_request(); the timeout is for the wait for more. */
int http_download(fbn_context *c, struct http *http, const char *path, struct http_reply *ret_reply);

#define HTTP_PART ((size_t)1 << 16)

struct http_part {
        const char *bytes;
        size_t length;
        size_t before; /* what of the answer came before them and was used */
        bool open;     /* there will be more */
};

/* What came and was not used, and more of it than part was given last (zero at first). Borrowed until the next call. */
int http_download_more(fbn_context *c, struct http *http, struct http_part *part);
void http_download_used(struct http *http, size_t length);
/* Also midway: the connection is then closed. */
void http_download_end(struct http *http);

/* Whether the failure of the last request, or this status, may pass by itself: asked again later it may work. */
bool http_transient(const struct http *http, long status);

int64_t http_clock_ms(void); /* monotonic */

/* Append text percent-encoded, so that it stays one path segment or query value. Without memory text->failed is set. */
struct text;
void http_text_escape(struct text *text, const char *segment);

static inline void http_freep(struct http **http)
{
        http_free(*http);
}

#endif
