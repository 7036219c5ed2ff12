/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BENCH_DATAGRAMS_H
#define BENCH_DATAGRAMS_H

/* Datagrams by the batch, for the programs around the DNS benchmark. */

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH 64
#define DATAGRAM 1232

struct batch {
        struct mmsghdr headers[BATCH];
        struct iovec parts[BATCH];
        struct sockaddr_in peers[BATCH];
        uint8_t bytes[BATCH][DATAGRAM];
};

static inline int needed(int r, const char *what)
{
        if (r < 0) {
                perror(what);
                exit(1);
        }
        return r;
}

static inline struct sockaddr_in local(const char *port)
{
        return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline int bound(const char *port)
{
        struct sockaddr_in address = local(port);
        int fd = needed(socket(AF_INET, SOCK_DGRAM, 0), "socket"), room = 4 << 20;

        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
        needed(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind");
        return fd;
}

static inline int connected(const struct sockaddr_in *to)
{
        int fd = needed(socket(AF_INET, SOCK_DGRAM, 0), "socket");

        needed(connect(fd, (const struct sockaddr *)to, sizeof(*to)), "connect");
        return fd;
}

/* Ready to receive. */
static inline void batch_prepare(struct batch *batch)
{
        for (int i = 0; i < BATCH; i++) {
                batch->parts[i] = (struct iovec){batch->bytes[i], DATAGRAM};
                batch->headers[i] = (struct mmsghdr){
                        .msg_hdr = {.msg_name = &batch->peers[i], .msg_namelen = sizeof(batch->peers[i]), .msg_iov = &batch->parts[i], .msg_iovlen = 1}};
        }
}

/* How many came; 0 if none is there. */
static inline int batch_receive(int fd, struct batch *batch, int flags)
{
        int count;

        batch_prepare(batch);
        count = recvmmsg(fd, batch->headers, BATCH, flags, NULL);
        for (int i = 0; i < count; i++)
                batch->parts[i].iov_len = batch->headers[i].msg_len;
        return count < 0 ? 0 : count;
}

static inline void batch_send(int fd, struct batch *batch, int count)
{
        for (int sent = 0; sent < count;) {
                int n = sendmmsg(fd, batch->headers + sent, (unsigned)(count - sent), 0);

                if (n <= 0)
                        return; /* whoever asked has gone, or asks again */
                sent += n;
        }
}

#endif
