/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/socket.h"

#include "base/address.h"

#include <errno.h>
#include <unistd.h>

socklen_t socket_address_from(const fbn_endpoint *endpoint, union socket_address *ret_address)
{
        memset(ret_address, 0, sizeof(*ret_address));
        if (endpoint->address.family == AF_INET) {
                ret_address->v4.sin_family = AF_INET;
                ret_address->v4.sin_port = htons(endpoint->port);
                memcpy(&ret_address->v4.sin_addr, endpoint->address.bytes, 4);
                return sizeof(ret_address->v4);
        }
        ret_address->v6.sin6_family = AF_INET6;
        ret_address->v6.sin6_port = htons(endpoint->port);
        ret_address->v6.sin6_scope_id = endpoint->scope;
        memcpy(&ret_address->v6.sin6_addr, endpoint->address.bytes, 16);
        return sizeof(ret_address->v6);
}

fbn_endpoint socket_address_endpoint(const union socket_address *address)
{
        fbn_endpoint endpoint = {.address.family = address->any.sa_family};

        if (address->any.sa_family == AF_INET) {
                endpoint.port = ntohs(address->v4.sin_port);
                memcpy(endpoint.address.bytes, &address->v4.sin_addr, 4);
        } else {
                endpoint.port = ntohs(address->v6.sin6_port);
                endpoint.scope = address->v6.sin6_scope_id;
                memcpy(endpoint.address.bytes, &address->v6.sin6_addr, 16);
        }
        return endpoint;
}

bool address_unspecified(const fbn_address *address)
{
        static const uint8_t zero[16];

        return memcmp(address->bytes, zero, family_bytes(address->family)) == 0;
}

int socket_connect(const fbn_endpoint *endpoint, int type)
{
        union socket_address address;
        socklen_t length = socket_address_from(endpoint, &address);
        _cleanup_close_ int fd = -1;

        fd = sys()->socket(endpoint->address.family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (sys()->connect(fd, &address.any, length) < 0 && errno != EINPROGRESS)
                return -errno;
        return TAKE_FD(fd);
}

int socket_tell_local(int fd, const fbn_endpoint *endpoint)
{
        const int on = 1;

        if (!address_unspecified(&endpoint->address))
                return 0;
        return endpoint->address.family == AF_INET6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on))
                                                    : setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
}

static int set_options(int fd, const fbn_endpoint *endpoint, int type)
{
        bool v6 = endpoint->address.family == AF_INET6;
        const int on = 1;

        /* One family a socket, so that 0.0.0.0 and :: can stand side by side. */
        if (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
                return -1;
        /* Connections of a former stub in TIME_WAIT do not keep the port; a server that lives does. */
        if (type == SOCK_STREAM)
                return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        return socket_tell_local(fd, endpoint);
}

static int bind_failed(fbn_context *c, int os_errno, const fbn_endpoint *endpoint, int type)
{
        const char *protocol = type == SOCK_STREAM ? "TCP" : "UDP";

        switch (os_errno) {
        case EADDRINUSE:
                return fail(c, FBN_EEXIST, "%s port %u is in use by another server; 'ss -ln%cp' shows it", protocol, endpoint->port,
                            type == SOCK_STREAM ? 't' : 'u');
        case EADDRNOTAVAIL:
                return fail(c, FBN_EINVAL, "not an address of this host; 'ip address' shows them");
        case EACCES:
        case EPERM:
                return fail(c, FBN_EPERM, "a port below 1024 needs root or the capability CAP_NET_BIND_SERVICE");
        default:
                return fail_errno(c, os_errno, "cannot listen on %s", protocol);
        }
}

int socket_bind(const fbn_endpoint *endpoint, int type, bool shared)
{
        union socket_address address;
        socklen_t length = socket_address_from(endpoint, &address);
        _cleanup_close_ int fd = -1;
        const int on = 1;

        fd = sys()->socket(endpoint->address.family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0 || set_options(fd, endpoint, type) < 0 || (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0) ||
            bind(fd, &address.any, length) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int socket_listen(fbn_context *c, const fbn_endpoint *endpoint, int type, bool shared)
{
        _cleanup_close_ int fd = socket_bind(endpoint, type, shared);

        if (fd < 0)
                return bind_failed(c, -fd, endpoint, type);
        /* Two may bind with SO_REUSEADDR, but only one may listen. */
        if (type == SOCK_STREAM && listen(fd, 128) < 0)
                return bind_failed(c, errno, endpoint, type);
        return TAKE_FD(fd);
}

ssize_t socket_receive(int fd, void *bytes, size_t length)
{
        struct iovec part = {.iov_base = bytes, .iov_len = length};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        ssize_t received = sys()->recvmsg(fd, &message, 0);

        return received < 0 ? -errno : received;
}

ssize_t socket_send(int fd, const void *bytes, size_t length)
{
        struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        ssize_t sent = sys()->sendmsg(fd, &message, MSG_NOSIGNAL);

        return sent < 0 ? -errno : sent;
}

ssize_t socket_read(int fd, void *bytes, size_t length)
{
        ssize_t received = sys()->read(fd, bytes, length);

        return received < 0 ? -errno : received;
}

ssize_t socket_write(int fd, const void *bytes, size_t length)
{
        ssize_t sent = sys()->write(fd, bytes, length);

        return sent < 0 ? -errno : sent;
}
