/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_CLAIMS_H
#define WIREGUARD_CLAIMS_H

#include "wireguard/configuration.h"

/* All allowed IPs of a configuration, found through an open-addressed table. Borrows from the configuration. */
struct claims {
        const fbn_prefix **table; /* NULL: free */
        size_t size;              /* a power of two, at most two thirds full */
};

/* -FBN_EINVAL if two peers have the same prefix. */
int claims_new(fbn_context *c, const fbn_wireguard *wireguard, struct claims *ret_claims);
bool claims_has(const struct claims *claims, const fbn_prefix *prefix);
void claims_free(struct claims *claims);

#endif
