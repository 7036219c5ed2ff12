/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_ROUTER_APPLY_H
#define EDGE_ROUTER_APPLY_H

#include "edge/router/connection.h"

/* Both systems: a connection and options that are complete; what was done goes to changes. 0 or a failure. */
int pfsense_apply(const struct connection *connection, const fbn_router_options *options, fbn_changes **ret_changes);
int linux_apply(const struct connection *connection, const fbn_router_options *options, fbn_changes **ret_changes);
int pfsense_read(const struct connection *connection, fbn_router *have);
int linux_read(const struct connection *connection, fbn_router *have);

/* A moment before the next try, until a deadline of router_seconds() has passed; false then. */
bool router_pause(int64_t deadline);
int64_t router_seconds(void);

/* After a failure that is in the context: say what became of the router, with code FBN_EUNDONE or FBN_EPARTIAL. */
int router_fail_after(fbn_context *c, fbn_error code, const char *became);

/* From the JSON of a fabricnet(1) on the router: plan --json and apply --json. */
int linux_take_steps(fbn_context *c, const char *bytes, size_t length, fbn_changes *changes);

#endif
