/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HEADSCALE_CHANGE_H
#define HEADSCALE_CHANGE_H

/* Differences of nodes, sent one by one and written down. */
#include "headscale/nodes.h"

struct work {
        fbn_context *c;
        fbn_headscale *headscale;
        fbn_headscale_change_options options;
        fbn_headscale_users *users; /* NULL until they are needed */
        fbn_changes *changes;       /* what was done, or with dry_run would be */
};

int work_begin(fbn_context *c, fbn_headscale *headscale, const fbn_headscale_change_options *options, struct work *ret_work);
void work_end(struct work *work);

/* The number of changes, which are handed over; r is a failure or 0. One after the first change is -FBN_EPARTIAL. */
int work_result(struct work *work, int r, fbn_changes **ret_changes);

/* Whether this server can do what is meant with such a node. Sends nothing but a question for its version. */
int node_check(struct work *work, const fbn_headscale_node *have, const fbn_headscale_node *want);

/* Send what differs. With offered_only, routes that the node does not offer are not approved yet. */
int node_send(struct work *work, const fbn_headscale_node *have, const fbn_headscale_node *want, bool offered_only);

/* Until routes that are approved and offered are served, of all these nodes. */
int serving_wait(struct work *work, const uint64_t *ids, size_t n_ids);

int work_users(struct work *work); /* reads them once */
/* Appended, and never NULL then. */
void tags_show(const fbn_headscale_node *node, struct text *text);
void routes_show(const fbn_prefix *routes, size_t count, struct text *text);
const char *expiry_show(int64_t expiry, char *buffer, size_t size);
bool has_prefix(const fbn_prefix *list, size_t count, const fbn_prefix *prefix);

#endif
