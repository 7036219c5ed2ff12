/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The split-DNS stub inside a program's own epoll loop, beside its other work (here: a timer that tells the counters):
 *   dns_embed 127.0.0.1:5353 local.example=192.0.2.1:53
 */
#include <fabricnet/dns.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

static int make_stub(fbn_context *c, const char *listen, char *route, fbn_dns_stub **stub)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        fbn_endpoint here, upstream;
        char *equals = strchr(route, '=');
        int r = fbn_dns_routes_new(c, &routes);

        if (r < 0 || !equals || fbn_endpoint_parse(listen, &here) < 0 || fbn_endpoint_parse(equals + 1, &upstream) < 0)
                return r < 0 ? r : -FBN_EINVAL;
        *equals = 0;
        r = fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = route, .upstreams = &upstream, .n_upstreams = 1));
        return r < 0 ? r : fbn_dns_stub_new(c, routes, FBN_OPTIONS(fbn_dns_stub_options, .listen = &here, .n_listen = 1), stub);
}

static void tell(int timer, const fbn_dns_stub *stub)
{
        fbn_dns_counters counters;
        uint64_t ticks;

        fbn_dns_stub_counters(stub, &counters);
        if (read(timer, &ticks, sizeof(ticks)) > 0)
                printf("%llu queries, %llu from the cache\n", (unsigned long long)counters.queries, (unsigned long long)counters.cache_hits);
        fflush(stdout);
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_dns_stub) stub = NULL;
        int loop = epoll_create1(EPOLL_CLOEXEC), timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), r = fbn_context_new(NULL, &c);
        struct epoll_event event;

        timerfd_settime(timer, 0, &(struct itimerspec){{1, 0}, {1, 0}}, NULL);
        if (argc != 3 || r < 0 || make_stub(c, argv[1], argv[2], &stub) < 0) {
                fprintf(stderr, "%s\n", argc == 3 ? fbn_context_error(c) : "usage: dns_embed ADDRESS:PORT SUFFIX=ADDRESS:PORT");
                return 1;
        }
        epoll_ctl(loop, EPOLL_CTL_ADD, fbn_dns_stub_fd(stub), &(struct epoll_event){.events = EPOLLIN, .data.fd = 0});
        epoll_ctl(loop, EPOLL_CTL_ADD, timer, &(struct epoll_event){.events = EPOLLIN, .data.fd = timer});
        while (r >= 0) {
                if (epoll_wait(loop, &event, 1, fbn_dns_stub_timeout(stub)) == 1 && event.data.fd == timer)
                        tell(timer, stub);
                r = fbn_dns_stub_process(c, stub); /* cheap when nothing is due */
        }
        fprintf(stderr, "%s\n", fbn_context_error(c));
        return 1;
}
