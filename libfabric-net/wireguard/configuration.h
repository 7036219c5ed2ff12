/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_CONFIGURATION_H
#define WIREGUARD_CONFIGURATION_H

#include "base/context.h"
#include "wireguard/encoding.h"

#include <fabricnet/wireguard.h>

/* The daemon boringtun has a dialect of its own. It shows itself by its own public key, which it tells instead of the private one; one
 * that has no key yet is not known by its answers. */
enum boringtun { NOT_BORINGTUN, BORINGTUN, MAYBE_BORINGTUN };

/* Where a peer is. The mark is a hash of its key: what has another one is not looked at, which would be a cache miss. */
struct peer_slot {
        uint32_t mark;
        uint32_t place; /* its index + 1, 0: free */
};

/* An interface and its peers. Peers are found by key through an open-addressed table, so that ten thousand stay cheap; the allowed IPs of
 * each are sorted and without duplicates, so that two peers are compared in one walk. */
struct fbn_wireguard {
        unsigned references;
        struct arena arena;
        fbn_wireguard_interface interface;
        fbn_wireguard_peer *peers;
        size_t count, capacity;
        struct peer_slot *table;
        size_t table_size; /* a power of two, at most three quarters full */
        enum boringtun boringtun; /* whom it was read from */
        /* Read to be compared with what is wanted: a peer that is so already is marked there and not kept. NULL: all are kept. */
        const fbn_wireguard *wanted;
        bool *met; /* a mark for each of the wanted peers, in the arena */
        size_t n_met;
};

/* Before it is read: compare with wanted, which is borrowed. */
int configuration_expect(fbn_context *c, fbn_wireguard *wireguard, const fbn_wireguard *wanted);

/* Whether a peer was read that is as wanted. */
bool configuration_met(const fbn_wireguard *wireguard, const fbn_key *key);

/* Sort and drop what comes twice; how many are left. */
size_t prefixes_sort(fbn_prefix *prefixes, size_t count);

bool key_equal(const fbn_key *a, const fbn_key *b);
bool key_is_zero(const void *key); /* KEY_BYTES, public or secret */

/* The peer with this key, NULL if there is none. */
const fbn_wireguard_peer *configuration_find(const fbn_wireguard *wireguard, const fbn_key *key);

/* Replace the interface's part by a copy. */
int configuration_set_interface(fbn_context *c, fbn_wireguard *wireguard, const fbn_wireguard_interface *interface);

/* Forget the peers. */
void configuration_clear(fbn_wireguard *wireguard);

/* A peer that comes piece by piece. Zero is a good start; drafts are added with draft_add(), which empties them for the next. */
struct peer_draft {
        fbn_wireguard_peer peer;
        uint8_t preshared_key[KEY_BYTES]; /* all zero: none */
        fbn_prefix *allowed_ips;
        size_t n_allowed_ips, capacity;
};

int draft_allowed_ip(fbn_context *c, struct peer_draft *draft, const fbn_prefix *prefix);
int draft_add(fbn_context *c, struct peer_draft *draft, fbn_wireguard *wireguard);
void draft_free(struct peer_draft *draft);

#endif
