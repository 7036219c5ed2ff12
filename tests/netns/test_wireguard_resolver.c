/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netns/monitor.h"

#include <fabricnet/wireguard.h>

/* One host with a wireguard-go whose peers have names; a /etc that is the test's says what these stand for. */

static fbn_context *c;
static fbn_key keys[3];

static void hosts(const char *lines)
{
        FILE *file = fopen("/etc/hosts", "w");

        assert_non_null(file);
        fprintf(file, "%s", lines);
        fclose(file);
}

static int start(void **state)
{
        command("mkdir /run/upper /run/work && mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/upper,workdir=/run/work /etc");
        command("echo 'hosts: files dns' >/etc/nsswitch.conf && echo 'nameserver 192.0.2.53' >/etc/resolv.conf");
        namespace_new("left");
        command("ip -n left link add v0 type veth peer name v1 && ip -n left address add 192.0.2.1/24 dev v0 && ip -n left link set v0 up && "
                "ip -n left link set v1 up");
        c = namespace_context("left");
        for (size_t i = 0; i < 3; i++)
                keys[i] = (fbn_key){{7, (uint8_t)i, 1}};
        assert_ok(c, fbn_wireguard_create(c, "wg0", FBN_OPTIONS(fbn_wireguard_create_options, .backend = FBN_WIREGUARD_USERSPACE)));
        return 0;
}

static int stop(void **state)
{
        c = fbn_context_unref(c);
        namespace_delete("left");
        return 0;
}

static fbn_wireguard *wanted(const char *const *names, size_t count)
{
        fbn_wireguard *want = NULL;
        fbn_prefix allowed;

        assert_ok(c, fbn_wireguard_new(c, NULL, &want));
        for (size_t i = 0; i < count; i++) {
                fbn_prefix_parse(i ? "10.2.0.0/16" : "10.1.0.0/16", &allowed);
                assert_ok(c, fbn_wireguard_add(c, want, FBN_OPTIONS(fbn_wireguard_peer, .public_key = keys[i], .endpoint_name = names[i],
                                                                    .allowed_ips = &allowed, .n_allowed_ips = i < 2)));
        }
        return want;
}

/* What wg(8) says of the peer's endpoint. */
static void assert_endpoint(size_t peer, const char *expected)
{
        char key[FBN_KEY_TEXT];
        char *text = command_output("ip netns exec left wg show wg0 endpoints | awk '$1 == \"%s\" { printf \"%%s\", $2 }'",
                                    fbn_key_format(&keys[peer], key, sizeof(key)));

        assert_string_equal(text, expected);
        free(text);
}

static fbn_monitor *resolver(const fbn_wireguard *want, fbn_wireguard_resolver_options options)
{
        fbn_monitor *monitor = NULL;

        options.size = sizeof(options);
        options.interval_ms = 100;
        assert_ok(c, fbn_wireguard_resolver_new(c, "wg0", want, &options, &monitor));
        return monitor;
}

static void fresh(const fbn_wireguard *want)
{
        FBN_CLEANUP(fbn_wireguard) nothing = NULL;

        assert_ok(c, fbn_wireguard_new(c, NULL, &nothing));
        assert_ok(c, fbn_wireguard_apply(c, "wg0", nothing, NULL, NULL));
        assert_ok(c, fbn_wireguard_apply(c, "wg0", want, NULL, NULL));
}

static void a_name_becomes_an_endpoint_and_one_that_fails_touches_only_its_peer(void **state)
{
        static const char *const names[] = {"one.test:51820", "two.test:51821", "nowhere.invalid:1"};
        FBN_CLEANUP(fbn_wireguard) want = wanted(names, 3);
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        const fbn_event *event;

        hosts("192.0.2.10 one.test\n2001:db8::20 two.test\n");
        command("echo 'hosts: files' >/etc/nsswitch.conf");
        fresh(want);
        monitor = resolver(want, (fbn_wireguard_resolver_options){0});
        event = event_of(c, monitor, FBN_EVENT_FAILED, "peer", "endpoint");
        assert_string_equal(event->before, "nowhere.invalid:1");
        assert_non_null(strstr(event->after, "not known"));
        for (unsigned i = 0; i < 20; i++) { /* told once, although it is asked for again and again */
                event = next_event(c, monitor, 50);
                assert_false(event && event->kind == FBN_EVENT_FAILED);
        }
        assert_endpoint(0, "192.0.2.10:51820");
        assert_endpoint(1, "[2001:db8::20]:51821");
        assert_endpoint(2, "(none)");
        hosts("192.0.2.10 one.test\n2001:db8::20 two.test\n192.0.2.30 nowhere.invalid\n");
        event = event_of(c, monitor, FBN_EVENT_CHANGED, "peer", "endpoint");
        assert_string_equal(event->after, "192.0.2.30:1");
        assert_endpoint(2, "192.0.2.30:1");
}

static void a_name_that_moves_takes_its_peer_along_and_nothing_else_changes(void **state)
{
        static const char *const names[] = {"one.test:51820"};
        FBN_CLEANUP(fbn_wireguard) want = wanted(names, 1);
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        const fbn_event *event;
        char *before, *after;

        hosts("192.0.2.10 one.test\n");
        fresh(want);
        monitor = resolver(want, (fbn_wireguard_resolver_options){0});
        event = event_of(c, monitor, FBN_EVENT_CHANGED, "peer", "endpoint");
        assert_null(event->before);
        assert_silence(c, monitor, 400);
        before = command_output("ip netns exec left wg show wg0 allowed-ips");
        hosts("192.0.2.11 one.test\n");
        event = event_of(c, monitor, FBN_EVENT_CHANGED, "peer", "endpoint");
        assert_string_equal(event->before, "192.0.2.10:51820");
        assert_string_equal(event->after, "192.0.2.11:51820");
        assert_endpoint(0, "192.0.2.11:51820");
        after = command_output("ip netns exec left wg show wg0 allowed-ips");
        assert_string_equal(before, after);
        free(before);
        free(after);
}

static void a_silent_peer_is_tried_at_the_next_address(void **state)
{
        static const char *const names[] = {"one.test:51820"};
        FBN_CLEANUP(fbn_wireguard) want = wanted(names, 1);
        FBN_CLEANUP(fbn_monitor) monitor = NULL;

        hosts("192.0.2.10 one.test\n192.0.2.11 one.test\n");
        fresh(want);
        monitor = resolver(want, (fbn_wireguard_resolver_options){0}); /* never shook hands: silent */
        event_of(c, monitor, FBN_EVENT_CHANGED, "peer", "endpoint");
        for (unsigned i = 0; i < 2; i++) {
                const fbn_event *event = event_of(c, monitor, FBN_EVENT_CHANGED, "peer", "endpoint");

                assert_string_not_equal(event->before, event->after);
                assert_int_equal(strncmp(event->after, "192.0.2.1", 9), 0);
        }
}

static void a_peer_that_went_is_not_made_again(void **state)
{
        static const char *const names[] = {"one.test:51820"};
        FBN_CLEANUP(fbn_wireguard) want = wanted(names, 1);
        FBN_CLEANUP(fbn_wireguard) nothing = NULL;
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        char *peers;

        assert_ok(c, fbn_wireguard_new(c, NULL, &nothing));
        assert_ok(c, fbn_wireguard_apply(c, "wg0", nothing, NULL, NULL));
        monitor = resolver(want, (fbn_wireguard_resolver_options){0});
        assert_silence(c, monitor, 500);
        peers = command_output("ip netns exec left wg show wg0 peers");
        assert_string_equal(peers, "");
        free(peers);
}

static int64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void a_resolver_that_is_silent_holds_up_nobody(void **state)
{
        static const char *const names[] = {"slow.test:51820", "one.test:51820"};
        FBN_CLEANUP(fbn_wireguard) want = wanted(names, 2);
        FBN_CLEANUP(fbn_wireguard) resolved = NULL;
        fbn_monitor *monitor;
        int64_t begun;

        hosts("192.0.2.10 one.test\n");
        command("echo 'hosts: files dns' >/etc/nsswitch.conf");
        fresh(want);
        begun = now_ms();
        monitor = resolver(want, (fbn_wireguard_resolver_options){0});
        event_of(c, monitor, FBN_EVENT_CHANGED, "peer", "endpoint");
        monitor = fbn_monitor_unref(monitor);
        assert_true(now_ms() - begun < 2000);
        assert_endpoint(1, "192.0.2.10:51820");
        begun = now_ms();
        assert_int_equal(fbn_wireguard_resolve(c, "wg0", want, 500, &resolved), 1);
        assert_true(now_ms() - begun < 1500);
        assert_non_null(strstr(fbn_context_error(c), "endpoint 'slow.test:51820': no answer in time"));
        assert_int_equal(fbn_wireguard_at(resolved, 0)->endpoint.address.family, 0);
        assert_string_equal(fbn_wireguard_at(resolved, 0)->endpoint_name, "slow.test:51820");
        assert_int_equal(fbn_wireguard_at(resolved, 1)->endpoint.port, 51820);
        assert_null(fbn_wireguard_at(resolved, 1)->endpoint_name);
}

static void names_are_asked_for_with_the_files_of_the_namespace(void **state)
{
        static const char *const names[] = {"one.test:51820"};
        FBN_CLEANUP(fbn_wireguard) want = wanted(names, 1);
        FBN_CLEANUP(fbn_wireguard) resolved = NULL;
        char text[FBN_ADDRESS_TEXT], *outside;

        hosts("192.0.2.10 one.test\n");
        command("mkdir -p /etc/netns/left && echo '192.0.2.77 one.test' >/etc/netns/left/hosts");
        assert_int_equal(fbn_wireguard_resolve(c, NULL, want, 0, &resolved), 0);
        assert_string_equal(fbn_endpoint_format(&fbn_wireguard_at(resolved, 0)->endpoint, text, sizeof(text)), "192.0.2.77:51820");
        outside = command_output("getent hosts one.test | cut -d' ' -f1");
        assert_string_equal(outside, "192.0.2.10\n");
        free(outside);
        command("rm -r /etc/netns/left");
}

static void of_several_addresses_the_one_in_use_is_kept(void **state)
{
        static const char *const names[] = {"one.test:51820"};
        FBN_CLEANUP(fbn_wireguard) want = wanted(names, 1);
        FBN_CLEANUP(fbn_wireguard) resolved = NULL;
        FBN_CLEANUP(fbn_wireguard) again = NULL;
        char key[FBN_KEY_TEXT], text[FBN_ADDRESS_TEXT];

        fresh(want);
        hosts("192.0.2.10 one.test\n192.0.2.11 one.test\n2001:db8::1 one.test\n");
        command("ip netns exec left wg set wg0 peer %s endpoint 192.0.2.11:51820", fbn_key_format(&keys[0], key, sizeof(key)));
        assert_int_equal(fbn_wireguard_resolve(c, "wg0", want, 0, &resolved), 0);
        assert_string_equal(fbn_endpoint_format(&fbn_wireguard_at(resolved, 0)->endpoint, text, sizeof(text)), "192.0.2.11:51820");
        command("ip netns exec left wg set wg0 peer %s endpoint [2001:db8::9]:51820", fbn_key_format(&keys[0], key, sizeof(key)));
        assert_int_equal(fbn_wireguard_resolve(c, "wg0", want, 0, &again), 0);
        assert_string_equal(fbn_endpoint_format(&fbn_wireguard_at(again, 0)->endpoint, text, sizeof(text)), "[2001:db8::1]:51820");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_name_becomes_an_endpoint_and_one_that_fails_touches_only_its_peer),
                cmocka_unit_test(a_name_that_moves_takes_its_peer_along_and_nothing_else_changes),
                cmocka_unit_test(a_silent_peer_is_tried_at_the_next_address),
                cmocka_unit_test(a_peer_that_went_is_not_made_again),
                cmocka_unit_test(names_are_asked_for_with_the_files_of_the_namespace),
                cmocka_unit_test(of_several_addresses_the_one_in_use_is_kept),
                cmocka_unit_test(a_resolver_that_is_silent_holds_up_nobody),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, start, stop);
}
