/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_LOOKUP_H
#define WIREGUARD_LOOKUP_H

#include "base/context.h"

#define LOOKUP_MAX 16 /* addresses of a name */

/* A name being asked for in a thread of its own, since getaddrinfo(3) waits. It belongs to the thread and to who asked: whoever leaves
 * last frees it, so that nobody waits for a resolver that is silent. */
struct lookup;

/* wake: an eventfd that is written to when there is an answer; the lookup has its own duplicate. */
int lookup_start(fbn_context *c, const char *endpoint_name, uint16_t family, int wake, struct lookup **ret_lookup);
struct lookup *lookup_unref(struct lookup *lookup);

bool lookup_done(const struct lookup *lookup);

/* Once it is done: NULL, or why there is no address. */
const char *lookup_failure(const struct lookup *lookup);

/* The addresses in the order of preference (RFC 6724). */
const fbn_endpoint *lookup_found(const struct lookup *lookup, size_t *ret_count);

#endif
