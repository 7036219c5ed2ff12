/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/claims.h"
#include "base/address.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
        return prefix_compare(&((const struct claim *)a)->prefix, &((const struct claim *)b)->prefix);
}

static int check(fbn_context *c, const struct claims *claims)
{
        char prefix[FBN_ADDRESS_TEXT], one[FBN_KEY_TEXT], other[FBN_KEY_TEXT];

        for (size_t i = 1; i < claims->count; i++)
                if (compare(&claims->items[i - 1], &claims->items[i]) == 0)
                        return fail(c, FBN_EINVAL, "allowed IP %s is given to two peers, %s and %s; only one can own it",
                                    fbn_prefix_format(&claims->items[i].prefix, prefix, sizeof(prefix)),
                                    fbn_key_format(&claims->items[i - 1].peer->public_key, one, sizeof(one)),
                                    fbn_key_format(&claims->items[i].peer->public_key, other, sizeof(other)));
        return 0;
}

int claims_new(fbn_context *c, const fbn_wireguard *wireguard, struct claims *ret_claims)
{
        _cleanup_(claims_free) struct claims claims = {0};
        size_t total = 0;
        int r;

        for (size_t i = 0; i < wireguard->count; i++)
                total += wireguard->peers[i].n_allowed_ips;
        claims.items = memory_alloc(total * sizeof(*claims.items));
        if (!claims.items)
                return fail_memory(c);
        for (size_t i = 0; i < wireguard->count; i++)
                for (size_t j = 0; j < wireguard->peers[i].n_allowed_ips; j++)
                        claims.items[claims.count++] = (struct claim){wireguard->peers[i].allowed_ips[j], &wireguard->peers[i]};
        qsort(claims.items, claims.count, sizeof(*claims.items), compare);
        r = check(c, &claims);
        if (r < 0)
                return r;
        *ret_claims = claims;
        claims.items = NULL;
        return 0;
}

bool claims_has(const struct claims *claims, const fbn_prefix *prefix)
{
        struct claim wanted = {.prefix = *prefix};

        return claims->count && bsearch(&wanted, claims->items, claims->count, sizeof(*claims->items), compare);
}

void claims_free(struct claims *claims)
{
        memory_free(claims->items);
        claims->items = NULL;
}
