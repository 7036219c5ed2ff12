/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/router/apply.h"
#include "base/changes.h"

#include <stdio.h>
#include <time.h>

#define SECONDS 60

int64_t router_seconds(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec;
}

bool router_pause(int64_t deadline)
{
        if (router_seconds() >= deadline)
                return false;
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
        return true;
}

int router_fail_after(fbn_context *c, fbn_error code, const char *became)
{
        char why[sizeof(c->error.message)];

        snprintf(why, sizeof(why), "%s", c->error.message);
        return fail(c, code, "%.700s; %s", why, became);
}

int fbn_router_read(fbn_context *c, const fbn_router *router, fbn_router **ret_have)
{
        FBN_CLEANUP(fbn_router) have = NULL;
        struct connection connection;
        int r = fbn_router_new(c, router->fabric, NULL, &have);

        if (r < 0)
                return r;
        have->linux_host = router->linux_host;
        r = connection_open(c, router, &connection);
        if (r < 0)
                return r;
        r = router->linux_host ? linux_read(&connection, have) : pfsense_read(&connection, have);
        connection_close(&connection);
        if (r < 0)
                return r;
        r = (int)have->count;
        *ret_have = TAKE_PTR(have);
        return r;
}

int fbn_router_apply(fbn_context *c, const fbn_router *router, const fbn_router_options *given, fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_router_options options;
        struct connection connection;
        int r = OPTIONS_READ(c, fbn_router_options, given, &options);

        if (r < 0)
                return r;
        if (options.confirm_within == 0)
                options.confirm_within = SECONDS;
        if (options.confirm_within < 5 || options.confirm_within > 3600)
                return fail(c, FBN_EINVAL, "confirm_within: 5 to 3600 seconds");
        if (options.backups && options.backups[0] != '/')
                return fail(c, FBN_EINVAL, "folder '%s': an absolute path", options.backups);
        r = connection_open(c, router, &connection);
        if (r < 0)
                return r;
        r = router->linux_host ? linux_apply(&connection, &options, &changes) : pfsense_apply(&connection, &options, &changes);
        connection_close(&connection);
        if (r < 0)
                return r;
        r = (int)fbn_changes_count(changes);
        if (ret_changes)
                *ret_changes = TAKE_PTR(changes);
        return r;
}
