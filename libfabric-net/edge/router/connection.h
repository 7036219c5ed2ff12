/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_ROUTER_CONNECTION_H
#define EDGE_ROUTER_CONNECTION_H

#include "base/process.h"
#include "edge/router/objects.h"

#define ROUTER_MAX ((size_t)64 << 20)

/* Every command has a connection of its own: one that is answered shows that the way is open now. */
struct connection {
        fbn_context *c;
        const fbn_router *router;
        char place[64]; /* a folder with ssh's files */
};

int connection_open(fbn_context *c, const fbn_router *router, struct connection *ret_connection);
void connection_close(struct connection *connection);

/* What the router's shell does with a command; input is what that reads. Returns its exit code, or -FBN_EUNAVAILABLE (no connection: the message is
 * ssh's), -FBN_ETIMEOUT, … What it writes to its second stream is the reason of a failure and nothing else. */
int connection_run(const struct connection *connection, const char *command, const void *input, size_t length, struct process_output *ret_output,
                   struct process_output *ret_errors);

/* The same; any other exit code than 0 is a failure. */
int connection_do(const struct connection *connection, const char *command, const void *input, size_t length, struct process_output *ret_output);

#endif
