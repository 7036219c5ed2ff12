/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "nat/nat.h"

static fbn_prefix prefix_of(const char *text)
{
        fbn_prefix prefix;

        assert_int_equal(fbn_prefix_parse(text, &prefix), 0);
        return prefix;
}

static fbn_nat *new_nat(fbn_context *c)
{
        fbn_nat *nat;

        assert_ok(c, fbn_nat_new(c, &nat));
        return nat;
}

static void rules_are_copied_in_order(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_nat) nat = new_nat(c);
        fbn_prefix sources[] = {prefix_of("192.168.20.7/24"), prefix_of("192.168.8.0/24"), prefix_of("192.168.20.0/24")};
        char name[] = "web", device[] = "wg0";
        const fbn_nat_rule *rule;

        assert_ok(c, fbn_nat_add(c, nat, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_MASQUERADE, .name = name, .sources = sources, .n_sources = 3,
                                                     .out_device = device, .mark = 5, .packets = 9)));
        assert_ok(c, fbn_nat_add(c, nat, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DROP, .name = "b")));
        memset(name, 'x', 3);
        memset(device, 'x', 3);
        memset(sources, 0, sizeof(sources));
        assert_int_equal(fbn_nat_count(nat), 2);
        rule = fbn_nat_at(nat, 0);
        assert_int_equal(rule->size, sizeof(*rule));
        assert_string_equal(rule->name, "web");
        assert_string_equal(rule->out_device, "wg0");
        assert_int_equal(rule->n_sources, 2); /* without host bits, sorted, each once */
        assert_int_equal(rule->sources[0].address.bytes[2], 8);
        assert_int_equal(rule->sources[1].address.bytes[3], 0);
        assert_int_equal(rule->mark_mask, UINT32_MAX);
        assert_int_equal(rule->packets, 0);
        assert_string_equal(fbn_nat_at(nat, 1)->name, "b");
        assert_null(fbn_nat_at(nat, 2));
        assert_null(fbn_nat_at(NULL, 0));
        assert_int_equal(fbn_nat_count(NULL), 0);
        assert_null(fbn_nat_unref(NULL));
}

static void names_are_unique(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_nat) nat = new_nat(c);

        assert_ok(c, fbn_nat_add(c, nat, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DROP, .name = "a")));
        assert_failed(c, fbn_nat_add(c, nat, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_ACCEPT, .name = "a")), FBN_EEXIST, "nat rule 2 'a'");
        assert_int_equal(fbn_nat_count(nat), 1);
}

#define RULE(...) FBN_OPTIONS(fbn_nat_rule, .name = "n", __VA_ARGS__)

static void rules_that_cannot_work_are_refused_with_the_reason(void **state)
{
        static const char too_long[] = "12345678901234567890123456789012345678901234567890123456789012345";
        fbn_prefix four = prefix_of("10.0.0.0/8"), six = prefix_of("fd00::/8"), bad = {.address.family = AF_INET, .length = 33};
        const struct {
                const fbn_nat_rule *rule;
                const char *words;
        } wrong[] = {
                {FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DROP), "needs a name"},
                {FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DROP, .name = ""), "needs a name"},
                {FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DROP, .name = too_long), "1 to 64"},
                {FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DROP, .name = "a\"b"), "no quote"},
                {FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DROP, .name = "a\nb"), "no control character"},
                {RULE(.kind = 0), "no kind"},
                {RULE(.kind = 15), "no kind"},
                {RULE(.kind = FBN_NAT_DROP, .mss = 1200), "mss"},
                {RULE(.kind = FBN_NAT_MASQUERADE, .states = "established"), "first packet"},
                {RULE(.kind = FBN_NAT_KEEP_OUT, .in_device = "eth0"), "in_device"},
                {RULE(.kind = FBN_NAT_DROP, .mark = 3, .mark_mask = 2), "outside of mark_mask"},
                {RULE(.kind = FBN_NAT_DROP, .n_sources = 1), "a count without prefixes"},
                {RULE(.kind = FBN_NAT_DROP, .sources = &bad, .n_sources = 1), "sources: number 1"},
                {RULE(.kind = FBN_NAT_DROP, .destinations = &bad, .n_destinations = 1), "destinations: number 1"},
                {RULE(.kind = FBN_NAT_DROP, .sources = &four, .n_sources = 1, .destinations = &six, .n_destinations = 1), "same families"},
                {RULE(.kind = FBN_NAT_DROP, .in_device = ""), "in_device"},
                {RULE(.kind = FBN_NAT_DROP, .out_device = "0123456789abcdef"), "out_device"},
                {RULE(.kind = FBN_NAT_DROP, .out_device = "a b"), "out_device: 'a b'"},
                {RULE(.kind = FBN_NAT_DROP, .out_device = ".."), "out_device"},
                {RULE(.kind = FBN_NAT_DROP, .protocol = "sctp"), "'sctp' is not known"},
                {RULE(.kind = FBN_NAT_DROP, .protocol = "icmp", .sources = &six, .n_sources = 1), "other family"},
                {RULE(.kind = FBN_NAT_DROP, .protocol = "icmpv6", .sources = &four, .n_sources = 1), "other family"},
                {RULE(.kind = FBN_NAT_DROP, .destination_port = 80), "needs the protocol"},
                {RULE(.kind = FBN_NAT_DROP, .source_port = 80, .protocol = "icmp"), "needs the protocol"},
                {RULE(.kind = FBN_NAT_CLAMP_MSS, .protocol = "udp"), "only TCP"},
                {RULE(.kind = FBN_NAT_DROP, .at = (fbn_nat_place)5), "no place"},
                {RULE(.kind = FBN_NAT_DNAT, .to = four.address, .at = FBN_NAT_INPUT), "before the packet is routed"},
                {RULE(.kind = FBN_NAT_SNAT, .to = four.address, .at = FBN_NAT_OUTPUT), "its own place"},
                {RULE(.kind = FBN_NAT_SNAT), "to is missing"},
                {RULE(.kind = FBN_NAT_DNAT, .to.family = 77), "no IPv4 or IPv6 address"},
                {RULE(.kind = FBN_NAT_DROP, .to = four.address), "to belongs to"},
                {RULE(.kind = FBN_NAT_DNAT, .to = four.address, .destinations = &six, .n_destinations = 1), "within its family"},
                {RULE(.kind = FBN_NAT_DNAT, .to = four.address, .to_port = 80), "needs the protocol"},
                {RULE(.kind = FBN_NAT_DROP, .protocol = "tcp", .to_port = 80), "to_port belongs to"},
                {RULE(.kind = FBN_NAT_DROP, .protocol = "tcp", .destination_port = 80, .destination_port_last = 79), "no range"},
                {RULE(.kind = FBN_NAT_DROP, .protocol = "tcp", .source_port_last = 79), "its first port"},
                {RULE(.kind = FBN_NAT_DNAT, .random = true, .to = four.address), "random belongs to"},
                {RULE(.kind = FBN_NAT_SNAT, .hairpin = 24, .to = four.address), "hairpin belongs to"},
                {RULE(.kind = FBN_NAT_DNAT, .hairpin = 33, .to = four.address), "longer than an address"},
                {RULE(.kind = FBN_NAT_SAVE_MARK, .set_mark = 3), "set_mark belongs to"},
                {RULE(.kind = FBN_NAT_DROP, .set_mark_mask = 3), "set_mark_mask belongs to"},
                {RULE(.kind = FBN_NAT_SET_MARK, .set_mark = 4, .set_mark_mask = 3), "outside of set_mark_mask"},
                {RULE(.kind = FBN_NAT_SET_MARK, .in_device = "a", .out_device = "b"), "no packet matches"},
                {RULE(.kind = FBN_NAT_DROP, .connection_mark = 4, .connection_mark_mask = 3), "outside of connection_mark_mask"},
                {RULE(.kind = FBN_NAT_DROP, .at = FBN_NAT_INPUT, .out_device = "b"), "no outgoing link yet"},
                {RULE(.kind = FBN_NAT_DNAT, .to = four.address, .out_device = "b"), "no outgoing link yet"},
                {RULE(.kind = FBN_NAT_COUNT, .at = FBN_NAT_OUTPUT, .in_device = "b"), "come from no link"},
                {RULE(.kind = FBN_NAT_DROP, .states = "new,old"), "'new,old'"},
                {RULE(.kind = FBN_NAT_DROP, .states = "new,"), "are known"},
                {RULE(.kind = FBN_NAT_DROP, .states = ""), "are known"},
                {RULE(.kind = FBN_NAT_NOTRACK, .states = "new"), "belongs to no connection yet"},
                {RULE(.kind = FBN_NAT_DROP, .at = FBN_NAT_ARRIVAL, .dnat = true), "belongs to no connection yet"},
                {RULE(.kind = FBN_NAT_REDIRECT, .dnat = true), "translated once"},
                {RULE(.kind = FBN_NAT_ACCEPT, .local = true), "not for this host"},
                {RULE(.kind = FBN_NAT_DROP, .burst = 3), "belong to a rate"},
                {RULE(.kind = FBN_NAT_DROP, .rate = 3, .rate_seconds = 2), "none of 1, 60"},
                {RULE(.kind = FBN_NAT_DROP, .log_group = 2), "belong to a log"},
                {RULE(.kind = FBN_NAT_DROP, .log = "x", .log_level = 8), "none of 1 (alert)"},
                {RULE(.kind = FBN_NAT_DROP, .log = "x", .log_level = 3, .log_group = 2), "has no levels"},
                {RULE(.kind = FBN_NAT_DROP, .log = ""), "a log of 1 to 64"},
                {RULE(.kind = FBN_NAT_REDIRECT, .protocol = "tcp", .destination_port = 1, .destination_port_last = 9, .to_port = 2), "cannot shift"},
                {RULE(.kind = FBN_NAT_DNAT, .to = four.address, .protocol = "tcp", .destination_port = 1, .destination_port_last = 9, .to_port = 65528),
                 "behind 65535"},
                {RULE(.kind = FBN_NAT_DNAT, .to = four.address, .protocol = "tcp", .destination_port = 10, .destination_port_last = 99, .to_port = 2),
                 "split it at port 20"},
                {FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DROP, .name = too_long + 1, .log = too_long + 1, .sources = &six, .n_sources = 1,
                             .destinations = &six, .n_destinations = 1, .in_device = "0123456789abcde", .out_device = "0123456789abcde",
                             .protocol = "tcp", .source_port = 1, .destination_port = 1, .mark = 1, .mark_mask = 1, .connection_mark = 1,
                             .connection_mark_mask = 1, .states = "new", .rate = 1, .rate_seconds = 60, .burst = 3), "does not fit"},
        };
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_nat) nat = new_nat(c);

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                if (fbn_nat_add(c, nat, wrong[i].rule) >= 0)
                        test_failed("taken: %s", wrong[i].words);
                assert_failed(c, fbn_nat_add(c, nat, wrong[i].rule), FBN_EINVAL, wrong[i].words);
                assert_non_null(strstr(fbn_context_error(c), "nat rule 1"));
        }
        assert_failed(c, fbn_nat_add(c, nat, NULL), FBN_EINVAL, "needs a name");
        assert_int_equal(fbn_nat_count(nat), 0);
}

static void rules_of_either_family_and_of_both_are_taken(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_nat) nat = new_nat(c);
        fbn_prefix sources[] = {prefix_of("10.0.0.0/8"), prefix_of("fd00::/8")}, destinations[] = {prefix_of("::/0"), prefix_of("0.0.0.0/0")};

        assert_ok(c, fbn_nat_add(c, nat, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_ACCEPT, .name = "all")));
        assert_ok(c, fbn_nat_add(c, nat, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_ACCEPT, .name = "both", .sources = sources, .n_sources = 2,
                                                     .destinations = destinations, .n_destinations = 2, .protocol = "udp", .source_port = 1)));
        assert_ok(c, fbn_nat_add(c, nat, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_CLAMP_MSS, .name = "clamp", .destination_port = 80)));
}

static void a_rule_reads_like_a_sentence(void **state)
{
        fbn_prefix sources[] = {prefix_of("10.0.0.0/8"), prefix_of("fd00::/8")};
        _cleanup_(text_free) struct text text = {0};

        rule_describe(RULE(.kind = FBN_NAT_ACCEPT, .states = "established,related", .protocol = "tcp", .sources = sources, .n_sources = 2,
                           .destination_port = 443, .in_device = "eth0", .out_device = "wg0", .mark = 1), &text);
        assert_string_equal(text.bytes, "accept established,related tcp from 10.0.0.0/8, fd00::/8 to port 443 in eth0 out wg0 mark 0x1/0xffffffff");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rules_are_copied_in_order),
                cmocka_unit_test(names_are_unique),
                cmocka_unit_test(rules_that_cannot_work_are_refused_with_the_reason),
                cmocka_unit_test(rules_of_either_family_and_of_both_are_taken),
                cmocka_unit_test(a_rule_reads_like_a_sentence),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
