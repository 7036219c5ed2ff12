/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The split-DNS stub in a loop of libuv: dns_libuv 127.0.0.1:5353 local.example=192.0.2.1:53 */
#include <fabricnet/dns.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

struct adapter {
        fbn_context *c;
        fbn_dns_stub *stub;
        uv_poll_t poll;
        uv_timer_t timer;
};

static void due(uv_timer_t *timer);

/* After whatever happened: do it, and be woken in time for the next. */
static void process(struct adapter *adapter)
{
        int timeout;

        if (fbn_dns_stub_process(adapter->c, adapter->stub) < 0) {
                fprintf(stderr, "%s\n", fbn_context_error(adapter->c));
                uv_stop(adapter->poll.loop);
                return;
        }
        timeout = fbn_dns_stub_timeout(adapter->stub);
        if (timeout < 0)
                uv_timer_stop(&adapter->timer);
        else
                uv_timer_start(&adapter->timer, due, (uint64_t)timeout, 0);
}

static void due(uv_timer_t *timer)
{
        process(timer->data);
}

static void ready(uv_poll_t *poll, int status, int events)
{
        (void)status, (void)events;
        process(poll->data);
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
        uv_timer_init(uv_default_loop(), &adapter.timer);
        uv_poll_init(uv_default_loop(), &adapter.poll, fbn_dns_stub_fd(stub));
        adapter.timer.data = adapter.poll.data = &adapter;
        uv_poll_start(&adapter.poll, UV_READABLE, ready);
        uv_run(uv_default_loop(), UV_RUN_DEFAULT);
        return 1;
}
