/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_STUB_H
#define DNS_STUB_H

#include "dns/cache.h"
#include "dns/reply.h"
#include "dns/routes.h"
#include "dns/datagrams.h"
#include "dns/pool.h"
#include "dns/timer.h"

#include <sodium.h>

/* A descriptor in the stub's epoll set; the first member of what it belongs to. */
struct source {
        int fd; /* -1: closed */
        void (*ready)(fbn_dns_stub *stub, struct source *source, uint32_t events);
};

/* One address to listen on. */
struct listener {
        struct source udp, tcp;
        fbn_endpoint address; /* as bound */
        struct timer pause;   /* no descriptors left to accept with */
};

/* Memory that the events of one round may still point to: freed after it. First member of what is so freed. */
struct grave {
        struct source source;
        struct grave *next;
        struct pool *pool; /* where it goes; NULL: nowhere */
};

/* A TCP connection of a client's (client.c). */
#define CLIENT_QUERY ((size_t)4096) /* the largest query taken over TCP */

struct client {
        struct grave grave;
        struct listener *listener;
        union socket_address peer;
        struct timer idle; /* always runs: its queue is the list of all clients, the one longest without news first */
        struct list queries; /* asked and not answered */
        size_t pending;
        uint8_t in[2 + CLIENT_QUERY];
        size_t in_length;
        uint8_t *out;
        size_t out_length, out_capacity, out_sent;
        bool ended; /* the client sends no more */
        uint32_t events;
};

/* A client's question and where its answer goes (query.c). */
struct query {
        struct list in_exchange;
        struct list in_client;
        struct exchange *exchange;
        struct asked asked;
        uint64_t hash; /* cache_hash() of what it asks */
        struct listener *listener;
        struct client *client;    /* TCP, */
        struct inquiry *inquiry;  /* or this process itself; both NULL: UDP, answered to */
        struct datagram datagram; /* this */
        struct exchange *parent;  /* or what a chain of names led here from (chain.c) */
        unsigned depth;           /* how many such there are above */
        unsigned slot;            /* of its client's among the bounds, and one; 0: in none (bound.c) */
};

/* A question of this very process (inquiry.c), or of another on this host (told.c), and what is known of its answer. */
struct inquiry {
        struct query *query; /* while it waits */
        fbn_dns_source source;
        const struct route *route; /* the one it took; NULL: none */
        fbn_endpoint server; /* who answered, if that was an upstream */
        bool done;
        void (*finished)(fbn_dns_stub *stub, struct inquiry *inquiry); /* NULL: somebody waits for done */
        uint8_t *bytes; /* NULL: no memory for it */
        size_t length;
};

/* A server that is asked, by whatever routes (server.c). */
#define CHANNELS 64 /* sockets towards one server, and so ports that an answer may be meant for */

struct server {
        fbn_endpoint address;
        struct channel *channels[CHANNELS]; /* opened when first picked */
        struct stream *stream; /* NULL: no connection that takes questions */
        int64_t round_trip; /* smoothed, in nanoseconds; 0: not known */
        int64_t silent_until; /* as now; 0: it answers */
        unsigned missed;    /* questions in a row that another answered first */
        bool folds;         /* its answers have the question's letters in a case of its own */
        uint8_t cookie[WIRE_COOKIE]; /* ours, then the server's: RFC 7873 */
        uint8_t cookie_length; /* 0: ours is not made yet; 8: the server gave none */
};

/* A socket towards a server, with the questions that wait for an answer on it (server.c). */
struct channel {
        struct grave grave;
        struct server *server;
        struct list attempts;
        struct timer age;
        unsigned slot; /* in the server's; CHANNELS: in none, so that nothing more is asked through it */
        unsigned uses;
        unsigned late;       /* questions given up, whose answers may yet come */
        unsigned mismatches; /* datagrams that answer nothing that was asked */
};

/* A TCP connection to a server, with the questions on it, whose answers come in any order: RFC 7766 6.2.1 (stream.c). */
struct stream {
        struct grave grave;
        struct server *server; /* whose questions it takes; NULL: takes no more, and goes after the last */
        struct list attempts;
        struct timer idle; /* runs while nobody waits */
        uint8_t *out;
        size_t out_length;
        uint8_t prefix[2]; /* the length of an answer, */
        uint8_t *answer;   /* the answer itself, */
        size_t received;   /* how much of both there is */
        uint32_t events;
        bool connected;
        bool spoken; /* something came */
        unsigned late, mismatches; /* as a channel's */
};

/* A server being asked (upstream.c). */
struct attempt {
        struct timer timer;
        struct exchange *exchange;
        struct server *server; /* NULL: nobody is asked */
        struct channel *channel; /* UDP, */
        struct stream *stream;   /* or TCP */
        struct list in_channel;  /* or in the stream */
        struct list in_unsent;
        int64_t asked; /* as now */
        uint16_t id;
        bool tcp;
        bool plain; /* without EDNS, which this server does not understand */
        bool again; /* asked once more because of its cookie */
        bool doubted; /* over TCP because its answer could be somebody else's */
        bool alone; /* on a connection of its own, after another was closed over it */
        uint8_t query[2 + WIRE_QUERY]; /* behind its length, which TCP wants */
        size_t query_length;
};

/* A question on its way through the servers of its route, for all the clients that ask it (query.c). */
struct exchange {
        struct grave grave; /* first member */
        struct attempt attempts[2]; /* the second while the first takes longer than usual */
        struct timer hedge;
        struct timer patience; /* then what is stale must do; runs if there is such */
        struct list in_bucket;
        struct list queries;
        const struct route *route;
        struct question question;
        uint16_t flags; /* RD and CD */
        bool dnssec_ok;
        uint64_t hash; /* as that of a query */
        size_t turn; /* how many were asked */
        uint64_t silent; /* which of the first 64 were silent lately: they come last */
        unsigned depth;
        struct query *chase; /* for the name that the answer led to, when another route has it (chain.c) */
        fbn_endpoint server; /* who answered */
        uint8_t *head;       /* what leads there */
        size_t head_length;
};

#define HEDGES 8 /* 16 ms, 32 ms … 2 s */

/* Where names go: all of it is replaced when the routes are. */
struct table {
        fbn_dns_routes *routes;
        struct server *servers;
        struct server **upstreams; /* of each upstream of each route */
        size_t n_servers;
        uint32_t *pending; /* of each route: questions that wait on it */
};

#define CLIENT_SLOTS 256

enum how { HOW_CACHE, HOW_STALE, HOW_UPSTREAM, HOW_LOCAL, HOW_REFUSED, HOW_FAILED };

struct fbn_dns_stub {
        unsigned references;
        struct table table;
        struct local *local;
        fbn_prefix *allow;
        size_t n_allow; /* 0: private addresses */
        bool allow_private;
        uint16_t clients_pending[CLIENT_SLOTS]; /* questions that wait, by a hash of who asked */
        uint8_t cookie_key[crypto_shorthash_KEYBYTES];
        struct log *log; /* NULL: none */
        int epoll;
        struct listener *listeners;
        size_t n_listeners;
        size_t pending, max_pending;
        struct list *buckets; /* exchanges by question */
        size_t n_buckets;     /* a power of two */
        uint8_t hash_key[crypto_shorthash_KEYBYTES];
        struct cache cache;
        size_t n_channels, n_streams;
        bool strict; /* a socket for each question */
        struct timer_queue attempts, idle, pauses, ages, streams, patience, hedges[HEDGES];
        size_t n_clients;
        struct list told; /* questions of other processes that want to know why (told.c) */
        struct list unsent; /* attempts whose question goes to its server when the round ends */
        struct grave *graves;
        struct pool exchanges, queries;
        fbn_dns_counters counters;
        struct datagrams in, answers; /* taken, and on their way to clients */
        uint8_t random[512];
        size_t n_random; /* not used yet */
        int64_t now;      /* clock_now() and */
        uint32_t seconds; /* clock_seconds() when this round began: to read them for each datagram would be felt */
        uint8_t out[WIRE_MESSAGE]; /* an answer over TCP, and what is only looked at */
};

/* stub.c */
int source_add(fbn_dns_stub *stub, struct source *source, uint32_t events); /* 0 or -errno */
void source_change(fbn_dns_stub *stub, struct source *source, uint32_t events);
void source_close(struct source *source);
void stub_clock(fbn_dns_stub *stub); /* look at the clocks, before anything is done that needs the time */
void grave_add(fbn_dns_stub *stub, struct grave *grave);
void graves_free(fbn_dns_stub *stub);

/* listen.c */
int listener_open(fbn_context *c, fbn_dns_stub *stub, struct listener *listener, bool shared);
int listener_adopt(fbn_context *c, fbn_dns_stub *stub, struct listener *listener, int socket); /* bound by somebody else */
void listener_resume(fbn_dns_stub *stub, struct listener *listener);

/* client.c */
void client_new(fbn_dns_stub *stub, struct listener *listener, int fd, const union socket_address *peer); /* takes the descriptor */
bool client_evict(fbn_dns_stub *stub); /* closes the one that has been idle longest; false if all are busy */
void client_send(fbn_dns_stub *stub, struct client *client, const uint8_t *bytes, size_t length);
void client_idle(fbn_dns_stub *stub, struct client *client); /* its timer is due */
void client_close(fbn_dns_stub *stub, struct client *client);

/* query.c */
bool query_read(fbn_dns_stub *stub, struct query *origin, const uint8_t *bytes, size_t length); /* false: nothing to be resolved */
void query_again(fbn_dns_stub *stub, struct list *queries); /* those detached from their exchanges, by the routes of now */
void query_detach(fbn_dns_stub *stub, struct list *ret_queries); /* all that wait; nobody is asked for them any more */
void query_cancel(fbn_dns_stub *stub, struct query *query);
const union socket_address *query_peer(const struct query *query); /* NULL: nobody outside */
void query_resolve(fbn_dns_stub *stub, struct query *query);
void query_hash(const fbn_dns_stub *stub, struct query *query); /* before it is resolved, if it was not read */
const struct route *query_route(const fbn_dns_routes *routes, const struct question *question, const struct name *lowered);
void exchange_answered(fbn_dns_stub *stub, struct exchange *exchange, const struct message *message, const fbn_endpoint *server);
void exchange_settle(fbn_dns_stub *stub, struct exchange *exchange, const struct message *message, bool mixed); /* as it is passed on */
void exchange_stale(fbn_dns_stub *stub, struct exchange *exchange); /* its patience is over */
void exchange_failed(fbn_dns_stub *stub, struct exchange *exchange);
void exchange_free(fbn_dns_stub *stub, struct exchange *exchange);

/* chain.c: a name that another route has is asked for there, whatever was said about it here. */
bool chain_follow(fbn_dns_stub *stub, struct exchange *exchange, const struct message *message); /* false: there is no such */
void chain_answered(fbn_dns_stub *stub, struct exchange *exchange, const uint8_t *bytes, size_t length);
bool chain_loops(const struct exchange *exchange, const struct exchange *parent); /* if what parent asks waited for exchange */

/* bound.c: who may ask, and how many questions may wait. */
int bound_new(fbn_context *c, fbn_dns_stub *stub, const fbn_dns_stub_options *options);
bool bound_loopback(const union socket_address *peer);
bool bound_allows(const fbn_dns_stub *stub, const union socket_address *peer);
bool bound_take(fbn_dns_stub *stub, struct query *query, const struct route *route); /* false: too many */
void bound_give(fbn_dns_stub *stub, const struct query *query);

/* cookie.c: RFC 7873 and 9018, towards clients and servers. */
void cookie_answer(const fbn_dns_stub *stub, const struct query *query, const struct message *message, struct asked *asked);
void cookie_ask(fbn_dns_stub *stub, struct server *server, uint8_t *query, size_t *length);
enum cookie_result { COOKIE_GOOD, COOKIE_FORGED, COOKIE_MISSING };
enum cookie_result cookie_learn(struct server *server, const struct message *message);

/* log.c */
int log_new(fbn_context *c, const fbn_dns_stub_options *options, struct log **ret_log);
struct log *log_free(struct log *log);
void log_query(struct log *log, const struct query *query, enum rcode rcode, enum how how);
void log_flush(struct log *log);

/* inquiry.c */
void inquiry_answer(fbn_dns_stub *stub, struct inquiry *inquiry, const uint8_t *bytes, size_t length);

/* upstream.c */
void upstream_ask(fbn_dns_stub *stub, struct exchange *exchange); /* may end the exchange before it returns */
void upstream_send(fbn_dns_stub *stub); /* what is unsent */
void upstream_hedge(fbn_dns_stub *stub, struct exchange *exchange); /* its timer is due */
void upstream_silent(fbn_dns_stub *stub, struct attempt *attempt); /* its timer is due */
void upstream_close(fbn_dns_stub *stub, struct attempt *attempt); /* nobody is asked by it any more */
void upstream_datagram(fbn_dns_stub *stub, struct channel *channel, uint8_t *bytes, size_t length, bool whole);
void upstream_unreachable(fbn_dns_stub *stub, struct channel *channel); /* an ICMP error */
void upstream_message(fbn_dns_stub *stub, struct stream *stream, uint8_t *bytes, size_t length);
void upstream_hung_up(fbn_dns_stub *stub, struct stream *stream); /* the connection is gone */

/* stream.c */
struct stream *stream_take(fbn_dns_stub *stub, struct server *server, bool alone); /* NULL: none can be had */
bool stream_send(fbn_dns_stub *stub, struct stream *stream, const uint8_t *bytes, size_t length); /* false without memory */
void stream_leave(fbn_dns_stub *stub, struct stream *stream); /* one that waited does not any more */
void stream_retire(fbn_dns_stub *stub, struct stream *stream); /* nothing more is asked through it */

/* table.c */
int table_new(fbn_context *c, fbn_dns_stub *stub, const fbn_dns_routes *routes, struct table *ret_table);
void table_free(fbn_dns_stub *stub, struct table *table);

/* server.c */
int servers_new(fbn_context *c, struct table *table);
void servers_forget(fbn_dns_stub *stub); /* what is known of them, cookies too, and their idle sockets */
struct channel *channel_take(fbn_dns_stub *stub, struct server *server); /* NULL: none can be had */
void channel_drop(fbn_dns_stub *stub, struct channel *channel); /* after the last of its questions, if it is to go */
void channel_retire(fbn_dns_stub *stub, struct channel *channel); /* nothing more is asked through it */
void random_take(fbn_dns_stub *stub, void *bytes, size_t length);

/* local.c: names that are answered here and never asked elsewhere. */
struct local *local_new(void); /* NULL without memory */
struct local *local_free(struct local *local);

/* Whether the name (in lower case) is such a one, unless a route for it or something below the local zone was declared: then buffer
 * holds the answer and its length is returned; else 0. */
size_t local_answer(const struct local *local, const struct asked *asked, const struct name *lowered, const struct route *route,
                    uint8_t *buffer);

/* What a route says by itself, without asking anybody. */
bool route_is_local(const struct route *route);
size_t route_answer(const struct asked *asked, const struct route *route, uint8_t *buffer);

#endif
