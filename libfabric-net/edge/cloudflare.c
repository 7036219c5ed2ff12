/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/cloudflare.h"

#include "http/http.h"
#include "http/json.h"

#include <sodium.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#define SPACING_MS 250       /* four requests a second: 1,200 in five minutes is what a token may have. Source: Cloudflare's rate limits */
#define REPLY_LIMIT ((size_t)8 << 20)
#define TIMEOUT_DEFAULT 15000
#define DENIED_MS 300000     /* a token that is refused does not get better soon */
#define LIMITED_MS 300000    /* so long a limited token is refused, unless the server says otherwise */

enum { CODE_AUTHENTICATION = 10000, CODE_NOT_FOUND = 10001, CODE_DUPLICATE = 10009 };

static int open_http(struct cloudflare *cloudflare)
{
        const fbn_ban_engine_options *options = cloudflare->options;
        FBN_CLEANUP(fbn_secret) token = NULL;
        struct http_options wanted = {.url = options->cdn_url, .ca_file = options->cdn_ca_file, .reply_limit = REPLY_LIMIT,
                                      .timeout_ms = options->cdn_timeout_ms ? options->cdn_timeout_ms : TIMEOUT_DEFAULT};
        int r;

        if (cloudflare->http)
                return 0;
        r = fbn_secret_read_file(cloudflare->c, options->cdn_token, &token);
        if (r < 0)
                return r;
        wanted.bearer = token;
        return http_new(cloudflare->c, &wanted, &cloudflare->http);
}

static void wait_turn(struct cloudflare *cloudflare)
{
        int64_t left = cloudflare->next_ms - http_clock_ms();
        struct timespec pause = {left / 1000, left % 1000 * 1000000};

        if (left > 0)
                nanosleep(&pause, NULL);
        cloudflare->next_ms = http_clock_ms() + SPACING_MS;
}

static const json_t *first_error(const json_t *answer)
{
        return json_array_get(json_object_get(answer, "errors"), 0);
}

enum verdict cloudflare_judge(long status, const json_t *answer, char words[CDN_WORDS])
{
        const json_t *error = first_error(answer);
        json_int_t code = json_integer_value(json_object_get(error, "code"));
        const char *text = json_string_value(json_object_get(error, "message"));

        words[0] = 0;
        if (status >= 200 && status < 300 && json_is_true(json_object_get(answer, "success")))
                return VERDICT_OK;
        if (code == CODE_DUPLICATE)
                return VERDICT_DUPLICATE;
        if (status == 404 || code == CODE_NOT_FOUND)
                return VERDICT_MISSING;
        if (code)
                snprintf(words, CDN_WORDS, "the CDN: HTTP %ld: %lld %.100s", status, (long long)code, text ? text : "");
        else
                snprintf(words, CDN_WORDS, "the CDN: HTTP %ld%s", status, answer ? "" : ", and no answer of its API");
        if (status < 400 || status >= 500 || status == 429 || status == 401 || status == 403 || status == 408 || code == CODE_AUTHENTICATION)
                return VERDICT_LATER;
        return VERDICT_REFUSED;
}

static uint32_t wait_of(long status, int64_t asked_s)
{
        int64_t ms = MIN(MAX(asked_s, 0), (int64_t)86400) * 1000;

        if (status == 401 || status == 403)
                return MAX((uint32_t)ms, DENIED_MS);
        return status == 429 && !ms ? LIMITED_MS : (uint32_t)ms;
}

enum verdict cloudflare_call(struct cloudflare *cloudflare, const char *method, const char *path, const char *body, json_t **ret_whole)
{
        HTTP_REPLY reply = {0};
        _cleanup_(json_freep) json_t *answer = NULL;
        enum verdict verdict;
        int r = open_http(cloudflare);

        cloudflare->retry_ms = 0;
        if (r == 0) {
                wait_turn(cloudflare);
                r = http_request(cloudflare->c, cloudflare->http, method, path, body, &reply);
        }
        if (r < 0) {
                snprintf(cloudflare->words, CDN_WORDS, "%.150s", fbn_context_error(cloudflare->c));
                cloudflare->http = http_free(cloudflare->http); /* the token may be another next time */
                return VERDICT_LATER;
        }
        answer = json_loadb(reply.body ? reply.body : "", reply.length, 0, NULL);
        verdict = cloudflare_judge(reply.status, answer, cloudflare->words);
        if (verdict == VERDICT_LATER) {
                cloudflare->retry_ms = wait_of(reply.status, reply.retry_after_s);
                cloudflare->http = http_free(cloudflare->http);
        }
        if (ret_whole)
                *ret_whole = TAKE_PTR(answer);
        return verdict;
}

bool cloudflare_is_ours(const struct cloudflare *cloudflare, const char *note)
{
        size_t length = strlen(cloudflare->mark);

        return note && strncmp(note, cloudflare->mark, length) == 0 && (note[length] == 0 || note[length] == ' ');
}

bool cloudflare_item(const char *id, const char *value, struct cdn_item *ret_item)
{
        struct cdn_item item = {.has_id = true};
        fbn_prefix prefix;
        size_t length;

        if (!id || !value || strlen(id) != 2 * CDN_ID_BYTES || fbn_prefix_parse(value, &prefix) < 0 ||
            sodium_hex2bin(item.id, sizeof(item.id), id, 2 * CDN_ID_BYTES, NULL, &length, NULL) != 0 || length != sizeof(item.id))
                return false;
        fbn_prefix_network(&prefix, &prefix);
        item.ipv6 = prefix.address.family == AF_INET6;
        item.length = prefix.length;
        memcpy(item.address, prefix.address.bytes, item.ipv6 ? 16 : 4);
        *ret_item = item;
        return true;
}

fbn_prefix cdn_item_prefix(const struct cdn_item *item)
{
        fbn_prefix prefix = {.address.family = item->ipv6 ? AF_INET6 : AF_INET, .length = item->length};

        memcpy(prefix.address.bytes, item->address, item->ipv6 ? 16 : 4);
        return prefix;
}

void cdn_item_note(const struct cloudflare *cloudflare, const struct cdn_item *item, char *buffer, size_t size)
{
        snprintf(buffer, size, "%s%s%s", cloudflare->mark, *item->reason ? " " : "", item->reason);
}

void compare_add(struct cdn_message *message, const struct cdn_item *item, int socket)
{
        if (message->count == CDN_TOGETHER) {
                message->more = true;
                send(socket, message, cdn_message_length(message), MSG_NOSIGNAL);
                message->more = false;
                message->count = 0;
        }
        message->items[message->count++] = *item;
}

void message_later(const struct cloudflare *cloudflare, struct cdn_message *message)
{
        message->outcome = CDN_LATER;
        message->retry_ms = cloudflare->retry_ms;
        memcpy(message->words, cloudflare->words, sizeof(message->words));
        message->count = 0;
}
