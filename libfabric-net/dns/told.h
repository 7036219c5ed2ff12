/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_TOLD_H
#define DNS_TOLD_H

#include "dns/answer.h"

/* Another process on this host may want to know why its answer is what it is: it says so in an EDNS option, and is told in the same. The number
 * is one of those for local use (RFC 6891 9). */

/* Answer a datagram that has the option, if it comes from this host and has room for it; else false. */
bool told_take(fbn_dns_stub *stub, const struct query *origin);
void told_free(fbn_dns_stub *stub); /* those that wait */

/* What an option says: where the answer came from, the suffix with room for ROUTE_TEXT. False if it says nothing readable. */
#define ROUTE_TEXT ((size_t)NAME_BYTES + 2)
bool told_read(const uint8_t *bytes, size_t length, struct account *account, char suffix[ROUTE_TEXT]);

#endif
