/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netlink/netlink.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

#define RECEIVE_TIMEOUT 10 /* seconds; the kernel answers at once or not at all */

static int socket_open(fbn_context *c, int bus)
{
        NAMESPACE_GUARD guard = {-1};
        int fd, r;

        r = namespace_enter(c, &guard);
        if (r < 0)
                return r;
        fd = sys()->socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, bus);
        return fd < 0 ? fail_errno(c, errno, "cannot open a netlink socket") : fd;
}

static int configure(fbn_context *c, struct netlink *netlink)
{
        struct sockaddr_nl address = {.nl_family = AF_NETLINK};
        struct timeval timeout = {.tv_sec = RECEIVE_TIMEOUT};
        socklen_t length = sizeof(address);
        int one = 1;

        if (bind(netlink->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
            getsockname(netlink->fd, (struct sockaddr *)&address, &length) < 0)
                return fail_errno(c, errno, "cannot bind a netlink socket");
        netlink->port = address.nl_pid;
        /* None of these is essential: an old kernel gives shorter errors and longer dumps. */
        setsockopt(netlink->fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
        setsockopt(netlink->fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
        netlink->strict = setsockopt(netlink->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one)) == 0;
        setsockopt(netlink->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
        return 0;
}

void netlink_not_strict(struct netlink *netlink)
{
        int zero = 0;

        setsockopt(netlink->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &zero, sizeof(zero));
        netlink->strict = false;
}

static int open_and_configure(fbn_context *c, struct netlink *netlink)
{
        int r = socket_open(c, netlink->bus);

        if (r < 0)
                return r;
        netlink->fd = r;
        return configure(c, netlink);
}

int netlink_renew(fbn_context *c, struct netlink *netlink)
{
        if (!netlink->unfinished)
                return 0;
        fd_closep(&netlink->fd);
        netlink->fd = -1;
        netlink->unfinished = false;
        return open_and_configure(c, netlink);
}

int netlink_new(fbn_context *c, int bus, struct netlink **ret_netlink)
{
        _cleanup_(netlink_freep) struct netlink *netlink = memory_alloc(sizeof(*netlink));
        int r;

        if (!netlink)
                return fail_memory(c);
        netlink->fd = -1;
        netlink->bus = bus;
        netlink->buffer = memory_alloc(NETLINK_BUFFER);
        if (!netlink->buffer)
                return fail_memory(c);
        r = open_and_configure(c, netlink);
        if (r < 0)
                return r;
        *ret_netlink = TAKE_PTR(netlink);
        return 0;
}

struct netlink *netlink_free(struct netlink *netlink)
{
        if (!netlink)
                return NULL;
        if (netlink->fd >= 0)
                close(netlink->fd);
        memory_free(netlink->buffer);
        memory_free(netlink);
        return NULL;
}

static void slot_release(void *data)
{
        netlink_free(data);
}

int netlink_get(fbn_context *c, int bus, struct netlink **ret_netlink)
{
        enum context_slot slot = bus == NETLINK_ROUTE ? SLOT_NETLINK_ROUTE : bus == NETLINK_GENERIC ? SLOT_NETLINK_GENERIC : SLOT_NETLINK_NETFILTER;
        struct netlink *netlink;
        int r;

        if (!c->slots[slot].data) {
                r = netlink_new(c, bus, &netlink);
                if (r < 0)
                        return r;
                c->slots[slot].data = netlink;
                c->slots[slot].release = slot_release;
        }
        *ret_netlink = c->slots[slot].data;
        return 0;
}

int netlink_join(fbn_context *c, struct netlink *netlink, unsigned group)
{
        if (setsockopt(netlink->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
                return fail_errno(c, errno, "cannot listen to netlink group %u", group);
        return 0;
}

int netlink_send(fbn_context *c, struct netlink *netlink, const void *bytes, size_t length)
{
        struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
        struct iovec part = {(void *)bytes, length};
        struct msghdr message = {.msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = &part, .msg_iovlen = 1};
        ssize_t n;
        int r;

        r = context_check(c);
        if (r < 0)
                return r;
        do
                n = sys()->sendmsg(netlink->fd, &message, 0);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return fail_errno(c, errno, "cannot send to the kernel");
        return 0;
}

int netlink_receive(fbn_context *c, struct netlink *netlink, size_t *ret_length)
{
        struct sockaddr_nl from = {0};
        struct iovec part = {netlink->buffer, NETLINK_BUFFER};
        ssize_t n;

        for (;;) {
                struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1};

                n = sys()->recvmsg(netlink->fd, &message, 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
                        return fail(c, FBN_ETIMEOUT, "the kernel did not answer within %d s", RECEIVE_TIMEOUT);
                if (n < 0)
                        return fail_errno(c, errno, "cannot read from the kernel");
                if (message.msg_flags & MSG_TRUNC)
                        return fail(c, FBN_EPROTOCOL, "the kernel sent a message larger than %zu bytes", NETLINK_BUFFER);
                if (n == 0)
                        return fail(c, FBN_EPROTOCOL, "the kernel sent an empty answer");
                if (from.nl_pid == 0) /* other processes may send to our port: not the kernel, not for us */
                        break;
        }
        *ret_length = (size_t)n;
        return 0;
}
