/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several ways, nexthop objects, all types; lookups and their reasons; real packets over them. */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/route.h>
#include <string.h>

static int fresh(void **state)
{
        namespace_new("host");
        namespace_new("left");
        namespace_new("right");
        namespace_join("host", "one", "10.1.0.1/24", "left", "eth", "10.1.0.2/24");
        namespace_join("host", "two", "10.2.0.1/24", "right", "eth", "10.2.0.2/24");
        command("ip -n host address add fd01::1/64 dev one nodad && ip -n left address add fd01::2/64 dev eth nodad");
        command("ip -n host address add fd02::1/64 dev two nodad && ip -n right address add fd02::2/64 dev eth nodad");
        command("for side in left right; do ip -n $side address add 203.0.113.7/32 dev lo; ip -n $side address add 203.0.113.8/32 dev lo; done");
        *state = namespace_context("host");
        return 0;
}

static int gone(void **state)
{
        fbn_context_unref(*state);
        namespace_delete("host");
        namespace_delete("left");
        namespace_delete("right");
        return 0;
}

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

#define ROUTE(to, ...) FBN_OPTIONS(fbn_route, .destination = prefix_of(to), __VA_ARGS__)
#define HOP(...) {.size = sizeof(fbn_route_hop), __VA_ARGS__}
#define VIA(to) .gateway = address_of(to)
#define HOPS(...) .hops = (const fbn_route_hop[]){__VA_ARGS__}, .n_hops = sizeof((const fbn_route_hop[]){__VA_ARGS__}) / sizeof(fbn_route_hop)
#define TO(to, ...) FBN_OPTIONS(fbn_route_query, .destination = address_of(to), __VA_ARGS__)

#define assert_prints(expected, ...)                                                   \
        do {                                                                           \
                char shell_[1024];                                                     \
                char *output_;                                                         \
                snprintf(shell_, sizeof(shell_), __VA_ARGS__);                         \
                output_ = command_output("%s | tr -s ' \\t' ' ' | sed 's/ $//'", shell_); \
                assert_string_equal(output_, (expected));                              \
                free(output_);                                                         \
        } while (0)

#define OURS(family) "ip -n host " family " route show table all proto 251"

static void a_route_can_have_several_ways(void **state)
{
        const fbn_route *four = ROUTE("203.0.113.0/24", HOPS(HOP(VIA("10.1.0.2"), .weight = 3), HOP(VIA("10.2.0.2"), .device = "two"), HOP(VIA("fd01::2"), .device = "one")));
        const fbn_route *six = ROUTE("fd99::/64", HOPS(HOP(VIA("fd01::2")), HOP(VIA("fd02::2"), .weight = 5)));
        FBN_CLEANUP(fbn_routes) list = NULL;
        const fbn_route *found;

        assert_ok(*state, fbn_route_add(*state, four));
        assert_ok(*state, fbn_route_add(*state, six));
        assert_prints("203.0.113.0/24\nnexthop via 10.1.0.2 dev one weight 3\nnexthop via 10.2.0.2 dev two weight 1\nnexthop via inet6 fd01::2 dev one weight 1\n",
                      OURS("-4") " | sed 's/^[ \\t]*//'");
        assert_prints("fd99::/64 metric 1024 pref medium\nnexthop via fd01::2 dev one weight 1\nnexthop via fd02::2 dev two weight 5\n", OURS("-6") " | sed 's/^[ \\t]*//'");
        assert_ok(*state, fbn_route_list(*state, FBN_OPTIONS(fbn_route_filter, .protocol = 251, .family = AF_INET, .device = "two"), &list));
        assert_int_equal(fbn_routes_count(list), 1);
        found = fbn_routes_at(list, 0);
        assert_int_equal(found->n_hops, 3);
        assert_int_equal(found->hops[0].weight, 3);
        assert_string_equal(found->hops[1].device, "two");
        assert_int_equal(found->hops[2].gateway.family, AF_INET6);
        assert_failed(*state, fbn_route_delete(*state, ROUTE("203.0.113.0/24", HOPS(HOP(VIA("10.1.0.2")), HOP(VIA("10.2.0.2"))))), FBN_ENOENT, "no such route");
        assert_ok(*state, fbn_route_delete(*state, four));
        assert_ok(*state, fbn_route_delete(*state, six));
        assert_prints("", OURS("-4"));
        assert_prints("", OURS("-6"));
}

static void wrong_ways_are_refused(void **state)
{
        fbn_route_hop many[FBN_ROUTE_HOPS + 1] = {0};

        for (size_t i = 0; i <= FBN_ROUTE_HOPS; i++)
                many[i] = (fbn_route_hop)HOP(.device = "one");
        assert_failed(*state, fbn_route_add(*state, ROUTE("10.9.0.0/16", .hops = many, .n_hops = FBN_ROUTE_HOPS + 1)), FBN_EINVAL, "route 10.9.0.0/16: 65 hops: 64 at most");
        assert_ok(*state, fbn_route_add(*state, ROUTE("10.9.0.0/16", .hops = many, .n_hops = FBN_ROUTE_HOPS)));
        assert_failed(*state, fbn_route_add(*state, ROUTE("10.9.0.0/16", HOPS(HOP(.device = "one"), HOP()))), FBN_EINVAL, "hop 2: neither a gateway nor a device");
        assert_failed(*state, fbn_route_add(*state, ROUTE("10.9.0.0/16", .device = "one", HOPS(HOP(.device = "one"), HOP(.device = "two")))), FBN_EINVAL, "one or the other");
        assert_failed(*state, fbn_route_add(*state, ROUTE("fd09::/64", HOPS(HOP(.device = "one"), HOP(.device = "two")))), FBN_EINVAL, "each of several ways of IPv6 needs a gateway");
        assert_failed(*state, fbn_route_add(*state, ROUTE("10.9.0.0/16", HOPS(HOP(.device = "one", .weight = 257), HOP(.device = "two")))), FBN_EINVAL, "weight 257");
        assert_failed(*state, fbn_route_add(*state, ROUTE("10.9.0.0/16", .type = FBN_ROUTE_THROW, .nexthop = 3)), FBN_EINVAL, "refuses packets");
        assert_failed(*state, fbn_route_add(*state, ROUTE("10.9.0.0/16", HOPS(HOP(VIA("10.1.0.2")), HOP(VIA("192.0.2.1"))))), FBN_EINVAL, "invalid gateway");
        assert_failed(*state, fbn_route_add(*state, ROUTE("fd09::/64", .device = "one", .tos = 8)), FBN_EINVAL, "for IPv4 only");
        assert_failed(*state, fbn_route_add(*state, ROUTE("10.8.0.0/16", .nexthop = 4711)), FBN_EINVAL, "Nexthop id does not exist");
}

static void replace_and_append_do_as_ip_does(void **state)
{
        command("ip -n host route add 10.9.0.0/16 dev two");
        assert_ok(*state, fbn_route_replace(*state, ROUTE("10.9.0.0/16", VIA("10.1.0.2"), .mtu = 1300)));
        assert_prints("10.9.0.0/16 via 10.1.0.2 dev one proto 251 mtu 1300\n", "ip -n host route show 10.9.0.0/16");
        assert_ok(*state, fbn_route_append(*state, ROUTE("10.9.0.0/16", .device = "two")));
        assert_prints("10.9.0.0/16 via 10.1.0.2 dev one proto 251 mtu 1300\n10.9.0.0/16 dev two proto 251 scope link\n", "ip -n host route show 10.9.0.0/16");
        assert_ok(*state, fbn_route_replace(*state, ROUTE("fd09::/64", VIA("fd01::2"))));
        assert_ok(*state, fbn_route_append(*state, ROUTE("fd09::/64", VIA("fd02::2"))));
        assert_prints("2\n", "ip -n host -6 -j route show fd09::/64 | jq '.[0].nexthops | length'");
}

static void every_type_and_scope_can_be_made(void **state)
{
        assert_ok(*state, fbn_route_add(*state, ROUTE("10.30.0.1/32", .type = FBN_ROUTE_LOCAL, .device = "one")));
        assert_ok(*state, fbn_route_add(*state, ROUTE("10.30.0.255/32", .type = FBN_ROUTE_BROADCAST, .device = "one")));
        assert_ok(*state, fbn_route_add(*state, ROUTE("10.31.0.0/16", .type = FBN_ROUTE_THROW)));
        assert_ok(*state, fbn_route_add(*state, ROUTE("10.32.0.0/16", .device = "one", .scope = FBN_ROUTE_SCOPE_GLOBAL, .tos = 0x10)));
        assert_ok(*state, fbn_route_add(*state, ROUTE("10.33.0.0/16", .device = "one", .scope = FBN_ROUTE_SCOPE_SITE, .table = 9)));
        assert_ok(*state, fbn_route_add(*state, ROUTE("fd31::/64", .type = FBN_ROUTE_THROW)));
        assert_ok(*state, fbn_route_add(*state, ROUTE("fd30::1/128", .type = FBN_ROUTE_LOCAL, .device = "one")));
        assert_ok(*state, fbn_route_add(*state, ROUTE("fd32::/64", .type = FBN_ROUTE_PROHIBIT)));
        assert_prints("10.33.0.0/16 dev one table 9 scope site\nthrow 10.31.0.0/16\n10.32.0.0/16 tos 0x10 dev one\nlocal 10.30.0.1 dev one table local scope host\n"
                      "broadcast 10.30.0.255 dev one table local scope link\n", OURS("-4"));
        assert_prints("3\n", OURS("-6") " | wc -l");
        for (const char *const *text = (const char *const[]){"10.31.0.0/16", "10.32.0.0/16", "fd31::/64", "fd32::/64", NULL}; *text; text++)
                assert_ok(*state, fbn_route_delete(*state, ROUTE(*text)));
        assert_ok(*state, fbn_route_delete(*state, ROUTE("10.30.0.1/32", .type = FBN_ROUTE_LOCAL)));
        assert_ok(*state, fbn_route_delete(*state, ROUTE("10.30.0.255/32", .type = FBN_ROUTE_BROADCAST)));
        assert_ok(*state, fbn_route_delete(*state, ROUTE("fd30::1/128", .table = 255)));
        assert_prints("1\n", OURS("") " | wc -l");
}

static int apply_nexthops(fbn_context *c, size_t count, const fbn_nexthop *items, fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_nexthops) want = NULL;

        assert_ok(c, fbn_nexthops_new(c, &want));
        for (size_t i = 0; i < count; i++)
                assert_ok(c, fbn_nexthops_add(c, want, &items[i]));
        return fbn_nexthop_apply(c, want, NULL, ret_changes);
}

#define NEXTHOP(number, ...) {.size = sizeof(fbn_nexthop), .id = (number), __VA_ARGS__}
#define MEMBERS(...) .members = (const fbn_nexthop_member[]){__VA_ARGS__}, .n_members = sizeof((const fbn_nexthop_member[]){__VA_ARGS__}) / sizeof(fbn_nexthop_member)
#define MEMBER(number, share) {sizeof(fbn_nexthop_member), (number), (share)}

static void nexthop_objects_are_applied_and_used(void **state)
{
        const fbn_nexthop first[] = {NEXTHOP(9, MEMBERS(MEMBER(1, 0), MEMBER(2, 7))), NEXTHOP(1, VIA("10.1.0.2"), .device = "one"),
                                     NEXTHOP(2, VIA("10.2.0.2"), .device = "two"), NEXTHOP(3, .blackhole = true), NEXTHOP(4, VIA("fd01::2"), .device = "one"),
                                     NEXTHOP(5, .family = AF_INET6, .device = "two")};
        const fbn_nexthop second[] = {NEXTHOP(1, VIA("10.2.0.2"), .device = "two"), first[2], NEXTHOP(9, MEMBERS(MEMBER(1, 1), MEMBER(2, 2)))};
        FBN_CLEANUP(fbn_changes) changes = NULL;
        FBN_CLEANUP(fbn_routes) list = NULL;

        command("ip -n host nexthop add id 77 via 10.1.0.2 dev one");
        assert_int_equal(apply_nexthops(*state, 6, first, NULL), 6);
        assert_prints("id 1 via 10.1.0.2 dev one scope link proto 251\nid 2 via 10.2.0.2 dev two scope link proto 251\nid 3 blackhole proto 251\n"
                      "id 4 via fd01::2 dev one scope link proto 251\nid 5 dev two scope link proto 251\nid 9 group 1/2,7 proto 251\n"
                      "id 77 via 10.1.0.2 dev one scope link\n", "ip -n host nexthop show");
        assert_int_equal(apply_nexthops(*state, 6, first, NULL), 0);
        assert_ok(*state, fbn_route_add(*state, ROUTE("203.0.113.0/24", .nexthop = 9)));
        assert_ok(*state, fbn_route_list(*state, FBN_OPTIONS(fbn_route_filter, .protocol = 251), &list));
        assert_int_equal(fbn_routes_at(list, 0)->nexthop, 9);
        assert_null(fbn_routes_at(list, 0)->device);
        assert_int_equal(apply_nexthops(*state, 3, second, &changes), 5);
        assert_string_equal(fbn_changes_at(changes, 0)->object, "nexthop 1");
        assert_string_equal(fbn_changes_at(changes, 0)->before, "via 10.1.0.2 dev one");
        assert_string_equal(fbn_changes_at(changes, 1)->after, "group 1,1/2,2");
        assert_prints("203.0.113.0/24 nhid 9\n", "ip -n host route show 203.0.113.0/24 | head -1 | sed 's/ proto.*//'");
        assert_failed(*state, apply_nexthops(*state, 1, (const fbn_nexthop[]){NEXTHOP(77, .blackhole = true)}, NULL), FBN_ECONFLICT, "nexthop 77: somebody else");
        assert_int_equal(apply_nexthops(*state, 0, NULL, NULL), 3);
        assert_prints("id 77 via 10.1.0.2 dev one scope link\n", "ip -n host nexthop show");
        assert_prints("", OURS("-4"));
        assert_failed(*state, fbn_nexthop_delete(*state, 9), FBN_ENOENT, "nexthop 9: ");
        assert_failed(*state, fbn_nexthop_add(*state, &first[0]), FBN_EINVAL, "nexthop 9: ");
        assert_ok(*state, fbn_nexthop_add(*state, &first[1]));
        assert_failed(*state, fbn_nexthop_add(*state, &first[1]), FBN_EEXIST, "nexthop 1: ");
        assert_failed(*state, fbn_nexthop_add(*state, &(fbn_nexthop)NEXTHOP(8, VIA("10.1.0.2"))), FBN_EINVAL, "a device is needed");
        assert_ok(*state, fbn_nexthop_delete(*state, 1));
}

/* Both sides have the same addresses: packets of many flows reach both, by their weights. */
static unsigned received(const char *side)
{
        char *text = command_output("ip netns exec %s sh -c \"awk '/Udp:/ {print \\$3}' /proc/net/snmp | tail -1\"", side); /* NoPorts */
        unsigned count = (unsigned)atoi(text);

        free(text);
        return count;
}

static void send_flows(unsigned count)
{
        command("ip netns exec host python3 -c \"import socket\n"
                "for i in range(%u):\n"
                "    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('0.0.0.0', 20000 + i)); s.sendto(b'x', ('203.0.113.7', 9))\n\"", count);
}

static void packets_take_all_ways_by_their_weights(void **state)
{
        unsigned left, right;

        command("ip netns exec host sysctl -qw net.ipv4.fib_multipath_hash_policy=1");
        assert_ok(*state, fbn_route_add(*state, ROUTE("203.0.113.0/24", HOPS(HOP(VIA("10.1.0.2"), .weight = 3), HOP(VIA("10.2.0.2"))))));
        send_flows(400);
        left = received("left");
        right = received("right");
        assert_int_equal(left + right, 400);
        assert_true(left > 240 && right > 50);
        assert_ok(*state, fbn_route_replace(*state, ROUTE("203.0.113.0/24", VIA("10.2.0.2"))));
        send_flows(100);
        assert_int_equal(received("left"), left);
        assert_int_equal(received("right"), right + 100);
        assert_ok(*state, fbn_route_add(*state, ROUTE("203.0.113.7/32", .type = FBN_ROUTE_BLACKHOLE)));
        command("! ip netns exec host ping -c 1 -W 1 203.0.113.7 2>/dev/null && ip netns exec host ping -c 1 -W 2 203.0.113.8 >/dev/null");
}

static void a_lookup_tells_the_way_and_the_match(void **state)
{
        FBN_CLEANUP(fbn_routes) found = NULL, *marked = NULL, *six = NULL, *forwarded = NULL;
        FBN_CLEANUP(fbn_rules) rules = NULL;

        command("ip -n host route add 203.0.113.0/24 via 10.1.0.2 && ip -n host route add default via 10.2.0.2 table 100 && ip -n host rule add pref 500 fwmark 7 lookup 100");
        assert_ok(*state, fbn_route_get(*state, TO("203.0.113.7"), &found));
        assert_int_equal(fbn_routes_count(found), 2);
        assert_string_equal(fbn_routes_at(found, 0)->device, "one");
        assert_int_equal(fbn_routes_at(found, 1)->destination.length, 24);
        assert_int_equal(fbn_routes_at(found, 1)->table, 254);
        assert_ok(*state, fbn_route_get(*state, TO("203.0.113.7", .mark = 7), &marked));
        assert_string_equal(fbn_routes_at(marked, 0)->device, "two");
        assert_int_equal(fbn_routes_at(marked, 1)->destination.length, 0);
        assert_int_equal(fbn_routes_at(marked, 1)->table, 100);
        assert_ok(*state, fbn_rule_match(*state, TO("203.0.113.7", .mark = 7), &rules));
        assert_int_equal(fbn_rules_count(rules), 4);
        assert_int_equal(fbn_rules_at(rules, 1)->priority, 500);
        assert_ok(*state, fbn_route_get(*state, TO("fd01::7"), &six));
        assert_int_equal(fbn_routes_at(six, 1)->destination.length, 64);
        command("ip netns exec host sysctl -qw net.ipv4.ip_forward=1");
        assert_ok(*state, fbn_route_get(*state, TO("203.0.113.7", .source = address_of("10.2.0.9"), .in_device = "two"), &forwarded));
        assert_string_equal(fbn_routes_at(forwarded, 0)->device, "one");
}

/* Each reason is the kernel's own doing, seen as its errno; the words are ours. */
static void a_lookup_that_fails_says_why(void **state)
{
        const fbn_address host = address_of("10.2.0.9"), far = address_of("10.77.0.1"), own = address_of("10.1.0.1"), loop = address_of("127.0.0.1");
        fbn_routes *none = NULL;

        command("ip -n host route add unreachable 203.0.113.0/24 && ip -n host route add blackhole 203.0.113.7 && ip -n host rule add pref 100 to 198.51.100.0/24 prohibit");
        command("ip -n host -6 route add prohibit fd77::/64 && ip -n host route add throw 192.0.2.0/24 table 50 && ip -n host rule add pref 90 lookup 50");
        assert_failed(*state, fbn_route_get(*state, TO("203.0.113.7"), &none), FBN_ENOENT, "203.0.113.7: route 203.0.113.7/32 drops it without a word (blackhole)");
        assert_failed(*state, fbn_route_get(*state, TO("203.0.113.8"), &none), FBN_ENOENT, "203.0.113.8: route 203.0.113.0/24 makes it unreachable");
        assert_failed(*state, fbn_route_get(*state, TO("198.51.100.1"), &none), FBN_ENOENT, "198.51.100.1: rule 100 IPv4, from all to 198.51.100.0/24 prohibit: prohibits it");
        assert_failed(*state, fbn_route_get(*state, TO("fd77::1"), &none), FBN_ENOENT, "fd77::1: route fd77::/64 prohibits it");
        assert_failed(*state, fbn_route_get(*state, TO("192.0.2.1"), &none), FBN_ENOENT, "192.0.2.1: no route");
        command("ip -n host route add 203.0.113.9 via 10.1.0.2");
        assert_failed(*state, fbn_route_get(*state, TO("203.0.113.9", .source = host, .in_device = "two"), &none), FBN_ENOENT, "forwarding is off on 'two'");
        command("ip netns exec host sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.two.rp_filter=1");
        assert_failed(*state, fbn_route_get(*state, TO("203.0.113.9", .source = far, .in_device = "two"), &none), FBN_ENOENT,
                      "the reverse-path filter of 'two' drops it: there is no way back to 10.77.0.1");
        command("ip -n host route add 10.77.0.0/16 via 10.1.0.2");
        assert_failed(*state, fbn_route_get(*state, TO("203.0.113.9", .source = far, .in_device = "two"), &none), FBN_ENOENT,
                      "the reverse-path filter of 'two' drops it: the way back to 10.77.0.1 is through 'one'");
        assert_failed(*state, fbn_route_get(*state, TO("203.0.113.9", .source = own, .in_device = "two"), &none), FBN_ENOENT, "martian");
        assert_failed(*state, fbn_route_get(*state, TO("203.0.113.9", .source = loop, .in_device = "two"), &none), FBN_ENOENT, "martian");
        assert_failed(*state, fbn_route_get(*state, TO("203.0.113.7", .source = host, .in_device = "two"), &none), FBN_ENOENT, "blackhole");
        assert_failed(*state, fbn_route_get(*state, TO("203.0.113.9", .in_device = "two"), &none), FBN_EINVAL, "has a source");
        assert_failed(*state, fbn_route_get(*state, TO("203.0.113.9", .out_device = "none"), &none), FBN_ENOENT, "none: no such link");
        assert_failed(*state, fbn_route_get(*state, TO("203.0.113.9", .source_port = 3), &none), FBN_EINVAL, "ports are of a protocol");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_route_can_have_several_ways, fresh, gone),
                cmocka_unit_test_setup_teardown(wrong_ways_are_refused, fresh, gone),
                cmocka_unit_test_setup_teardown(replace_and_append_do_as_ip_does, fresh, gone),
                cmocka_unit_test_setup_teardown(every_type_and_scope_can_be_made, fresh, gone),
                cmocka_unit_test_setup_teardown(nexthop_objects_are_applied_and_used, fresh, gone),
                cmocka_unit_test_setup_teardown(packets_take_all_ways_by_their_weights, fresh, gone),
                cmocka_unit_test_setup_teardown(a_lookup_tells_the_way_and_the_match, fresh, gone),
                cmocka_unit_test_setup_teardown(a_lookup_that_fails_says_why, fresh, gone),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
