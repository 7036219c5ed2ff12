/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Port forwards, redirects, hairpins, input, marks, untracked and logged packets: each by packets that pass or do not. */
#include "unit/test.h"

#include "netns/nat_topology.h"

/* Says on each port, TCP and UDP, which one it is and whom it sees. */
static const char ports_script[] =
        "import socket,select\n"
        "t={};u=[]\n"
        "for p in (7000,7001,7002,7003):\n"
        " s=socket.create_server(('::',p),family=socket.AF_INET6,dualstack_ipv6=True);t[s.fileno()]=(s,p)\n"
        " d=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);d.bind(('',p));t[d.fileno()]=(d,p)\n"
        "while True:\n"
        " for f in select.select(list(t),[],[])[0]:\n"
        "  s,p=t[f]\n"
        "  if s.type==socket.SOCK_STREAM:\n"
        "   c,a=s.accept();c.sendall(('%d %s\\n'%(p,a[0].replace('::ffff:',''))).encode());c.close()\n"
        "  else:\n"
        "   m,a=s.recvfrom(99);s.sendto(('%d %s\\n'%(p,a[0])).encode(),a)\n";

static int ports(void **state)
{
        int r = topology(state);

        command("ip netns exec router sh -c 'echo 0 > /proc/sys/net/ipv4/tcp_timestamps'");
        command("ip netns exec server python3 -c \"%s\" & ", ports_script);
        command("ip netns exec router python3 -c \"%s\" & ", server_script);
        command_until("ip netns exec client timeout 1 bash -c 'exec 3<>/dev/tcp/10.2.0.2/7003' 2>/dev/null");
        command_until("ip netns exec client timeout 1 bash -c 'exec 3<>/dev/tcp/10.1.0.1/8000' 2>/dev/null");
        return r;
}

static const char *ask(const char *from, const char *server, unsigned port)
{
        static char words[128];
        char *output = command_output("ip netns exec %s python3 -c \"import socket;s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.settimeout(1);"
                                      "s.connect(('%s',%u));s.send(b'x');print(s.recv(99).decode(),end='')\" 2>/dev/null || echo nothing",
                                      from, server, port);

        snprintf(words, sizeof(words), "%.*s", (int)strcspn(output, "\n"), output);
        free(output);
        return words;
}

static uint64_t packets_of(fbn_context *c, const char *name)
{
        FBN_CLEANUP(fbn_nat) read = NULL;

        assert_ok(c, fbn_nat_get(c, &read));
        for (size_t i = 0; i < fbn_nat_count(read); i++)
                if (streq(fbn_nat_at(read, i)->name, name))
                        return fbn_nat_at(read, i)->packets;
        test_failed("no rule '%s'", name);
        return 0;
}

#define SERVER address_of("10.2.0.2")

static void forwarded_ports_reach_the_server_by_tcp_udp_and_ipv6(void **state)
{
        const fbn_prefix six = prefix_of("fd00:1::1/128");
        fbn_context *c = *state;

        apply(c, NULL, 0);
        assert_string_equal(visit_port("client", "10.1.0.1", 9000), "nothing");
        APPLY(RULE(.kind = FBN_NAT_DNAT, .name = "web", .local = true, .protocol = "tcp", .destination_port = 9000, .to = SERVER, .to_port = 7000),
              RULE(.kind = FBN_NAT_DNAT, .name = "udp", .local = true, .protocol = "udp", .destination_port = 9000, .to = SERVER, .to_port = 7001),
              RULE(.kind = FBN_NAT_DNAT, .name = "same", .local = true, .protocol = "tcp", .destination_port = 7002, .to = SERVER),
              RULE(.kind = FBN_NAT_DNAT, .name = "six", .destinations = &six, .n_destinations = 1, .protocol = "tcp", .destination_port = 9000,
                   .to = address_of("fd00:2::2"), .to_port = 7003));
        assert_string_equal(visit_port("client", "10.1.0.1", 9000), "7000 10.1.0.2");
        assert_string_equal(ask("client", "10.1.0.1", 9000), "7001 10.1.0.2");
        assert_string_equal(visit_port("client", "10.1.0.1", 7002), "7002 10.1.0.2");
        assert_string_equal(visit_port("client", "fd00:1::1", 9000), "7003 fd00:1::2");
        assert_string_equal(visit_port("client", "10.2.0.2", 7003), "7003 10.1.0.2"); /* not for the router: as ever */
        assert_int_equal(packets_of(c, "web"), 1);
}

static void ranges_are_shifted_up_and_down_or_gathered(void **state)
{
        static const uint16_t firsts[] = {5000, 20000, 60000, 65532, 6999};
        fbn_context *c = *state;

        for (size_t i = 0; i < ARRAY_SIZE(firsts); i++) {
                APPLY(RULE(.kind = FBN_NAT_DNAT, .name = "t", .local = true, .protocol = "tcp", .destination_port = firsts[i],
                           .destination_port_last = (uint16_t)(firsts[i] + 3), .to = SERVER, .to_port = 7000),
                      RULE(.kind = FBN_NAT_DNAT, .name = "u", .local = true, .protocol = "udp", .destination_port = firsts[i],
                           .destination_port_last = (uint16_t)(firsts[i] + 3), .to = SERVER, .to_port = 7000));
                for (unsigned j = 0; j < 4; j += 3) {
                        char expected[32];

                        snprintf(expected, sizeof(expected), "%u 10.1.0.2", 7000 + j);
                        assert_string_equal(visit_port("client", "10.1.0.1", firsts[i] + j), expected);
                        if (j)
                                assert_string_equal(ask("client", "10.1.0.1", firsts[i] + j), expected);
                }
        }
        APPLY(RULE(.kind = FBN_NAT_DNAT, .name = "t", .local = true, .protocol = "tcp", .destination_port = 5000, .destination_port_last = 5003,
                   .to = SERVER, .to_port = 7001, .to_port_last = 7001));
        assert_string_equal(visit_port("client", "10.1.0.1", 5000), "7001 10.1.0.2");
        assert_string_equal(visit_port("client", "10.1.0.1", 5003), "7001 10.1.0.2");
}

static void redirects_and_local_forwards_catch_what_they_name(void **state)
{
        const fbn_prefix nowhere = prefix_of("203.0.113.0/24");
        fbn_context *c = *state;

        APPLY(RULE(.kind = FBN_NAT_REDIRECT, .name = "r", .protocol = "tcp", .destination_port = 4000, .destination_port_last = 4009, .to_port = 8000,
                   .to_port_last = 8000),
              RULE(.kind = FBN_NAT_DNAT, .name = "o", .at = FBN_NAT_OUTPUT, .destinations = &nowhere, .n_destinations = 1, .protocol = "tcp",
                   .to = SERVER, .to_port = 7002));
        command("ip -n router route replace 203.0.113.0/24 dev wan0");
        assert_string_equal(visit_port("client", "10.2.0.2", 4005), "10.1.0.2 mss 1460"); /* the router answers in the server's name */
        assert_string_equal(visit_port("router", "203.0.113.9", 80), "7002 10.2.0.1");
        command("ip -n router route delete 203.0.113.0/24");
}

static void the_server_sees_the_address_it_is_given(void **state)
{
        fbn_context *c = *state;

        command("ip -n router address add 10.2.0.77/24 dev wan0");
        APPLY(RULE(.kind = FBN_NAT_SNAT, .name = "s", .out_device = "wan0", .to = address_of("10.2.0.77")));
        assert_string_equal(visit_port("client", "10.2.0.2", 7000), "7000 10.2.0.77");
        assert_string_equal(ask("client", "10.2.0.2", 7000), "7000 10.2.0.77");
        command("ip -n router address delete 10.2.0.77/24 dev wan0");
}

/* "one" and "two" behind a bridge of the router's; "two" serves. */
static void add_segment(void)
{
        command("ip -n router link add br0 type bridge && ip -n router address add 10.3.0.1/24 dev br0 && ip -n router link set br0 up");
        for (unsigned i = 2; i < 4; i++) {
                const char *name = i == 2 ? "one" : "two";

                namespace_new(name);
                command("ip link add port%u netns router type veth peer name eth0 netns %s && ip -n router link set port%u master br0 up", i, name, i);
                command("ip -n %s address add 10.3.0.%u/24 dev eth0 && ip -n %s link set eth0 up && ip -n %s route add default via 10.3.0.1", name, i,
                        name, name);
        }
        command("ip netns exec two python3 -c \"%s\" & ", ports_script);
        command_until("ip netns exec one timeout 1 bash -c 'exec 3<>/dev/tcp/10.3.0.3/7003' 2>/dev/null");
}

static void neighbours_of_the_server_reach_the_public_address_by_hairpin(void **state)
{
        const fbn_prefix public = prefix_of("10.1.0.1/32");
        fbn_nat_rule rule = RULE(.kind = FBN_NAT_DNAT, .name = "web", .destinations = &public, .n_destinations = 1, .protocol = "tcp",
                                 .destination_port = 5000, .destination_port_last = 5003, .to = address_of("10.3.0.3"), .to_port = 7000);
        fbn_context *c = *state;

        add_segment();
        command("ip netns exec router sh -c 'f=/proc/sys/net/bridge/bridge-nf-call-iptables; [ ! -e $f ] || echo 0 >$f'"); /* it translates what it bridges */
        apply(c, &rule, 1);
        assert_string_equal(visit_port("client", "10.1.0.1", 5001), "7001 10.1.0.2");
        assert_string_equal(visit_port("one", "10.1.0.1", 5001), "nothing");
        rule.hairpin = 24;
        apply(c, &rule, 1);
        assert_string_equal(visit_port("client", "10.1.0.1", 5001), "7001 10.1.0.2"); /* not masqueraded: it is no neighbour */
        assert_string_equal(visit_port("one", "10.1.0.1", 5001), "7001 10.3.0.1");
        assert_string_equal(visit_port("one", "10.1.0.1", 5003), "7003 10.3.0.1");
        assert_string_equal(visit_port("two", "10.1.0.1", 5001), "7001 10.3.0.1"); /* itself */
        namespace_delete("one");
        namespace_delete("two");
        command("ip -n router link delete br0");
}

static void a_policy_lets_through_what_was_forwarded_on_purpose(void **state)
{
        fbn_context *c = *state;

        APPLY(RULE(.kind = FBN_NAT_DNAT, .name = "web", .local = true, .protocol = "tcp", .destination_port = 9000, .to = SERVER, .to_port = 7000),
              RULE(.kind = FBN_NAT_ACCEPT, .name = "back", .states = "established,related"), RULE(.kind = FBN_NAT_ACCEPT, .name = "fwd", .dnat = true),
              RULE(.kind = FBN_NAT_DROP, .name = "policy"));
        assert_string_equal(visit_port("client", "10.1.0.1", 9000), "7000 10.1.0.2");
        assert_string_equal(visit_port("client", "10.2.0.2", 7000), "nothing");
        assert_true(packets_of(c, "policy") > 0);
}

static void an_input_list_allows_what_it_names(void **state)
{
        fbn_context *c = *state;

        APPLY(RULE(.kind = FBN_NAT_ACCEPT, .name = "back", .at = FBN_NAT_INPUT, .states = "established,related"),
              RULE(.kind = FBN_NAT_ACCEPT, .name = "lan", .at = FBN_NAT_INPUT, .in_device = "lan0", .protocol = "tcp", .destination_port = 7999,
                   .destination_port_last = 8001),
              RULE(.kind = FBN_NAT_DROP, .name = "policy", .at = FBN_NAT_INPUT));
        assert_string_equal(visit("client", "10.1.0.1"), "10.1.0.2 mss 1460");
        assert_string_equal(visit("server", "10.2.0.1"), "nothing");
        assert_int_equal(command_try("ip netns exec client ping -c1 -W1 10.1.0.1 >/dev/null"), 1);
        assert_string_equal(visit("client", "10.2.0.2"), "10.1.0.2 mss 1460"); /* what is forwarded is not for the router */
}

static void a_drop_on_arrival_comes_before_port_forwards(void **state)
{
        const fbn_prefix client = prefix_of("10.1.0.2/32");
        fbn_context *c = *state;

        command("ip netns exec router nft 'add table ip docker; add chain ip docker pre { type nat hook prerouting priority dstnat; };"
                "add rule ip docker pre tcp dport 9000 dnat to 10.2.0.2:7000'");
        apply(c, NULL, 0);
        assert_string_equal(visit_port("client", "10.1.0.1", 9000), "7000 10.1.0.2");
        APPLY(RULE(.kind = FBN_NAT_DROP, .name = "ban", .at = FBN_NAT_ARRIVAL, .sources = &client, .n_sources = 1));
        assert_string_equal(visit_port("client", "10.1.0.1", 9000), "nothing");
        assert_string_equal(visit("server", "10.2.0.1"), "10.2.0.2 mss 1460");
        command("ip netns exec router nft delete table ip docker");
}

static void marks_are_set_saved_and_restored(void **state)
{
        fbn_context *c = *state;

        APPLY(RULE(.kind = FBN_NAT_SET_MARK, .name = "set", .in_device = "lan0", .set_mark = 0x40, .set_mark_mask = 0xf0),
              RULE(.kind = FBN_NAT_SAVE_MARK, .name = "save", .in_device = "lan0"),
              RULE(.kind = FBN_NAT_RESTORE_MARK, .name = "restore", .in_device = "wan0"),
              RULE(.kind = FBN_NAT_COUNT, .name = "there", .in_device = "lan0", .mark = 0x40, .mark_mask = 0xf0),
              RULE(.kind = FBN_NAT_COUNT, .name = "back", .in_device = "wan0", .mark = 0x40),
              RULE(.kind = FBN_NAT_COUNT, .name = "connection", .connection_mark = 0x40), RULE(.kind = FBN_NAT_COUNT, .name = "none", .mark = 0x80));
        assert_string_equal(visit("client", "10.2.0.2"), "10.1.0.2 mss 1460");
        assert_true(packets_of(c, "there") > 2);
        assert_true(packets_of(c, "back") > 2);
        assert_true(packets_of(c, "connection") > packets_of(c, "there"));
        assert_int_equal(packets_of(c, "none"), 0);
}

/* Locally made packets are routed again by the mark that they get. */
static void a_local_mark_chooses_the_route(void **state)
{
        fbn_context *c = *state;

        apply(c, NULL, 0);
        command("ip -n router rule add fwmark 0x7 table 77 && ip -n router route add unreachable default table 77");
        assert_string_equal(visit("router", "10.2.0.2"), "10.2.0.1 mss 1460");
        APPLY(RULE(.kind = FBN_NAT_SET_MARK, .name = "m", .protocol = "tcp", .destination_port = 8000, .out_device = "wan0", .set_mark = 7));
        assert_string_equal(visit("router", "10.2.0.2"), "nothing");
        assert_string_equal(visit_port("router", "10.2.0.2", 7000), "7000 10.2.0.1");
        command("ip -n router rule delete fwmark 0x7 table 77");
}

static void untracked_packets_belong_to_no_connection(void **state)
{
        fbn_context *c = *state;

        APPLY(RULE(.kind = FBN_NAT_NOTRACK, .name = "n", .protocol = "udp", .destination_port = 7000),
              RULE(.kind = FBN_NAT_COUNT, .name = "untracked", .states = "untracked"), RULE(.kind = FBN_NAT_COUNT, .name = "new", .states = "new"));
        assert_string_equal(ask("client", "10.2.0.2", 7000), "7000 10.1.0.2");
        assert_int_equal(packets_of(c, "untracked"), 1);
        assert_int_equal(packets_of(c, "new"), 1); /* the answer, which has another port */
}

static void a_rate_lets_only_so_many_match(void **state)
{
        fbn_context *c = *state;

        APPLY(RULE(.kind = FBN_NAT_COUNT, .name = "all", .protocol = "icmp", .in_device = "lan0"),
              RULE(.kind = FBN_NAT_COUNT, .name = "few", .protocol = "icmp", .in_device = "lan0", .rate = 1, .rate_seconds = 60, .burst = 3));
        command("ip netns exec client ping -c 20 -i 0.01 -W 1 10.2.0.2 >/dev/null");
        assert_int_equal(packets_of(c, "all"), 20);
        assert_int_equal(packets_of(c, "few"), 3);
}

static void logged_packets_are_seen_on_their_group(void **state)
{
        fbn_context *c = *state;
        char *seen;

        APPLY(RULE(.kind = FBN_NAT_DROP, .name = "d", .protocol = "tcp", .destination_port = 7001, .log = "no: ", .log_group = 7));
        command("ip netns exec router timeout 60 tcpdump -n -l -c 1 -i nflog:7 >/run/seen 2>/run/tcpdump & ");
        command_until("grep -q listening /run/tcpdump");
        assert_string_equal(visit_port("client", "10.2.0.2", 7001), "nothing");
        command_until("grep -q . /run/seen");
        seen = command_output("cat /run/seen");
        assert_non_null(strstr(seen, "10.1.0.2"));
        assert_non_null(strstr(seen, "10.2.0.2.7001: Flags [S]"));
        free(seen);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(forwarded_ports_reach_the_server_by_tcp_udp_and_ipv6),
                cmocka_unit_test(ranges_are_shifted_up_and_down_or_gathered),
                cmocka_unit_test(redirects_and_local_forwards_catch_what_they_name),
                cmocka_unit_test(the_server_sees_the_address_it_is_given),
                cmocka_unit_test(neighbours_of_the_server_reach_the_public_address_by_hairpin),
                cmocka_unit_test(a_policy_lets_through_what_was_forwarded_on_purpose),
                cmocka_unit_test(an_input_list_allows_what_it_names),
                cmocka_unit_test(a_drop_on_arrival_comes_before_port_forwards),
                cmocka_unit_test(marks_are_set_saved_and_restored),
                cmocka_unit_test(a_local_mark_chooses_the_route),
                cmocka_unit_test(untracked_packets_belong_to_no_connection),
                cmocka_unit_test(a_rate_lets_only_so_many_match),
                cmocka_unit_test(logged_packets_are_seen_on_their_group),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, ports, context_teardown);
}
