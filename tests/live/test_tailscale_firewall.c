/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our nftables table beside the ones of a real tailscaled: nas carries a LAN for laptop, and we filter and translate on nas. */
#include "unit/test.h"

#include "live/mesh.h"

#include <fabricnet/nat.h>

#define HOST(name) FBN_OPTIONS(fbn_tailscale_options, .socket = MESH "/" name "/sock", .timeout_ms = 20000)

/* Enrolled, with what it serves approved. */
static void enrol(fbn_context *c, fbn_headscale *api, const fbn_tailscale_options *options, const fbn_tailscale_prefs *want, const fbn_prefix *lan)
{
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        FBN_CLEANUP(fbn_secret) key = mesh_key(c, api);
        const fbn_headscale_node *node;

        assert_ok(c, fbn_tailscale_enrol(c, options, want, key, NULL));
        node = mesh_node(c, api, want->host_name, &nodes);
        assert_non_null(node);
        if (lan)
                assert_ok(c, fbn_headscale_node_approve(c, api, node->id, lan, 1));
}

static int setup(void **state)
{
        fbn_context *control;
        fbn_headscale *api;
        fbn_prefix lan;

        mesh_start();
        mesh_host("nas", 11);
        mesh_host("laptop", 12);
        namespace_new("lan");
        namespace_join("nas", "lan0", "192.168.8.2/24", "lan", "eth0", "192.168.8.10/24");
        command("ip netns exec nas sysctl -qw net.ipv4.ip_forward=1");
        fbn_prefix_parse("192.168.8.0/24", &lan);
        control = namespace_context("control");
        api = mesh_api(control, MESH_URL, MESH "/server.pem", MESH "/api.key");
        enrol(control, api, HOST("nas"),
              FBN_OPTIONS(fbn_tailscale_prefs, .set = FBN_TAILSCALE_SET_LOGIN_SERVER | FBN_TAILSCALE_SET_HOST_NAME | FBN_TAILSCALE_SET_ADVERTISE_ROUTES,
                          .login_server = MESH_URL, .host_name = "nas", .advertise_routes = &lan, .n_advertise_routes = 1), &lan);
        enrol(control, api, HOST("laptop"),
              FBN_OPTIONS(fbn_tailscale_prefs, .set = FBN_TAILSCALE_SET_LOGIN_SERVER | FBN_TAILSCALE_SET_HOST_NAME | FBN_TAILSCALE_SET_ACCEPT_ROUTES,
                          .login_server = MESH_URL, .host_name = "laptop", .accept_routes = true), NULL);
        fbn_headscale_unref(api);
        fbn_context_unref(control);
        *state = namespace_context("nas");
        return 0;
}

static char *others(void)
{
        return command_output("ip netns exec nas nft -s list ruleset | sed '/^table inet fabricnet {/,/^}/d'");
}

static void apply(fbn_context *c, const fbn_nat_rule *rules, size_t count)
{
        FBN_CLEANUP(fbn_nat) want = NULL;

        assert_ok(c, fbn_nat_new(c, &want));
        for (size_t i = 0; i < count; i++)
                assert_ok(c, fbn_nat_add(c, want, &rules[i]));
        assert_ok(c, fbn_nat_apply(c, want, NULL, NULL));
}

static void tailscaled_and_we_live_side_by_side(void **state)
{
        static const char ping[] = "ip netns exec laptop ping -c 1 -W 2 192.168.8.10 >/dev/null";
        const fbn_nat_rule drop = {.size = sizeof(drop), .kind = FBN_NAT_DROP, .name = "no ping", .in_device = "tailscale0", .protocol = "icmp"};
        const fbn_nat_rule quiet[] = {
                {.size = sizeof(drop), .kind = FBN_NAT_CLAMP_MSS, .name = "mss", .out_device = "tailscale0"},
                {.size = sizeof(drop), .kind = FBN_NAT_MASQUERADE, .name = "out", .out_device = "eth0"},
                {.size = sizeof(drop), .kind = FBN_NAT_COUNT, .name = "count", .at = FBN_NAT_INPUT, .in_device = "tailscale0"},
        };
        FBN_CLEANUP(fbn_nat_foreigns) foreigns = NULL;
        fbn_context *c = *state;
        char *before, *after;

        command_until("%s", ping);
        before = others();
        assert_non_null(strstr(before, "ts-forward")); /* it writes nftables, as told */
        assert_ok(c, fbn_nat_foreign_list(c, &foreigns));
        for (size_t i = 0; i < fbn_nat_foreigns_count(foreigns); i++)
                assert_int_not_equal(fbn_nat_foreigns_at(foreigns, i)->kind, FBN_NAT_FORWARD_POLICY);
        apply(c, &drop, 1);
        assert_int_not_equal(command_try("%s", ping), 0);
        apply(c, quiet, 3);
        command_until("%s", ping);
        after = others();
        assert_string_equal(before, after);
        free(after);
        apply(c, NULL, 0);
        after = others();
        assert_string_equal(before, after);
        command_until("%s", ping);
        free(before);
        free(after);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(tailscaled_and_we_live_side_by_side)};

        namespace_sandbox();
        return cmocka_run_group_tests(tests, setup, NULL);
}
