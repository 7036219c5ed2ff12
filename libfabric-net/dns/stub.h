/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_STUB_H
#define DNS_STUB_H

#include "dns/cache.h"
#include "dns/reply.h"
#include "dns/routes.h"
#include "dns/socket.h"
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
};

/* A TCP connection of a client's (client.c). */
#define CLIENT_QUERY ((size_t)4096) /* the largest query taken over TCP */

struct client {
        struct grave grave;
        struct listener *listener;
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
        struct listener *listener;
        struct client *client;    /* NULL: UDP, answered to */
        struct datagram datagram; /* this */
};

/* An upstream being asked: one socket, one id (upstream.c). */
struct attempt {
        struct grave grave;
        struct timer timer;
        struct exchange *exchange;
        uint16_t id;
        bool tcp;
        bool plain;          /* without EDNS, which this upstream does not understand */
        unsigned mismatches; /* datagrams from its address that are not the answer */
        uint8_t query[2 + WIRE_QUERY]; /* behind its length, which TCP wants */
        size_t query_length;
        size_t sent;           /* TCP */
        uint8_t prefix[2];     /* TCP: the length of the answer, */
        uint8_t *answer;       /* the answer itself, */
        size_t received;       /* how much of both there is */
};

/* A question on its way through the upstreams of its route, for all the clients that ask it (query.c). */
struct exchange {
        struct attempt attempt; /* first member */
        struct list in_bucket;
        struct list queries;
        const struct route *route;
        struct question question;
        uint16_t flags; /* RD and CD */
        bool dnssec_ok;
        size_t turn; /* how many upstreams were given up */
        uint64_t silent; /* which of the first 64 were silent lately: they come last */
        bool retried;
};

struct fbn_dns_stub {
        unsigned references;
        fbn_dns_routes *routes;
        struct local *local;
        int epoll;
        struct listener *listeners;
        size_t n_listeners;
        size_t pending, max_pending;
        struct list *buckets; /* exchanges by question */
        size_t n_buckets;     /* a power of two */
        uint8_t hash_key[crypto_shorthash_KEYBYTES];
        struct cache cache;
        int64_t *silent_until; /* of each upstream of each route, nanoseconds of clock_now(); 0: it answers */
        struct timer_queue attempts, idle, pauses;
        size_t n_clients;
        struct grave *graves;
        fbn_dns_counters counters;
        uint8_t in[WIRE_MESSAGE + 1], out[WIRE_MESSAGE];
};

/* stub.c */
int source_add(fbn_dns_stub *stub, struct source *source, uint32_t events); /* 0 or -errno */
void source_change(fbn_dns_stub *stub, struct source *source, uint32_t events);
void source_close(struct source *source);
void grave_add(fbn_dns_stub *stub, struct grave *grave);

/* listen.c */
int listener_open(fbn_context *c, fbn_dns_stub *stub, struct listener *listener);
void listener_resume(fbn_dns_stub *stub, struct listener *listener);

/* client.c */
void client_new(fbn_dns_stub *stub, struct listener *listener, int fd); /* takes the descriptor */
bool client_evict(fbn_dns_stub *stub); /* closes the one that has been idle longest; false if all are busy */
void client_send(fbn_dns_stub *stub, struct client *client, const uint8_t *bytes, size_t length);
void client_idle(fbn_dns_stub *stub, struct client *client); /* its timer is due */
void client_close(fbn_dns_stub *stub, struct client *client);

/* query.c */
void query_take(fbn_dns_stub *stub, struct query *origin, const uint8_t *bytes, size_t length);
void query_cancel(fbn_dns_stub *stub, struct query *query);
void exchange_answered(fbn_dns_stub *stub, struct exchange *exchange, const struct message *message);
void exchange_failed(fbn_dns_stub *stub, struct exchange *exchange);
void exchange_free(fbn_dns_stub *stub, struct exchange *exchange);

/* upstream.c */
void upstream_order(fbn_dns_stub *stub, struct exchange *exchange); /* before its first is asked */
void upstream_ask(fbn_dns_stub *stub, struct exchange *exchange); /* may end the exchange before it returns */
void upstream_silent(fbn_dns_stub *stub, struct attempt *attempt); /* its timer is due */
void upstream_close(struct attempt *attempt);

/* local.c: names that are answered here and never asked elsewhere. */
struct local *local_new(void); /* NULL without memory */
struct local *local_free(struct local *local);

/* Whether the name (in lower case) is such a one, unless a route for it or something below the local zone was declared: then buffer
 * holds the answer and its length is returned; else 0. */
size_t local_answer(const struct local *local, const struct asked *asked, const struct name *lowered, const struct route *route,
                    uint8_t *buffer);

#endif
