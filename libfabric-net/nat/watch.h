/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NAT_WATCH_H
#define NAT_WATCH_H

#include "nat/nat.h"
#include "netlink/follow.h"

#include <linux/netfilter/nf_tables.h>

#define OUR_TABLE "fabricnet"

struct set_count {
        uint8_t family;
        char table[NFT_NAME_MAXLEN], set[NFT_NAME_MAXLEN];
        uint64_t added, removed;
};

struct nat_monitor {
        struct follow follow; /* first member */
        bool all;      /* tables, not only ours */
        char *waiting; /* messages of a transaction whose end did not come yet */
        size_t waiting_length, waiting_capacity;
        struct set_count *sets; /* its elements */
        size_t n_sets, sets_capacity;
        char *by; /* who did what is being told */
        uint32_t pid;
};

#define N_NAT_MIRRORS 4
extern const struct mirror_kind nat_mirrors[N_NAT_MIRRORS]; /* tables, chains, rules, sets */

const char *family_word(uint8_t family); /* "inet" */
int nat_tell(fbn_context *c, struct nat_monitor *mine, const fbn_event *event); /* with who did it */
int nat_changed(fbn_context *c, const struct mirror_kind *kind, const struct nlmsghdr *before, const struct nlmsghdr *after, void *data);

#endif
