/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A split-DNS stub inside a program's own poll loop:
 *   dns_stub 127.0.0.1:5353 local.example=192.0.2.1:53 .=198.51.100.1:53
 *   dig @127.0.0.1 -p 5353 nas.local.example
 */
#include <fabricnet/dns.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static int add_route(fbn_context *c, fbn_dns_routes *routes, char *argument)
{
        char *equals = strchr(argument, '=');
        fbn_endpoint upstream;

        if (!equals || fbn_endpoint_parse(equals + 1, &upstream) < 0) {
                fprintf(stderr, "%s: not SUFFIX=ADDRESS:PORT\n", argument);
                return -FBN_EINVAL;
        }
        *equals = 0;
        return fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = argument, .upstreams = &upstream, .n_upstreams = 1));
}

static int serve(fbn_context *c, fbn_dns_stub *stub)
{
        /* Other descriptors of the program stand beside this one. */
        struct pollfd wait = {.fd = fbn_dns_stub_fd(stub), .events = fbn_dns_stub_events(stub)};
        int r = 0;

        while (r >= 0) {
                poll(&wait, 1, fbn_dns_stub_timeout(stub));
                r = fbn_dns_stub_process(c, stub);
        }
        return r;
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        FBN_CLEANUP(fbn_dns_stub) stub = NULL;
        fbn_endpoint listen;
        int r;

        if (argc < 3 || fbn_endpoint_parse(argv[1], &listen) < 0) {
                fprintf(stderr, "usage: %s ADDRESS:PORT SUFFIX=ADDRESS:PORT ...\n", argv[0]);
                return 3;
        }
        r = fbn_context_new(NULL, &c);
        if (r >= 0)
                r = fbn_dns_routes_new(c, &routes);
        for (int i = 2; r >= 0 && i < argc; i++)
                r = add_route(c, routes, argv[i]);
        if (r >= 0)
                r = fbn_dns_stub_new(c, routes, FBN_OPTIONS(fbn_dns_stub_options, .listen = &listen, .n_listen = 1), &stub);
        if (r >= 0)
                r = serve(c, stub);
        fprintf(stderr, "%s\n", fbn_context_error(c));
        return 1;
}
