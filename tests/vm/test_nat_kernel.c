/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules on Debian's own kernel: each kind is taken, read back and left alone; the two that most networks need pass real packets. */
#include "unit/test.h"

#define VISIT_SECONDS 10 /* the machine is emulated */
#include "netns/nat_topology.h"

static void every_kind_is_taken_read_back_and_then_left_alone(void **state)
{
        const fbn_address to = address_of("10.2.0.2"), to_six = address_of("fd00:2::2");
        const fbn_nat_rule rules[] = {
                RULE(.kind = FBN_NAT_MASQUERADE, .name = "masquerade", .out_device = "wan0", .random = true),
                RULE(.kind = FBN_NAT_SNAT, .name = "snat", .to = to_six, .protocol = "udp", .to_port = 2000, .to_port_last = 2999),
                RULE(.kind = FBN_NAT_CLAMP_MSS, .name = "clamp-path"),
                RULE(.kind = FBN_NAT_CLAMP_MSS, .name = "clamp-number", .mss = 1300),
                RULE(.kind = FBN_NAT_KEEP_OUT, .name = "keep-out", .out_device = "wan0", .mark = 0x80000, .mark_mask = 0xff0000),
                RULE(.kind = FBN_NAT_ACCEPT, .name = "accept", .states = "established,related", .connection_mark = 5),
                RULE(.kind = FBN_NAT_DROP, .name = "drop", .rate = 10, .rate_seconds = 60, .log = "drop: ", .protocol = "tcp", .source_port = 9),
                RULE(.kind = FBN_NAT_DROP, .name = "input", .at = FBN_NAT_INPUT, .local = true, .protocol = "udp", .destination_port = 9),
                RULE(.kind = FBN_NAT_COUNT, .name = "count", .at = FBN_NAT_OUTPUT, .log = "out: ", .log_group = 5),
                RULE(.kind = FBN_NAT_DNAT, .name = "dnat", .local = true, .to = to, .protocol = "tcp", .destination_port = 90, .destination_port_last = 99,
                     .to_port = 8090, .hairpin = 24),
                RULE(.kind = FBN_NAT_REDIRECT, .name = "redirect", .protocol = "tcp", .destination_port = 80, .to_port = 8080),
                RULE(.kind = FBN_NAT_SET_MARK, .name = "set-mark", .in_device = "lan0", .set_mark = 0x40, .set_mark_mask = 0xf0),
                RULE(.kind = FBN_NAT_SAVE_MARK, .name = "save-mark", .states = "new"),
                RULE(.kind = FBN_NAT_RESTORE_MARK, .name = "restore-mark", .set_mark_mask = 0xff),
                RULE(.kind = FBN_NAT_NOTRACK, .name = "notrack", .protocol = "udp", .destination_port = 53),
        };
        FBN_CLEANUP(fbn_nat) want = NULL;
        FBN_CLEANUP(fbn_nat) read = NULL;
        fbn_context *c = *state;

        assert_ok(c, fbn_nat_new(c, &want));
        for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
                assert_ok(c, fbn_nat_add(c, want, &rules[i]));
        assert_ok(c, fbn_nat_apply(c, want, NULL, NULL));
        assert_int_equal(fbn_nat_apply(c, want, NULL, NULL), 0);
        assert_ok(c, fbn_nat_get(c, &read));
        assert_int_equal(fbn_nat_count(read), ARRAY_SIZE(rules));
        for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
                command("ip netns exec router nft list table inet fabricnet | grep -q 'comment \"%s\"'", rules[i].name);
        assert_int_equal(fbn_nat_apply(c, read, NULL, NULL), 0);
        apply(c, NULL, 0);
}

static void a_masquerade_hides_the_client(void **state)
{
        fbn_context *c = *state;

        assert_string_equal(visit("client", "10.2.0.2"), "10.1.0.2 mss 1460");
        APPLY(RULE(.kind = FBN_NAT_MASQUERADE, .name = "m", .out_device = "wan0"), RULE(.kind = FBN_NAT_CLAMP_MSS, .name = "c", .mss = 1200));
        assert_string_equal(visit("client", "10.2.0.2"), "10.2.0.1 mss 1200");
        assert_string_equal(visit("client", "fd00:2::2"), "fd00:2::1 mss 1200");
}

static void a_port_forward_leads_to_the_server(void **state)
{
        fbn_context *c = *state;

        apply(c, NULL, 0);
        assert_string_equal(visit_port("client", "10.1.0.1", 443), "nothing");
        APPLY(RULE(.kind = FBN_NAT_DNAT, .name = "web", .local = true, .to = address_of("10.2.0.2"), .protocol = "tcp", .destination_port = 443, .to_port = 8000),
              RULE(.kind = FBN_NAT_DNAT, .name = "six", .local = true, .to = address_of("fd00:2::2"), .protocol = "tcp", .destination_port = 443,
                   .to_port = 8000),
              RULE(.kind = FBN_NAT_DNAT, .name = "range", .local = true, .to = address_of("10.2.0.2"), .protocol = "tcp", .destination_port = 900,
                   .destination_port_last = 909, .to_port = 7995));
        assert_string_equal(visit_port("client", "10.1.0.1", 443), "10.1.0.2 mss 1460");
        assert_string_equal(visit_port("client", "fd00:1::1", 443), "fd00:1::2 mss 1440");
        assert_string_equal(visit_port("client", "10.1.0.1", 905), "10.1.0.2 mss 1460");
        assert_string_equal(visit_port("client", "10.1.0.1", 906), "nothing");
}

/* Answers each byte with a byte, until the visitor goes. */
static const char echo_script[] =
        "import socket\n"
        "s=socket.create_server(('10.2.0.2',9000))\n"
        "while True:\n"
        " c,a=s.accept()\n"
        " c.setsockopt(6,1,1)\n"
        " while True:\n"
        "  b=c.recv(1)\n"
        "  if not b: break\n"
        "  c.send(b)\n"
        " c.close()\n";

/* A hundred bytes there and back by one connection, each a packet; how many of its packets the rules for forwarded ones saw. */
static uint64_t packets_seen_of_a_long_talk(fbn_context *c, const fbn_nat *want)
{
        FBN_CLEANUP(fbn_nat) read = NULL;

        assert_ok(c, fbn_nat_apply(c, want, NULL, NULL));
        command("ip netns exec client timeout 60 python3 -c \"import socket;s=socket.create_connection(('10.2.0.2',9000));s.setsockopt(6,1,1);"
                "[(s.send(b'x'),s.recv(1)) for i in range(100)]\"");
        assert_ok(c, fbn_nat_get(c, &read));
        for (size_t i = 0; i < fbn_nat_count(read); i++)
                if (streq(fbn_nat_at(read, i)->name, "seen"))
                        return fbn_nat_at(read, i)->packets;
        fail_msg("no counter");
        return 0;
}

static void add_offload(fbn_context *c, fbn_nat *nat, const char *out_device)
{
        assert_ok(c, fbn_nat_add(c, nat, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_OFFLOAD, .name = "fast", .in_device = "lan0", .out_device = out_device)));
}

static fbn_nat *counting(fbn_context *c)
{
        fbn_nat *nat;

        assert_ok(c, fbn_nat_new(c, &nat));
        assert_ok(c, fbn_nat_add(c, nat, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_MASQUERADE, .name = "m", .out_device = "wan0")));
        assert_ok(c, fbn_nat_add(c, nat, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_COUNT, .name = "seen", .protocol = "tcp")));
        return nat;
}

static void an_offloaded_connection_passes_by_the_rules(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_nat) plain = counting(c);
        FBN_CLEANUP(fbn_nat) fast = counting(c);

        apply(c, NULL, 0);
        command("ip netns exec server python3 -c \"%s\" & ", echo_script);
        command_until("ip netns exec server python3 -c \"import socket;socket.create_connection(('10.2.0.2',9000))\" 2>/dev/null");
        assert_true(packets_seen_of_a_long_talk(c, plain) >= 200);
        apply(c, NULL, 0);
        add_offload(c, fast, "wan0");
        assert_in_range(packets_seen_of_a_long_talk(c, fast), 1, 30);
        assert_int_equal(fbn_nat_apply(c, fast, NULL, NULL), 0);
        command("ip netns exec router nft -j list flowtables | grep -q '\"name\": \"offload\".*\"dev\": \\[\"lan0\", \"wan0\"\\]'");
}

static void a_flow_table_follows_its_links(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_nat) before = counting(c);
        FBN_CLEANUP(fbn_nat) after = counting(c);
        FBN_CLEANUP(fbn_nat) missing = counting(c);
        bool follows; /* Linux 6.16 and later: a flow table has names of links, which may come and go */
        int r;

        add_offload(c, before, "wan0");
        add_offload(c, after, "dmz0");
        add_offload(c, missing, "gone0");
        assert_ok(c, fbn_nat_apply(c, before, NULL, NULL));
        r = fbn_nat_apply(c, missing, NULL, NULL);
        follows = r >= 0;
        if (!follows)
                assert_failed(c, r, FBN_ENOENT, "gone0");
        command("ip -n router link add dmz0 type dummy");
        assert_int_equal(fbn_nat_apply(c, after, NULL, NULL), 2);
        assert_int_equal(fbn_nat_apply(c, after, NULL, NULL), 0);
        command("ip netns exec router nft list flowtables | grep -q 'devices = { dmz0, lan0 }'");
        command("ip -n router link delete dmz0"); /* takes itself out of the flow table */
        command("ip -n router link add dmz0 type dummy");
        assert_int_equal(fbn_nat_apply(c, after, NULL, NULL), follows ? 0 : 1);
        command("ip -n router link delete dmz0");
        apply(c, NULL, 0);
        command("! ip netns exec router nft list flowtables | grep -q .");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_kind_is_taken_read_back_and_then_left_alone),
                cmocka_unit_test(a_masquerade_hides_the_client),
                cmocka_unit_test(a_port_forward_leads_to_the_server),
                cmocka_unit_test(an_offloaded_connection_passes_by_the_rules),
                cmocka_unit_test(a_flow_table_follows_its_links),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, topology, context_teardown);
}
