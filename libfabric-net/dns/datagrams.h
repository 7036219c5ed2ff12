/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_DATAGRAMS_H
#define DNS_DATAGRAMS_H

#include "dns/socket.h"
#include "dns/wire.h"

#define DATAGRAMS 64 /* in one system call */
/* More than we ask for (WIRE_EDNS); what is longer is cut. An odd number of cache lines, so that a batch does not crowd into a few sets of
 * the cache. */
#define DATAGRAM_BYTES ((size_t)1344)

/* A datagram with whom it came from or goes to and, on a wildcard socket, which address of ours it was sent to (family 0 elsewhere):
 * the answer must leave from there. */
struct datagram {
        union socket_address peer;
        socklen_t peer_length;
        fbn_address local;
        unsigned device; /* for link-local addresses */
};

#define DATAGRAM_CONTROL CMSG_SPACE(sizeof(struct in6_pktinfo))

/* Datagrams by the batch, because the system call is most of what one costs. */
struct datagrams {
        struct mmsghdr headers[DATAGRAMS];
        struct iovec parts[DATAGRAMS];
        union socket_address peers[DATAGRAMS];
        _Alignas(struct cmsghdr) char control[DATAGRAMS][DATAGRAM_CONTROL];
        uint8_t bytes[DATAGRAMS][DATAGRAM_BYTES];
        size_t count; /* received, or waiting to be sent */
        int fd;       /* to be sent on */
};

void datagrams_init(struct datagrams *datagrams);

/* Take what is there, at most DATAGRAMS: how many, or -errno. Valid until the next call. */
int datagrams_receive(struct datagrams *datagrams, int fd);
size_t datagrams_length(const struct datagrams *datagrams, size_t index);
void datagrams_origin(struct datagrams *datagrams, size_t index, struct datagram *ret_datagram);

/* Room for one more to be sent, of DATAGRAM_BYTES; those waiting are sent first if there is none. Then how long it became. */
uint8_t *datagrams_room(struct datagrams *datagrams, int fd);
void datagrams_put(struct datagrams *datagrams, size_t length, const struct datagram *to);
void datagrams_send(struct datagrams *datagrams); /* those that the kernel has no room for are lost, as on any wire */

#endif
