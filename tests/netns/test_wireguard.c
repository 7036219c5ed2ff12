/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/wireguard.h"
#include "wireguard/configuration.h"

#include <fabricnet/link.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Two hosts with a cable between them and a wireguard-go each. /run is shared, so their interfaces have names of their own. */

struct side {
        const char *host, *device, *outer, *inner;
        fbn_context *c;
        fbn_secret *key;
        fbn_key public_key;
};

static struct side left = {.host = "left", .device = "wgl", .outer = "192.0.2.1", .inner = "10.9.0.1"};
static struct side right = {.host = "right", .device = "wgr", .outer = "192.0.2.2", .inner = "10.9.0.2"};

#define USERSPACE FBN_OPTIONS(fbn_wireguard_create_options, .backend = FBN_WIREGUARD_USERSPACE)

static void side_start(struct side *side)
{
        namespace_new(side->host);
        side->c = namespace_context(side->host);
        assert_ok(side->c, fbn_key_generate(side->c, &side->key));
        assert_ok(side->c, fbn_key_public(side->c, side->key, &side->public_key));
        assert_ok(side->c, fbn_wireguard_create(side->c, side->device, USERSPACE));
        command("ip -n %s address add %s/24 dev %s && ip -n %s link set %s up mtu 1280", side->host, side->inner, side->device, side->host,
                side->device);
}

static void side_stop(struct side *side)
{
        side->key = fbn_secret_unref(side->key);
        side->c = fbn_context_unref(side->c);
        namespace_delete(side->host);
}

static int start(void **state)
{
        side_start(&left);
        side_start(&right);
        namespace_join("left", "eth0", "192.0.2.1/24", "right", "eth0", "192.0.2.2/24");
        return 0;
}

static int stop(void **state)
{
        side_stop(&left);
        side_stop(&right);
        return 0;
}

static fbn_wireguard *wanted(const struct side *side)
{
        fbn_wireguard *want;

        assert_ok(side->c,
                  fbn_wireguard_new(side->c, FBN_OPTIONS(fbn_wireguard_interface, .private_key = side->key, .listen_port = 51820), &want));
        return want;
}

/* side's configuration with the other as its one peer. */
static fbn_wireguard *towards(const struct side *side, const struct side *other, const fbn_secret *preshared)
{
        fbn_wireguard *want = wanted(side);
        char text[FBN_ADDRESS_TEXT];
        fbn_prefix allowed = prefix_of(other->inner);

        snprintf(text, sizeof(text), "%s:51820", other->outer);
        assert_ok(side->c, fbn_wireguard_add(side->c, want,
                                             FBN_OPTIONS(fbn_wireguard_peer, .public_key = other->public_key, .preshared_key = preshared,
                                                         .endpoint = endpoint_of(text), .keepalive = 25, .allowed_ips = &allowed,
                                                         .n_allowed_ips = 1)));
        return want;
}

static void add_peer(const struct side *side, fbn_wireguard *want, uint8_t number, const char *allowed_ip)
{
        fbn_prefix allowed = prefix_of(allowed_ip);

        assert_ok(side->c, fbn_wireguard_add(
                                   side->c, want,
                                   FBN_OPTIONS(fbn_wireguard_peer, .public_key = {{number}}, .allowed_ips = &allowed, .n_allowed_ips = 1)));
}

static void two_hosts_shake_hands_and_ping(void **state)
{
        FBN_CLEANUP(fbn_secret) preshared = NULL;
        FBN_CLEANUP(fbn_wireguard) left_want = NULL;
        FBN_CLEANUP(fbn_wireguard) right_want = NULL;
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;

        assert_ok(left.c, fbn_key_generate_preshared(left.c, &preshared));
        left_want = towards(&left, &right, preshared);
        right_want = towards(&right, &left, preshared);
        assert_int_equal(fbn_wireguard_apply(left.c, "wgl", left_want, NULL, &changes), 3);
        assert_int_equal(fbn_changes_count(changes), 3);
        assert_int_equal(fbn_wireguard_apply(right.c, "wgr", right_want, NULL, NULL), 3);
        command("ip netns exec left ping -c1 -W3 10.9.0.2 >/dev/null");
        assert_int_equal(fbn_wireguard_apply(left.c, "wgl", left_want, NULL, NULL), 0);
        assert_ok(left.c, fbn_wireguard_get(left.c, "wgl", &have));
        assert_int_equal(fbn_wireguard_interface_of(have)->backend, FBN_WIREGUARD_USERSPACE);
        assert_string_equal(fbn_wireguard_interface_of(have)->name, "wgl");
        assert_true(fbn_wireguard_at(have, 0)->last_handshake > 1700000000000000000);
        assert_true(fbn_wireguard_at(have, 0)->received > 0);
        assert_agrees_with_wg(left.c, "left", "wgl");
}

/* After the test above: what happens to other peers does not reach this one. */
static void unchanged_peers_keep_their_session(void **state)
{
        FBN_CLEANUP(fbn_wireguard) before = NULL;
        FBN_CLEANUP(fbn_wireguard) after = NULL;
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        const fbn_wireguard_peer *peer;

        assert_ok(left.c, fbn_wireguard_get(left.c, "wgl", &before));
        want = towards(&left, &right, fbn_wireguard_at(before, 0)->preshared_key);
        add_peer(&left, want, 1, "10.20.0.0/16");
        add_peer(&left, want, 2, "10.21.0.0/16");
        assert_int_equal(fbn_wireguard_apply(left.c, "wgl", want, NULL, NULL), 2);
        fbn_wireguard_unref(want);
        want = towards(&left, &right, fbn_wireguard_at(before, 0)->preshared_key);
        add_peer(&left, want, 2, "10.20.0.0/16");
        assert_int_equal(fbn_wireguard_apply(left.c, "wgl", want, NULL, NULL), 3); /* one peer goes, one prefix comes, one goes */
        assert_agrees_with_wg(left.c, "left", "wgl");
        assert_ok(left.c, fbn_wireguard_get(left.c, "wgl", &after));
        assert_int_equal(fbn_wireguard_count(after), 2);
        peer = fbn_wireguard_at(after, key_equal(&fbn_wireguard_at(after, 0)->public_key, &right.public_key) ? 0 : 1);
        assert_int_equal(peer->last_handshake, fbn_wireguard_at(before, 0)->last_handshake);
        assert_true(peer->received >= fbn_wireguard_at(before, 0)->received);
        command("ip netns exec left ping -c1 -W1 10.9.0.2 >/dev/null");
}

#define BALLAST 3000 /* allowed IPs beside the flow's: what replaces them all leaves a gap that loses packets */
#define TAKEN 30

/* The right side as the left has it: the flow's address last, so that it would come back last; taken of the others are gone. */
static fbn_wireguard *with_ballast(const fbn_wireguard_peer *have, unsigned taken)
{
        FBN_CLEANUP(fbn_wireguard) want = wanted(&left);
        fbn_prefix *allowed = calloc(BALLAST + 1, sizeof(*allowed));
        fbn_wireguard_peer peer = *have;
        char text[FBN_ADDRESS_TEXT];

        peer.n_allowed_ips = 0;
        for (unsigned i = taken; i < BALLAST; i++) {
                snprintf(text, sizeof(text), "10.8.%u.%u/32", i >> 8, i & 255);
                allowed[peer.n_allowed_ips++] = prefix_of(text);
        }
        allowed[peer.n_allowed_ips++] = prefix_of(right.inner);
        peer.allowed_ips = allowed;
        assert_ok(left.c, fbn_wireguard_add(left.c, want, &peer));
        add_peer(&left, want, 2, "10.20.0.0/16"); /* of the test above */
        free(allowed);
        return fbn_wireguard_ref(want);
}

static void taking_allowed_ips_away_loses_no_packet_of_the_others(void **state)
{
        FBN_CLEANUP(fbn_wireguard) before = NULL;
        FBN_CLEANUP(fbn_wireguard) want = NULL;

        assert_ok(left.c, fbn_wireguard_get(left.c, "wgl", &before));
        want = with_ballast(configuration_find(before, &right.public_key), 0);
        assert_int_equal(fbn_wireguard_apply(left.c, "wgl", want, NULL, NULL), BALLAST);
        command("ip netns exec left ping -c1 -W1 10.9.0.2 >/dev/null");
        command("(ip netns exec left ping -q -i 0.002 -c 2000 -W 2 10.9.0.2 >/run/flow; echo done >>/run/flow) & sleep 0.2");
        for (unsigned i = 1; i <= TAKEN; i++) {
                fbn_wireguard_unref(want);
                want = with_ballast(configuration_find(before, &right.public_key), i);
                assert_int_equal(fbn_wireguard_apply(left.c, "wgl", want, NULL, NULL), 1);
                poll(NULL, 0, 100);
        }
        command_until("grep -q done /run/flow");
        command("grep -q ' 0%% packet loss' /run/flow || { cat /run/flow >&2; exit 1; }");
        assert_agrees_with_wg(left.c, "left", "wgl");
}

static void learned_endpoints_are_kept_until_another_is_wanted(void **state)
{
        FBN_CLEANUP(fbn_wireguard) before = NULL;
        FBN_CLEANUP(fbn_wireguard) after = NULL;
        FBN_CLEANUP(fbn_wireguard) want = wanted(&right);
        fbn_prefix allowed = prefix_of(left.inner);
        fbn_wireguard_peer peer = {
                .size = sizeof(peer), .public_key = left.public_key, .allowed_ips = &allowed, .n_allowed_ips = 1, .keepalive = 25};

        assert_ok(right.c, fbn_wireguard_get(right.c, "wgr", &before));
        peer.preshared_key = fbn_wireguard_at(before, 0)->preshared_key;
        assert_ok(right.c, fbn_wireguard_add(right.c, want, &peer));
        assert_int_equal(fbn_wireguard_apply(right.c, "wgr", want, NULL, NULL), 0);
        fbn_wireguard_unref(want);
        want = wanted(&right);
        peer.endpoint = endpoint_of("192.0.2.1:51821");
        assert_ok(right.c, fbn_wireguard_add(right.c, want, &peer));
        assert_int_equal(fbn_wireguard_apply(right.c, "wgr", want, NULL, NULL), 1);
        assert_ok(right.c, fbn_wireguard_get(right.c, "wgr", &after));
        assert_int_equal(fbn_wireguard_at(after, 0)->endpoint.port, 51821);
        assert_agrees_with_wg(right.c, "right", "wgr");
}

static void a_dry_run_says_all_and_sends_nothing(void **state)
{
        FBN_CLEANUP(fbn_wireguard) want = wanted(&left);
        FBN_CLEANUP(fbn_changes) changes = NULL;
        unsigned sent = sets_sent;

        add_peer(&left, want, 7, "10.70.0.0/16");
        assert_int_equal(fbn_wireguard_apply(left.c, "wgl", want, FBN_OPTIONS(fbn_wireguard_apply_options, .dry_run = true), &changes), 3);
        assert_int_equal(fbn_changes_at(changes, 0)->kind, FBN_CHANGE_CREATE);
        assert_int_equal(fbn_changes_at(changes, 1)->kind, FBN_CHANGE_DELETE);
        assert_int_equal(sets_sent, sent);
        assert_int_equal(fbn_wireguard_apply(left.c, "wgl", want, FBN_OPTIONS(fbn_wireguard_apply_options, .keep_peers = true), NULL), 1);
        assert_int_equal(sets_sent, sent + 1);
        assert_agrees_with_wg(left.c, "left", "wgl");
}

static void mistakes_are_refused_before_anything_is_sent(void **state)
{
        FBN_CLEANUP(fbn_wireguard) own = wanted(&left);
        FBN_CLEANUP(fbn_wireguard) overlap = wanted(&left);
        unsigned sent = sets_sent;

        assert_ok(left.c, fbn_wireguard_add(left.c, own, FBN_OPTIONS(fbn_wireguard_peer, .public_key = left.public_key)));
        assert_failed(left.c, fbn_wireguard_apply(left.c, "wgl", own, NULL, NULL), FBN_EINVAL, "is the interface itself");
        add_peer(&left, overlap, 1, "10.0.0.0/8");
        add_peer(&left, overlap, 2, "10.0.0.0/8");
        assert_failed(left.c, fbn_wireguard_apply(left.c, "wgl", overlap, NULL, NULL), FBN_EINVAL, "10.0.0.0/8 is given to two peers");
        assert_int_equal(sets_sent, sent);
}

static void a_refusal_midway_says_what_is_missing(void **state)
{
        FBN_CLEANUP(fbn_wireguard) before = NULL;
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        FBN_CLEANUP(fbn_secret) other_key = NULL;

        /* The daemon takes the key, then cannot bind the port, which a socket of ours holds, and never comes to the peer. */
        command("ip netns exec left python3 -c \"import socket, time; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('', 7777)); "
                "time.sleep(60)\" & "
                "for i in $(seq 100); do ip netns exec left ss -Huln | grep -q :7777 && exit 0; sleep 0.05; done; exit 1");
        assert_ok(left.c, fbn_key_generate(left.c, &other_key));
        assert_ok(left.c,
                  fbn_wireguard_new(left.c, FBN_OPTIONS(fbn_wireguard_interface, .private_key = other_key, .listen_port = 7777), &want));
        add_peer(&left, want, 9, "10.90.0.0/16");
        assert_failed(left.c, fbn_wireguard_apply(left.c, "wgl", want, FBN_OPTIONS(fbn_wireguard_apply_options, .keep_peers = true), NULL),
                      FBN_EPARTIAL, "wgl: the daemon refused: ");
        if (!strstr(fbn_context_error(left.c), "of 3 changes 2 are missing, first: wgl listen port"))
                fail_msg("%s", fbn_context_error(left.c));
        fbn_wireguard_unref(want);
        want = wanted(&left);
        assert_ok(left.c, fbn_wireguard_apply(left.c, "wgl", want, NULL, NULL));
        assert_agrees_with_wg(left.c, "left", "wgl");
}

static void random_states_are_reached_and_agree_with_wg(void **state)
{
        fbn_context *c = namespace_context("left");

        assert_ok(c, fbn_wireguard_create(c, "wgm", USERSPACE));
        model_run(c, "left", "wgm", 100);
        fbn_context_unref(c);
}

static void many_allowed_ips_and_peers_are_read_and_written(void **state)
{
        FBN_CLEANUP(fbn_wireguard) want = wanted(&left);
        fbn_prefix *allowed = calloc(5000, sizeof(*allowed));
        char text[FBN_ADDRESS_TEXT];

        for (unsigned i = 0; i < 5000; i++) {
                snprintf(text, sizeof(text), i % 2 ? "10.%u.%u.0/24" : "fd00::%x:%x/128", i >> 8, i & 255);
                allowed[i] = prefix_of(text);
        }
        assert_ok(left.c,
                  fbn_wireguard_add(left.c, want,
                                    FBN_OPTIONS(fbn_wireguard_peer, .public_key = {{200}}, .allowed_ips = allowed, .n_allowed_ips = 4000)));
        for (unsigned i = 0; i < 500; i++)
                assert_ok(left.c, fbn_wireguard_add(left.c, want,
                                                    FBN_OPTIONS(fbn_wireguard_peer, .public_key = {{201, i & 255, i >> 8}},
                                                                .allowed_ips = allowed + 4000 + 2 * i, .n_allowed_ips = 2)));
        assert_int_equal(fbn_wireguard_apply(left.c, "wgl", want, NULL, NULL), 501);
        assert_int_equal(fbn_wireguard_apply(left.c, "wgl", want, NULL, NULL), 0);
        assert_agrees_with_wg(left.c, "left", "wgl");
        free(allowed);
}

static void interfaces_that_are_not_wireguard_are_named_so(void **state)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;

        assert_failed(left.c, fbn_wireguard_get(left.c, "lo", &have), FBN_ENOENT, "lo: not a WireGuard interface");
        assert_failed(left.c, fbn_wireguard_get(left.c, "nothing", &have), FBN_ENOENT, "nothing");
        assert_failed(left.c, fbn_wireguard_get(left.c, "wgr", &have), FBN_ENOENT, "wgr"); /* lives in the other namespace */
        command("ip netns exec left ip tuntap add wgdead mode tun");
        command("python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('/run/wireguard/wgdead.sock')\"");
        assert_failed(left.c, fbn_wireguard_get(left.c, "wgdead", &have), FBN_EUNAVAILABLE, "wgdead: no daemon answers");
        command("rm /run/wireguard/wgdead.sock && ip -n left link delete wgdead");
        assert_null(have);
}

static void creating_fails_in_one_line_that_says_what_to_do(void **state)
{
        fbn_wireguard_create_options options = {.size = sizeof(options), .backend = FBN_WIREGUARD_USERSPACE};

        assert_failed(left.c, fbn_wireguard_create(left.c, "wgl", USERSPACE), FBN_EEXIST, "wgl: there is an interface");
        assert_failed(left.c, fbn_wireguard_create(left.c, "a-name-of-16-byt", NULL), FBN_EINVAL, "is no name for an interface");
        assert_failed(left.c, fbn_wireguard_create(left.c, "-f", NULL), FBN_EINVAL, "is no name for an interface");
        assert_failed(left.c, fbn_wireguard_create(left.c, "../wg", NULL), FBN_EINVAL, "is no name for an interface");
        assert_failed(right.c, fbn_wireguard_create(right.c, "wgl", USERSPACE), FBN_EEXIST, "wgl: a daemon in another network namespace");
        options.daemon = "no-such-daemon";
        assert_failed(left.c, fbn_wireguard_create(left.c, "wgx", &options), FBN_EUNSUPPORTED, "wgx: 'no-such-daemon' is not installed");
        options.daemon = "false";
        assert_failed(left.c, fbn_wireguard_create(left.c, "wgx", &options), FBN_EUNAVAILABLE, "wgx: 'false' failed with exit code 1");
        options.daemon = "true"; /* goes to the background, so to speak, but never answers */
        options.timeout_ms = 300;
        assert_failed(left.c, fbn_wireguard_create(left.c, "wgx", &options), FBN_ETIMEOUT, "/var/run/wireguard/wgx.sock does not answer");
        options.daemon = "yes";
        assert_failed(left.c, fbn_wireguard_create(left.c, "wgx", &options), FBN_ETIMEOUT, "'yes' has not gone to the background");
        assert_int_not_equal(command_try("ps -C yes >/dev/null"), 0);
}

static void without_kernel_and_daemon_the_error_says_what_to_install(void **state)
{
        int r = fbn_wireguard_create(left.c, "wgx", FBN_OPTIONS(fbn_wireguard_create_options, .daemon = "no-such-daemon"));

        if (r == FBN_WIREGUARD_KERNEL) {
                assert_ok(left.c, fbn_link_delete(left.c, "wgx"));
                skip(); /* this kernel has it */
        }
        assert_failed(left.c, r, FBN_EUNSUPPORTED, "apt install wireguard-go");
}

static void the_daemon_inherits_nothing_of_ours(void **state)
{
        int fd = open("/etc/hostname", O_RDONLY); /* without close-on-exec */

        assert_true(fd >= 3);
        setenv("A_SECRET_OF_OURS", "hunter2", 1);
        assert_ok(left.c, fbn_wireguard_create(left.c, "wgi", USERSPACE));
        command("pid=$(pgrep -nx wireguard-go) && ! grep -qa hunter2 /proc/$pid/environ && ! ls -l /proc/$pid/fd | grep -q hostname && "
                "readlink /proc/$pid/fd/0 /proc/$pid/fd/1 /proc/$pid/fd/2 | uniq | grep -qx /dev/null");
        command("test $(stat -c %%a /run/wireguard) = 700");
        unsetenv("A_SECRET_OF_OURS");
        close(fd);
}

static void an_interface_moved_elsewhere_is_reached_from_there(void **state)
{
        fbn_context *c = namespace_context("right");
        FBN_CLEANUP(fbn_wireguard) have = NULL;

        assert_ok(left.c, fbn_wireguard_create(left.c, "wgv", USERSPACE));
        assert_ok(left.c, fbn_link_move(left.c, "wgv", "right"));
        assert_ok(c, fbn_wireguard_get(c, "wgv", &have));
        fbn_context_unref(c);
}

static bool listed(const struct side *side, const char *name)
{
        FBN_CLEANUP(fbn_wireguards) list = NULL;

        assert_ok(side->c, fbn_wireguard_list(side->c, &list));
        assert_ptr_equal(fbn_wireguards_ref(list), list);
        assert_null(fbn_wireguards_unref(list));
        for (size_t i = 0; i < fbn_wireguards_count(list); i++)
                if (streq(fbn_wireguards_at(list, i)->name, name)) {
                        assert_int_equal(fbn_wireguards_at(list, i)->backend, FBN_WIREGUARD_USERSPACE);
                        return true;
                }
        assert_null(fbn_wireguards_at(list, fbn_wireguards_count(list)));
        return false;
}

static void interfaces_are_listed_where_they_are_and_deleted_with_their_daemon(void **state)
{
        pid_t daemon;
        char *text;

        assert_ok(left.c, fbn_wireguard_create(left.c, "wgd", USERSPACE));
        text = command_output("pgrep -fx 'wireguard-go wgd'");
        daemon = (pid_t)atoi(text);
        free(text);
        assert_true(daemon > 1);
        assert_true(listed(&left, "wgd") && listed(&left, "wgl") && !listed(&left, "wgr") && !listed(&left, "eth0"));
        assert_true(!listed(&right, "wgd") && listed(&right, "wgr"));
        assert_failed(right.c, fbn_wireguard_delete(right.c, "wgd"), FBN_ENOENT, "wgd");
        assert_ok(left.c, fbn_wireguard_delete(left.c, "wgd"));
        assert_false(listed(&left, "wgd"));
        assert_int_not_equal(command_try("ip -n left link show wgd 2>/dev/null"), 0);
        assert_int_not_equal(command_try("test -e /run/wireguard/wgd.sock"), 0);
        command_until("test ! -e /proc/%d/exe", (int)daemon);
        assert_ok(left.c, fbn_wireguard_create(left.c, "wgd", USERSPACE));
        assert_ok(left.c, fbn_wireguard_delete(left.c, "wgd"));
}

static void what_is_not_wireguard_is_not_deleted(void **state)
{
        assert_failed(left.c, fbn_wireguard_delete(left.c, "eth0"), FBN_ENOENT, "eth0: not a WireGuard interface");
        command("ip netns exec left ip tuntap add wgdead mode tun");
        assert_false(listed(&left, "wgdead"));
        assert_failed(left.c, fbn_wireguard_delete(left.c, "wgdead"), FBN_ENOENT, "wgdead: not a WireGuard interface");
        command("ip -n left link show wgdead >/dev/null && ip -n left link show eth0 >/dev/null");
        command("python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('/run/wireguard/wgdead.sock')\"");
        assert_false(listed(&left, "wgdead"));
        assert_ok(left.c, fbn_wireguard_delete(left.c, "wgdead")); /* what a killed daemon left */
        assert_int_not_equal(command_try("ip -n left link show wgdead 2>/dev/null || test -e /run/wireguard/wgdead.sock"), 0);
        command("ip -n left link add wgdead type bridge");
        command("python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('/run/wireguard/wgdead.sock')\"");
        assert_failed(left.c, fbn_wireguard_delete(left.c, "wgdead"), FBN_ENOENT, "wgdead: not a WireGuard interface but a bridge");
        command("ip -n left link delete wgdead && rm /run/wireguard/wgdead.sock");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(two_hosts_shake_hands_and_ping),
                cmocka_unit_test(unchanged_peers_keep_their_session),
                cmocka_unit_test(taking_allowed_ips_away_loses_no_packet_of_the_others),
                cmocka_unit_test(learned_endpoints_are_kept_until_another_is_wanted),
                cmocka_unit_test(a_dry_run_says_all_and_sends_nothing),
                cmocka_unit_test(mistakes_are_refused_before_anything_is_sent),
                cmocka_unit_test(a_refusal_midway_says_what_is_missing),
                cmocka_unit_test(random_states_are_reached_and_agree_with_wg),
                cmocka_unit_test(many_allowed_ips_and_peers_are_read_and_written),
                cmocka_unit_test(interfaces_that_are_not_wireguard_are_named_so),
                cmocka_unit_test(creating_fails_in_one_line_that_says_what_to_do),
                cmocka_unit_test(without_kernel_and_daemon_the_error_says_what_to_install),
                cmocka_unit_test(the_daemon_inherits_nothing_of_ours),
                cmocka_unit_test(an_interface_moved_elsewhere_is_reached_from_there),
                cmocka_unit_test(interfaces_are_listed_where_they_are_and_deleted_with_their_daemon),
                cmocka_unit_test(what_is_not_wireguard_is_not_deleted),
        };

        namespace_sandbox();
        count_sets();
        return cmocka_run_group_tests_name("wireguard", tests, start, stop);
}
