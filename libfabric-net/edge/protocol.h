/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_PROTOCOL_H
#define EDGE_PROTOCOL_H

/* What engine and askers say to each other, a line each:
 *
 *   add PREFIX SECONDS REASON   seconds 0: the engine's default, "ever": for good; reason "-": none
 *   delete PREFIX · flush · reconcile · list · status
 *
 * is answered by "ok NUMBER" or "error CODE WORDS"; before the ok of list and status come
 *
 *   ban PREFIX SECONDS SINCE CDN REASON   seconds left, "ever"; seconds since 1970; the number of a fbn_ban_cdn
 *   state BANS WAITING LIFTING REFUSED KIB STORED WORDS
 */
#include "edge/table.h"

#define LINE_MAX_BYTES 512

enum verb { VERB_ADD, VERB_DELETE, VERB_FLUSH, VERB_RECONCILE, VERB_LIST, VERB_STATUS };

struct request {
        enum verb verb;
        fbn_prefix prefix; /* without host bits */
        uint32_t seconds;
        bool for_good;
        char reason[REASON_LENGTH + 1];
};

/* Read a line, without its end; NULL, or what is wrong with it. */
const char *request_parse(char *line, struct request *ret_request);
int request_format(const struct request *request, char *buffer, size_t size);

struct answer {
        enum { ANSWER_OK, ANSWER_ERROR, ANSWER_BAN, ANSWER_STATE } kind;
        int number;     /* OK; ERROR: a positive fbn_error */
        const char *words;
        fbn_ban ban;    /* its reason in the line */
        fbn_ban_state state; /* its trouble in the line */
};

bool answer_parse(char *line, struct answer *ret_answer);
int answer_ban_format(const struct ban_table *table, const struct ban *ban, uint32_t now, char *buffer, size_t size);

#endif
