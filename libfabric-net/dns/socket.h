/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_SOCKET_H
#define DNS_SOCKET_H

#include "base/context.h"

#include <netinet/in.h>

union socket_address {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
};

socklen_t socket_address_from(const fbn_endpoint *endpoint, union socket_address *ret_address);
fbn_endpoint socket_address_endpoint(const union socket_address *address);

bool address_unspecified(const fbn_address *address);

/* A non-blocking socket connected to an endpoint, or on its way (TCP); the kernel picks a random port of ours. -errno on failure. */
int socket_connect(const fbn_endpoint *endpoint, int type);

/* A bound socket, or -errno. shared: others may bind the same and have their part of what comes (SO_REUSEPORT). */
int socket_bind(const fbn_endpoint *endpoint, int type, bool shared);

/* On a wildcard address, let each datagram tell which of ours it was sent to. */
int socket_tell_local(int fd, const fbn_endpoint *endpoint);

/* A bound socket; for TCP it listens. Returns it or a negative code with the error set. */
int socket_listen(fbn_context *c, const fbn_endpoint *endpoint, int type, bool shared);

/* recv(2) and send(2) through the table of system calls; -errno on failure. */
ssize_t socket_receive(int fd, void *bytes, size_t length);
ssize_t socket_send(int fd, const void *bytes, size_t length);

/* A datagram on a connected UDP socket by read(2) and write(2), which have less to look at; -errno on failure. */
ssize_t socket_read(int fd, void *bytes, size_t length);
ssize_t socket_write(int fd, const void *bytes, size_t length);

#endif
