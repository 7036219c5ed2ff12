/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/fabric.h>

/* A server, a home router and a phone around one outside network, brought up from one file; a LAN host behind the router. /run is
 * shared, so the interfaces of the three wireguard-go have names of their own. */

#define HOSTS                                                                                                                              \
        "\"vps\": { \"interfaces\": { \"eth0\": { \"wan\": true } }, \"forwarding\": true },\n"                                            \
        "\"router\": { \"interfaces\": { \"eth0\": { \"wan\": true }, \"lan0\": { \"address\": \"192.168.8.1\" } }, \"forwarding\": true " \
        "},\n"                                                                                                                             \
        "\"tv\": { \"manager\": \"none\", \"interfaces\": { \"eth0\": { \"address\": \"192.168.8.50\" } } },\n"                            \
        "\"phone\": { \"interfaces\": { \"eth0\": { \"wan\": true } } }"
#define PREFIXES "\"lan\": { \"prefix\": \"192.168.8.0/24\", \"at\": \"router\" }, \"wg\": \"172.26.5.0/24\""
#define NAT "\"vps\": [{ \"masquerade\": [\"wg\"], \"out\": { \"interface\": \"eth0\" } }],\n"                                 \
            "\"router\": [{ \"masquerade\": [\"lan\"], \"out\": { \"tunnel\": \"s2s\" } }]"

static char *public_keys[3];

static void write_keys(void)
{
        static const char *const hosts[] = {"vps", "router", "phone"};

        command("mkdir -p /run/fabric/secrets");
        for (size_t i = 0; i < 3; i++) {
                command("umask 077 && wg genkey > /run/fabric/secrets/%s.key", hosts[i]);
                public_keys[i] = command_output("wg pubkey < /run/fabric/secrets/%s.key | tr -d '\\n'", hosts[i]);
        }
        command("umask 077 && wg genpsk > /run/fabric/secrets/router.psk");
}

static int start(void **state)
{
        static const char *const hosts[] = {"vps", "router", "phone"};

        namespace_new("outside");
        command("ip -n outside link add br0 type bridge && ip -n outside link set br0 up && ip -n outside address add 192.0.2.254/24 dev "
                "br0 && "
                "ip -n outside address add 203.0.113.9/32 dev lo");
        for (int i = 0; i < 3; i++) {
                namespace_new(hosts[i]);
                command("ip link add eth0 netns %s type veth peer name %s netns outside && ip -n outside link set %s master br0 up && "
                        "ip -n %s address add 192.0.2.%d/24 dev eth0 && ip -n %s link set eth0 up && ip -n %s route add default via "
                        "192.0.2.254",
                        hosts[i], hosts[i], hosts[i], hosts[i], i + 1, hosts[i], hosts[i]);
        }
        namespace_new("tv");
        namespace_join("router", "lan0", "192.168.8.1/24", "tv", "eth0", "192.168.8.50/24");
        command("ip -n tv route add default via 192.168.8.1");
        write_keys();
        return 0;
}

static int stop(void **state)
{
        static const char *const hosts[] = {"vps", "router", "phone", "tv", "outside"};

        for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
                namespace_delete(hosts[i]);
        for (size_t i = 0; i < 3; i++)
                free(public_keys[i]);
        return 0;
}

static fbn_fabric *fabric_of(fbn_context *c, const char *rest)
{
        fbn_fabric *fabric = NULL;
        char text[8192];

        snprintf(text, sizeof(text),
                 "{ \"fabric\": 1, \"name\": \"t\", \"defaults\": { \"mtu\": 1280 },\n\"prefixes\": { " PREFIXES " },\n\"hosts\": { " HOSTS
                 " }%s }",
                 rest);
        assert_ok(c, fbn_fabric_load(c, "/run/fabric/fabric.json", text, &fabric));
        return fabric;
}

static fbn_fabric *whole_fabric(fbn_context *c, const char *endpoint)
{
        char rest[4096];

        snprintf(rest, sizeof(rest),
                 ",\n\"wireguard\": { \"s2s\": { \"prefix\": \"wg\", \"members\": {\n"
                 "\"vps\": { \"address\": \"172.26.5.155\", \"interface\": \"wgv\", \"endpoint\": \"%s\", \"public_key\": \"%s\",\n"
                 "           \"private_key\": { \"file\": \"secrets/vps.key\" } },\n"
                 "\"router\": { \"address\": \"172.26.5.1\", \"interface\": \"wgr\", \"announces\": [\"lan\"], \"keepalive\": \"25s\", "
                 "\"public_key\": \"%s\",\n"
                 "              \"private_key\": { \"file\": \"secrets/router.key\" }, \"preshared_key\": { \"file\": "
                 "\"secrets/router.psk\" } },\n"
                 "\"phone\": { \"address\": \"172.26.5.20\", \"interface\": \"wgp\", \"road_warrior\": true, \"keepalive\": \"25s\", "
                 "\"public_key\": \"%s\",\n"
                 "             \"private_key\": { \"file\": \"secrets/phone.key\" } } } } },\n\"nat\": { " NAT " }",
                 endpoint, public_keys[0], public_keys[1], public_keys[2]);
        return fabric_of(c, rest);
}

static int apply_on(const char *host, fbn_fabric *(*make)(fbn_context *c, const char *endpoint), const char *endpoint)
{
        FBN_CLEANUP(fbn_context) c = namespace_context(host);
        FBN_CLEANUP(fbn_fabric) fabric = make(c, endpoint);
        FBN_CLEANUP(fbn_plan) done = NULL;
        int r = fbn_fabric_apply(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = host), &done);

        if (r < 0)
                fail_msg("%s: %s", host, fbn_context_error(c));
        assert_int_equal(r, fbn_plan_count(done));
        for (size_t i = 0; i < fbn_plan_count(done); i++) {
                assert_non_null(fbn_plan_at(done, i)->reason);
                assert_true(fbn_plan_at(done, i)->line > 0);
        }
        return r;
}

static int apply_whole(const char *host)
{
        return apply_on(host, whole_fabric, "192.0.2.1:51820");
}

static int plan_whole(const char *host)
{
        FBN_CLEANUP(fbn_context) c = namespace_context(host);
        FBN_CLEANUP(fbn_fabric) fabric = whole_fabric(c, "192.0.2.1:51820");
        FBN_CLEANUP(fbn_plan) plan = NULL;
        int r = fbn_fabric_plan(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = host), &plan);

        if (r < 0)
                fail_msg("%s: %s", host, fbn_context_error(c));
        return r;
}

static void is(char *have, const char *want)
{
        assert_string_equal(have, want);
        free(have);
}

static void a_plan_says_all_and_changes_nothing(void **state)
{
        /* An address of IPv6 is tentative for a second, whoever looks. */
        static const char state_of_vps[] = "ip -n vps -j addr | jq -c '.[] | [.ifname, .mtu, .operstate, (.addr_info[] | [.local, .prefixlen])]'; ip -n vps rule; "
                                           "ip netns exec vps nft list ruleset; ip netns exec vps sysctl net.ipv4.ip_forward";
        char *before = command_output(state_of_vps);
        int steps = plan_whole("vps");

        assert_true(steps > 10);
        is(command_output(state_of_vps), before);
        free(before);
        assert_int_equal(apply_whole("vps"), steps); /* and that is what is done */
}

static void three_hosts_come_up_from_one_file(void **state)
{
        char want[512];

        assert_true(apply_whole("router") > 0);
        assert_true(apply_whole("phone") > 0);
        command("ip netns exec vps ping -qc 1 -W 5 172.26.5.1");
        command("ip netns exec vps ping -qc 1 -W 5 192.168.8.50");
        command("ip netns exec tv ping -qc 1 -W 5 172.26.5.155");
        command("ip netns exec phone ping -qc 1 -W 5 172.26.5.1");
        command("ip netns exec phone ping -qc 1 -W 5 203.0.113.9");
        snprintf(want, sizeof(want), "%s\t172.26.5.1/32 192.168.8.0/24\n%s\t172.26.5.20/32\n", public_keys[1], public_keys[2]);
        if (strcmp(public_keys[1], public_keys[2]) > 0)
                snprintf(want, sizeof(want), "%s\t172.26.5.20/32\n%s\t172.26.5.1/32 192.168.8.0/24\n", public_keys[2], public_keys[1]);
        is(command_output("ip netns exec vps wg show wgv allowed-ips | sort"), want);
        is(command_output("ip -n vps -j link show wgv | jq -r '.[] | \"\\(.mtu) \\(.ifalias)\"'"), "1280 fabricnet:t\n");
        is(command_output("ip -n vps -j route show proto 251 | jq -r '.[] | \"\\(.dst) \\(.dev)\"'"), "192.168.8.0/24 wgv\n");
        is(command_output("ip -n router -j route show proto 251 | jq -r '.[] | \"\\(.dst) \\(.dev)\"'"), "");
        is(command_output("ip -n phone route get 203.0.113.9 | grep -o 'dev [a-z0-9]*'"), "dev wgp\n");
        is(command_output("ip -n phone route get 203.0.113.9 mark 25100 | grep -o 'dev [a-z0-9]*'"), "dev eth0\n");
}

static void a_second_apply_does_nothing(void **state)
{
        assert_int_equal(apply_whole("vps"), 0);
        assert_int_equal(apply_whole("router"), 0);
        assert_int_equal(apply_whole("phone"), 0);
        assert_int_equal(plan_whole("phone"), 0);
}

static const fbn_fabric_fact *fact_of(const fbn_fabric_status *status, const char *object)
{
        for (size_t i = 0; i < fbn_fabric_status_count(status); i++)
                if (streq(fbn_fabric_status_at(status, i)->object, object))
                        return fbn_fabric_status_at(status, i);
        fail_msg("no fact about %s", object);
        return NULL;
}

static void status_tells_handshakes_and_differences(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("router");
        FBN_CLEANUP(fbn_fabric) fabric = whole_fabric(c, "192.0.2.1:51820");
        FBN_CLEANUP(fbn_fabric_status) well = NULL;
        FBN_CLEANUP(fbn_fabric_status) ill = NULL;

        assert_int_equal(fbn_fabric_status_get(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "router"), &well), 0);
        assert_int_equal(fact_of(well, "wgr: peer vps")->health, FBN_HEALTH_OK);
        assert_non_null(strstr(fact_of(well, "wgr: peer vps")->text, " s ago, received "));
        command("ip -n router link set wgr mtu 1300 && ip netns exec router wg set wgr peer '%s' remove", public_keys[0]);
        assert_int_equal(fbn_fabric_status_get(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "router"), &ill), 3);
        assert_int_equal(fact_of(ill, "wgr: peer vps")->health, FBN_HEALTH_DOWN);
        assert_string_equal(fact_of(ill, "wgr: peer vps")->text, "not configured");
        assert_int_equal(fbn_plan_count(fbn_fabric_status_plan(ill)), 2);
        assert_string_equal(fbn_plan_at(fbn_fabric_status_plan(ill), 1)->reason, "tunnel s2s: peer vps");
        assert_int_equal(apply_whole("router"), 2);
        command("ip netns exec tv ping -qc 1 -W 5 172.26.5.155");
}

static void status_names_a_foreign_chain_that_drops_what_we_forward(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("router");
        FBN_CLEANUP(fbn_fabric) fabric = whole_fabric(c, "192.0.2.1:51820");
        FBN_CLEANUP(fbn_fabric_status) status = NULL;

        command("ip netns exec router nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; };"
                "add rule ip filter FORWARD tcp dport 1 drop'");
        assert_int_equal(fbn_fabric_status_get(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "router"), &status), 1);
        assert_int_equal(fact_of(status, "foreign forward policy")->health, FBN_HEALTH_WARNING);
        assert_non_null(strstr(fact_of(status, "foreign forward policy")->text, "table ip filter, chain FORWARD"));
        assert_non_null(strstr(fact_of(status, "foreign forward rules")->text, "1 rules of or below table ip filter, chain FORWARD"));
        command("ip netns exec router nft delete table ip filter");
}

static void what_nixos_makes_itself_is_not_called_different(void **state)
{
        static const char text[] = "{\"fabric\": 1, \"name\": \"n\", \"prefixes\": {\"wg\": \"10.9.0.0/24\"}, "
                                   "\"hosts\": {\"a\": {\"manager\": \"nixos\", \"forwarding\": true}, \"b\": {}}, "
                                   "\"wireguard\": {\"t\": {\"prefix\": \"wg\", \"members\": {"
                                   "\"a\": {\"address\": \"10.9.0.1\", \"endpoint\": \"192.0.2.7:51820\", \"public_key\": \"ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=\"}, "
                                   "\"b\": {\"address\": \"10.9.0.2\", \"public_key\": \"PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0=\"}}}}}";
        FBN_CLEANUP(fbn_context) c = namespace_context("tv");
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_fabric_status) status = NULL;

        assert_ok(c, fbn_fabric_load(c, "n.json", text, &fabric));
        assert_int_equal(fbn_fabric_status_get(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "a", .ignore_errors = true), &status), 1);
        assert_int_equal(fbn_plan_count(fbn_fabric_status_plan(status)), 0);
        assert_string_equal(fbn_fabric_status_at(status, 0)->text, "the interface is not there");
}

static void the_outside_sees_the_servers_address_for_the_phone(void **state)
{
        command("ip netns exec outside sh -c 'timeout 5 tcpdump -c 1 -nli br0 icmp and dst 203.0.113.9 > /run/seen 2>/dev/null & sleep "
                "0.5; "
                "ip netns exec phone ping -c 2 -i 0.2 -W 2 203.0.113.9 > /dev/null; wait'");
        command("grep -q 'IP 192.0.2.1 > 203.0.113.9' /run/seen");
}

static void drift_is_repaired(void **state)
{
        command("ip -n vps route delete 192.168.8.0/24 && ip -n vps link set wgv mtu 1400 && ip -n vps address delete 172.26.5.155/24 dev "
                "wgv && "
                "ip netns exec vps sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.wgv.rp_filter=1 && "
                "ip netns exec vps nft flush chain inet fabricnet postrouting && ip netns exec vps wg set wgv peer '%s' allowed-ips "
                "192.168.8.0/24",
                public_keys[1]);
        assert_true(apply_whole("vps") >= 6);
        command("ip netns exec vps ping -qc 1 -W 5 192.168.8.50");
        command("ip netns exec phone ping -qc 1 -W 5 203.0.113.9");
        is(command_output("ip -n vps -j link show wgv | jq '.[].mtu'"), "1280\n");
        is(command_output("ip netns exec vps sysctl -n net.ipv4.conf.all.rp_filter net.ipv4.conf.wgv.rp_filter"), "2\n2\n");
        assert_int_equal(apply_whole("vps"), 0);
}

static void a_missing_key_is_named_before_anything_changes(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("router");
        FBN_CLEANUP(fbn_fabric) fabric = whole_fabric(c, "192.0.2.1:51820");

        command("ip -n router link set wgr mtu 1300 && mv /run/fabric/secrets/router.psk /run/fabric/secrets/away");
        assert_failed(c, fbn_fabric_apply(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "router"), NULL), FBN_ENOENT,
                      "/wireguard/s2s/members/router/preshared_key: /run/fabric/secrets/router.psk: no such secret file");
        command("mv /run/fabric/secrets/away /run/fabric/secrets/router.psk && chmod 644 /run/fabric/secrets/router.psk");
        assert_failed(c, fbn_fabric_apply(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "router"), NULL), FBN_EPERM, "chmod 600");
        command("chmod 600 /run/fabric/secrets/router.psk && cp /run/fabric/secrets/phone.key /run/fabric/secrets/other && "
                "mv /run/fabric/secrets/router.key /run/fabric/secrets/away && mv /run/fabric/secrets/other "
                "/run/fabric/secrets/router.key");
        assert_failed(c, fbn_fabric_apply(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "router"), NULL), FBN_EINVAL,
                      "does not belong to the declared \"public_key\" of 'router'");
        command("mv /run/fabric/secrets/away /run/fabric/secrets/router.key && chmod 644 /run/fabric/secrets/router.*");
        assert_failed(c, fbn_fabric_apply(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "router"), NULL), FBN_EPERM,
                      "2 secrets are no good: /wireguard/s2s/members/router/private_key: /run/fabric/secrets/router.key: ");
        assert_non_null(strstr(fbn_context_error(c), "; /wireguard/s2s/members/router/preshared_key: "));
        command("chmod 600 /run/fabric/secrets/router.*");
        is(command_output("ip -n router -j link show wgr | jq '.[].mtu'"), "1300\n");
        assert_int_equal(apply_whole("router"), 1);
}

static void a_clash_is_found_before_anything_changes(void **state)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_fabric) fabric = NULL;

        namespace_new("other");
        command("ip -n other link add eth0 type veth peer name far && ip netns exec other nft add table inet fabricnet");
        c = namespace_context("other");
        fabric = whole_fabric(c, "192.0.2.1:51820");
        assert_failed(c, fbn_fabric_apply(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "vps"), NULL), FBN_ECONFLICT, "host vps: ");
        is(command_output("ip -n other -j link show type tun | jq -c . && ip netns exec other sysctl -n net.ipv4.ip_forward"), "[]\n0\n");
        namespace_delete("other");
}

static fbn_fabric *without_tunnel(fbn_context *c, const char *endpoint)
{
        return fabric_of(c, "");
}

static void what_is_no_longer_declared_goes_and_what_is_foreign_stays(void **state)
{
        static const char foreign[] = "ip -n phone -j route show proto static | jq -c . && ip -n phone rule show pref 100 && ip netns exec "
                                      "phone nft -s list table ip theirs && "
                                      "ip -n phone -j link show theirs0 | jq -c '.[].ifname'";
        char *before;

        command("ip -n phone route add 198.51.100.0/24 via 192.0.2.254 proto static && ip -n phone rule add pref 100 fwmark 7 table 77 && "
                "ip netns exec phone nft add table ip theirs && ip -n phone link add theirs0 type veth peer name theirs1");
        before = command_output("%s", foreign);
        assert_true(apply_on("phone", without_tunnel, NULL) > 0);
        is(command_output("%s", foreign), before);
        free(before);
        assert_int_equal(command_try("ip -n phone link show wgp 2>/dev/null"), 1);
        is(command_output("ip -n phone rule show | grep -c 'proto 251' || true"), "0\n");
        is(command_output("ip -n phone route show table all proto 251"), "");
        assert_int_equal(apply_on("phone", without_tunnel, NULL), 0);
        assert_true(apply_on("vps", without_tunnel, NULL) > 0);
        assert_int_equal(command_try("ip netns exec vps nft list table inet fabricnet 2>/dev/null"), 1);
}

static void report(void *data, const char *step)
{
        if (strstr(step, "does not resolve"))
                ++*(int *)data;
}

static void a_name_that_does_not_resolve_stops_nothing_else(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("phone");
        FBN_CLEANUP(fbn_fabric) fabric = whole_fabric(c, "vps.invalid:51820");
        fbn_plan *plan = NULL;
        int reports = 0;

        assert_ok(c,
                  fbn_fabric_apply(c, fabric,
                                   FBN_OPTIONS(fbn_fabric_options, .host = "phone", .progress = report, .progress_data = &reports), NULL));
        assert_int_equal(reports, 1);
        command("ip -n phone link show wgp && ip -n phone -j route show table 25100 | jq -e 'length == 1'");
        assert_int_equal(fbn_fabric_plan(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "phone"), &plan), 1);
        assert_string_equal(fbn_plan_at(plan, 0)->after, "vps.invalid:51820");
        fbn_plan_unref(plan);
}

static void hosts_that_are_not_there_or_not_ours_are_refused(void **state)
{
        FBN_CLEANUP(fbn_context) c = namespace_context("phone");
        FBN_CLEANUP(fbn_fabric) fabric = whole_fabric(c, "192.0.2.1:51820");

        assert_failed(c, fbn_fabric_plan(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "fone"), NULL), FBN_EINVAL, "no host 'fone'");
        assert_failed(c, fbn_fabric_plan(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "tv"), NULL), FBN_EINVAL,
                      "without our software");
        assert_failed(c, fbn_fabric_apply(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "router"), NULL), FBN_ENOENT,
                      "no interface 'lan0'");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_plan_says_all_and_changes_nothing),
                cmocka_unit_test(three_hosts_come_up_from_one_file),
                cmocka_unit_test(a_second_apply_does_nothing),
                cmocka_unit_test(status_tells_handshakes_and_differences),
                cmocka_unit_test(status_names_a_foreign_chain_that_drops_what_we_forward),
                cmocka_unit_test(what_nixos_makes_itself_is_not_called_different),
                cmocka_unit_test(the_outside_sees_the_servers_address_for_the_phone),
                cmocka_unit_test(drift_is_repaired),
                cmocka_unit_test(a_missing_key_is_named_before_anything_changes),
                cmocka_unit_test(a_clash_is_found_before_anything_changes),
                cmocka_unit_test(what_is_no_longer_declared_goes_and_what_is_foreign_stays),
                cmocka_unit_test(a_name_that_does_not_resolve_stops_nothing_else),
                cmocka_unit_test(hosts_that_are_not_there_or_not_ours_are_refused),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, start, stop);
}
