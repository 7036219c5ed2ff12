/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_BACKEND_H
#define WIREGUARD_BACKEND_H

#include "wireguard/configuration.h"
#include "wireguard/uapi.h"

enum peer_what {
        PEER_REMOVE = 1,
        PEER_CREATE = 2, /* it is not there yet; without it a backend that can says "only if it is still there" */
        PEER_PRESHARED_KEY = 4,
        PEER_ENDPOINT = 8,
        PEER_KEEPALIVE = 16,
        PEER_TAKE_ALLOWED_IPS = 32 /* those of the update go, and nobody else has them */
};

/* What to send about one peer: the members of peer that what names, and allowed IPs to add or take. */
struct peer_update {
        const fbn_wireguard_peer *peer;
        unsigned what;
        const fbn_prefix *allowed_ips;
        size_t n_allowed_ips;
};

enum interface_what { INTERFACE_PRIVATE_KEY = 1, INTERFACE_LISTEN_PORT = 2, INTERFACE_FWMARK = 4 };

/* A difference, in the order in which it has to arrive. A peer may come more than once. */
struct update {
        const fbn_wireguard_interface *interface;
        unsigned what;
        struct peer_update *peers;
        size_t count, capacity;
        enum boringtun boringtun; /* what it has to arrive at */
};

/* How allowed IPs are taken away where the protocol can only replace all that a peer has, which leaves it without any for a moment:
 * they are given to a peer that nobody is, and that goes at once. Borrows from take and points into itself. */
struct throwaway {
        fbn_wireguard_peer peer;
        struct peer_update come, go;
};

void throwaway_new(const struct peer_update *take, struct throwaway *ret_throwaway);

/* Who runs an interface. get fills an empty configuration; set ends at the first refusal, and what came before it stands. Where
 * writing down an answer takes time, get is also there as ask and read, with other work between; NULL for the kernel. */
struct backend {
        fbn_wireguard_backend number;
        int (*ask)(fbn_context *c, const char *name, struct uapi *ret_asked);
        int (*read)(struct uapi *asked, fbn_wireguard *into);
        int (*get)(fbn_context *c, const char *name, fbn_wireguard *into);
        int (*set)(fbn_context *c, const char *name, const struct update *update);
};

/* The backend of an existing interface in the context's namespace. */
int backend_of(fbn_context *c, const char *name, const struct backend **ret_backend);

/* Read through a backend; errors name the interface. asked is a reading that has begun, NULL: none has. Of peers that are as wanted says
 * only that marks are left, see configuration.h; NULL: all are read. */
int backend_get(fbn_context *c, const struct backend *backend, const char *name, struct uapi *asked, const fbn_wireguard *wanted,
                fbn_wireguard **ret_wireguard);

#endif
