/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROUTE_DIFFERENCE_H
#define ROUTE_DIFFERENCE_H

#include "route/route.h"

/* What is to be done so that the routes of ours are those wanted. Both lists stay packed, and are named by place: 100,000 routes take
 * less than 4 MiB. */
struct step {
        uint32_t want, have; /* NO_ROUTE: there is none */
};

#define NO_ROUTE UINT32_MAX

struct difference {
        fbn_context *c;
        fbn_routes *want; /* the caller's: nothing is changed but the indexes of devices */
        const char *device; /* only ours through it are taken away; NULL: all of ours */
        struct devices devices;
        fbn_routes *have; /* ours and whatever has a wanted route's key, without those that satisfy a wanted one */
        uint32_t *wanted, *found; /* places in want and have, sorted by key */
        size_t wanted_count, found_count;
        uint8_t *satisfied; /* of each wanted one: a route of ours is as it should be, SEEN_NOW in this read or SEEN_BEFORE in the first one */
        size_t next; /* where the next route that is read is looked for first: the kernel sorts as we do */
        struct {
                const struct route_entry *want; /* the wanted shape, to which the route that was read last … */
                bool satisfies;                 /* … is as it should be */
        } last;
        struct step *steps;
        size_t step_count, step_capacity;
        bool creates; /* a wanted route is missing */
};

enum { SEEN_NOW = 1, SEEN_BEFORE = 2 };

/* Fill steps. Routes of somebody else in the way are -FBN_ECONFLICT. */
int difference_find(struct difference *difference);
void difference_clear(struct difference *difference);

enum step_sides { STEP_WANT = 1, STEP_HAVE = 2 };
enum step_sides difference_step(const struct difference *difference, size_t index, struct route_entry *ret_want, struct route_entry *ret_have);

#endif
