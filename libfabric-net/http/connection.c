/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/connection.h"

#include "http/url.h"

#include <stdio.h>
#include <time.h>

#define RECEIVE_START ((size_t)16384) /* an answer with a secret in it fits: growing would leave copies behind */
#define RECEIVE_KEPT ((size_t)65536) /* from one request to the next */

static size_t on_data(char *bytes, size_t size, size_t count, void *data)
{
        struct http *http = data;
        size_t length = size * count;

        if (http->received.length - http->consumed + length > http->buffer_limit) {
                http->overflow = true;
                return 0;
        }
        text_append(&http->received, bytes, length);
        http->filled = MAX(http->filled, http->received.length);
        return http->received.failed ? 0 : length;
}

/* Only what was ever filled: of a small answer nearly all of the buffer was not. */
void received_clear(struct http *http)
{
        struct text *received = &http->received;

        if (received->bytes)
                explicit_bzero(received->bytes, http->filled);
        if (received->capacity > RECEIVE_KEPT)
                text_free(received);
        received->length = 0;
        received->failed = false;
        http->filled = 0;
        http->consumed = 0;
}

static bool received_ready(struct http *http)
{
        struct text *received = &http->received;

        received_clear(http);
        if (!received->bytes) {
                received->bytes = memory_realloc(NULL, RECEIVE_START);
                received->capacity = received->bytes ? RECEIVE_START : 0;
        }
        if (received->bytes)
                *received->bytes = 0;
        return received->bytes;
}

static int on_socket(void *data, curl_socket_t fd, curlsocktype purpose)
{
        (void)purpose;
        ((struct http *)data)->fd = fd;
        return CURL_SOCKOPT_OK;
}

/* The header line lies in guarded memory, and the list that libcurl reads only points there: no copy of ours to wipe. */
static int authorization_new(fbn_context *c, const fbn_secret *bearer, fbn_secret **ret_authorization)
{
        static const char prefix[] = "Authorization: Bearer ";
        char line[1024];
        size_t length = fbn_secret_length(bearer);
        const char *bytes = fbn_secret_bytes(bearer);
        int r;

        for (size_t i = 0; i < length; i++)
                if (bytes[i] <= ' ' || bytes[i] > '~')
                        return fail(c, FBN_EINVAL, "the key has a blank or a character that no key has");
        if (length > sizeof(line) - sizeof(prefix))
                return fail(c, FBN_EINVAL, "the key is too long: %zu bytes", length);
        memcpy(line, prefix, sizeof(prefix) - 1);
        memcpy(line + sizeof(prefix) - 1, bytes, length);
        line[sizeof(prefix) - 1 + length] = 0;
        r = fbn_secret_new(c, line, sizeof(prefix) + length, ret_authorization);
        explicit_bzero(line, sizeof(line));
        return r;
}

static void headers_set(struct http *http)
{
        static char accept[] = "Accept: application/json", type[] = "Content-Type: application/json", expect[] = "Expect:";
        struct curl_slist *header = http->headers;

        header[0] = (struct curl_slist){accept, &header[1]};
        header[1] = (struct curl_slist){type, &header[2]}; /* libcurl's default is a form, which newer servers refuse */
        header[2] = (struct curl_slist){expect, NULL};
        if (!http->authorization)
                return;
        header[2].next = &header[3];
        header[3] = (struct curl_slist){(char *)fbn_secret_bytes(http->authorization), NULL};
}

/* What stays the same for all requests. No certificate option is touched but the authorities: libcurl verifies peer and name by default. */
static void options_set(struct http *http)
{
        struct curl *curl = http->curl;

        curl->easy_setopt(http->easy, CURLOPT_NOSIGNAL, 1L);
        /* One request at a time has nothing of HTTP/2 but its work: it took three times as long. */
        curl->easy_setopt(http->easy, CURLOPT_HTTP_VERSION, http->http2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
        curl->easy_setopt(http->easy, CURLOPT_ERRORBUFFER, http->words);
        curl->easy_setopt(http->easy, CURLOPT_WRITEFUNCTION, on_data);
        curl->easy_setopt(http->easy, CURLOPT_WRITEDATA, http);
        curl->easy_setopt(http->easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
        curl->easy_setopt(http->easy, CURLOPT_SOCKOPTDATA, http);
        curl->easy_setopt(http->easy, CURLOPT_HTTPHEADER, http->headers);
        if (http->ca_file) {
                curl->easy_setopt(http->easy, CURLOPT_CAINFO, http->ca_file);
                curl->easy_setopt(http->easy, CURLOPT_CAPATH, NULL);
        }
        if (http->socket)
                curl->easy_setopt(http->easy, CURLOPT_UNIX_SOCKET_PATH, http->socket);
        if (http->pinned_key)
                curl->easy_setopt(http->easy, CURLOPT_PINNEDPUBLICKEY, http->pinned_key);
        if (http->proxy)
                curl->easy_setopt(http->easy, CURLOPT_PROXY, http->proxy);
        else if (http->direct)
                curl->easy_setopt(http->easy, CURLOPT_NOPROXY, "*");
}

static bool copy(char **to, const char *from)
{
        *to = from ? memory_strdup(from) : NULL;
        return !from || *to;
}

static int strings_copy(fbn_context *c, struct http *http, const struct http_options *options)
{
        size_t length = strlen(options->url);

        if (!copy(&http->url, options->url) || !copy(&http->socket, options->socket) || !copy(&http->ca_file, options->ca_file) ||
            !copy(&http->pinned_key, options->pinned_key) || !copy(&http->proxy, options->proxy))
                return fail_memory(c);
        while (length > 0 && http->url[length - 1] == '/')
                http->url[--length] = 0;
        return 0;
}

/* What libcurl takes for a hash; it would read a file of any other name. */
static int pin_check(fbn_context *c, const char *pin)
{
        while (pin && *pin) {
                size_t length = strcspn(pin, ";");

                if (strncmp(pin, "sha256//", 8) != 0 || length != 8 + 44)
                        return fail(c, FBN_EINVAL, "the pinned key '%.*s' is not \"sha256//\" and 44 characters of base64", (int)MIN(length, 80), pin);
                pin += length + (pin[length] == ';');
        }
        return 0;
}

static int handles_open(fbn_context *c, struct http *http)
{
        int r = curl_get(c, &http->curl);

        if (r < 0)
                return r;
        http->easy = http->curl->easy_init();
        http->multi = http->curl->multi_init();
        return http->easy && http->multi ? 0 : fail_memory(c);
}

static int open_with(fbn_context *c, struct http *http, const struct http_options *options)
{
        int r = strings_copy(c, http, options);

        http->timeout_ms = options->timeout_ms;
        http->http2 = options->http2;
        http->reply_limit = options->reply_limit ? options->reply_limit : HTTP_REPLY_LIMIT;
        if (r == 0)
                r = handles_open(c, http);
        if (r < 0)
                return r;
        headers_set(http);
        options_set(http);
        return 0;
}

int http_new(fbn_context *c, const struct http_options *options, struct http **ret_http)
{
        _cleanup_(http_freep) struct http *http = NULL;
        bool direct = true;
        int r = options->socket ? 0 : url_check(c, options->url, &direct);

        if (r == 0)
                r = pin_check(c, options->pinned_key);
        if (r < 0)
                return r;
        http = memory_alloc(sizeof(*http));
        if (!http)
                return fail_memory(c);
        http->direct = direct;
        if (options->bearer)
                r = authorization_new(c, options->bearer, &http->authorization);
        if (r == 0)
                r = open_with(c, http, options);
        if (r == 0)
                *ret_http = TAKE_PTR(http);
        return r;
}

int http_again(fbn_context *c, const struct http *http, struct http **ret_http)
{
        const struct http_options options = {.url = http->url, .socket = http->socket, .ca_file = http->ca_file, .pinned_key = http->pinned_key,
                                             .proxy = http->proxy, .timeout_ms = http->timeout_ms, .reply_limit = http->reply_limit, .http2 = http->http2};
        _cleanup_(http_freep) struct http *again = memory_alloc(sizeof(*again));
        int r;

        if (!again)
                return fail_memory(c);
        again->direct = http->direct;
        again->authorization = http->authorization ? fbn_secret_ref(http->authorization) : NULL;
        r = open_with(c, again, &options);
        if (r == 0)
                *ret_http = TAKE_PTR(again);
        return r;
}

int http_bearer(fbn_context *c, struct http *http, const fbn_secret *bearer)
{
        fbn_secret *authorization = NULL;
        int r = authorization_new(c, bearer, &authorization);

        if (r < 0)
                return r;
        fbn_secret_unref(http->authorization);
        http->authorization = authorization;
        headers_set(http);
        return 0;
}

struct http *http_free(struct http *http)
{
        if (!http)
                return NULL;
        connection_stop(http);
        if (http->easy)
                http->curl->easy_cleanup(http->easy);
        if (http->multi)
                http->curl->multi_cleanup(http->multi);
        curl_unref(http->curl);
        fbn_secret_unref(http->authorization);
        received_clear(http);
        text_free(&http->received);
        memory_free(http->url);
        memory_free(http->socket);
        memory_free(http->ca_file);
        memory_free(http->pinned_key);
        memory_free(http->proxy);
        memory_free(http);
        return NULL;
}

const char *http_name(const struct http *http)
{
        return http->socket ? http->socket : http->url;
}

int64_t http_clock_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void method_set(struct http *http, const char *method, const char *body)
{
        struct curl *curl = http->curl;
        bool sends = body || streq(method, "POST") || streq(method, "PUT") || streq(method, "PATCH");

        curl->easy_setopt(http->easy, CURLOPT_HTTPGET, 1L); /* forgets the request before */
        if (sends) {
                curl->easy_setopt(http->easy, CURLOPT_POSTFIELDSIZE, (long)(body ? strlen(body) : 0));
                curl->easy_setopt(http->easy, CURLOPT_POSTFIELDS, body ? body : "");
        }
        curl->easy_setopt(http->easy, CURLOPT_CUSTOMREQUEST, streq(method, "GET") ? NULL : method);
}

int connection_start(fbn_context *c, struct http *http, const char *method, const char *path, const char *body, uint32_t timeout_ms)
{
        _cleanup_(text_free) struct text url = {0};

        text_add(&url, "%s%s", http->url, path);
        if (url.failed || http->curl->easy_setopt(http->easy, CURLOPT_URL, url.bytes) != CURLE_OK)
                return fail_memory(c);
        method_set(http, method, body);
        http->curl->easy_setopt(http->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
        http->curl->easy_setopt(http->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)http->timeout_ms);
        if (!received_ready(http))
                return fail_memory(c);
        http->overflow = false;
        http->buffer_limit = http->reply_limit;
        http->over = false;
        http->transient = false;
        http->words[0] = 0;
        if (http->curl->multi_add_handle(http->multi, http->easy) != CURLM_OK)
                return fail_memory(c);
        return 0;
}

void connection_stop(struct http *http)
{
        if (http->multi && http->easy)
                http->curl->multi_remove_handle(http->multi, http->easy);
}

/* libcurl opens its sockets and starts its resolver's thread in here, both in the namespace of the calling thread. */
static int perform(fbn_context *c, struct http *http)
{
        NAMESPACE_GUARD guard = {-1};
        CURLMcode code;
        int running, r;

        r = namespace_enter(c, &guard);
        if (r < 0)
                return r;
        code = http->curl->multi_perform(http->multi, &running);
        return code == CURLM_OK ? 0 : fail(c, FBN_ESYSTEM, "libcurl: %s", http->curl->multi_strerror(code));
}

int connection_step(fbn_context *c, struct http *http, int wait_ms, CURLcode *ret_code)
{
        CURLMsg *message;
        int left, r;

        r = context_check(c);
        if (r == 0)
                r = perform(c, http);
        if (r < 0)
                return r;
        message = http->curl->multi_info_read(http->multi, &left);
        if (message && message->msg == CURLMSG_DONE) {
                *ret_code = message->data.result;
                return 1;
        }
        http->curl->multi_poll(http->multi, NULL, 0, wait_ms, NULL);
        return 0;
}
