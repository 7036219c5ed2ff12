/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netns/dns_host.h"

/* Hosts where the C library asks what resolv.conf names: it knows no split, so it is led to a stub. */

#define STUB "127.0.0.1:53"
static const fbn_endpoint stub_address = {.address = {AF_INET, {127, 0, 0, 1}}};

static char *described(void)
{
        return command_output("cd /etc && ls -l --time-style=full-iso resolv.conf* && ls -i resolv.conf && cat resolv.conf");
}

static void no_split_without_a_stub(void **state)
{
        FBN_CLEANUP(fbn_dns_routes) routes = site_routes(0);
        char *before = described(), *after;

        assert_found(FBN_DNS_MANAGER_FILE, false, NET ":53");
        assert_failed(here, fbn_dns_host_apply(here, routes, NULL, NULL), FBN_EUNSUPPORTED, "DNS route local.example: /etc/resolv.conf has servers for all names alike");
        assert_non_null(strstr(fbn_context_error(here), "--stub 127.0.0.1"));
        assert_failed(here, fbn_dns_host_apply(here, routes, FBN_OPTIONS(fbn_dns_host_options, .stub = stub_address), NULL), FBN_EUNAVAILABLE,
                      "no DNS stub answers on 127.0.0.1:53: start it first");
        assert_failed(here, fbn_dns_host_apply(here, routes, FBN_OPTIONS(fbn_dns_host_options, .stub = {.address = stub_address.address, .port = 5353}, .dry_run = true), NULL),
                      FBN_EUNSUPPORTED, "no place for a port");
        after = described();
        assert_string_equal(before, after);
        free(before);
        free(after);
}

static void the_stub_splits_and_what_was_comes_back(void **state)
{
        const fbn_dns_host_options by_stub = {.size = sizeof(by_stub), .stub = stub_address}, dry = {.size = sizeof(dry), .stub = stub_address, .dry_run = true};
        FBN_CLEANUP(fbn_dns_routes) routes = site_routes(0);
        struct host_stub stub;
        char *before, *after, *ours;

        command("printf '# by hand\\nnameserver " NET "\\nsearch example.org\\noptions timeout:1\\n' > /etc/resolv.conf && chmod 640 /etc/resolv.conf");
        before = described();
        add_system(routes);
        host_stub_start(&stub, routes, STUB);
        assert_int_equal(applied(routes, &dry), 1);
        after = described();
        assert_string_equal(before, after);
        free(after);
        assert_int_equal(applied(routes, &by_stub), 1);
        assert_int_equal(applied(routes, &by_stub), 0);
        ours = command_output("cat /etc/resolv.conf");
        assert_non_null(strstr(ours, "nameserver 127.0.0.1\noptions timeout:1\nsearch example.org\n"));
        free(ours);
        assert_resolves("nas.local.example", "192.168.20.10");
        assert_resolves("www.example.org", "11.22.33.7");
        assert_resolves("www", "11.22.33.7"); /* the search domain of before */
        command("getent hosts 192.168.20.10 | grep -q nas.local.example");
        assert_int_equal(times_asked("net", "nas.local.example"), 0);
        assert_int_equal(times_asked("site", "www.example.org"), 0);
        assert_found(FBN_DNS_MANAGER_FILE, true, NET ":53"); /* what the system had */
        assert_int_equal(applied(NULL, NULL), 1);
        assert_int_equal(applied(NULL, NULL), 0);
        after = described();
        assert_string_equal(before, after); /* to the inode, the mode and the time */
        host_stub_stop(&stub);
        free(before);
        free(after);
}

static void links_and_mounts_come_back_as_such(void **state)
{
        const fbn_dns_host_options by_stub = {.size = sizeof(by_stub), .stub = stub_address};
        FBN_CLEANUP(fbn_dns_routes) routes = site_routes(0);
        struct host_stub stub;

        add_system(routes);
        host_stub_start(&stub, routes, STUB);
        command("mkdir -p /run/elsewhere && echo 'nameserver " NET "' > /run/elsewhere/conf && ln -sf ../run/elsewhere/conf /etc/resolv.conf");
        applied(routes, &by_stub);
        assert_resolves("nas.local.example", "192.168.20.10");
        command("test ! -L /etc/resolv.conf && grep -q '^nameserver " NET "$' /run/elsewhere/conf");
        applied(NULL, NULL);
        command("test \"$(readlink /etc/resolv.conf)\" = ../run/elsewhere/conf && test ! -e /etc/resolv.conf.before-fabricnet");
        /* As in a container. */
        command("rm /etc/resolv.conf && touch /etc/resolv.conf && echo 'nameserver " NET "' > /run/elsewhere/conf && mount --bind /run/elsewhere/conf /etc/resolv.conf");
        assert_int_equal(applied(routes, &by_stub), 1);
        assert_int_equal(applied(routes, &by_stub), 0);
        assert_resolves("nas.local.example", "192.168.20.10");
        assert_found(FBN_DNS_MANAGER_FILE, true, NET ":53");
        assert_int_equal(applied(NULL, NULL), 1);
        command("test \"$(cat /etc/resolv.conf)\" = 'nameserver " NET "' && test ! -e /etc/resolv.conf.before-fabricnet");
        command("umount /etc/resolv.conf && rm /etc/resolv.conf && echo 'nameserver " NET "' > /etc/resolv.conf");
        host_stub_stop(&stub);
}

static void search_domains_are_the_callers_own(void **state)
{
        static const char *const search[] = {"local.example"};
        const fbn_dns_host_options by_stub = {.size = sizeof(by_stub), .stub = stub_address, .search = search, .n_search = 1};
        FBN_CLEANUP(fbn_dns_routes) routes = site_routes(0);
        struct host_stub stub;

        add_system(routes);
        host_stub_start(&stub, routes, STUB);
        applied(routes, &by_stub);
        assert_resolves("nas", "192.168.20.10");
        applied(routes, FBN_OPTIONS(fbn_dns_host_options, .stub = stub_address));
        assert_unknown("nas");
        applied(NULL, NULL);
        host_stub_stop(&stub);
}

static int events_within(fbn_monitor *monitor, int milliseconds, fbn_event_kind kind)
{
        const fbn_event *event;
        int count = 0, r = fbn_monitor_wait(here, monitor, milliseconds);

        assert_ok(here, r);
        while ((event = fbn_monitor_next(monitor))) {
                assert_string_equal(event->type, "resolver");
                count += event->kind == kind;
        }
        return count;
}

/* A DHCP client that writes its servers: ours comes back over it, and what it wrote is what comes back after ours. */
static void what_is_written_over_is_said_again(void **state)
{
        const fbn_dns_host_options by_stub = {.size = sizeof(by_stub), .stub = stub_address};
        FBN_CLEANUP(fbn_dns_routes) routes = site_routes(0);
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        struct host_stub stub;

        add_system(routes);
        host_stub_start(&stub, routes, STUB);
        assert_ok(here, fbn_dns_host_monitor_new(here, routes, &by_stub, &monitor));
        assert_resolves("nas.local.example", "192.168.20.10");
        assert_int_equal(events_within(monitor, 400, FBN_EVENT_CHANGED), 0);
        command("echo 'nameserver 192.0.2.99' > /etc/new && mv /etc/new /etc/resolv.conf");
        assert_int_equal(events_within(monitor, 10000, FBN_EVENT_CHANGED), 1);
        assert_resolves("nas.local.example", "192.168.20.10");
        assert_found(FBN_DNS_MANAGER_FILE, true, "192.0.2.99:53");
        applied(NULL, NULL);
        command("grep -q 192.0.2.99 /etc/resolv.conf && echo 'nameserver " NET "' > /etc/resolv.conf");
        host_stub_stop(&stub);
}

static void a_stub_that_is_gone_is_told(void **state)
{
        const fbn_dns_host_options by_stub = {.size = sizeof(by_stub), .stub = stub_address};
        FBN_CLEANUP(fbn_dns_routes) routes = site_routes(0);
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        struct host_stub stub;

        add_system(routes);
        host_stub_start(&stub, routes, STUB);
        assert_ok(here, fbn_dns_host_monitor_new(here, routes, &by_stub, &monitor));
        host_stub_stop(&stub);
        command("echo 'nameserver " NET "' > /etc/resolv.conf");
        assert_int_equal(events_within(monitor, 10000, FBN_EVENT_FAILED), 1);
        assert_resolves("www.example.org", "11.22.33.7"); /* not led to nobody */
        host_stub_start(&stub, routes, STUB);
        assert_int_equal(events_within(monitor, 10000, FBN_EVENT_CHANGED), 1);
        assert_resolves("nas.local.example", "192.168.20.10");
        applied(NULL, NULL);
        host_stub_stop(&stub);
}

/* The daemon as it is installed, unprivileged and confined: it hears of other servers by itself. */
static void the_daemon_follows_what_the_system_has(void **state)
{
        const fbn_dns_host_options by_stub = {.size = sizeof(by_stub), .stub = stub_address};
        FBN_CLEANUP(fbn_dns_routes) routes = site_routes(0);
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        char build[512] = "";

        (void)!readlink("/proc/self/exe", build, sizeof(build) - 1);
        strcpy(strstr(build, "/tests/"), "");
        if (command_try("test -x %s/examples/fabricnet/fabricnet-dnsd", build) != 0)
                skip(); /* a build without the examples */
        command("%s/examples/fabricnet/fabricnet-dnsd --route local.example=" SITE " --route .=system --listen 127.0.0.1 2>/run/dnsd.log & echo $! >/run/dnsd.pid", build);
        command_until("dig +tries=1 +time=1 @127.0.0.1 localhost >/dev/null");
        add_system(routes);
        assert_ok(here, fbn_dns_host_monitor_new(here, routes, &by_stub, &monitor));
        assert_resolves("nas.local.example", "192.168.20.10");
        assert_resolves("www.example.org", "11.22.33.7");
        assert_unknown("moved.example");
        command("echo 'nameserver " SITE "' > /etc/new && mv /etc/new /etc/resolv.conf"); /* another network */
        assert_int_equal(events_within(monitor, 10000, FBN_EVENT_CHANGED), 1);
        assert_resolves("moved.example", "11.22.33.9");
        command("grep -q '^nameserver 127.0.0.1$' /etc/resolv.conf");
        applied(NULL, NULL);
        command("kill $(cat /run/dnsd.pid) && echo 'nameserver " NET "' > /etc/resolv.conf");
}

static void another_namespace_is_not_this_host(void **state)
{
        FBN_CLEANUP(fbn_context) there = namespace_context("site");
        FBN_CLEANUP(fbn_dns_routes) routes = site_routes(0);
        FBN_CLEANUP(fbn_dns_host) host = NULL;

        assert_failed(there, fbn_dns_host_get(there, NULL, &host), FBN_EINVAL, "not this process's");
        assert_failed(there, fbn_dns_host_apply(there, routes, NULL, NULL), FBN_EINVAL, "not this process's");
}

static void nobody_to_ask_is_said(void **state)
{
        FBN_CLEANUP(fbn_dns_routes) routes = site_routes(0);

        command("echo 'options edns0' > /etc/resolv.conf");
        assert_failed(here, fbn_dns_routes_add(here, routes, FBN_OPTIONS(fbn_dns_route, .suffix = ".", .system = true)), FBN_ENOENT, "no name server");
        command("echo 'nameserver " NET "' > /etc/resolv.conf");
        assert_failed(here, fbn_dns_routes_add(here, routes, FBN_OPTIONS(fbn_dns_route, .suffix = ".", .system = true, .blocked = true)), FBN_EINVAL, "exclude");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_split_without_a_stub),
                cmocka_unit_test(the_stub_splits_and_what_was_comes_back),
                cmocka_unit_test(links_and_mounts_come_back_as_such),
                cmocka_unit_test(search_domains_are_the_callers_own),
                cmocka_unit_test(what_is_written_over_is_said_again),
                cmocka_unit_test(a_stub_that_is_gone_is_told),
                cmocka_unit_test(the_daemon_follows_what_the_system_has),
                cmocka_unit_test(another_namespace_is_not_this_host),
                cmocka_unit_test(nobody_to_ask_is_said),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, host_setup, host_teardown);
}
