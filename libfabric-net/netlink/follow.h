/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETLINK_FOLLOW_H
#define NETLINK_FOLLOW_H

#include "base/monitor.h"
#include "netlink/mirror.h"

#define FOLLOW_MIRRORS 8

/* A monitor whose events come from mirrors behind one socket. First member of the domain's struct. */
struct follow {
        fbn_monitor monitor; /* first member */
        struct netlink *netlink;
        struct mirror mirrors[FOLLOW_MIRRORS];
        size_t count;
        netlink_callback noticed; /* sees each notification before the mirrors, which it is kept from by 1; may be NULL */
        int (*settle)(fbn_context *c, struct follow *follow); /* before something is read anew; may be NULL */
        bool quiet; /* what is read for the first time comes without events */
};

int follow_begin(fbn_context *c, struct follow *follow, const struct monitor_class *class, int bus);
int follow_group(fbn_context *c, struct follow *follow, unsigned group);
void follow_kind(struct follow *follow, const struct mirror_kind *kind, uint16_t family, mirror_callback changed);
int follow_start(fbn_context *c, struct follow *follow, bool existing); /* read all, after the groups were joined */
int follow_process(fbn_context *c, fbn_monitor *monitor); /* for the class */
void follow_release(fbn_monitor *monitor);
void follow_dirty(struct follow *follow, const struct mirror_kind *kind); /* its mirrors are to be read anew */

#endif
