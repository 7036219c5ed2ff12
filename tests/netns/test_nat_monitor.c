/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/monitor.h"

#include <fabricnet/nat.h>

static fbn_context *c;

static int start(void **state)
{
        namespace_new("here");
        c = namespace_context("here");
        return 0;
}

static int stop(void **state)
{
        c = fbn_context_unref(c);
        namespace_delete("here");
        return 0;
}

static void masquerade(const char *name)
{
        FBN_CLEANUP(fbn_nat) nat = NULL;
        fbn_prefix prefix;

        assert_ok(c, fbn_nat_new(c, &nat));
        fbn_prefix_parse("10.0.0.0/8", &prefix);
        if (name)
                assert_ok(c, fbn_nat_add(c, nat, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_MASQUERADE, .name = name, .sources = &prefix,
                                                             .n_sources = 1, .out_device = "eth0")));
        assert_ok(c, fbn_nat_apply(c, nat, NULL, NULL));
}

static fbn_monitor *watch(fbn_nat_monitor_options options)
{
        fbn_monitor *monitor = NULL;

        options.size = sizeof(options);
        assert_ok(c, fbn_nat_monitor_new(c, &options, &monitor));
        return monitor;
}

static void what_we_do_is_told_and_that_it_was_us(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = watch((fbn_nat_monitor_options){0});
        const fbn_event *event;

        masquerade("web");
        event = event_of(c, monitor, FBN_EVENT_ADDED, "table", NULL);
        assert_string_equal(event->object, "table inet fabricnet");
        assert_true(event->pid != 0);
        assert_non_null(event->by);
        event = event_of(c, monitor, FBN_EVENT_ADDED, "rule", NULL);
        assert_non_null(strstr(event->object, "inet fabricnet: rule 'web' in "));
        assert_non_null(event->by);
        masquerade("web");
        assert_silence(c, monitor, 200);
}

static void somebody_who_flushes_the_ruleset_is_named(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        const fbn_event *event;

        masquerade("web");
        monitor = watch((fbn_nat_monitor_options){0});
        assert_silence(c, monitor, 100);
        command("ip netns exec here nft flush ruleset");
        event = event_of(c, monitor, FBN_EVENT_REMOVED, "rule", NULL);
        assert_non_null(strstr(event->object, "rule 'web'"));
        event = event_of(c, monitor, FBN_EVENT_REMOVED, "table", NULL);
        assert_string_equal(event->object, "table inet fabricnet");
        assert_string_equal(event->by, "nft");
        assert_true(event->pid != 0);
        masquerade("web"); /* apply sets it right */
        event_of(c, monitor, FBN_EVENT_ADDED, "table", NULL);
        command("test $(ip netns exec here nft list ruleset | grep -c masquerade) = 1");
}

static void tables_of_others_are_told_only_when_asked_for(void **state)
{
        FBN_CLEANUP(fbn_monitor) ours = watch((fbn_nat_monitor_options){0});
        FBN_CLEANUP(fbn_monitor) all = watch((fbn_nat_monitor_options){.all = true});
        const fbn_event *event;

        command("ip netns exec here nft 'add table ip other; add chain ip other c { type filter hook input priority 0; policy accept; }; "
                "add rule ip other c counter drop; add set ip other s { type ipv4_addr; }; add element ip other s { 1.2.3.4, 5.6.7.8 }'");
        event = event_of(c, all, FBN_EVENT_ADDED, "table", NULL);
        assert_string_equal(event->object, "table ip other");
        event_of(c, all, FBN_EVENT_ADDED, "chain", NULL);
        event = event_of(c, all, FBN_EVENT_CHANGED, "set", "elements");
        assert_string_equal(event->object, "ip other: set s");
        assert_string_equal(event->after, "2 added, 0 removed");
        command("ip netns exec here nft 'chain ip other c { policy drop; }'");
        event_of(c, all, FBN_EVENT_CHANGED, "chain", NULL);
        assert_silence(c, ours, 100);
        command("ip netns exec here nft delete table ip other");
        event = event_of(c, all, FBN_EVENT_REMOVED, "table", NULL);
        assert_string_equal(event->by, "nft");
}

static void what_is_there_is_told_when_asked_for(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = NULL;

        masquerade("web");
        monitor = watch((fbn_nat_monitor_options){.existing = true});
        event_of(c, monitor, FBN_EVENT_ADDED, "table", NULL);
        assert_null(event_of(c, monitor, FBN_EVENT_ADDED, "rule", NULL)->by);
}

static void an_overrun_is_told_and_set_right(void **state)
{
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        const fbn_event *event;
        char script[4096] = "";

        masquerade("web");
        monitor = watch((fbn_nat_monitor_options){.buffer_bytes = 2048});
        for (unsigned i = 0; i < 40; i++)
                snprintf(script + strlen(script), sizeof(script) - strlen(script), "add chain inet fabricnet x%u;", i);
        command("ip netns exec here nft '%s'", script);
        command("ip netns exec here nft delete table inet fabricnet");
        event_of(c, monitor, FBN_EVENT_RESYNC, "monitor", NULL);
        event = event_of(c, monitor, FBN_EVENT_REMOVED, "table", NULL);
        assert_null(event->by); /* nobody knows any more */
        assert_silence(c, monitor, 100);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_we_do_is_told_and_that_it_was_us),
                cmocka_unit_test(somebody_who_flushes_the_ruleset_is_named),
                cmocka_unit_test(tables_of_others_are_told_only_when_asked_for),
                cmocka_unit_test(what_is_there_is_told_when_asked_for),
                cmocka_unit_test(an_overrun_is_told_and_set_right),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, start, stop);
}
