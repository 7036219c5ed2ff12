/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_CLOUDFLARE_H
#define EDGE_CLOUDFLARE_H

/* Cloudflare's API, as far as bans need it: IP access rules of a zone, items of an account's list. */
#include "edge/worker.h"

#include <jansson.h>

struct http;

struct cloudflare {
        fbn_context *c;
        const fbn_ban_engine_options *options;
        struct http *http; /* NULL: to be made */
        int64_t next_ms;   /* no request before then */
        char mark[32];     /* what the notes of our rules begin with */
        char words[CDN_WORDS];
        uint32_t retry_ms;
};

enum verdict { VERDICT_OK, VERDICT_LATER, VERDICT_DUPLICATE, VERDICT_MISSING, VERDICT_REFUSED };

/* One request; result is the answer's, to be released, NULL if it has none; whole the answer itself. cloudflare->words says what is wrong. */
enum verdict cloudflare_call(struct cloudflare *cloudflare, const char *method, const char *path, const char *body, json_t **ret_whole);
/* What an answer means, whatever it is: for cloudflare_call() and the fuzzer. */
enum verdict cloudflare_judge(long status, const json_t *answer, char words[CDN_WORDS]);

/* Whether a note or comment is one of ours. */
bool cloudflare_is_ours(const struct cloudflare *cloudflare, const char *note);
/* The address or prefix of a rule or item, and its id; false: it is none. */
bool cloudflare_item(const char *id, const char *value, struct cdn_item *ret_item);
fbn_prefix cdn_item_prefix(const struct cdn_item *item);
void cdn_item_note(const struct cloudflare *cloudflare, const struct cdn_item *item, char *buffer, size_t size);

/* Each answers a message in place; compare sends all answers but the last one by itself. */
void rules_block(struct cloudflare *cloudflare, struct cdn_message *message);
void rules_lift(struct cloudflare *cloudflare, struct cdn_message *message);
void rules_compare(struct cloudflare *cloudflare, struct cdn_message *message, int socket);
void list_block(struct cloudflare *cloudflare, struct cdn_message *message);
void list_lift(struct cloudflare *cloudflare, struct cdn_message *message);
void list_compare(struct cloudflare *cloudflare, struct cdn_message *message, int socket);

/* Another rule that was found; sends the message when it is full. */
void compare_add(struct cdn_message *message, const struct cdn_item *item, int socket);
void message_later(const struct cloudflare *cloudflare, struct cdn_message *message);

#endif
