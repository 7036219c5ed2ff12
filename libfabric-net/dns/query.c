/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/private.h"
#include "dns/told.h"

/* What an answer may depend on: equal questions are asked once and their clients share the answer, so that nobody gets several
 * chances to guess by asking the same often (CVE-2020-25686). */
static bool same(const struct exchange *exchange, const struct query *query, const struct route *route)
{
        const struct asked *asked = &query->asked;

        return exchange->route == route && exchange->flags == (asked->flags & (FLAG_RD | FLAG_CD)) &&
               exchange->dnssec_ok == asked->dnssec_ok && question_equal(&exchange->question, &asked->question);
}

static struct cache_key key_of(const struct exchange *exchange)
{
        return (struct cache_key){.question = &exchange->question, .flags = exchange->flags, .dnssec_ok = exchange->dnssec_ok, .hash = exchange->hash};
}

void query_hash(const fbn_dns_stub *stub, struct query *query)
{
        query->hash = cache_hash(&stub->cache, &query->asked.question, query->asked.flags, query->asked.dnssec_ok);
}

static struct list *bucket(fbn_dns_stub *stub, const struct query *query)
{
        return &stub->buckets[query->hash & (stub->n_buckets - 1)];
}

static bool by_datagram(const struct query *query)
{
        return !query->client && !query->inquiry && !query->parent;
}

const union socket_address *query_peer(const struct query *query)
{
        return query->client ? &query->client->peer : by_datagram(query) ? &query->datagram.peer : NULL;
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

static void send_answer(fbn_dns_stub *stub, const struct query *query, size_t length, enum how how)
{
        const uint8_t *bytes = by_datagram(query) ? stub->answers.bytes[stub->answers.count] : stub->out;

        if (query->parent) {
                chain_answered(stub, query->parent, bytes, length);
                return;
        }
        stub->counters.answers++;
        if (stub->log)
                log_query(stub->log, query, bytes[3] & FLAG_RCODE, how);
        if (query->client)
                client_send(stub, query->client, bytes, length);
        else if (query->inquiry)
                inquiry_answer(stub, query->inquiry, bytes, length);
        else
                datagrams_put(&stub->answers, length, &query->datagram);
}

static void send_status(fbn_dns_stub *stub, struct query *query, enum rcode rcode, enum reason reason, enum how how)
{
        query->asked.reason = reason;
        send_answer(stub, query, reply_status(&query->asked, rcode, room(stub, query)), how);
}

static void pass_on(fbn_dns_stub *stub, const struct query *query, const struct message *message, enum how how)
{
        send_answer(stub, query, reply_forward(&query->asked, message, room(stub, query)), how);
}

static enum reason stale_reason(const struct message *message)
{
        return (message->flags & FLAG_RCODE) == RCODE_NXDOMAIN ? REASON_STALE_NXDOMAIN : REASON_STALE;
}

static void pass_stale(fbn_dns_stub *stub, struct query *query, const struct route *route, const struct message *message)
{
        stub->counters.stale++;
        note_source(query, FBN_DNS_SOURCE_CACHE, route);
        query->asked.reason = stale_reason(message);
        pass_on(stub, query, message, HOW_STALE);
}

/* Read what the client asks. Returns what is wrong with it, RCODE_NOERROR if nothing is. */
static enum rcode read_query(const fbn_dns_stub *stub, struct query *query, struct message *message)
{
        struct asked *asked = &query->asked;

        /* Not its question, which is the larger part and is only read where it is readable. */
        asked->id = message->id;
        asked->flags = message->flags;
        asked->limit = by_datagram(query) ? WIRE_PLAIN : WIRE_MESSAGE;
        asked->reason = REASON_NONE;
        asked->readable = asked->edns = asked->dnssec_ok = asked->has_cookie = false;
        if (message->flags & FLAG_OPCODE)
                return RCODE_NOTIMP;
        if (!message_question(message))
                return RCODE_FORMERR;
        asked->readable = true;
        asked->question.type = message->question.type;
        asked->question.class = message->question.class;
        asked->question.name.length = message->question.name.length;
        memcpy(asked->question.name.bytes, message->question.name.bytes, message->question.name.length);
        if (!message_records(message))
                return RCODE_FORMERR;
        asked->edns = message->edns.present;
        asked->dnssec_ok = message->edns.dnssec_ok;
        if (asked->edns && by_datagram(query))
                asked->limit = MIN(MAX((size_t)message->edns.size, WIRE_PLAIN), WIRE_EDNS);
        if (message->edns.version > 0)
                return RCODE_BADVERS;
        if (message->edns.cookie_length > 0 && query_peer(query)) {
                if (message->edns.cookie_length != 8 && (message->edns.cookie_length < 16 || message->edns.cookie_length > WIRE_COOKIE))
                        return RCODE_FORMERR; /* RFC 7873 5.2.2 */
                cookie_answer(stub, query, message, asked);
        }
        /* Zone transfers are answered with many messages: not by a stub. */
        if (asked->question.type == TYPE_AXFR || asked->question.type == TYPE_IXFR) {
                asked->reason = REASON_NOT_SUPPORTED;
                return RCODE_NOTIMP;
        }
        return RCODE_NOERROR;
}

/* The DS records of a zone are its parent's, whose servers may be others: RFC 4035 3.1.4.1. */
const struct route *query_route(const fbn_dns_routes *routes, const struct question *question, const struct name *lowered)
{
        const struct route *route = routes_find(routes, lowered, 0);

        if (route && question->type == TYPE_DS && route->whole && route->labels > 0 && route->name.length == lowered->length)
                return routes_find(routes, lowered, 1);
        return route;
}

static struct exchange *exchange_new(fbn_dns_stub *stub, const struct query *query, const struct route *route)
{
        struct exchange *exchange = pool_take(&stub->exchanges);

        if (!exchange)
                return NULL;
        exchange->grave.pool = &stub->exchanges;
        for (size_t i = 0; i < ARRAY_SIZE(exchange->attempts); i++)
                exchange->attempts[i].exchange = exchange;
        exchange->route = route;
        exchange->question = query->asked.question;
        exchange->flags = query->asked.flags & (FLAG_RD | FLAG_CD);
        exchange->dnssec_ok = query->asked.dnssec_ok;
        exchange->hash = query->hash;
        exchange->depth = query->depth;
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

static void wait_for(struct exchange *exchange, struct query *query)
{
        query->exchange = exchange;
        list_append(&exchange->queries, &query->in_exchange);
        if (query->client) {
                list_append(&query->client->queries, &query->in_client);
                query->client->pending++;
        }
        if (query->inquiry)
                query->inquiry->query = query;
        if (query->parent)
                query->parent->chase = query;
}

/* A copy of it that waits for the exchange, or for one of its own. NULL if there is no memory or there are too many. */
static struct query *query_new(fbn_dns_stub *stub, const struct query *origin, const struct route *route, struct exchange **exchange)
{
        struct query *query = pool_take(&stub->queries);
        struct exchange *made = *exchange ? *exchange : exchange_new(stub, origin, route);

        if (query)
                *query = *origin;
        if (query && made && bound_take(stub, query, route)) {
                *exchange = made;
                return query;
        }
        pool_give(&stub->queries, query);
        if (!*exchange)
                pool_give(&stub->exchanges, made);
        return NULL;
}

/* Join those who ask the same already, or ask. False if that cannot be. */
static bool forward(fbn_dns_stub *stub, const struct query *origin, const struct route *route, bool stale)
{
        struct list *in = bucket(stub, origin);
        struct exchange *exchange = find_exchange(in, origin, route);
        bool joins = exchange;
        struct query *query;

        if (exchange && repeated(exchange, origin))
                return true;
        if (exchange && origin->parent && chain_loops(exchange, origin->parent))
                return false;
        query = query_new(stub, origin, route, &exchange);
        if (!query)
                return false;
        wait_for(exchange, query);
        if (joins)
                return true;
        list_append(in, &exchange->in_bucket);
        if (stale)
                timer_start(&stub->patience, &exchange->patience, stub->now);
        upstream_ask(stub, exchange);
        return true;
}

static const struct route *route_of(const fbn_dns_stub *stub, const struct question *question)
{
        struct name lowered = question->name;

        name_lower(&lowered);
        return query_route(stub->table.routes, question, &lowered);
}

/* A failure that is known needs no new reason. */
static void answer_known(fbn_dns_stub *stub, struct query *query, const struct message *message)
{
        if ((message->flags & FLAG_RCODE) == RCODE_SERVFAIL)
                query->asked.reason = REASON_CACHED_ERROR;
        stub->counters.cache_hits++;
        if (query->inquiry)
                note_source(query, FBN_DNS_SOURCE_CACHE, route_of(stub, &query->asked.question));
        pass_on(stub, query, message, HOW_CACHE);
}

static void ask(fbn_dns_stub *stub, struct query *query, const struct route *route, bool stale)
{
        stub->counters.cache_misses++;
        if (!forward(stub, query, route, stale))
                send_status(stub, query, RCODE_SERVFAIL, REASON_NONE, HOW_FAILED);
}

/* What the cache does not know. */
static void resolve_anew(fbn_dns_stub *stub, struct query *query, bool stale)
{
        struct name lowered = query->asked.question.name;
        const struct route *route;
        size_t length;

        name_lower(&lowered);
        route = query_route(stub->table.routes, &query->asked.question, &lowered);
        note_source(query, FBN_DNS_SOURCE_NONE, route);
        length = local_answer(stub->local, &query->asked, &lowered, route, room(stub, query));
        if (length > 0) {
                note_source(query, FBN_DNS_SOURCE_LOCAL, NULL);
                send_answer(stub, query, length, HOW_LOCAL);
        } else if (!route)
                send_status(stub, query, RCODE_REFUSED, REASON_NOT_AUTHORITATIVE, HOW_REFUSED);
        else if (route_is_local(route)) {
                note_source(query, FBN_DNS_SOURCE_ROUTE, route);
                query->asked.reason = route->record.blocked ? REASON_BLOCKED : REASON_NONE;
                send_answer(stub, query, route_answer(&query->asked, route, room(stub, query)), HOW_LOCAL);
        } else
                ask(stub, query, route, stale);
}

/* The cache first: what it holds was answered by the route of now, and finding the route costs more than finding the answer. */
void query_resolve(fbn_dns_stub *stub, struct query *query)
{
        const struct asked *asked = &query->asked;
        struct cache_key key = {.question = &asked->question, .flags = asked->flags, .dnssec_ok = asked->dnssec_ok, .hash = query->hash};
        struct message message;
        enum cache_state state = cache_find(&stub->cache, &key, stub->seconds, &message);

        if (state == CACHE_FRESH)
                answer_known(stub, query, &message);
        else if (state == CACHE_STALE_UNASKED)
                pass_stale(stub, query, query->inquiry ? route_of(stub, &asked->question) : NULL, &message);
        else
                resolve_anew(stub, query, state == CACHE_STALE);
}

/* What cannot be resolved is answered at once. */
bool query_read(fbn_dns_stub *stub, struct query *origin, const uint8_t *bytes, size_t length)
{
        struct message message;
        enum rcode rcode;

        /* Never answer an answer: two servers would go on for ever. Nor what has no id. */
        if (!message_header(bytes, length, &message) || (message.flags & FLAG_QR)) {
                stub->counters.refused++;
                return false;
        }
        stub->counters.queries++;
        rcode = read_query(stub, origin, &message);
        if (rcode == RCODE_NOERROR && (origin->inquiry || bound_allows(stub, query_peer(origin)))) {
                if (message.edns.why && by_datagram(origin) && told_take(stub, origin))
                        return false;
                query_hash(stub, origin);
                return true;
        }
        stub->counters.refused++;
        if (rcode == RCODE_NOERROR)
                send_status(stub, origin, RCODE_REFUSED, REASON_PROHIBITED, HOW_REFUSED);
        else
                send_status(stub, origin, rcode, origin->asked.reason, HOW_REFUSED);
        return false;
}

/* It waits for nothing any more. */
static void stop_waiting(fbn_dns_stub *stub, struct query *query)
{
        if (!query->exchange)
                return;
        bound_give(stub, query);
        query->exchange = NULL;
}

static void query_free(fbn_dns_stub *stub, struct query *query)
{
        stop_waiting(stub, query);
        list_remove(&query->in_exchange);
        if (query->client) {
                list_remove(&query->in_client);
                query->client->pending--;
        }
        if (query->inquiry)
                query->inquiry->query = NULL;
        pool_give(&stub->queries, query);
}

/* What a chain of names asked is asked again by those who wait for it. */
static void detach(fbn_dns_stub *stub, struct query *query, struct list *to)
{
        if (query->parent) {
                query->parent->chase = NULL;
                query_free(stub, query);
                return;
        }
        stop_waiting(stub, query);
        list_remove(&query->in_exchange);
        list_append(to, &query->in_exchange);
}

void query_detach(fbn_dns_stub *stub, struct list *ret_queries)
{
        list_init(ret_queries);
        for (size_t i = 0; i < stub->n_buckets; i++)
                while (!list_empty(&stub->buckets[i])) {
                        struct exchange *exchange = CONTAINER_OF(stub->buckets[i].next, struct exchange, in_bucket);

                        while (!list_empty(&exchange->queries))
                                detach(stub, CONTAINER_OF(exchange->queries.next, struct query, in_exchange), ret_queries);
                        exchange_free(stub, exchange);
                }
}

void query_again(fbn_dns_stub *stub, struct list *queries)
{
        while (!list_empty(queries)) {
                struct query *query = CONTAINER_OF(queries->next, struct query, in_exchange);
                struct query copy = {.asked = query->asked, .hash = query->hash, .listener = query->listener, .client = query->client, .datagram = query->datagram,
                                     .inquiry = query->inquiry};

                query_free(stub, query);
                query_resolve(stub, &copy);
        }
}

void query_cancel(fbn_dns_stub *stub, struct query *query)
{
        struct exchange *exchange = query->exchange;

        query_free(stub, query);
        if (exchange && list_empty(&exchange->queries))
                exchange_free(stub, exchange);
}

static void keep(fbn_dns_stub *stub, const struct exchange *exchange, const struct message *message, bool mixed)
{
        static const struct name root = {.length = 1};
        struct cache_key key = key_of(exchange);

        /* What was put together has been looked at part by part. */
        cache_store(&stub->cache, &key, message, mixed, stub->seconds, answer_lifetime(message, mixed ? &root : &exchange->route->name));
}

/* That nobody answered is kept too, for a moment: who asks again at once would only add to the trouble (RFC 9520). */
static void keep_failure(fbn_dns_stub *stub, const struct exchange *exchange)
{
        struct asked asked = {.flags = exchange->flags, .readable = true, .question = exchange->question};
        size_t length = reply_status(&asked, RCODE_SERVFAIL, stub->out);
        struct message message;

        if (message_header(stub->out, length, &message) && message_question(&message) && message_records(&message))
                keep(stub, exchange, &message, false);
}

static struct query *first_query(struct exchange *exchange)
{
        return CONTAINER_OF(exchange->queries.next, struct query, in_exchange);
}

void exchange_settle(fbn_dns_stub *stub, struct exchange *exchange, const struct message *message, bool mixed)
{
        keep(stub, exchange, message, mixed);
        for (; !list_empty(&exchange->queries); query_free(stub, first_query(exchange))) {
                struct query *query = first_query(exchange);

                note_source(query, FBN_DNS_SOURCE_UPSTREAM, exchange->route);
                if (query->inquiry)
                        query->inquiry->server = exchange->server;
                pass_on(stub, query, message, HOW_UPSTREAM);
        }
        exchange_free(stub, exchange);
}

static void settle_status(fbn_dns_stub *stub, struct exchange *exchange, enum rcode rcode, enum reason reason)
{
        for (; !list_empty(&exchange->queries); query_free(stub, first_query(exchange)))
                send_status(stub, first_query(exchange), rcode, reason, HOW_FAILED);
        exchange_free(stub, exchange);
}

static bool is_failure(const struct message *message)
{
        unsigned rcode = message->flags & FLAG_RCODE;

        return rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN;
}

/* What is stale must do, and does for a moment without asking. The copy is because each who is answered may add to the cache. */
static bool answer_stale(fbn_dns_stub *stub, struct exchange *exchange)
{
        struct cache_key key = key_of(exchange);
        _cleanup_free_ uint8_t *copy = NULL;
        struct message message;

        if (!cache_extend(&stub->cache, &key, stub->seconds) || cache_find(&stub->cache, &key, stub->seconds, &message) < CACHE_STALE)
                return false;
        copy = memory_alloc(message.length);
        if (!copy)
                return false;
        message.bytes = memcpy(copy, message.bytes, message.length);
        for (; !list_empty(&exchange->queries); query_free(stub, first_query(exchange)))
                pass_stale(stub, first_query(exchange), exchange->route, &message);
        return true;
}

static bool settle_stale(fbn_dns_stub *stub, struct exchange *exchange)
{
        if (!answer_stale(stub, exchange))
                return false;
        exchange_free(stub, exchange);
        return true;
}

void exchange_answered(fbn_dns_stub *stub, struct exchange *exchange, const struct message *message, const fbn_endpoint *server)
{
        exchange->server = *server;
        if (exchange->route->labels == 0 && !stub->allow_private && answer_private(message)) {
                stub->counters.filtered++;
                settle_status(stub, exchange, RCODE_NOERROR, REASON_BLOCKED);
        } else if (is_failure(message) && settle_stale(stub, exchange))
                return;
        else if ((message->flags & FLAG_RCODE) == RCODE_FORMERR)
                exchange_failed(stub, exchange); /* what it could not read was our question, not the client's */
        else if (!chain_follow(stub, exchange, message))
                exchange_settle(stub, exchange, message, false);
}

/* The question goes on: its answer comes too late for these, not for the next. */
void exchange_stale(fbn_dns_stub *stub, struct exchange *exchange)
{
        answer_stale(stub, exchange);
}

void exchange_failed(fbn_dns_stub *stub, struct exchange *exchange)
{
        if (settle_stale(stub, exchange))
                return;
        keep_failure(stub, exchange);
        for (const struct list *at = exchange->queries.next; at != &exchange->queries; at = at->next)
                stub->counters.failures++;
        settle_status(stub, exchange, RCODE_SERVFAIL, REASON_NO_REACHABLE_AUTHORITY);
}

void exchange_free(fbn_dns_stub *stub, struct exchange *exchange)
{
        while (!list_empty(&exchange->queries))
                query_free(stub, first_query(exchange));
        if (exchange->chase)
                query_cancel(stub, exchange->chase);
        exchange->chase = NULL;
        memory_free(exchange->head);
        exchange->head = NULL;
        for (size_t i = 0; i < ARRAY_SIZE(exchange->attempts); i++)
                upstream_close(stub, &exchange->attempts[i]);
        timer_stop(&exchange->hedge);
        timer_stop(&exchange->patience);
        list_remove(&exchange->in_bucket);
        grave_add(stub, &exchange->grave);
}
