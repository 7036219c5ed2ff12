/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* IP access rules of a zone: one request a ban, and each has an id. Source: Cloudflare's API, "IP Access rules for a Zone". */
#include "edge/cloudflare.h"

#include "base/text.h"
#include "http/http.h"
#include "http/json.h"

#include <sodium.h>
#include <stdio.h>
#include <sys/socket.h>

#define PER_PAGE 100
#define PAGES_MAX 1000

static const char *target_of(const struct cdn_item *item)
{
        if (item->ipv6)
                return item->length == 128 ? "ip6" : item->length == 64 || item->length == 48 || item->length == 32 ? "ip_range" : NULL;
        return item->length == 32 ? "ip" : item->length == 24 || item->length == 16 ? "ip_range" : NULL;
}

static void value_of(const struct cdn_item *item, char *buffer, size_t size)
{
        fbn_prefix prefix = cdn_item_prefix(item);

        if (item->length == (item->ipv6 ? 128 : 32))
                fbn_address_format(&prefix.address, buffer, size);
        else
                fbn_prefix_format(&prefix, buffer, size);
}

static void path_of(const struct cloudflare *cloudflare, const char *tail, char *buffer, size_t size)
{
        snprintf(buffer, size, "/zones/%s/firewall/access_rules/rules%s", cloudflare->options->cdn_zone, tail);
}

static bool take_rule(const struct cloudflare *cloudflare, const json_t *rule, struct cdn_item *ret_item)
{
        const json_t *configuration = json_object_get(rule, "configuration");

        return cloudflare_is_ours(cloudflare, json_string_value(json_object_get(rule, "notes"))) &&
               cloudflare_item(json_string_value(json_object_get(rule, "id")), json_string_value(json_object_get(configuration, "value")), ret_item);
}

/* Our rule for just this one. OK with item->has_id, MISSING if there is none of ours, LATER. */
static enum verdict find(struct cloudflare *cloudflare, struct cdn_item *item)
{
        _cleanup_(json_freep) json_t *answer = NULL;
        _cleanup_(text_free) struct text query = {0};
        char value[FBN_ADDRESS_TEXT], path[512];
        enum verdict verdict;
        const json_t *rule;
        size_t i;

        value_of(item, value, sizeof(value));
        text_add(&query, "?configuration.target=%s&configuration.value=", target_of(item));
        http_text_escape(&query, value);
        text_add(&query, "&page=1&per_page=%d", PER_PAGE);
        if (query.failed)
                return VERDICT_LATER;
        path_of(cloudflare, query.bytes, path, sizeof(path));
        verdict = cloudflare_call(cloudflare, "GET", path, NULL, &answer);
        if (verdict != VERDICT_OK)
                return verdict;
        json_array_foreach(json_object_get(answer, "result"), i, rule) {
                struct cdn_item found;

                if (!take_rule(cloudflare, rule, &found) || found.ipv6 != item->ipv6 || found.length != item->length ||
                    memcmp(found.address, item->address, sizeof(found.address)) != 0)
                        continue;
                memcpy(item->id, found.id, sizeof(item->id));
                item->has_id = true;
                return VERDICT_OK;
        }
        return VERDICT_MISSING;
}

static bool take_id(struct cdn_item *item, const json_t *answer)
{
        const char *id = json_string_value(json_object_get(json_object_get(answer, "result"), "id"));
        size_t length = 0;

        item->has_id = id && strlen(id) == 2 * CDN_ID_BYTES &&
                       sodium_hex2bin(item->id, sizeof(item->id), id, 2 * CDN_ID_BYTES, NULL, &length, NULL) == 0 && length == CDN_ID_BYTES;
        return item->has_id;
}

static enum verdict create(struct cloudflare *cloudflare, struct cdn_item *item)
{
        _cleanup_(json_freep) json_t *answer = NULL;
        char value[FBN_ADDRESS_TEXT], note[128], path[256], body[512];
        enum verdict verdict;

        value_of(item, value, sizeof(value));
        cdn_item_note(cloudflare, item, note, sizeof(note));
        path_of(cloudflare, "", path, sizeof(path));
        snprintf(body, sizeof(body), "{\"mode\":\"block\",\"configuration\":{\"target\":\"%s\",\"value\":\"%s\"},\"notes\":\"%s\"}", target_of(item),
                 value, note); /* none of these has anything to be escaped */
        verdict = cloudflare_call(cloudflare, "POST", path, body, &answer);
        if (verdict == VERDICT_OK)
                take_id(item, answer);
        return verdict;
}

void rules_block(struct cloudflare *cloudflare, struct cdn_message *message)
{
        for (uint32_t i = 0; i < message->count; i++) {
                struct cdn_item *item = &message->items[i];
                enum verdict verdict = VERDICT_REFUSED;

                if (target_of(item))
                        verdict = create(cloudflare, item);
                else
                        snprintf(cloudflare->words, CDN_WORDS, "the CDN's rules know IPv4 /16, /24 and /32, IPv6 /32, /48, /64 and /128 only");
                if (verdict == VERDICT_DUPLICATE) { /* of ours: a try whose answer was lost; of somebody else: it blocks all the same */
                        verdict = find(cloudflare, item);
                        if (verdict == VERDICT_MISSING)
                                verdict = VERDICT_OK;
                }
                if (verdict == VERDICT_LATER) {
                        message_later(cloudflare, message);
                        return;
                }
                if (verdict == VERDICT_MISSING)
                        snprintf(cloudflare->words, CDN_WORDS, "the CDN knows no such zone");
                item->outcome = verdict == VERDICT_OK ? CDN_DONE : CDN_REFUSED;
        }
}

static enum verdict delete(struct cloudflare *cloudflare, const struct cdn_item *item)
{
        char id[2 * CDN_ID_BYTES + 1], tail[64], path[256];

        sodium_bin2hex(id, sizeof(id), item->id, sizeof(item->id));
        snprintf(tail, sizeof(tail), "/%s", id);
        path_of(cloudflare, tail, path, sizeof(path));
        return cloudflare_call(cloudflare, "DELETE", path, NULL, NULL);
}

void rules_lift(struct cloudflare *cloudflare, struct cdn_message *message)
{
        for (uint32_t i = 0; i < message->count; i++) {
                struct cdn_item *item = &message->items[i];
                enum verdict verdict = VERDICT_OK;

                if (!item->has_id && target_of(item))
                        verdict = find(cloudflare, item);
                if (verdict == VERDICT_OK && item->has_id)
                        verdict = delete(cloudflare, item);
                if (verdict == VERDICT_LATER || verdict == VERDICT_REFUSED) {
                        cloudflare->retry_ms = MAX(cloudflare->retry_ms, verdict == VERDICT_REFUSED ? 60000u : 0u);
                        message_later(cloudflare, message); /* what is blocked there must not be forgotten */
                        return;
                }
                item->outcome = CDN_DONE;
        }
        cloudflare->words[0] = 0;
}

/* Whether there are more pages after this one. */
static bool has_more(const json_t *answer, unsigned page)
{
        const json_t *about = json_object_get(answer, "result_info");
        size_t count = json_array_size(json_object_get(answer, "result"));
        json_int_t pages = json_integer_value(json_object_get(about, "total_pages"));

        return count > 0 && page < PAGES_MAX && (pages ? page < pages : count == PER_PAGE);
}

void rules_compare(struct cloudflare *cloudflare, struct cdn_message *message, int socket)
{
        bool more = true;

        for (unsigned page = 1; more; page++) {
                _cleanup_(json_freep) json_t *answer = NULL;
                char tail[64], path[256];
                const json_t *rule;
                struct cdn_item item;
                size_t i;

                snprintf(tail, sizeof(tail), "?page=%u&per_page=%d", page, PER_PAGE);
                path_of(cloudflare, tail, path, sizeof(path));
                if (cloudflare_call(cloudflare, "GET", path, NULL, &answer) != VERDICT_OK) {
                        message_later(cloudflare, message);
                        return;
                }
                json_array_foreach(json_object_get(answer, "result"), i, rule)
                        if (take_rule(cloudflare, rule, &item))
                                compare_add(message, &item, socket);
                more = has_more(answer, page);
        }
}
