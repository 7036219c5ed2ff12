/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/probe.h"
#include "base/address.h"
#include "fabric/explain.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define SLICE_MS 100
#define PINGS 3

union address {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
};

static int64_t now_us(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static socklen_t fill(union address *to, const fbn_address *address, uint16_t port)
{
        memset(to, 0, sizeof(*to));
        if (address->family == AF_INET6) {
                to->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
                memcpy(&to->v6.sin6_addr, address->bytes, 16);
                return sizeof(to->v6);
        }
        to->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&to->v4.sin_addr, address->bytes, 4);
        return sizeof(to->v4);
}

/* A socket of the context's namespace. */
static int open_socket(fbn_context *c, int family, int type, int protocol)
{
        NAMESPACE_GUARD guard = {-1};
        int r = namespace_enter(c, &guard);

        return r < 0 ? r : socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
}

/* 1 if there is something, 0 at the deadline. */
static int wait_for(fbn_context *c, int fd, short events, int64_t deadline_us)
{
        for (;;) {
                struct pollfd ready = {.fd = fd, .events = events};
                int64_t left = (deadline_us - now_us()) / 1000;
                int r = context_check(c);

                if (r < 0)
                        return r;
                if (left <= 0)
                        return 0;
                r = poll(&ready, 1, (int)MIN(left, (int64_t)SLICE_MS));
                if (r > 0)
                        return 1;
                if (r < 0 && errno != EINTR)
                        return fail_errno(c, errno, "poll");
        }
}

static int by_connection(fbn_context *c, const fbn_address *address, uint16_t port, int type, struct probe *probe)
{
        int64_t start = now_us();
        union address to;
        socklen_t length = fill(&to, address, port);
        _cleanup_close_ int fd = open_socket(c, address->family, type, 0);
        int error = 0, r;
        socklen_t size = sizeof(error);

        if (fd < 0)
                return fail_errno(c, errno, "socket");
        probe->sent = 1;
        error = connect(fd, &to.any, length) < 0 ? errno : 0;
        if (!error && type == SOCK_DGRAM && send(fd, "", 0, MSG_NOSIGNAL) < 0)
                error = errno;
        if (error == EINPROGRESS || (!error && type == SOCK_DGRAM)) {
                r = wait_for(c, fd, type == SOCK_DGRAM ? POLLIN : POLLOUT, start + (int64_t)(type == SOCK_DGRAM ? MIN(500u, probe->timeout_ms) : probe->timeout_ms) * 1000);
                if (r < 0)
                        return r;
                error = r == 0 ? ETIMEDOUT : 0;
                if (r && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
                        return fail_errno(c, errno, "getsockopt");
        }
        probe->reached = !error || error == ECONNREFUSED;
        if (type == SOCK_DGRAM && error == ETIMEDOUT) {
                probe->reached = true;
                probe->answered = 1; /* what is not refused may have arrived: more cannot be known of UDP */
                snprintf(probe->text, sizeof(probe->text), "sent, nobody refused it");
                return 0;
        }
        probe->answered = !error;
        probe->microseconds = probe->reached ? (uint32_t)(now_us() - start) : 0;
        if (error == ECONNREFUSED)
                snprintf(probe->text, sizeof(probe->text), "reached, but nobody listens on port %u", port);
        else if (error)
                snprintf(probe->text, sizeof(probe->text), "%s", error == ETIMEDOUT ? "no answer" : strerror(error));
        else
                snprintf(probe->text, sizeof(probe->text), "answered in %.1f ms", probe->microseconds / 1000.0);
        return 0;
}

static size_t build_echo(uint8_t *packet, uint16_t family, uint16_t id, uint16_t sequence)
{
        struct icmphdr header = {.type = family == AF_INET6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO, .un.echo = {.id = htons(id), .sequence = htons(sequence)}};
        uint32_t sum = 0;

        memset(packet, 0, 64);
        memcpy(packet, &header, sizeof(header));
        for (size_t i = 0; i < 64; i += 2)
                sum += (uint32_t)(packet[i] << 8 | packet[i + 1]);
        sum = (sum >> 16) + (sum & 0xffff);
        sum += sum >> 16;
        header.checksum = htons((uint16_t)~sum); /* the kernel writes that of ICMPv6 */
        memcpy(packet, &header, sizeof(header));
        return 64;
}

/* A raw socket sees all answers, with the IPv4 header before them. */
static bool is_answer(const uint8_t *bytes, ssize_t length, uint16_t family, uint16_t id, uint16_t sequence)
{
        size_t skip = family == AF_INET ? (size_t)(bytes[0] & 15) * 4 : 0;
        struct icmphdr header;

        if (length < (ssize_t)(skip + sizeof(header)))
                return false;
        memcpy(&header, bytes + skip, sizeof(header));
        return header.type == (family == AF_INET6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) && header.un.echo.id == htons(id) &&
               header.un.echo.sequence == htons(sequence);
}

static int await_echo(fbn_context *c, int fd, uint16_t family, uint16_t id, uint16_t sequence, int64_t deadline_us)
{
        for (;;) {
                uint8_t bytes[512];
                int r = wait_for(c, fd, POLLIN, deadline_us);
                ssize_t n;

                if (r <= 0)
                        return r;
                n = recv(fd, bytes, sizeof(bytes), 0);
                if (n > 0 && is_answer(bytes, n, family, id, sequence))
                        return 1;
        }
}

static int by_ping(fbn_context *c, const fbn_address *address, struct probe *probe)
{
        uint16_t id = (uint16_t)getpid();
        union address to;
        socklen_t length = fill(&to, address, 0);
        _cleanup_close_ int fd = open_socket(c, address->family, SOCK_RAW, address->family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
        int error = 0;

        if (fd < 0)
                return errno == EPERM ? fail(c, FBN_EPERM, "a ping needs CAP_NET_RAW") : fail_errno(c, errno, "socket");
        if (connect(fd, &to.any, length) < 0) /* then only what comes from there is heard */
                error = errno;
        for (uint16_t i = 0; i < PINGS; i++) {
                uint8_t packet[64];
                size_t size = build_echo(packet, address->family, id, i);
                int64_t start = now_us();
                int r;

                probe->sent++;
                if (error || send(fd, packet, size, MSG_NOSIGNAL) < 0) {
                        error = error ? error : errno;
                        continue;
                }
                r = await_echo(c, fd, address->family, id, i, start + (int64_t)probe->timeout_ms / PINGS * 1000);
                if (r < 0)
                        return r;
                if (r && probe->answered++ == 0)
                        probe->microseconds = (uint32_t)(now_us() - start);
        }
        probe->reached = probe->answered > 0;
        if (probe->reached)
                snprintf(probe->text, sizeof(probe->text), "%u of %u answered, %.1f ms", probe->answered, probe->sent, probe->microseconds / 1000.0);
        else
                snprintf(probe->text, sizeof(probe->text), "%s", error ? strerror(error) : "no answer");
        return 0;
}

/* By the resolver that programs on this host use. */
static int look_up(fbn_context *c, const char *name, fbn_address *ret_address, struct probe *probe)
{
        const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
        struct addrinfo *found = NULL;
        NAMESPACE_GUARD guard = {-1};
        int64_t start = now_us();
        int r = namespace_enter(c, &guard);

        if (r < 0)
                return r;
        r = getaddrinfo(name, NULL, &hints, &found);
        if (r != 0) {
                snprintf(probe->text, sizeof(probe->text), "%s: %s", name, gai_strerror(r));
                return 0;
        }
        *ret_address = (fbn_address){.family = (uint16_t)found->ai_family};
        if (found->ai_family == AF_INET)
                memcpy(ret_address->bytes, &((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_addr, 4);
        else
                memcpy(ret_address->bytes, &((const struct sockaddr_in6 *)(const void *)found->ai_addr)->sin6_addr, 16);
        freeaddrinfo(found);
        probe->microseconds = (uint32_t)(now_us() - start);
        return 1;
}

/* 1 with an address, 0 if there is none, which text tells. A host is asked at the address that explain finds to answer. */
static int find_address(fbn_context *c, const fbn_fabric *fabric, const struct expectation *expectation, fbn_address *ret_address, struct probe *probe)
{
        const struct host *host = fabric_host(fabric, expectation->host);
        int r;

        if (host) {
                if (explain_address(c, fabric, expectation, host, ret_address))
                        return 1;
                snprintf(probe->text, sizeof(probe->text), "'%s' has no declared address", host->name);
                return 0;
        }
        if (fbn_address_parse(expectation->host, ret_address) == 0)
                return 1;
        r = look_up(c, expectation->host, ret_address, probe);
        return r;
}

static int ask(fbn_context *c, const struct expectation *expectation, const fbn_address *address, struct probe *probe)
{
        char text[FBN_ADDRESS_TEXT];

        switch (expectation->protocol) {
        case PROTOCOL_TCP:
                return by_connection(c, address, expectation->port, SOCK_STREAM, probe);
        case PROTOCOL_UDP:
                return by_connection(c, address, expectation->port, SOCK_DGRAM, probe);
        case PROTOCOL_ICMP:
                return by_ping(c, address, probe);
        case PROTOCOL_DNS:
                break;
        }
        probe->reached = true;
        probe->sent = probe->answered = 1;
        snprintf(probe->text, sizeof(probe->text), "is %s, answered in %.1f ms", fbn_address_format(address, text, sizeof(text)), probe->microseconds / 1000.0);
        return 0;
}

int probe_run(fbn_context *c, const fbn_fabric *fabric, const struct expectation *expectation, unsigned timeout_ms, struct probe *ret_probe)
{
        struct probe probe = {.timeout_ms = timeout_ms};
        fbn_address address;
        int r;

        r = find_address(c, fabric, expectation, &address, &probe);
        if (r > 0)
                r = ask(c, expectation, &address, &probe);
        if (r < 0)
                return fail_in(c, r, "%s", expectation->pointer);
        probe.holds = expectation->delivered ? probe.answered > 0 : !probe.reached;
        *ret_probe = probe;
        return 0;
}

int probe_ping(fbn_context *c, const fbn_address *address, unsigned timeout_ms, struct probe *ret_probe)
{
        struct probe probe = {.timeout_ms = timeout_ms};
        int r = by_ping(c, address, &probe);

        if (r < 0)
                return r;
        probe.holds = probe.answered > 0;
        *ret_probe = probe;
        return 0;
}

int probe_port(fbn_context *c, const fbn_address *address, uint16_t port, struct probe *ret_probe)
{
        struct probe probe = {.timeout_ms = PROBE_MS};
        int r = by_connection(c, address, port, SOCK_STREAM, &probe);

        if (r == 0)
                *ret_probe = probe;
        return r;
}
