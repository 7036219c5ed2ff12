/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_WORKER_H
#define EDGE_WORKER_H

/* The child that speaks to the CDN: gets requests over a socket, answers each. libcurl and the token are in there only. */
#include "edge/table.h"

#define CDN_TOGETHER 50 /* bans in one message */
#define CDN_WORDS 160

enum cdn_verb { CDN_BLOCK = 1, CDN_LIFT = 2, CDN_COMPARE = 3 };
enum cdn_outcome {
        CDN_DONE = 0,
        CDN_LATER = 1,  /* try again: the server is busy, silent, unreachable, or refuses our token */
        CDN_REFUSED = 2 /* this one never */
};

struct cdn_item {
        uint32_t slot;
        uint8_t address[16];
        uint8_t id[CDN_ID_BYTES];
        uint8_t length;
        bool ipv6, has_id;
        uint8_t outcome;
        char reason[REASON_LENGTH + 1];
};

struct cdn_message {
        uint8_t verb;
        uint8_t outcome;      /* of all: CDN_LATER means that nothing is known of any */
        bool more;            /* CDN_COMPARE: further messages follow */
        uint32_t retry_ms;    /* CDN_LATER: what the server asked for, 0: nothing */
        char words[CDN_WORDS];
        uint32_t count;
        struct cdn_item items[CDN_TOGETHER];
};

static inline size_t cdn_message_length(const struct cdn_message *message)
{
        return offsetof(struct cdn_message, items) + message->count * sizeof(struct cdn_item);
}

/* Never returns; ends when the other side of the socket is closed. */
_Noreturn void worker_run(fbn_context *c, const fbn_ban_engine_options *options, int socket);

#endif
