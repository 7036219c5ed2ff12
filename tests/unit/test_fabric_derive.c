/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "fabric/desired.h"

#include <fabricnet/fabric.h>
#include <stdio.h>
#include <stdlib.h>

#define HOMELAB TESTS_DIRECTORY "/../examples/homelab/fabric.json"
#define KEY(n) "\"public_key\": \"" n "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\""

static int compare_text(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Both are lists of words between spaces; their order does not count. */
static void same_words(char *have, const char *want)
{
        char *a[64] = {0}, *b[64] = {0}, *copy = strdup(want), *saved;
        size_t n = 0, m = 0;

        for (char *word = strtok_r(have, " ", &saved); word; word = strtok_r(NULL, " ", &saved))
                a[n++] = word;
        for (char *word = strtok_r(copy, " ", &saved); word; word = strtok_r(NULL, " ", &saved))
                b[m++] = word;
        qsort(a, n, sizeof(*a), compare_text);
        qsort(b, m, sizeof(*b), compare_text);
        for (size_t i = 0; i < n || i < m; i++)
                if (!a[i] || !b[i] || strcmp(a[i], b[i]) != 0)
                        fail_msg("have '%s', wanted '%s' (of: %s)", a[i] ? a[i] : "nothing", b[i] ? b[i] : "nothing", want);
        free(copy);
}

static void allowed_ips_are(const fbn_fabric *fabric, const char *at, const char *peer, const char *want)
{
        const struct member *self = fabric_host(fabric, at)->memberships;
        char have[1024] = "", text[FBN_ADDRESS_TEXT];
        struct arena arena = {0};
        struct peers peers;

        assert_true(member_peers(&arena, self, &peers));
        for (size_t i = 0; i < peers.n; i++)
                for (size_t j = 0; streq(peers.items[i].member->host->name, peer) && j < peers.items[i].n_allowed_ips; j++) {
                        strcat(have, fbn_prefix_format(&peers.items[i].allowed_ips[j], text, sizeof(text)));
                        strcat(have, " ");
                }
        same_words(have, want);
        arena_free(&arena);
}

static size_t count_peers(const fbn_fabric *fabric, const char *at)
{
        struct arena arena = {0};
        struct peers peers;

        assert_true(member_peers(&arena, fabric_host(fabric, at)->memberships, &peers));
        arena_free(&arena);
        return peers.n;
}

static void the_reference_network_has_its_allowed_ips(void **state)
{
        FBN_CLEANUP(fbn_fabric) f = NULL;

        assert_ok(*state, fbn_fabric_load_file(*state, HOMELAB, &f));
        allowed_ips_are(f, "vps", "pfsense", "192.168.8.0/24 192.168.20.0/24 172.26.5.1/32");
        allowed_ips_are(f, "vps", "phone", "172.26.5.20/32");
        allowed_ips_are(f, "pfsense", "vps", "172.26.5.0/24");
        allowed_ips_are(f, "phone", "vps", "0.0.0.0/0");
        assert_int_equal(count_peers(f, "vps"), 2);
        assert_int_equal(count_peers(f, "pfsense"), 1);
        assert_int_equal(count_peers(f, "phone"), 1);
}

static void pairs_share_the_key_of_the_one_that_asks(void **state)
{
        FBN_CLEANUP(fbn_fabric) f = NULL;
        struct arena arena = {0};
        struct peers at_vps, at_pfsense;

        assert_ok(*state, fbn_fabric_load_file(*state, HOMELAB, &f));
        assert_true(member_peers(&arena, fabric_host(f, "vps")->memberships, &at_vps));
        assert_true(member_peers(&arena, fabric_host(f, "pfsense")->memberships, &at_pfsense));
        assert_string_equal(at_vps.items[0].preshared_key->file, "secrets/pfsense.psk");
        assert_string_equal(at_vps.items[1].preshared_key->file, "secrets/phone.psk");
        assert_ptr_equal(at_pfsense.items[0].preshared_key, at_vps.items[0].preshared_key);
        arena_free(&arena);
}

/* hub forwards and is reached by all; second is reached too but does not forward. */
static void without_a_sole_relay_each_address_stands_alone(void **state)
{
        static const char text[] =
                "{ \"fabric\": 1, \"name\": \"t\", \"prefixes\": { \"wg\": \"10.9.0.0/24\", \"far\": \"10.7.0.0/24\", \"own\": "
                "\"10.8.0.0/24\" },\n"
                "\"hosts\": { \"hub\": { \"forwarding\": true }, \"second\": {}, \"a\": { \"interfaces\": { \"eth0\": { \"address\": "
                "\"10.8.0.5\" } } },\n"
                "  \"b\": { \"forwarding\": true } },\n"
                "\"wireguard\": { \"t\": { \"prefix\": \"wg\", \"members\": {\n"
                "  \"hub\": { \"address\": \"10.9.0.1\", \"endpoint\": \"192.0.2.1:1\", " KEY(
                        "B") " },\n"
                             "  \"second\": { \"address\": \"10.9.0.2\", \"endpoint\": \"192.0.2.2:1\", " KEY(
                                     "C") " },\n"
                                          "  \"a\": { \"address\": \"10.9.0.3\", " KEY(
                                                  "D") " },\n"
                                                       "  \"b\": { \"address\": \"10.9.0.4\", \"announces\": [\"far\", \"own\"], " KEY(
                                                               "E") " } } } } }";
        FBN_CLEANUP(fbn_fabric) f = NULL;

        assert_ok(*state, fbn_fabric_load(*state, "t.json", text, &f));
        allowed_ips_are(f, "a", "hub", "10.9.0.1/32 10.9.0.4/32 10.7.0.0/24"); /* not "own": a is on it */
        allowed_ips_are(f, "a", "second", "10.9.0.2/32");
        allowed_ips_are(f, "a", "b", "");
        allowed_ips_are(f, "b", "hub", "10.9.0.1/32 10.9.0.3/32");
        allowed_ips_are(f, "hub", "b", "10.9.0.4/32 10.7.0.0/24 10.8.0.0/24");
        allowed_ips_are(f, "hub", "second", "10.9.0.2/32");
        assert_int_equal(count_peers(f, "hub"), 3);
}

static void derive(fbn_context *c, const char *host, fbn_fabric **ret_fabric, struct desired **ret_desired)
{
        assert_ok(c, fbn_fabric_load_file(c, HOMELAB, ret_fabric));
        assert_ok(c, desired_new(c, *ret_fabric, fabric_host(*ret_fabric, host), ret_desired));
}

static void routes_are(const struct desired *desired, const char *want)
{
        char have[1024] = "", text[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < fbn_routes_count(desired->routes); i++) {
                const fbn_route *route = fbn_routes_at(desired->routes, i);

                sprintf(have + strlen(have), "%s@%s/%u ", fbn_prefix_format(&route->destination, text, sizeof(text)), route->device,
                        route->table);
        }
        same_words(have, want);
}

static void nat_is(const struct desired *desired, const char *want)
{
        char have[2048] = "";

        for (size_t i = 0; i < fbn_nat_count(desired->nat); i++) {
                const fbn_nat_rule *rule = fbn_nat_at(desired->nat, i);

                sprintf(have + strlen(have), "%d:%s>%s:%u:%zu:%u ", rule->kind, rule->in_device ? rule->in_device : "",
                        rule->out_device ? rule->out_device : "", rule->mss, rule->n_sources, rule->source_port);
        }
        same_words(have, want);
}

static void sysctls_are(const struct desired *desired, const char *want)
{
        char have[1024] = "";

        for (size_t i = 0; i < fbn_sysctls_count(desired->sysctls); i++)
                sprintf(have + strlen(have), "%s=%d ", fbn_sysctls_at(desired->sysctls, i)->key,
                        (int)fbn_sysctls_at(desired->sysctls, i)->value);
        same_words(have, want);
}

static void the_reference_server_gets_routes_rules_and_nat(void **state)
{
        _cleanup_(desired_freep) struct desired *d = NULL;
        FBN_CLEANUP(fbn_fabric) f = NULL;
        char text[FBN_ADDRESS_TEXT];

        derive(*state, "vps", &f, &d);
        assert_string_equal(d->alias, "fabricnet:home");
        assert_string_equal(fbn_prefix_format(&d->tunnels[0].address, text, sizeof(text)), "172.26.5.155/24");
        routes_are(d, "192.168.8.0/24@wg0/0 192.168.20.0/24@wg0/0");
        assert_int_equal(fbn_rules_count(d->rules), 0);
        sysctls_are(d, "net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.default.rp_filter=2");
        nat_is(d, "1:>eth0:0:1:0 4:>wg0:0:0:0 4:wg0>:1240:0:0 5:>wg0:0:0:41641 4:>tailscale0:0:0:0 4:tailscale0>:1240:0:0");
}

static void the_reference_router_masquerades_towards_the_tunnel(void **state)
{
        _cleanup_(desired_freep) struct desired *d = NULL;
        FBN_CLEANUP(fbn_fabric) f = NULL;

        derive(*state, "pfsense", &f, &d);
        routes_are(d, "");
        /* into the storage network two prefixes and the addresses of two hosts, two each; then nobody */
        nat_is(d, "1:>tun_wg0:0:2:0 1:>wan0:0:2:0 2:>:0:6:0 3:>:0:0:0 4:>tun_wg0:0:0:0 4:tun_wg0>:1240:0:0 5:>tun_wg0:0:0:41641 4:>tailscale0:0:0:0 "
                  "4:tailscale0>:1240:0:0");
}

static void a_road_warrior_routes_by_mark_behind_tailscales_rules(void **state)
{
        _cleanup_(desired_freep) struct desired *d = NULL;
        FBN_CLEANUP(fbn_fabric) f = NULL;

        derive(*state, "phone", &f, &d);
        assert_int_equal(d->tunnels[0].mark, 25100);
        assert_int_equal(d->tunnels[0].mark & 0xff0000, 0); /* Tailscale's bits */
        routes_are(d, "0.0.0.0/0@wg0/25100");
        assert_int_equal(fbn_rules_count(d->rules), 2);
        for (size_t i = 0; i < 2; i++)
                assert_in_range(fbn_rules_at(d->rules, i)->priority, 5271, 32765);
        assert_true(fbn_rules_at(d->rules, 0)->priority < fbn_rules_at(d->rules, 1)->priority);
        assert_int_equal(fbn_rules_at(d->rules, 0)->suppress_prefix_length, 1);
        assert_int_equal(fbn_rules_at(d->rules, 0)->table, 254);
        assert_true(fbn_rules_at(d->rules, 1)->invert);
        assert_int_equal(fbn_rules_at(d->rules, 1)->fwmark, 25100);
        sysctls_are(d, "net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.default.rp_filter=2 net.ipv4.conf.all.src_valid_mark=1");
        nat_is(d, "5:>wg0:0:0:41641");
}

static void a_host_in_no_tunnel_gets_its_settings_only(void **state)
{
        _cleanup_(desired_freep) struct desired *d = NULL;
        FBN_CLEANUP(fbn_fabric) f = NULL;

        derive(*state, "nas", &f, &d);
        routes_are(d, "");
        nat_is(d, "4:>tailscale0:0:0:0 4:tailscale0>:1240:0:0");
        assert_int_equal(d->n_devices, 1);
}

static void changes_find_their_causes(void **state)
{
        _cleanup_(desired_freep) struct desired *d = NULL;
        FBN_CLEANUP(fbn_fabric) f = NULL;

        derive(*state, "vps", &f, &d);
        assert_string_equal(desired_cause(d, "route", "route 192.168.20.0/24")->reason, "tunnel s2s: lies behind pfsense");
        assert_string_equal(desired_cause(d, "wireguard", "wg0: peer lDK5y5rDQ/36Kv/KknrEny9rr71LHdPIa9U3YbGZ3y4=")->pointer,
                            "/wireguard/s2s/members/phone");
        assert_string_equal(desired_cause(d, "wireguard", "wg0")->pointer, "/wireguard/s2s/members/vps");
        assert_string_equal(desired_cause(d, "nat", "nat rule 'masquerade-1'")->pointer, "/nat/vps/0");
        assert_string_equal(desired_cause(d, "sysctl", "net/ipv4/conf/wg0/rp_filter")->pointer, "/wireguard/s2s/members/vps");
        assert_null(desired_cause(d, "route", "route 10.0.0.0/8"));
}

static void forwards_become_rules_with_the_neighbours_of_their_target(void **state)
{
        static const char text[] = "{ \"fabric\": 1, \"name\": \"t\", \"hosts\": { \"vps\": { \"forwarding\": true, \"interfaces\": { \"eth0\": {} } } },\n"
                                   "  \"prefixes\": { \"all\": \"10.0.0.0/8\", \"lan\": \"10.1.0.0/24\" },\n"
                                   "  \"nat\": { \"vps\": [\n"
                                   "    { \"forward\": \"10.1.0.5:8443/tcp\", \"port\": 443, \"hairpin\": true, \"name\": \"web\" },\n"
                                   "    { \"forward\": \"[fd00::5]:53/udp\", \"in\": { \"interface\": \"eth0\" } } ] } }";
        _cleanup_(desired_freep) struct desired *d = NULL;
        FBN_CLEANUP(fbn_fabric) f = NULL;
        const fbn_nat_rule *rule;
        char address[FBN_ADDRESS_TEXT];

        assert_ok(*state, fbn_fabric_load(*state, "t.json", text, &f));
        assert_ok(*state, desired_new(*state, f, fabric_host(f, "vps"), &d));
        assert_int_equal(fbn_nat_count(d->nat), 2);
        rule = fbn_nat_at(d->nat, 0);
        assert_int_equal(rule->kind, FBN_NAT_DNAT);
        assert_string_equal(rule->name, "web");
        assert_true(rule->local);
        assert_string_equal(rule->protocol, "tcp");
        assert_int_equal(rule->destination_port, 443);
        assert_string_equal(fbn_address_format(&rule->to, address, sizeof(address)), "10.1.0.5");
        assert_int_equal(rule->to_port, 8443);
        assert_int_equal(rule->hairpin, 24);
        rule = fbn_nat_at(d->nat, 1);
        assert_string_equal(rule->name, "forward-2");
        assert_string_equal(rule->protocol, "udp");
        assert_int_equal(rule->destination_port, 53);
        assert_string_equal(rule->in_device, "eth0");
        assert_int_equal(rule->hairpin, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_reference_network_has_its_allowed_ips),
                cmocka_unit_test(pairs_share_the_key_of_the_one_that_asks),
                cmocka_unit_test(without_a_sole_relay_each_address_stands_alone),
                cmocka_unit_test(the_reference_server_gets_routes_rules_and_nat),
                cmocka_unit_test(the_reference_router_masquerades_towards_the_tunnel),
                cmocka_unit_test(a_road_warrior_routes_by_mark_behind_tailscales_rules),
                cmocka_unit_test(a_host_in_no_tunnel_gets_its_settings_only),
                cmocka_unit_test(changes_find_their_causes),
                cmocka_unit_test(forwards_become_rules_with_the_neighbours_of_their_target),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
