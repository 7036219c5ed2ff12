/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_NETWORK_H
#define WIREGUARD_NETWORK_H

#include "wireguard/configuration.h"

struct fbn_wireguard_network {
        unsigned references;
        struct arena arena;
        fbn_prefix *prefixes;
        size_t n_prefixes;
        fbn_secret *preshared;
        fbn_wireguard_member *members;
        size_t count, capacity;
};

#endif
