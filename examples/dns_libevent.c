/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The split-DNS stub in a loop of libevent: dns_libevent 127.0.0.1:5353 local.example=192.0.2.1:53 */
#include <event2/event.h>
#include <fabricnet/dns.h>
#include <stdio.h>
#include <string.h>

struct adapter {
        fbn_context *c;
        fbn_dns_stub *stub;
        struct event *event; /* the descriptor and the time-out in one */
};

/* After whatever happened: do it, and be woken in time for the next. */
static void process(evutil_socket_t fd, short events, void *data)
{
        struct adapter *adapter = data;
        struct timeval wait;
        int timeout;

        (void)fd, (void)events;
        if (fbn_dns_stub_process(adapter->c, adapter->stub) < 0) {
                fprintf(stderr, "%s\n", fbn_context_error(adapter->c));
                event_base_loopbreak(event_get_base(adapter->event));
                return;
        }
        timeout = fbn_dns_stub_timeout(adapter->stub);
        wait = (struct timeval){timeout / 1000, timeout % 1000 * 1000};
        event_add(adapter->event, timeout < 0 ? NULL : &wait);
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        FBN_CLEANUP(fbn_dns_stub) stub = NULL;
        struct adapter adapter = {0};
        fbn_endpoint listen, upstream;
        struct event_base *base = event_base_new();
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
        adapter.event = event_new(base, fbn_dns_stub_fd(stub), EV_READ, process, &adapter);
        event_add(adapter.event, NULL);
        event_base_dispatch(base);
        event_free(adapter.event);
        event_base_free(base);
        return 1;
}
