/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/backend.h"

#include <sodium.h>

void throwaway_new(const struct peer_update *take, struct throwaway *ret_throwaway)
{
        *ret_throwaway = (struct throwaway){.peer = {.size = sizeof(fbn_wireguard_peer)}};
        randombytes_buf(ret_throwaway->peer.public_key.bytes, KEY_BYTES);
        ret_throwaway->come = (struct peer_update){&ret_throwaway->peer, PEER_CREATE, take->allowed_ips, take->n_allowed_ips};
        ret_throwaway->go = (struct peer_update){.peer = &ret_throwaway->peer, .what = PEER_REMOVE};
}
