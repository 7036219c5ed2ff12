/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netns/dns_host.h"

#include <fabricnet/fabric.h>
#include <fabricnet/monitor.h>

/* The names that a file declares, told to the resolver of this host, and taken back when the file says so no more. */

#define FABRIC(resolver)                                                                                                                               \
        "{\"fabric\": 1, \"name\": \"names\", \"prefixes\": {\"lan\": {\"prefix\": \"10.7.0.0/24\", \"at\": \"router\"}, \"storage\": {\"prefix\": "    \
        "\"192.168.20.0/24\", \"at\": \"router\"}}, \"hosts\": {\"me\": {\"interfaces\": {\"site0\": {\"address\": \"10.7.0.2\"}}" resolver "}, "        \
        "\"router\": {\"manager\": \"none\", \"interfaces\": {\"lan0\": {\"address\": \"10.7.0.1\"}, \"storage0\": {\"address\": \"192.168.20.1\"}}}, " \
        "\"nas\": {\"manager\": \"none\", \"interfaces\": {\"eth0\": {\"address\": \"192.168.20.10\"}}}}, "                                            \
        "\"dns\": {\"local.example\": {\"at\": \"router\", \"records\": {\"nas\": \"nas\"}}}}"

static const fbn_fabric_options on_me = {.size = sizeof(on_me), .host = "me", .local_only = true, .state_directory = "/run/state"};

static fbn_fabric *parsed(const char *text)
{
        fbn_fabric *fabric = NULL;

        assert_ok(here, fbn_fabric_load(here, "f.json", text, &fabric));
        return fabric;
}

/* How many steps are about names; all others have been taken before. */
static int planned(const char *text, fbn_change_kind kind, const char *object)
{
        FBN_CLEANUP(fbn_fabric) fabric = parsed(text);
        FBN_CLEANUP(fbn_plan) plan = NULL;
        int count = 0;

        assert_ok(here, fbn_fabric_plan(here, fabric, &on_me, &plan));
        for (size_t i = 0; i < fbn_plan_count(plan); i++) {
                assert_string_equal(fbn_plan_at(plan, i)->domain, "dns");
                assert_int_equal(fbn_plan_at(plan, i)->kind, kind);
                assert_string_equal(fbn_plan_at(plan, i)->object, object);
                assert_string_equal(fbn_plan_at(plan, i)->pointer, "/hosts/me");
                count++;
        }
        return count;
}

static int done(const char *text)
{
        FBN_CLEANUP(fbn_fabric) fabric = parsed(text);
        int r = fbn_fabric_apply(here, fabric, &on_me, NULL);

        assert_ok(here, r);
        return r;
}

static void what_the_host_cannot_say_changes_nothing(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = parsed(FABRIC(", \"resolver\": \"found\""));

        done(FABRIC(""));
        assert_failed(here, fbn_fabric_apply(here, fabric, &on_me, NULL), FBN_EUNSUPPORTED, "host me: resolv.conf: DNS route local.example");
        assert_int_equal(done(FABRIC("")), 0);
        command("test \"$(cat /etc/resolv.conf)\" = 'nameserver " NET "'");
}

static void the_stub_is_told_and_forgotten_by_the_file(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = parsed(FABRIC(", \"resolver\": \"stub\""));
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        struct host_stub stub;

        done(FABRIC(""));
        assert_int_equal(planned(FABRIC(", \"resolver\": \"stub\""), FBN_CHANGE_CREATE, "/etc/resolv.conf"), 1);
        assert_failed(here, fbn_fabric_apply(here, fabric, &on_me, NULL), FBN_EUNDONE, "no DNS stub answers on 127.0.0.1:53");
        assert_ok(here, fbn_fabric_dns(here, fabric, "me", true, &routes));
        add_system(routes);
        host_stub_start(&stub, routes, "127.0.0.1:53");
        assert_int_equal(done(FABRIC(", \"resolver\": \"stub\"")), 1);
        assert_int_equal(done(FABRIC(", \"resolver\": \"stub\"")), 0);
        assert_resolves("nas.local.example", "192.168.20.10");
        assert_resolves("www.example.org", "11.22.33.7");
        command("getent hosts 192.168.20.10 | grep -q nas.local.example");
        assert_int_equal(planned(FABRIC(""), FBN_CHANGE_DELETE, "/etc/resolv.conf"), 1);
        assert_int_equal(done(FABRIC("")), 1);
        assert_int_equal(done(FABRIC("")), 0);
        command("test \"$(cat /etc/resolv.conf)\" = 'nameserver " NET "'");
        host_stub_stop(&stub);
}

static void unbound_is_told_and_forgotten_by_the_file(void **state)
{
        command("rm -rf /etc/unbound && mkdir -p /etc/unbound/unbound.conf.d && echo 'nameserver 127.0.0.1' >/etc/resolv.conf");
        command("printf 'include-toplevel: \"/etc/unbound/unbound.conf.d/*.conf\"\\nserver:\\n  interface: 127.0.0.1\\n  chroot: \"\"\\n  username: \"\"\\n  pidfile: /run/u.pid\\n"
                "  use-syslog: no\\n  module-config: iterator\\n  num-threads: 1\\nforward-zone:\\n  name: .\\n  forward-addr: " NET "\\nremote-control:\\n  control-enable: no\\n' "
                ">/etc/unbound/unbound.conf");
        command("unbound -d -c /etc/unbound/unbound.conf & echo $! >/run/local.pid");
        command_until("dig +tries=1 +time=1 @127.0.0.1 localhost >/dev/null");
        done(FABRIC(""));
        assert_int_equal(done(FABRIC(", \"resolver\": \"found\"")), 1);
        assert_int_equal(done(FABRIC(", \"resolver\": \"unbound\"")), 0); /* the same one by its name */
        assert_resolves("nas.local.example", "192.168.20.10");
        assert_resolves("www.example.org", "11.22.33.7");
        assert_int_equal(done(FABRIC(", \"resolver\": \"none\"")), 1);
        command("test -z \"$(ls /etc/unbound/unbound.conf.d)\" && kill $(cat /run/local.pid) && echo 'nameserver " NET "' >/etc/resolv.conf");
}

/* Rolled back, the host is as it was; also when it was told for the first time. */
static void a_roll_back_takes_it_away(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = parsed(FABRIC(", \"resolver\": \"stub\""));
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        FBN_CLEANUP(fbn_plan) back = NULL;
        struct host_stub stub;

        done(FABRIC(""));
        assert_ok(here, fbn_fabric_dns(here, fabric, "me", true, &routes));
        add_system(routes);
        host_stub_start(&stub, routes, "127.0.0.1:53");
        assert_int_equal(done(FABRIC(", \"resolver\": \"stub\"")), 1);
        command("grep -q '^nameserver 127.0.0.1$' /etc/resolv.conf");
        assert_ok(here, fbn_fabric_rollback(here, 0, &on_me, &back));
        assert_int_equal(fbn_plan_count(back), 1);
        command("test \"$(cat /etc/resolv.conf)\" = 'nameserver " NET "'");
        host_stub_stop(&stub);
}

static void what_is_declared_is_kept(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = parsed(FABRIC(", \"resolver\": \"stub\""));
        FBN_CLEANUP(fbn_fabric) none = parsed(FABRIC(""));
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        struct host_stub stub;

        assert_failed(here, fbn_fabric_dns_keep(here, none, "me", &monitor), FBN_ENOENT, "\"resolver\" says who is");
        assert_failed(here, fbn_fabric_dns_keep(here, none, "nobody", &monitor), FBN_EINVAL, "no host 'nobody'");
        assert_ok(here, fbn_fabric_dns(here, fabric, "me", true, &routes));
        add_system(routes);
        host_stub_start(&stub, routes, "127.0.0.1:53");
        assert_ok(here, fbn_fabric_dns_keep(here, fabric, "me", &monitor));
        assert_resolves("nas.local.example", "192.168.20.10");
        command("echo 'nameserver " NET "' >/etc/new && mv /etc/new /etc/resolv.conf");
        assert_int_equal(fbn_monitor_wait(here, monitor, 10000), 1);
        assert_int_equal(fbn_monitor_next(monitor)->kind, FBN_EVENT_CHANGED);
        assert_resolves("nas.local.example", "192.168.20.10");
        assert_int_equal(done(FABRIC("")), 1);
        host_stub_stop(&stub);
}

/* What is live: the first name of each zone, asked the way that the host goes. */
static void status_asks_for_a_name(void **state)
{
        FBN_CLEANUP(fbn_fabric) fabric = parsed(FABRIC(", \"resolver\": \"stub\""));
        FBN_CLEANUP(fbn_fabric_status) status = NULL;
        bool found = false;

        assert_ok(here, fbn_fabric_status_get(here, fabric, &on_me, &status));
        for (size_t i = 0; i < fbn_fabric_status_count(status); i++) {
                const fbn_fabric_fact *fact = fbn_fabric_status_at(status, i);

                if (strcmp(fact->domain, "dns") != 0)
                        continue;
                found = true;
                assert_string_equal(fact->object, "zone local.example");
                assert_int_equal(fact->health, FBN_HEALTH_OK);
                assert_non_null(strstr(fact->text, "nas.local.example is 192.168.20.10, says 10.7.0.1:53"));
        }
        assert_true(found);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_the_host_cannot_say_changes_nothing),
                cmocka_unit_test(the_stub_is_told_and_forgotten_by_the_file),
                cmocka_unit_test(a_roll_back_takes_it_away),
                cmocka_unit_test(what_is_declared_is_kept),
                cmocka_unit_test(status_asks_for_a_name),
                cmocka_unit_test(unbound_is_told_and_forgotten_by_the_file),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, host_setup, host_teardown);
}
