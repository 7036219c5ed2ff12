/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ours: dns PORT UPSTREAM-PORT [strict|ROUTES]: our stub on 127.0.0.1, until it is killed; with so many more routes. */
#include "bench.h"

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = bench_context();
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        FBN_CLEANUP(fbn_dns_stub) stub = NULL;
        fbn_endpoint here = {.address = {AF_INET, {127, 0, 0, 1}}}, upstream = here;

        if (argc < 3 || argc > 4)
                usage("dns PORT UPSTREAM-PORT [strict|ROUTES]");
        here.port = (uint16_t)atoi(argv[1]);
        upstream.port = (uint16_t)atoi(argv[2]);
        checked(c, fbn_dns_routes_new(c, &routes));
        checked(c, fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = ".", .upstreams = &upstream, .n_upstreams = 1)));
        for (int i = 0; argc == 4 && i < atoi(argv[3]); i++) {
                char suffix[32];

                snprintf(suffix, sizeof(suffix), "r%d.local.example", i);
                checked(c, fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = suffix, .upstreams = &upstream, .n_upstreams = 1)));
        }
        checked(c, fbn_dns_stub_new(c, routes,
                                    FBN_OPTIONS(fbn_dns_stub_options, .listen = &here, .n_listen = 1, .cache_bytes = 8 << 20,
                                                .strict = argc == 4 && strcmp(argv[3], "strict") == 0),
                                    &stub));
        checked(c, fbn_dns_stub_run(c, stub));
        return 0;
}
