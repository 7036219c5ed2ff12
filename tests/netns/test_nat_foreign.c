/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our table beside those of others, real ones where they run here: their tables stay as they are, ours works, and what of theirs can undo
 * ours is named. */
#include "unit/test.h"

#include "netns/nat_topology.h"

static void in_router(const char *commands)
{
        command("ip netns exec router sh -e <<'END'\n%s\nEND", commands);
}

/* All tables but ours, handles included, counters not. */
static char *others(void)
{
        return command_output("ip netns exec router nft -s -j list ruleset 2>/dev/null | "
                              "jq -S '[.nftables[] | select((.table.name? // .chain.table? // .rule.table? // .set.table?) != \"fabricnet\")]'");
}

/* Rules of ours in each chain that others use as well. */
static void apply_ours(fbn_context *c, uint16_t port)
{
        static fbn_prefix client;

        client = prefix_of("10.1.0.0/24");
        APPLY(RULE(.kind = FBN_NAT_MASQUERADE, .name = "out", .sources = &client, .n_sources = 1, .out_device = "wan0"),
              RULE(.kind = FBN_NAT_DNAT, .name = "web", .local = true, .protocol = "tcp", .destination_port = port, .to = address_of("10.2.0.2"),
                   .to_port = 8000),
              RULE(.kind = FBN_NAT_ACCEPT, .name = "in", .at = FBN_NAT_INPUT, .protocol = "tcp", .destination_port = 22),
              RULE(.kind = FBN_NAT_ACCEPT, .name = "through", .in_device = "lan0"), RULE(.kind = FBN_NAT_CLAMP_MSS, .name = "mss", .mss = 1400));
}

static void assert_beside(fbn_context *c, const char *with_ours)
{
        char *before = others(), *during, *after;

        assert_true(strlen(before) > 100);
        apply_ours(c, 9000);
        apply_ours(c, 9001);
        assert_string_equal(visit_port("client", "10.1.0.1", 9001), with_ours);
        during = others();
        assert_string_equal(before, during);
        apply(c, NULL, 0);
        after = others();
        assert_string_equal(before, after);
        free(before);
        free(during);
        free(after);
}

/* "kind where rules; …" */
static const char *foreign(fbn_context *c)
{
        static const char *const kinds[] = {[FBN_NAT_REVERSE_PATH] = "reverse path", [FBN_NAT_FORWARD_POLICY] = "policy", [FBN_NAT_FORWARD_RULES] = "rules"};
        FBN_CLEANUP(fbn_nat_foreigns) foreigns = NULL;
        static char words[1024];
        int r = fbn_nat_foreign_list(c, &foreigns);

        assert_ok(c, r);
        assert_int_equal(r, fbn_nat_foreigns_count(foreigns));
        *words = 0;
        for (size_t i = 0; i < fbn_nat_foreigns_count(foreigns); i++) {
                const fbn_nat_foreign *one = fbn_nat_foreigns_at(foreigns, i);

                snprintf(words + strlen(words), sizeof(words) - strlen(words), "%s%s %s %u", i ? "; " : "", kinds[one->kind], one->where, one->rules);
        }
        return words;
}

static int calm(void **state)
{
        fbn_context *c = *state;

        apply(c, NULL, 0);
        in_router("nft flush ruleset");
        return 0;
}

#define DOCKER_RULES                                                                                                 \
        "iptables-nft -N DOCKER\niptables-nft -N DOCKER-ISOLATION-STAGE-1\niptables-nft -N DOCKER-ISOLATION-STAGE-2\n" \
        "iptables-nft -N DOCKER-USER\n"                                                                              \
        "iptables-nft -P FORWARD DROP\n"                                                                             \
        "iptables-nft -A FORWARD -j DOCKER-USER\niptables-nft -A FORWARD -j DOCKER-ISOLATION-STAGE-1\n"              \
        "iptables-nft -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"                  \
        "iptables-nft -A FORWARD -o docker0 -j DOCKER\niptables-nft -A FORWARD -i docker0 ! -o docker0 -j ACCEPT\n"  \
        "iptables-nft -A FORWARD -i docker0 -o docker0 -j ACCEPT\n"                                                  \
        "iptables-nft -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2\n"             \
        "iptables-nft -A DOCKER-ISOLATION-STAGE-1 -j RETURN\n"                                                       \
        "iptables-nft -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP\n"                                              \
        "iptables-nft -A DOCKER-ISOLATION-STAGE-2 -j RETURN\niptables-nft -A DOCKER-USER -j RETURN\n"                \
        "iptables-nft -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 8000 -j ACCEPT\n"     \
        "iptables-nft -t nat -N DOCKER\n"                                                                            \
        "iptables-nft -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n"                                 \
        "iptables-nft -t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER\n"                    \
        "iptables-nft -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n"                           \
        "iptables-nft -t nat -A DOCKER -i docker0 -j RETURN\n"                                                       \
        "iptables-nft -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:8000\n"

/* A bridge as Docker makes it, and a container with a published port. */
static void add_container(void)
{
        namespace_new("container");
        command("ip -n router link add docker0 type bridge && ip -n router address add 172.17.0.1/16 dev docker0 && ip -n router link set docker0 up");
        command("ip link add veth0 netns router type veth peer name eth0 netns container && ip -n router link set veth0 master docker0 up");
        command("ip -n container address add 172.17.0.2/16 dev eth0 && ip -n container link set eth0 up && ip -n container route add default via 172.17.0.1");
        command("ip netns exec container sh -c 'echo 0 > /proc/sys/net/ipv4/tcp_timestamps'");
        command("ip netns exec container python3 -c \"%s\" & ", server_script);
        command_until("ip netns exec router timeout 1 bash -c 'exec 3<>/dev/tcp/172.17.0.2/8000' 2>/dev/null");
}

static int remove_container(void **state)
{
        namespace_delete("container");
        command("ip -n router link delete docker0");
        return calm(state);
}

static void docker_by_iptables_and_we_forward_ports_side_by_side(void **state)
{
        fbn_context *c = *state;

        add_container();
        in_router(DOCKER_RULES);
        assert_string_equal(visit_port("client", "10.1.0.1", 8080), "10.1.0.2 mss 1460");
        assert_string_equal(foreign(c), "policy table ip filter, chain FORWARD 0; rules table ip filter, chain FORWARD 1");
        assert_beside(c, "nothing"); /* which is what the finding says */
        in_router("iptables-nft -I DOCKER-USER -i lan0 -o wan0 -j ACCEPT; iptables-nft -I DOCKER-USER -i wan0 -o lan0 -j ACCEPT");
        assert_beside(c, "10.2.0.1 mss 1400");
        apply_ours(c, 9000);
        assert_string_equal(visit_port("client", "10.1.0.1", 8080), "10.1.0.2 mss 1400");
        assert_string_equal(visit_port("container", "10.2.0.2", 8000), "10.2.0.1 mss 1400");
}

/* The tables of Docker's own nftables backend. */
static const char docker_nft[] =
        "nft -f - <<'NFT'\n"
        "table ip docker-bridges {\n"
        " map filter-forward-in-jumps { type ifname : verdict; elements = { \"docker0\" : jump filter-forward-in__docker0 }; }\n"
        " chain filter-FORWARD { type filter hook forward priority filter; policy accept; oifname vmap @filter-forward-in-jumps; }\n"
        " chain filter-forward-in__docker0 { ct state established,related counter accept; iifname \"docker0\" counter accept;\n"
        "  ip daddr 172.17.0.2 tcp dport 8000 counter accept; counter drop; }\n"
        " chain nat-PREROUTING { type nat hook prerouting priority dstnat; policy accept; fib daddr type local counter jump nat-prerouting-and-output; }\n"
        " chain nat-OUTPUT { type nat hook output priority -100; policy accept; ip daddr != 127.0.0.0/8 fib daddr type local counter "
        "jump nat-prerouting-and-output; }\n"
        " chain nat-prerouting-and-output { iifname != \"docker0\" tcp dport 8080 counter dnat to 172.17.0.2:8000; }\n"
        " chain nat-POSTROUTING { type nat hook postrouting priority srcnat; policy accept; oifname != \"docker0\" ip saddr 172.17.0.0/16 counter masquerade; }\n"
        " chain raw-PREROUTING { type filter hook prerouting priority raw; policy accept; iifname != \"docker0\" ip daddr 172.17.0.2 counter drop; }\n"
        "}\n"
        "NFT";

static void docker_by_nft_and_we_forward_ports_side_by_side(void **state)
{
        fbn_context *c = *state;

        add_container();
        in_router(docker_nft);
        assert_string_equal(visit_port("client", "10.1.0.1", 8080), "10.1.0.2 mss 1460");
        assert_string_equal(foreign(c), "");
        assert_beside(c, "10.2.0.1 mss 1400");
        apply_ours(c, 9000);
        assert_string_equal(visit_port("client", "10.1.0.1", 8080), "10.1.0.2 mss 1400");
        in_router("nft add rule ip docker-bridges filter-FORWARD iifname lan0 jump filter-forward-in__docker0");
        assert_string_equal(foreign(c), "rules table ip docker-bridges, chain filter-FORWARD 1");
        assert_string_equal(visit_port("client", "10.1.0.1", 9000), "nothing");
}

/* A copy of a folder of /etc that is this sandbox's own. */
static void own_etc(const char *name)
{
        command("mkdir -p /run/etc/%s && cp -a /etc/%s/. /run/etc/%s/ && mount --bind /run/etc/%s /etc/%s", name, name, name, name, name);
}

static void ufw_and_we_live_side_by_side(void **state)
{
        fbn_context *c = *state;

        own_etc("ufw");
        own_etc("default");
        in_router("sed -i 's/^DEFAULT_FORWARD_POLICY=.*/DEFAULT_FORWARD_POLICY=\"DROP\"/' /etc/default/ufw\nufw --force enable >/dev/null\n"
                  "ufw allow 22/tcp >/dev/null");
        assert_non_null(strstr(foreign(c), "policy table ip filter, chain FORWARD 0"));
        assert_non_null(strstr(foreign(c), "policy table ip6 filter, chain FORWARD 0"));
        assert_beside(c, "nothing");
        in_router("ufw route allow in on lan0 out on wan0 >/dev/null");
        assert_beside(c, "10.2.0.1 mss 1400");
        apply_ours(c, 9000);
        in_router("ufw reload >/dev/null"); /* replaces its own tables, not ours */
        assert_string_equal(visit_port("client", "10.1.0.1", 9000), "10.2.0.1 mss 1400");
        in_router("ufw --force disable >/dev/null");
        assert_string_equal(visit_port("client", "10.1.0.1", 9000), "10.2.0.1 mss 1400");
}

static void fail2ban_and_we_live_side_by_side(void **state)
{
        fbn_context *c = *state;

        own_etc("fail2ban");
        in_router("rm -f /etc/fail2ban/jail.d/*; : >/run/probe.log\n"
                  "printf '[probe]\\nenabled = true\\nfilter = sshd\\nbackend = polling\\nlogpath = /run/probe.log\\nport = 8001\\n"
                  "banaction = nftables\\n' >/etc/fail2ban/jail.local\n"
                  "fail2ban-server -b -s /run/f2b.sock -p /run/f2b.pid -x --logtarget /run/f2b.log start >/dev/null");
        command_until("fail2ban-client -s /run/f2b.sock ping >/dev/null 2>&1");
        in_router("fail2ban-client -s /run/f2b.sock set probe banip 192.0.2.66 >/dev/null");
        command_until("ip netns exec router nft list table inet f2b-table 2>/dev/null | grep -q 192.0.2.66");
        assert_string_equal(foreign(c), "");
        assert_beside(c, "10.2.0.1 mss 1400");
        apply_ours(c, 9000);
        in_router("fail2ban-client -s /run/f2b.sock set probe banip 192.0.2.67 >/dev/null");
        command_until("ip netns exec router nft list table inet f2b-table | grep -q 192.0.2.67");
        assert_string_equal(visit_port("client", "10.1.0.1", 9000), "10.2.0.1 mss 1400");
        in_router("fail2ban-client -s /run/f2b.sock stop >/dev/null");
        assert_string_equal(visit_port("client", "10.1.0.1", 9000), "10.2.0.1 mss 1400");
}

static void reverse_path_rules_are_named_unless_loose(void **state)
{
        fbn_context *c = *state;

        assert_string_equal(foreign(c), "");
        in_router("nft 'add table inet nixos-fw; add chain inet nixos-fw rpfilter { type filter hook prerouting priority mangle + 10; policy drop; };"
                  "add rule inet nixos-fw rpfilter fib saddr . mark oif exists accept'"); /* the loose form */
        assert_string_equal(foreign(c), "");
        in_router("nft 'insert rule inet nixos-fw rpfilter fib saddr . mark . iif oif exists accept; add rule inet nixos-fw rpfilter drop;"
                  "add table ip6 firewalld; add chain ip6 firewalld filter; add rule ip6 firewalld filter fib saddr . iif oif missing counter drop'");
        assert_string_equal(foreign(c), "reverse path table inet nixos-fw, chain rpfilter 1; reverse path table ip6 firewalld, chain filter 1");
        assert_beside(c, "10.2.0.1 mss 1400");
}

/* What the NixOS firewall runs without nftables: checkReversePath = true, then "loose". */
static void reverse_path_matches_of_iptables_are_named_unless_loose(void **state)
{
        static const char rules[] = "iptables-nft -t mangle -N nixos-fw-rpfilter\n"
                                    "iptables-nft -t mangle -A nixos-fw-rpfilter -m rpfilter --validmark %s -j RETURN\n"
                                    "iptables-nft -t mangle -A nixos-fw-rpfilter -p udp --sport 67 --dport 68 -j RETURN\n"
                                    "iptables-nft -t mangle -A nixos-fw-rpfilter -j DROP\niptables-nft -t mangle -A PREROUTING -j nixos-fw-rpfilter";
        fbn_context *c = *state;
        char text[512];

        snprintf(text, sizeof(text), rules, "");
        in_router(text);
        assert_string_equal(foreign(c), "reverse path table ip mangle, chain nixos-fw-rpfilter 1");
        assert_beside(c, "10.2.0.1 mss 1400");
        in_router("nft delete table ip mangle");
        snprintf(text, sizeof(text), rules, "--loose");
        in_router(text);
        assert_string_equal(foreign(c), "");
}

static void rejects_and_chains_below_are_counted_once(void **state)
{
        fbn_context *c = *state;

        in_router("nft -f - <<'NFT'\n"
                  "table inet a {\n"
                  " chain c { drop; tcp dport 1 drop; }\n"
                  " chain b { jump c; tcp dport 2 reject; }\n"
                  " chain d { drop; }\n"
                  " chain f { type filter hook forward priority -10; policy accept; jump b; goto c; }\n"
                  " chain i { type filter hook input priority 0; policy drop; jump d; }\n"
                  "}\n"
                  "NFT\n"
                  "iptables-nft -A FORWARD -p tcp --dport 7 -j REJECT --reject-with tcp-reset");
        assert_string_equal(foreign(c), "rules table inet a, chain f 3; rules table ip filter, chain FORWARD 1");
        apply(c, NULL, 0);
        apply_ours(c, 9000);
        assert_string_equal(foreign(c), "rules table inet a, chain f 3; rules table ip filter, chain FORWARD 1"); /* not ours */
}

static void what_others_flush_is_noticed_and_applied_again(void **state)
{
        FBN_CLEANUP(fbn_nat) read = NULL;
        fbn_context *c = *state;

        apply_ours(c, 9000);
        assert_string_equal(visit_port("client", "10.1.0.1", 9000), "10.2.0.1 mss 1400");
        in_router("nft flush ruleset"); /* as after a reboot */
        assert_failed(c, fbn_nat_get(c, &read), FBN_ENOENT, "no table inet fabricnet");
        assert_string_equal(visit_port("client", "10.1.0.1", 9000), "nothing");
        apply_ours(c, 9000);
        assert_string_equal(visit_port("client", "10.1.0.1", 9000), "10.2.0.1 mss 1400");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(docker_by_iptables_and_we_forward_ports_side_by_side, remove_container),
                cmocka_unit_test_teardown(docker_by_nft_and_we_forward_ports_side_by_side, remove_container),
                cmocka_unit_test_teardown(ufw_and_we_live_side_by_side, calm),
                cmocka_unit_test_teardown(fail2ban_and_we_live_side_by_side, calm),
                cmocka_unit_test_teardown(reverse_path_rules_are_named_unless_loose, calm),
                cmocka_unit_test_teardown(reverse_path_matches_of_iptables_are_named_unless_loose, calm),
                cmocka_unit_test_teardown(rejects_and_chains_below_are_counted_once, calm),
                cmocka_unit_test_teardown(what_others_flush_is_noticed_and_applied_again, calm),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, topology, context_teardown);
}
