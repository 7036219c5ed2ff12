/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netns/dns_host.h"

/* dnsmasq, unbound, openresolv and Debian's resolvconf as hosts run them. */

static void start_until_answers(const char *daemon, const char *line)
{
        command("%s & echo $! >/run/%s.pid", line, daemon);
        command_until("dig +tries=1 +time=1 @127.0.0.1 localhost >/dev/null");
}

static void stop(const char *daemon)
{
        command("pid=$(cat /run/%s.pid) && kill $pid && timeout 60 sh -c \"while kill -0 $pid; do sleep 0.05; done\" 2>/dev/null", daemon);
}

/* "A", "NXDOMAIN", "NODATA" as the local server says. */
static void assert_says(const char *name, const char *type, const char *what)
{
        char *said = command_output("dig +noauthority +tries=2 +time=2 @127.0.0.1 %s %s | awk '/status:/ {s=$6; sub(\",\",\"\",s)} /^[^;]/ {a=a $5} END {print a != \"\" ? a : s == \"NOERROR\" ? \"NODATA\" : s}'",
                                    name, type);

        said[strcspn(said, "\n")] = 0;
        if (strcmp(said, what) != 0)
                fail_msg("%s %s: %s, not %s", name, type, said, what);
        free(said);
}

static void add_route(fbn_dns_routes *routes, const char *suffix, const char *address)
{
        fbn_address answer;

        if (address)
                assert_int_equal(fbn_address_parse(address, &answer), 0);
        assert_ok(here, fbn_dns_routes_add(here, routes, FBN_OPTIONS(fbn_dns_route, .suffix = suffix, .addresses = address ? &answer : NULL, .n_addresses = address != NULL,
                                                                     .blocked = !address)));
}

static fbn_dns_routes *many_routes(void)
{
        fbn_dns_routes *routes = site_routes(5301);

        add_route(routes, "blocked.example", NULL);
        add_route(routes, "sink.example", "10.7.0.9");
        add_route(routes, "fabric.example", NULL);
        add_route(routes, "=nas.fabric.example", "10.7.0.3");
        return routes;
}

/* What the routes of many_routes() mean, whoever was told them. */
static void assert_all_said(void)
{
        int net = times_asked("net", "nas.local.example"), blocked = times_asked("net", "x.blocked.example");

        assert_says("nas.local.example", "A", "192.168.20.10");
        assert_says("local.example", "A", "192.168.20.1");
        assert_says("nas.local.example", "MX", "NODATA");
        assert_says("10.20.168.192.in-addr.arpa", "PTR", "nas.local.example.");
        assert_says("www.example.org", "A", "11.22.33.7");
        assert_says("blocked.example", "TXT", "NXDOMAIN"); /* before x.: dnsmasq makes NODATA of it once it keeps that there is no x. below */
        assert_says("x.blocked.example", "A", "NXDOMAIN");
        assert_says("sink.example", "A", "10.7.0.9");
        assert_says("a.b.sink.example", "A", "10.7.0.9");
        assert_says("sink.example", "AAAA", "NODATA");
        assert_says("nas.fabric.example", "A", "10.7.0.3");
        assert_says("nas.fabric.example", "AAAA", "NODATA");
        assert_says("3.0.7.10.in-addr.arpa", "PTR", "nas.fabric.example.");
        assert_says("other.fabric.example", "A", "NXDOMAIN");
        assert_says("1.20.168.192.in-addr.arpa", "PTR", "NXDOMAIN");
        assert_int_equal(times_asked("net", "nas.local.example"), net);
        assert_int_equal(times_asked("net", "x.blocked.example"), blocked);
        assert_int_equal(times_asked("site", "www.example.org"), 0);
}

static int unbound_setup(void **state)
{
        command("rm -rf /etc/unbound && mkdir -p /etc/unbound/unbound.conf.d && echo 'nameserver 127.0.0.1' >/etc/resolv.conf");
        command("printf 'include-toplevel: \"/etc/unbound/unbound.conf.d/*.conf\"\\nserver:\\n  interface: 127.0.0.1\\n  chroot: \"\"\\n  username: \"\"\\n  pidfile: /run/u.pid\\n"
                "  use-syslog: no\\n  logfile: /run/local.log\\n  module-config: \"validator iterator\"\\n  num-threads: 1\\nforward-zone:\\n  name: .\\n  forward-addr: " NET "\\n"
                "remote-control:\\n  control-enable: no\\n' >/etc/unbound/unbound.conf");
        start_until_answers("unbound", "unbound -d -c /etc/unbound/unbound.conf");
        return 0;
}

static int unbound_teardown(void **state)
{
        stop("unbound");
        command("rm -rf /etc/unbound && echo 'nameserver " NET "' >/etc/resolv.conf");
        return 0;
}

#define UNTIL_SAID(name, address) command_until("test \"$(dig +short +tries=1 +time=1 @127.0.0.1 " name ")\" = \"" address "\"")

static void unbound_follows_the_routes(void **state)
{
        FBN_CLEANUP(fbn_dns_routes) routes = many_routes();

        assert_found(FBN_DNS_MANAGER_UNBOUND, false, "127.0.0.1:53");
        assert_int_equal(applied(routes, NULL), 1);
        assert_int_equal(applied(routes, NULL), 0);
        UNTIL_SAID("nas.local.example", "192.168.20.10");
        assert_all_said();
        assert_found(FBN_DNS_MANAGER_UNBOUND, true, "127.0.0.1:53");
        stop("unbound"); /* a restart reads it again */
        start_until_answers("unbound", "unbound -d -c /etc/unbound/unbound.conf");
        assert_all_said();
        assert_int_equal(applied(NULL, NULL), 1);
        assert_int_equal(applied(NULL, NULL), 0);
        UNTIL_SAID("local.example", "11.22.33.66");
        command("test -z \"$(ls /etc/unbound/unbound.conf.d)\"");
}

static void unbound_is_left_as_it_was_when_it_cannot(void **state)
{
        FBN_CLEANUP(fbn_dns_routes) routes = site_routes(0);
        FBN_CLEANUP(fbn_dns_routes) below = NULL;

        command("echo 'server: # theirs' >/etc/unbound/unbound.conf.d/fabricnet.conf");
        assert_failed(here, fbn_dns_host_apply(here, routes, NULL, NULL), FBN_ECONFLICT, "fabricnet.conf is not ours");
        assert_int_equal(applied(NULL, NULL), 0); /* nothing of ours */
        command("grep -q theirs /etc/unbound/unbound.conf.d/fabricnet.conf && rm /etc/unbound/unbound.conf.d/fabricnet.conf");
        command("echo 'nonsense: yes' >/etc/unbound/unbound.conf.d/theirs.conf");
        assert_failed(here, fbn_dns_host_apply(here, routes, NULL, NULL), FBN_EUNSUPPORTED, "unbound-checkconf refuses it");
        command("test \"$(ls /etc/unbound/unbound.conf.d)\" = theirs.conf && rm /etc/unbound/unbound.conf.d/theirs.conf");
        assert_ok(here, fbn_dns_routes_new(here, &below));
        add_route(below, "*.below.example", "10.7.0.9");
        assert_failed(here, fbn_dns_host_apply(here, below, NULL, NULL), FBN_EUNSUPPORTED, "*.below.example: unbound forwards and refuses whole domains only");
        command("sed -i '/include/d' /etc/unbound/unbound.conf");
        assert_failed(here, fbn_dns_host_apply(here, routes, NULL, NULL), FBN_EUNSUPPORTED, "does not include");
}

/* The stub on another port: unbound and dnsmasq can be told, and what would go round is refused. */
static void assert_by_stub(const fbn_dns_host_options *options)
{
        FBN_CLEANUP(fbn_dns_routes) routes = many_routes();
        fbn_dns_routes *round = site_routes(0);
        struct host_stub stub;

        add_route(round, "*.below.example", "10.7.0.9");
        add_system(round);
        assert_failed(here, fbn_dns_host_apply(here, round, FBN_OPTIONS(fbn_dns_host_options, .stub = options->stub, .dry_run = true), NULL), FBN_EUNSUPPORTED, "would ask the stub for all of below.example");
        fbn_dns_routes_unref(round);
        add_system(routes);
        host_stub_start(&stub, routes, "127.0.0.1:5353");
        assert_int_equal(applied(routes, options), 1);
        UNTIL_SAID("nas.local.example", "192.168.20.10");
        assert_all_said();
        assert_int_equal(applied(NULL, options), 1);
        host_stub_stop(&stub);
}

static void unbound_asks_the_stub(void **state)
{
        assert_by_stub(FBN_OPTIONS(fbn_dns_host_options, .stub = host_endpoint("127.0.0.1:5353")));
}

#define DNSMASQ "dnsmasq -k --pid-file=/run/dnsmasq.pid --user=root --conf-file=/etc/dnsmasq.conf --log-facility=/run/dnsmasq.log"
static const char *const restart[] = {"/bin/sh", "-c", "pid=$(cat /run/dnsmasq.pid); kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.05; done; "
                                                       "setsid " DNSMASQ " </dev/null >/dev/null 2>&1 & while ! dig +tries=1 +time=1 @127.0.0.1 localhost >/dev/null; do sleep 0.1; done"};

static int dnsmasq_setup(void **state)
{
        command("rm -rf /etc/dnsmasq.d && mkdir /etc/dnsmasq.d && echo 'nameserver 127.0.0.1' >/etc/resolv.conf");
        command("printf 'conf-dir=/etc/dnsmasq.d/,*.conf\\nno-resolv\\nserver=" NET "\\nlisten-address=127.0.0.1\\nbind-interfaces\\nstop-dns-rebind\\n' >/etc/dnsmasq.conf");
        start_until_answers("dnsmasq", DNSMASQ);
        return 0;
}

static int dnsmasq_teardown(void **state)
{
        stop("dnsmasq");
        command("rm -rf /etc/dnsmasq.d /etc/dnsmasq.conf && echo 'nameserver " NET "' >/etc/resolv.conf");
        return 0;
}

static const fbn_dns_host_options by_restart = {.size = sizeof(by_restart), .restart = restart, .n_restart = 3};

static void dnsmasq_follows_the_routes(void **state)
{
        FBN_CLEANUP(fbn_dns_routes) routes = many_routes();

        assert_found(FBN_DNS_MANAGER_DNSMASQ, false, "127.0.0.1:53");
        assert_failed(here, fbn_dns_host_apply(here, routes, NULL, NULL), FBN_EUNSUPPORTED, "name the command that restarts it");
        command("test -z \"$(ls /etc/dnsmasq.d)\"");
        assert_int_equal(applied(routes, &by_restart), 1);
        assert_int_equal(applied(routes, &by_restart), 0);
        assert_all_said();
        assert_int_equal(applied(NULL, &by_restart), 1);
        assert_int_equal(applied(NULL, &by_restart), 0);
        assert_says("local.example", "A", "11.22.33.66");
        command("test -z \"$(ls /etc/dnsmasq.d)\"");
}

static void dnsmasq_goes_on_with_what_it_had(void **state)
{
        static const char *const fails[] = {"/bin/sh", "-c", "grep -q local.example /etc/dnsmasq.d/fabricnet.conf 2>/dev/null && { echo no restart today >&2; exit 3; }; exit 0"};
        const fbn_dns_host_options failing = {.size = sizeof(failing), .restart = fails, .n_restart = 3};
        FBN_CLEANUP(fbn_dns_routes) routes = site_routes(0);
        FBN_CLEANUP(fbn_dns_routes) alone = NULL;

        assert_failed(here, fbn_dns_host_apply(here, routes, &failing, NULL), FBN_EUNAVAILABLE, "'/bin/sh' failed: no restart today");
        command("test -z \"$(ls /etc/dnsmasq.d)\"");
        assert_ok(here, fbn_dns_routes_new(here, &alone));
        add_route(alone, "=nas.alone.example", "10.7.0.3");
        assert_failed(here, fbn_dns_host_apply(here, alone, &by_restart, NULL), FBN_EUNSUPPORTED, "would ask others for the types that it does not have");
}

static void dnsmasq_asks_the_stub(void **state)
{
        fbn_dns_host_options options = by_restart;

        options.stub = host_endpoint("127.0.0.1:5353");
        assert_by_stub(&options);
}

static int openresolv_setup(void **state)
{
        command("mkdir -p /run/empty && cp %s/openresolv/sbin/resolvconf /run/resolvconf.program && printf 'resolv_conf=/etc/resolv.conf\\n' >/etc/resolvconf.conf", fetched);
        command("touch /sbin/resolvconf && mount --bind /run/resolvconf.program /sbin/resolvconf && mkdir -p /lib/resolvconf");
        command("mount --bind %s/openresolv/lib/resolvconf /lib/resolvconf", fetched);
        command("printf 'nameserver " NET "\\nsearch example.org\\n' | resolvconf -a eth0");
        command("grep -q 'Generated by resolvconf' /etc/resolv.conf && grep -q '^nameserver " NET "' /etc/resolv.conf");
        return 0;
}

static int openresolv_teardown(void **state)
{
        command("umount /sbin/resolvconf /lib/resolvconf; rm -rf /run/resolvconf /etc/resolvconf.conf; rm -f /etc/resolv.conf; echo 'nameserver " NET "' >/etc/resolv.conf");
        return 0;
}

static void resolvconf_leads_to_the_stub(void **state)
{
        const fbn_dns_host_options options = {.size = sizeof(options), .stub = host_endpoint("127.0.0.1:53")};
        FBN_CLEANUP(fbn_dns_routes) routes = site_routes(0);
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        char *before = command_output("cat /etc/resolv.conf"), *after;
        struct host_stub stub;

        assert_found(FBN_DNS_MANAGER_RESOLVCONF, false, NET ":53");
        assert_failed(here, fbn_dns_host_apply(here, routes, NULL, NULL), FBN_EUNSUPPORTED, "DNS route local.example: ");
        add_system(routes);
        host_stub_start(&stub, routes, "127.0.0.1:53");
        assert_int_equal(applied(routes, &options), 1);
        assert_int_equal(applied(routes, &options), 0);
        command("test \"$(grep -c ^nameserver /etc/resolv.conf)\" = 1 && grep -q '^nameserver 127.0.0.1$' /etc/resolv.conf && ! grep -q 'search.*local' /etc/resolv.conf");
        assert_resolves("nas.local.example", "192.168.20.10");
        assert_resolves("www.example.org", "11.22.33.7");
        assert_found(FBN_DNS_MANAGER_RESOLVCONF, true, NET ":53");
        command("resolvconf -u");
        command("grep -q '^nameserver 127.0.0.1$' /etc/resolv.conf");
        assert_int_equal(applied(NULL, NULL), 1);
        assert_int_equal(applied(NULL, NULL), 0);
        after = command_output("cat /etc/resolv.conf");
        assert_string_equal(before, after);
        host_stub_stop(&stub);
        free(before);
        free(after);
}

/* One that takes an entry and writes something else: it is taken back, not called done. */
static void resolvconf_that_does_not_do_it_is_found_out(void **state)
{
        const fbn_dns_host_options options = {.size = sizeof(options), .stub = host_endpoint("127.0.0.1:53")};
        FBN_CLEANUP(fbn_dns_routes) routes = site_routes(0);
        struct host_stub stub;

        command("echo 'resolv_conf=/run/elsewhere.conf' >>/etc/resolvconf.conf");
        add_system(routes);
        host_stub_start(&stub, routes, "127.0.0.1:53");
        assert_failed(here, fbn_dns_host_apply(here, routes, &options, NULL), FBN_EUNSUPPORTED, "/etc/resolv.conf does not have it alone");
        command("resolvconf -i | tr ' ' '\\n' | grep -qx eth0 && ! resolvconf -i | grep -q fabricnet");
        host_stub_stop(&stub);
}

static int debian_setup(void **state)
{
        command("touch /sbin/resolvconf && mount --bind %s/resolvconf/sbin/resolvconf /sbin/resolvconf && mkdir -p /lib/resolvconf /etc/resolvconf", fetched);
        command("mount --bind %s/resolvconf/lib/resolvconf /lib/resolvconf && mount --bind %s/resolvconf/etc/resolvconf /etc/resolvconf", fetched, fetched);
        command("mkdir -p /run/resolvconf/interface && touch /run/resolvconf/enable-updates && rm -f /etc/resolv.conf && ln -s /run/resolvconf/resolv.conf /etc/resolv.conf");
        command("printf 'nameserver " NET "\\n' | resolvconf -a eth0");
        command("grep -q '^nameserver " NET "' /etc/resolv.conf");
        return 0;
}

static int debian_teardown(void **state)
{
        command("umount /sbin/resolvconf /lib/resolvconf /etc/resolvconf; rm -rf /run/resolvconf; rm -f /etc/resolv.conf; echo 'nameserver " NET "' >/etc/resolv.conf");
        return 0;
}

#define WITH(manager, test) cmocka_unit_test_setup_teardown(test, manager##_setup, manager##_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH(unbound, unbound_follows_the_routes),
                WITH(unbound, unbound_asks_the_stub),
                WITH(unbound, unbound_is_left_as_it_was_when_it_cannot),
                WITH(dnsmasq, dnsmasq_follows_the_routes),
                WITH(dnsmasq, dnsmasq_asks_the_stub),
                WITH(dnsmasq, dnsmasq_goes_on_with_what_it_had),
                WITH(openresolv, resolvconf_leads_to_the_stub),
                WITH(openresolv, resolvconf_that_does_not_do_it_is_found_out),
                WITH(debian, resolvconf_leads_to_the_stub),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, host_setup, host_teardown);
}
