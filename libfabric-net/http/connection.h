/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H

#include "base/text.h"
#include "http/curl.h"
#include "http/http.h"

struct http {
        struct curl *curl;
        CURL *easy;
        CURLM *multi; /* keeps the connection between requests */
        char *url;    /* without a final slash */
        char *socket;
        char *ca_file;
        char *pinned_key;
        char *proxy;
        bool direct; /* a loopback address: no proxy */
        bool http2;
        fbn_secret *authorization; /* the whole header line with its zero */
        struct curl_slist headers[4];
        uint32_t timeout_ms;
        size_t reply_limit;
        size_t buffer_limit; /* of what was received and not used */
        int fd; /* the last that libcurl opened */
        struct text received;
        size_t filled;    /* the most that was ever in it since it was cleared */
        size_t consumed;  /* bytes of it that a stream's reader has had */
        bool over;        /* the stream's answer has come to its end */
        size_t used;      /* bytes of a download that were used and dropped */
        int64_t waited_ms; /* for a download, so far */
        bool transient;   /* the failure may pass by itself */
        bool overflow;    /* the answer went over the limit */
        char words[CURL_ERROR_SIZE];
};

#define CANCEL_LATENCY 100 /* milliseconds between two looks at whether the context was cancelled */

/* What libcurl's code means, recorded; never returns success. */
int connection_fail(fbn_context *c, struct http *http, CURLcode code);

/* Make libcurl work for one round, waiting at most so long. 1 when the transfer is over and *ret_code set, 0 if it goes on. */
int connection_step(fbn_context *c, struct http *http, int wait_ms, CURLcode *ret_code);

/* Set the handle up for a request and hand it to the multi stack. */
int connection_start(fbn_context *c, struct http *http, const char *method, const char *path, const char *body, uint32_t timeout_ms);
void connection_stop(struct http *http);

/* Wipe what was received; a small buffer stays for the next answer. */
void received_clear(struct http *http);

/* What was received, taken over. */
int connection_reply(fbn_context *c, struct http *http, struct http_reply *ret_reply);

#endif
