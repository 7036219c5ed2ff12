/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/backend.h"
#include "wireguard/daemon.h"
#include "wireguard/uapi.h"

#include <errno.h>
#include <fabricnet/link.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define TIMEOUT 5000 /* milliseconds */
#define PAUSE 10

/* Any link without a daemon's socket is somebody else's. A socket that nobody listens on is a killed daemon's: its link may go. */
static int check_daemons(fbn_context *c, const char *name)
{
        _cleanup_(uapi_close) struct uapi uapi = {.fd = -1};
        int r = uapi_open(c, name, &uapi);

        return r == -FBN_EUNAVAILABLE ? 0 : fail_in(c, r, "%s", name);
}

static int remove_socket(fbn_context *c, const char *name)
{
        char path[108];

        snprintf(path, sizeof(path), UAPI_DIRECTORY "/%s.sock", name);
        if (unlink(path) < 0 && errno != ENOENT)
                return fail_errno(c, errno, "%s", path);
        return 0;
}

/* A daemon ends when its link is gone, and takes its socket along unless it was killed before. */
static int wait_end(fbn_context *c, const char *name)
{
        int64_t deadline = milliseconds_now() + TIMEOUT;

        for (;;) {
                _cleanup_(uapi_close) struct uapi uapi = {.fd = -1};
                int r = uapi_open(c, name, &uapi);

                if (r == -FBN_ENOENT)
                        return 0;
                if (r == -FBN_EUNAVAILABLE)
                        return remove_socket(c, name);
                if (r == 0)
                        r = context_check(c);
                if (r < 0)
                        return r;
                if (milliseconds_now() >= deadline)
                        return fail(c, FBN_ETIMEOUT, "the interface is gone, its daemon still listens on " UAPI_DIRECTORY "/%s.sock; end it",
                                    name);
                poll(NULL, 0, PAUSE);
        }
}

static int delete_userspace(fbn_context *c, const char *name)
{
        int r = check_daemons(c, name);

        if (r == 0)
                r = fbn_link_delete(c, name);
        return r < 0 ? r : fail_in(c, wait_end(c, name), "%s", name);
}

int fbn_wireguard_delete(fbn_context *c, const char *name)
{
        const struct backend *backend;
        int r = backend_of(c, name, &backend);

        if (r < 0)
                return r;
        return backend->number == FBN_WIREGUARD_KERNEL ? fbn_link_delete(c, name) : delete_userspace(c, name);
}
