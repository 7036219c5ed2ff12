/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/test.h"

#include "netns/namespace.h"

#include <arpa/inet.h>
#include <fabricnet/nat.h>
#include <fcntl.h>
#include <linux/if_ether.h>

/* "host" between two links of "out", with rules of somebody's. */
static int fresh(void **state)
{
        FILE *rules = fopen("/run/rules", "w");

        namespace_new("host");
        namespace_new("out");
        namespace_join("host", "va", "10.0.0.1/24", "out", "wa", "10.0.0.2/24");
        namespace_join("host", "vb", "10.0.1.1/24", "out", "wb", "10.0.1.2/24");
        fprintf(rules, "table inet t {\n chain in { type filter hook input priority 0; policy accept; udp dport 9 drop comment \"no discard\"; jump sub; }\n"
                       " chain sub { udp dport 10 return; udp dport 11 drop; }\n"
                       " chain pre { type filter hook prerouting priority 0; ip saddr 10.0.0.0/24 meta mark set 7\n }\n"
                       " chain through { type filter hook forward priority 0; policy drop; udp dport 20 accept; }\n}\n");
        fclose(rules);
        command("ip netns exec host nft -f - </run/rules");
        command("ip netns exec host sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.ip_forward=1; ip -n out route add 10.0.1.77/32 via 10.0.0.1; "
                "ip netns exec out sysctl -qw net.ipv4.conf.all.rp_filter=0; ip -n out address add 10.0.1.9/32 dev lo");
        *state = namespace_context("host");
        return 0;
}

static int gone(void **state)
{
        fbn_context_unref(*state);
        namespace_delete("host");
        namespace_delete("out");
        return 0;
}

/* A datagram from the other side, from an address of its own. */
static void send_udp(const char *source, const char *destination, unsigned port)
{
        command("ip netns exec out python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
                "s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b\"wa\"); s.bind((\"%s\", 0)); s.sendto(b\"x\", (\"%s\", %u))'", source, destination, port);
}

static fbn_prefix prefix_of(const char *text)
{
        fbn_prefix prefix;

        assert_int_equal(fbn_prefix_parse(text, &prefix), 0);
        return prefix;
}

static fbn_monitor *traced(fbn_context *c, const char *source)
{
        fbn_monitor *monitor = NULL;

        assert_ok(c, fbn_nat_trace_new(c, FBN_OPTIONS(fbn_nat_trace_options, .source = prefix_of(source), .protocol = "udp"), &monitor));
        return monitor;
}

/* Steps up to the fate of one packet, as lines "table chain KIND verdict"; the fate's verdict is returned. */
static const char *until_fate(fbn_context *c, fbn_monitor *monitor, char *steps, size_t size, char *why, fbn_nat_trace *ret_last)
{
        static char verdict[32];

        *steps = 0;
        for (int i = 0; i < 100; i++) {
                const fbn_event *event;

                assert_int_equal(fbn_monitor_wait(c, monitor, 5000), 1);
                while ((event = fbn_monitor_next(monitor))) {
                        const fbn_nat_trace *trace = event->trace;

                        assert_int_equal(event->kind, FBN_EVENT_TRACED);
                        *ret_last = *trace;
                        if (trace->kind == FBN_NAT_TRACE_HOOK)
                                snprintf(steps + strlen(steps), size - strlen(steps), "[%s]", trace->hook);
                        else if (trace->kind != FBN_NAT_TRACE_FATE)
                                snprintf(steps + strlen(steps), size - strlen(steps), "%s:%s%s;", trace->chain, trace->rule ? trace->rule : "", trace->verdict);
                        if (trace->kind != FBN_NAT_TRACE_FATE)
                                continue;
                        snprintf(why, 256, "%s", trace->why);
                        snprintf(verdict, sizeof(verdict), "%s", trace->verdict);
                        return verdict;
                }
        }
        test_failed("no fate");
        return NULL;
}

static void each_packet_has_its_steps_and_its_fate(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = traced(*state, "10.0.0.0/16");
        char steps[1024], why[256];
        fbn_nat_trace last;

        send_udp("10.0.0.2", "10.0.0.1", 9);
        assert_string_equal(until_fate(*state, monitor, steps, sizeof(steps), why, &last), "dropped");
        assert_string_equal(steps, "[prerouting]pre:continue;pre:accept;[input]in:no discarddrop;");
        assert_non_null(strstr(why, "rule 'no discard'"));
        assert_non_null(strstr(why, "chain 'in' of table 'inet t'"));
        assert_int_equal(last.destination_port, 9);
        assert_int_equal(last.mark, 7);
        assert_int_equal(last.ip_protocol, 17);
        assert_int_equal(last.source.bytes[3], 2);
        assert_string_equal(last.in_device, "va");
        send_udp("10.0.0.2", "10.0.0.1", 10);
        assert_string_equal(until_fate(*state, monitor, steps, sizeof(steps), why, &last), "delivered");
        assert_string_equal(steps, "[prerouting]pre:continue;pre:accept;[input]in:jump;sub:return;in:accept;");
        send_udp("10.0.0.2", "10.0.1.77", 20);
        assert_string_equal(until_fate(*state, monitor, steps, sizeof(steps), why, &last), "sent");
        assert_non_null(strstr(steps, "[forward]through:accept;[postrouting]"));
        assert_string_equal(last.out_device, "vb");
        send_udp("10.0.0.2", "10.0.1.77", 21);
        assert_string_equal(until_fate(*state, monitor, steps, sizeof(steps), why, &last), "dropped");
        assert_non_null(strstr(why, "the policy of chain 'through'"));
}

static void what_the_reverse_path_filter_drops_ends_after_prerouting(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = traced(*state, "10.0.1.0/24");
        char steps[1024], why[256], *counter;
        fbn_nat_trace last;

        send_udp("10.0.0.2", "10.0.0.1", 12); /* ARP first: it is refused to such a source as well */
        poll(NULL, 0, 100);
        send_udp("10.0.1.9", "10.0.0.1", 12);
        assert_string_equal(until_fate(*state, monitor, steps, sizeof(steps), why, &last), "unrouted");
        assert_string_equal(steps, "[prerouting]pre:accept;");
        counter = command_output("ip netns exec host nstat -az TcpExtIPReversePathFilter | awk '/IPReverse/ { print $2 }'");
        assert_string_equal(counter, "1\n");
        free(counter);
}

/* Every step that nft(8) sees is ours too, and no other. */
static void nft_sees_the_same_steps(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        char steps[1024], why[256], *theirs;
        fbn_nat_trace last;
        pid_t nft = fork();

        if (nft == 0) {
                (void)!freopen("/run/theirs", "w", stdout);
                execlp("ip", "ip", "netns", "exec", "host", "stdbuf", "-oL", "nft", "monitor", "trace", NULL);
                _exit(127);
        }
        monitor = traced(*state, "10.0.0.0/24");
        command_until("ip netns exec out python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b\"x\", (\"10.0.0.1\", 10))'; "
                          "grep -q 'input-end policy' /run/theirs");
        assert_string_equal(until_fate(*state, monitor, steps, sizeof(steps), why, &last), "delivered");
        kill(nft, SIGTERM);
        waitpid(nft, NULL, 0);
        /* nft tells "CHAIN rule … (verdict V)" and "CHAIN policy V"; of one packet, without our own table. */
        theirs = command_output("awk '/trace id/ && !/fabricnet-trace/ && !/ packet: / && $3 == (id ? id : id = $3) { verdict = $0; "
                                "if (verdict ~ /verdict/) { sub(/.*\\(verdict /, \"\", verdict); sub(/[ )].*/, \"\", verdict) } else { sub(/.* policy /, \"\", verdict); "
                                "sub(/ .*/, \"\", verdict) } printf \"%%s:%%s;\", $6, verdict }' /run/theirs");
        for (char *hook; (hook = strchr(steps, '['));)
                memmove(hook, strchr(hook, ']') + 1, strlen(strchr(hook, ']')));
        assert_string_equal(steps, theirs);
        free(theirs);
}

static void the_table_goes_with_the_trace_also_when_killed(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = traced(*state, "10.0.0.0/8");
        fbn_monitor *second = NULL;
        pid_t child;

        command("ip netns exec host nft list table inet fabricnet-trace >/dev/null");
        assert_failed(*state, fbn_nat_trace_new(*state, NULL, &second), FBN_EEXIST, "another trace is running");
        monitor = fbn_monitor_unref(monitor);
        command("! ip netns exec host nft list table inet fabricnet-trace 2>/dev/null");
        child = fork();
        if (child == 0) {
                fbn_context *c = namespace_context("host");

                _exit(fbn_nat_trace_new(c, NULL, &second) < 0 ? 1 : (pause(), 0));
        }
        command_until("ip netns exec host nft list table inet fabricnet-trace >/dev/null 2>&1");
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        command_until("! ip netns exec host nft list table inet fabricnet-trace >/dev/null 2>&1");
        command("ip netns exec host nft add table inet fabricnet-trace");
        assert_failed(*state, fbn_nat_trace_new(*state, NULL, &second), FBN_ECONFLICT, "somebody else's");
}

static void wrong_filters_are_refused(void **state)
{
        fbn_monitor *monitor = NULL;

        assert_failed(*state, fbn_nat_trace_new(*state, FBN_OPTIONS(fbn_nat_trace_options, .protocol = "nonsense"), &monitor), FBN_EINVAL, "trace: ");
        assert_failed(*state, fbn_nat_trace_new(*state, FBN_OPTIONS(fbn_nat_trace_options, .destination_port = 5), &monitor), FBN_EINVAL, "trace: ");
        assert_null(monitor);
        command("! ip netns exec host nft list table inet fabricnet-trace 2>/dev/null");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(each_packet_has_its_steps_and_its_fate, fresh, gone),
                cmocka_unit_test_setup_teardown(what_the_reverse_path_filter_drops_ends_after_prerouting, fresh, gone),
                cmocka_unit_test_setup_teardown(nft_sees_the_same_steps, fresh, gone),
                cmocka_unit_test_setup_teardown(the_table_goes_with_the_trace_also_when_killed, fresh, gone),
                cmocka_unit_test_setup_teardown(wrong_filters_are_refused, fresh, gone),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
