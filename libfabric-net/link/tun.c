/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/kind.h"
#include "link/link.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>

/* The device belongs to the namespace in which /dev/net/tun was opened. Source: drivers/net/tun.c, tun_chr_open(). */
static int open_device(fbn_context *c)
{
        NAMESPACE_GUARD guard = {-1};
        int fd, r;

        r = namespace_enter(c, &guard);
        if (r < 0)
                return r;
        fd = sys()->open("/dev/net/tun", O_RDWR | O_CLOEXEC, 0);
        if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
                return kind_missing(c, "tun");
        return fd < 0 ? fail_errno(c, errno, "/dev/net/tun") : fd;
}

int tun_create(fbn_context *c, const char *name, const char *kind)
{
        struct ifreq request = {.ifr_flags = streq(kind, "tap") ? IFF_TAP | IFF_NO_PI : IFF_TUN | IFF_NO_PI};
        _cleanup_close_ int fd = -1;

        snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
        request.ifr_flags = (short)(request.ifr_flags | IFF_TUN_EXCL);
        fd = open_device(c);
        if (fd < 0)
                return fd;
        if (ioctl(fd, TUNSETIFF, &request) < 0) {
                if (errno == EBUSY || errno == EINVAL) /* the name is a tun link's, or another kind's */
                        return fail(c, FBN_EEXIST, "a link of that name exists already");
                return fail_errno(c, errno, "cannot make a %s link", kind);
        }
        if (ioctl(fd, TUNSETPERSIST, 1) < 0)
                return fail_errno(c, errno, "cannot make a %s link stay", kind);
        return 0;
}
