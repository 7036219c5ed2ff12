/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The least that it takes. dns_limit echo PORT sends back what comes. dns_limit pool|strict PORT UPSTREAM-PORT forwards, without parsing,
 * checks, timeouts or a second upstream. pool: 64 connected sockets, ids from a counter; strict: a fresh socket for each query. */
#include "datagrams.h"

#include <sys/epoll.h>
#include <unistd.h>

#define POOL 64

/* Who waits for an answer: by socket when strict, else by id. */
static struct waiting {
        struct sockaddr_in client;
        uint16_t id;
} waiting[65536];

static struct sockaddr_in upstream;
static struct batch in, out;
static int server, queue, pool[POOL], pending;

static void watch(int fd)
{
        needed(epoll_ctl(queue, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd}), "epoll_ctl");
}

static void answers_flush(void)
{
        batch_send(server, &out, pending);
        pending = 0;
}

static void answer(const struct waiting *to, const uint8_t *bytes, size_t length)
{
        if (pending == BATCH)
                answers_flush();
        memcpy(out.bytes[pending], bytes, length);
        memcpy(out.bytes[pending], &to->id, sizeof(to->id));
        out.peers[pending] = to->client;
        out.parts[pending++].iov_len = length;
}

static void take_queries(int strict)
{
        static uint16_t next;
        int count = batch_receive(server, &in, MSG_DONTWAIT);

        for (int i = 0; i < count; i++) {
                int fd = strict ? connected(&upstream) : pool[next % POOL];
                uint16_t key = strict ? (uint16_t)fd : next++;

                waiting[key].client = in.peers[i];
                memcpy(&waiting[key].id, in.bytes[i], 2);
                if (strict)
                        watch(fd);
                else
                        memcpy(in.bytes[i], &key, 2);
                send(fd, in.bytes[i], in.parts[i].iov_len, 0);
        }
}

static void take_answer(int fd)
{
        uint8_t bytes[DATAGRAM];
        ssize_t length = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (length >= 12)
                answer(&waiting[(uint16_t)fd], bytes, (size_t)length);
        close(fd);
}

static void take_answers(int fd)
{
        int count = batch_receive(fd, &in, MSG_DONTWAIT);

        for (int i = 0; i < count; i++) {
                uint16_t key;

                memcpy(&key, in.bytes[i], sizeof(key));
                answer(&waiting[key], in.bytes[i], in.parts[i].iov_len);
        }
}

static void echo(const char *port)
{
        int fd = bound(port);

        for (;;) {
                int count = batch_receive(fd, &in, MSG_WAITFORONE);

                batch_send(fd, &in, count);
        }
}

int main(int argc, char **argv)
{
        struct epoll_event events[BATCH];
        int strict = argc == 4 && strcmp(argv[1], "strict") == 0;

        if (argc == 3 && strcmp(argv[1], "echo") == 0)
                echo(argv[2]);
        if (argc != 4)
                return 3;
        upstream = local(argv[3]);
        server = bound(argv[2]);
        queue = needed(epoll_create1(0), "epoll_create");
        watch(server);
        batch_prepare(&out);
        for (int i = 0; !strict && i < POOL; i++)
                watch(pool[i] = connected(&upstream));
        for (;;) {
                int count = needed(epoll_wait(queue, events, BATCH, -1), "epoll_wait");

                for (int i = 0; i < count; i++)
                        if (events[i].data.fd == server)
                                take_queries(strict);
                        else if (strict)
                                take_answer(events[i].data.fd);
                        else
                                take_answers(events[i].data.fd);
                answers_flush();
        }
}
