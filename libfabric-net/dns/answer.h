/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_ANSWER_H
#define DNS_ANSWER_H

#include "dns/stub.h"

#include "base/text.h"

/* Where an answer came from. */
struct account {
        fbn_dns_source source;
        const char *suffix; /* of its route, "" if it took none */
        fbn_endpoint upstream; /* family 0: nobody was asked */
        uint32_t kept_s;
        bool authoritative;
};

struct account inquiry_account(const struct inquiry *inquiry, const struct message *message); /* borrows the route's suffix */

/* What is asked; for PTR an address is asked for by its reverse name. */
int question_read(fbn_context *c, const char *name, const char *type, struct question *ret_question);

/* An answer to this process, all stages of reading passed, as records. */
int answer_new(fbn_context *c, const struct question *question, const struct message *message, const struct account *account, int64_t took,
               fbn_dns_answer **ret_answer);

/* Types of records by name ("AAAA", "TYPE65" of RFC 3597 5); false if the text is none. */
bool type_parse(const char *text, uint16_t *ret_type);
const char *type_format(uint16_t type, char *buffer, size_t size);

/* What a record says, as in a zone file; of types that are not known or do not hold what they should, "\# LENGTH HEX" (RFC 3597 5). */
void record_text(const struct message *message, const struct record *record, struct text *text);

#endif
