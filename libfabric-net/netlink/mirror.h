/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETLINK_MIRROR_H
#define NETLINK_MIRROR_H

#include "netlink/netlink.h"

/* A copy of objects of one kind in the kernel, led by its notifications and set right by dumps. What the kernel's words leave open, and
 * what notifications cannot say, makes the copy dirty: it is then read anew, and told is only what really differs. */

#define MIRROR_KEY 64

struct mirror;

/* What a notification does where objects of its key are there already. */
enum mirror_effect { MIRROR_REPLACES, MIRROR_JOINS, MIRROR_UNSURE };

struct mirror_kind {
        int bus;
        uint16_t added, removed; /* types of messages */
        size_t header;           /* bytes of the messages' own header */
        uint64_t passing;        /* attributes that come and go by themselves: bit 1 << type */
        bool unsure;             /* a dump may leave out what is there: absence is believed when a second one says so */
        /* What tells one object from another, at most MIRROR_KEY bytes; 0: not for this mirror. */
        size_t (*key)(const struct nlmsghdr *message, const struct mirror *mirror, uint8_t *key);
        /* NULL: a key has one object. */
        enum mirror_effect (*effect)(const struct nlmsghdr *message, size_t there);
        void (*clean)(struct nlmsghdr *message); /* what else comes and goes by itself; may be NULL */
        void (*ask)(struct nlmsghdr *request, const struct mirror *mirror, bool strict); /* for a dump; strict: the kernel filters */
};

/* Told of each difference; before or after is NULL. Messages are cleaned and of the type added. */
typedef int (*mirror_callback)(fbn_context *c, const struct mirror_kind *kind, const struct nlmsghdr *before, const struct nlmsghdr *after,
                               void *data);

struct mirror {
        const struct mirror_kind *kind;
        uint16_t family;
        mirror_callback changed;
        void *data;
        struct mirror_entry **buckets;
        size_t size, count;
        uint32_t generation;
        bool dirty;
};

void mirror_init(struct mirror *mirror, const struct mirror_kind *kind, uint16_t family, mirror_callback changed, void *data);
void mirror_free(struct mirror *mirror);

/* A notification. One that is not for this mirror does nothing. */
int mirror_apply(fbn_context *c, struct mirror *mirror, const struct nlmsghdr *message);

/* Read all anew and tell what differs. On failure the mirror stays dirty. */
int mirror_read(fbn_context *c, struct mirror *mirror);

/* The object of a key, or the first of several; NULL if there is none. */
const struct nlmsghdr *mirror_find(const struct mirror *mirror, const uint8_t *key, size_t length);

/* Notifications that wait on a socket, without waiting for more. Lost is set when the kernel had to drop some. */
int netlink_notified(fbn_context *c, struct netlink *netlink, netlink_callback callback, void *data, bool *ret_lost);

/* Room for notifications that nobody has read yet; 0: 1 MiB. */
void netlink_buffer(struct netlink *netlink, uint32_t bytes);

#endif
