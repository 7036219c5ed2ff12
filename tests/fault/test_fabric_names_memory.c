/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include <fabricnet/fabric.h>

#include "fault/memory.h"

#define HOMELAB TESTS_DIRECTORY "/../examples/homelab/fabric.json"

static int routes_of(fbn_context *c, fbn_dns_routes **ret_routes)
{
        static const fbn_address address = {AF_INET, {10, 7, 0, 3}};
        static const fbn_endpoint server = {.address = {AF_INET, {192, 0, 2, 1}}};
        static const fbn_prefix reverse = {{AF_INET, {192, 168, 20}}, 23};
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        int r = fbn_dns_routes_new(c, &routes);

        if (r == 0)
                r = fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "=nas.fabric", .addresses = &address, .n_addresses = 1));
        if (r == 0)
                r = fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "fabric", .blocked = true));
        if (r == 0)
                r = fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "local.example", .upstreams = &server, .n_upstreams = 1, .reverse = &reverse, .n_reverse = 1));
        if (r == 0)
                *ret_routes = fbn_dns_routes_ref(routes);
        return r;
}

static int query(fbn_context *c)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        FBN_CLEANUP(fbn_dns_stub) stub = NULL;
        FBN_CLEANUP(fbn_dns_answer) answer = NULL;
        int r = routes_of(c, &routes);

        if (r == 0)
                r = fbn_dns_stub_new(c, routes, FBN_OPTIONS(fbn_dns_stub_options, .in_process = true), &stub);
        return r < 0 ? r : fbn_dns_query(c, stub, "nas.fabric", "A", 0, &answer);
}
SCENARIO(query)

static int look(fbn_context *c)
{
        FBN_CLEANUP(fbn_dns_host) host = NULL;

        return fbn_dns_host_get(c, FBN_OPTIONS(fbn_dns_host_options, .manager = FBN_DNS_MANAGER_FILE), &host);
}
SCENARIO(look)

static int say(fbn_context *c)
{
        static const fbn_endpoint stub = {.address = {AF_INET, {127, 0, 0, 1}}};
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r = routes_of(c, &routes);

        if (r == 0)
                r = fbn_dns_host_apply(c, routes, FBN_OPTIONS(fbn_dns_host_options, .manager = FBN_DNS_MANAGER_FILE, .stub = stub, .dry_run = true), &changes);
        return r < 0 ? r : 0;
}
SCENARIO(say)

static int declared(fbn_context *c)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        char *text = NULL;
        int r = fbn_fabric_load_file(c, HOMELAB, &fabric);

        if (r == 0)
                r = fbn_fabric_dns(c, fabric, "laptop", true, &routes);
        if (r == 0)
                r = fbn_fabric_headscale_dns(c, fabric, &text);
        fbn_free(text);
        return r;
}
SCENARIO(declared)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(query_survive),
                cmocka_unit_test(look_survive),
                cmocka_unit_test(say_survive),
                cmocka_unit_test(declared_survive),
        };

        memory_tables();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
