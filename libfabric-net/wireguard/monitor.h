/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_MONITOR_H
#define WIREGUARD_MONITOR_H

#include "base/monitor.h"
#include "wireguard/configuration.h"

/* Where events go, and which. */
struct watching {
        fbn_context *c;
        fbn_monitor *monitor;
        fbn_wireguard_monitor_options options;
        bool first; /* look: what is there has not just come */
};

/* One interface from look to look. */
struct watched {
        char *name;
        fbn_wireguard *have; /* NULL: it is not there */
        struct peer_watch *peers; /* of have's peers, by index */
        bool seen;
};

struct watched *watched_new(const char *name); /* NULL without memory */
void watched_free(struct watched *watched);

/* Tell what differs from the last look; now becomes what the next one is compared with. NULL: it is gone. */
int watched_compare(struct watching *watching, struct watched *watched, fbn_wireguard *now);

#endif
