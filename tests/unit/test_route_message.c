/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "base/address.h"
#include "netlink/netlink.h"
#include "route/route.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>

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

static struct route_entry entry_of(const fbn_route *route)
{
        struct route_entry entry = {.route = *route};

        route_complete(&entry);
        return entry;
}

static struct nlmsghdr *message_of(const fbn_route *route)
{
        static _Alignas(8) char bytes[NETLINK_MESSAGE];
        static uint32_t devices[FBN_ROUTE_HOPS];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
        struct route_entry entry = entry_of(route);

        message->nlmsg_type = RTM_NEWROUTE;
        entry.hop_devices = devices;
        route_put(message, &entry);
        return message;
}

#define HOPS(...) .hops = (const fbn_route_hop[]){__VA_ARGS__}, .n_hops = sizeof((const fbn_route_hop[]){__VA_ARGS__}) / sizeof(fbn_route_hop)

static void what_is_put_is_what_is_read(void **state)
{
        const fbn_route routes[] = {
                {.destination = prefix_of("192.168.8.0/24"), .gateway = address_of("10.0.0.2"), .source = address_of("10.0.0.1"), .table = 70000, .metric = 9,
                 .mtu = 1280, .advmss = 1240, .onlink = true, .tos = 8},
                {.destination = prefix_of("198.51.100.0/24"), .gateway = address_of("fe80::1")},
                {.destination = prefix_of("::/0"), .gateway = address_of("fe80::1")},
                {.destination = prefix_of("0.0.0.0/0"), .type = FBN_ROUTE_PROHIBIT},
                {.destination = prefix_of("fd00::/8"), .type = FBN_ROUTE_UNREACHABLE, .metric = 4},
                {.destination = prefix_of("10.0.0.0/8"), .type = FBN_ROUTE_THROW},
                {.destination = prefix_of("10.0.0.1/32"), .type = FBN_ROUTE_LOCAL, .scope = FBN_ROUTE_SCOPE_HOST},
                {.destination = prefix_of("10.0.0.0/8"), .scope = FBN_ROUTE_SCOPE_SITE, .nexthop = 77},
        };
        const struct devices none = {0};

        for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
                struct route_entry want = entry_of(&routes[i]);
                struct route_parts parts;

                assert_true(route_parse(message_of(&routes[i]), &none, &parts));
                assert_true(prefix_equal(&parts.entry.route.destination, &routes[i].destination));
                assert_true(route_satisfies(&parts.entry, &want));
                assert_int_equal(parts.entry.table, want.table);
                assert_int_equal(parts.entry.route.metric, routes[i].metric);
                assert_int_equal(parts.entry.route.tos, routes[i].tos);
                assert_int_equal(parts.entry.route.protocol, FBN_PROTOCOL);
        }
}

static void several_ways_are_read_as_they_were_put(void **state)
{
        const fbn_route four = {.destination = prefix_of("192.168.8.0/24"),
                                HOPS({.gateway = address_of("10.0.0.2"), .weight = 256}, {.gateway = address_of("fe80::1"), .onlink = true}, {.gateway = {0}})};
        const fbn_route *found;
        struct route_parts parts;

        assert_true(route_parse(message_of(&four), &(struct devices){0}, &parts));
        found = &parts.entry.route;
        assert_true(parts.entry.odd); /* no such devices */
        assert_int_equal(found->n_hops, 3);
        assert_int_equal(found->hops[0].weight, 256);
        assert_int_equal(found->hops[1].weight, 1);
        assert_int_equal(found->hops[1].gateway.family, AF_INET6);
        assert_true(found->hops[1].onlink && !found->hops[0].onlink);
        assert_true(route_fits_hops(found, &four));
        assert_true(route_fits_hops(found, &(fbn_route){HOPS(four.hops[2], four.hops[0], four.hops[1])}));
        assert_false(route_fits_hops(found, &(fbn_route){HOPS(four.hops[2], four.hops[0], four.hops[0])}));
        assert_false(route_fits_hops(found, &(fbn_route){HOPS(four.hops[2], four.hops[0])}));
}

/* Cut anywhere, a message is read or refused, but nothing past its end is looked at (the sanitizers and valgrind see to that). */
static void a_message_cut_short_does_no_harm(void **state)
{
        const fbn_route route = {.destination = prefix_of("198.51.100.0/24"), .mtu = 1280, .source = address_of("10.0.0.1"),
                                 HOPS({.gateway = address_of("fe80::1")}, {.gateway = address_of("10.0.0.2")})};
        const struct nlmsghdr *whole = message_of(&route);
        const struct devices none = {0};

        for (uint32_t length = MNL_NLMSG_HDRLEN; length <= whole->nlmsg_len; length++) {
                struct nlmsghdr *cut = calloc(1, MNL_ALIGN(length)); /* messages are padded: libmnl counts on it */
                struct route_parts parts;

                memcpy(cut, whole, length);
                cut->nlmsg_len = length;
                assert_int_equal(route_parse(cut, &none, &parts), length >= MNL_NLMSG_HDRLEN + sizeof(struct rtmsg));
                free(cut);
        }
}

static int compare(const char *a, uint32_t a_metric, const char *b, uint32_t b_table, uint32_t b_metric)
{
        struct route_entry first = entry_of(&(fbn_route){.destination = prefix_of(a), .metric = a_metric});
        struct route_entry second = entry_of(&(fbn_route){.destination = prefix_of(b), .table = b_table, .metric = b_metric});
        int order = route_compare_keys(route_key_of(&first), route_key_of(&second));

        assert_int_equal(order > 0, route_compare_keys(route_key_of(&second), route_key_of(&first)) < 0);
        return order;
}

static void keys_compare_as_the_kernel_does(void **state)
{
        assert_int_equal(compare("fd00::/64", 0, "fd00::/64", 254, 1024), 0);
        assert_true(compare("10.0.0.0/8", 0, "10.0.0.0/8", 0, 1024) < 0);
        assert_true(compare("10.0.0.0/8", 0, "10.0.0.0/16", 0, 0) < 0);
        assert_true(compare("11.0.0.0/8", 0, "10.0.0.0/8", 0, 0) > 0);
        assert_true(compare("11.0.0.0/8", 0, "10.0.0.0/8", 255, 0) < 0);
        assert_true(compare("11.0.0.0/8", 0, "::/0", 1, 0) < 0);
}

/* Lists pack what their routes have in common, and unpack it for whoever looks. */
static void a_packed_list_gives_back_what_it_took(void **state)
{
        FBN_CLEANUP(fbn_routes) routes = NULL;
        const fbn_route *first = NULL, *seventieth = NULL;
        char text[FBN_ADDRESS_TEXT];
        fbn_route_hop hops[2];

        assert_ok(*state, fbn_routes_new(*state, &routes));
        for (uint32_t i = 0; i < 1000; i++) {
                fbn_route route = {.size = sizeof(route), .device = i % 3 ? "eth0" : "eth1", .metric = i / 100, .mtu = i % 7 ? 0 : 1280};

                snprintf(text, sizeof(text), i % 2 ? "10.%u.%u.0/24" : "fd00:%x:%x::/64", i >> 8, i & 255);
                assert_int_equal(fbn_prefix_parse(text, &route.destination), 0);
                if (i % 5 == 0) {
                        route.device = NULL;
                        hops[0] = (fbn_route_hop){sizeof(*hops), address_of(i % 2 ? "10.0.0.2" : "fe80::2"), "eth2", (uint16_t)(1 + i % 200), false};
                        hops[1] = (fbn_route_hop){sizeof(*hops), address_of(i % 2 ? "10.0.0.3" : "fe80::3"), "eth3", 0, false};
                        route.hops = hops;
                        route.n_hops = 2;
                }
                assert_ok(*state, fbn_routes_add(*state, routes, &route));
                if (i == 0)
                        first = fbn_routes_at(routes, 0);
                if (i == 70)
                        seventieth = fbn_routes_at(routes, 70);
        }
        assert_ptr_equal(first, fbn_routes_at(routes, 0));
        assert_ptr_equal(seventieth, fbn_routes_at(routes, 70));
        assert_int_equal(fbn_routes_count(routes), 1000);
        assert_null(fbn_routes_at(routes, 1000));
        for (uint32_t i = 0; i < 1000; i++) {
                const fbn_route *route = fbn_routes_at(routes, i);
                char found[FBN_ADDRESS_TEXT];

                snprintf(text, sizeof(text), i % 2 ? "10.%u.%u.0/24" : "fd00:%x:%x::/64", i >> 8, i & 255);
                if (!(i % 2) && fbn_prefix_parse(text, &(fbn_prefix){0}) == 0) { /* as it is written by us */
                        fbn_prefix prefix = prefix_of(text);

                        fbn_prefix_format(&prefix, text, sizeof(text));
                }
                assert_string_equal(fbn_prefix_format(&route->destination, found, sizeof(found)), text);
                assert_int_equal(route->metric, i / 100);
                assert_int_equal(route->mtu, i % 7 ? 0 : 1280);
                assert_int_equal(route->n_hops, i % 5 ? 0 : 2);
                if (i % 5 == 0) {
                        assert_string_equal(route->hops[0].device, "eth2");
                        assert_int_equal(route->hops[0].weight, 1 + i % 200);
                        assert_string_equal(route->hops[1].device, "eth3");
                } else {
                        assert_string_equal(route->device, i % 3 ? "eth0" : "eth1");
                }
        }
}

static void the_words_name_the_route(void **state)
{
        const fbn_route route = {.destination = prefix_of("192.168.8.0/24"), .gateway = address_of("10.0.0.2"), .device = "wg0", .table = 100, .metric = 5, .mtu = 1280};
        char text[ROUTE_TEXT];

        assert_string_equal(route_name(&route, text), "route 192.168.8.0/24 table 100 metric 5");
        assert_string_equal(route_describe(&route, text), "via 10.0.0.2 dev wg0 mtu 1280");
        assert_string_equal(route_describe(&(fbn_route){.destination = route.destination, .type = FBN_ROUTE_BLACKHOLE}, text), "blackhole");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_put_is_what_is_read),
                cmocka_unit_test(several_ways_are_read_as_they_were_put),
                cmocka_unit_test_setup_teardown(a_packed_list_gives_back_what_it_took, context_setup, context_teardown),
                cmocka_unit_test(a_message_cut_short_does_no_harm),
                cmocka_unit_test(keys_compare_as_the_kernel_does),
                cmocka_unit_test(the_words_name_the_route),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
