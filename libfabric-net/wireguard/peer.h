/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_PEER_H
#define WIREGUARD_PEER_H

#include "wireguard/configuration.h"

/* Both lists as configurations have them, sorted. */
bool peer_same_allowed_ips(const fbn_wireguard_peer *a, const fbn_wireguard_peer *b);

/* Whether the endpoint of a peer that was read may stay: it is the wanted one, or none is wanted. */
bool peer_keeps_endpoint(const fbn_wireguard *device, const fbn_wireguard_peer *have, const fbn_wireguard_peer *want);

#endif
