/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_USERSPACE_H
#define WIREGUARD_USERSPACE_H

#include "wireguard/backend.h"

/* A daemon's socket, see uapi.h. */
int userspace_ask(fbn_context *c, const char *name, struct uapi *ret_asked);
int userspace_read(struct uapi *asked, fbn_wireguard *into);
int userspace_get(fbn_context *c, const char *name, fbn_wireguard *into);
int userspace_set(fbn_context *c, const char *name, const struct update *update);

#endif
