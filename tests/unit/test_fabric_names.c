/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include <fabricnet/fabric.h>
#include <stdio.h>

#define HOMELAB TESTS_DIRECTORY "/../examples/homelab/fabric.json"

static fbn_fabric *homelab(fbn_context *c)
{
        fbn_fabric *fabric = NULL;

        assert_ok(c, fbn_fabric_load_file(c, HOMELAB, &fabric));
        return fabric;
}

static fbn_fabric *parsed(fbn_context *c, const char *text)
{
        fbn_fabric *fabric = NULL;

        assert_ok(c, fbn_fabric_load(c, "f.json", text, &fabric));
        return fabric;
}

static void assert_goes(const fbn_dns_routes *routes, const char *name, const char *suffix, const char *server)
{
        const fbn_dns_route *route = fbn_dns_routes_match(routes, name);
        char text[FBN_ADDRESS_TEXT] = "";

        assert_non_null(route);
        assert_string_equal(route->suffix, suffix);
        if (route->n_upstreams > 0)
                fbn_endpoint_format(&route->upstreams[0], text, sizeof(text));
        if (route->n_addresses > 0)
                fbn_address_format(&route->addresses[0], text, sizeof(text));
        assert_string_equal(text, server);
}

/* The same zone, asked by each host where it comes to the one that has it. */
static void each_host_asks_on_its_own_way(void **state)
{
        static const struct {
                const char *host, *server;
        } ways[] = {
                {"laptop", "100.64.0.7:53"}, {"vps", "172.26.5.1:53"}, {"workstation", "192.168.8.1:53"}, {"nas", "192.168.20.1:53"}, {"phone", "172.26.5.1:53"},
        };
        FBN_CLEANUP(fbn_fabric) fabric = homelab(*state);

        for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
                FBN_CLEANUP(fbn_dns_routes) routes = NULL;

                assert_ok(*state, fbn_fabric_dns(*state, fabric, ways[i].host, true, &routes));
                assert_goes(routes, "nas.local.akunito.com", "local.akunito.com", ways[i].server);
                assert_goes(routes, "local.akunito.com", "local.akunito.com", ways[i].server);
                assert_goes(routes, "10.20.168.192.in-addr.arpa", "local.akunito.com", ways[i].server);
                assert_goes(routes, "1.8.168.192.in-addr.arpa", "local.akunito.com", ways[i].server);
                assert_goes(routes, "nas.mesh.akunito.com", "=nas.mesh.akunito.com", "100.64.0.2");
                assert_null(fbn_dns_routes_match(routes, "www.akunito.com"));
                assert_null(fbn_dns_routes_match(routes, "1.5.26.172.in-addr.arpa"));
        }
}

static void the_host_of_a_zone_has_its_records(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = homelab(*state);
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;

        assert_ok(*state, fbn_fabric_dns(*state, fabric, "pfsense", true, &routes));
        assert_goes(routes, "nas.local.akunito.com", "=nas.local.akunito.com", "192.168.20.10");
        assert_goes(routes, "10.20.168.192.in-addr.arpa", "=nas.local.akunito.com", "192.168.20.10");
        assert_true(fbn_dns_routes_match(routes, "other.local.akunito.com")->blocked);
        assert_failed((fbn_context *)*state, fbn_fabric_dns(*state, fabric, "nobody", true, &routes), FBN_EINVAL, "no host 'nobody'");
}

/* For resolvers that know servers of domains only. */
static void without_records_only_servers_are_left(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = homelab(*state);
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;

        assert_ok(*state, fbn_fabric_dns(*state, fabric, "laptop", false, &routes));
        assert_int_equal(fbn_dns_routes_count(routes), 1);
        assert_goes(routes, "nas.local.akunito.com", "local.akunito.com", "100.64.0.7:53");
}

/* Two sites that do not meet, and a zone that only one of them reaches. */
static void what_is_out_of_reach_is_left_out(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = parsed(*state, "{\"fabric\": 1, \"name\": \"f\", \"prefixes\": {\"a\": \"10.1.0.0/24\", \"b\": \"10.2.0.0/24\"}, \"hosts\": {"
                                                        "\"x\": {\"interfaces\": {\"eth0\": {\"address\": \"10.1.0.1\"}}}, \"y\": {\"resolver\": \"found\", \"interfaces\": {\"eth0\": {\"address\": \"10.2.0.1\"}}}},"
                                                        "\"dns\": {\"x.example\": {\"at\": \"x\", \"records\": {\"a\": \"x\"}}}}");
        FBN_CLEANUP(fbn_findings) findings = NULL;
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        bool told = false;

        assert_ok(*state, fbn_fabric_dns(*state, fabric, "y", true, &routes));
        assert_int_equal(fbn_dns_routes_count(routes), 0);
        routes = fbn_dns_routes_unref(routes);
        assert_ok(*state, fbn_fabric_dns(*state, fabric, "x", true, &routes));
        assert_goes(routes, "a.x.example", "=a.x.example", "10.1.0.1");
        assert_ok(*state, fbn_fabric_check(*state, fabric, &findings));
        for (size_t i = 0; i < fbn_findings_count(findings); i++)
                told |= strcmp(fbn_findings_at(findings, i)->code, "zone-unreachable") == 0;
        assert_true(told);
}

#define MESH(hosts, nodes, dns, rest)                                                                                                                      \
        "{\"fabric\": 1, \"name\": \"f\", \"prefixes\": {\"m\": \"100.64.0.0/10\", \"l\": \"10.1.0.0/24\"}, \"hosts\": {\"r\": {}, \"n\": {" hosts "}},"     \
        "\"mesh\": {\"headscale\": {\"host\": \"r\", \"url\": \"https://h.example\"}, \"prefix\": \"m\", \"users\": [\"u\"], \"nodes\": {" nodes "}, \"dns\": {" dns \
        "}}, \"dns\": {" rest "}}"

static void headscale_gets_split_domains_and_records(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = homelab(*state);
        FBN_CLEANUP(fbn_fabric) unsplit = parsed(*state, MESH("", "\"r\": {\"address\": \"100.64.0.1\"}, \"n\": {\"address\": \"100.64.0.2\"}", "\"split\": {\"*.Far.example.\": \"r\"}",
                                                              "\"near.example\": {\"at\": \"r\", \"records\": {\"a\": \"n\"}}, \"x.far.example\": {\"at\": \"r\", \"records\": {}}"));
        char *text = NULL;

        assert_ok(*state, fbn_fabric_headscale_dns(*state, fabric, &text));
        assert_non_null(strstr(text, "\"local.akunito.com\": [\n        \"100.64.0.7\"\n      ]"));
        assert_non_null(strstr(text, "\"extra_records\": []"));
        assert_non_null(strstr(text, "\"base_domain\": \"mesh.akunito.com\""));
        assert_non_null(strstr(text, "\"override_local_dns\": false"));
        fbn_free(text);
        assert_ok(*state, fbn_fabric_headscale_dns(*state, unsplit, &text));
        assert_non_null(strstr(text, "\"far.example\": [\n        \"100.64.0.1\"")); /* "*." understood as all below */
        assert_non_null(strstr(text, "\"name\": \"a.near.example\",\n      \"type\": \"A\",\n      \"value\": \"100.64.0.2\""));
        assert_null(strstr(text, "x.far.example"));
        fbn_free(text);
}

static void what_headscale_cannot_have_is_said(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = parsed(*state, MESH("", "\"r\": {}, \"n\": {}", "\"split\": {\"far.example\": \"r\"}", ""));
        FBN_CLEANUP(fbn_fabric) none = parsed(*state, "{\"fabric\": 1, \"name\": \"f\", \"prefixes\": {}, \"hosts\": {\"a\": {}}}");
        char *text = NULL;

        assert_failed((fbn_context *)*state, fbn_fabric_headscale_dns(*state, fabric, &text), FBN_EINVAL, "/mesh/dns/split/far.example: 'r' has no declared mesh address");
        assert_failed((fbn_context *)*state, fbn_fabric_headscale_dns(*state, none, &text), FBN_ENOENT, "no mesh");
        assert_null(text);
}

static bool finds(fbn_context *c, const char *text, const char *code)
{
        FBN_CLEANUP(fbn_fabric) fabric = parsed(c, text);
        FBN_CLEANUP(fbn_findings) findings = NULL;
        bool found = false;

        assert_ok(c, fbn_fabric_check(c, fabric, &findings));
        for (size_t i = 0; i < fbn_findings_count(findings); i++)
                found |= strcmp(fbn_findings_at(findings, i)->code, code) == 0;
        return found;
}

static void two_who_set_one_resolver_are_found(void **state)
{
        assert_true(finds(*state, MESH("\"resolver\": \"stub\"", "\"r\": {}, \"n\": {\"accepts_dns\": true}", "", ""), "two-resolvers"));
        assert_false(finds(*state, MESH("\"resolver\": \"stub\"", "\"r\": {}, \"n\": {}", "", ""), "two-resolvers")); /* left out, it is false then */
        assert_true(finds(*state, MESH("\"resolver\": \"mesh\"", "\"r\": {}", "", ""), "resolver-without-mesh"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_host_asks_on_its_own_way),
                cmocka_unit_test(the_host_of_a_zone_has_its_records),
                cmocka_unit_test(without_records_only_servers_are_left),
                cmocka_unit_test(what_is_out_of_reach_is_left_out),
                cmocka_unit_test(headscale_gets_split_domains_and_records),
                cmocka_unit_test(what_headscale_cannot_have_is_said),
                cmocka_unit_test(two_who_set_one_resolver_are_found),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
