/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netns/dns_host.h"

/* systemd-resolved as it is, without systemd: a bus of its own and its own user. */

#define PATH_RESOLVED "%s/systemd-resolved/lib/systemd/systemd-resolved"

static void resolved_start(void)
{
        command("mkdir -p /run/systemd/resolve && chown systemd-resolve:systemd-resolve /run/systemd/resolve");
        command("LD_LIBRARY_PATH=%s/libsystemd-shared/usr/lib/x86_64-linux-gnu/systemd " PATH_RESOLVED " >>/run/resolved.log 2>&1 & echo $! >/run/resolved.pid", fetched, fetched);
        command_until("busctl --system call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus NameHasOwner s org.freedesktop.resolve1 2>/dev/null | grep -q true");
}

static void resolved_stop(void)
{
        command("kill $(cat /run/resolved.pid)");
        command_until("test ! -e /proc/$(cat /run/resolved.pid) || grep -qs '^State:.Z' /proc/$(cat /run/resolved.pid)/status");
}

static int resolved_setup(void **state)
{
        host_setup(state);
        bus_start();
        command("getent passwd systemd-resolve >/dev/null || { echo systemd-resolve:x:990:990::/:/usr/sbin/nologin >>/etc/passwd; echo systemd-resolve:x:990: >>/etc/group; }");
        command("mkdir -p /etc/systemd && printf '[Resolve]\\nDNS=" NET "\\nFallbackDNS=\\nLLMNR=no\\nMulticastDNS=no\\n' >/etc/systemd/resolved.conf");
        command("mkdir -p /run/systemd/resolve && ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf");
        resolved_start();
        return 0;
}

static int resolved_teardown(void **state)
{
        resolved_stop();
        return host_teardown(state);
}

/* All that it can be asked about itself. */
static char *described(void)
{
        return command_output("for l in site0 net0; do i=$(cat /sys/class/net/$l/ifindex); p=$(busctl --system call org.freedesktop.resolve1 /org/freedesktop/resolve1 "
                              "org.freedesktop.resolve1.Manager GetLink i $i | cut -d'\"' -f2); for w in DNSEx Domains DefaultRoute; do busctl --system get-property "
                              "org.freedesktop.resolve1 $p org.freedesktop.resolve1.Link $w; done; done; cat /etc/resolv.conf; find /run/systemd/resolve/netif -type f 2>/dev/null || true");
}

static void it_follows_the_routes_and_forgets_them(void **state)
{
        FBN_CLEANUP(fbn_dns_routes) routes = site_routes(5301);
        FBN_CLEANUP(fbn_dns_host) host = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        char *before = described(), *after;
        int other;

        assert_found(FBN_DNS_MANAGER_RESOLVED, false, NET ":53");
        assert_resolves("local.example", "11.22.33.66"); /* what the Internet says of it */
        command("busctl --system call org.freedesktop.resolve1 /org/freedesktop/resolve1 org.freedesktop.resolve1.Manager FlushCaches");
        assert_int_equal(applied(routes, FBN_OPTIONS(fbn_dns_host_options, .dry_run = true)), 1);
        after = described();
        assert_string_equal(before, after);
        free(after);
        assert_ok(here, fbn_dns_host_apply(here, routes, NULL, &changes));
        assert_int_equal(fbn_changes_count(changes), 1);
        assert_string_equal(fbn_changes_at(changes, 0)->object, "link site0"); /* found by the way to the server */
        assert_string_equal(fbn_changes_at(changes, 0)->after, "servers 10.7.0.1:5301; domains ~20.168.192.in-addr.arpa ~local.example; for these names only");
        assert_int_equal(applied(routes, NULL), 0);
        other = times_asked("net", "nas.local.example");
        assert_resolves("nas.local.example", "192.168.20.10");
        assert_resolves("local.example", "192.168.20.1");
        assert_resolves("www.example.org", "11.22.33.7");
        command("getent hosts 192.168.20.10 | grep -q nas.local.example");
        assert_unknown("nas"); /* no search domain arises */
        command("! grep -q '^search .*local' /etc/resolv.conf");
        assert_int_equal(times_asked("net", "nas.local.example"), other);
        assert_int_equal(times_asked("site", "www.example.org"), 0);
        assert_found(FBN_DNS_MANAGER_RESOLVED, true, NET ":53");
        assert_int_equal(applied(NULL, NULL), 1);
        assert_int_equal(applied(NULL, NULL), 0);
        after = described();
        assert_string_equal(before, after);
        assert_unknown("nas.local.example");
        free(before);
        free(after);
}

static int changed_within(fbn_monitor *monitor, int milliseconds)
{
        int count = 0, r;
        const fbn_event *event;

        do {
                r = fbn_monitor_wait(here, monitor, milliseconds);
                assert_ok(here, r);
                while ((event = fbn_monitor_next(monitor)))
                        count += event->kind == FBN_EVENT_CHANGED;
        } while (r > 0 && count == 0);
        return count;
}

static void after_a_restart_it_is_told_again(void **state)
{
        FBN_CLEANUP(fbn_dns_routes) routes = site_routes(0);
        FBN_CLEANUP(fbn_monitor) monitor = NULL;

        assert_ok(here, fbn_dns_host_monitor_new(here, routes, NULL, &monitor));
        assert_resolves("nas.local.example", "192.168.20.10");
        assert_int_equal(changed_within(monitor, 300), 0);
        resolved_stop();
        command("rm -rf /run/systemd/resolve"); /* as after a boot */
        resolved_start();
        assert_int_equal(changed_within(monitor, 10000), 1);
        assert_resolves("nas.local.example", "192.168.20.10");
        /* Somebody takes it away by hand. */
        command("busctl --system call org.freedesktop.resolve1 /org/freedesktop/resolve1 org.freedesktop.resolve1.Manager RevertLink i $(cat /sys/class/net/site0/ifindex)");
        assert_int_equal(changed_within(monitor, 15000), 1);
        assert_resolves("nas.local.example", "192.168.20.10");
        applied(NULL, NULL);
}

static void settings_of_others_are_not_touched(void **state)
{
        FBN_CLEANUP(fbn_dns_routes) routes = site_routes(0);
        char *before, *after;

        command("busctl --system call org.freedesktop.resolve1 /org/freedesktop/resolve1 org.freedesktop.resolve1.Manager SetLinkDNS 'ia(iay)' "
                "$(cat /sys/class/net/site0/ifindex) 1 2 4 10 7 0 9");
        before = described();
        assert_failed(here, fbn_dns_host_apply(here, routes, NULL, NULL), FBN_ECONFLICT, "link site0 has settings of somebody else (servers 10.7.0.9:53;");
        assert_int_equal(applied(NULL, NULL), 0);
        after = described();
        assert_string_equal(before, after);
        command("busctl --system call org.freedesktop.resolve1 /org/freedesktop/resolve1 org.freedesktop.resolve1.Manager RevertLink i $(cat /sys/class/net/site0/ifindex)");
        free(before);
        free(after);
}

static int refused(const char *suffix, const char *upstream, const char *words)
{
        FBN_CLEANUP(fbn_dns_routes) routes = site_routes(0);
        const fbn_address address = {AF_INET, {10, 7, 0, 5}};
        fbn_endpoint server;

        if (upstream)
                server = host_endpoint(upstream);
        assert_ok(here, fbn_dns_routes_add(here, routes, FBN_OPTIONS(fbn_dns_route, .suffix = suffix, .upstreams = upstream ? &server : NULL, .n_upstreams = upstream != NULL,
                                                                     .addresses = upstream ? NULL : &address, .n_addresses = !upstream)));
        assert_failed(here, fbn_dns_host_apply(here, routes, NULL, NULL), FBN_EUNSUPPORTED, words);
        assert_non_null(strstr(fbn_context_error(here), "run the stub"));
        return 0;
}

static void what_it_has_no_word_for_is_refused_and_the_stub_has_it(void **state)
{
        const fbn_endpoint where = host_endpoint("127.0.0.1:5353");
        const fbn_dns_host_options options = {.size = sizeof(options), .stub = where, .device = "site0"};
        FBN_CLEANUP(fbn_dns_routes) routes = site_routes(0);
        const fbn_address address = {AF_INET, {10, 7, 0, 5}};
        struct host_stub stub;
        fbn_endpoint net = host_endpoint(NET ":53");

        refused("*.below.example", SITE ":53", "DNS route *.below.example: systemd-resolved knows servers of whole domains only");
        refused("=one.example", NULL, "DNS route =one.example: systemd-resolved knows servers");
        refused("other.example", NET ":53", "DNS route other.example: systemd-resolved has one list of servers a link");
        assert_found(FBN_DNS_MANAGER_RESOLVED, false, NET ":53");
        assert_ok(here, fbn_dns_routes_add(here, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "=one.example", .addresses = &address, .n_addresses = 1)));
        assert_ok(here, fbn_dns_routes_add(here, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "other.example", .upstreams = &net, .n_upstreams = 1)));
        assert_ok(here, fbn_dns_routes_add(here, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "*.apex.example", .blocked = true)));
        add_system(routes);
        host_stub_start(&stub, routes, "127.0.0.1:5353");
        assert_int_equal(applied(routes, &options), 1);
        assert_int_equal(applied(routes, &options), 0);
        assert_resolves("one.example", "10.7.0.5");
        assert_resolves("nas.local.example", "192.168.20.10");
        assert_resolves("www.example.org", "11.22.33.7");
        assert_resolves("apex.example", "11.22.33.8"); /* beside "*.apex.example": by the stub to what the system had, not round and round */
        assert_unknown("x.apex.example");
        command("getent hosts 10.7.0.5 | grep -q one.example");
        applied(NULL, NULL);
        host_stub_stop(&stub);
}

static void a_service_that_is_not_there_is_said(void **state)
{
        FBN_CLEANUP(fbn_dns_routes) routes = site_routes(0);

        resolved_stop();
        assert_failed(here, fbn_dns_host_apply(here, routes, FBN_OPTIONS(fbn_dns_host_options, .manager = FBN_DNS_MANAGER_RESOLVED), NULL), FBN_EUNAVAILABLE,
                      "systemd-resolved");
        resolved_start();
        assert_failed(here, fbn_dns_host_apply(here, routes, FBN_OPTIONS(fbn_dns_host_options, .device = "nowhere0"), NULL), FBN_ENOENT, "nowhere0");
        assert_failed(here, fbn_dns_host_apply(here, routes, FBN_OPTIONS(fbn_dns_host_options, .device = "lo"), NULL), FBN_EUNAVAILABLE, "loopback");
        command("test ! -e /run/fabricnet/resolved");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_follows_the_routes_and_forgets_them),
                cmocka_unit_test(after_a_restart_it_is_told_again),
                cmocka_unit_test(settings_of_others_are_not_touched),
                cmocka_unit_test(what_it_has_no_word_for_is_refused_and_the_stub_has_it),
                cmocka_unit_test(a_service_that_is_not_there_is_said),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, resolved_setup, resolved_teardown);
}
