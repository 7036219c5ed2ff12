/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_HOST_H
#define EDGE_HOST_H

/* The sets of this host's nftables that hold the bans. */
#include "edge/table.h"

#include <fabricnet/nat.h>

struct host {
        char name[17];
        char **trusted; /* links */
        size_t n_trusted;
};

/* Those that never are to be banned. */
struct never {
        fbn_prefix *items;
        size_t count, capacity;
};

int never_add(fbn_context *c, struct never *never, const fbn_prefix *prefix);
/* What overlaps it; NULL: nothing. */
const fbn_prefix *never_find(const struct never *never, const fbn_prefix *prefix);

/* Make the sets and rules if anything of them is missing; 1 if so. Then the sets of those never banned have exactly these. */
int host_prepare(fbn_context *c, const struct host *host, const struct never *never);

/* Put bans into their sets, or take them out, in as few transactions as there are sets. Slots of bans that are covered or gone are passed over
 * by host_add(). On a failure the sets that came before have changed; ask host_reconcile(). */
int host_add(fbn_context *c, const struct host *host, const struct ban_table *table, const uint32_t *slots, size_t count);
int host_delete(fbn_context *c, const struct host *host, const struct ban_table *table, const uint32_t *slots, size_t count);
/* A prefix that holds others which stand: they go and it comes in one transaction. */
int host_cover(fbn_context *c, const struct host *host, const struct ban_table *table, uint32_t slot);

/* Calls found() for every element that stands; it may change the table. Times in seconds, 0: for good. */
typedef int host_found(fbn_context *c, void *data, const fbn_prefix *prefix, uint32_t left);
int host_read(fbn_context *c, const struct host *host, host_found *found, void *data);
int host_flush(fbn_context *c, const struct host *host);
/* Take out elements that no ban of the table stands for. */
int host_delete_prefix(fbn_context *c, const struct host *host, const fbn_prefix *prefix);

#endif
