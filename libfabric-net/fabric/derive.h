/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_DERIVE_H
#define FABRIC_DERIVE_H

#include "fabric/model.h"

/* What follows from the declared tunnels: who is whose peer, and which addresses a peer may use. */
struct peer {
        const struct member *member;
        const struct secret_source *preshared_key; /* NULL: none */
        fbn_prefix *allowed_ips;
        size_t n_allowed_ips;
};

struct peers {
        struct peer *items;
        size_t n;
};

/* Two members are peers if at least one of them can be reached. */
static inline bool members_are_peers(const struct member *a, const struct member *b)
{
        return a != b && (a->endpoint || b->endpoint);
}

/* A member that others reach and that passes packets on between them. */
static inline bool member_is_relay(const struct member *member)
{
        return member->endpoint && member->host->forwarding;
}

/* The peers of a member in the order of the file. Lives in the arena; false without memory. */
bool member_peers(struct arena *arena, const struct member *self, struct peers *ret_peers);

/* The first relay that can take packets of self to other; NULL: none, or they are peers. */
const struct member *member_relay_to(const struct member *self, const struct member *other);

/* How a host gets to an address; VIA_NOTHING if it has no declared way. */
enum via { VIA_NOTHING, VIA_SEGMENT, VIA_TUNNEL, VIA_MESH, VIA_ROUTER };
enum via host_reaches(const fbn_fabric *fabric, const struct host *from, const struct host *to);

/* Whether packets of the mesh must not enter the tunnel at this member: they would not fit, and there is a node here or behind it. */
bool member_keeps_mesh_out(const fbn_fabric *fabric, const struct member *member);

#define MESH_OVER_TUNNEL_MTU 1340 /* the mesh's 1280 and 60 bytes of IPv4, UDP and WireGuard around them */

#endif
