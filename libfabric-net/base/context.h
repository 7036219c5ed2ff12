/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_CONTEXT_H
#define BASE_CONTEXT_H

#include "base/error.h"
#include "base/memory.h"
#include "base/system.h"

#include <fabricnet/context.h>
#include <stdatomic.h>

/* What a room keeps in a context between calls, opened on first use. */
enum context_slot { SLOT_NETLINK_ROUTE, SLOT_NETLINK_GENERIC, SLOT_NETLINK_NETFILTER, SLOT_SECRETS, SLOT_HTTP, SLOT_WIREGUARD, SLOT_COUNT };

struct fbn_context {
        atomic_uint references;
        int netns; /* -1: the caller's own */
        char *netns_name;
        char *secrets_dir;
        atomic_bool canceled;
        struct error_record error;
        struct {
                void *data;
                void (*release)(void *data);
        } slots[SLOT_COUNT];
};

/* 0, or -FBN_ECANCELED with the error set. To be asked at every bounded step of something slow. */
int context_check(fbn_context *c);

/* Around what takes a half-made thing away again: it runs although the work was cancelled, and the error that led to it stays. */
struct undoing {
        struct error_record error;
        bool canceled;
};

struct undoing undo_begin(fbn_context *c);
void undo_end(fbn_context *c, const struct undoing *undoing);

/* Put the calling thread into the context's namespace until namespace_leave(): sockets and /proc/sys opened between belong to it. */
struct namespace_guard {
        int previous; /* -1: nothing to do */
};

int namespace_enter(fbn_context *c, struct namespace_guard *ret_guard);
void namespace_leave(struct namespace_guard *guard);

#define NAMESPACE_GUARD _cleanup_(namespace_leave) struct namespace_guard

#endif
