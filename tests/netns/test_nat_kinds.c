/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every kind of rule with every match: what nft reads, what we read back, and that the same again is no change. */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/nat.h>
#include <fabricnet/types.h>

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

static int fresh_host(void **state)
{
        namespace_new("host");
        *state = namespace_context("host");
        return 0;
}

static int remove_host(void **state)
{
        fbn_context_unref(*state);
        namespace_delete("host");
        return 0;
}

/* What the second apply finds different, as text; "" if nothing. */
static void assert_settled(fbn_context *c, const fbn_nat *want)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;

        assert_ok(c, fbn_nat_apply(c, want, NULL, &changes));
        if (fbn_changes_count(changes) > 0)
                test_failed("%s: %s → %s", fbn_changes_at(changes, 0)->object, fbn_changes_at(changes, 0)->before, fbn_changes_at(changes, 0)->after);
}

struct example {
        fbn_nat_rule rule;
        const char *chain, *line; /* where and how nft shows it, without its comment */
};

#define RULE(...) {.size = sizeof(fbn_nat_rule), .name = "r", __VA_ARGS__}

static void assert_shown(fbn_context *c, const struct example *example)
{
        FBN_CLEANUP(fbn_nat) want = NULL;
        char *shown, expected[512];

        assert_ok(c, fbn_nat_new(c, &want));
        assert_ok(c, fbn_nat_add(c, want, &example->rule));
        assert_ok(c, fbn_nat_apply(c, want, NULL, NULL));
        shown = command_output("ip netns exec host nft -s list chain inet fabricnet %s | sed -n 's/^\\t\\t//p' | tail -1", example->chain);
        snprintf(expected, sizeof(expected), "%s comment \"r\"\n", example->line);
        assert_string_equal(shown, expected);
        free(shown);
        assert_settled(c, want);
}

static void nft_reads_every_kind(void **state)
{
        const fbn_prefix four = prefix_of("203.0.113.7/32"), six = prefix_of("2001:db8::7/128");
        const fbn_address to = address_of("10.1.0.5"), to_six = address_of("fd00::5");
        const struct example examples[] = {
                {RULE(.kind = FBN_NAT_SNAT, .to = to, .out_device = "eth0"), "postrouting",
                 "oifname \"eth0\" meta nfproto ipv4 counter snat ip to 10.1.0.5"},
                {RULE(.kind = FBN_NAT_SNAT, .to = to_six, .protocol = "udp", .to_port = 2000, .to_port_last = 2999, .random = true), "postrouting",
                 "meta nfproto ipv6 meta l4proto udp counter snat ip6 to [fd00::5]:2000-2999 random"},
                {RULE(.kind = FBN_NAT_MASQUERADE, .random = true), "postrouting", "counter masquerade random"},
                {RULE(.kind = FBN_NAT_MASQUERADE, .protocol = "tcp", .to_port = 2000, .to_port_last = 2999), "postrouting",
                 "meta l4proto tcp counter masquerade to :2000-2999"},
                {RULE(.kind = FBN_NAT_DNAT, .to = to, .destinations = &four, .n_destinations = 1, .protocol = "tcp", .destination_port = 443), "prerouting",
                 "ip daddr 203.0.113.7 tcp dport 443 counter dnat ip to 10.1.0.5"},
                {RULE(.kind = FBN_NAT_DNAT, .to = to, .local = true, .in_device = "eth0", .protocol = "tcp", .destination_port = 443, .to_port = 8443),
                 "prerouting", "iifname \"eth0\" meta nfproto ipv4 fib daddr type local tcp dport 443 counter dnat ip to 10.1.0.5:8443"},
                {RULE(.kind = FBN_NAT_DNAT, .to = to_six, .destinations = &six, .n_destinations = 1, .protocol = "udp", .destination_port = 1,
                      .destination_port_last = 9, .to_port = 53, .to_port_last = 53), "prerouting",
                 "ip6 daddr 2001:db8::7 udp dport 1-9 counter dnat ip6 to [fd00::5]:53"},
                {RULE(.kind = FBN_NAT_DNAT, .at = FBN_NAT_OUTPUT, .to = to), "output-nat", "meta nfproto ipv4 counter dnat ip to 10.1.0.5"},
                {RULE(.kind = FBN_NAT_DNAT, .to = to, .protocol = "tcp", .destination_port = 443, .to_port = 8443, .hairpin = 24), "postrouting",
                 "ip saddr 10.1.0.0/24 ip daddr 10.1.0.5 tcp dport 8443 ct status dnat masquerade"},
                {RULE(.kind = FBN_NAT_REDIRECT, .protocol = "tcp", .destination_port = 80, .to_port = 8080), "prerouting",
                 "tcp dport 80 counter redirect to :8080"},
                {RULE(.kind = FBN_NAT_REDIRECT, .at = FBN_NAT_OUTPUT, .protocol = "udp", .destination_port = 53), "output-nat",
                 "udp dport 53 counter redirect"},
                {RULE(.kind = FBN_NAT_ACCEPT, .at = FBN_NAT_INPUT, .protocol = "tcp", .destination_port = 22), "input", "tcp dport 22 counter accept"},
                {RULE(.kind = FBN_NAT_DROP, .at = FBN_NAT_ARRIVAL, .protocol = "udp", .source_port = 1, .source_port_last = 1023), "arrival",
                 "udp sport 1-1023 counter drop"},
                {RULE(.kind = FBN_NAT_COUNT, .at = FBN_NAT_OUTPUT, .states = "invalid", .log = "odd: ", .log_level = 3), "output",
                 "ct state invalid counter log prefix \"odd: \" level err"},
                {RULE(.kind = FBN_NAT_COUNT, .log = "seen: "), "forward", "counter log prefix \"seen: \""},
                {RULE(.kind = FBN_NAT_DROP, .log = "x", .log_group = 5, .rate = 10, .rate_seconds = 60, .burst = 7), "forward",
                 "limit rate 10/minute burst 7 packets counter log prefix \"x\" group 5 drop"},
                {RULE(.kind = FBN_NAT_ACCEPT, .rate = 3, .dnat = true, .states = "untracked,new"), "forward",
                 "ct state new,untracked ct status dnat limit rate 3/second counter accept"},
                {RULE(.kind = FBN_NAT_ACCEPT, .connection_mark = 0x40, .connection_mark_mask = 0xf0), "forward",
                 "ct mark & 0x000000f0 == 0x00000040 counter accept"},
                {RULE(.kind = FBN_NAT_SET_MARK, .in_device = "eth0", .set_mark = 7), "arrival-mark", "iifname \"eth0\" counter meta mark set 0x00000007"},
                {RULE(.kind = FBN_NAT_SET_MARK, .out_device = "eth0", .set_mark = 0x40, .set_mark_mask = 0xf0), "output-mark",
                 "oifname \"eth0\" counter meta mark set meta mark & 0xffffff4f | 0x00000040"},
                {RULE(.kind = FBN_NAT_SAVE_MARK, .states = "new"), "arrival-mark", "ct state new counter ct mark set meta mark"},
                {RULE(.kind = FBN_NAT_RESTORE_MARK, .set_mark_mask = 0xff), "output-mark", "counter meta mark set ct mark & 0x000000ff"},
                {RULE(.kind = FBN_NAT_NOTRACK, .in_device = "wg0"), "arrival", "iifname \"wg0\" counter notrack"},
                {RULE(.kind = FBN_NAT_NOTRACK, .protocol = "udp", .destination_port = 53), "output-raw", "udp dport 53 counter notrack"},
        };
        fbn_context *c = *state;

        for (size_t i = 0; i < ARRAY_SIZE(examples); i++)
                assert_shown(c, &examples[i]);
}

static void every_member_is_read_back(void **state)
{
        const fbn_nat_rule rule = RULE(.kind = FBN_NAT_DNAT, .local = true, .protocol = "tcp", .source_port = 1, .source_port_last = 2,
                                       .destination_port = 3, .destination_port_last = 4, .connection_mark = 5, .states = "related,new", .rate = 6,
                                       .rate_seconds = 60, .burst = 8, .log = "a", .log_group = 9, .to = address_of("fd00::5"), .to_port = 10,
                                       .to_port_last = 11, .hairpin = 64);
        FBN_CLEANUP(fbn_nat) want = NULL;
        FBN_CLEANUP(fbn_nat) read = NULL;
        const fbn_nat_rule *got;
        fbn_context *c = *state;

        assert_ok(c, fbn_nat_new(c, &want));
        assert_ok(c, fbn_nat_add(c, want, &rule));
        assert_ok(c, fbn_nat_apply(c, want, NULL, NULL));
        assert_ok(c, fbn_nat_get(c, &read));
        assert_int_equal(fbn_nat_count(read), 1);
        got = fbn_nat_at(read, 0);
        assert_true(got->local);
        assert_int_equal(got->source_port_last, 2);
        assert_int_equal(got->destination_port_last, 4);
        assert_int_equal(got->connection_mark, 5);
        assert_int_equal(got->connection_mark_mask, UINT32_MAX);
        assert_string_equal(got->states, "related,new");
        assert_int_equal(got->rate_seconds, 60);
        assert_string_equal(got->log, "a");
        assert_int_equal(got->log_group, 9);
        assert_memory_equal(&got->to, &rule.to, sizeof(rule.to));
        assert_int_equal(got->to_port_last, 11);
        assert_int_equal(got->hairpin, 64);
}

#define ON_A_HOST(test) cmocka_unit_test_setup_teardown(test, fresh_host, remove_host)

int main(void)
{
        const struct CMUnitTest tests[] = {
                ON_A_HOST(nft_reads_every_kind),
                ON_A_HOST(every_member_is_read_back),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
