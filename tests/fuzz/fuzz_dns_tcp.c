/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever a connection brings, in whatever pieces: what comes back is whole answers, each to a query that was sent.
 *
 * The first byte is the size of the pieces; the rest is what the client says. */
#include "dns/stub.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good, const char *what)
{
        if (good)
                return;
        fprintf(stderr, "%s\n", what);
        abort();
}

static fbn_context *c;
static fbn_dns_stub *stub;

/* Nobody is asked: names are blocked, or have an address. */
static void make_stub(void)
{
        fbn_dns_routes *routes = NULL;
        fbn_address address = {AF_INET, {192, 0, 2, 1}};

        check(fbn_context_new(NULL, &c) == 0 && fbn_dns_routes_new(c, &routes) == 0, "no context");
        check(fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = ".", .addresses = &address, .n_addresses = 1)) == 0, "no route");
        check(fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "blocked", .blocked = true)) == 0, "no route");
        check(fbn_dns_stub_new(c, routes, FBN_OPTIONS(fbn_dns_stub_options, .in_process = true), &stub) == 0, "no stub");
        fbn_dns_routes_unref(routes);
}

static size_t drain(int fd, uint8_t *answers, size_t length, size_t room)
{
        ssize_t received = recv(fd, answers + length, room - length, MSG_DONTWAIT);

        return received > 0 ? length + (size_t)received : length;
}

static void look(const uint8_t *answers, size_t length)
{
        for (size_t at = 0; at < length;) {
                struct message message;
                size_t whole;

                check(length - at >= 2, "half a length");
                whole = wire_read16(answers + at);
                check(whole >= WIRE_HEADER && whole <= length - at - 2, "half an answer");
                check(message_header(answers + at + 2, whole, &message), "no header");
                check(message.flags & FLAG_QR, "no answer");
                if (message.counts[SECTION_QUESTION])
                        check(message_question(&message) && message_records(&message) && message.end == whole, "the answer cannot be read");
                at += 2 + whole;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static uint8_t answers[1 << 22];
        union socket_address peer = {.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
        static struct listener listener;
        size_t piece, length = 0;
        int fds[2];

        if (!stub)
                make_stub();
        if (size == 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
                return 0;
        client_new(stub, &listener, fds[0], &peer);
        piece = 1 + (size_t)data[0] * 7;
        for (size_t at = 1; at < size && length < sizeof(answers) / 2;) {
                ssize_t sent = send(fds[1], data + at, MIN(piece, size - at), MSG_NOSIGNAL);

                if (sent <= 0)
                        break;
                at += (size_t)sent;
                check(fbn_dns_stub_process(c, stub) == 0, "the stub ended");
                length = drain(fds[1], answers, length, sizeof(answers));
        }
        for (size_t before = SIZE_MAX; before != length;) { /* what is still to come */
                before = length;
                check(fbn_dns_stub_process(c, stub) == 0 && fbn_dns_stub_process(c, stub) == 0, "the stub ended");
                length = drain(fds[1], answers, length, sizeof(answers));
        }
        look(answers, length);
        close(fds[1]);
        fbn_dns_stub_process(c, stub);
        return 0;
}

#include "replay.h"
