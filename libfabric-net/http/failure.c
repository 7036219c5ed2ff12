/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/connection.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <strings.h>

static const char *words_of(const struct http *http, CURLcode code)
{
        return *http->words ? http->words : http->curl->easy_strerror(code);
}

static int fail_connect(fbn_context *c, const struct http *http)
{
        long os_errno = 0;

        http->curl->easy_getinfo(http->easy, CURLINFO_OS_ERRNO, &os_errno);
        if (http->socket && (os_errno == EACCES || os_errno == EPERM))
                return fail(c, FBN_EPERM, "not allowed to use the socket; run as root or as the daemon's operator");
        if (http->socket)
                return fail(c, FBN_EUNAVAILABLE, "no daemon at this socket (%s); start it, or name the right socket",
                            os_errno ? strerrordesc_np((int)os_errno) : "cannot connect");
        return fail(c, FBN_EUNAVAILABLE, "%s; is the server running and the port right?", words_of(http, CURLE_COULDNT_CONNECT));
}

static int fail_tls(fbn_context *c, const struct http *http, CURLcode code)
{
        const char *words = words_of(http, code);

        if (code == CURLE_SSL_CACERT_BADFILE)
                return fail(c, FBN_EUNAVAILABLE, "TLS: the file of authorities cannot be used: %s", words);
        if (code != CURLE_PEER_FAILED_VERIFICATION)
                return fail(c, FBN_EUNAVAILABLE, "TLS: %s; does the server speak TLS on this port?", words);
        if (strstr(words, "target host") || strstr(words, "does not match"))
                return fail(c, FBN_EUNAVAILABLE, "TLS: the certificate is for another name: %s", words);
        if (strstr(words, "expired") || strstr(words, "not yet valid"))
                return fail(c, FBN_EUNAVAILABLE, "TLS: the certificate is out of date, or this host's clock is: %s", words);
        return fail(c, FBN_EUNAVAILABLE, "TLS: the certificate's authority is not trusted: %s; give its PEM file as ca_file", words);
}

static bool is_transient(CURLcode code)
{
        return code == CURLE_COULDNT_CONNECT || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING ||
               code == CURLE_PARTIAL_FILE;
}

bool http_transient(const struct http *http, long status)
{
        return http->transient || status == 429 || status == 502 || status == 503 || status == 504;
}

int connection_fail(fbn_context *c, struct http *http, CURLcode code)
{
        http->transient = is_transient(code);
        switch (code) {
        case CURLE_OUT_OF_MEMORY:
                return fail_memory(c);
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
                return fail(c, FBN_EUNAVAILABLE, "%s; check the name and this host's resolver", words_of(http, code));
        case CURLE_COULDNT_CONNECT:
                return fail_connect(c, http);
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_CONNECT_ERROR:
                return fail_tls(c, http, code);
        case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
                return fail(c, FBN_EUNAVAILABLE, "TLS: the server's public key is not the pinned one: another server, or its key was changed");
        case CURLE_OPERATION_TIMEDOUT:
                return fail(c, FBN_ETIMEOUT, "no answer within %u ms", http->timeout_ms);
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_GOT_NOTHING:
        case CURLE_PARTIAL_FILE:
                return fail(c, FBN_EUNAVAILABLE, "the connection broke: %s", words_of(http, code));
        case CURLE_WRITE_ERROR:
                if (!http->overflow)
                        return fail_memory(c);
                return fail(c, FBN_EPROTOCOL, "an answer of more than %zu bytes", http->reply_limit);
        default:
                return fail(c, FBN_EPROTOCOL, "%s", words_of(http, code));
        }
}

/* The first of these members that is a text: gRPC's gateway, problem+json (RFC 9457), tailscaled. */
static const char *json_words(const json_t *reply)
{
        static const char *const members[] = {"message", "detail", "title", "error", "Error"};

        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
                const char *words = json_string_value(json_object_get(reply, members[i]));

                if (words && *words)
                        return words;
        }
        return NULL;
}

static void one_line(char *text)
{
        size_t length = strlen(text);

        while (length > 0 && isspace((unsigned char)text[length - 1]))
                text[--length] = 0;
        for (; *text; text++)
                if (iscntrl((unsigned char)*text))
                        *text = ' ';
}

const char *http_reply_words(const struct http_reply *reply, char *buffer, size_t size)
{
        json_t *json = strstr(reply->type, "json") ? json_loadb(reply->body, reply->length, 0, NULL) : NULL;
        const char *words = json_words(json);

        if (!words)
                words = strncasecmp(reply->type, "text/html", 9) == 0 ? "a web page" : reply->body;
        snprintf(buffer, size, "%s", words);
        json_decref(json);
        one_line(buffer);
        return buffer;
}

int http_fail(fbn_context *c, fbn_error code, const struct http *http, const struct http_reply *reply)
{
        char words[512];

        http_reply_words(reply, words, sizeof(words));
        return fail_in(c, fail(c, code, "HTTP %ld%s%s", reply->status, *words ? ": " : "", words), "%s", http_name(http));
}
