/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETNS_DNS_UPSTREAM_H
#define NETNS_DNS_UPSTREAM_H

/* Name servers that lie as the first label of the question tells them to. What is true is 1.1.1.1 from the liar and 2.2.2.2 from the
 * honest one; 6.6.6.6 is what a stub must never pass on. Each runs in a thread of its own, in the namespace that it is given. */
#include "netns/namespace.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <pthread.h>

#define ASKED_MAX 16384

struct upstream {
        struct sockaddr_in address;
        struct in_addr elsewhere; /* another address of its host, to lie from */
        bool honest;
        volatile bool dead; /* hears, and says nothing */
        int udp, tcp, stop[2];
        pthread_t thread;
        const char *netns;
        volatile unsigned asked, asked_tcp; /* questions heard */
        struct {
                char name[64];
                uint16_t id, flags, port, size;
                uint16_t type;
                bool edns, dnssec_ok;
                uint8_t cookie[40];
                unsigned cookie_length;
        } heard[ASKED_MAX];
};

struct exchange {
        struct upstream *upstream;
        struct sockaddr_in client;
        int fd; /* TCP; -1: UDP */
        uint8_t query[512], answer[4096];
        size_t query_length, question_end, length;
};

static inline void upstream_write16(uint8_t *at, unsigned value)
{
        at[0] = (uint8_t)(value >> 8);
        at[1] = (uint8_t)value;
}

static inline void upstream_answer(struct exchange *e, uint32_t address)
{
        static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4};
        uint32_t bytes = htonl(address);

        memcpy(e->answer, e->query, e->question_end);
        e->answer[2] = 0x84 | (e->query[2] & 1);
        e->answer[3] = 0x80;
        memcpy(e->answer + 6, "\0\1\0\0\0\0", 6);
        memcpy(e->answer + e->question_end, record, sizeof(record));
        memcpy(e->answer + e->question_end + sizeof(record), &bytes, 4);
        e->length = e->question_end + sizeof(record) + 4;
}

static inline void upstream_send(struct exchange *e)
{
        uint8_t framed[4098];

        if (e->fd < 0) {
                sendto(e->upstream->udp, e->answer, e->length, 0, (struct sockaddr *)&e->client, sizeof(e->client));
                return;
        }
        upstream_write16(framed, (unsigned)e->length);
        memcpy(framed + 2, e->answer, e->length);
        send(e->fd, framed, e->length + 2, MSG_NOSIGNAL);
}

static inline void upstream_send_from(struct exchange *e, struct in_addr address, uint16_t port)
{
        struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = address, .sin_port = htons(port)};
        int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
                perror("bind of the lying socket");
        sendto(fd, e->answer, e->length, 0, (struct sockaddr *)&e->client, sizeof(e->client));
        close(fd);
}

#define LIE 0x06060606u
#define TRUTH 0x01010101u

/* One lie; what follows it is the truth unless it returns false. */
static inline bool upstream_lie(struct exchange *e, const char *lie)
{
        struct upstream *u = e->upstream;
        bool udp = e->fd < 0;

        upstream_answer(e, LIE);
        if (streq(lie, "wrong-id"))
                e->answer[1] ^= 1;
        else if (streq(lie, "wrong-name"))
                e->answer[13] ^= 1;
        else if (streq(lie, "wrong-type"))
                e->answer[e->question_end - 3] ^= 2;
        else if (streq(lie, "wrong-class"))
                e->answer[e->question_end - 1] ^= 2;
        else if (streq(lie, "no-answer-flag"))
                e->answer[2] &= 0x7f;
        else if (streq(lie, "wrong-opcode"))
                e->answer[2] |= 0x20;
        else if (streq(lie, "no-question")) {
                memmove(e->answer + 12, e->answer + e->question_end, 16);
                e->answer[5] = 0;
                e->length -= e->question_end - 12;
        } else if (streq(lie, "only-a-header")) { /* TuDoor: an error that makes resolvers give up */
                e->length = 12;
                e->answer[3] |= 1;
                e->answer[5] = e->answer[7] = 0;
        } else if (streq(lie, "short"))
                e->length = 5;
        else if (streq(lie, "empty"))
                e->length = 0;
        else if (streq(lie, "loop"))
                upstream_write16(e->answer + e->question_end, 0xc000 | e->question_end);
        else if (streq(lie, "forward-pointer"))
                upstream_write16(e->answer + e->question_end, 0xc000 | (e->question_end + 8));
        else if (streq(lie, "cut-record"))
                e->length -= 2;
        else if (streq(lie, "too-many-records"))
                upstream_write16(e->answer + 6, 500);
        else if (streq(lie, "wrong-port") && udp) {
                upstream_send_from(e, u->address.sin_addr, 6666);
                return true;
        } else if (streq(lie, "wrong-address") && udp) {
                upstream_send_from(e, u->elsewhere, ntohs(u->address.sin_port));
                return true;
        } else
                return true;
        upstream_send(e);
        return true;
}

static inline void upstream_outside(struct exchange *e)
{
        static const uint8_t record[] = {7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 6, 6, 6, 6};

        memcpy(e->answer + e->length, record, sizeof(record));
        e->length += sizeof(record);
        e->answer[7] = 2;
}

/* The owner's name in full, where otherwise a pointer leads to the question. */
static inline void upstream_spelled_out(struct exchange *e)
{
        size_t name = e->question_end - 4 - 12;

        memmove(e->answer + e->question_end + name, e->answer + e->question_end + 2, 14);
        memcpy(e->answer + e->question_end, e->query + 12, name);
        e->length += name - 2;
}

/* NXDOMAIN with an SOA whose TTL is 60 and whose minimum is 30. */
static inline void upstream_not_there(struct exchange *e)
{
        static const uint8_t soa[] = {0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 60, 0, 22, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 30};

        memcpy(e->answer + e->question_end, soa, sizeof(soa));
        e->length = e->question_end + sizeof(soa);
        e->answer[3] |= 3;
        e->answer[7] = 0;
        e->answer[9] = 1;
}

/* "address-10-1-2-3": that address, as truth. */
static inline bool upstream_address(struct exchange *e, const char *label)
{
        unsigned bytes[4];

        if (sscanf(label, "address-%u-%u-%u-%u", &bytes[0], &bytes[1], &bytes[2], &bytes[3]) != 4)
                return false;
        upstream_answer(e, bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3]);
        return true;
}

/* The question's name is an alias, and what it stands for is a lie. */
static inline void upstream_alias(struct exchange *e, const char *target)
{
        static const uint8_t alias[] = {0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60};
        static const uint8_t address[] = {0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 6, 6, 6, 6};
        uint8_t name[64];
        size_t length = 0;

        for (const char *at = target; *at; at += strcspn(at, ".") + (at[strcspn(at, ".")] == '.')) {
                name[length] = (uint8_t)strcspn(at, ".");
                memcpy(name + length + 1, at, name[length]);
                length += 1 + (size_t)name[length];
        }
        name[length++] = 0;
        e->length = e->question_end;
        memcpy(e->answer + e->length, alias, sizeof(alias));
        upstream_write16(e->answer + e->length + sizeof(alias), (unsigned)length);
        memcpy(e->answer + e->length + sizeof(alias) + 2, name, length);
        e->length += sizeof(alias) + 2 + length;
        memcpy(e->answer + e->length, name, length);
        memcpy(e->answer + e->length + length, address, sizeof(address));
        e->length += length + sizeof(address);
        e->answer[7] = 2;
}

/* An OPT record with the client's cookie and, unless ours is empty, one of the server's. */
static inline void upstream_cookie(struct exchange *e, const char *ours)
{
        uint8_t opt[] = {0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0};
        size_t length = 8 + strlen(ours);

        opt[10] = (uint8_t)(length + 4);
        opt[14] = (uint8_t)length;
        memcpy(e->answer + e->length, opt, sizeof(opt));
        memcpy(e->answer + e->length + sizeof(opt), e->upstream->heard[e->upstream->asked - 1].cookie, 8);
        memcpy(e->answer + e->length + sizeof(opt) + 8, ours, strlen(ours));
        e->length += sizeof(opt) + length;
        e->answer[11] = 1;
}

#define SERVER_COOKIE "ABCDEFGH"

/* Whether the question came with the cookie that is given. */
static inline bool upstream_knows(const struct exchange *e)
{
        const struct upstream *u = e->upstream;

        return u->heard[u->asked - 1].cookie_length == 16 && memcmp(u->heard[u->asked - 1].cookie + 8, SERVER_COOKIE, 8) == 0;
}

static inline void upstream_cookies(struct exchange *e, const char *manner)
{
        bool udp = e->fd < 0;

        if (streq(manner, "cookie-forged") && udp) {
                size_t end = e->length;

                upstream_answer(e, 0x06060606u);
                upstream_cookie(e, SERVER_COOKIE);
                e->answer[end + 15] ^= 1;
                upstream_send(e);
                upstream_answer(e, 0x01010101u);
        }
        if (streq(manner, "cookie-less") && udp) { /* somebody who does not know the cookie */
                upstream_answer(e, 0x06060606u);
                return;
        }
        if (streq(manner, "cookie-echoed")) {
                upstream_cookie(e, "");
                return;
        }
        upstream_cookie(e, streq(manner, "cookie-short") ? "ABC" : SERVER_COOKIE);
        if ((streq(manner, "cookie-wanted") && !upstream_knows(e)) || (streq(manner, "cookie-never-good") && udp)) {
                size_t opt = e->question_end;

                memmove(e->answer + opt, e->answer + e->question_end + 16, e->length - e->question_end - 16);
                e->length -= 16;
                e->answer[7] = 0;
                e->answer[3] |= 7; /* BADCOOKIE is 23: 16 in the OPT record, 7 here */
                e->answer[opt + 5] = 1;
        }
}

/* The ways of answering that are no lies. Returns false if nothing more is to be sent. */
static inline bool upstream_manner(struct exchange *e, const char *manner, bool edns)
{
        bool udp = e->fd < 0;

        upstream_answer(e, TRUTH);
        if (streq(manner, "silent"))
                return false;
        if (strncmp(manner, "cookie", 6) == 0)
                upstream_cookies(e, manner);
        if (strncmp(manner, "address-", 8) == 0)
                upstream_address(e, manner);
        if (streq(manner, "alias"))
                upstream_alias(e, "nas.local.example");
        if (streq(manner, "alias-of-nobody"))
                upstream_alias(e, "x.nobody.test");
        if (streq(manner, "alias-of-silent"))
                upstream_alias(e, "silent.pair.example");
        if (streq(manner, "alias-inside"))
                upstream_alias(e, "b.lone.example");
        if (streq(manner, "circle")) /* lone.example to pair.example and back */
                upstream_alias(e, e->query[12 + 1 + e->query[12] + 1] == 'l' || e->query[12 + 1 + e->query[12] + 1] == 'L' ? "circle.pair.example"
                                                                                                                        : "circle.lone.example");
        if (streq(manner, "slow"))
                poll(NULL, 0, 200);
        if (streq(manner, "late"))
                poll(NULL, 0, 600);
        if (strncmp(manner, "upper", 5) == 0)
                for (size_t i = 13; i < e->question_end - 5; i++)
                        if (e->answer[i] >= 'a' && e->answer[i] <= 'z')
                                e->answer[i] -= 32;
        if (streq(manner, "flood") && udp) {
                upstream_answer(e, LIE);
                for (unsigned i = 1; i <= 100; i++) {
                        e->answer[1] = (uint8_t)(e->query[1] + i);
                        upstream_send(e);
                }
                return false;
        }
        if ((streq(manner, "tc") || streq(manner, "tc-cut") || streq(manner, "tc-closed")) && udp) {
                e->answer[2] |= 2;
                if (streq(manner, "tc-cut"))
                        e->length -= 3;
        }
        if ((streq(manner, "tc-closed") || streq(manner, "upper-closed")) && !udp)
                return false;
        if (streq(manner, "formerr")) {
                e->length = e->question_end;
                e->answer[3] |= 1;
                e->answer[7] = 0;
        }
        if (streq(manner, "noedns") && edns) {
                e->length = e->question_end;
                e->answer[3] |= 1;
                e->answer[7] = 0;
        }
        if (streq(manner, "servfail") || streq(manner, "refused") || streq(manner, "nxdomain")) {
                e->length = e->question_end;
                e->answer[3] |= streq(manner, "servfail") ? 2 : streq(manner, "refused") ? 5 : 3;
                e->answer[7] = 0;
        }
        if (streq(manner, "short-lived"))
                e->answer[e->question_end + 9] = 1;
        if (streq(manner, "not-cached"))
                e->answer[e->question_end + 9] = 0;
        if (streq(manner, "spelled-out"))
                upstream_spelled_out(e);
        if (streq(manner, "outside")) /* an address of "example" beside the one that was asked for */
                upstream_outside(e);
        if (streq(manner, "not-there"))
                upstream_not_there(e);
        if (streq(manner, "ad"))
                e->answer[3] |= 0x20;
        if (streq(manner, "authority")) /* which does no recursion */
                e->answer[3] &= 0x7f;
        return true;
}

/* Split the question's name into its first label and remember what was heard. False for what is no question. */
static inline bool upstream_hear(struct exchange *e, char label[64])
{
        struct upstream *u = e->upstream;
        size_t at = 12, length = 0;
        unsigned i = u->asked;

        if (e->query_length < 17 || i >= ASKED_MAX)
                return false;
        memcpy(label, e->query + 13, e->query[12] & 63);
        label[e->query[12] & 63] = 0;
        for (char *at_label = label; *at_label; at_label++)
                *at_label = (char)tolower(*at_label);
        while (at < e->query_length && e->query[at]) {
                if (length + e->query[at] + 2 < sizeof(u->heard[i].name)) { /* as spelled, in its case */
                        memcpy(u->heard[i].name + length, e->query + at + 1, e->query[at]);
                        length += e->query[at];
                        u->heard[i].name[length++] = '.';
                        u->heard[i].name[length] = 0;
                }
                at += 1 + (size_t)e->query[at];
        }
        e->question_end = at + 5;
        u->heard[i].id = (uint16_t)(e->query[0] << 8 | e->query[1]);
        u->heard[i].flags = (uint16_t)(e->query[2] << 8 | e->query[3]);
        u->heard[i].type = (uint16_t)(e->query[at + 1] << 8 | e->query[at + 2]);
        u->heard[i].port = ntohs(e->client.sin_port);
        u->heard[i].edns = e->query[11] == 1;
        if (u->heard[i].edns) {
                u->heard[i].size = (uint16_t)(e->query[e->question_end + 3] << 8 | e->query[e->question_end + 4]);
                u->heard[i].dnssec_ok = e->query[e->question_end + 7] & 0x80;
                u->heard[i].cookie_length = 0;
                if (e->query_length >= e->question_end + 15 + 8 && e->query[e->question_end + 12] == 10) {
                        u->heard[i].cookie_length = e->query[e->question_end + 14];
                        memcpy(u->heard[i].cookie, e->query + e->question_end + 15, u->heard[i].cookie_length);
                }
        }
        __atomic_fetch_add(&u->asked, 1, __ATOMIC_SEQ_CST);
        if (e->fd >= 0)
                __atomic_fetch_add(&u->asked_tcp, 1, __ATOMIC_SEQ_CST);
        return true;
}

static inline void upstream_handle(struct exchange *e)
{
        char label[64];
        bool go;

        if (!upstream_hear(e, label) || e->upstream->dead)
                return;
        if (e->upstream->honest)
                upstream_answer(e, 0x02020202);
        else {
                upstream_lie(e, label);
                go = upstream_manner(e, label, e->query[11] == 1);
                if (!go)
                        return;
        }
        upstream_send(e);
}

static inline void upstream_accept(struct upstream *u)
{
        struct exchange e = {.upstream = u};
        socklen_t size = sizeof(e.client);
        uint8_t prefix[2];

        e.fd = accept(u->tcp, (struct sockaddr *)&e.client, &size);
        if (e.fd >= 0 && recv(e.fd, prefix, 2, MSG_WAITALL) == 2) {
                e.query_length = (size_t)(prefix[0] << 8 | prefix[1]);
                if (e.query_length <= sizeof(e.query) && recv(e.fd, e.query, e.query_length, MSG_WAITALL) == (ssize_t)e.query_length)
                        upstream_handle(&e);
        }
        close(e.fd);
}

static inline void upstream_receive(struct upstream *u)
{
        struct exchange e = {.upstream = u, .fd = -1};
        socklen_t size = sizeof(e.client);
        ssize_t length = recvfrom(u->udp, e.query, sizeof(e.query), 0, (struct sockaddr *)&e.client, &size);

        e.query_length = length > 0 ? (size_t)length : 0;
        upstream_handle(&e);
}

static inline void *upstream_main(void *data)
{
        struct upstream *u = data;
        struct pollfd wait[] = {{.fd = u->udp, .events = POLLIN}, {.fd = u->tcp, .events = POLLIN}, {.fd = u->stop[0], .events = POLLIN}};

        while (poll(wait, 3, -1) > 0 && !wait[2].revents) {
                if (wait[0].revents)
                        upstream_receive(u);
                if (wait[1].revents)
                        upstream_accept(u);
        }
        return NULL;
}

static inline int upstream_socket(struct upstream *u, int type)
{
        int fd = socket(AF_INET, type, 0), on = 1;

        assert_true(fd >= 0);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        assert_int_equal(bind(fd, (struct sockaddr *)&u->address, sizeof(u->address)), 0);
        return fd;
}

static inline void upstream_start(struct upstream *u, fbn_context *in, const char *address, uint16_t port, const char *elsewhere, bool honest)
{
        struct namespace_guard guard;

        memset(u, 0, sizeof(*u));
        u->honest = honest;
        u->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = inet_addr(address)};
        u->elsewhere.s_addr = inet_addr(elsewhere);
        assert_int_equal(namespace_enter(in, &guard), 0);
        u->udp = upstream_socket(u, SOCK_DGRAM);
        u->tcp = upstream_socket(u, SOCK_STREAM);
        assert_int_equal(listen(u->tcp, 16), 0);
        assert_int_equal(pipe(u->stop), 0);
        /* The thread is born into the namespace and stays there, to lie from other sockets. */
        assert_int_equal(pthread_create(&u->thread, NULL, upstream_main, u), 0);
        namespace_leave(&guard);
}

static inline void upstream_stop(struct upstream *u)
{
        close(u->stop[1]);
        pthread_join(u->thread, NULL);
        close(u->stop[0]);
        close(u->udp);
        close(u->tcp);
}

#endif
