/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_LIFETIME_H
#define DNS_LIFETIME_H

#include "base/macro.h"
#include "dns/name.h"
#include "dns/wire.h"

#define LIFETIME_MAX 86400u          /* seconds: whoever says a year may have made a mistake */
#define LIFETIME_NEGATIVE_MAX 10800u /* that something is not there: RFC 2308 5 */
#define LIFETIME_FAILURE 2u          /* RFC 9520 3.2: at least one second, and here none is cut short by the clock's */

/* How many seconds an answer (all stages of reading passed) may be kept, 0 if not at all: as long as the shortest-lived of its records;
 * that nothing is there, as long as the SOA says; that it failed, a moment. What has a record outside of the route's suffix is no
 * business of that route's upstreams beyond this one answer and is not kept (CVE-2021-25220). */
uint32_t answer_lifetime(const struct message *message, const struct name *suffix);

#endif
