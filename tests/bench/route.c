/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ours against ip(8) and the bare loop: route DEVICE GATEWAY COUNT CHANGES [TIMES]: apply COUNT routes, 20.0.0.0/24 and following ones. */
#include "bench.h"

#include <arpa/inet.h>

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = bench_context();
        FBN_CLEANUP(fbn_routes) want = NULL;
        fbn_route route = {.size = sizeof(route), .destination = {.address = {.family = AF_INET}, .length = 24}};
        uint32_t count;

        if (argc < 5 || argc > 6 || fbn_address_parse(argv[2], &route.gateway) < 0)
                usage("route DEVICE GATEWAY COUNT CHANGES [TIMES]");
        route.device = argv[1];
        count = (uint32_t)atoi(argv[3]);
        checked(c, fbn_routes_new(c, &want));
        for (uint32_t i = 0; i < count; i++) {
                uint32_t network = htonl(0x14000000 + i * 256);

                memcpy(route.destination.address.bytes, &network, sizeof(network));
                checked(c, fbn_routes_add(c, want, &route));
        }
        for (int times = argc == 6 ? atoi(argv[5]) : 1; times > 0; times--)
                expect_changes(checked(c, fbn_route_apply(c, want, NULL, NULL)), argv[4]);
        return 0;
}
