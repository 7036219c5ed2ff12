/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_RESOLVER_H
#define WIREGUARD_RESOLVER_H

#include "base/monitor.h"
#include "wireguard/backend.h"
#include "wireguard/lookup.h"

/* A peer whose endpoint has a name. */
struct named {
        const fbn_wireguard_peer *peer; /* of the wanted configuration */
        struct lookup *lookup;          /* NULL: not being asked for */
        int64_t next;                   /* when it is, next */
        int64_t backoff;                /* after the last failure, 0: there was none */
        char *failure;                  /* told last, NULL: none */
        fbn_endpoint found[LOOKUP_MAX]; /* what the name led to the last time */
        size_t count;
        bool answered, stale;
        bool ready;                 /* its answer is being taken */
        const fbn_endpoint *chosen; /* by that answer, of the lookup; NULL: the peer's stays */
};

/* The one of these addresses that a peer should have whatever else is known: the one that it has, else the first of its family, else the
 * first. count is not 0. */
const fbn_endpoint *endpoint_among(const fbn_endpoint *have, const fbn_endpoint *found, size_t count);

/* Which endpoint a peer should have: NULL if the one that it has stays.
 *
 * One that is among the addresses stays, but if nobody answers there the next of them is tried. One that is not was learned from the peer
 * itself, and stays while the peer answers; or it comes from the name, which then has moved. */
const fbn_endpoint *named_choose(const struct named *named, const fbn_endpoint *have, const fbn_endpoint *found, size_t count);

#endif
