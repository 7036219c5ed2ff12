/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules of ours against real packets: client 10.1.0.2 - router - server 10.2.0.2, and the same in IPv6. */
#include "unit/test.h"

#include "netns/nat_topology.h"

static void the_server_sees_the_router_only_with_masquerade(void **state)
{
        fbn_prefix sources[] = {prefix_of("10.1.0.0/24"), prefix_of("fd00:1::/64")}, elsewhere = prefix_of("10.1.0.128/25");
        fbn_context *c = *state;

        apply(c, NULL, 0);
        assert_string_equal(visit("client", "10.2.0.2"), "10.1.0.2 mss 1460");
        assert_string_equal(visit("client", "fd00:2::2"), "fd00:1::2 mss 1440");
        APPLY(RULE(.kind = FBN_NAT_MASQUERADE, .name = "m", .sources = sources, .n_sources = 2, .out_device = "wan0"));
        assert_string_equal(visit("client", "10.2.0.2"), "10.2.0.1 mss 1460");
        assert_string_equal(visit("client", "fd00:2::2"), "fd00:2::1 mss 1440");
        APPLY(RULE(.kind = FBN_NAT_MASQUERADE, .name = "m", .sources = sources, .n_sources = 2, .out_device = "lan0"));
        assert_string_equal(visit("client", "10.2.0.2"), "10.1.0.2 mss 1460");
        APPLY(RULE(.kind = FBN_NAT_MASQUERADE, .name = "m", .sources = &elsewhere, .n_sources = 1));
        assert_string_equal(visit("client", "10.2.0.2"), "10.1.0.2 mss 1460");
}

static void segments_are_clamped_to_a_number_or_to_the_path_and_never_raised(void **state)
{
        fbn_context *c = *state;

        APPLY(RULE(.kind = FBN_NAT_CLAMP_MSS, .name = "c", .mss = 1200));
        assert_string_equal(visit("client", "10.2.0.2"), "10.1.0.2 mss 1200");
        assert_string_equal(visit("client", "fd00:2::2"), "fd00:1::2 mss 1200");
        APPLY(RULE(.kind = FBN_NAT_CLAMP_MSS, .name = "c", .mss = 9000));
        assert_string_equal(visit("client", "10.2.0.2"), "10.1.0.2 mss 1460");
        APPLY(RULE(.kind = FBN_NAT_CLAMP_MSS, .name = "c", .out_device = "lan0", .mss = 1200));
        assert_string_equal(visit("client", "10.2.0.2"), "10.1.0.2 mss 1460");
        command("ip -n router link set wan0 mtu 1280");
        APPLY(RULE(.kind = FBN_NAT_CLAMP_MSS, .name = "c", .out_device = "wan0"));
        assert_string_equal(visit("client", "10.2.0.2"), "10.1.0.2 mss 1240");
        assert_string_equal(visit("client", "fd00:2::2"), "fd00:1::2 mss 1220");
        apply(c, NULL, 0);
        assert_string_equal(visit("client", "10.2.0.2"), "10.1.0.2 mss 1460");
        command("ip -n router link set wan0 mtu 1500");
}

/* The MSS of a visitor's SYN as it comes to the server, and of the answer as it comes back, both from tcpdump. */
static const char *seen_segments(const char *server, const char *syn, const char *answer)
{
        static char words[64];
        char *output;

        command("rm -f /run/syn /run/answer /run/server.log /run/client.log; ip netns exec server timeout 60 tcpdump -nlc 1 -i eth0 '%s' >/run/syn "
                "2>/run/server.log & ip netns exec client timeout 60 tcpdump -nlc 1 -i eth0 '%s' >/run/answer 2>/run/client.log & ", syn, answer);
        command_until("grep -q listening /run/server.log && grep -q listening /run/client.log");
        visit("client", server);
        command_until("grep -q mss /run/syn && grep -q mss /run/answer");
        output = command_output("sed -n 's/.*mss \\([0-9]*\\).*/\\1/p' /run/syn /run/answer | tr '\\n' ' '");
        snprintf(words, sizeof(words), "%s", output);
        free(output);
        return words;
}

static void tcpdump_sees_the_clamped_segments_in_both_directions(void **state)
{
        static const char syn4[] = "tcp[tcpflags] = tcp-syn", answer4[] = "tcp[tcpflags] = tcp-syn|tcp-ack", syn6[] = "ip6 and ip6[53] = 2",
                          answer6[] = "ip6 and ip6[53] = 18";
        fbn_context *c = *state;

        assert_string_equal(seen_segments("10.2.0.2", syn4, answer4), "1460 1460 ");
        APPLY(RULE(.kind = FBN_NAT_CLAMP_MSS, .name = "c", .mss = 1200));
        assert_string_equal(seen_segments("10.2.0.2", syn4, answer4), "1200 1200 ");
        assert_string_equal(seen_segments("fd00:2::2", syn6, answer6), "1200 1200 ");
        command("ip -n router link set wan0 mtu 1280");
        APPLY(RULE(.kind = FBN_NAT_CLAMP_MSS, .name = "c", .out_device = "wan0"));
        assert_string_equal(seen_segments("10.2.0.2", syn4, answer4), "1240 1460 ");
        assert_string_equal(seen_segments("fd00:2::2", syn6, answer6), "1220 1440 ");
        command("ip -n router link set wan0 mtu 1500");
        apply(c, NULL, 0);
}

static void the_first_rule_that_fits_decides_what_is_forwarded(void **state)
{
        fbn_prefix client[] = {prefix_of("10.1.0.2/32"), prefix_of("fd00:1::2/128")}, server = prefix_of("10.2.0.0/23");
        fbn_context *c = *state;

        APPLY(RULE(.kind = FBN_NAT_DROP, .name = "d", .in_device = "lan0", .protocol = "tcp", .destination_port = 8000));
        assert_string_equal(visit("client", "10.2.0.2"), "nothing");
        assert_string_equal(visit("router", "10.2.0.2"), "10.2.0.1 mss 1460");
        APPLY(RULE(.kind = FBN_NAT_DROP, .name = "d", .in_device = "lan0", .protocol = "tcp", .destination_port = 8001));
        assert_string_equal(visit("client", "10.2.0.2"), "10.1.0.2 mss 1460");
        APPLY(RULE(.kind = FBN_NAT_ACCEPT, .name = "a", .sources = client, .n_sources = 1, .destinations = &server, .n_destinations = 1),
              RULE(.kind = FBN_NAT_DROP, .name = "d", .sources = client, .n_sources = 2));
        assert_string_equal(visit("client", "10.2.0.2"), "10.1.0.2 mss 1460");
        assert_string_equal(visit("client", "fd00:2::2"), "nothing");
        APPLY(RULE(.kind = FBN_NAT_DROP, .name = "d", .sources = client, .n_sources = 2),
              RULE(.kind = FBN_NAT_ACCEPT, .name = "a", .sources = client, .n_sources = 1));
        assert_string_equal(visit("client", "10.2.0.2"), "nothing");
}

static void answers_come_back_where_only_established_connections_may(void **state)
{
        fbn_context *c = *state;

        APPLY(RULE(.kind = FBN_NAT_ACCEPT, .name = "back", .states = "established,related"), RULE(.kind = FBN_NAT_ACCEPT, .name = "out", .in_device = "lan0"),
              RULE(.kind = FBN_NAT_DROP, .name = "rest"));
        assert_string_equal(visit("client", "10.2.0.2"), "10.1.0.2 mss 1460");
        APPLY(RULE(.kind = FBN_NAT_ACCEPT, .name = "out", .in_device = "lan0"), RULE(.kind = FBN_NAT_DROP, .name = "rest"));
        assert_string_equal(visit("client", "10.2.0.2"), "nothing");
}

/* Whether the router itself reaches the server with packets of that mark. */
static bool marked_visit(unsigned mark)
{
        /* The second is the connection's alone: on a busy machine Python may take longer than that to start, and then no packet is sent. */
        return command_try("ip netns exec router timeout 30 python3 -c \"import socket;s=socket.socket();s.setsockopt(1,36,%u);"
                           "s.settimeout(2);s.connect(('10.2.0.2',8000))\" 2>/dev/null", mark) == 0;
}

static void marked_packets_are_kept_out_whether_local_or_forwarded(void **state)
{
        const fbn_nat_rule keep_out = RULE(.kind = FBN_NAT_KEEP_OUT, .name = "k", .out_device = "wan0", .mark = 0x80000, .mark_mask = 0xff0000);
        FBN_CLEANUP(fbn_nat) read = NULL;
        fbn_context *c = *state;

        apply(c, NULL, 0);
        command("ip netns exec router nft 'add table inet other; add chain inet other pre { type filter hook prerouting priority mangle; };"
                "add rule inet other pre iifname lan0 tcp dport 8000 meta mark set 0x80001'");
        assert_true(marked_visit(0x80000));
        assert_string_equal(visit("client", "10.2.0.2"), "10.1.0.2 mss 1460");
        apply(c, &keep_out, 1);
        assert_false(marked_visit(0x80000));
        assert_true(marked_visit(0x40000));
        assert_string_equal(visit("client", "10.2.0.2"), "nothing");
        assert_string_equal(visit("router", "10.2.0.2"), "10.2.0.1 mss 1460");
        assert_ok(c, fbn_nat_get(c, &read));
        assert_true(fbn_nat_at(read, 0)->packets >= 2);
        assert_true(fbn_nat_at(read, 0)->bytes >= 80);
        command("ip netns exec router nft delete table inet other");
}

static uint64_t packets_of(fbn_context *c, const char *name)
{
        FBN_CLEANUP(fbn_nat) read = NULL;

        assert_ok(c, fbn_nat_get(c, &read));
        for (size_t i = 0; i < fbn_nat_count(read); i++)
                if (streq(fbn_nat_at(read, i)->name, name))
                        return fbn_nat_at(read, i)->packets;
        fail_msg("no rule '%s'", name);
        return 0;
}

static void counters_go_on_when_other_rules_change_or_order_does(void **state)
{
        const fbn_nat_rule web = RULE(.kind = FBN_NAT_ACCEPT, .name = "web", .protocol = "tcp", .destination_port = 8000);
        const fbn_nat_rule dns = RULE(.kind = FBN_NAT_ACCEPT, .name = "dns", .protocol = "udp", .destination_port = 53);
        fbn_context *c = *state;
        uint64_t packets;

        apply(c, NULL, 0);
        APPLY(web, dns);
        assert_int_equal(packets_of(c, "web"), 0);
        visit("client", "10.2.0.2");
        packets = packets_of(c, "web");
        assert_true(packets > 2);
        command("ip netns exec router nft -j list table inet fabricnet | grep -q '\"packets\": %llu'", (unsigned long long)packets);
        APPLY(web, RULE(.kind = FBN_NAT_ACCEPT, .name = "dns", .protocol = "tcp", .destination_port = 53));
        assert_int_equal(packets_of(c, "web"), packets);
        APPLY(RULE(.kind = FBN_NAT_MASQUERADE, .name = "new"), RULE(.kind = FBN_NAT_CLAMP_MSS, .name = "first"), dns, web);
        assert_int_equal(packets_of(c, "web"), packets);
        APPLY(web, dns);
        assert_int_equal(packets_of(c, "web"), packets);
        command("ip netns exec router nft add chain inet fabricnet stranger"); /* the table is made anew */
        APPLY(web, dns);
        assert_int_equal(packets_of(c, "web"), packets);
        APPLY(RULE(.kind = FBN_NAT_ACCEPT, .name = "web", .protocol = "tcp", .destination_port = 8001));
        assert_int_equal(packets_of(c, "web"), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_server_sees_the_router_only_with_masquerade),
                cmocka_unit_test(segments_are_clamped_to_a_number_or_to_the_path_and_never_raised),
                cmocka_unit_test(tcpdump_sees_the_clamped_segments_in_both_directions),
                cmocka_unit_test(the_first_rule_that_fits_decides_what_is_forwarded),
                cmocka_unit_test(answers_come_back_where_only_established_connections_may),
                cmocka_unit_test(marked_packets_are_kept_out_whether_local_or_forwarded),
                cmocka_unit_test(counters_go_on_when_other_rules_change_or_order_does),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, topology, context_teardown);
}
