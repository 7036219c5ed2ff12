/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_CLAIMS_H
#define WIREGUARD_CLAIMS_H

#include "wireguard/configuration.h"

/* Which peer of a configuration owns which prefix, sorted by prefix. */
struct claims {
        struct claim {
                fbn_prefix prefix;
                const fbn_wireguard_peer *peer;
        } *items;
        size_t count;
};

/* -FBN_EINVAL if two peers have the same prefix. */
int claims_new(fbn_context *c, const fbn_wireguard *wireguard, struct claims *ret_claims);
bool claims_has(const struct claims *claims, const fbn_prefix *prefix);
void claims_free(struct claims *claims);

#endif
