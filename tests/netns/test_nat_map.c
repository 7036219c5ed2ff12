/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Port forwards through a map: packets go where an element says, and a new element needs no new rule. */
#include "unit/test.h"

#include "netns/nat_topology.h"

static void put(fbn_context *c, const char *map, const char *key, const char *data)
{
        FBN_CLEANUP(fbn_nat_elements) elements = NULL;

        assert_ok(c, fbn_nat_elements_new(c, map, &elements));
        assert_ok(c, fbn_nat_elements_add(c, elements, FBN_OPTIONS(fbn_nat_element, .key = key, .data = data)));
        assert_ok(c, fbn_nat_elements_send(c, elements, FBN_NAT_ELEMENTS_ADD));
}

static fbn_nat *forwarding(fbn_context *c)
{
        fbn_nat *nat;

        assert_ok(c, fbn_nat_new(c, &nat));
        assert_ok(c, fbn_nat_set_add(c, nat, FBN_OPTIONS(fbn_nat_set, .name = "four", .key = "inet_service", .data = "ipv4_addr . inet_service")));
        assert_ok(c, fbn_nat_set_add(c, nat, FBN_OPTIONS(fbn_nat_set, .name = "six", .key = "ipv6_addr . inet_service", .data = "ipv6_addr . inet_service")));
        assert_ok(c, fbn_nat_set_add(c, nat, FBN_OPTIONS(fbn_nat_set, .name = "hosts", .key = "ipv4_addr", .data = "ipv4_addr")));
        assert_ok(c, fbn_nat_add(c, nat, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DNAT, .name = "4", .local = true, .protocol = "tcp", .to_map = "four")));
        assert_ok(c, fbn_nat_add(c, nat, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DNAT, .name = "6", .protocol = "tcp", .to_map = "six")));
        assert_ok(c, fbn_nat_add(c, nat, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DNAT, .name = "h", .to_map = "hosts")));
        return nat;
}

static void packets_go_where_the_map_says(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_nat) want = forwarding(c);
        FBN_CLEANUP(fbn_nat) read = NULL;

        assert_ok(c, fbn_nat_apply(c, want, NULL, NULL));
        assert_string_equal(visit_port("client", "10.1.0.1", 443), "nothing");
        put(c, "four", "443", "10.2.0.2 . 8000");
        put(c, "six", "fd00:1::1 . 443", "fd00:2::2 . 8000");
        put(c, "hosts", "203.0.113.5", "10.2.0.2");
        assert_string_equal(visit_port("client", "10.1.0.1", 443), "10.1.0.2 mss 1460");
        assert_string_equal(visit_port("client", "10.1.0.1", 444), "nothing");
        assert_string_equal(visit_port("client", "fd00:1::1", 443), "fd00:1::2 mss 1440");
        assert_string_equal(visit("client", "203.0.113.5"), "10.1.0.2 mss 1460");
        assert_int_equal(fbn_nat_apply(c, want, NULL, NULL), 0);
        assert_ok(c, fbn_nat_get(c, &read));
        assert_string_equal(fbn_nat_at(read, 0)->to_map, "four");
        assert_string_equal(visit_port("client", "10.1.0.1", 443), "10.1.0.2 mss 1460");
        command("ip netns exec router nft list chain inet fabricnet prerouting | grep -q 'dnat ip to tcp dport map @four'");
        command("ip netns exec router nft list chain inet fabricnet prerouting | grep -q 'dnat ip to ip daddr map @hosts'");
}

static void maps_that_lead_nowhere_are_refused(void **state)
{
        static const struct {
                const char *key, *data, *protocol, *words;
        } bad[] = {
                {"inet_service", "inet_service", "tcp", "gives no address"},
                {"inet_service", "verdict", "tcp", "gives no address"},
                {"inet_service", NULL, "tcp", "no map 'm' is declared"},
                {"inet_service", "ipv4_addr", NULL, "needs the protocol"},
                {"ipv4_addr", "ipv4_addr . inet_service", NULL, "needs the protocol"},
                {"ipv4_addr", "ipv6_addr", NULL, "within its family"},
        };
        fbn_context *c = *state;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                FBN_CLEANUP(fbn_nat) want = NULL;

                assert_ok(c, fbn_nat_new(c, &want));
                assert_ok(c, fbn_nat_set_add(c, want, FBN_OPTIONS(fbn_nat_set, .name = "m", .key = bad[i].key, .data = bad[i].data)));
                assert_ok(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DNAT, .name = "d", .protocol = bad[i].protocol, .to_map = "m")));
                assert_failed(c, fbn_nat_apply(c, want, NULL, NULL), FBN_EINVAL, bad[i].words);
        }
}

static void a_map_stands_in_place_of_an_address(void **state)
{
        FBN_CLEANUP(fbn_nat) want = NULL;
        fbn_context *c = *state;

        assert_ok(c, fbn_nat_new(c, &want));
        assert_failed(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DNAT, .name = "d", .to = address_of("10.2.0.2"), .to_map = "m")),
                      FBN_EINVAL, "in place of to");
        assert_failed(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_SNAT, .name = "d", .to_map = "m")), FBN_EINVAL, "in place of to");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(packets_go_where_the_map_says),
                cmocka_unit_test(maps_that_lead_nowhere_are_refused),
                cmocka_unit_test(a_map_stands_in_place_of_an_address),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, topology, context_teardown);
}
