/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/stub.h"

#include <errno.h>
#include <sys/epoll.h>

#define MISMATCHES 16 /* borne on one socket */
#define MISSES 3      /* answers that another gave first: then a server counts as silent */
#define MILLISECOND INT64_C(1000000)
#define SILENCE (1000 * MILLISECOND) /* for which one that was silent comes last */
#define HEDGE_UNKNOWN (64 * MILLISECOND) /* before the first answer */
#define HEDGE_LONE (256 * MILLISECOND)   /* the same server again: only a lost datagram is a reason */

/* What an answer that was read means for the question. */
enum verdict { NOT_OURS, ANSWER, TRUNCATED, DOUBTFUL /* over TCP nobody else can have said it */, OTHER_COOKIE, NO_EDNS, UNWILLING };

/* Each server is asked once, a lone one twice: a datagram may be lost and an ICMP error may be forged. */
static size_t turns(const struct exchange *exchange)
{
        return MAX(exchange->route->record.n_upstreams, (size_t)2);
}

static struct server *upstream(const fbn_dns_stub *stub, const struct exchange *exchange, size_t index)
{
        return stub->table.upstreams[exchange->route->first_upstream + index];
}

/* Those that answer in their order, then those that were silent lately. */
static struct server *chosen(const fbn_dns_stub *stub, const struct exchange *exchange)
{
        size_t count = exchange->route->record.n_upstreams, left = exchange->turn % count;

        for (unsigned silent = 0; silent < 2; silent++)
                for (size_t i = 0; i < count; i++)
                        if ((i < 64 && (exchange->silent >> i & 1)) == silent && left-- == 0)
                                return upstream(stub, exchange, i);
        return upstream(stub, exchange, 0);
}

/* When its time is over one question asks it as if nothing had been, and only one: the others wait for how that ends. */
static void order(const fbn_dns_stub *stub, struct exchange *exchange)
{
        for (size_t i = 0; i < MIN(exchange->route->record.n_upstreams, (size_t)64); i++) {
                struct server *server = upstream(stub, exchange, i);

                if (server->silent_until == 0)
                        continue;
                if (server->silent_until > stub->now)
                        exchange->silent |= UINT64_C(1) << i;
                else
                        server->silent_until = stub->now + SILENCE;
        }
}

/* What was sent comes back byte by byte, its case too. */
static bool same_case(const struct attempt *attempt, const struct message *message)
{
        return memcmp(attempt->query + 2 + WIRE_HEADER, message->bytes + WIRE_HEADER, message->question.name.length) == 0;
}

/* A server that gave a cookie once gives one always, or it is not the server (RFC 7873 5.3). One that wants the newer cookie that it
 * sends along is asked again, over TCP if that does not help. */
static enum verdict judge_cookie(const struct attempt *attempt, const struct message *message, unsigned rcode)
{
        switch (cookie_learn(attempt->server, message)) {
        case COOKIE_FORGED:
                return NOT_OURS;
        case COOKIE_MISSING:
                if (!attempt->tcp)
                        return DOUBTFUL;
                attempt->server->cookie_length = 0;
                break;
        case COOKIE_GOOD:
                break;
        }
        return ((unsigned)message->edns.rcode << 4 | rcode) == RCODE_BADCOOKIE && !attempt->tcp ? OTHER_COOKIE : ANSWER;
}

/* Only what answers this very question; anything else is dropped and the waiting goes on (CVE-2020-25684, CVE-2023-28452). The kernel
 * has checked the addresses: the socket is connected. */
static enum verdict judge(const struct attempt *attempt, const uint8_t *bytes, size_t length, bool whole, struct message *ret_message)
{
        const struct exchange *exchange = attempt->exchange;
        enum verdict verdict = ANSWER;
        unsigned rcode;

        if (!message_header(bytes, length, ret_message) || ret_message->id != attempt->id || !(ret_message->flags & FLAG_QR) ||
            (ret_message->flags & FLAG_OPCODE))
                return NOT_OURS;
        if (!message_question(ret_message) || !question_equal(&ret_message->question, &exchange->question))
                return NOT_OURS;
        if (!attempt->server->folds && !same_case(attempt, ret_message)) {
                if (!attempt->tcp)
                        return DOUBTFUL;
                attempt->server->folds = true;
        }
        if ((!whole || (ret_message->flags & FLAG_TC)) && !attempt->tcp)
                return TRUNCATED; /* which may end in the middle of a record */
        if (!message_records(ret_message))
                return NOT_OURS;
        rcode = ret_message->flags & FLAG_RCODE;
        if (!attempt->plain)
                verdict = judge_cookie(attempt, ret_message, rcode);
        if (verdict != ANSWER)
                return verdict;
        if (!attempt->plain && !ret_message->edns.present && (rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP))
                return NO_EDNS; /* RFC 6891 7 */
        return rcode == RCODE_SERVFAIL || rcode == RCODE_NOTIMP || rcode == RCODE_REFUSED || rcode == RCODE_FORMERR ? UNWILLING : ANSWER;
}

static void leave(fbn_dns_stub *stub, struct attempt *attempt)
{
        struct channel *channel = attempt->channel;
        struct stream *stream = attempt->stream;

        attempt->channel = NULL;
        attempt->stream = NULL;
        list_remove(&attempt->in_channel);
        list_remove(&attempt->in_unsent);
        if (channel)
                channel_drop(stub, channel);
        if (stream)
                stream_leave(stub, stream);
}

void upstream_close(fbn_dns_stub *stub, struct attempt *attempt)
{
        if (attempt->channel)
                attempt->channel->late++;
        if (attempt->stream)
                attempt->stream->late++;
        leave(stub, attempt);
        timer_stop(&attempt->timer);
        attempt->again = attempt->doubted = attempt->alone = false;
        attempt->server = NULL;
}

/* Eight bytes, the case of the letters among them by one bit each. */
static uint64_t bytes8_mix(uint64_t bytes, uint8_t bits)
{
        const uint64_t ones = UINT64_C(0x0101010101010101);
        uint64_t lower = bytes | ones * 0x20, low = lower & ones * 0x7f;
        uint64_t letters = (low + ones * (0x80 - 'a')) & ~(low + ones * (0x7f - 'z')) & ~bytes & ones * 0x80;
        uint64_t chosen = ((bits * ones & UINT64_C(0x8040201008040201)) + ones * 0x7f) & ones * 0x80;

        return bytes ^ (letters & chosen) >> 2;
}

/* Letters in random case: as many bits more that an answer must get right (draft-vixie-dnsext-dns0x20). */
static void mix_case(fbn_dns_stub *stub, struct name *name)
{
        uint8_t bits[(NAME_BYTES + 7) / 8];
        size_t length = name->length;

        random_take(stub, bits, (length + 7) / 8);
        for (size_t i = 0; length >= 8 && i < length; i += 8) {
                size_t at = i + 8 <= length ? i : length - 8; /* some get a case twice */
                uint64_t word = bytes8_mix(bytes8_read(name->bytes + at), bits[i / 8]);

                memcpy(name->bytes + at, &word, sizeof(word));
        }
        for (size_t i = 0; length < 8 && i < length; i++)
                if ((name->bytes[i] | 0x20) >= 'a' && (name->bytes[i] | 0x20) <= 'z')
                        name->bytes[i] ^= (uint8_t)(bits[0] >> i << 5 & 0x20);
}

static struct attempt *find_attempt(const struct list *attempts, uint16_t id)
{
        for (struct list *at = attempts->next; at != attempts; at = at->next)
                if (CONTAINER_OF(at, struct attempt, in_channel)->id == id)
                        return CONTAINER_OF(at, struct attempt, in_channel);
        return NULL;
}

/* With an id that none of those has who wait on the same socket. */
static void write_query(fbn_dns_stub *stub, struct attempt *attempt, const struct list *others)
{
        const struct exchange *exchange = attempt->exchange;
        struct question question = exchange->question;
        size_t length;

        do
                random_take(stub, &attempt->id, sizeof(attempt->id));
        while (find_attempt(others, attempt->id));
        if (!attempt->server->folds)
                mix_case(stub, &question.name);
        length = query_write(attempt->id, exchange->flags, &question, !attempt->plain, exchange->dnssec_ok, attempt->query + 2);
        if (!attempt->plain)
                cookie_ask(stub, attempt->server, attempt->query + 2, &length);
        wire_write16(attempt->query, (uint16_t)length);
        attempt->query_length = 2 + length;
}

static bool open_tcp(fbn_dns_stub *stub, struct attempt *attempt)
{
        struct stream *stream = stream_take(stub, attempt->server, attempt->alone);

        if (!stream)
                return false;
        attempt->stream = stream;
        write_query(stub, attempt, &stream->attempts);
        list_append(&stream->attempts, &attempt->in_channel);
        return stream_send(stub, stream, attempt->query, attempt->query_length);
}

/* Sent when the round ends: one behind the other they cost less, since all is still at hand, and wake the server less often. */
static bool open_udp(fbn_dns_stub *stub, struct attempt *attempt)
{
        struct channel *channel = channel_take(stub, attempt->server);

        if (!channel)
                return false;
        attempt->channel = channel;
        write_query(stub, attempt, &channel->attempts);
        list_append(&channel->attempts, &attempt->in_channel);
        list_append(&stub->unsent, &attempt->in_unsent);
        return true;
}

/* False if it cannot even be sent. */
static bool open_attempt(fbn_dns_stub *stub, struct attempt *attempt)
{
        timer_start(&stub->attempts, &attempt->timer, stub->now);
        attempt->asked = attempt->timer.due - stub->attempts.duration;
        return attempt->tcp ? open_tcp(stub, attempt) : open_udp(stub, attempt);
}

/* The next server of the route that can be asked. False if there is none. */
static bool ask_next(fbn_dns_stub *stub, struct attempt *attempt)
{
        struct exchange *exchange = attempt->exchange;

        while (exchange->turn < turns(exchange)) {
                if (exchange->turn > 0)
                        stub->counters.retries++;
                attempt->server = chosen(stub, exchange);
                attempt->tcp = attempt->plain = false;
                exchange->turn++;
                if (open_attempt(stub, attempt))
                        return true;
                upstream_close(stub, attempt);
        }
        return false;
}

/* A server with other letters or without its cookie, and without TCP to tell whether it was that server: a simple one, which is asked in
 * the simple way from now on. */
static bool ask_simply(fbn_dns_stub *stub, struct attempt *attempt)
{
        struct server *server = attempt->server;
        bool plain = attempt->plain;

        if (!attempt->doubted)
                return false;
        upstream_close(stub, attempt);
        server->folds = true;
        server->cookie_length = 0;
        attempt->server = server;
        attempt->tcp = false;
        attempt->plain = plain;
        return open_attempt(stub, attempt);
}

/* This attempt is over: another server, or what the other attempt brings, or nothing. */
static void carry_on(fbn_dns_stub *stub, struct attempt *attempt)
{
        struct exchange *exchange = attempt->exchange;

        if (ask_simply(stub, attempt))
                return;
        upstream_close(stub, attempt);
        if (!ask_next(stub, attempt) && !exchange->attempts[0].server && !exchange->attempts[1].server)
                exchange_failed(stub, exchange);
}

/* A refusal may be that of an earlier question: it is told once. */
void upstream_send(fbn_dns_stub *stub)
{
        while (!list_empty(&stub->unsent)) {
                struct attempt *attempt = CONTAINER_OF(stub->unsent.next, struct attempt, in_unsent);
                int fd = attempt->channel->grave.source.fd;
                ssize_t sent = socket_write(fd, attempt->query + 2, attempt->query_length - 2);

                list_remove(&attempt->in_unsent);
                if (sent == -ECONNREFUSED)
                        sent = socket_write(fd, attempt->query + 2, attempt->query_length - 2);
                if (sent < 0)
                        carry_on(stub, attempt);
        }
}

/* The same server in another way. */
static void ask_again(fbn_dns_stub *stub, struct attempt *attempt, bool tcp, bool plain)
{
        struct server *server = attempt->server;
        bool doubted = attempt->doubted;

        stub->counters.retries++;
        upstream_close(stub, attempt);
        attempt->server = server;
        attempt->again = true;
        attempt->doubted = doubted;
        attempt->tcp = tcp;
        attempt->plain = plain;
        if (!open_attempt(stub, attempt))
                carry_on(stub, attempt);
}

/* The same server, which closed the connection that the question was on: once, and on one of its own, since there are servers that
 * answer one question a connection. */
static void reopen(fbn_dns_stub *stub, struct attempt *attempt)
{
        struct server *server = attempt->server;
        bool again = attempt->again, doubted = attempt->doubted;

        stub->counters.retries++;
        upstream_close(stub, attempt);
        attempt->server = server;
        attempt->again = again;
        attempt->doubted = doubted;
        attempt->alone = true;
        if (!open_attempt(stub, attempt))
                carry_on(stub, attempt);
}

/* When the next server is asked as well: about twice as long as this one usually takes. */
static void start_hedge(fbn_dns_stub *stub, struct exchange *exchange, const struct server *server)
{
        int64_t wait = server->round_trip ? 2 * server->round_trip : HEDGE_UNKNOWN;
        unsigned queue = 0;

        if (exchange->route->record.n_upstreams == 1)
                wait = MAX(wait, HEDGE_LONE);
        while (queue + 1 < HEDGES && stub->hedges[queue].duration < wait)
                queue++;
        timer_start(&stub->hedges[queue], &exchange->hedge, stub->now);
}

void upstream_ask(fbn_dns_stub *stub, struct exchange *exchange)
{
        struct attempt *first = &exchange->attempts[0];

        order(stub, exchange);
        if (ask_next(stub, first))
                start_hedge(stub, exchange, first->server);
        else
                exchange_failed(stub, exchange);
}

void upstream_hedge(fbn_dns_stub *stub, struct exchange *exchange)
{
        if (exchange->attempts[0].server && !exchange->attempts[1].server)
                ask_next(stub, &exchange->attempts[1]);
}

void upstream_silent(fbn_dns_stub *stub, struct attempt *attempt)
{
        if (!attempt->doubted)
                attempt->server->silent_until = stub->now + SILENCE;
        if (attempt->stream) /* perhaps it is the connection that leads nowhere */
                stream_retire(stub, attempt->stream);
        carry_on(stub, attempt);
}

/* This one answered, and the other, asked before, has not. */
static void learn(struct attempt *attempt, struct attempt *other, int64_t now)
{
        struct server *server = attempt->server, *slower = other->server;

        if (!attempt->tcp)
                server->round_trip = server->round_trip ? server->round_trip + (now - attempt->asked - server->round_trip) / 8 : now - attempt->asked;
        server->silent_until = 0;
        server->missed = 0;
        if (slower && slower != server && other->asked < attempt->asked && ++slower->missed >= MISSES)
                slower->silent_until = now + SILENCE;
}

/* An owner that is spelled out has the case that we made up: it gets the client's. */
static void restore_owner(const struct message *message, uint8_t *bytes, size_t offset, const struct name *name)
{
        struct name owner;

        message_name(message, offset, &owner);
        if (!name_equal(&owner, name))
                return;
        for (size_t at = 0; bytes[offset + at] > 0 && bytes[offset + at] <= NAME_LABEL; at += 1 + (size_t)bytes[offset + at])
                memcpy(bytes + offset + at, name->bytes + at, 1 + (size_t)name->bytes[at]);
}

static void restore_case(const struct message *message, uint8_t *bytes, const struct name *name)
{
        size_t offset = message->records;
        struct record record;

        memcpy(bytes + WIRE_HEADER, name->bytes, name->length);
        for (; offset < message->end && message_record(message, offset, &record); offset = record.end)
                if (bytes[record.start] <= NAME_LABEL && bytes[record.start] > 0)
                        restore_owner(message, bytes, record.start, name);
}

static void answered(fbn_dns_stub *stub, struct attempt *attempt, const struct message *message, uint8_t *bytes)
{
        struct exchange *exchange = attempt->exchange;

        restore_case(message, bytes, &exchange->question.name);
        exchange_answered(stub, exchange, message, &attempt->server->address);
}

static void act(fbn_dns_stub *stub, struct attempt *attempt, enum verdict verdict, const struct message *message, uint8_t *bytes)
{
        struct exchange *exchange = attempt->exchange;
        struct attempt *other = &exchange->attempts[attempt == &exchange->attempts[0]];

        learn(attempt, other, stub->now);
        attempt->doubted = verdict == DOUBTFUL;
        if (verdict == TRUNCATED || verdict == DOUBTFUL || (verdict == OTHER_COOKIE && attempt->again))
                ask_again(stub, attempt, true, attempt->plain);
        else if (verdict == OTHER_COOKIE)
                ask_again(stub, attempt, false, attempt->plain);
        else if (verdict == NO_EDNS)
                ask_again(stub, attempt, attempt->tcp, true);
        else if (verdict == UNWILLING && (exchange->turn < exchange->route->record.n_upstreams || other->server))
                carry_on(stub, attempt);
        else
                answered(stub, attempt, message, bytes);
}

static void all_of(fbn_dns_stub *stub, struct channel *channel, bool tcp)
{
        channel_retire(stub, channel);
        while (!list_empty(&channel->attempts)) {
                struct attempt *attempt = CONTAINER_OF(channel->attempts.next, struct attempt, in_channel);

                if (tcp)
                        ask_again(stub, attempt, true, attempt->plain);
                else
                        carry_on(stub, attempt);
        }
}

/* What answers nothing. Enough of it and somebody is guessing: UDP then gives way to TCP (CVE-2020-25705). */
static void stray(fbn_dns_stub *stub, struct channel *channel)
{
        stub->counters.mismatches++;
        if (channel->late > 0)
                channel->late--;
        else if (++channel->mismatches >= MISMATCHES)
                all_of(stub, channel, true);
}

void upstream_datagram(fbn_dns_stub *stub, struct channel *channel, uint8_t *bytes, size_t length, bool whole)
{
        struct attempt *attempt = length < WIRE_HEADER ? NULL : find_attempt(&channel->attempts, wire_read16(bytes));
        struct message message;
        enum verdict verdict = attempt ? judge(attempt, bytes, length, whole, &message) : NOT_OURS;

        if (verdict == NOT_OURS) {
                stray(stub, channel);
                return;
        }
        leave(stub, attempt);
        act(stub, attempt, verdict, &message, bytes);
}

void upstream_unreachable(fbn_dns_stub *stub, struct channel *channel)
{
        all_of(stub, channel, false);
}

/* All that wait for it go on, by the same server as far as they may. */
static void give_up(fbn_dns_stub *stub, struct stream *stream, bool again)
{
        stream_retire(stub, stream);
        while (!list_empty(&stream->attempts)) {
                struct attempt *attempt = CONTAINER_OF(stream->attempts.next, struct attempt, in_channel);

                if (again && !attempt->alone)
                        reopen(stub, attempt);
                else
                        carry_on(stub, attempt);
        }
}

/* A server that never said a word would not say one the next time. */
void upstream_hung_up(fbn_dns_stub *stub, struct stream *stream)
{
        give_up(stub, stream, stream->spoken);
}

void upstream_message(fbn_dns_stub *stub, struct stream *stream, uint8_t *bytes, size_t length)
{
        struct attempt *attempt = find_attempt(&stream->attempts, wire_read16(bytes));
        struct message message;
        enum verdict verdict = attempt ? judge(attempt, bytes, length, true, &message) : NOT_OURS;

        if (verdict != NOT_OURS) {
                leave(stub, attempt);
                act(stub, attempt, verdict, &message, bytes);
                return;
        }
        stub->counters.mismatches++;
        if (stream->late > 0)
                stream->late--;
        else if (++stream->mismatches >= MISMATCHES)
                give_up(stub, stream, false);
}
