/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/claims.h"
#include "base/address.h"

/* A product carries bits upwards only, so the upper half is folded into the lower one before each. */
static uint64_t mix(uint64_t bits)
{
        return (bits ^ bits >> 32) * UINT64_C(0x9e3779b97f4a7c15);
}

static size_t slot_of(const struct claims *claims, const fbn_prefix *prefix)
{
        uint64_t part[2] = {0};

        memcpy(part, prefix->address.bytes, family_bytes(prefix->address.family));
        return (size_t)(mix(mix(part[0] ^ prefix->length) ^ part[1]) >> 32) & (claims->size - 1);
}

/* The table's entry for a prefix: where it is, or the free one where it would go. */
static const fbn_prefix **entry_of(const struct claims *claims, const fbn_prefix *prefix)
{
        size_t slot = slot_of(claims, prefix);

        while (claims->table[slot] && !prefix_equal(claims->table[slot], prefix))
                slot = (slot + 1) & (claims->size - 1);
        return &claims->table[slot];
}

static const fbn_wireguard_peer *owner_of(const fbn_wireguard *wireguard, const fbn_prefix *claim)
{
        size_t i = 0;

        while (claim < wireguard->peers[i].allowed_ips || claim >= wireguard->peers[i].allowed_ips + wireguard->peers[i].n_allowed_ips)
                i++;
        return &wireguard->peers[i];
}

static int given_twice(fbn_context *c, const fbn_wireguard *wireguard, const fbn_prefix *claim, const fbn_wireguard_peer *peer)
{
        char prefix[FBN_ADDRESS_TEXT], one[FBN_KEY_TEXT], other[FBN_KEY_TEXT];

        return fail(c, FBN_EINVAL, "allowed IP %s is given to two peers, %s and %s; only one can own it",
                    fbn_prefix_format(claim, prefix, sizeof(prefix)),
                    fbn_key_format(&owner_of(wireguard, claim)->public_key, one, sizeof(one)),
                    fbn_key_format(&peer->public_key, other, sizeof(other)));
}

static int claim(fbn_context *c, const fbn_wireguard *wireguard, const struct claims *claims, const fbn_wireguard_peer *peer)
{
        for (size_t i = 0; i < peer->n_allowed_ips; i++) {
                const fbn_prefix **entry = entry_of(claims, &peer->allowed_ips[i]);

                if (*entry)
                        return given_twice(c, wireguard, *entry, peer);
                *entry = &peer->allowed_ips[i];
        }
        return 0;
}

int claims_new(fbn_context *c, const fbn_wireguard *wireguard, struct claims *ret_claims)
{
        _cleanup_(claims_free) struct claims claims = {.size = 16};
        size_t total = 0;

        for (size_t i = 0; i < wireguard->count; i++)
                total += wireguard->peers[i].n_allowed_ips;
        while (claims.size / 3 * 2 < total)
                claims.size *= 2;
        claims.table = memory_alloc(claims.size * sizeof(*claims.table));
        if (!claims.table)
                return fail_memory(c);
        for (size_t i = 0; i < wireguard->count; i++) {
                int r = claim(c, wireguard, &claims, &wireguard->peers[i]);

                if (r < 0)
                        return r;
        }
        *ret_claims = claims;
        claims.table = NULL;
        return 0;
}

bool claims_has(const struct claims *claims, const fbn_prefix *prefix)
{
        return *entry_of(claims, prefix) != NULL;
}

void claims_free(struct claims *claims)
{
        memory_free(claims->table);
        claims->table = NULL;
}
