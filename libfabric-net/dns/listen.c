/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/stub.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ACCEPTS 16
#define BATCHES 4
#define PORT_TRIES 16

/* Each is read before the one in front of it is resolved, so that its place in the cache is on the way meanwhile. */
static void take_batch(fbn_dns_stub *stub, struct listener *listener, size_t count)
{
        struct query origins[2] = {{.listener = listener}, {.listener = listener}};
        struct query *before = NULL;

        for (size_t i = 0; i < count; i++) {
                struct query *origin = &origins[i % 2];
                bool good;

                datagrams_origin(&stub->in, i, &origin->datagram);
                good = query_read(stub, origin, stub->in.bytes[i], datagrams_length(&stub->in, i));
                if (good)
                        cache_prefetch(&stub->cache, origin->hash);
                if (before)
                        query_resolve(stub, before);
                before = good ? origin : NULL;
        }
        if (before)
                query_resolve(stub, before);
}

static void udp_ready(fbn_dns_stub *stub, struct source *source, uint32_t events)
{
        int count = DATAGRAMS;

        (void)events;
        /* A batch that is not full was the last; the other sources have their turn too. */
        for (int batches = 0; batches < BATCHES && count == DATAGRAMS; batches++) {
                count = datagrams_receive(&stub->in, source->fd);
                if (count > 0)
                        take_batch(stub, CONTAINER_OF(source, struct listener, udp), (size_t)count);
        }
}

static bool no_descriptors(int os_errno)
{
        return os_errno == EMFILE || os_errno == ENFILE || os_errno == ENOBUFS || os_errno == ENOMEM;
}

static void tcp_ready(fbn_dns_stub *stub, struct source *source, uint32_t events)
{
        struct listener *listener = CONTAINER_OF(source, struct listener, tcp);

        (void)events;
        for (int i = 0; i < ACCEPTS; i++) {
                union socket_address peer;
                socklen_t length = sizeof(peer);
                int fd = accept4(source->fd, &peer.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

                if (fd >= 0 && !bound_allows(stub, &peer))
                        close(fd);
                else if (fd >= 0)
                        client_new(stub, listener, fd, &peer);
                else if (errno == EAGAIN)
                        return;
                else if (no_descriptors(errno) && !client_evict(stub)) {
                        /* The connection stays in the kernel's queue and would wake us for ever. */
                        source_change(stub, source, 0);
                        timer_start(&stub->pauses, &listener->pause, stub->now);
                        return;
                }
        }
}

void listener_resume(fbn_dns_stub *stub, struct listener *listener)
{
        source_change(stub, &listener->tcp, EPOLLIN);
}

/* UDP and TCP on one port. When any will do, the one that UDP got may be taken for TCP: -FBN_EEXIST, try again. */
static int bind_both(fbn_context *c, struct listener *listener, const fbn_endpoint *wanted, bool shared)
{
        union socket_address address;
        socklen_t length = sizeof(address);
        int fd;

        source_close(&listener->udp);
        fd = socket_listen(c, wanted, SOCK_DGRAM, shared);
        if (fd < 0)
                return fd;
        listener->udp.fd = fd;
        if (getsockname(fd, &address.any, &length) < 0)
                return fail_errno(c, errno, "cannot read the address of a socket");
        listener->address = socket_address_endpoint(&address);
        fd = socket_listen(c, &listener->address, SOCK_STREAM, shared);
        if (fd < 0)
                return fd;
        listener->tcp.fd = fd;
        return 0;
}

static int listener_start(fbn_context *c, fbn_dns_stub *stub, struct listener *listener)
{
        int r = 0;

        listener->udp.ready = udp_ready;
        listener->tcp.ready = tcp_ready;
        if (listener->udp.fd >= 0)
                r = source_add(stub, &listener->udp, EPOLLIN);
        if (r == 0 && listener->tcp.fd >= 0)
                r = source_add(stub, &listener->tcp, EPOLLIN);
        return r < 0 ? fail_errno(c, -r, "cannot wait for a socket") : 0;
}

int listener_open(fbn_context *c, fbn_dns_stub *stub, struct listener *listener, bool shared)
{
        fbn_endpoint wanted = listener->address;
        int r = -FBN_EEXIST;

        if (wanted.address.family != AF_INET && wanted.address.family != AF_INET6)
                return fail(c, FBN_EINVAL, "no address to listen on");
        for (int i = 0; r == -FBN_EEXIST && i < (wanted.port ? 1 : PORT_TRIES); i++)
                r = bind_both(c, listener, &wanted, shared);
        if (r < 0)
                return r;
        return listener_start(c, stub, listener);
}

/* A socket of somebody else's: of its own kind alone. */
int listener_adopt(fbn_context *c, fbn_dns_stub *stub, struct listener *listener, int socket)
{
        union socket_address address;
        socklen_t length = sizeof(address), size = sizeof(int);
        int type, fd;

        if (getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || getsockname(socket, &address.any, &length) < 0)
                return fail_errno(c, errno, "descriptor %d is no socket", socket);
        if ((type != SOCK_DGRAM && type != SOCK_STREAM) || (address.any.sa_family != AF_INET && address.any.sa_family != AF_INET6))
                return fail(c, FBN_EINVAL, "descriptor %d is no UDP or TCP socket", socket);
        fd = fcntl(socket, F_DUPFD_CLOEXEC, 3);
        if (fd < 0 || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
                return fail_errno(c, errno, "cannot take the socket %d", socket);
        listener->address = socket_address_endpoint(&address);
        *(type == SOCK_DGRAM ? &listener->udp.fd : &listener->tcp.fd) = fd;
        if (type == SOCK_DGRAM && socket_tell_local(fd, &listener->address) < 0)
                return fail_errno(c, errno, "cannot take the socket %d", socket);
        return listener_start(c, stub, listener);
}
