/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/told.h"

#include "base/address.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT 1500
#define PENDING_DEFAULT 1024
#define CACHE_DEFAULT ((size_t)4 << 20)
#define IDLE 10000 /* of a TCP client, in milliseconds: RFC 7766 6.2.3 says "a few seconds" */
#define AGE 30000  /* of a socket towards a server, before another port takes its place */
#define STREAM_IDLE 5000 /* of a connection to a server: RFC 7766 6.2.3, and less than servers wait */
#define PAUSE 100  /* before accepting again when there are no descriptors */
#define PATIENCE 1800 /* of a client that may have a stale answer: RFC 8767 5 */
#define EVENTS 64  /* taken in one round */
#define CANCEL_CHECK 200 /* milliseconds in which fbn_dns_stub_run() notices fbn_context_cancel() */

int source_add(fbn_dns_stub *stub, struct source *source, uint32_t events)
{
        struct epoll_event event = {.events = events, .data.ptr = source};

        return epoll_ctl(stub->epoll, EPOLL_CTL_ADD, source->fd, &event) < 0 ? -errno : 0;
}

void source_change(fbn_dns_stub *stub, struct source *source, uint32_t events)
{
        struct epoll_event event = {.events = events, .data.ptr = source};

        epoll_ctl(stub->epoll, EPOLL_CTL_MOD, source->fd, &event);
}

void source_close(struct source *source)
{
        if (source->fd >= 0)
                close(source->fd);
        source->fd = -1;
}

void grave_add(fbn_dns_stub *stub, struct grave *grave)
{
        grave->next = stub->graves;
        stub->graves = grave;
}

void graves_free(fbn_dns_stub *stub)
{
        while (stub->graves) {
                struct grave *grave = stub->graves;

                stub->graves = grave->next;
                if (grave->pool)
                        pool_give(grave->pool, grave);
                else
                        memory_free(grave);
        }
}

void stub_clock(fbn_dns_stub *stub)
{
        stub->now = clock_now();
        stub->seconds = clock_seconds();
}

static int make_buckets(fbn_context *c, fbn_dns_stub *stub)
{
        for (stub->n_buckets = 16; stub->n_buckets < stub->max_pending && stub->n_buckets < 65536;)
                stub->n_buckets *= 2;
        stub->buckets = memory_alloc(stub->n_buckets * sizeof(struct list));
        if (!stub->buckets)
                return fail_memory(c);
        for (size_t i = 0; i < stub->n_buckets; i++)
                list_init(&stub->buckets[i]);
        randombytes_buf(stub->hash_key, sizeof(stub->hash_key));
        return 0;
}

static int make_cache(fbn_context *c, fbn_dns_stub *stub, uint32_t bytes)
{
        if (bytes == FBN_DNS_CACHE_OFF)
                return cache_init(&stub->cache, 0) ? 0 : fail_memory(c);
        if (bytes > 0 && bytes < CACHE_MINIMUM)
                return fail(c, FBN_EINVAL, "a DNS cache of %u bytes holds nothing; at least %zu, or FBN_DNS_CACHE_OFF", bytes, CACHE_MINIMUM);
        return cache_init(&stub->cache, bytes ? bytes : CACHE_DEFAULT) ? 0 : fail_memory(c);
}

static struct listener *next_listener(fbn_dns_stub *stub, fbn_endpoint address)
{
        struct listener *listener = &stub->listeners[stub->n_listeners++];

        *listener = (struct listener){.udp.fd = -1, .tcp.fd = -1, .address = address};
        return listener;
}

static int open_listeners(fbn_context *c, fbn_dns_stub *stub, const fbn_dns_stub_options *options)
{
        static const fbn_endpoint loopback = {.address = {AF_INET, {127, 0, 0, 1}}, .port = 53};
        const fbn_endpoint *listen = options->listen ? options->listen : &loopback;
        size_t count = options->listen ? options->n_listen : options->n_sockets ? 0 : 1;
        char text[FBN_ADDRESS_TEXT];

        if (options->in_process)
                return options->listen || options->n_sockets ? fail(c, FBN_EINVAL, "a DNS stub that is in_process listens nowhere: leave listen and sockets out") : 0;
        if (count + options->n_sockets == 0)
                return fail(c, FBN_EINVAL, "a DNS stub needs an address to listen on; NULL is 127.0.0.1:53");
        stub->listeners = memory_alloc((count + options->n_sockets) * sizeof(struct listener));
        if (!stub->listeners)
                return fail_memory(c);
        for (size_t i = 0; i < count; i++) {
                int r = listener_open(c, stub, next_listener(stub, listen[i]), options->shared);

                if (r < 0)
                        return fail_in(c, r, "DNS stub on %s", fbn_endpoint_format(&listen[i], text, sizeof(text)));
        }
        for (size_t i = 0; i < options->n_sockets; i++) {
                int r = listener_adopt(c, stub, next_listener(stub, (fbn_endpoint){0}), options->sockets[i]);

                if (r < 0)
                        return fail_in(c, r, "DNS stub");
        }
        return 0;
}

static int setup(fbn_context *c, fbn_dns_stub *stub, const fbn_dns_routes *routes, const fbn_dns_stub_options *options)
{
        NAMESPACE_GUARD guard = {-1};
        int r;

        stub->local = local_new();
        if (!stub->local)
                return fail_memory(c);
        stub->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (stub->epoll < 0)
                return fail_errno(c, errno, "cannot make an epoll descriptor");
        r = make_buckets(c, stub);
        if (r < 0)
                return r;
        r = make_cache(c, stub, options->cache_bytes);
        if (r == 0)
                r = bound_new(c, stub, options);
        if (r == 0)
                r = log_new(c, options, &stub->log);
        if (r < 0)
                return r;
        randombytes_buf(stub->cookie_key, sizeof(stub->cookie_key));
        r = namespace_enter(c, &guard);
        if (r < 0)
                return r;
        r = open_listeners(c, stub, options);
        if (r < 0)
                return r;
        return table_new(c, stub, routes, &stub->table);
}

int fbn_dns_stub_new(fbn_context *c, const fbn_dns_routes *routes, const fbn_dns_stub_options *options, fbn_dns_stub **ret_stub)
{
        FBN_CLEANUP(fbn_dns_stub) stub = NULL;
        fbn_dns_stub_options mine;
        int r;

        r = OPTIONS_READ(c, fbn_dns_stub_options, options, &mine);
        if (r < 0)
                return r;
        stub = memory_alloc(sizeof(*stub));
        if (!stub)
                return fail_memory(c);
        stub->references = 1;
        stub->epoll = -1;
        stub->max_pending = mine.max_pending ? mine.max_pending : PENDING_DEFAULT;
        timer_queue_init(&stub->attempts, mine.timeout_ms ? mine.timeout_ms : TIMEOUT_DEFAULT);
        list_init(&stub->told);
        timer_queue_init(&stub->idle, IDLE);
        timer_queue_init(&stub->pauses, PAUSE);
        timer_queue_init(&stub->ages, AGE);
        timer_queue_init(&stub->streams, STREAM_IDLE);
        timer_queue_init(&stub->patience, PATIENCE);
        for (unsigned i = 0; i < HEDGES; i++)
                timer_queue_init(&stub->hedges[i], 16u << i);
        list_init(&stub->unsent);
        stub->exchanges.size = sizeof(struct exchange);
        stub->queries.size = sizeof(struct query);
        datagrams_init(&stub->in);
        datagrams_init(&stub->answers);
        stub->strict = mine.strict;
        r = setup(c, stub, routes, &mine);
        if (r < 0)
                return r;
        *ret_stub = TAKE_PTR(stub);
        return 0;
}

fbn_dns_stub *fbn_dns_stub_ref(fbn_dns_stub *stub)
{
        stub->references++;
        return stub;
}

static void close_all(fbn_dns_stub *stub)
{
        while (!list_empty(&stub->idle.timers))
                client_close(stub, CONTAINER_OF(stub->idle.timers.next, struct client, idle.entry));
        for (size_t i = 0; stub->buckets && i < stub->n_buckets; i++)
                while (!list_empty(&stub->buckets[i]))
                        exchange_free(stub, CONTAINER_OF(stub->buckets[i].next, struct exchange, in_bucket));
        for (size_t i = 0; i < stub->n_listeners; i++) {
                source_close(&stub->listeners[i].udp);
                source_close(&stub->listeners[i].tcp);
        }
        table_free(stub, &stub->table);
        if (stub->epoll >= 0)
                close(stub->epoll);
        told_free(stub);
        graves_free(stub);
}

fbn_dns_stub *fbn_dns_stub_unref(fbn_dns_stub *stub)
{
        if (!stub || --stub->references > 0)
                return NULL;
        close_all(stub);
        local_free(stub->local);
        cache_free(&stub->cache);
        log_free(stub->log);
        pool_free(&stub->exchanges);
        pool_free(&stub->queries);
        memory_free(stub->allow);
        memory_free(stub->buckets);
        memory_free(stub->listeners);
        memory_free(stub);
        return NULL;
}

int fbn_dns_stub_fd(const fbn_dns_stub *stub)
{
        return stub->epoll;
}

short fbn_dns_stub_events(const fbn_dns_stub *stub)
{
        (void)stub;
        return POLLIN;
}

int fbn_dns_stub_timeout(const fbn_dns_stub *stub)
{
        int64_t due = MIN(MIN(timer_next(&stub->attempts), timer_next(&stub->idle)), MIN(timer_next(&stub->pauses), timer_next(&stub->ages)));
        int64_t left;

        due = MIN(due, MIN(timer_next(&stub->patience), timer_next(&stub->streams)));
        for (unsigned i = 0; i < HEDGES; i++)
                due = MIN(due, timer_next(&stub->hedges[i]));
        if (due == INT64_MAX)
                return -1;
        left = due - clock_now();
        return left <= 0 ? 0 : (int)MIN((left + 999999) / 1000000, INT32_MAX);
}

static void run_timers(fbn_dns_stub *stub)
{
        int64_t now = stub->now;
        struct timer *timer;

        while ((timer = timer_take_due(&stub->attempts, now)))
                upstream_silent(stub, CONTAINER_OF(timer, struct attempt, timer));
        for (unsigned i = 0; i < HEDGES; i++)
                while ((timer = timer_take_due(&stub->hedges[i], now)))
                        upstream_hedge(stub, CONTAINER_OF(timer, struct exchange, hedge));
        while ((timer = timer_take_due(&stub->patience, now)))
                exchange_stale(stub, CONTAINER_OF(timer, struct exchange, patience));
        while ((timer = timer_take_due(&stub->ages, now)))
                channel_retire(stub, CONTAINER_OF(timer, struct channel, age));
        while ((timer = timer_take_due(&stub->streams, now)))
                stream_retire(stub, CONTAINER_OF(timer, struct stream, idle));
        while ((timer = timer_take_due(&stub->idle, now)))
                client_idle(stub, CONTAINER_OF(timer, struct client, idle));
        while ((timer = timer_take_due(&stub->pauses, now)))
                listener_resume(stub, CONTAINER_OF(timer, struct listener, pause));
}

static int round_of(fbn_context *c, fbn_dns_stub *stub, int wait)
{
        NAMESPACE_GUARD guard = {-1};
        struct epoll_event events[EVENTS];
        int count, r;

        r = context_check(c);
        if (r < 0)
                return r;
        count = epoll_wait(stub->epoll, events, EVENTS, wait);
        stub_clock(stub);
        if (count < 0)
                return errno == EINTR ? 0 : fail_errno(c, errno, "cannot wait for DNS queries");
        /* Sockets towards upstreams are opened below: in this namespace, whatever the caller's is. */
        r = namespace_enter(c, &guard);
        if (r < 0)
                return r;
        for (int i = 0; i < count; i++) {
                struct source *source = events[i].data.ptr;

                if (source->fd >= 0)
                        source->ready(stub, source, events[i].events);
        }
        run_timers(stub);
        upstream_send(stub);
        datagrams_send(&stub->answers);
        if (stub->log)
                log_flush(stub->log);
        graves_free(stub);
        return 0;
}

int fbn_dns_stub_process(fbn_context *c, fbn_dns_stub *stub)
{
        return round_of(c, stub, 0);
}

int fbn_dns_stub_run(fbn_context *c, fbn_dns_stub *stub)
{
        int r = 0;

        while (r >= 0) {
                int timeout = fbn_dns_stub_timeout(stub);

                r = round_of(c, stub, timeout < 0 || timeout > CANCEL_CHECK ? CANCEL_CHECK : timeout);
        }
        return r;
}

fbn_endpoint fbn_dns_stub_address(const fbn_dns_stub *stub, size_t index)
{
        return index < stub->n_listeners ? stub->listeners[index].address : (fbn_endpoint){0};
}

void fbn_dns_stub_counters(const fbn_dns_stub *stub, fbn_dns_counters *ret_counters)
{
        *ret_counters = stub->counters;
        ret_counters->cache_entries = stub->cache.entries;
        ret_counters->cache_bytes = cache_bytes(&stub->cache);
        ret_counters->size = sizeof(*ret_counters);
}

void fbn_dns_stub_flush(fbn_dns_stub *stub)
{
        cache_flush(&stub->cache);
        fbn_dns_stub_reconnect(stub);
}

void fbn_dns_stub_reconnect(fbn_dns_stub *stub)
{
        servers_forget(stub);
        graves_free(stub);
}
