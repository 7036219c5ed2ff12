/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/peer.h"

#include <sodium.h>

int draft_allowed_ip(fbn_context *c, struct peer_draft *draft, const fbn_prefix *prefix)
{
        if (!ARRAY_RESERVE(draft->allowed_ips, draft->n_allowed_ips, draft->capacity))
                return fail_memory(c);
        draft->allowed_ips[draft->n_allowed_ips++] = *prefix;
        return 0;
}

static bool same_preshared_key(const struct peer_draft *draft, const fbn_wireguard_peer *want)
{
        if (!want->preshared_key)
                return key_is_zero(draft->preshared_key);
        return sodium_memcmp(draft->preshared_key, fbn_secret_bytes(want->preshared_key), KEY_BYTES) == 0;
}

/* Mark the peer if it is as wanted; false if it is to be kept. */
static bool meet(struct peer_draft *draft, fbn_wireguard *wireguard)
{
        const fbn_wireguard_peer *want = configuration_find(wireguard->wanted, &draft->peer.public_key);
        bool *met = want ? &wireguard->met[want - wireguard->wanted->peers] : NULL;

        if (!want || *met || configuration_find(wireguard, &want->public_key) || draft->peer.keepalive != want->keepalive ||
            !same_preshared_key(draft, want))
                return false;
        draft->n_allowed_ips = prefixes_sort(draft->allowed_ips, draft->n_allowed_ips);
        draft->peer.allowed_ips = draft->allowed_ips;
        draft->peer.n_allowed_ips = draft->n_allowed_ips;
        if (!peer_same_allowed_ips(&draft->peer, want) || !peer_keeps_endpoint(wireguard, &draft->peer, want))
                return false;
        *met = true;
        wireguard->n_met++;
        return true;
}

static int keep(fbn_context *c, struct peer_draft *draft, fbn_wireguard *wireguard)
{
        FBN_CLEANUP(fbn_secret) preshared_key = NULL;
        char key[FBN_KEY_TEXT];
        int r = 0;

        if (configuration_met(wireguard, &draft->peer.public_key))
                return fail(c, FBN_EEXIST, "peer %s comes twice", fbn_key_format(&draft->peer.public_key, key, sizeof(key)));
        if (!key_is_zero(draft->preshared_key))
                r = fbn_secret_new(c, draft->preshared_key, KEY_BYTES, &preshared_key);
        if (r < 0)
                return r;
        draft->peer.size = sizeof(draft->peer);
        draft->peer.preshared_key = preshared_key;
        draft->peer.allowed_ips = draft->allowed_ips;
        draft->peer.n_allowed_ips = draft->n_allowed_ips;
        return fbn_wireguard_add(c, wireguard, &draft->peer);
}

int draft_add(fbn_context *c, struct peer_draft *draft, fbn_wireguard *wireguard)
{
        int r = wireguard->wanted && meet(draft, wireguard) ? 0 : keep(c, draft, wireguard);

        key_wipe(draft->preshared_key, KEY_BYTES);
        draft->n_allowed_ips = 0;
        draft->peer = (fbn_wireguard_peer){0};
        return r;
}

void draft_free(struct peer_draft *draft)
{
        key_wipe(draft->preshared_key, KEY_BYTES);
        memory_free(draft->allowed_ips);
        *draft = (struct peer_draft){0};
}
