/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever an upstream says, over UDP and in pieces over TCP: the stub goes on, and what it passes on is a whole answer to the question.
 *
 * The first byte: whether UDP says "truncated", whether ids and questions are made to fit, the size of the pieces. The rest is what the
 * upstream sends, over UDP as one datagram, over TCP as it is, its lengths too. */
#include "dns/reply.h"

#include <fabricnet/dns.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TCP = 1, FITTING = 2 };

static fbn_context *c;
static fbn_dns_stub *stub;
static int udp, tcp, client;

static void check(bool good, const char *what)
{
        if (good)
                return;
        fprintf(stderr, "%s\n", what);
        abort();
}

static void open_upstream(fbn_endpoint *ret_endpoint)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof(address);

        udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        check(bind(tcp, (struct sockaddr *)&address, length) == 0 && listen(tcp, 16) == 0, "no listener");
        getsockname(tcp, (struct sockaddr *)&address, &length);
        check(bind(udp, (struct sockaddr *)&address, length) == 0, "the port is taken: run it again");
        *ret_endpoint = (fbn_endpoint){.address = {AF_INET, {127, 0, 0, 1}}, .port = ntohs(address.sin_port)};
}

static void make_client(const fbn_endpoint *endpoint)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(endpoint->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

        client = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        check(connect(client, (struct sockaddr *)&address, sizeof(address)) == 0, "no client");
}

static void make_stub(void)
{
        const fbn_endpoint listen = {.address = {AF_INET, {127, 0, 0, 1}}};
        fbn_dns_routes *routes = NULL;
        fbn_endpoint upstream, address;

        open_upstream(&upstream);
        check(fbn_context_new(NULL, &c) == 0 && fbn_dns_routes_new(c, &routes) == 0, "no context");
        check(fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = ".", .upstreams = &upstream, .n_upstreams = 1)) == 0, "no route");
        check(fbn_dns_stub_new(c, routes, FBN_OPTIONS(fbn_dns_stub_options, .listen = &listen, .n_listen = 1, .timeout_ms = 20), &stub) == 0, "no stub");
        fbn_dns_routes_unref(routes);
        address = fbn_dns_stub_address(stub, 0);
        make_client(&address);
}

/* The id, and the question if the message has room for it, as they were asked. */
static void fit(uint8_t *bytes, size_t length, const uint8_t *query, size_t asked)
{
        size_t end = WIRE_HEADER;

        while (end < asked && query[end])
                end += 1 + (size_t)query[end];
        end += 5;
        if (length < 2)
                return;
        memcpy(bytes, query, 2);
        if (length < end || asked < end)
                return;
        bytes[2] |= 0x80;
        bytes[2] &= 0x87; /* an answer to a query */
        memcpy(bytes + 4, query + 4, 2);
        memcpy(bytes + WIRE_HEADER, query + WIRE_HEADER, end - WIRE_HEADER);
}

static void answer_datagram(const uint8_t *data, size_t size, unsigned how)
{
        struct sockaddr_in peer;
        socklen_t length = sizeof(peer);
        uint8_t query[WIRE_QUERY], bytes[WIRE_MESSAGE];
        ssize_t asked = recvfrom(udp, query, sizeof(query), 0, (struct sockaddr *)&peer, &length);

        if (asked < (ssize_t)WIRE_HEADER)
                return;
        size = MIN(size, (size_t)60000);
        memcpy(bytes, data, size);
        if (how & TCP) {
                memcpy(bytes, query, (size_t)asked);
                size = (size_t)asked;
                wire_write16(bytes + 2, FLAG_QR | FLAG_TC);
                wire_write16(bytes + 10, 0); /* without the OPT record behind the question */
        } else if (how & FITTING)
                fit(bytes, size, query, (size_t)asked);
        sendto(udp, bytes, size, 0, (struct sockaddr *)&peer, length);
}

/* What the client was told. */
struct told {
        struct question question;
        uint16_t id;
        uint8_t bytes[WIRE_MESSAGE];
        size_t length; /* 0: nothing yet */
};

static void ask(struct told *told)
{
        static uint16_t id;
        uint8_t bytes[WIRE_QUERY];
        char name[32];

        told->length = 0;
        told->id = ++id;
        told->question = (struct question){.type = TYPE_A, .class = CLASS_IN};
        snprintf(name, sizeof(name), "w%05u.example.org", id); /* another one each time, or it would wait with the one before */
        name_parse(name, &told->question.name);
        send(client, bytes, query_write(told->id, FLAG_RD, &told->question, true, false, bytes), 0);
}

static void process(struct told *told)
{
        ssize_t length;

        check(fbn_dns_stub_process(c, stub) == 0, "the stub ended");
        if (told->length)
                return;
        length = recv(client, told->bytes, sizeof(told->bytes), 0);
        if (length >= 2 && wire_read16(told->bytes) == told->id) /* else of an earlier question */
                told->length = (size_t)length;
}

/* What was asked over a connection so far, its first message; its length, 0 while it is not there. */
static size_t take_query(int fd, uint8_t *query, size_t *got)
{
        ssize_t received = recv(fd, query + *got, 2 + WIRE_QUERY - *got, MSG_DONTWAIT);

        *got += received > 0 ? (size_t)received : 0;
        return *got > 2 && *got >= 2u + wire_read16(query) ? wire_read16(query) : 0;
}

static void answer_connection(int fd, const uint8_t *data, size_t size, unsigned how, struct told *told)
{
        static uint8_t bytes[1 << 17];
        uint8_t query[2 + WIRE_QUERY];
        size_t got = 0, asked = 0, piece = 1 + (size_t)(how >> 2) * 29;

        size = MIN(size, sizeof(bytes));
        memcpy(bytes, data, size);
        for (unsigned i = 0; i < 20 && asked == 0 && !told->length; i++) {
                asked = take_query(fd, query, &got);
                process(told);
        }
        if ((how & FITTING) && asked > 0 && size > 2)
                fit(bytes + 2, size - 2, query + 2, asked);
        for (size_t at = 0; at < size && !told->length; at += piece) {
                if (send(fd, bytes + at, MIN(piece, size - at), MSG_NOSIGNAL | MSG_DONTWAIT) <= 0)
                        break;
                process(told);
        }
        shutdown(fd, SHUT_WR);
}

static void serve(const uint8_t *data, size_t size, unsigned how, struct told *told)
{
        for (unsigned i = 0; i < 12 && !told->length; i++) {
                int fd;

                process(told);
                answer_datagram(data, size, how);
                process(told);
                fd = accept4(tcp, NULL, NULL, SOCK_CLOEXEC);
                if (fd < 0)
                        continue;
                answer_connection(fd, data, size, how, told);
                process(told);
                close(fd);
        }
}

static void look(const struct told *told)
{
        struct message message;

        check(message_header(told->bytes, told->length, &message), "no header");
        check(message_question(&message) && message_records(&message) && message.end == message.length, "the answer cannot be read");
        check(question_equal(&message.question, &told->question) && (message.flags & FLAG_QR), "the answer to something else");
        check(!(message.flags & (FLAG_AA | FLAG_AD)) && told->length <= WIRE_EDNS, "what is not passed on");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct told told;

        if (!stub)
                make_stub();
        if (size == 0)
                return 0;
        fbn_dns_stub_flush(stub);
        ask(&told);
        serve(data + 1, size - 1, data[0], &told);
        if (told.length)
                look(&told);
        return 0;
}

#include "replay.h"
