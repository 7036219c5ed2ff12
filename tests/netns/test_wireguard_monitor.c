/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netns/monitor.h"

#include <fabricnet/link.h>
#include <fabricnet/wireguard.h>

/* Two hosts with a cable between them and a wireguard-go each; the left one is watched. */

struct side {
        const char *host, *device, *outer, *inner, *other_inner;
        fbn_context *c;
        fbn_secret *key;
        fbn_key public_key;
        uint16_t port;
};

static struct side left = {.host = "left", .device = "wgl", .outer = "192.0.2.1", .inner = "10.9.0.1", .other_inner = "10.9.0.2", .port = 51820};
static struct side right = {.host = "right", .device = "wgr", .outer = "192.0.2.2", .inner = "10.9.0.2", .other_inner = "10.9.0.1", .port = 51820};

static void side_create(struct side *side)
{
        assert_ok(side->c, fbn_wireguard_create(side->c, side->device, FBN_OPTIONS(fbn_wireguard_create_options, .backend = FBN_WIREGUARD_USERSPACE)));
        command("ip -n %s address add %s/24 dev %s && ip -n %s link set %s up mtu 1280", side->host, side->inner, side->device, side->host,
                side->device);
}

static void side_start(struct side *side)
{
        namespace_new(side->host);
        side->c = namespace_context(side->host);
        assert_ok(side->c, fbn_key_generate(side->c, &side->key));
        assert_ok(side->c, fbn_key_public(side->c, side->key, &side->public_key));
        side_create(side);
}

/* The side with the other as its only peer, and one more prefix if given. */
static void side_apply(struct side *side, const struct side *other, const char *more)
{
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        fbn_prefix allowed[2];
        fbn_wireguard_peer peer = {.size = sizeof(peer), .public_key = other->public_key, .allowed_ips = allowed, .n_allowed_ips = more ? 2 : 1};

        fbn_prefix_parse(side->other_inner, &allowed[0]);
        if (more)
                fbn_prefix_parse(more, &allowed[1]);
        fbn_address_parse(other->outer, &peer.endpoint.address);
        peer.endpoint.port = other->port;
        assert_ok(side->c, fbn_wireguard_new(side->c, FBN_OPTIONS(fbn_wireguard_interface, .private_key = side->key, .listen_port = side->port), &want));
        assert_ok(side->c, fbn_wireguard_add(side->c, want, &peer));
        assert_ok(side->c, fbn_wireguard_apply(side->c, side->device, want, NULL, NULL));
}

static int start(void **state)
{
        side_start(&left);
        side_start(&right);
        namespace_join("left", "eth0", "192.0.2.1/24", "right", "eth0", "192.0.2.2/24");
        side_apply(&left, &right, NULL);
        side_apply(&right, &left, NULL);
        return 0;
}

static int stop(void **state)
{
        for (struct side *side = &left;; side = &right) {
                side->key = fbn_secret_unref(side->key);
                side->c = fbn_context_unref(side->c);
                namespace_delete(side->host);
                if (side == &right)
                        return 0;
        }
}

static fbn_monitor *watch(const char *name, fbn_wireguard_monitor_options options)
{
        fbn_monitor *monitor = NULL;

        options.size = sizeof(options);
        options.interval_ms = 50;
        assert_ok(left.c, fbn_wireguard_monitor_new(left.c, name, &options, &monitor));
        assert_ok(left.c, fbn_monitor_process(left.c, monitor));
        return monitor;
}

static void ping(void)
{
        command_until("ip netns exec right ping -q -c 1 -W 1 10.9.0.1 >/dev/null");
}

static void a_handshake_and_a_roaming_endpoint_are_told(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = watch("wgl", (fbn_wireguard_monitor_options){0});
        const fbn_event *event;

        assert_null(fbn_monitor_next(monitor));
        ping();
        event = event_of(left.c, monitor, FBN_EVENT_HANDSHAKE, "peer", NULL);
        assert_memory_equal(&event->peer->public_key, &right.public_key, sizeof(fbn_key));
        assert_true(event->peer->last_handshake > 0);
        command("ip netns exec right wg set wgr listen-port 51999");
        ping();
        event = event_of(left.c, monitor, FBN_EVENT_CHANGED, "peer", "endpoint");
        assert_string_equal(event->before, "192.0.2.2:51820");
        assert_string_equal(event->after, "192.0.2.2:51999");
        /* wireguard-go keeps to the address that it answered from; a new port makes it forget that. */
        command("ip -n right address flush dev eth0 && ip -n right address add 192.0.2.3/24 dev eth0 && "
                "ip netns exec right wg set wgr listen-port 52000");
        ping();
        event = event_of(left.c, monitor, FBN_EVENT_CHANGED, "peer", "endpoint");
        assert_string_equal(event->after, "192.0.2.3:52000");
        command("ip -n right address flush dev eth0 && ip -n right address add 192.0.2.2/24 dev eth0");
        side_apply(&right, &left, NULL);
        ping();
}

static void peers_and_their_settings_are_told(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = watch("wgl", (fbn_wireguard_monitor_options){0});
        const fbn_event *event;

        side_apply(&left, &right, "10.77.0.0/16");
        event = event_of(left.c, monitor, FBN_EVENT_CHANGED, "peer", "allowed IPs");
        assert_string_equal(event->after, "10.9.0.2/32, 10.77.0.0/16");
        side_apply(&left, &right, NULL);
        event_of(left.c, monitor, FBN_EVENT_CHANGED, "peer", "allowed IPs");
        command("ip netns exec left wg set wgl peer $(wg genkey | wg pubkey) persistent-keepalive 7");
        event = event_of(left.c, monitor, FBN_EVENT_ADDED, "peer", NULL);
        assert_int_equal(event->peer->keepalive, 7);
        side_apply(&left, &right, NULL);
        event = event_of(left.c, monitor, FBN_EVENT_REMOVED, "peer", NULL);
        assert_int_equal(event->peer->keepalive, 7);
        command("ip netns exec left wg set wgl fwmark 7");
        event = event_of(left.c, monitor, FBN_EVENT_CHANGED, "interface", "fwmark");
        assert_string_equal(event->after, "7");
        assert_null(event->peer);
        command("ip netns exec left wg set wgl fwmark 0");
}

static void a_peer_becomes_stale_once_until_it_shakes_hands_again(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        const fbn_event *event;
        int64_t age;

        ping();
        assert_ok(left.c, fbn_wireguard_get(left.c, "wgl", &have));
        age = time(NULL) - fbn_wireguard_at(have, 0)->last_handshake / 1000000000;
        monitor = watch("wgl", (fbn_wireguard_monitor_options){.stale_s = (uint32_t)age + 4}); /* what is stale at the start is not told */
        event = event_of(left.c, monitor, FBN_EVENT_STALE, "peer", "handshake");
        assert_non_null(strstr(event->after, " s ago"));
        assert_silence(left.c, monitor, 1300);
}

static void counters_are_told_by_bytes_and_by_time(void **state)
{
        FBN_CLEANUP(fbn_monitor) by_bytes = watch("wgl", (fbn_wireguard_monitor_options){.counters_bytes = 50000});
        FBN_CLEANUP(fbn_monitor) by_time = watch("wgl", (fbn_wireguard_monitor_options){.counters_ms = 100});
        const fbn_event *event;

        command("ip netns exec right ping -q -c 3 -i 0.01 10.9.0.1 >/dev/null");
        event = event_of(left.c, by_time, FBN_EVENT_COUNTERS, "peer", NULL);
        assert_true(event->peer->received > 0);
        assert_silence(left.c, by_bytes, 300);
        command("ip netns exec right ping -q -s 1200 -c 50 -i 0.002 10.9.0.1 >/dev/null");
        event = event_of(left.c, by_bytes, FBN_EVENT_COUNTERS, "peer", NULL);
        assert_true(event->peer->received + event->peer->sent > 50000);
        poll(NULL, 0, 200);
        assert_ok(left.c, fbn_monitor_process(left.c, by_time)); /* the last of them */
        assert_silence(left.c, by_time, 600);
}

static void what_was_there_is_told_when_asked_for(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = watch(NULL, (fbn_wireguard_monitor_options){.existing = true});
        const fbn_event *event = fbn_monitor_next(monitor);

        assert_int_equal(event->kind, FBN_EVENT_ADDED);
        assert_string_equal(event->object, "wgl");
        event = fbn_monitor_next(monitor);
        assert_int_equal(event->kind, FBN_EVENT_ADDED);
        assert_memory_equal(&event->peer->public_key, &right.public_key, sizeof(fbn_key));
        assert_null(fbn_monitor_next(monitor));
}

static void interfaces_that_go_and_come_are_told(void **state)
{
        FBN_CLEANUP(fbn_monitor) one = watch("wgl", (fbn_wireguard_monitor_options){0});
        FBN_CLEANUP(fbn_monitor) all = watch(NULL, (fbn_wireguard_monitor_options){0});
        fbn_monitor *both[] = {one, all};

        assert_ok(left.c, fbn_wireguard_delete(left.c, "wgl"));
        for (size_t i = 0; i < 2; i++) {
                event_of(left.c, both[i], FBN_EVENT_REMOVED, "peer", NULL);
                assert_string_equal(event_of(left.c, both[i], FBN_EVENT_REMOVED, "interface", NULL)->object, "wgl");
        }
        side_create(&left);
        for (size_t i = 0; i < 2; i++)
                event_of(left.c, both[i], FBN_EVENT_ADDED, "interface", NULL);
        side_apply(&left, &right, NULL);
        for (size_t i = 0; i < 2; i++)
                event_of(left.c, both[i], FBN_EVENT_ADDED, "peer", NULL);
}

static void a_daemon_that_is_killed_is_an_interface_that_goes(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = watch("wgl", (fbn_wireguard_monitor_options){0});

        command("ip netns pids left | xargs kill -9");
        event_of(left.c, monitor, FBN_EVENT_REMOVED, "interface", NULL);
        command_until("! ip -n left link show wgl 2>/dev/null");
        command("rm -f /var/run/wireguard/wgl.sock");
        side_create(&left);
        side_apply(&left, &right, NULL);
        event_of(left.c, monitor, FBN_EVENT_ADDED, "interface", NULL);
}

static void a_loop_needs_the_descriptor_or_the_timeout(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = watch("wgl", (fbn_wireguard_monitor_options){0});
        struct pollfd fd = {fbn_monitor_fd(monitor), fbn_monitor_events(monitor), 0};
        int due = fbn_monitor_timeout(monitor);

        assert_true(due > 0 && due <= 50);
        assert_int_equal(poll(&fd, 1, 0), 0);
        assert_int_equal(poll(&fd, 1, 1000), 1);
        assert_int_equal(fbn_monitor_timeout(monitor), 0);
        assert_ok(left.c, fbn_monitor_process(left.c, monitor));
        assert_int_equal(poll(&fd, 1, 0), 0);
}

static void cancelling_ends_the_waiting(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = watch("wgl", (fbn_wireguard_monitor_options){0});

        fbn_context_cancel(left.c);
        assert_failed(left.c, fbn_monitor_wait(left.c, monitor, -1), FBN_ECANCELED, "cancelled");
        fbn_context_resume(left.c);
        assert_int_equal(fbn_monitor_wait(left.c, monitor, 120), 0);
}

static void what_is_no_name_is_refused(void **state)
{
        fbn_monitor *monitor = NULL;

        assert_failed(left.c, fbn_wireguard_monitor_new(left.c, "a/b", NULL, &monitor), FBN_EINVAL, "'a/b' is no name of an interface");
        assert_null(monitor);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_handshake_and_a_roaming_endpoint_are_told),
                cmocka_unit_test(peers_and_their_settings_are_told),
                cmocka_unit_test(a_peer_becomes_stale_once_until_it_shakes_hands_again),
                cmocka_unit_test(counters_are_told_by_bytes_and_by_time),
                cmocka_unit_test(what_was_there_is_told_when_asked_for),
                cmocka_unit_test(interfaces_that_go_and_come_are_told),
                cmocka_unit_test(a_loop_needs_the_descriptor_or_the_timeout),
                cmocka_unit_test(cancelling_ends_the_waiting),
                cmocka_unit_test(what_is_no_name_is_refused),
                cmocka_unit_test(a_daemon_that_is_killed_is_an_interface_that_goes),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, start, stop);
}
