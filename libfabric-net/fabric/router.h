/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_ROUTER_H
#define FABRIC_ROUTER_H

#include "fabric/desired.h"

#include <fabricnet/router.h>

/* One host's part as objects of a router. */
struct routing {
        fbn_context *c;
        const struct desired *desired;
        const fbn_fabric_options *options;
        fbn_router *router;
};

int router_add_pfsense(struct routing *r);
int router_add_linux(struct routing *r);

/* As secret_open(), but what is not here is none. */
int router_open_secret(struct routing *r, const struct secret_source *source, fbn_secret **ret_secret);

#endif
