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

static struct nlmsghdr *message_of(const fbn_route *route, uint32_t device)
{
        static _Alignas(8) char bytes[512];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);

        message->nlmsg_type = RTM_NEWROUTE;
        route_put(message, route, device);
        return message;
}

static void what_is_put_is_what_is_read(void **state)
{
        const fbn_route routes[] = {
                {.destination = prefix_of("192.168.8.0/24"), .gateway = address_of("10.0.0.2"), .source = address_of("10.0.0.1"), .table = 70000, .metric = 9,
                 .mtu = 1280, .advmss = 1240, .onlink = true},
                {.destination = prefix_of("198.51.100.0/24"), .gateway = address_of("fe80::1")},
                {.destination = prefix_of("::/0"), .gateway = address_of("fe80::1")},
                {.destination = prefix_of("0.0.0.0/0"), .type = FBN_ROUTE_PROHIBIT},
                {.destination = prefix_of("fd00::/8"), .type = FBN_ROUTE_UNREACHABLE, .metric = 4},
        };
        const struct devices none = {0};

        for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
                struct route_entry entry;

                assert_true(route_parse(message_of(&routes[i], 0), &none, &entry));
                assert_true(prefix_equal(&entry.route.destination, &routes[i].destination));
                assert_true(route_satisfies(&entry, &routes[i]));
                assert_int_equal(entry.route.table, route_table(&routes[i]));
                assert_int_equal(entry.route.metric, routes[i].metric);
                assert_int_equal(entry.route.protocol, FBN_PROTOCOL);
        }
}

/* Cut anywhere, a message is read or refused, but nothing past its end is looked at (the sanitizers and valgrind see to that). */
static void a_message_cut_short_does_no_harm(void **state)
{
        const fbn_route route = {.destination = prefix_of("198.51.100.0/24"), .gateway = address_of("fe80::1"), .mtu = 1280, .source = address_of("10.0.0.1")};
        const struct nlmsghdr *whole = message_of(&route, 3);
        const struct devices none = {0};

        for (uint32_t length = MNL_NLMSG_HDRLEN; length <= whole->nlmsg_len; length++) {
                struct nlmsghdr *cut = calloc(1, MNL_ALIGN(length)); /* messages are padded: libmnl counts on it */
                struct route_entry entry;

                memcpy(cut, whole, length);
                cut->nlmsg_len = length;
                assert_int_equal(route_parse(cut, &none, &entry), length >= MNL_NLMSG_HDRLEN + sizeof(struct rtmsg));
                free(cut);
        }
}

static void keys_compare_as_the_kernel_does(void **state)
{
        struct route_entry a = {.route = {.destination = prefix_of("fd00::/64")}}, b = {.route = {.destination = prefix_of("fd00::/64"), .table = 254, .metric = 1024}};
        struct route_entry c = {.route = {.destination = prefix_of("10.0.0.0/8")}}, d = {.route = {.destination = prefix_of("10.0.0.0/8"), .metric = 1024}};

        assert_int_equal(route_compare_keys(&a, &b), 0);
        assert_int_not_equal(route_compare_keys(&c, &d), 0);
        assert_true(route_compare_keys(&c, &d) < 0 && route_compare_keys(&d, &c) > 0);
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
                cmocka_unit_test(a_message_cut_short_does_no_harm),
                cmocka_unit_test(keys_compare_as_the_kernel_does),
                cmocka_unit_test(the_words_name_the_route),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
