/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/monitor.h"
#include "netns/wireguard.h"
#include "wireguard/configuration.h"

/* The second userspace daemon, which tests/rust/build builds: boringtun here, wireguard-go there. Without boringtun-cli in $FBN_BIN, the
 * cache or PATH all is skipped and says so. */

static fbn_context *here, *there;
static fbn_secret *here_key, *there_key;
static fbn_key here_public, there_public;

#define BORINGTUN_CLI                                                                                                     \
        FBN_OPTIONS(fbn_wireguard_create_options, .backend = FBN_WIREGUARD_USERSPACE, .daemon = "boringtun-cli")

static int start(void **state)
{
        namespace_new("here");
        namespace_new("there");
        namespace_join("here", "eth0", "192.0.2.1/24", "there", "eth0", "192.0.2.2/24");
        here = namespace_context("here");
        there = namespace_context("there");
        assert_ok(here, fbn_key_generate(here, &here_key));
        assert_ok(here, fbn_key_public(here, here_key, &here_public));
        assert_ok(here, fbn_key_generate(here, &there_key));
        assert_ok(here, fbn_key_public(here, there_key, &there_public));
        return 0;
}

static int stop(void **state)
{
        fbn_secret_unref(here_key);
        fbn_secret_unref(there_key);
        fbn_context_unref(here);
        fbn_context_unref(there);
        return 0;
}

static fbn_wireguard *interface_with(fbn_context *c, const fbn_secret *key)
{
        fbn_wireguard *want;

        assert_ok(c, fbn_wireguard_new(c, FBN_OPTIONS(fbn_wireguard_interface, .private_key = key, .listen_port = 51820), &want));
        return want;
}

static void add(fbn_context *c, fbn_wireguard *want, fbn_key key, const char *endpoint, const char *allowed_ip, uint16_t keepalive)
{
        fbn_prefix allowed = prefix_of(allowed_ip);
        fbn_wireguard_peer peer = {
                .size = sizeof(peer), .public_key = key, .allowed_ips = &allowed, .n_allowed_ips = 1, .keepalive = keepalive};

        if (endpoint)
                peer.endpoint = endpoint_of(endpoint);
        assert_ok(c, fbn_wireguard_add(c, want, &peer));
}

/* As wg has it, but wg takes what boringtun says for a time. */
static const fbn_wireguard_peer *peer_of(const fbn_wireguard *have, const fbn_key *key)
{
        const fbn_wireguard_peer *peer = configuration_find(have, key);

        assert_non_null(peer);
        return peer;
}

static void a_daemon_named_by_option_is_started_and_listed(void **state)
{
        FBN_CLEANUP(fbn_wireguards) list = NULL;
        FBN_CLEANUP(fbn_wireguard) have = NULL;

        assert_int_equal(fbn_wireguard_create(here, "wgb", BORINGTUN_CLI), FBN_WIREGUARD_USERSPACE);
        command("ip netns pids here | xargs ps -o comm= -p | grep -qx boringtun-cli");
        assert_ok(here, fbn_wireguard_list(here, &list));
        assert_int_equal(fbn_wireguards_count(list), 1);
        assert_string_equal(fbn_wireguards_at(list, 0)->name, "wgb");
        assert_int_equal(fbn_wireguards_at(list, 0)->backend, FBN_WIREGUARD_USERSPACE);
        assert_ok(here, fbn_wireguard_get(here, "wgb", &have));
        assert_int_equal(fbn_wireguard_count(have), 0);
        assert_agrees_with_wg(here, "here", "wgb");
        assert_failed(here, fbn_wireguard_create(here, "wgb", BORINGTUN_CLI), FBN_EEXIST, "wgb");
}

static void peers_before_a_private_key_are_refused_and_the_daemon_lives_on(void **state)
{
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        FBN_CLEANUP(fbn_wireguard) have = NULL;

        assert_ok(here, fbn_wireguard_new(here, NULL, &want));
        add(here, want, there_public, NULL, "10.9.0.2/32", 0);
        assert_failed(here, fbn_wireguard_apply(here, "wgb", want, NULL, NULL), FBN_EINVAL, "wgb: boringtun takes peers only with a private key");
        assert_ok(here, fbn_wireguard_get(here, "wgb", &have));
        assert_int_equal(fbn_wireguard_count(have), 0);
}

static void it_shakes_hands_with_wireguard_go(void **state)
{
        FBN_CLEANUP(fbn_wireguard) want = interface_with(here, here_key);
        FBN_CLEANUP(fbn_wireguard) other = interface_with(there, there_key);
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        const fbn_wireguard_peer *peer;
        unsigned sent;

        assert_ok(there, fbn_wireguard_create(there, "wgo", FBN_OPTIONS(fbn_wireguard_create_options, .backend = FBN_WIREGUARD_USERSPACE)));
        command("ip -n here address add 10.9.0.1/24 dev wgb && ip -n here link set wgb up mtu 1280");
        command("ip -n there address add 10.9.0.2/24 dev wgo && ip -n there link set wgo up mtu 1280");
        add(there, other, here_public, NULL, "10.9.0.1/32", 0);
        assert_ok(there, fbn_wireguard_apply(there, "wgo", other, NULL, NULL));
        add(here, want, there_public, "192.0.2.2:51820", "10.9.0.2/32", 0);
        add(here, want, (fbn_key){{7}}, NULL, "10.7.0.0/24", 0);
        assert_int_equal(fbn_wireguard_apply(here, "wgb", want, NULL, NULL), 4); /* key, port, two peers */
        command("ip netns exec here ping -c1 -W5 10.9.0.2 >/dev/null");
        assert_agrees_with_wg(here, "here", "wgb");
        sent = sets_sent;
        assert_int_equal(fbn_wireguard_apply(here, "wgb", want, NULL, NULL), 0);
        assert_int_equal(sets_sent, sent);
        assert_ok(here, fbn_wireguard_get(here, "wgb", &have));
        assert_null(fbn_wireguard_interface_of(have)->private_key);
        assert_true(key_equal(&fbn_wireguard_interface_of(have)->public_key, &here_public));
        peer = peer_of(have, &there_public);
        assert_in_range(peer->last_handshake / 1000000000, time(NULL) - 10, time(NULL) + 1);
        assert_true(peer->received > 0 && peer->sent > 0);
        assert_int_equal(peer_of(have, &(fbn_key){{7}})->last_handshake, 0);
}

/* A flag of one peer would leak into the next, a change of a peer would stop the daemon for good. */
static void peers_come_change_and_go_while_another_keeps_its_session(void **state)
{
        FBN_CLEANUP(fbn_wireguard) want = interface_with(here, here_key);
        FBN_CLEANUP(fbn_wireguard) before = NULL;
        FBN_CLEANUP(fbn_wireguard) after = NULL;
        const fbn_wireguard_peer *was, *is;

        assert_ok(here, fbn_wireguard_get(here, "wgb", &before));
        add(here, want, there_public, "192.0.2.2:51820", "10.9.0.2/32", 0);
        add(here, want, (fbn_key){{8}}, "192.0.2.9:1", "10.7.0.0/24", 25); /* takes over what the peer that goes had */
        add(here, want, (fbn_key){{9}}, NULL, "10.6.0.0/24", 0);
        assert_int_equal(fbn_wireguard_apply(here, "wgb", want, NULL, NULL), 3);
        assert_agrees_with_wg(here, "here", "wgb");
        fbn_wireguard_unref(want);
        want = interface_with(here, here_key);
        add(here, want, there_public, "192.0.2.2:51820", "10.9.0.2/32", 0);
        add(here, want, (fbn_key){{8}}, NULL, "10.5.0.0/24", 0); /* loses keepalive and prefix, keeps its endpoint */
        add(here, want, (fbn_key){{9}}, NULL, "10.7.0.0/24", 0);
        assert_int_equal(fbn_wireguard_apply(here, "wgb", want, NULL, NULL), 5);
        assert_agrees_with_wg(here, "here", "wgb");
        assert_int_equal(fbn_wireguard_apply(here, "wgb", want, NULL, NULL), 0);
        assert_ok(here, fbn_wireguard_get(here, "wgb", &after));
        assert_int_equal(peer_of(after, &(fbn_key){{8}})->endpoint.port, 1);
        was = peer_of(before, &there_public);
        is = peer_of(after, &there_public);
        assert_in_range(is->last_handshake - was->last_handshake + 1000000000, 0, 2000000000);
        assert_true(is->received >= was->received);
        command("ip netns exec here ping -c1 -W1 10.9.0.2 >/dev/null");
}

/* A change of one member would stop the daemon for good, also where the resolver makes it. */
static void a_name_gives_a_peer_its_endpoint_and_the_daemon_lives_on(void **state)
{
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        FBN_CLEANUP(fbn_wireguard) after = NULL;
        FBN_CLEANUP(fbn_monitor) resolver = NULL;
        const fbn_event *event;

        assert_ok(here, fbn_wireguard_new(here, NULL, &want));
        assert_ok(here, fbn_wireguard_add(here, want, FBN_OPTIONS(fbn_wireguard_peer, .public_key = {{8}}, .endpoint_name = "localhost:7")));
        assert_ok(here, fbn_wireguard_resolver_new(here, "wgb", want, FBN_OPTIONS(fbn_wireguard_resolver_options, .family = AF_INET), &resolver));
        event = event_of(here, resolver, FBN_EVENT_CHANGED, "peer", "endpoint");
        assert_string_equal(event->before, "192.0.2.9:1");
        assert_string_equal(event->after, "127.0.0.1:7");
        assert_ok(here, fbn_wireguard_get(here, "wgb", &after));
        assert_int_equal(peer_of(after, &(fbn_key){{8}})->endpoint.port, 7);
        assert_int_equal(peer_of(after, &(fbn_key){{8}})->n_allowed_ips, 1);
        assert_agrees_with_wg(here, "here", "wgb");
        command("ip netns exec here ping -c1 -W1 10.9.0.2 >/dev/null");
}

static void random_states_are_reached_and_agree_with_wg(void **state)
{
        fbn_context *c = namespace_context("here");
        struct model model;

        assert_ok(c, fbn_wireguard_create(c, "wgm", BORINGTUN_CLI));
        model_start(&model, c);
        model.key_hidden = true;
        for (unsigned i = 0; i < 60; i++)
                model_step(&model, "here", "wgm");
        model_stop(&model);
        assert_ok(c, fbn_wireguard_delete(c, "wgm"));
        fbn_context_unref(c);
}

static void deleting_ends_the_daemon(void **state)
{
        assert_ok(here, fbn_wireguard_delete(here, "wgb"));
        command("! ip -n here link show wgb 2>/dev/null");
        command("! ls /run/wireguard/wgb.sock 2>/dev/null");
        command_until("! ip netns pids here | xargs -r ps -o comm= -p | grep -qx boringtun-cli");
        assert_failed(here, fbn_wireguard_delete(here, "wgb"), FBN_ENOENT, "wgb");
}

/* Puts the folders where it may be in front of PATH. */
static bool find_daemon(void)
{
        const char *bin = getenv("FBN_BIN"), *cache = getenv("FBN_CACHE"), *home = getenv("HOME");
        char path[4096];

        snprintf(path, sizeof(path), "%s%s%s%s:%s", bin ? bin : "", bin ? ":" : "", cache ? cache : home ? home : "",
                 cache ? "/bin" : "/.cache/fabricnet-tests/bin", getenv("PATH"));
        setenv("PATH", path, 1);
        return command_try("command -v boringtun-cli >/dev/null") == 0;
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_daemon_named_by_option_is_started_and_listed),
                cmocka_unit_test(peers_before_a_private_key_are_refused_and_the_daemon_lives_on),
                cmocka_unit_test(it_shakes_hands_with_wireguard_go),
                cmocka_unit_test(peers_come_change_and_go_while_another_keeps_its_session),
                cmocka_unit_test(a_name_gives_a_peer_its_endpoint_and_the_daemon_lives_on),
                cmocka_unit_test(random_states_are_reached_and_agree_with_wg),
                cmocka_unit_test(deleting_ends_the_daemon),
        };

        if (!find_daemon()) {
                print_message("skipped: boringtun-cli is missing; tests/rust/build builds it where there is cargo\n");
                return 0;
        }
        namespace_sandbox();
        count_sets();
        return cmocka_run_group_tests_name("boringtun", tests, start, stop);
}
