/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROUTE_NEXTHOP_H
#define ROUTE_NEXTHOP_H

#include "route/route.h"

/* What the files about nexthop objects share. */

/* A record and the memory of its members, while it is not in a list. */
struct nexthop_parts {
        fbn_nexthop nexthop;
        fbn_nexthop_member members[FBN_ROUTE_HOPS];
        bool odd; /* read: has what fbn_nexthop cannot say (an encapsulation, a resilient group …) */
};

/* A caller's record as this version knows it, checked; borrows its texts. */
int nexthop_take(fbn_context *c, const fbn_nexthop *given, struct nexthop_parts *ret_parts);

bool nexthop_satisfies(const fbn_nexthop *have, const fbn_nexthop *want);

#define NEXTHOP_TEXT 512
const char *nexthop_describe(const fbn_nexthop *nexthop, char text[static NEXTHOP_TEXT]); /* "via 10.0.0.1 dev wg0" */

int nexthops_append(fbn_context *c, fbn_nexthops *nexthops, const struct nexthop_parts *parts); /* a copy */
bool nexthops_odd(const fbn_nexthops *nexthops, size_t index);
void nexthops_clear(fbn_nexthops *nexthops);

void nexthop_put(struct nlmsghdr *message, const fbn_nexthop *nexthop, uint32_t device);
void nexthop_put_deletion(struct nlmsghdr *message, uint32_t id);
bool nexthop_parse(const struct nlmsghdr *message, const struct devices *devices, struct nexthop_parts *ret_parts);

#endif
