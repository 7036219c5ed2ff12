/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/wireguard.h"

#include <fabricnet/link.h>
#include <fcntl.h>

/* Generic netlink, on a kernel that has WireGuard. Run by tests/vm/run; on such a machine also by itself, as root. */

static fbn_context *c; /* of the namespace "here" */

static int start(void **state)
{
        namespace_new("here");
        namespace_new("there");
        namespace_join("here", "eth0", "192.0.2.1/24", "there", "eth0", "192.0.2.2/24");
        c = namespace_context("here");
        assert_int_equal(fbn_wireguard_create(c, "wg0", NULL), FBN_WIREGUARD_KERNEL);
        return 0;
}

static int stop(void **state)
{
        fbn_context_unref(c);
        return 0;
}

static void created_links_are_the_kernels(void **state)
{
        FBN_CLEANUP(fbn_wireguards) list = NULL;
        FBN_CLEANUP(fbn_wireguard) have = NULL;

        assert_int_equal(fbn_wireguard_create(c, "wgk", FBN_OPTIONS(fbn_wireguard_create_options, .backend = FBN_WIREGUARD_KERNEL)),
                         FBN_WIREGUARD_KERNEL);
        command("ip -n here -d -j link show wgk | grep -q '\"info_kind\":\"wireguard\"'");
        assert_failed(c, fbn_wireguard_create(c, "wgk", NULL), FBN_EEXIST, "wgk");
        assert_ok(c, fbn_wireguard_get(c, "wgk", &have));
        assert_int_equal(fbn_wireguard_interface_of(have)->backend, FBN_WIREGUARD_KERNEL);
        assert_int_equal(fbn_wireguard_count(have), 0);
        assert_null(fbn_wireguard_interface_of(have)->private_key);
        assert_agrees_with_wg(c, "here", "wgk");
        assert_ok(c, fbn_wireguard_list(c, &list));
        assert_int_equal(fbn_wireguards_count(list), 2);
        assert_int_equal(fbn_wireguards_at(list, 1)->backend, FBN_WIREGUARD_KERNEL);
        assert_ok(c, fbn_wireguard_delete(c, "wgk"));
        command("! ip -n here link show wgk 2>/dev/null");
}

/* Both ends of a tunnel: returns the peer as the first end has it. */
static fbn_wireguard *tunnel(fbn_context *other)
{
        fbn_secret *keys[2];
        FBN_CLEANUP(fbn_secret) preshared = NULL;
        fbn_prefix allowed[2] = {prefix_of("10.9.0.1/32"), prefix_of("10.9.0.2/32")};
        fbn_endpoint endpoints[2] = {endpoint_of("192.0.2.1:51820"), endpoint_of("192.0.2.2:51820")};
        fbn_context *contexts[2] = {c, other};
        fbn_wireguard *wants[2];
        fbn_key public_key;

        assert_ok(c, fbn_key_generate_preshared(c, &preshared));
        for (int i = 0; i < 2; i++)
                assert_ok(c, fbn_key_generate(c, &keys[i]));
        for (int i = 0; i < 2; i++) {
                assert_ok(c, fbn_key_public(c, keys[1 - i], &public_key));
                assert_ok(c, fbn_wireguard_new(c, FBN_OPTIONS(fbn_wireguard_interface, .private_key = keys[i], .listen_port = 51820),
                                               &wants[i]));
                assert_ok(c,
                          fbn_wireguard_add(c, wants[i],
                                            FBN_OPTIONS(fbn_wireguard_peer, .public_key = public_key, .preshared_key = preshared,
                                                        .endpoint = endpoints[1 - i], .allowed_ips = &allowed[1 - i], .n_allowed_ips = 1)));
                assert_ok(contexts[i], fbn_wireguard_apply(contexts[i], "wg0", wants[i], NULL, NULL));
        }
        for (int i = 0; i < 2; i++)
                fbn_secret_unref(keys[i]);
        fbn_wireguard_unref(wants[1]);
        return wants[0];
}

static void a_tunnel_works_and_other_peers_do_not_disturb_it(void **state)
{
        fbn_context *other = namespace_context("there");
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        FBN_CLEANUP(fbn_wireguard) before = NULL;
        FBN_CLEANUP(fbn_wireguard) after = NULL;
        fbn_prefix prefix = prefix_of("10.20.0.0/16");

        assert_int_equal(fbn_wireguard_create(other, "wg0", NULL), FBN_WIREGUARD_KERNEL);
        want = tunnel(other);
        command("ip -n here address add 10.9.0.1/24 dev wg0 && ip -n here link set wg0 up");
        command("ip -n there address add 10.9.0.2/24 dev wg0 && ip -n there link set wg0 up");
        command("ip netns exec here ping -c1 -W10 10.9.0.2 >/dev/null");
        assert_ok(c, fbn_wireguard_get(c, "wg0", &before));
        assert_true(fbn_wireguard_at(before, 0)->last_handshake > 1700000000000000000);
        assert_true(fbn_wireguard_at(before, 0)->received > 0);
        assert_true(fbn_wireguard_at(before, 0)->sent > 0);
        assert_int_equal(fbn_wireguard_apply(c, "wg0", want, NULL, NULL), 0);
        assert_ok(c, fbn_wireguard_add(c, want,
                                       FBN_OPTIONS(fbn_wireguard_peer, .public_key = {{5}}, .allowed_ips = &prefix, .n_allowed_ips = 1)));
        assert_int_equal(fbn_wireguard_apply(c, "wg0", want, NULL, NULL), 1);
        assert_ok(c, fbn_wireguard_get(c, "wg0", &after));
        assert_int_equal(fbn_wireguard_count(after), 2);
        assert_int_equal(fbn_wireguard_at(after, 0)->last_handshake, fbn_wireguard_at(before, 0)->last_handshake);
        assert_agrees_with_wg(c, "here", "wg0");
        fbn_context_unref(other);
}

static void random_states_are_reached_and_agree_with_wg(void **state)
{
        assert_int_equal(fbn_wireguard_create(c, "wgm", NULL), FBN_WIREGUARD_KERNEL);
        model_run(c, "here", "wgm", 60);
}

/* More than one message holds, in one peer and in many. */
static fbn_wireguard *large(unsigned peers)
{
        fbn_prefix *allowed = calloc(6000, sizeof(*allowed));
        char text[FBN_ADDRESS_TEXT];
        fbn_wireguard *want;

        assert_ok(c, fbn_wireguard_new(c, NULL, &want));
        for (unsigned i = 0; i < 6000; i++) {
                snprintf(text, sizeof(text), i % 2 ? "10.%u.%u.0/24" : "fd00::%x:%x/128", i >> 8, i & 255);
                allowed[i] = prefix_of(text);
        }
        assert_ok(c,
                  fbn_wireguard_add(c, want,
                                    FBN_OPTIONS(fbn_wireguard_peer, .public_key = {{200}}, .allowed_ips = allowed, .n_allowed_ips = 5000)));
        for (unsigned i = 0; i < peers; i++)
                assert_ok(c, fbn_wireguard_add(c, want,
                                               FBN_OPTIONS(fbn_wireguard_peer, .public_key = {{201, i & 255, i >> 8}}, .keepalive = 25,
                                                           .allowed_ips = allowed + 5000 + 2 * i, .n_allowed_ips = 2)));
        free(allowed);
        return want;
}

static void configurations_larger_than_a_message_are_read_and_written(void **state)
{
        FBN_CLEANUP(fbn_wireguard) want = large(400);

        assert_int_equal(fbn_wireguard_create(c, "wgl", NULL), FBN_WIREGUARD_KERNEL);
        assert_int_equal(fbn_wireguard_apply(c, "wgl", want, NULL, NULL), 401);
        assert_int_equal(fbn_wireguard_apply(c, "wgl", want, NULL, NULL), 0);
        assert_agrees_with_wg(c, "here", "wgl");
}

/* Another process makes and removes a peer without a pause, at which the kernel cuts the list that it is sending: a reading is whole,
 * or says that it could not be. */
static void a_reading_is_whole_though_peers_come_and_go(void **state)
{
        unsigned whole = 0, dumps = dumps_sent;
        pid_t child = fork();

        if (child == 0) {
                execl("/bin/sh", "sh", "-c",
                      "while ip netns exec here sh -c 'for i in 1 2 3 4 5 6 7 8 9; do wg set wgl peer $0 allowed-ips 10.250.0.0/24; wg set "
                      "wgl peer "
                      "$0 remove; done' yQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=; do :; done",
                      NULL);
                _exit(1);
        }
        for (unsigned i = 0; i < 15; i++) {
                FBN_CLEANUP(fbn_wireguard) have = NULL;
                int r = fbn_wireguard_get(c, "wgl", &have);

                if (r == -FBN_EINTERRUPTED)
                        continue;
                assert_ok(c, r);
                whole++;
                assert_int_equal(fbn_wireguard_at(have, 0)->public_key.bytes[0], 200);
                assert_int_equal(fbn_wireguard_at(have, 0)->n_allowed_ips, 5000);
                assert_true(fbn_wireguard_count(have) == 401 || fbn_wireguard_count(have) == 402);
        }
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        print_message("%u of 15 readings were whole, in %u attempts\n", whole, dumps_sent - dumps);
        assert_true(whole > 0);
}

static void a_refusal_changes_nothing_and_names_the_interface(void **state)
{
        FBN_CLEANUP(fbn_wireguard) want = NULL;

        command("ip -n here link add wgport type wireguard && ip -n here link set wgport up");
        command("ip -n here link add wgtaken type wireguard && ip netns exec here wg set wgtaken listen-port 7777 && ip -n here link set "
                "wgtaken up");
        assert_ok(c, fbn_wireguard_new(c, FBN_OPTIONS(fbn_wireguard_interface, .listen_port = 7777), &want));
        assert_failed(c, fbn_wireguard_apply(c, "wgport", want, NULL, NULL), FBN_ESYSTEM, "wgport: ");
        assert_agrees_with_wg(c, "here", "wgport");
}

static void without_privilege_it_is_not_allowed(void **state)
{
        pid_t child = fork();
        int status;

        if (child == 0) {
                FBN_CLEANUP(fbn_wireguard) have = NULL;
                FBN_CLEANUP(fbn_context) mine = NULL;

                if (setns(open("/run/netns/here", O_RDONLY), CLONE_NEWNET) < 0 || setresuid(65534, 65534, 65534) < 0 ||
                    fbn_context_new(NULL, &mine) < 0)
                        _exit(100);
                _exit(-fbn_wireguard_get(mine, "wg0", &have));
        }
        waitpid(child, &status, 0);
        assert_int_equal(WEXITSTATUS(status), FBN_EPERM);
}

static void other_links_are_not_taken_for_wireguard(void **state)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;

        assert_ok(c, fbn_link_create(c, FBN_OPTIONS(fbn_link, .name = "dummy0", .kind = "dummy", .mtu = 1280, .state = FBN_LINK_UP)));
        assert_failed(c, fbn_wireguard_get(c, "dummy0", &have), FBN_ENOENT, "dummy0: not a WireGuard interface");
        command("ip -n here -d -j link show dummy0 | grep -q '\"mtu\":1280.*\"info_kind\":\"dummy\"'");
}

static void vlan_links_carry_their_tag(void **state)
{
        FBN_CLEANUP(fbn_links) links = NULL;

        assert_ok(c, fbn_link_create(c, FBN_OPTIONS(fbn_link, .name = "storage", .kind = "vlan", .parent = "eth0", .vlan = 20,
                                                    .state = FBN_LINK_UP)));
        command("ip -n here -d -j link show storage | grep -q '\"info_kind\":\"vlan\".*\"id\":20'");
        assert_ok(c, fbn_link_list(c, "storage", &links));
        assert_int_equal(fbn_links_at(links, 0)->vlan, 20);
        assert_string_equal(fbn_links_at(links, 0)->parent, "eth0");
        command("ip -n there link add link eth0 name storage type vlan id 20 && ip -n there address add 192.168.20.2/24 dev storage && "
                "ip -n there link set storage up && ip -n here address add 192.168.20.1/24 dev storage && "
                "ip netns exec here ping -c1 -W5 192.168.20.2 >/dev/null");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(created_links_are_the_kernels),
                cmocka_unit_test(a_tunnel_works_and_other_peers_do_not_disturb_it),
                cmocka_unit_test(random_states_are_reached_and_agree_with_wg),
                cmocka_unit_test(configurations_larger_than_a_message_are_read_and_written),
                cmocka_unit_test(a_reading_is_whole_though_peers_come_and_go),
                cmocka_unit_test(a_refusal_changes_nothing_and_names_the_interface),
                cmocka_unit_test(without_privilege_it_is_not_allowed),
                cmocka_unit_test(other_links_are_not_taken_for_wireguard),
                cmocka_unit_test(vlan_links_carry_their_tag),
        };

        namespace_sandbox();
        count_sets();
        return cmocka_run_group_tests_name("wireguard in the kernel", tests, start, stop);
}
