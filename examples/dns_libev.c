/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The split-DNS stub in a loop of libev: dns_libev 127.0.0.1:5353 local.example=192.0.2.1:53 */
#include <ev.h>
#include <fabricnet/dns.h>
#include <stdio.h>
#include <string.h>

struct adapter {
        fbn_context *c;
        fbn_dns_stub *stub;
        ev_io io;
        ev_timer timer;
};

/* After whatever happened: do it, and be woken in time for the next. */
static void process(struct ev_loop *loop, struct adapter *adapter)
{
        int timeout;

        if (fbn_dns_stub_process(adapter->c, adapter->stub) < 0) {
                fprintf(stderr, "%s\n", fbn_context_error(adapter->c));
                ev_break(loop, EVBREAK_ALL);
                return;
        }
        timeout = fbn_dns_stub_timeout(adapter->stub);
        ev_timer_stop(loop, &adapter->timer);
        if (timeout < 0)
                return;
        ev_timer_set(&adapter->timer, timeout / 1000.0, 0.);
        ev_timer_start(loop, &adapter->timer);
}

static void ready(struct ev_loop *loop, ev_io *io, int events)
{
        (void)events;
        process(loop, io->data);
}

static void due(struct ev_loop *loop, ev_timer *timer, int events)
{
        (void)events;
        process(loop, timer->data);
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        FBN_CLEANUP(fbn_dns_stub) stub = NULL;
        struct adapter adapter = {0};
        fbn_endpoint listen, upstream;
        char *equals = argc == 3 ? strchr(argv[2], '=') : NULL;

        if (!equals || fbn_endpoint_parse(argv[1], &listen) < 0 || fbn_endpoint_parse(equals + 1, &upstream) < 0) {
                fprintf(stderr, "usage: %s ADDRESS:PORT SUFFIX=ADDRESS:PORT\n", argv[0]);
                return 3;
        }
        *equals = 0;
        if (fbn_context_new(NULL, &c) < 0 || fbn_dns_routes_new(c, &routes) < 0 ||
            fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = argv[2], .upstreams = &upstream, .n_upstreams = 1)) < 0 ||
            fbn_dns_stub_new(c, routes, FBN_OPTIONS(fbn_dns_stub_options, .listen = &listen, .n_listen = 1), &stub) < 0) {
                fprintf(stderr, "%s\n", fbn_context_error(c));
                return 1;
        }
        adapter.c = c;
        adapter.stub = stub;
        adapter.io.data = adapter.timer.data = &adapter;
        ev_init(&adapter.timer, due);
        ev_io_init(&adapter.io, ready, fbn_dns_stub_fd(stub), EV_READ);
        ev_io_start(EV_DEFAULT, &adapter.io);
        ev_run(EV_DEFAULT, 0);
        return 1;
}
