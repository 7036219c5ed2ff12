/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/stub.h"

#include <errno.h>
#include <sys/epoll.h>

#define MISMATCHES 16 /* borne in one attempt */
#define SILENCE INT64_C(10000000000) /* nanoseconds for which one that was silent comes last */

/* What an answer that was read means for the question. */
enum verdict { NOT_OURS, ANSWER, TRUNCATED, NO_EDNS, UNWILLING };

/* Each upstream is asked once, a lone one twice: a datagram may be lost and an ICMP error may be forged. */
static size_t turns(const struct exchange *exchange)
{
        return MAX(exchange->route->record.n_upstreams, (size_t)2);
}

/* Those that answer in their order, then those that were silent lately. */
static size_t chosen(const struct exchange *exchange)
{
        size_t count = exchange->route->record.n_upstreams, left = exchange->turn % count;

        for (unsigned silent = 0; silent < 2; silent++)
                for (size_t i = 0; i < count; i++)
                        if ((i < 64 && (exchange->silent >> i & 1)) == silent && left-- == 0)
                                return i;
        return 0;
}

static int64_t *silent_until(const fbn_dns_stub *stub, const struct exchange *exchange, size_t upstream)
{
        return &stub->silent_until[exchange->route->first_upstream + upstream];
}

/* When its time is over one question asks it as if nothing had been, and only one: the others wait for how that ends. */
void upstream_order(fbn_dns_stub *stub, struct exchange *exchange)
{
        int64_t now = 0;

        for (size_t i = 0; i < MIN(exchange->route->record.n_upstreams, (size_t)64); i++) {
                int64_t *until = silent_until(stub, exchange, i);

                if (*until == 0)
                        continue;
                now = now ? now : clock_now();
                if (*until > now)
                        exchange->silent |= UINT64_C(1) << i;
                else
                        *until = now + SILENCE;
        }
}

/* Only what answers this very question; anything else is dropped and the waiting goes on (CVE-2020-25684, CVE-2023-28452). The kernel
 * has checked the addresses: the socket is connected. */
static enum verdict judge(const struct attempt *attempt, const uint8_t *bytes, size_t length, struct message *ret_message)
{
        const struct exchange *exchange = attempt->exchange;
        unsigned rcode;

        if (!message_header(bytes, length, ret_message) || ret_message->id != attempt->id || !(ret_message->flags & FLAG_QR) ||
            (ret_message->flags & FLAG_OPCODE))
                return NOT_OURS;
        if (!message_question(ret_message) || !question_equal(&ret_message->question, &exchange->question))
                return NOT_OURS;
        if ((ret_message->flags & FLAG_TC) && !attempt->tcp)
                return TRUNCATED; /* which may end in the middle of a record */
        if (!message_records(ret_message))
                return NOT_OURS;
        rcode = ret_message->flags & FLAG_RCODE;
        if (!attempt->plain && !ret_message->edns.present && (rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP))
                return NO_EDNS; /* RFC 6891 7 */
        return rcode == RCODE_SERVFAIL || rcode == RCODE_NOTIMP || rcode == RCODE_REFUSED ? UNWILLING : ANSWER;
}

void upstream_close(struct attempt *attempt)
{
        timer_stop(&attempt->timer);
        source_close(&attempt->grave.source);
        memory_free(attempt->answer);
        attempt->answer = NULL;
        attempt->received = attempt->sent = 0;
        attempt->mismatches = 0;
}

static void write_query(struct attempt *attempt)
{
        const struct exchange *exchange = attempt->exchange;
        size_t length;

        randombytes_buf(&attempt->id, sizeof(attempt->id));
        length = query_write(attempt->id, exchange->flags, &exchange->question, !attempt->plain, exchange->dnssec_ok, attempt->query + 2);
        wire_write16(attempt->query, (uint16_t)length);
        attempt->query_length = 2 + length;
}

static void udp_ready(fbn_dns_stub *stub, struct source *source, uint32_t events);
static void tcp_ready(fbn_dns_stub *stub, struct source *source, uint32_t events);

/* A new socket, whose port nobody has seen, and a new id, for every attempt (RFC 5452). False if it cannot even be sent. */
static bool open_attempt(fbn_dns_stub *stub, struct attempt *attempt)
{
        struct exchange *exchange = attempt->exchange;
        const fbn_dns_route *route = &exchange->route->record;
        struct source *source = &attempt->grave.source;
        int fd = socket_connect(&route->upstreams[chosen(exchange)], attempt->tcp ? SOCK_STREAM : SOCK_DGRAM);

        if (fd < 0)
                return false;
        *source = (struct source){.fd = fd, .ready = attempt->tcp ? tcp_ready : udp_ready};
        write_query(attempt);
        if (exchange->retried)
                stub->counters.retries++;
        exchange->retried = true;
        if (source_add(stub, source, attempt->tcp ? EPOLLOUT : EPOLLIN) < 0)
                return false;
        timer_start(&stub->attempts, &attempt->timer);
        return attempt->tcp || socket_send(fd, attempt->query + 2, attempt->query_length - 2) >= 0;
}

void upstream_ask(fbn_dns_stub *stub, struct exchange *exchange)
{
        for (; exchange->turn < turns(exchange); exchange->turn++) {
                if (open_attempt(stub, &exchange->attempt))
                        return;
                upstream_close(&exchange->attempt);
                exchange->attempt.tcp = exchange->attempt.plain = false;
        }
        exchange_failed(stub, exchange);
}

/* The same upstream in another way. */
static void ask_again(fbn_dns_stub *stub, struct attempt *attempt, bool tcp, bool plain)
{
        upstream_close(attempt);
        attempt->tcp = tcp;
        attempt->plain = plain;
        upstream_ask(stub, attempt->exchange);
}

static void ask_next(fbn_dns_stub *stub, struct attempt *attempt)
{
        attempt->exchange->turn++;
        ask_again(stub, attempt, false, false);
}

void upstream_silent(fbn_dns_stub *stub, struct attempt *attempt)
{
        *silent_until(stub, attempt->exchange, chosen(attempt->exchange)) = clock_now() + SILENCE;
        ask_next(stub, attempt);
}

static void act(fbn_dns_stub *stub, struct attempt *attempt, enum verdict verdict, const struct message *message)
{
        struct exchange *exchange = attempt->exchange;

        *silent_until(stub, exchange, chosen(exchange)) = 0;
        if (verdict == TRUNCATED)
                ask_again(stub, attempt, true, attempt->plain);
        else if (verdict == NO_EDNS)
                ask_again(stub, attempt, attempt->tcp, true);
        else if (verdict == UNWILLING && exchange->turn + 1 < exchange->route->record.n_upstreams)
                ask_next(stub, attempt);
        else
                exchange_answered(stub, exchange, message);
}

/* Counts what is not the answer. Enough of it and somebody is guessing: UDP then gives way to TCP (CVE-2020-25705). */
static bool suspicious(fbn_dns_stub *stub, struct attempt *attempt)
{
        stub->counters.mismatches++;
        return ++attempt->mismatches >= MISMATCHES;
}

static void udp_ready(fbn_dns_stub *stub, struct source *source, uint32_t events)
{
        struct attempt *attempt = (struct attempt *)source;
        struct message message;

        (void)events;
        for (;;) {
                ssize_t received = socket_receive(source->fd, stub->in, sizeof(stub->in));
                enum verdict verdict;

                if (received == -EAGAIN)
                        return;
                if (received < 0) { /* an ICMP error */
                        ask_next(stub, attempt);
                        return;
                }
                verdict = judge(attempt, stub->in, (size_t)received, &message);
                if (verdict != NOT_OURS) {
                        act(stub, attempt, verdict, &message);
                        return;
                }
                if (suspicious(stub, attempt)) {
                        ask_again(stub, attempt, true, attempt->plain);
                        return;
                }
        }
}

/* The query is on its way, whole. False if the connection is gone. */
static bool tcp_send(fbn_dns_stub *stub, struct attempt *attempt)
{
        struct source *source = &attempt->grave.source;
        ssize_t sent = socket_send(source->fd, attempt->query + attempt->sent, attempt->query_length - attempt->sent);

        if (sent < 0)
                return sent == -EAGAIN;
        attempt->sent += (size_t)sent;
        if (attempt->sent == attempt->query_length)
                source_change(stub, source, EPOLLIN);
        return true;
}

/* The length first, then as much as it says. Returns 1 when the answer is whole, 0 if more must come, -1 if it never will. */
static int tcp_receive(struct attempt *attempt)
{
        for (;;) {
                size_t length = attempt->received < 2 ? 0 : wire_read16(attempt->prefix);
                ssize_t received;

                if (attempt->received >= 2 && !attempt->answer) {
                        attempt->answer = length < WIRE_HEADER ? NULL : memory_alloc(length);
                        if (!attempt->answer)
                                return -1;
                }
                if (attempt->answer && attempt->received == 2 + length)
                        return 1;
                if (attempt->received < 2)
                        received = socket_receive(attempt->grave.source.fd, attempt->prefix + attempt->received, 2 - attempt->received);
                else
                        received = socket_receive(attempt->grave.source.fd, attempt->answer + (attempt->received - 2),
                                                  2 + length - attempt->received);
                if (received <= 0)
                        return received == -EAGAIN ? 0 : -1;
                attempt->received += (size_t)received;
        }
}

static void tcp_ready(fbn_dns_stub *stub, struct source *source, uint32_t events)
{
        struct attempt *attempt = (struct attempt *)source;
        struct message message;
        enum verdict verdict;
        int r;

        (void)events;
        if (attempt->sent < attempt->query_length) {
                if (!tcp_send(stub, attempt))
                        ask_next(stub, attempt);
                return;
        }
        while ((r = tcp_receive(attempt)) > 0) {
                verdict = judge(attempt, attempt->answer, attempt->received - 2, &message);
                if (verdict != NOT_OURS) {
                        act(stub, attempt, verdict, &message);
                        return;
                }
                memory_free(attempt->answer);
                attempt->answer = NULL;
                attempt->received = 0;
                if (suspicious(stub, attempt)) {
                        ask_next(stub, attempt);
                        return;
                }
        }
        if (r < 0)
                ask_next(stub, attempt);
}
