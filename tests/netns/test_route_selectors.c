/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every selector of rules: as ip(8) shows it, read back, applied twice, and what it does to a lookup. */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/route.h>

static int fresh(void **state)
{
        namespace_new("host");
        command("ip -n host link add one type veth peer name two && ip -n host link set one up && ip -n host link set two up");
        command("ip -n host address add 10.1.0.1/24 dev one && ip -n host -6 address add fd01::1/64 dev one nodad && ip -n host route add default dev one table 100");
        command("ip -n host -6 route add default dev one table 100");
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

#define RULE(number, ...) {.size = sizeof(fbn_rule), .family = AF_INET, .priority = (number), __VA_ARGS__}

static int apply(fbn_context *c, size_t count, const fbn_rule *items, fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_rules) want = NULL;

        assert_ok(c, fbn_rules_new(c, &want));
        for (size_t i = 0; i < count; i++)
                assert_ok(c, fbn_rules_add(c, want, &items[i]));
        return fbn_rule_apply(c, want, NULL, ret_changes);
}

#define assert_shown(family, expected)                                                                                                      \
        do {                                                                                                                                \
                char *output_ = command_output("ip -n host %s rule show | grep 'proto 251' | tr '\\t' ' ' | sed 's/ proto 251//;s/ $//'", family); \
                assert_string_equal(output_, (expected));                                                                                   \
                free(output_);                                                                                                              \
        } while (0)

static void every_selector_stands_as_ip_shows_it(void **state)
{
        const fbn_rule rules[] = {
                RULE(10, .table = 100, .tos = 0x10),
                RULE(11, .table = 100, .ip_protocol = 6, .source_port = 1024, .source_port_last = 2048, .destination_port = 22),
                RULE(12, .table = 100, .uid = 1000, .uid_end = 2000),
                RULE(13, .table = 100, .uid_end = 1),
                RULE(14, .l3mdev = true),
                RULE(15, .table = 254, .suppress_prefix_length = 1, .suppress_group = 1),
                RULE(16, .action = FBN_RULE_GOTO, .target = 100, .fwmark = 3),
                RULE(17, .action = FBN_RULE_BLACKHOLE, .to = prefix_of("203.0.113.0/24")),
                RULE(18, .action = FBN_RULE_UNREACHABLE, .invert = true, .from = prefix_of("0.0.0.0/0")),
                RULE(19, .action = FBN_RULE_PROHIBIT, .in_device = "two"),
                RULE(20, .action = FBN_RULE_NOP, .out_device = "one"),
                RULE(21, .table = 100, .tunnel = 77),
                RULE(100, .table = 100, .fwmark = 0x30, .fwmask = 0xf0),
        };
        const size_t count = sizeof(rules) / sizeof(rules[0]);
        FBN_CLEANUP(fbn_rules) list = NULL;

        assert_int_equal(apply(*state, count, rules, NULL), count);
        assert_shown("-4", "10: from all tos 0x10 lookup 100\n11: from all ipproto tcp sport 1024-2048 dport 22 lookup 100\n"
                           "12: from all uidrange 1000-1999 lookup 100\n13: from all uidrange 0-0 lookup 100\n14: from all lookup [l3mdev-table]\n"
                           "15: from all lookup main suppress_prefixlength 0 suppress_ifgroup default\n16: from all fwmark 0x3 goto 100\n"
                           "17: from all to 203.0.113.0/24 blackhole\n18: not from all unreachable\n19: from all iif two prohibit\n20: from all oif one nop\n"
                           "21: from all tun_id 77 lookup 100\n100: from all fwmark 0x30/0xf0 lookup 100\n");
        assert_int_equal(apply(*state, count, rules, NULL), 0);
        assert_ok(*state, fbn_rule_list(*state, AF_INET, &list));
        assert_int_equal(fbn_rules_at(list, 2)->source_port_last, 2048);
        assert_int_equal(fbn_rules_at(list, 3)->uid_end, 2000);
        for (size_t i = 0; i < count; i++)
                assert_ok(*state, fbn_rule_delete(*state, &rules[i]));
        assert_shown("-4", "");
}

/* What ip(8) of Debian 12 does not know yet, the kernel itself proves: a packet that fits takes the table. */
static const char *device_of(fbn_context *c, const fbn_route_query *query)
{
        static char name[32];
        FBN_CLEANUP(fbn_routes) routes = NULL;

        if (fbn_route_get(c, query, &routes) < 0)
                return "none";
        snprintf(name, sizeof(name), "%s", fbn_routes_at(routes, 0)->device);
        return name;
}

static void a_dscp_has_all_its_bits(void **state)
{
        const fbn_rule rules[] = {RULE(10, .table = 100, .dscp = 46 + 1), RULE(11, .action = FBN_RULE_PROHIBIT, .dscp = 1, .to = prefix_of("203.0.113.1/32"))};
        FBN_CLEANUP(fbn_rules) list = NULL;
        int r = apply(*state, 2, rules, NULL);

        if (r == -FBN_EUNSUPPORTED) { /* before Linux 6.13 */
                print_message("%s\n", fbn_context_error(*state));
                return;
        }
        assert_int_equal(r, 2);
        assert_int_equal(apply(*state, 2, rules, NULL), 0);
        assert_ok(*state, fbn_rule_list(*state, AF_INET, &list));
        assert_int_equal(fbn_rules_at(list, 1)->dscp, 47);
        assert_string_equal(device_of(*state, FBN_OPTIONS(fbn_route_query, .destination = address_of("203.0.113.9"), .tos = 46 << 2)), "one");
        assert_string_equal(device_of(*state, FBN_OPTIONS(fbn_route_query, .destination = address_of("203.0.113.9"), .tos = 45 << 2)), "none");
        assert_string_equal(device_of(*state, FBN_OPTIONS(fbn_route_query, .destination = address_of("203.0.113.9"))), "none");
        assert_string_equal(fbn_context_error(*state), "203.0.113.9: no route");
        assert_string_equal(device_of(*state, FBN_OPTIONS(fbn_route_query, .destination = address_of("203.0.113.1"))), "none");
        assert_non_null(strstr(fbn_context_error(*state), "rule 11 IPv4, from all to 203.0.113.1/32 dscp 0 prohibit: prohibits it"));
}

static void a_flow_label_can_be_asked_for(void **state)
{
        const fbn_rule rules[] = {{.size = sizeof(fbn_rule), .family = AF_INET6, .priority = 10, .table = 100, .flow_label = 0x12345},
                                  {.size = sizeof(fbn_rule), .family = AF_INET6, .priority = 11, .table = 100, .flow_label = 0x10, .flow_label_mask = 0xf0}};
        FBN_CLEANUP(fbn_rules) list = NULL;
        int r = apply(*state, 2, rules, NULL);

        if (r == -FBN_EUNSUPPORTED) { /* before Linux 6.14 */
                print_message("%s\n", fbn_context_error(*state));
                return;
        }
        assert_int_equal(r, 2);
        assert_int_equal(apply(*state, 2, rules, NULL), 0);
        assert_ok(*state, fbn_rule_list(*state, AF_INET6, &list));
        assert_int_equal(fbn_rules_at(list, 1)->flow_label, 0x12345);
        assert_int_equal(fbn_rules_at(list, 1)->flow_label_mask, 0xfffff);
        assert_int_equal(fbn_rules_at(list, 2)->flow_label_mask, 0xf0);
        assert_int_equal(apply(*state, 1, rules, NULL), 1);
        assert_int_equal(apply(*state, 0, NULL, NULL), 1);
}

/* Our own reading of what fits a packet is held to the kernel's: for random packets, the first rule that fits is the one whose table the
 * kernel takes. */
static void what_fits_a_packet_is_what_the_kernel_takes(void **state)
{
        static const fbn_rule kinds[] = {
                RULE(0, .tos = 0x10),
                RULE(0, .ip_protocol = 17, .destination_port = 50, .destination_port_last = 60),
                RULE(0, .ip_protocol = 6, .source_port = 55),
                RULE(0, .uid = 5, .uid_end = 9),
                RULE(0, .fwmark = 2, .fwmask = 6),
                RULE(0, .fwmark = 1, .invert = true),
                RULE(0, .from = {{AF_INET, {10, 1, 0, 1}}, 32}),
                RULE(0, .to = {{AF_INET, {203, 0, 113, 0}}, 25}),
                RULE(0, .out_device = "one"),
                RULE(0, .in_device = "lo"),
        };
        enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };
        fbn_rule rules[KINDS];
        unsigned taken[KINDS] = {0};

        srandom(4);
        for (unsigned i = 0; i < KINDS; i++)
                command("ip -n host route add default dev one src 10.1.0.1 table %u", 1000 + i);
        for (unsigned round = 0; round < 40; round++) {
                for (unsigned i = 0; i < KINDS; i++) { /* in another order each time */
                        rules[i] = kinds[i];
                        rules[i].table = 1000 + i;
                        rules[i].priority = 100 + (i * 7 + round * 3) % KINDS;
                }
                assert_true(apply(*state, KINDS, rules, NULL) >= 0);
                for (unsigned i = 0; i < 50; i++) {
                        fbn_route_query query = {.size = sizeof(query), .destination = address_of(random() % 2 ? "203.0.113.9" : "203.0.113.200")};
                        FBN_CLEANUP(fbn_routes) routes = NULL;
                        FBN_CLEANUP(fbn_rules) fitting = NULL;

                        query.tos = random() % 4 ? 0 : 0x10;
                        query.mark = (uint32_t)random() % 8;
                        query.uid = (uint32_t)random() % 12;
                        query.ip_protocol = random() % 2 ? 17 : 6;
                        query.source_port = query.destination_port = (uint16_t)(45 + random() % 20);
                        if (random() % 2)
                                query.source = address_of("10.1.0.1");
                        if (random() % 3 == 0)
                                query.out_device = "one";
                        assert_ok(*state, fbn_route_get(*state, &query, &routes));
                        assert_ok(*state, fbn_rule_match(*state, &query, &fitting));
                        assert_int_equal(fbn_rules_at(fitting, 0)->table, 255);
                        assert_int_equal(fbn_rules_at(fitting, 1)->table, fbn_routes_at(routes, 0)->table);
                        taken[fbn_routes_at(routes, 0)->table - 1000]++;
                }
        }
        for (unsigned i = 0; i < KINDS; i++)
                assert_true(taken[i] > 0);
}

static void wrong_selectors_are_refused(void **state)
{
        const struct {
                fbn_rule rule;
                const char *words;
        } wrong[] = {
                {RULE(5, .table = 1, .tos = 0x40), "tos 0x40"},
                {RULE(5, .table = 1, .tos = 4, .dscp = 1), "the same bits"},
                {RULE(5, .table = 1, .dscp = 65), "dscp 64"},
                {RULE(5, .table = 1, .ip_protocol = 6, .source_port = 9, .source_port_last = 8), "source ports 9 to 8 are no range"},
                {RULE(5, .table = 1, .destination_port = 9), "ports are of a protocol"},
                {RULE(5, .table = 1, .uid = 9, .uid_end = 9), "no range"},
                {RULE(5, .table = 1, .uid = 9), "no range"},
                {RULE(5, .table = 1, .l3mdev = true), "no other table"},
                {RULE(5, .action = FBN_RULE_GOTO), "go together"},
                {RULE(5, .action = FBN_RULE_GOTO, .target = 5), "leads backwards"},
                {RULE(5, .action = FBN_RULE_PROHIBIT, .table = 3), "only a rule that looks"},
                {RULE(5, .table = 1, .flow_label = 3), "is of IPv6"},
                {RULE(5, .table = 1, .suppress_group = -1), "negative"},
        };

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                assert_failed(*state, fbn_rule_add(*state, &wrong[i].rule), FBN_EINVAL, wrong[i].words);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(every_selector_stands_as_ip_shows_it, fresh, gone),
                cmocka_unit_test_setup_teardown(a_dscp_has_all_its_bits, fresh, gone),
                cmocka_unit_test_setup_teardown(a_flow_label_can_be_asked_for, fresh, gone),
                cmocka_unit_test_setup_teardown(what_fits_a_packet_is_what_the_kernel_takes, fresh, gone),
                cmocka_unit_test_setup_teardown(wrong_selectors_are_refused, fresh, gone),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
