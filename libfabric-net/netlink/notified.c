/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netlink/mirror.h"

#include <errno.h>
#include <sys/socket.h>

#define RECEIVE_BUFFER ((uint32_t)1 << 20)
#define DATAGRAMS_MAX 1024 /* at a time, so that a flood does not hold up the caller */

void netlink_buffer(struct netlink *netlink, uint32_t bytes)
{
        int size = (int)MIN(bytes ? bytes : RECEIVE_BUFFER, (uint32_t)INT32_MAX);

        /* Beyond the system's limit only with the privilege. */
        if (setsockopt(netlink->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
                setsockopt(netlink->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

/* 1 and a datagram of the kernel's, 0 if none is there or it is not for us. */
static int receive(fbn_context *c, struct netlink *netlink, size_t *ret_length, bool *ret_empty, bool *ret_lost)
{
        struct sockaddr_nl from = {0};
        struct iovec part = {netlink->buffer, NETLINK_BUFFER};
        struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1};
        ssize_t n = sys()->recvmsg(netlink->fd, &message, MSG_DONTWAIT);

        *ret_empty = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        if (*ret_empty || (n < 0 && errno == EINTR))
                return 0;
        if (n < 0 && errno != ENOBUFS)
                return fail_errno(c, errno, "cannot read notifications of the kernel");
        if (n < 0 || message.msg_flags & MSG_TRUNC) {
                *ret_lost = true;
                return 0;
        }
        *ret_length = (size_t)n;
        return from.nl_pid == 0 && n > 0;
}

int netlink_notified(fbn_context *c, struct netlink *netlink, netlink_callback callback, void *data, bool *ret_lost)
{
        bool empty = false;

        for (unsigned i = 0; i < DATAGRAMS_MAX && !empty; i++) {
                const struct nlmsghdr *message = (const struct nlmsghdr *)netlink->buffer;
                size_t length = 0;
                int left, r = receive(c, netlink, &length, &empty, ret_lost);

                if (r < 0)
                        return r;
                for (left = r ? (int)length : 0; netlink_message_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
                        r = callback(c, message, data);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}
