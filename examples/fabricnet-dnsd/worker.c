/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dnsd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The new routes were read and tried before: what fails here is memory, or an upstream that is the stub itself. */
static void take_routes(struct worker *worker, fbn_dns_routes *routes)
{
        if (routes && fbn_dns_stub_reload(worker->c, worker->stub, routes) < 0)
                fprintf(stderr, "fabricnet-dnsd: the old routes stay: %s\n", fbn_context_error(worker->c));
        fbn_dns_routes_unref(routes);
}

/* True if it is to end. */
static bool take_orders(struct worker *worker)
{
        fbn_dns_routes *routes;
        uint64_t count;
        bool reconnect, stop;

        if (read(worker->wake, &count, sizeof(count)) < 0)
                return false;
        pthread_mutex_lock(&worker->lock);
        routes = worker->routes;
        worker->routes = NULL;
        reconnect = worker->reconnect;
        worker->reconnect = false;
        stop = worker->stop;
        if (worker->count) {
                fbn_dns_stub_counters(worker->stub, &worker->counters);
                sem_post(&worker->counted);
        }
        worker->count = false;
        pthread_mutex_unlock(&worker->lock);
        take_routes(worker, routes);
        if (reconnect)
                fbn_dns_stub_reconnect(worker->stub);
        return stop;
}

static void *serve(void *data)
{
        struct worker *worker = data;

        for (;;) {
                struct pollfd wait[] = {{.fd = fbn_dns_stub_fd(worker->stub), .events = POLLIN}, {.fd = worker->wake, .events = POLLIN}};

                if (poll(wait, 2, fbn_dns_stub_timeout(worker->stub)) < 0 && errno != EINTR)
                        break;
                if (wait[1].revents && take_orders(worker))
                        return NULL;
                worker->result = fbn_dns_stub_process(worker->c, worker->stub);
                if (worker->result < 0)
                        break;
        }
        fprintf(stderr, "fabricnet-dnsd: %s\n", fbn_context_error(worker->c));
        _exit(EXIT_FAILED); /* half a server would lose half of the questions */
}

int worker_start(struct worker *worker)
{
        worker->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        pthread_mutex_init(&worker->lock, NULL);
        sem_init(&worker->counted, 0, 0);
        if (worker->wake < 0 || pthread_create(&worker->thread, NULL, serve, worker) != 0) {
                fprintf(stderr, "fabricnet-dnsd: cannot start a thread\n");
                return EXIT_FAILED;
        }
        return 0;
}

void worker_tell(struct worker *worker, void (*what)(struct worker *worker))
{
        uint64_t one = 1;

        pthread_mutex_lock(&worker->lock);
        what(worker);
        pthread_mutex_unlock(&worker->lock);
        if (write(worker->wake, &one, sizeof(one)) < 0)
                fprintf(stderr, "fabricnet-dnsd: cannot wake a thread\n");
}

static void to_stop(struct worker *worker)
{
        worker->stop = true;
}

void worker_end(struct worker *worker)
{
        worker_tell(worker, to_stop);
        pthread_join(worker->thread, NULL);
        fbn_dns_stub_unref(worker->stub);
        fbn_context_unref(worker->c);
        close(worker->wake);
        sem_destroy(&worker->counted);
        pthread_mutex_destroy(&worker->lock);
}
