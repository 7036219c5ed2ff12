/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_ENGINE_H
#define EDGE_ENGINE_H

/* The ban engine: what its files share. One thread, one epoll descriptor, a few deadlines. */
#include "edge/host.h"
#include "edge/protocol.h"
#include "edge/store.h"
#include "edge/worker.h"

#include <fabricnet/monitor.h>

#define NEVER_DUE INT64_MAX

enum due {
        DUE_EXPIRY,    /* bans that end */
        DUE_STORE,     /* what was noted without being waited for, or could not be written */
        DUE_MAP,       /* nginx's map */
        DUE_QUEUE,     /* the CDN may be asked again */
        DUE_IDLE,      /* the child has had nothing to do for a while */
        DUE_RECONCILE, /* somebody changed our table */
        DUE_COUNT
};

enum trouble { TROUBLE_HOST, TROUBLE_DISK, TROUBLE_NGINX, TROUBLE_CDN, TROUBLE_COUNT };
#define TROUBLE_TEXT 200

struct source { /* what epoll tells about */
        enum { SOURCE_LISTENER, SOURCE_CLIENT, SOURCE_CHILD, SOURCE_MONITOR } kind;
        int fd;
};

struct client {
        struct source source;
        struct client *next;
        int64_t last;          /* when it said something */
        char in[32768];
        size_t length;
        char out[16384];
        size_t out_length, out_sent;
        uint32_t listing;      /* the next slot to be told, SLOT_NONE: none */
        uint32_t listed;
        unsigned batched;      /* answers that wait for the batch */
        bool ended;            /* will say nothing more */
        bool finishing;        /* is not listened to any more: to be closed when all was said */
};

/* Changes of single hosts that go into one transaction and one write. */
#define BATCH_MAX 1024
enum batch_kind { BATCH_ADD, BATCH_RENEW, BATCH_DELETE };
struct batched {
        struct client *client; /* NULL: it went away */
        uint32_t slot;
        struct ban before;
        enum batch_kind kind;
        int result;
};

struct queue {
        struct source source;  /* the socket to the child; fd -1: there is none */
        pid_t child;
        uint32_t sent[CDN_TOGETHER];
        size_t n_sent;
        uint32_t cursor;       /* where to look for the next that waits */
        int64_t backoff;       /* milliseconds, 0: the last one went well */
        bool compare;          /* the CDN's rules are to be read */
        bool comparing;
};

struct fbn_ban_engine {
        unsigned references;
        struct arena arena;    /* of the options */
        fbn_ban_engine_options options;
        struct host host;
        struct never never;
        size_t n_never_fixed;  /* of those, what does not come from the file */
        struct ban_table table;
        struct store store;
        int epoll;
        struct source listener;
        struct source watch;   /* of the monitor's */
        fbn_monitor *monitor;
        struct client *clients;
        unsigned n_clients;
        struct batched *batch;
        size_t n_batch;
        uint32_t soonest;      /* when the first ban ends, 0: none does */
        int64_t due[DUE_COUNT];
        struct queue queue;
        char trouble[TROUBLE_COUNT][TROUBLE_TEXT];
        char told[TROUBLE_COUNT * (TROUBLE_TEXT + 2)];
};

int64_t clock_ms(void); /* monotonic */
void engine_due(fbn_ban_engine *engine, enum due what, int64_t in_ms); /* not later than that */
/* Note what went wrong, the context's last error, or with r >= 0 that it goes well again; returns r. */
int engine_trouble(fbn_context *c, fbn_ban_engine *engine, enum trouble what, int r);
void engine_trouble_words(fbn_ban_engine *engine, enum trouble what, const char *words);
int engine_poll(fbn_context *c, fbn_ban_engine *engine, struct source *source, uint32_t events, bool change);
/* Forget and close it. A child that was just forked may have it open for a moment: closing alone would leave it in epoll. */
void engine_close(fbn_ban_engine *engine, struct source *source);
bool engine_has_cdn(const fbn_ban_engine *engine);

/* bans.c: what becomes of them. Results are those of the public functions, or that the answer comes with the batch. */
#define BANS_BATCHED INT32_MAX
int bans_add(fbn_context *c, fbn_ban_engine *engine, struct client *client, const struct request *request);
int bans_delete(fbn_context *c, fbn_ban_engine *engine, struct client *client, const fbn_prefix *prefix);
int bans_flush(fbn_context *c, fbn_ban_engine *engine);
void bans_commit(fbn_context *c, fbn_ban_engine *engine);
void bans_expire(fbn_context *c, fbn_ban_engine *engine);
/* It is over here: gone, or waits to be lifted at the CDN. The slot may be free afterwards. */
void bans_over(fbn_ban_engine *engine, uint32_t slot);
void bans_begin(fbn_ban_engine *engine, struct ban *ban); /* its place in the queue, the map, the expiry */
int bans_sync(fbn_context *c, fbn_ban_engine *engine);    /* to the disk, now */

/* reconcile.c */
int reconcile_host(fbn_context *c, fbn_ban_engine *engine);
int never_load(fbn_context *c, fbn_ban_engine *engine);

/* server.c */
int server_open(fbn_context *c, fbn_ban_engine *engine);
void server_close(fbn_ban_engine *engine);
void server_accept(fbn_context *c, fbn_ban_engine *engine);
void server_event(fbn_context *c, fbn_ban_engine *engine, struct client *client, uint32_t events);
void server_answer(struct client *client, int r, const char *words);
void server_sweep(fbn_context *c, fbn_ban_engine *engine); /* close those that are done */

/* queue.c */
void queue_run(fbn_context *c, fbn_ban_engine *engine);
void queue_event(fbn_context *c, fbn_ban_engine *engine);
void queue_idle(fbn_ban_engine *engine);
void queue_close(fbn_ban_engine *engine);

/* map.c */
void map_write(fbn_context *c, fbn_ban_engine *engine);

#endif
