/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/router/connection.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NO_CONNECTION 255 /* Source: ssh(1), EXIT STATUS */

int connection_open(fbn_context *c, const fbn_router *router, struct connection *ret_connection)
{
        struct connection connection = {.c = c, .router = router, .place = "/tmp/fabricnet-router-XXXXXX"};
        int r;

        if (!router->reachable)
                return fail(c, FBN_EINVAL, "it is not said how the router is reached");
        if (!mkdtemp(connection.place))
                return fail_errno(c, errno, "%s", connection.place);
        r = ssh_write_settings(c, &router->peer, connection.place, connection.place);
        if (r < 0) {
                connection_close(&connection);
                return r;
        }
        *ret_connection = connection;
        return 0;
}

void connection_close(struct connection *connection)
{
        static const char *const files[] = {"ssh_config", "known_hosts"};
        char path[96];

        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                snprintf(path, sizeof(path), "%s/%s", connection->place, files[i]);
                sys()->unlink(path);
        }
        rmdir(connection->place);
}

int connection_run(const struct connection *connection, const char *command, const void *input, size_t length, struct process_output *ret_output,
                   struct process_output *ret_errors)
{
        char settings[80];
        const char *const arguments[] = {"ssh", "-F", settings, "peer", command, NULL};
        const char *said;
        int r;

        snprintf(settings, sizeof(settings), "%s/ssh_config", connection->place);
        r = process_run(connection->c,
                        &(struct process){.arguments = arguments, .input = input, .input_length = length, .timeout = connection->router->timeout,
                                          .output_max = ROUTER_MAX + 1, .errors = ret_errors},
                        ret_output);
        /* A command may end with this code, too: then ssh has nothing to say. */
        if (r != NO_CONNECTION || ret_errors->length == 0)
                return fail_in(connection->c, r, "%s", connection->router->peer.host);
        said = process_reason(ret_errors);
        return fail(connection->c, FBN_EUNAVAILABLE, "%s: %s%s", connection->router->peer.host, said, ssh_hint(said));
}

int connection_do(const struct connection *connection, const char *command, const void *input, size_t length, struct process_output *ret_output)
{
        _cleanup_(process_output_free) struct process_output errors = {0};
        _cleanup_(process_output_wipe) struct process_output unread = {0};
        int r = connection_run(connection, command, input, length, ret_output ? ret_output : &unread, &errors);

        if (r > 0)
                r = fail(connection->c, FBN_EUNAVAILABLE, "%s: '%.*s' failed: %s", connection->router->peer.host, (int)strcspn(command, " "), command,
                         process_reason(&errors));
        return r;
}
