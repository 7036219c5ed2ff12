/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/peer.h"
#include "base/address.h"

bool peer_same_allowed_ips(const fbn_wireguard_peer *a, const fbn_wireguard_peer *b)
{
        if (a->n_allowed_ips != b->n_allowed_ips)
                return false;
        for (size_t i = 0; i < a->n_allowed_ips; i++)
                if (!prefix_equal(&a->allowed_ips[i], &b->allowed_ips[i]))
                        return false;
        return true;
}

bool peer_keeps_endpoint(const fbn_wireguard *device, const fbn_wireguard_peer *have, const fbn_wireguard_peer *want)
{
        fbn_endpoint endpoint = have->endpoint;

        if (!want->endpoint.address.family)
                return true;
        if (device->interface.backend == FBN_WIREGUARD_USERSPACE && endpoint.scope == 0)
                endpoint.scope = want->endpoint.scope; /* daemons do not tell the zone of a link-local address */
        return endpoint_equal(&endpoint, &want->endpoint);
}
