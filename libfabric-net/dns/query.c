/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/stub.h"

/* What an answer may depend on: equal questions are asked once and their clients share the answer, so that nobody gets several
 * chances to guess by asking the same often (CVE-2020-25686). */
static bool same(const struct exchange *exchange, const struct query *query, const struct route *route)
{
        const struct asked *asked = &query->asked;

        return exchange->route == route && exchange->flags == (asked->flags & (FLAG_RD | FLAG_CD)) &&
               exchange->dnssec_ok == asked->dnssec_ok && question_equal(&exchange->question, &asked->question);
}

static struct cache_key cache_key(const fbn_dns_stub *stub, const struct question *question, const struct route *route, uint16_t flags,
                                  bool dnssec_ok)
{
        return (struct cache_key){.question = question, .route = stub->table.keys[route->number], .flags = flags & (FLAG_RD | FLAG_CD), .dnssec_ok = dnssec_ok};
}

/* Keyed, so that a client cannot choose names that share a bucket. */
static struct list *bucket(fbn_dns_stub *stub, const struct name *lowered)
{
        uint64_t hash;

        crypto_shorthash((unsigned char *)&hash, lowered->bytes, lowered->length, stub->hash_key);
        return &stub->buckets[hash & (stub->n_buckets - 1)];
}

static bool by_datagram(const struct query *query)
{
        return !query->client && !query->inquiry;
}

/* Where an answer to it is written before it is sent. */
static uint8_t *room(fbn_dns_stub *stub, const struct query *query)
{
        return by_datagram(query) ? datagrams_room(&stub->answers, query->listener->udp.fd) : stub->out;
}

static void note_source(const struct query *query, fbn_dns_source source, const struct route *route)
{
        if (!query->inquiry)
                return;
        query->inquiry->source = source;
        query->inquiry->route = route;
}

static void send_answer(fbn_dns_stub *stub, const struct query *query, size_t length)
{
        stub->counters.answers++;
        if (query->client)
                client_send(stub, query->client, stub->out, length);
        else if (query->inquiry)
                inquiry_answer(query->inquiry, stub->out, length);
        else
                datagrams_put(&stub->answers, length, &query->datagram);
}

static void send_status(fbn_dns_stub *stub, const struct query *query, enum rcode rcode)
{
        send_answer(stub, query, reply_status(&query->asked, rcode, room(stub, query)));
}

static void pass_on(fbn_dns_stub *stub, const struct query *query, const struct message *message)
{
        send_answer(stub, query, reply_forward(&query->asked, message, room(stub, query)));
}

/* Read what the client asks. Returns what is wrong with it, RCODE_NOERROR if nothing is. */
static enum rcode read_query(struct query *query, struct message *message)
{
        struct asked *asked = &query->asked;

        *asked = (struct asked){.id = message->id, .flags = message->flags, .limit = by_datagram(query) ? WIRE_PLAIN : WIRE_MESSAGE};
        if (message->flags & FLAG_OPCODE)
                return RCODE_NOTIMP;
        if (!message_question(message))
                return RCODE_FORMERR;
        asked->readable = true;
        asked->question = message->question;
        if (!message_records(message))
                return RCODE_FORMERR;
        asked->edns = message->edns.present;
        asked->dnssec_ok = message->edns.dnssec_ok;
        if (asked->edns && by_datagram(query))
                asked->limit = MIN(MAX((size_t)message->edns.size, WIRE_PLAIN), WIRE_EDNS);
        if (message->edns.version > 0)
                return RCODE_BADVERS;
        /* Zone transfers are answered with many messages: not by a stub. */
        if (asked->question.type == TYPE_AXFR || asked->question.type == TYPE_IXFR)
                return RCODE_NOTIMP;
        return RCODE_NOERROR;
}

/* The DS records of a zone are its parent's, whose servers may be others: RFC 4035 3.1.4.1. */
static const struct route *find_route(const fbn_dns_stub *stub, const struct question *question, const struct name *lowered)
{
        const struct route *route = routes_find(stub->table.routes, lowered, 0);

        if (route && question->type == TYPE_DS && route->whole && route->labels > 0 && route->name.length == lowered->length)
                return routes_find(stub->table.routes, lowered, 1);
        return route;
}

static struct exchange *exchange_new(const struct query *query, const struct route *route)
{
        struct exchange *exchange = memory_alloc(sizeof(*exchange));

        if (!exchange)
                return NULL;
        for (size_t i = 0; i < ARRAY_SIZE(exchange->attempts); i++) {
                exchange->attempts[i].exchange = exchange;
                exchange->attempts[i].source.fd = -1;
        }
        exchange->route = route;
        exchange->question = query->asked.question;
        exchange->flags = query->asked.flags & (FLAG_RD | FLAG_CD);
        exchange->dnssec_ok = query->asked.dnssec_ok;
        list_init(&exchange->queries);
        return exchange;
}

/* The client asks again what is being asked for it: one answer is enough. */
static bool repeated(const struct exchange *exchange, const struct query *query)
{
        for (struct list *at = exchange->queries.next; at != &exchange->queries; at = at->next) {
                const struct query *other = CONTAINER_OF(at, struct query, in_exchange);

                if (by_datagram(query) && by_datagram(other) && other->listener == query->listener && other->asked.id == query->asked.id &&
                    other->datagram.peer_length == query->datagram.peer_length &&
                    memcmp(&other->datagram.peer, &query->datagram.peer, query->datagram.peer_length) == 0)
                        return true;
        }
        return false;
}

static struct exchange *find_exchange(const struct list *in, const struct query *query, const struct route *route)
{
        for (struct list *at = in->next; at != in; at = at->next) {
                struct exchange *exchange = CONTAINER_OF(at, struct exchange, in_bucket);

                if (same(exchange, query, route))
                        return exchange;
        }
        return NULL;
}

static void wait_for(fbn_dns_stub *stub, struct exchange *exchange, struct query *query)
{
        query->exchange = exchange;
        list_append(&exchange->queries, &query->in_exchange);
        if (query->client) {
                list_append(&query->client->queries, &query->in_client);
                query->client->pending++;
        }
        if (query->inquiry)
                query->inquiry->query = query;
        stub->pending++;
}

/* Join those who ask the same already, or ask. False without memory. */
static bool forward(fbn_dns_stub *stub, const struct query *origin, const struct route *route, const struct name *lowered)
{
        struct list *in = bucket(stub, lowered);
        struct exchange *exchange = find_exchange(in, origin, route);
        _cleanup_free_ struct query *query = NULL;

        if (exchange && repeated(exchange, origin))
                return true;
        query = memory_alloc(sizeof(*query));
        if (!query)
                return false;
        *query = *origin;
        if (exchange) {
                wait_for(stub, exchange, TAKE_PTR(query));
                return true;
        }
        exchange = exchange_new(query, route);
        if (!exchange)
                return false;
        list_append(in, &exchange->in_bucket);
        wait_for(stub, exchange, TAKE_PTR(query));
        upstream_ask(stub, exchange);
        return true;
}

static bool answer_known(fbn_dns_stub *stub, const struct query *query, const struct route *route)
{
        struct cache_key key = cache_key(stub, &query->asked.question, route, query->asked.flags, query->asked.dnssec_ok);
        struct message message;

        if (!cache_find(&stub->cache, &key, clock_seconds(), &message)) {
                stub->counters.cache_misses++;
                return false;
        }
        stub->counters.cache_hits++;
        note_source(query, FBN_DNS_SOURCE_CACHE, route);
        pass_on(stub, query, &message);
        return true;
}

static void resolve(fbn_dns_stub *stub, struct query *query)
{
        struct name lowered = query->asked.question.name;
        const struct route *route;
        size_t length;

        name_lower(&lowered);
        route = find_route(stub, &query->asked.question, &lowered);
        note_source(query, FBN_DNS_SOURCE_NONE, route);
        length = local_answer(stub->local, &query->asked, &lowered, route, room(stub, query));
        if (length > 0) {
                note_source(query, FBN_DNS_SOURCE_LOCAL, NULL);
                send_answer(stub, query, length);
        } else if (!route)
                send_status(stub, query, RCODE_REFUSED);
        else if (route_is_local(route)) {
                note_source(query, FBN_DNS_SOURCE_ROUTE, route);
                send_answer(stub, query, route_answer(&query->asked, route, room(stub, query)));
        } else if (answer_known(stub, query, route))
                return;
        else if (stub->pending >= stub->max_pending || !forward(stub, query, route, &lowered))
                send_status(stub, query, RCODE_SERVFAIL);
}

void query_take(fbn_dns_stub *stub, struct query *origin, const uint8_t *bytes, size_t length)
{
        struct message message;
        enum rcode rcode;

        /* Never answer an answer: two servers would go on for ever. Nor what has no id. */
        if (!message_header(bytes, length, &message) || (message.flags & FLAG_QR)) {
                stub->counters.refused++;
                return;
        }
        stub->counters.queries++;
        rcode = read_query(origin, &message);
        if (rcode == RCODE_NOERROR) {
                resolve(stub, origin);
                return;
        }
        stub->counters.refused++;
        send_status(stub, origin, rcode);
}

static void query_free(fbn_dns_stub *stub, struct query *query)
{
        list_remove(&query->in_exchange);
        if (query->client) {
                list_remove(&query->in_client);
                query->client->pending--;
        }
        if (query->inquiry)
                query->inquiry->query = NULL;
        stub->pending--;
        memory_free(query);
}

void query_detach(fbn_dns_stub *stub, struct list *ret_queries)
{
        list_init(ret_queries);
        for (size_t i = 0; i < stub->n_buckets; i++)
                while (!list_empty(&stub->buckets[i])) {
                        struct exchange *exchange = CONTAINER_OF(stub->buckets[i].next, struct exchange, in_bucket);

                        while (!list_empty(&exchange->queries)) {
                                struct list *entry = exchange->queries.next;

                                list_remove(entry);
                                list_append(ret_queries, entry);
                        }
                        exchange_free(stub, exchange);
                }
}

void query_again(fbn_dns_stub *stub, struct list *queries)
{
        while (!list_empty(queries)) {
                struct query *query = CONTAINER_OF(queries->next, struct query, in_exchange);
                struct query copy = {.asked = query->asked, .listener = query->listener, .client = query->client, .datagram = query->datagram,
                                     .inquiry = query->inquiry};

                query_free(stub, query);
                resolve(stub, &copy);
        }
}

void query_cancel(fbn_dns_stub *stub, struct query *query)
{
        struct exchange *exchange = query->exchange;

        query_free(stub, query);
        if (list_empty(&exchange->queries))
                exchange_free(stub, exchange);
}

static void keep(fbn_dns_stub *stub, const struct exchange *exchange, const struct message *message)
{
        struct cache_key key = cache_key(stub, &exchange->question, exchange->route, exchange->flags, exchange->dnssec_ok);

        cache_store(&stub->cache, &key, message, clock_seconds(), answer_lifetime(message, &exchange->route->name));
}

/* That nobody answered is kept too, for a moment: who asks again at once would only add to the trouble (RFC 9520). */
static void keep_failure(fbn_dns_stub *stub, const struct exchange *exchange)
{
        struct asked asked = {.flags = exchange->flags, .readable = true, .question = exchange->question};
        size_t length = reply_status(&asked, RCODE_SERVFAIL, stub->out);
        struct message message;

        if (message_header(stub->out, length, &message) && message_question(&message) && message_records(&message))
                keep(stub, exchange, &message);
}

void exchange_answered(fbn_dns_stub *stub, struct exchange *exchange, const struct message *message, const fbn_endpoint *server)
{
        keep(stub, exchange, message);
        while (!list_empty(&exchange->queries)) {
                struct query *query = CONTAINER_OF(exchange->queries.next, struct query, in_exchange);

                note_source(query, FBN_DNS_SOURCE_UPSTREAM, exchange->route);
                if (query->inquiry)
                        query->inquiry->server = *server;
                pass_on(stub, query, message);
                query_free(stub, query);
        }
        exchange_free(stub, exchange);
}

void exchange_failed(fbn_dns_stub *stub, struct exchange *exchange)
{
        keep_failure(stub, exchange);
        while (!list_empty(&exchange->queries)) {
                struct query *query = CONTAINER_OF(exchange->queries.next, struct query, in_exchange);

                stub->counters.failures++;
                send_status(stub, query, RCODE_SERVFAIL);
                query_free(stub, query);
        }
        exchange_free(stub, exchange);
}

void exchange_free(fbn_dns_stub *stub, struct exchange *exchange)
{
        while (!list_empty(&exchange->queries))
                query_free(stub, CONTAINER_OF(exchange->queries.next, struct query, in_exchange));
        for (size_t i = 0; i < ARRAY_SIZE(exchange->attempts); i++)
                upstream_close(stub, &exchange->attempts[i]);
        timer_stop(&exchange->hedge);
        list_remove(&exchange->in_bucket);
        grave_add(stub, &exchange->grave);
}
