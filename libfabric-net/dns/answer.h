/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_ANSWER_H
#define DNS_ANSWER_H

#include "dns/stub.h"

#include "base/text.h"

/* An answer to this process, read into records. */
int answer_new(fbn_context *c, const struct question *question, const struct inquiry *inquiry, int64_t took, fbn_dns_answer **ret_answer);

/* Types of records by name ("AAAA", "TYPE65" of RFC 3597 5); false if the text is none. */
bool type_parse(const char *text, uint16_t *ret_type);
const char *type_format(uint16_t type, char *buffer, size_t size);

/* What a record says, as in a zone file; of types that are not known or do not hold what they should, "\# LENGTH HEX" (RFC 3597 5). */
void record_text(const struct message *message, const struct record *record, struct text *text);

#endif
