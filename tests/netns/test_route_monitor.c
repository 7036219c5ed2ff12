/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netns/monitor.h"

#include <fabricnet/link.h>
#include <fabricnet/route.h>

static fbn_context *c;

static int start(void **state)
{
        namespace_new("here");
        c = namespace_context("here");
        command("ip netns exec here sysctl -qw net.ipv6.conf.default.accept_dad=0"); /* or addresses change when links come up */
        command("ip -n here link add v0 type veth peer name v1 && ip -n here link set v0 up && ip -n here link set v1 up && "
                "ip -n here address add 192.0.2.1/24 dev v0");
        command_until("test $(ip -n here -6 route show | grep -c ^fe80::/64) -eq 2 -a $(ip -n here -6 address show scope link | grep -c inet6) -eq 2"); /* they come in their own time */
        return 0;
}

static int stop(void **state)
{
        c = fbn_context_unref(c);
        namespace_delete("here");
        return 0;
}

static fbn_monitor *watch_routes(fbn_route_monitor_options options)
{
        fbn_monitor *monitor = NULL;

        options.size = sizeof(options);
        assert_ok(c, fbn_route_monitor_new(c, &options, &monitor));
        return monitor;
}

static fbn_monitor *watch_links(fbn_link_monitor_options options)
{
        fbn_monitor *monitor = NULL;

        options.size = sizeof(options);
        assert_ok(c, fbn_link_monitor_new(c, &options, &monitor));
        return monitor;
}

static void routes_come_change_and_go(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = watch_routes((fbn_route_monitor_options){0});
        const fbn_event *event;

        command("ip -n here route add 10.0.0.0/8 via 192.0.2.7 metric 5");
        event = event_of(c, monitor, FBN_EVENT_ADDED, "route", NULL);
        assert_string_equal(event->object, "route 10.0.0.0/8 metric 5");
        assert_string_equal(event->after, "via 192.0.2.7 dev v0");
        command("ip -n here route replace 10.0.0.0/8 via 192.0.2.8 metric 5");
        event = event_of(c, monitor, FBN_EVENT_CHANGED, "route", NULL);
        assert_string_equal(event->before, "via 192.0.2.7 dev v0");
        assert_string_equal(event->after, "via 192.0.2.8 dev v0");
        assert_string_equal(event->route->device, "v0");
        command("ip -n here route del 10.0.0.0/8 metric 5");
        event_of(c, monitor, FBN_EVENT_REMOVED, "route", NULL);
        assert_silence(c, monitor, 100);
}

/* Each of these takes routes away without a word of the kernel's. */
static void routes_that_go_in_silence_are_told(void **state)
{
        static const char *const causes[] = {"link set v0 down", "address del 192.0.2.1/24 dev v0", "nexthop del id 7"};
        static const char *const routes[] = {"via 192.0.2.7", "via 192.0.2.7", "nhid 7"};

        for (size_t i = 0; i < 3; i++) {
                FBN_CLEANUP(fbn_monitor) monitor = NULL;
                const fbn_event *event;

                command_try("ip -n here link set v0 up; ip -n here address replace 192.0.2.1/24 dev v0; "
                            "ip -n here nexthop replace id 7 via 192.0.2.7 dev v0");
                command("ip -n here route add 10.0.0.0/8 %s", routes[i]);
                monitor = watch_routes((fbn_route_monitor_options){.family = AF_INET, .no_rules = true});
                command("ip -n here %s", causes[i]);
                do
                        event = event_of(c, monitor, FBN_EVENT_REMOVED, "route", NULL);
                while (strcmp(event->object, "route 10.0.0.0/8") != 0);
        }
        command("ip -n here link set v0 up && ip -n here address replace 192.0.2.1/24 dev v0");
}

static void routes_of_a_link_that_is_gone_keep_its_name(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        unsigned count = 0;
        const fbn_event *event;

        command("ip -n here link add x0 type veth peer name x1 && ip -n here link set x0 up && ip -n here link set x1 up && "
                "ip -n here route add 10.3.0.0/16 dev x0 && ip -n here -6 route add fd33::/48 dev x0");
        monitor = watch_routes((fbn_route_monitor_options){.no_rules = true});
        command("ip -n here link del x0");
        for (; (event = next_event(c, monitor, 300)); count++) {
                assert_int_equal(event->kind, FBN_EVENT_REMOVED);
                assert_non_null(strstr(event->before, "dev x"));
        }
        assert_true(count >= 2);
}

static void only_what_is_asked_for_is_told(void **state)
{
        FBN_CLEANUP(fbn_monitor) ours = watch_routes((fbn_route_monitor_options){.protocol = FBN_PROTOCOL});
        FBN_CLEANUP(fbn_monitor) table = watch_routes((fbn_route_monitor_options){.table = 77, .no_rules = true});
        FBN_CLEANUP(fbn_monitor) rules = watch_routes((fbn_route_monitor_options){.no_routes = true});
        FBN_CLEANUP(fbn_monitor) device = watch_routes((fbn_route_monitor_options){.device = "v1", .no_rules = true});

        command("ip -n here route add 10.1.0.0/16 dev v0");
        command("ip -n here rule add priority 70 fwmark 7 table 77");
        assert_silence(c, ours, 50);
        assert_silence(c, table, 50);
        assert_silence(c, device, 50);
        assert_string_equal(event_of(c, rules, FBN_EVENT_ADDED, "rule", NULL)->object, "rule 70 IPv4");
        command("ip -n here route add 10.2.0.0/16 dev v1 protocol 251 table 77");
        event_of(c, ours, FBN_EVENT_ADDED, "route", NULL);
        event_of(c, table, FBN_EVENT_ADDED, "route", NULL);
        event_of(c, device, FBN_EVENT_ADDED, "route", NULL);
        command("ip -n here rule del priority 70");
        assert_non_null(event_of(c, rules, FBN_EVENT_REMOVED, "rule", NULL)->before);
        command("ip -n here route del 10.1.0.0/16; ip -n here route del 10.2.0.0/16 table 77");
}

static void links_and_addresses_are_told_field_by_field(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = watch_links((fbn_link_monitor_options){0});
        const fbn_event *event;

        command("ip -n here link add name br0 type bridge && ip -n here link set v1 master br0");
        assert_string_equal(event_of(c, monitor, FBN_EVENT_ADDED, "link", NULL)->link->name, "br0");
        assert_string_equal(event_of(c, monitor, FBN_EVENT_CHANGED, "link", "master")->after, "br0");
        command("ip -n here link set v1 nomaster && ip -n here link del br0");
        assert_null(event_of(c, monitor, FBN_EVENT_CHANGED, "link", "master")->after);
        event_of(c, monitor, FBN_EVENT_REMOVED, "link", NULL);
        command("ip -n here address add 192.0.2.9/32 dev v1");
        event = event_of(c, monitor, FBN_EVENT_ADDED, "address", NULL);
        assert_string_equal(event->object, "v1: address 192.0.2.9/32");
        command("ip -n here link set v1 down && ip -n here link set v1 name w1 && ip -n here link set w1 up");
        assert_string_equal(event_of(c, monitor, FBN_EVENT_CHANGED, "link", "state")->after, "down");
        event = event_of(c, monitor, FBN_EVENT_CHANGED, "link", "name");
        assert_string_equal(event->before, "v1");
        assert_string_equal(event->link->name, "w1");
        command("ip -n here address del 192.0.2.9/32 dev w1 && ip -n here link set w1 down && ip -n here link set w1 name v1 && "
                "ip -n here link set v1 up");
        assert_string_equal(event_of(c, monitor, FBN_EVENT_REMOVED, "address", NULL)->address->device, "w1");
}

static void one_link_alone(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = watch_links((fbn_link_monitor_options){.device = "v0", .existing = true});

        assert_string_equal(event_of(c, monitor, FBN_EVENT_ADDED, "link", NULL)->link->name, "v0");
        assert_string_equal(event_of(c, monitor, FBN_EVENT_ADDED, "address", NULL)->address->device, "v0");
        command("ip -n here link set v1 mtu 1400");
        assert_silence(c, monitor, 100);
}

static void an_overrun_is_told_and_set_right(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = watch_routes((fbn_route_monitor_options){.table = 77, .no_rules = true, .buffer_bytes = 2048});
        unsigned added = 0, lost = 0;
        const fbn_event *event;

        command("for i in $(seq 200); do echo route add 10.7.$i.0/24 dev v0 table 77; done | ip -n here -batch -");
        while ((event = next_event(c, monitor, 200))) {
                lost += event->kind == FBN_EVENT_RESYNC;
                added += event->kind == FBN_EVENT_ADDED;
        }
        assert_true(lost > 0);
        assert_int_equal(added, 200);
        command("ip -n here route flush table 77");
        while ((event = next_event(c, monitor, 200)))
                added -= event->kind == FBN_EVENT_REMOVED;
        assert_int_equal(added, 0);
}

static void what_makes_no_sense_is_refused(void **state)
{
        fbn_monitor *monitor = NULL;

        assert_failed(c, fbn_route_monitor_new(c, FBN_OPTIONS(fbn_route_monitor_options, .no_routes = true, .no_rules = true), &monitor),
                      FBN_EINVAL, "neither routes nor rules");
        assert_failed(c, fbn_route_monitor_new(c, FBN_OPTIONS(fbn_route_monitor_options, .family = 3), &monitor), FBN_EINVAL, "family 3");
        assert_failed(c, fbn_link_monitor_new(c, FBN_OPTIONS(fbn_link_monitor_options, .device = "a/b"), &monitor), FBN_EINVAL, "a/b");
        assert_null(monitor);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(routes_come_change_and_go),
                cmocka_unit_test(routes_that_go_in_silence_are_told),
                cmocka_unit_test(routes_of_a_link_that_is_gone_keep_its_name),
                cmocka_unit_test(only_what_is_asked_for_is_told),
                cmocka_unit_test(links_and_addresses_are_told_field_by_field),
                cmocka_unit_test(one_link_alone),
                cmocka_unit_test(an_overrun_is_told_and_set_right),
                cmocka_unit_test(what_makes_no_sense_is_refused),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, start, stop);
}
