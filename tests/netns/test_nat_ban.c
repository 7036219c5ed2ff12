/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules that look into sets, and bans, with real packets: visitor (192.0.2.2) → host (192.0.2.1) → server (10.9.0.2). */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/nat.h>
#include <sys/socket.h>

static bool pings(const char *options)
{
        return command_try("ip netns exec visitor ping -n -q -c 1 -W 1 %s >/dev/null 2>&1", options) == 0;
}

static void send_elements(fbn_context *c, const char *set, fbn_nat_elements_verb verb, const char *key, uint64_t timeout_ms)
{
        FBN_CLEANUP(fbn_nat_elements) list = NULL;

        assert_ok(c, fbn_nat_elements_new(c, set, &list));
        assert_ok(c, fbn_nat_elements_add(c, list, FBN_OPTIONS(fbn_nat_element, .key = key, .timeout_ms = timeout_ms)));
        assert_ok(c, fbn_nat_elements_send(c, list, verb));
}

static uint64_t packets_of(fbn_context *c, const char *set)
{
        FBN_CLEANUP(fbn_nat_reader) reader = NULL;
        const fbn_nat_element *element;
        uint64_t packets = 0;

        assert_ok(c, fbn_nat_reader_new(c, set, &reader));
        while (fbn_nat_reader_next(c, reader, &element) > 0)
                packets += element->packets;
        return packets;
}

#define ADD(set, key) send_elements(c, set, FBN_NAT_ELEMENTS_ADD, key, 0)
#define DELETE(set, key) send_elements(c, set, FBN_NAT_ELEMENTS_DELETE, key, 0)

static int three_hosts(void **state)
{
        namespace_new("visitor");
        namespace_new("host");
        namespace_new("server");
        namespace_join("visitor", "eth0", "192.0.2.2/24", "host", "wan0", "192.0.2.1/24");
        namespace_join("host", "lan0", "10.9.0.1/24", "server", "eth0", "10.9.0.2/24");
        command("ip -n visitor address add 2001:db8::2/64 dev eth0 nodad; ip -n host address add 2001:db8::1/64 dev wan0 nodad");
        command("ip -n visitor address add 192.0.2.3/24 dev eth0; ip -n visitor route add default via 192.0.2.1; ip -n server route add default via 10.9.0.1");
        command("ip netns exec host sysctl -qw net.ipv4.ip_forward=1");
        *state = namespace_context("host");
        return 0;
}

static int remove_hosts(void **state)
{
        fbn_context_unref(*state);
        namespace_delete("visitor");
        namespace_delete("host");
        namespace_delete("server");
        return 0;
}

static void apply_ban(fbn_context *c)
{
        FBN_CLEANUP(fbn_nat) want = NULL;

        assert_ok(c, fbn_nat_new(c, &want));
        assert_ok(c, fbn_nat_ban_add(c, want, FBN_OPTIONS(fbn_nat_ban, .name = "b", .in_device = "wan0", .timeout_ms = 600000)));
        assert_ok(c, fbn_nat_apply(c, want, NULL, NULL));
        assert_int_equal(fbn_nat_apply(c, want, NULL, NULL), 0);
}

static void a_ban_drops_hosts_and_prefixes_of_both_families_and_spares_who_is_never_banned(void **state)
{
        fbn_context *c = *state;

        apply_ban(c);
        assert_true(pings("192.0.2.1") && pings("2001:db8::1"));
        ADD("b-ipv4", "192.0.2.2");
        assert_false(pings("192.0.2.1"));
        assert_true(pings("-I 192.0.2.3 192.0.2.1"));
        assert_true(packets_of(c, "b-ipv4") >= 1);
        ADD("b-ipv4-nets", "192.0.2.0/30");
        assert_false(pings("-I 192.0.2.3 192.0.2.1"));
        assert_true(packets_of(c, "b-ipv4-nets") >= 1);
        ADD("b-ipv6-nets", "2001:db8::/32");
        assert_false(pings("2001:db8::1"));
        ADD("b-never-ipv6", "2001:db8::/64");
        assert_true(pings("2001:db8::1"));
        ADD("b-never-ipv4", "192.0.2.2");
        assert_true(pings("192.0.2.1"));
        assert_false(pings("-I 192.0.2.3 192.0.2.1"));
        DELETE("b-ipv4-nets", "192.0.2.0/30");
        assert_true(pings("-I 192.0.2.3 192.0.2.1"));
        apply_ban(c);
        assert_true(packets_of(c, "b-never-ipv4") >= 1);
}

static void a_ban_comes_before_connection_tracking_and_the_redirections_of_docker(void **state)
{
        fbn_context *c = *state;

        apply_ban(c);
        command("ip netns exec host nft 'add table ip nat; add chain ip nat PREROUTING { type nat hook prerouting priority dstnat; }; "
                "add rule ip nat PREROUTING iifname wan0 tcp dport 8080 counter dnat to 10.9.0.2:80; add table ip raw; "
                "add chain ip raw PREROUTING { type filter hook prerouting priority raw; }; add rule ip raw PREROUTING counter'");
        ADD("b-ipv4", "192.0.2.2");
        assert_int_not_equal(command_try("ip netns exec visitor bash -c 'timeout 1 bash -c \"</dev/tcp/192.0.2.1/8080\"' 2>/dev/null"), 0);
        command("ip netns exec host nft -j list ruleset | jq -e '[.nftables[].rule | select(.) | select(.family == \"ip\") | .expr[].counter | select(.) | .packets] "
                "== [0, 0]' >/dev/null");
        DELETE("b-ipv4", "192.0.2.2");
        command_try("ip netns exec visitor bash -c 'timeout 1 bash -c \"</dev/tcp/192.0.2.1/8080\"' 2>/dev/null");
        command("ip netns exec host nft -j list ruleset | jq -e '[.nftables[].rule | select(.) | select(.family == \"ip\") | .expr[].counter | select(.) | .packets > 0] "
                "| all' >/dev/null");
}

static void a_ban_ends_by_itself(void **state)
{
        fbn_context *c = *state;

        apply_ban(c);
        send_elements(c, "b-ipv4", FBN_NAT_ELEMENTS_ADD, "192.0.2.2", 2500);
        assert_false(pings("192.0.2.1"));
        command_until("ip netns exec visitor ping -n -q -c 1 -W 1 192.0.2.1 >/dev/null");
        assert_int_equal(packets_of(c, "b-ipv4"), 0);
}

static void rules_look_into_sets_of_several_types(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_nat) want = NULL;
        FBN_CLEANUP(fbn_nat) read = NULL;

        assert_ok(c, fbn_nat_new(c, &want));
        assert_ok(c, fbn_nat_set_add(c, want, FBN_OPTIONS(fbn_nat_set, .name = "services", .key = "ipv4_addr . inet_proto . inet_service", .intervals = true)));
        assert_ok(c, fbn_nat_set_add(c, want, FBN_OPTIONS(fbn_nat_set, .name = "links", .key = "ifname")));
        assert_ok(c, fbn_nat_set_add(c, want, FBN_OPTIONS(fbn_nat_set, .name = "six", .key = "ipv6_addr . ipv6_addr . mark . ifname")));
        assert_ok(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DROP, .name = "services", .destination_set = "services", .source_set = "links")));
        assert_ok(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DROP, .name = "six", .source_set = "six")));
        assert_int_equal(fbn_nat_apply(c, want, NULL, NULL), 5);
        assert_int_equal(fbn_nat_apply(c, want, NULL, NULL), 0);
        command("ip netns exec host nft list chain inet fabricnet forward | grep -F 'iifname @links ip daddr . meta l4proto . th dport @services' >/dev/null");
        command("ip netns exec host nft list chain inet fabricnet forward | grep -F 'ip6 saddr . ip6 daddr . meta mark . iifname @six' >/dev/null");
        command("ip netns exec server sh -c 'for port in 80 81; do python3 -m http.server $port & done' >/dev/null 2>&1");
        command_until("ip netns exec visitor timeout 1 bash -c '</dev/tcp/10.9.0.2/80' 2>/dev/null && ip netns exec visitor timeout 1 bash -c '</dev/tcp/10.9.0.2/81' 2>/dev/null");
        ADD("services", "10.9.0.0/24 . tcp . 80");
        ADD("links", "wan0");
        assert_int_not_equal(command_try("ip netns exec visitor timeout 1 bash -c '</dev/tcp/10.9.0.2/80' 2>/dev/null"), 0);
        command("ip netns exec visitor timeout 10 bash -c '</dev/tcp/10.9.0.2/81'");
        DELETE("links", "wan0");
        command("ip netns exec visitor timeout 10 bash -c '</dev/tcp/10.9.0.2/80'");
        assert_ok(c, fbn_nat_get(c, &read));
        assert_string_equal(fbn_nat_at(read, 0)->destination_set, "services");
        assert_string_equal(fbn_nat_at(read, 0)->source_set, "links");
        assert_true(fbn_nat_at(read, 0)->packets > 0);
}

static void a_set_that_is_reshaped_takes_its_rules_along(void **state)
{
        fbn_context *c = *state;

        for (uint32_t limit = 10; limit < 13; limit++) {
                FBN_CLEANUP(fbn_nat) want = NULL;

                assert_ok(c, fbn_nat_new(c, &want));
                assert_ok(c, fbn_nat_set_add(c, want, FBN_OPTIONS(fbn_nat_set, .name = "s", .key = "ipv4_addr", .limit = limit)));
                assert_ok(c, fbn_nat_set_add(c, want, FBN_OPTIONS(fbn_nat_set, .name = "kept", .key = "ipv4_addr")));
                assert_ok(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DROP, .at = FBN_NAT_INPUT, .name = "s", .source_set = "s")));
                assert_int_equal(fbn_nat_apply(c, want, NULL, NULL), limit == 10 ? 3 : 1);
                assert_int_equal(fbn_nat_apply(c, want, NULL, NULL), 0);
                ADD("s", "192.0.2.2");
                assert_false(pings("192.0.2.1"));
                send_elements(c, "kept", FBN_NAT_ELEMENTS_ADD, "192.0.2.9", 0);
        }
        command("ip netns exec host nft list set inet fabricnet kept | grep -q 192.0.2.9");
}

static void rules_that_cannot_look_into_a_set_are_refused_in_words(void **state)
{
        static const struct {
                fbn_nat_rule rule;
                const char *words;
        } cases[] = {
                {{.source_set = "none"}, "nat rule 1 'r': source_set: no set 'none' is declared beside the rules"},
                {{.destination_set = "map"}, "nat rule 1 'r': destination_set: 'map' is a map"},
                {{.destination_set = "ports"}, "the rule needs the protocol tcp or udp"},
                {{.source_set = "four", .destination_set = "six"}, "of different families: no packet matches"},
        };
        fbn_context *c = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                FBN_CLEANUP(fbn_nat) want = NULL;
                fbn_nat_rule rule = cases[i].rule;

                assert_ok(c, fbn_nat_new(c, &want));
                assert_ok(c, fbn_nat_set_add(c, want, FBN_OPTIONS(fbn_nat_set, .name = "map", .key = "ipv4_addr", .data = "verdict")));
                assert_ok(c, fbn_nat_set_add(c, want, FBN_OPTIONS(fbn_nat_set, .name = "ports", .key = "inet_service")));
                assert_ok(c, fbn_nat_set_add(c, want, FBN_OPTIONS(fbn_nat_set, .name = "four", .key = "ipv4_addr")));
                assert_ok(c, fbn_nat_set_add(c, want, FBN_OPTIONS(fbn_nat_set, .name = "six", .key = "ipv6_addr")));
                rule.size = sizeof(rule);
                rule.kind = FBN_NAT_DROP;
                rule.name = "r";
                assert_ok(c, fbn_nat_add(c, want, &rule));
                assert_failed(c, fbn_nat_apply(c, want, NULL, NULL), FBN_EINVAL, cases[i].words);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_ban_drops_hosts_and_prefixes_of_both_families_and_spares_who_is_never_banned, three_hosts, remove_hosts),
                cmocka_unit_test_setup_teardown(a_ban_comes_before_connection_tracking_and_the_redirections_of_docker, three_hosts, remove_hosts),
                cmocka_unit_test_setup_teardown(a_ban_ends_by_itself, three_hosts, remove_hosts),
                cmocka_unit_test_setup_teardown(rules_look_into_sets_of_several_types, three_hosts, remove_hosts),
                cmocka_unit_test_setup_teardown(a_set_that_is_reshaped_takes_its_rules_along, three_hosts, remove_hosts),
                cmocka_unit_test_setup_teardown(rules_that_cannot_look_into_a_set_are_refused_in_words, three_hosts, remove_hosts),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
