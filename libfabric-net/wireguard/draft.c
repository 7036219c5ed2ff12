/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/configuration.h"


int draft_allowed_ip(fbn_context *c, struct peer_draft *draft, const fbn_prefix *prefix)
{
        if (!ARRAY_RESERVE(draft->allowed_ips, draft->n_allowed_ips, draft->capacity))
                return fail_memory(c);
        draft->allowed_ips[draft->n_allowed_ips++] = *prefix;
        return 0;
}

int draft_preshared_key(fbn_context *c, struct peer_draft *draft, const uint8_t bytes[static KEY_BYTES])
{
        fbn_secret *secret = NULL;

        if (!key_is_zero(bytes)) {
                int r = fbn_secret_new(c, bytes, KEY_BYTES, &secret);

                if (r < 0)
                        return r;
        }
        fbn_secret_unref(draft->preshared_key);
        draft->preshared_key = secret;
        return 0;
}

int draft_add(fbn_context *c, struct peer_draft *draft, fbn_wireguard *wireguard)
{
        int r;

        draft->peer.size = sizeof(draft->peer);
        draft->peer.preshared_key = draft->preshared_key;
        draft->peer.allowed_ips = draft->allowed_ips;
        draft->peer.n_allowed_ips = draft->n_allowed_ips;
        r = fbn_wireguard_add(c, wireguard, &draft->peer);
        draft->preshared_key = fbn_secret_unref(draft->preshared_key);
        draft->n_allowed_ips = 0;
        draft->peer = (fbn_wireguard_peer){0};
        return r;
}

void draft_free(struct peer_draft *draft)
{
        fbn_secret_unref(draft->preshared_key);
        memory_free(draft->allowed_ips);
        *draft = (struct peer_draft){0};
}
