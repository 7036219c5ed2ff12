/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/route.h>

static int fresh(void **state)
{
        namespace_new("host");
        command("ip -n host link add wan type veth peer name far && ip -n host link set wan up && ip -n host link set far up");
        command("ip -n host link add lan type veth peer name port && ip -n host link set lan up && ip -n host link set port up");
        command("ip -n host address add 10.0.0.1/24 dev wan && ip -n host address add fd00::1/64 dev wan nodad");
        *state = namespace_context("host");
        return 0;
}

static int gone(void **state)
{
        fbn_context_unref(*state);
        namespace_delete("host");
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
#define TO(address) FBN_OPTIONS(fbn_route_query, .destination = (address))
#define VIA(to) .gateway = address_of(to)

static fbn_routes *routes_of(fbn_context *c, size_t count, const fbn_route *const *items)
{
        fbn_routes *routes;

        assert_ok(c, fbn_routes_new(c, &routes));
        for (size_t i = 0; i < count; i++)
                assert_ok(c, fbn_routes_add(c, routes, items[i]));
        return routes;
}

#define ROUTES(c, ...) routes_of(c, sizeof((const fbn_route *const[]){__VA_ARGS__}) / sizeof(fbn_route *), (const fbn_route *const[]){__VA_ARGS__})

static int apply_and_free(fbn_context *c, fbn_routes *want, const fbn_route_apply_options *options, fbn_changes **ret_changes)
{
        int r = fbn_route_apply(c, want, options, ret_changes);

        fbn_routes_unref(want);
        return r;
}

/* The lines of a command in the namespace, blanks squeezed, are exactly these. */
#define assert_prints(expected, ...)                                                        \
        do {                                                                                \
                char shell_[1024];                                                          \
                char *output_;                                                              \
                snprintf(shell_, sizeof(shell_), __VA_ARGS__);                              \
                output_ = command_output("%s | tr -s ' ' | sed 's/ $//'", shell_);          \
                assert_string_equal(output_, (expected));                                   \
                free(output_);                                                              \
        } while (0)

#define OURS "ip -n host %s route show table all proto 251"

static void a_route_is_added_listed_and_deleted(void **state)
{
        FBN_CLEANUP(fbn_routes) list = NULL;
        const fbn_route *route;

        assert_ok(*state, fbn_route_add(*state, ROUTE("192.168.8.0/24", VIA("10.0.0.2"), .source = address_of("10.0.0.1"), .table = 1000, .metric = 7,
                                                      .mtu = 1280, .advmss = 1240)));
        assert_prints("192.168.8.0/24 via 10.0.0.2 dev wan table 1000 src 10.0.0.1 metric 7 mtu 1280 advmss 1240\n", OURS, "-4");
        assert_failed(*state, fbn_route_add(*state, ROUTE("192.168.8.0/24", .device = "lan", .table = 1000, .metric = 7)), FBN_EEXIST,
                      "route 192.168.8.0/24 table 1000 metric 7: ");
        assert_ok(*state, fbn_route_list(*state, FBN_OPTIONS(fbn_route_filter, .table = 1000), &list));
        assert_int_equal(fbn_routes_count(list), 1);
        route = fbn_routes_at(list, 0);
        assert_string_equal(route->device, "wan");
        assert_int_equal(route->protocol, FBN_PROTOCOL);
        assert_int_equal(route->mtu, 1280);
        assert_int_equal(route->advmss, 1240);
        assert_int_equal(route->metric, 7);
        assert_int_equal(route->type, FBN_ROUTE_UNICAST);
        assert_ok(*state, fbn_route_delete(*state, ROUTE("192.168.8.0/24", .table = 1000)));
        assert_failed(*state, fbn_route_delete(*state, ROUTE("192.168.8.0/24", .table = 1000)), FBN_ENOENT, "no such route");
        assert_prints("", OURS, "-4");
}

static void all_types_and_families_can_be_made(void **state)
{
        assert_ok(*state, fbn_route_add(*state, ROUTE("172.16.0.0/12", .type = FBN_ROUTE_BLACKHOLE)));
        assert_ok(*state, fbn_route_add(*state, ROUTE("172.17.0.0/16", .type = FBN_ROUTE_UNREACHABLE)));
        assert_ok(*state, fbn_route_add(*state, ROUTE("172.18.0.0/16", .type = FBN_ROUTE_PROHIBIT)));
        assert_ok(*state, fbn_route_add(*state, ROUTE("0.0.0.0/0", VIA("10.0.0.254"))));
        assert_ok(*state, fbn_route_add(*state, ROUTE("192.0.2.0/24", VIA("203.0.113.1"), .device = "lan", .onlink = true)));
        assert_ok(*state, fbn_route_add(*state, ROUTE("198.51.100.0/24", VIA("fd00::9"), .device = "wan")));
        assert_ok(*state, fbn_route_add(*state, ROUTE("::/0", VIA("fd00::2"))));
        assert_ok(*state, fbn_route_add(*state, ROUTE("fd77::/64", .device = "lan", .metric = 5)));
        assert_ok(*state, fbn_route_add(*state, ROUTE("fd78::/64", .type = FBN_ROUTE_BLACKHOLE)));
        assert_prints("default via 10.0.0.254 dev wan\nblackhole 172.16.0.0/12\nunreachable 172.17.0.0/16\nprohibit 172.18.0.0/16\n"
                      "192.0.2.0/24 via 203.0.113.1 dev lan onlink\n198.51.100.0/24 via inet6 fd00::9 dev wan\n",
                      OURS, "-4");
        assert_prints("fd77::/64 dev lan metric 5 pref medium\nblackhole fd78::/64 dev lo metric 1024 pref medium\n"
                      "default via fd00::2 dev wan metric 1024 pref medium\n",
                      OURS, "-6");
        for (const char *const *text = (const char *const[]){"172.16.0.0/12", "172.18.0.0/16", "0.0.0.0/0", "192.0.2.0/24", "198.51.100.0/24", "::/0",
                                                             "fd77::/64", "fd78::/64", "172.17.0.0/16", NULL};
             *text; text++)
                assert_ok(*state, fbn_route_delete(*state, ROUTE(*text)));
        assert_prints("", OURS, "-4");
        assert_prints("", OURS, "-6");
}

static void filters_leave_the_others_out(void **state)
{
        FBN_CLEANUP(fbn_routes) wan = NULL, *six = NULL, *empty = NULL, *local = NULL, *all = NULL;

        command("ip -n host route add 192.168.8.0/24 dev wan proto 251 && ip -n host route add 192.168.9.0/24 dev lan proto 251");
        assert_ok(*state, fbn_route_list(*state, FBN_OPTIONS(fbn_route_filter, .protocol = 251, .device = "wan"), &wan));
        assert_int_equal(fbn_routes_count(wan), 1);
        assert_ok(*state, fbn_route_list(*state, FBN_OPTIONS(fbn_route_filter, .family = AF_INET6), &six));
        for (size_t i = 0; i < fbn_routes_count(six); i++)
                assert_int_equal(fbn_routes_at(six, i)->destination.address.family, AF_INET6);
        assert_true(fbn_routes_count(six) > 0);
        assert_ok(*state, fbn_route_list(*state, FBN_OPTIONS(fbn_route_filter, .table = 4242), &empty));
        assert_int_equal(fbn_routes_count(empty), 0);
        assert_string_equal(fbn_context_error(*state), "");
        assert_ok(*state, fbn_route_list(*state, FBN_OPTIONS(fbn_route_filter, .table = 255, .family = AF_INET), &local));
        assert_int_equal(fbn_routes_at(local, 0)->type, FBN_ROUTE_LOCAL);
        assert_ok(*state, fbn_route_list(*state, NULL, &all));
        for (size_t i = 0; i < fbn_routes_count(all); i++)
                assert_int_not_equal(fbn_routes_at(all, i)->table, 255);
        assert_failed(*state, fbn_route_list(*state, FBN_OPTIONS(fbn_route_filter, .device = "none"), &all), FBN_ENOENT, "none: no such link");
}

static void wrong_routes_are_refused(void **state)
{
        FBN_CLEANUP(fbn_routes) routes = NULL;

        assert_ok(*state, fbn_routes_new(*state, &routes));
        assert_failed(*state, fbn_routes_add(*state, routes, ROUTE("10.0.0.1/24", .device = "wan")), FBN_EINVAL, "its prefix is 10.0.0.0/24");
        assert_failed(*state, fbn_routes_add(*state, routes, ROUTE("10.0.0.0/24")), FBN_EINVAL, "neither a gateway nor a device");
        assert_failed(*state, fbn_routes_add(*state, routes, ROUTE("fd00::/64", VIA("10.0.0.1"))), FBN_EINVAL, "another family");
        assert_failed(*state, fbn_routes_add(*state, routes, FBN_OPTIONS(fbn_route, .device = "wan")), FBN_EINVAL, "needs a destination");
        assert_failed(*state, fbn_routes_add(*state, routes, ROUTE("10.0.0.0/24", .type = FBN_ROUTE_BLACKHOLE, .device = "wan")), FBN_EINVAL, "refuses packets");
        assert_failed(*state, fbn_routes_add(*state, routes, ROUTE("10.0.0.0/24", .type = FBN_ROUTE_OTHER)), FBN_EINVAL, "type");
        assert_int_equal(fbn_routes_count(routes), 0);
        assert_failed(*state, fbn_route_add(*state, ROUTE("10.9.0.0/24", .device = "none")), FBN_ENOENT, "route 10.9.0.0/24: none: no such link");
        assert_failed(*state, fbn_route_add(*state, ROUTE("10.9.0.0/24", VIA("203.0.113.9"))), FBN_EINVAL, "invalid gateway");
}

static void the_kernel_says_where_a_packet_goes(void **state)
{
        FBN_CLEANUP(fbn_routes) four = NULL, *six = NULL;
        fbn_address nowhere = address_of("192.0.2.1"), direct = address_of("10.0.0.7"), far = address_of("fd55::1");

        assert_ok(*state, fbn_route_get(*state, TO(direct), &four));
        assert_string_equal(fbn_routes_at(four, 0)->device, "wan");
        assert_int_equal(fbn_routes_at(four, 0)->table, 254);
        assert_memory_equal(fbn_routes_at(four, 0)->source.bytes, ((uint8_t[]){10, 0, 0, 1}), 4);
        assert_failed(*state, fbn_route_get(*state, TO(nowhere), &six), FBN_ENOENT, "192.0.2.1: no route");
        command("ip -n host route add blackhole 192.0.2.0/24");
        assert_failed(*state, fbn_route_get(*state, TO(nowhere), &six), FBN_ENOENT, "blackhole");
        command("ip -n host route replace prohibit 192.0.2.0/24");
        assert_failed(*state, fbn_route_get(*state, TO(nowhere), &six), FBN_ENOENT, "prohibits");
        assert_failed(*state, fbn_route_get(*state, TO(far), &six), FBN_ENOENT, "fd55::1: no route");
        command("ip -n host -6 route add fd55::/16 via fd00::2");
        assert_ok(*state, fbn_route_get(*state, TO(far), &six));
        assert_string_equal(fbn_routes_at(six, 0)->device, "wan");
        assert_int_equal(fbn_routes_at(six, 0)->gateway.bytes[15], 2);
}

static void apply_sends_only_what_differs(void **state)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_context *c = *state;

        assert_int_equal(apply_and_free(c, ROUTES(c, ROUTE("192.168.20.0/24", VIA("192.168.8.1")), ROUTE("192.168.8.0/24", .device = "lan"),
                                                  ROUTE("fd08::/64", VIA("fd00::2")), ROUTE("172.16.0.0/12", .type = FBN_ROUTE_BLACKHOLE)), NULL, NULL), 4);
        assert_int_equal(apply_and_free(c, ROUTES(c, ROUTE("fd08::/64", VIA("fd00::2")), ROUTE("192.168.8.0/24", .device = "lan"),
                                                  ROUTE("172.16.0.0/12", .type = FBN_ROUTE_BLACKHOLE), ROUTE("192.168.20.0/24", VIA("192.168.8.1"))),
                                        NULL, NULL), 0);
        assert_int_equal(apply_and_free(c, ROUTES(c, ROUTE("192.168.8.0/24", .device = "lan", .mtu = 1280), ROUTE("192.168.20.0/24", VIA("10.0.0.2")),
                                                  ROUTE("fd08::/64", VIA("fd00::2"))), NULL, &changes), 3);
        assert_string_equal(fbn_changes_at(changes, 0)->object, "route 192.168.8.0/24");
        assert_string_equal(fbn_changes_at(changes, 0)->before, "dev lan");
        assert_string_equal(fbn_changes_at(changes, 0)->after, "dev lan mtu 1280");
        assert_int_equal(fbn_changes_at(changes, 1)->kind, FBN_CHANGE_UPDATE);
        assert_string_equal(fbn_changes_at(changes, 2)->object, "route 172.16.0.0/12");
        assert_int_equal(fbn_changes_at(changes, 2)->kind, FBN_CHANGE_DELETE);
        assert_prints("192.168.8.0/24 dev lan scope link mtu 1280\n192.168.20.0/24 via 10.0.0.2 dev wan\n", OURS, "-4");
        assert_int_equal(apply_and_free(c, NULL, NULL, NULL), 3);
        assert_prints("", OURS, "-4");
        assert_prints("", OURS, "-6");
}

static void a_route_of_somebody_else_is_a_conflict(void **state)
{
        fbn_context *c = *state;

        command("ip -n host route add 192.168.8.0/24 dev wan && ip -n host -6 route add fd08::/64 dev wan");
        assert_failed(c, apply_and_free(c, ROUTES(c, ROUTE("192.168.7.0/24", .device = "lan"), ROUTE("192.168.8.0/24", .device = "lan")), NULL, NULL),
                      FBN_ECONFLICT, "route 192.168.8.0/24: a route of somebody else (protocol 3, dev wan)");
        assert_failed(c, apply_and_free(c, ROUTES(c, ROUTE("fd08::/64", .device = "lan")), NULL, NULL), FBN_ECONFLICT, "route fd08::/64: ");
        assert_prints("", OURS, "-4");
        assert_int_equal(apply_and_free(c, ROUTES(c, ROUTE("192.168.8.0/24", .device = "lan", .metric = 50)), NULL, NULL), 1);
        assert_int_equal(apply_and_free(c, NULL, NULL, NULL), 1);
        assert_prints("192.168.8.0/24 dev wan scope link\n", "ip -n host route show 192.168.8.0/24");
}

static void apply_can_be_limited_to_a_device(void **state)
{
        const fbn_route_apply_options *lan = FBN_OPTIONS(fbn_route_apply_options, .device = "lan");
        fbn_context *c = *state;

        command("ip -n host route add 192.168.8.0/24 dev wan proto 251 && ip -n host route add 192.168.9.0/24 dev lan proto 251");
        assert_int_equal(apply_and_free(c, ROUTES(c, ROUTE("192.168.10.0/24", .device = "lan")), lan, NULL), 2);
        assert_prints("192.168.8.0/24 dev wan scope link\n192.168.10.0/24 dev lan scope link\n", OURS, "-4");
        assert_failed(c, apply_and_free(c, ROUTES(c, ROUTE("192.168.10.0/24", .device = "wan")), lan, NULL), FBN_EINVAL, "does not go through 'lan'");
}

static void a_dry_run_sends_nothing(void **state)
{
        fbn_context *c = *state;

        assert_int_equal(apply_and_free(c, ROUTES(c, ROUTE("192.168.8.0/24", .device = "lan")), FBN_OPTIONS(fbn_route_apply_options, .dry_run = true), NULL), 1);
        assert_prints("", OURS, "-4");
}

static void wishes_that_contradict_are_refused(void **state)
{
        fbn_context *c = *state;

        assert_int_equal(apply_and_free(c, ROUTES(c, ROUTE("fd08::/64", .device = "lan"), ROUTE("fd08::/64", .device = "lan", .metric = 1024)), NULL, NULL), 1);
        assert_failed(c, apply_and_free(c, ROUTES(c, ROUTE("10.5.0.0/16", .device = "lan"), ROUTE("10.5.0.0/16", .device = "wan")), NULL, NULL), FBN_EINVAL,
                      "route 10.5.0.0/16: it is wanted twice");
        assert_failed(c, apply_and_free(c, ROUTES(c, ROUTE("10.5.0.0/16", .device = "lan", .protocol = 4)), NULL, NULL), FBN_EINVAL, "protocol 4");
        assert_failed(c, apply_and_free(c, ROUTES(c, ROUTE("10.5.0.0/16", .device = "none")), NULL, NULL), FBN_ENOENT, "none: no such link");
}

static void a_refusal_midway_is_named(void **state)
{
        fbn_context *c = *state;

        assert_failed(c, apply_and_free(c, ROUTES(c, ROUTE("10.5.0.0/16", .device = "lan"), ROUTE("10.6.0.0/16", VIA("203.0.113.1"))), NULL, NULL), FBN_EPARTIAL,
                      "1 of 2 route changes were made, then: route 10.6.0.0/16: ");
        assert_prints("10.5.0.0/16 dev lan scope link\n", OURS, "-4");
}

/* Routes with our number that fbn_route cannot say are replaced by what is wanted, or removed. */
static void odd_routes_of_ours_are_put_right(void **state)
{
        fbn_context *c = *state;

        command("ip -n host route add 10.5.0.0/16 proto 251 nexthop dev lan nexthop dev wan && ip -n host route add 10.6.0.0/16 proto 251 nexthop dev lan nexthop dev wan");
        command("ip -n host -6 route add fd05::/64 proto 251 nexthop via fd00::3 dev wan nexthop via fd00::4 dev wan");
        command("ip -n host route add 10.7.0.0/16 tos 8 dev lan proto 251 && ip -n host route append 10.8.0.0/16 dev lan proto 251 && ip -n host route append 10.8.0.0/16 dev wan proto 251");
        assert_int_equal(apply_and_free(c, ROUTES(c, ROUTE("10.5.0.0/16", .device = "lan"), ROUTE("fd05::/64", VIA("fd00::2")), ROUTE("10.8.0.0/16", VIA("10.0.0.2"))),
                                        NULL, NULL), 6);
        assert_prints("10.5.0.0/16 dev lan scope link\n10.8.0.0/16 via 10.0.0.2 dev wan\n", OURS, "-4");
        assert_prints("fd05::/64 via fd00::2 dev wan metric 1024 pref medium\n", OURS, "-6");
        assert_int_equal(apply_and_free(c, NULL, NULL, NULL), 3);
}

/* Not looked at by asking for the route all the while: the kernel itself lets a lookup that began before the replacement miss both
 * (net/ipv4/fib_trie.c, fib_table_lookup() passes over what became dead meanwhile). */
static void a_changed_route_is_never_taken_away(void **state)
{
        fbn_context *c = *state;

        assert_int_equal(apply_and_free(c, ROUTES(c, ROUTE("192.168.8.0/24", VIA("10.0.0.2")), ROUTE("fd08::/64", VIA("fd00::2"))), NULL, NULL), 2);
        command("ip -n host monitor route >/run/seen & echo $! >/run/monitor; sleep 0.2");
        assert_int_equal(apply_and_free(c, ROUTES(c, ROUTE("192.168.8.0/24", .device = "lan"), ROUTE("fd08::/64", .device = "lan", .mtu = 1300)), NULL, NULL), 2);
        assert_int_equal(apply_and_free(c, ROUTES(c, ROUTE("192.168.8.0/24", .type = FBN_ROUTE_BLACKHOLE), ROUTE("fd08::/64", .type = FBN_ROUTE_UNREACHABLE)), NULL, NULL), 2);
        assert_int_equal(apply_and_free(c, ROUTES(c, ROUTE("192.168.8.0/24", VIA("10.0.0.3")), ROUTE("fd08::/64", VIA("fd00::3"))), NULL, NULL), 2);
        command_until("test $(grep -c '192.168.8.0/24\\|fd08::/64' /run/seen) = 6");
        command("kill $(cat /run/monitor); ! grep Deleted /run/seen");
        assert_prints("192.168.8.0/24 via 10.0.0.3 dev wan\n", OURS, "-4");
        assert_prints("fd08::/64 via fd00::3 dev wan metric 1024 pref medium\n", OURS, "-6");
}

/* A model as simple as can be: for each of 60 keys, nothing or one of eight ways. */
#define KEYS 60
#define WAYS 8

/* Two or three ways, whose weights tell the keys apart. */
static void add_hops(fbn_route *route, unsigned key)
{
        static fbn_route_hop hops[3];

        for (size_t i = 0; i < 3; i++) {
                char text[FBN_ADDRESS_TEXT];

                snprintf(text, sizeof(text), key % 2 ? "10.0.0.%zu" : "fd00::%zu", i + 2);
                hops[i] = (fbn_route_hop){.size = sizeof(hops[i]), .gateway = address_of(text), .weight = (uint16_t)(1 + (key + i) % 5)};
        }
        route->hops = hops;
        route->n_hops = 2 + key % 4 / 2;
}

static fbn_route random_route(unsigned key, unsigned way)
{
        char text[FBN_ADDRESS_TEXT];
        fbn_route route = {.size = sizeof(route)};

        if (key % 2)
                snprintf(text, sizeof(text), "10.%u.0.0/16", 10 + key / 4);
        else
                snprintf(text, sizeof(text), "fd%02x::/64", 0x10 + key / 4);
        route.destination = prefix_of(text);
        route.metric = key % 4 < 2 ? 0 : 77;
        route.table = key % 8 < 4 ? 0 : 1000;
        if (way < 2)
                route.device = way ? "lan" : "wan";
        else if (way < 4)
                route.gateway = address_of(key % 2 ? (way == 2 ? "10.0.0.2" : "10.0.0.3") : (way == 2 ? "fd00::2" : "fd00::3"));
        else if (way < 6)
                route.type = way == 4 ? FBN_ROUTE_BLACKHOLE : FBN_ROUTE_UNREACHABLE;
        else if (way == 6)
                add_hops(&route, key);
        else
                route.nexthop = key % 2 ? 4 : 6;
        if (way < 4 && key % 3 == 0)
                route.mtu = 1280;
        return route;
}

static void write_hops(FILE *to, const fbn_route *route)
{
        char gateway[FBN_ADDRESS_TEXT];

        fprintf(to, " %u ", route->nexthop);
        for (size_t i = 0; i < route->n_hops; i++)
                fprintf(to, "%s*%u,", fbn_address_format(&route->hops[i].gateway, gateway, sizeof(gateway)), route->hops[i].weight);
        fprintf(to, "\n");
}

/* "DESTINATION table METRIC gateway device type mtu nexthop ways", one a line, sorted: from the model and from ip(8). */
static char *lines_of_model(const unsigned *ways)
{
        FILE *to = fopen("/run/model", "w");

        for (unsigned key = 0; key < KEYS; key++) {
                fbn_route route = random_route(key, ways[key]);
                bool six = route.destination.address.family == AF_INET6, single = !route.n_hops && !route.nexthop && !route.type;
                char destination[FBN_ADDRESS_TEXT], gateway[FBN_ADDRESS_TEXT];

                if (ways[key] == UINT32_MAX)
                        continue;
                fprintf(to, "%s %s %u %s %s %s %u", fbn_prefix_format(&route.destination, destination, sizeof(destination)), route.table ? "1000" : "main",
                        six && !route.metric ? 1024 : route.metric, route.gateway.family ? fbn_address_format(&route.gateway, gateway, sizeof(gateway)) : "-",
                        single ? route.device ? route.device : "wan" : "-", (const char *[]){"unicast", "blackhole", "unreachable"}[route.type], route.mtu);
                write_hops(to, &route);
        }
        fclose(to);
        return command_output("LC_ALL=C sort /run/model");
}

static char *lines_of_kernel(void)
{
        return command_output("for f in -4 -6; do ip -n host -j -d $f route show table all proto 251 | jq -r '.[] | (.type // \"unicast\") as $t | "
                              "(.nexthops != null or .nhid != null) as $s | "
                              "\"\\(.dst) \\(.table // \"main\") \\(.metric // 0) \\(if $s then \"-\" else .gateway // \"-\" end) "
                              "\\(if $t == \"unicast\" and ($s | not) then .dev else \"-\" end) \\($t) \\(.metrics[0].mtu // 0) \\(.nhid // 0) "
                              "\\(if .nhid then \"\" else (.nexthops // [] | map(\"\\(.gateway)*\\(.weight),\") | sort | join(\"\")) end)\"'; done | LC_ALL=C sort");
}

/* Without IPv6's link-local and multicast routes, which the kernel makes when it pleases. */
#define FOREIGN "(ip -o -n host -4 route show table all; ip -o -n host -6 route show table all) | grep -v 'proto 251\\|fe80:\\|ff00:' | sort"

static void random_sets_end_as_ip_shows_them(void **state)
{
        fbn_context *c = *state;
        unsigned seed = 20260, ways[KEYS];

        command("for i in $(seq 1 40); do ip -n host route add 172.20.$i.0/24 dev wan && ip -n host -6 route add fdff:$i::/64 dev lan; done");
        command("ip -n host route add 10.10.0.0/16 dev wan metric 5 && ip -n host route add 10.10.0.0/16 dev wan table 99");
        command("ip -n host nexthop add id 4 via 10.0.0.9 dev wan && ip -n host nexthop add id 6 via fd00::9 dev wan && ip -n host nexthop add id 7 group 4");
        command("ip -n host route add 10.10.0.0/16 metric 6 nexthop via 10.0.0.2 nexthop via 10.0.0.3 && ip -n host route add 10.11.0.0/16 metric 6 nhid 7");
        command("ip -n host route append 10.10.0.0/16 dev lan metric 5");
        command(FOREIGN " >/run/before");
        for (int round = 0; round < 100; round++) {
                FBN_CLEANUP(fbn_routes) want = NULL;
                char *expected, *found;

                assert_ok(c, fbn_routes_new(c, &want));
                for (unsigned i = 0, start = (unsigned)rand_r(&seed); i < KEYS; i++) {
                        unsigned key = (i * 7 + start) % KEYS; /* in another order each time */
                        fbn_route route;

                        ways[key] = rand_r(&seed) % 3 == 0 ? UINT32_MAX : (unsigned)rand_r(&seed) % WAYS;
                        route = random_route(key, ways[key]);
                        if (ways[key] != UINT32_MAX)
                                assert_ok(c, fbn_routes_add(c, want, &route));
                }
                assert_ok(c, fbn_route_apply(c, want, NULL, NULL));
                assert_int_equal(fbn_route_apply(c, want, NULL, NULL), 0);
                expected = lines_of_model(ways);
                found = lines_of_kernel();
                assert_string_equal(expected, found);
                free(expected);
                free(found);
        }
        command("test $(ip -n host nexthop show | wc -l) = 3");
        command(FOREIGN " | diff /run/before -");
}

/* Loaded, found unchanged, one changed, removed: each far from quadratic even on a slow machine. */
static void a_hundred_thousand_routes_stay_fast(void **state)
{
        FBN_CLEANUP(fbn_routes) want = NULL;
        fbn_context *c = *state;
        time_t start = time(NULL);

        assert_ok(c, fbn_routes_new(c, &want));
        for (unsigned i = 0; i < 100000; i++) {
                fbn_route route = {.size = sizeof(route), .device = "lan", .destination = {{AF_INET, {20, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}}, 32}};

                assert_ok(c, fbn_routes_add(c, want, &route));
        }
        assert_int_equal(fbn_route_apply(c, want, NULL, NULL), 100000);
        command("test $(ip -n host route show proto 251 | wc -l) = 100000");
        assert_int_equal(fbn_route_apply(c, want, NULL, NULL), 0);
        command("ip -n host route replace 20.1.0.7/32 dev wan proto 251 && ip -n host route del 20.1.0.8/32");
        assert_int_equal(fbn_route_apply(c, want, NULL, NULL), 2);
        assert_int_equal(fbn_route_apply(c, NULL, NULL, NULL), 100000);
        assert_true(time(NULL) - start < 60);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_route_is_added_listed_and_deleted, fresh, gone),
                cmocka_unit_test_setup_teardown(all_types_and_families_can_be_made, fresh, gone),
                cmocka_unit_test_setup_teardown(filters_leave_the_others_out, fresh, gone),
                cmocka_unit_test_setup_teardown(wrong_routes_are_refused, fresh, gone),
                cmocka_unit_test_setup_teardown(the_kernel_says_where_a_packet_goes, fresh, gone),
                cmocka_unit_test_setup_teardown(apply_sends_only_what_differs, fresh, gone),
                cmocka_unit_test_setup_teardown(a_route_of_somebody_else_is_a_conflict, fresh, gone),
                cmocka_unit_test_setup_teardown(apply_can_be_limited_to_a_device, fresh, gone),
                cmocka_unit_test_setup_teardown(a_dry_run_sends_nothing, fresh, gone),
                cmocka_unit_test_setup_teardown(wishes_that_contradict_are_refused, fresh, gone),
                cmocka_unit_test_setup_teardown(a_refusal_midway_is_named, fresh, gone),
                cmocka_unit_test_setup_teardown(odd_routes_of_ours_are_put_right, fresh, gone),
                cmocka_unit_test_setup_teardown(a_changed_route_is_never_taken_away, fresh, gone),
                cmocka_unit_test_setup_teardown(random_sets_end_as_ip_shows_them, fresh, gone),
                cmocka_unit_test_setup_teardown(a_hundred_thousand_routes_stay_fast, fresh, gone),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
