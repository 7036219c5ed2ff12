/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DNSD_H
#define DNSD_H

#include <fabricnet/context.h>
#include <fabricnet/dns.h>

#include <pthread.h>
#include <semaphore.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_BAD = 3, EXIT_DENIED = 6 };

#define SOCKETS_MAX 16
#define THREADS_MAX 64

/* A line of the configuration that makes a route; several of one suffix are one. */
struct route_line {
        char *suffix;
        fbn_endpoint *upstreams;
        size_t n_upstreams;
        fbn_address *addresses;
        size_t n_addresses;
        fbn_prefix *reverse;
        size_t n_reverse;
        bool blocked, system;
};

/* What the file and the command line say. */
struct config {
        const char *file; /* NULL: the command line alone */
        fbn_endpoint *listen;
        size_t n_listen;
        struct route_line *routes;
        size_t n_routes;
        fbn_prefix *allow;
        size_t n_allow;
        uint32_t cache_bytes, timeout_ms, max_pending;
        unsigned threads;
        bool strict, private_answers, log, log_names;
        fbn_endpoint metrics; /* family 0: none */
        char *user;
};

/* config.c: each returns 0, or an exit code after one line on stderr that names the place. */
int config_read(struct config *config, const char *path);
int config_word(struct config *config, const char *place, char *line); /* one line, taken apart */
bool config_asks_system(const struct config *config); /* some route asks the servers that this host had */
int config_routes(fbn_context *c, const struct config *config, fbn_dns_routes **ret_routes);
void config_free(struct config *config);

/* A thread with a stub of its own (worker.c). Everything it is told comes through its wake descriptor. */
struct worker {
        fbn_context *c;
        fbn_dns_stub *stub;
        pthread_t thread;
        int wake;
        pthread_mutex_t lock; /* for what follows */
        bool stop, reconnect, count;
        fbn_dns_routes *routes; /* to be taken over; the worker's then */
        fbn_dns_counters counters;
        sem_t counted;
        int result;
};

int worker_start(struct worker *worker);
void worker_tell(struct worker *worker, void (*what)(struct worker *worker));
void worker_end(struct worker *worker);

/* confine.c: what a server of names has no use for is given up. Each returns false after one line on stderr. */
bool drop_user(const char *name); /* if this is root */
bool confine(void); /* all threads, for ever */

/* metrics.c: OpenMetrics over HTTP. */
int metrics_listen(const fbn_endpoint *where); /* a descriptor, or -1 after one line on stderr */
void metrics_serve(int fd, struct worker *workers, size_t n_workers);

#endif
