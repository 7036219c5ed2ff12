/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Items of an account's list: many bans a request, done by the server later on. Source: Cloudflare's API, "Lists", "List items". */
#include "edge/cloudflare.h"

#include "base/text.h"
#include "http/http.h"
#include "http/json.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define PER_PAGE 500
#define PAGES_MAX 100
#define POLLS_MAX 60 /* of an operation, each a request */

/* Source: Cloudflare's documentation of lists with IP addresses. */
static bool fits(const struct cdn_item *item)
{
        return item->ipv6 ? item->length >= 4 && item->length <= 64 : item->length >= 8;
}

static void path_of(const struct cloudflare *cloudflare, const char *tail, char *buffer, size_t size)
{
        snprintf(buffer, size, "/accounts/%s/rules/lists/%s/items%s", cloudflare->options->cdn_account, cloudflare->options->cdn_list, tail);
}

/* Until the server says that it is done. */
static enum verdict operation_wait(struct cloudflare *cloudflare, const json_t *begun)
{
        const char *id = json_string_value(json_object_get(json_object_get(begun, "result"), "operation_id"));
        char path[256];

        if (!id || strlen(id) != 2 * CDN_ID_BYTES || strspn(id, "0123456789abcdef") != strlen(id)) {
                snprintf(cloudflare->words, CDN_WORDS, "the CDN: a list's answer has no operation");
                return VERDICT_LATER;
        }
        snprintf(path, sizeof(path), "/accounts/%s/rules/lists/bulk_operations/%s", cloudflare->options->cdn_account, id);
        for (unsigned i = 0; i < POLLS_MAX; i++) {
                _cleanup_(json_freep) json_t *answer = NULL;
                enum verdict verdict = cloudflare_call(cloudflare, "GET", path, NULL, &answer);
                const json_t *result = json_object_get(answer, "result");
                const char *status = json_string_value(json_object_get(result, "status"));
                const char *error = json_string_value(json_object_get(result, "error"));

                if (verdict != VERDICT_OK)
                        return verdict;
                if (status && streq(status, "completed"))
                        return VERDICT_OK;
                if (status && streq(status, "failed")) {
                        snprintf(cloudflare->words, CDN_WORDS, "the CDN's list: %.100s", error ? error : "failed");
                        return VERDICT_REFUSED;
                }
        }
        snprintf(cloudflare->words, CDN_WORDS, "the CDN's list: the operation does not end");
        return VERDICT_LATER;
}

static enum verdict send_items(struct cloudflare *cloudflare, const char *method, json_t *body)
{
        _cleanup_(json_freep) json_t *answer = NULL;
        char *text = body ? json_dumps(body, JSON_COMPACT) : NULL, path[256];
        enum verdict verdict = VERDICT_LATER;

        path_of(cloudflare, "", path, sizeof(path));
        if (text)
                verdict = cloudflare_call(cloudflare, method, path, text, &answer);
        else
                snprintf(cloudflare->words, CDN_WORDS, "out of memory");
        free(text);
        return verdict == VERDICT_OK ? operation_wait(cloudflare, answer) : verdict;
}

static json_t *items_of(const struct cloudflare *cloudflare, struct cdn_message *message)
{
        json_t *items = json_array();

        for (uint32_t i = 0; i < message->count; i++) {
                struct cdn_item *item = &message->items[i];
                fbn_prefix prefix = cdn_item_prefix(item);
                char value[FBN_ADDRESS_TEXT], note[128];

                item->outcome = fits(item) ? CDN_DONE : CDN_REFUSED;
                if (!fits(item))
                        continue;
                if (!item->ipv6 && item->length == 32)
                        fbn_address_format(&prefix.address, value, sizeof(value));
                else
                        fbn_prefix_format(&prefix, value, sizeof(value));
                cdn_item_note(cloudflare, item, note, sizeof(note));
                json_array_append_new(items, json_pack("{s:s, s:s}", "ip", value, "comment", note));
        }
        return items;
}

void list_block(struct cloudflare *cloudflare, struct cdn_message *message)
{
        _cleanup_(json_freep) json_t *items = items_of(cloudflare, message);
        bool misfit = json_array_size(items) < message->count;
        enum verdict verdict = json_array_size(items) ? send_items(cloudflare, "POST", items) : VERDICT_OK;

        if (verdict == VERDICT_LATER) {
                message_later(cloudflare, message);
                return;
        }
        for (uint32_t i = 0; i < message->count; i++)
                if (verdict != VERDICT_OK && verdict != VERDICT_DUPLICATE)
                        message->items[i].outcome = CDN_REFUSED;
        if (misfit)
                snprintf(cloudflare->words, CDN_WORDS, "the CDN's lists know IPv4 /8 to /32 and IPv6 /4 to /64 only");
        else if (verdict == VERDICT_MISSING)
                snprintf(cloudflare->words, CDN_WORDS, "the CDN knows no such list");
}

/* Documented is "cursors.after"; Cloudflare's own client reads "cursor". */
static const char *cursor_after(const json_t *about)
{
        const char *after = json_string_value(json_object_get(json_object_get(about, "cursors"), "after"));

        return after ? after : json_string_value(json_object_get(about, "cursor"));
}

typedef void item_found(void *data, const struct cdn_item *item);

/* All items of ours. */
static enum verdict each_item(struct cloudflare *cloudflare, item_found *found, void *data)
{
        char cursor[256] = "";

        for (unsigned page = 0; page < PAGES_MAX; page++) {
                _cleanup_(json_freep) json_t *answer = NULL;
                _cleanup_(text_free) struct text tail = {0};
                char path[1024];
                const json_t *one;
                const char *after;
                struct cdn_item item;
                enum verdict verdict;
                size_t i;

                text_add(&tail, "?per_page=%d%s", PER_PAGE, *cursor ? "&cursor=" : "");
                http_text_escape(&tail, cursor);
                if (tail.failed)
                        return VERDICT_LATER;
                path_of(cloudflare, tail.bytes, path, sizeof(path));
                verdict = cloudflare_call(cloudflare, "GET", path, NULL, &answer);
                if (verdict != VERDICT_OK)
                        return verdict;
                json_array_foreach(json_object_get(answer, "result"), i, one)
                        if (cloudflare_is_ours(cloudflare, json_string_value(json_object_get(one, "comment"))) &&
                            cloudflare_item(json_string_value(json_object_get(one, "id")), json_string_value(json_object_get(one, "ip")), &item))
                                found(data, &item);
                after = cursor_after(json_object_get(answer, "result_info"));
                if (!after || !*after || strlen(after) >= sizeof(cursor) || streq(after, cursor))
                        return VERDICT_OK;
                strcpy(cursor, after);
        }
        return VERDICT_OK;
}

static void match(void *data, const struct cdn_item *found)
{
        struct cdn_message *message = data;

        for (uint32_t i = 0; i < message->count; i++) {
                struct cdn_item *item = &message->items[i];

                if (item->ipv6 != found->ipv6 || item->length != found->length || memcmp(item->address, found->address, sizeof(item->address)) != 0)
                        continue;
                memcpy(item->id, found->id, sizeof(item->id));
                item->has_id = true;
        }
}

void list_lift(struct cloudflare *cloudflare, struct cdn_message *message)
{
        _cleanup_(json_freep) json_t *body = json_pack("{s:[]}", "items");
        json_t *items = json_object_get(body, "items");
        char id[2 * CDN_ID_BYTES + 1];
        enum verdict verdict = each_item(cloudflare, match, message);

        for (uint32_t i = 0; verdict == VERDICT_OK && i < message->count; i++) {
                message->items[i].outcome = CDN_DONE;
                if (!message->items[i].has_id)
                        continue;
                sodium_bin2hex(id, sizeof(id), message->items[i].id, CDN_ID_BYTES);
                json_array_append_new(items, json_pack("{s:s}", "id", id));
        }
        if (verdict == VERDICT_OK && json_array_size(items) > 0)
                verdict = send_items(cloudflare, "DELETE", body);
        if (verdict == VERDICT_LATER || verdict == VERDICT_REFUSED)
                message_later(cloudflare, message);
}

struct comparing {
        struct cdn_message *message;
        int socket;
};

static void tell(void *data, const struct cdn_item *item)
{
        struct comparing *comparing = data;

        compare_add(comparing->message, item, comparing->socket);
}

void list_compare(struct cloudflare *cloudflare, struct cdn_message *message, int socket)
{
        struct comparing comparing = {message, socket};

        if (each_item(cloudflare, tell, &comparing) != VERDICT_OK)
                message_later(cloudflare, message);
}
