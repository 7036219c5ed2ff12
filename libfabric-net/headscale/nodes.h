/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HEADSCALE_NODES_H
#define HEADSCALE_NODES_H

#include "headscale/list.h"

#define NODES_PATH "/api/v1/node"

#define NODE_SET_ALL                                                                                                              \
        (FBN_HEADSCALE_SET_GIVEN_NAME | FBN_HEADSCALE_SET_USER | FBN_HEADSCALE_SET_TAGS | FBN_HEADSCALE_SET_APPROVED_ROUTES | \
         FBN_HEADSCALE_SET_EXPIRY)

struct fbn_headscale_nodes {
        unsigned references;
        struct arena arena;
        fbn_headscale_node *items;
        size_t count, capacity;
};

/* The next node of the list: 1, or 0 at the end. */
int node_next(fbn_context *c, struct list *list, struct arena *arena, fbn_headscale_node *ret_node);

#endif
