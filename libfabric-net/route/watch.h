/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROUTE_WATCH_H
#define ROUTE_WATCH_H

#include "netlink/follow.h"
#include "route/route.h"

struct route_monitor {
        struct follow follow; /* first member */
        fbn_route_monitor_options options;
        struct devices devices, before; /* as read last, and before this round: names of links that are gone */
        bool kept;  /* before is of before this round */
        bool stale; /* links changed since they were read */
};

extern const struct mirror_kind route_mirror, rule_mirror, neighbour_mirror;

/* The names of links, read anew if need be. The kernel reads links under the lock under which it also takes routes away: when this
 * is through, the routes of a link that went down are gone. */
int route_monitor_settle(fbn_context *c, struct follow *follow);

int route_changed(fbn_context *c, const struct mirror_kind *kind, const struct nlmsghdr *before, const struct nlmsghdr *after, void *data);
int rule_changed(fbn_context *c, const struct mirror_kind *kind, const struct nlmsghdr *before, const struct nlmsghdr *after, void *data);

int neighbour_changed(fbn_context *c, const struct mirror_kind *kind, const struct nlmsghdr *before, const struct nlmsghdr *after, void *data);

#endif
