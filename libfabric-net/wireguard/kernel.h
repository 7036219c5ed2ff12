/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_KERNEL_H
#define WIREGUARD_KERNEL_H

#include "wireguard/backend.h"

/* Generic netlink. Source: include/uapi/linux/wireguard.h, drivers/net/wireguard/netlink.c. */
int kernel_get(fbn_context *c, const char *name, fbn_wireguard *into);
int kernel_set(fbn_context *c, const char *name, const struct update *update);

#endif
