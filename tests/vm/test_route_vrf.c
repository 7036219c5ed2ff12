/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Routes and rules of a VRF, on Debian's own kernel: links of this library, seen by ip(8) and by packets. */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/route.h>

static fbn_prefix prefix_of(const char *text)
{
        fbn_prefix prefix;

        assert_int_equal(fbn_prefix_parse(text, &prefix), 0);
        return prefix;
}

static fbn_address address_of(const char *text)
{
        fbn_address address;

        assert_int_equal(fbn_address_parse(text, &address), 0);
        return address;
}

/* Two customers with the same addresses: the same destination by two tables. */
static void a_vrf_looks_in_its_own_table(void **state)
{
        FBN_CLEANUP(fbn_routes) want = NULL, *red = NULL, *plain = NULL;
        FBN_CLEANUP(fbn_rules) rules = NULL;
        fbn_context *c;

        namespace_new("host");
        namespace_new("customer");
        c = namespace_context("host");
        assert_ok(c, fbn_link_create(c, FBN_OPTIONS(fbn_link, .name = "red", .kind = "vrf", .table = 1000)));
        assert_ok(c, fbn_link_set(c, FBN_OPTIONS(fbn_link, .name = "red", .state = FBN_LINK_UP)));
        namespace_join("host", "eth0", "10.1.0.1/24", "customer", "eth", "10.1.0.2/24");
        command("ip -n customer address add 203.0.113.7/32 dev lo");
        assert_ok(c, fbn_link_set(c, FBN_OPTIONS(fbn_link, .name = "eth0", .master = "red")));
        assert_ok(c, fbn_routes_new(c, &want));
        assert_ok(c, fbn_routes_add(c, want, FBN_OPTIONS(fbn_route, .destination = prefix_of("203.0.113.0/24"), .gateway = address_of("10.1.0.2"), .device = "eth0", .table = 1000)));
        assert_ok(c, fbn_routes_add(c, want, FBN_OPTIONS(fbn_route, .destination = prefix_of("203.0.113.0/24"), .type = FBN_ROUTE_UNREACHABLE)));
        assert_int_equal(fbn_route_apply(c, want, NULL, NULL), 2);
        assert_int_equal(fbn_route_apply(c, want, NULL, NULL), 0);
        command("ip -n host rule | grep -q l3mdev");
        assert_ok(c, fbn_route_get(c, FBN_OPTIONS(fbn_route_query, .destination = address_of("203.0.113.7"), .out_device = "red"), &red));
        assert_int_equal(fbn_routes_at(red, 0)->table, 1000);
        assert_string_equal(fbn_routes_at(red, 0)->device, "eth0");
        assert_failed(c, fbn_route_get(c, FBN_OPTIONS(fbn_route_query, .destination = address_of("203.0.113.7")), &plain), FBN_ENOENT,
                      "route 203.0.113.0/24 makes it unreachable");
        assert_ok(c, fbn_rule_match(c, FBN_OPTIONS(fbn_route_query, .destination = address_of("203.0.113.7"), .out_device = "eth0"), &rules));
        assert_true(fbn_rules_at(rules, 1)->l3mdev);
        assert_int_equal(fbn_rules_at(rules, 1)->priority, 1000);
        command("ip netns exec host ping -qc 1 -W 5 -I red 203.0.113.7 >/dev/null && ! ip netns exec host ping -qc 1 -W 1 203.0.113.7 >/dev/null 2>&1");
        fbn_context_unref(c);
        namespace_delete("host");
        namespace_delete("customer");
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(a_vrf_looks_in_its_own_table)};

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
