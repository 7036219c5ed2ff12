/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "route/send.h"

#include <errno.h>
#include <stdio.h>

struct sending {
        const fbn_changes *changes;
        size_t needless;
};

static int refused(fbn_context *c, size_t index, int os_errno, const char *text, void *data)
{
        struct sending *sending = data;
        const fbn_change *change = fbn_changes_at(sending->changes, index);

        if (change->kind == FBN_CHANGE_DELETE && (os_errno == ENOENT || os_errno == ESRCH)) {
                sending->needless++;
                return 0;
        }
        return fail_in(c, netlink_fail(c, os_errno, text), "%s", change->object);
}

int send_changes(fbn_context *c, struct netlink_batch *batch, const fbn_changes *changes)
{
        char reason[sizeof(c->error.message)];
        struct sending sending = {changes, 0};
        struct netlink *netlink;
        size_t done = 0;
        int r;

        r = netlink_get(c, NETLINK_ROUTE, &netlink);
        if (r == 0)
                r = netlink_batch_send(c, netlink, batch, refused, &sending, &done);
        if (r == 0 || done == 0)
                return r;
        snprintf(reason, sizeof(reason), "%s", c->error.message);
        return fail(c, FBN_EPARTIAL, "%zu of %zu changes were made, then: %s", done + sending.needless, fbn_changes_count(changes), reason);
}
