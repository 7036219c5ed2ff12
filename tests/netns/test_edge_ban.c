/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The public functions of bans and services from C: an engine in a process of its own is asked by this one. */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/edge.h>
#include <poll.h>
#include <sys/socket.h>

#define SOCKET "/run/edge/ban.sock"

static pid_t serving;

static void serve(void)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_ban_engine) engine = NULL;
        fbn_prefix never;

        fbn_prefix_parse("192.168.0.0/16", &never);
        if (fbn_context_new(NULL, &c) < 0 ||
            fbn_ban_engine_new(c, FBN_OPTIONS(fbn_ban_engine_options, .socket = SOCKET, .state_dir = "/run/edge/state", .never = &never, .n_never = 1), &engine) < 0)
                _exit(1);
        if (*fbn_ban_engine_trouble(engine) || fbn_ban_engine_fd(engine) < 0 || fbn_ban_engine_events(engine) != POLLIN)
                _exit(2);
        fbn_ban_engine_run(c, engine);
        _exit(3);
}

static int setup(void **state)
{
        FBN_CLEANUP(fbn_bans) bans = NULL;

        assert_int_equal(fbn_context_new(NULL, (fbn_context **)state), 0);
        command("mkdir -p /run/edge");
        serving = fork();
        if (serving == 0)
                serve();
        for (unsigned i = 0; i < 500 && fbn_ban_status(*state, SOCKET, &bans) < 0; i++)
                usleep(20000);
        assert_non_null(bans);
        return 0;
}

static int teardown(void **state)
{
        kill(serving, SIGKILL);
        waitpid(serving, NULL, 0);
        fbn_context_unref(*state);
        return 0;
}

static fbn_ban ban_of(const char *prefix)
{
        fbn_ban ban = {.size = sizeof(ban)};

        assert_int_equal(fbn_prefix_parse(prefix, &ban.prefix), 0);
        return ban;
}

static void bans_come_are_listed_and_go(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_bans) bans = NULL;
        fbn_ban one = ban_of("203.0.113.5"), net = ban_of("2001:db8:1::/48");

        one.duration_ms = 600000;
        one.reason = "sshd";
        net.for_good = true;
        assert_int_equal(fbn_ban_add(c, SOCKET, &one), 1);
        assert_int_equal(fbn_ban_add(c, SOCKET, &one), 0);
        assert_int_equal(fbn_ban_add(c, SOCKET, &net), 1);
        assert_int_equal(command_try("nft get element inet fabricnet ban-ipv4 '{ 203.0.113.5 }' >/dev/null"), 0);
        assert_int_equal(fbn_ban_list(c, SOCKET, &bans), 2);
        assert_int_equal(fbn_bans_count(bans), 2);
        assert_string_equal(fbn_bans_at(bans, 0)->reason, "sshd");
        assert_true(fbn_bans_at(bans, 1)->for_good && !fbn_bans_at(bans, 2));
        assert_int_equal(fbn_bans_state(bans)->bans, 2);
        assert_true(fbn_bans_state(bans)->stored);
        assert_int_equal(fbn_ban_reconcile(c, SOCKET), 0);
        assert_int_equal(fbn_ban_delete(c, SOCKET, &one.prefix), 1);
        assert_int_equal(fbn_ban_delete(c, SOCKET, &one.prefix), 0);
        assert_int_not_equal(command_try("nft get element inet fabricnet ban-ipv4 '{ 203.0.113.5 }' >/dev/null 2>&1"), 0);
        assert_int_equal(fbn_ban_flush(c, SOCKET), 1);
}

static void what_is_refused_says_why(void **state)
{
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_ban_engine) second = NULL;
        fbn_ban home = ban_of("192.168.8.5"), none = {.size = sizeof(none)}, odd = ban_of("203.0.113.5");

        odd.reason = "two words";
        assert_failed(c, fbn_ban_add(c, SOCKET, &home), FBN_EDENIED, "192.168.8.5/32 is never banned: it meets 192.168.0.0/16");
        assert_failed(c, fbn_ban_add(c, SOCKET, &none), FBN_EINVAL, "no address or prefix");
        assert_failed(c, fbn_ban_add(c, SOCKET, &odd), FBN_EINVAL, "a reason is a word");
        assert_failed(c, fbn_ban_flush(c, "/run/edge/none"), FBN_EUNAVAILABLE, "fabricnet ban serve");
        assert_failed(c, fbn_ban_engine_new(c, FBN_OPTIONS(fbn_ban_engine_options, .socket = "/run/edge/2", .state_dir = "/run/edge/state"), &second),
                      FBN_EEXIST, "another ban engine");
        assert_failed(c, fbn_ban_engine_new(c, FBN_OPTIONS(fbn_ban_engine_options, .socket = SOCKET, .state_dir = "/run/edge/other"), &second), FBN_EEXIST,
                      "an engine listens there already");
}

static void services_are_rendered_and_checked(void **state)
{
        static const char *const names[] = {"photos.example.net"};
        fbn_context *c = *state;
        FBN_CLEANUP(fbn_services) services = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_service service = {.size = sizeof(service), .name = "photos", .names = names, .n_names = 1, .port = 8080};

        fbn_address_parse("10.9.0.2", &service.upstream);
        assert_ok(c, fbn_services_new(c, &services));
        assert_ok(c, fbn_services_add(c, services, &service));
        assert_failed(c, fbn_services_add(c, services, &service), FBN_EEXIST, "the name is taken");
        assert_int_equal(fbn_services_count(services), 1);
        assert_string_equal(fbn_services_at(services, 0)->names[0], "photos.example.net");
        command("mkdir -p /run/edge/conf.d /run/edge/f2b/action.d /run/edge/f2b/filter.d /run/edge/f2b/jail.d");
        assert_int_equal(fbn_services_apply(c, services, FBN_OPTIONS(fbn_services_options, .directory = "/run/edge/conf.d", .dry_run = true), &changes), 2);
        assert_int_equal(fbn_changes_count(changes), 2);
        assert_int_equal(command_try("test -z \"$(ls /run/edge/conf.d)\""), 0);
        assert_int_equal(fbn_fail2ban_apply(c, FBN_OPTIONS(fbn_fail2ban_options, .directory = "/run/edge/f2b", .nginx = true, .dry_run = true), NULL), 3);
        assert_failed(c, fbn_cdn_refresh(c, NULL, NULL), FBN_EINVAL, "name the file");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bans_come_are_listed_and_go),
                cmocka_unit_test(what_is_refused_says_why),
                cmocka_unit_test(services_are_rendered_and_checked),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, setup, teardown);
}
