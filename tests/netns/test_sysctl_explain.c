/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/rpfilter.h>
#include <fabricnet/sysctl.h>
#include <sys/stat.h>

static int fresh(void **state)
{
        namespace_new("host");
        command("ip -n host link add wan type veth peer name wan.20 && ip -n host link set wan up && ip -n host link set wan.20 up; mkdir -p /run/sysctl.d");
        *state = namespace_context("host");
        return 0;
}

static int gone(void **state)
{
        fbn_context_unref(*state);
        namespace_delete("host");
        command("rm -rf /run/sysctl.d");
        return 0;
}

static fbn_sysctls *wanted(fbn_context *c, const fbn_sysctl *items, size_t count)
{
        fbn_sysctls *want = NULL;

        assert_ok(c, fbn_sysctls_new(c, &want));
        for (size_t i = 0; i < count; i++)
                assert_ok(c, fbn_sysctls_add(c, want, FBN_OPTIONS(fbn_sysctl, .key = items[i].key, .value = items[i].value)));
        return want;
}

#define WANTED(c, ...) wanted(c, (const fbn_sysctl[]){__VA_ARGS__}, ARRAY_SIZE(((const fbn_sysctl[]){__VA_ARGS__})))
#define SET(name, number) {.key = (name), .value = (number)}

static const fbn_sysctl_effect *effect_of(const fbn_sysctl_effects *effects, const char *key)
{
        for (size_t i = 0; i < fbn_sysctl_effects_count(effects); i++)
                if (streq(fbn_sysctl_effects_at(effects, i)->key, key))
                        return fbn_sysctl_effects_at(effects, i);
        test_failed("%s is not explained", key);
        return NULL;
}

static void each_setting_says_how_it_comes_about(void **state)
{
        FBN_CLEANUP(fbn_sysctl_effects) effects = NULL;
        const fbn_sysctl_effect *effect;

        command("ip netns exec host sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.wan.rp_filter=2 net.ipv4.conf.all.accept_local=1 "
                "net.ipv4.conf.wan.accept_local=0 net.ipv4.conf.all.accept_source_route=0 net.ipv4.conf.wan.accept_source_route=1 "
                "net.ipv6.conf.all.forwarding=0 net.ipv6.conf.wan.forwarding=1 net.ipv4.conf.wan.forwarding=1");
        assert_ok(*state, fbn_sysctl_explain(*state, "wan", &effects));
        effect = effect_of(effects, "net/ipv4/conf/wan/rp_filter");
        assert_int_equal(effect->value, 2);
        assert_int_equal(effect->all, 1);
        assert_int_equal(effect->rule, FBN_SYSCTL_LARGER);
        assert_non_null(strstr(effect->meaning, "loose"));
        assert_int_equal(effect_of(effects, "net/ipv4/conf/wan/accept_local")->value, 1);
        assert_int_equal(effect_of(effects, "net/ipv4/conf/wan/accept_source_route")->value, 0);
        assert_int_equal(effect_of(effects, "net/ipv4/conf/wan/forwarding")->value, 1);
        assert_int_equal(effect_of(effects, "net/ipv6/conf/wan/forwarding")->value, 0);
        for (size_t i = 0; i < fbn_sysctl_effects_count(effects); i++) {
                int64_t own;

                assert_ok(*state, fbn_sysctl_get(*state, fbn_sysctl_effects_at(effects, i)->key, &own));
                assert_int_equal(own, fbn_sysctl_effects_at(effects, i)->own);
                assert_true(*fbn_sysctl_effects_at(effects, i)->meaning != 0);
        }
        assert_failed(*state, fbn_sysctl_explain(*state, "none", &effects), FBN_ENOENT, "none: no such link");
        assert_failed(*state, fbn_sysctl_explain(*state, "../all", &effects), FBN_EINVAL, "no name");
}

/* Every setting of every link, as text. */
static char *everything(void)
{
        return command_output("ip netns exec host sh -c 'cd /proc/sys/net && grep -r . ipv4/conf ipv6/conf ipv4/ip_forward 2>/dev/null | grep -v stable_secret | sort'");
}

static void a_snapshot_puts_back_what_the_kernel_wrote_along(void **state)
{
        FBN_CLEANUP(fbn_sysctls) want = WANTED(*state, SET("net.ipv4.ip_forward", 1), SET("net.ipv6.conf.all.forwarding", 1),
                                               SET("net.ipv6.conf.all.disable_ipv6", 1), SET("net.ipv4.conf.wan.rp_filter", 1));
        FBN_CLEANUP(fbn_sysctls) before = NULL;
        char *first, *then, *last;

        command("ip netns exec host sysctl -qw net.ipv4.conf.wan.forwarding=1 net.ipv6.conf.wan/20.forwarding=1 net.ipv6.conf.wan.disable_ipv6=1");
        first = everything();
        assert_ok(*state, fbn_sysctl_snapshot(*state, want, &before));
        assert_in_range(fbn_sysctls_count(before), 13, 30);
        assert_in_range(fbn_sysctl_apply(*state, want, NULL, NULL), 4, 4);
        then = everything();
        assert_string_not_equal(first, then);
        assert_true(fbn_sysctl_apply(*state, before, NULL, NULL) > 0);
        last = everything();
        assert_string_equal(first, last);
        assert_int_equal(fbn_sysctl_apply(*state, before, NULL, NULL), 0);
        free(first);
        free(then);
        free(last);
}

static void a_failure_puts_back_what_the_kernel_wrote_along(void **state)
{
        FBN_CLEANUP(fbn_sysctls) want = WANTED(*state, SET("net.ipv4.ip_forward", 1), SET("net.ipv4.ip_default_ttl", 100000));
        char *first, *last;

        command("ip netns exec host sysctl -qw net.ipv4.conf.wan.forwarding=1");
        first = everything();
        assert_failed(*state, fbn_sysctl_apply(*state, want, NULL, NULL), FBN_EINVAL, "ip_default_ttl");
        last = everything();
        assert_string_equal(first, last);
        free(first);
        free(last);
}

static void a_file_of_ours_is_made_changed_and_removed(void **state)
{
        static const char path[] = "/run/sysctl.d/60-fabricnet.conf";
        FBN_CLEANUP(fbn_sysctls) want = WANTED(*state, SET("net.ipv4.ip_forward", 1), SET("net/ipv4/conf/wan.20/rp_filter", 2));
        FBN_CLEANUP(fbn_sysctls) other = WANTED(*state, SET("net.ipv4.ip_forward", 0));
        struct stat info;

        assert_int_equal(fbn_sysctl_persist(*state, path, want), 1);
        assert_int_equal(fbn_sysctl_persist(*state, path, want), 0);
        command("head -1 %s | grep -q '^# Made by fabricnet'", path);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 07777, 0644);
        command("ip netns exec host sysctl -qp %s && ip netns exec host cat /proc/sys/net/ipv4/conf/wan.20/rp_filter | grep -qx 2", path);
        assert_int_equal(fbn_sysctl_persist(*state, path, other), 1);
        command("grep -qx 'net.ipv4.ip_forward = 0' %s && ! grep -q wan %s && test $(ls /run/sysctl.d | wc -l) = 1", path, path);
        assert_int_equal(fbn_sysctl_persist(*state, path, NULL), 1);
        assert_int_equal(fbn_sysctl_persist(*state, path, NULL), 0);
        command("test ! -e %s", path);
}

static void a_foreign_file_is_never_touched(void **state)
{
        FBN_CLEANUP(fbn_sysctls) want = WANTED(*state, SET("net.ipv4.ip_forward", 1));

        command("echo 'net.ipv4.ip_forward = 0' >/run/sysctl.d/60-fabricnet.conf");
        assert_failed(*state, fbn_sysctl_persist(*state, "/run/sysctl.d/60-fabricnet.conf", want), FBN_ECONFLICT, "somebody else's file");
        assert_failed(*state, fbn_sysctl_persist(*state, "/run/sysctl.d/60-fabricnet.conf", NULL), FBN_ECONFLICT, "somebody else's file");
        command("grep -qx 'net.ipv4.ip_forward = 0' /run/sysctl.d/60-fabricnet.conf");
        assert_failed(*state, fbn_sysctl_persist(*state, "/run/sysctl.d/60-fabricnet", want), FBN_EINVAL, ".conf");
        assert_failed(*state, fbn_sysctl_persist(*state, "/run/sysctl.d/.conf", want), FBN_EINVAL, ".conf");
        assert_failed(*state, fbn_sysctl_persist(*state, "/run/none/60-fabricnet.conf", want), FBN_ENOENT, "/run/none/60-fabricnet.conf: its folder does not exist");
}

static void the_verdict_is_also_had_from_a_state_alone(void **state)
{
        fbn_rpfilter_state given = {.size = sizeof(given), .rp_filter = 1, .reverse = FBN_RPFILTER_REVERSE_UNICAST};
        fbn_rpfilter_result result = {.size = sizeof(result)};

        assert_failed(*state, fbn_rpfilter_verdict(*state, &given, &result), FBN_EINVAL, "are needed");
        assert_int_equal(fbn_address_parse("10.0.0.7", &given.source), 0);
        assert_int_equal(fbn_address_parse("10.9.0.1", &given.destination), 0);
        assert_int_equal(fbn_rpfilter_verdict(*state, &given, &result), FBN_RPFILTER_DROP);
        assert_int_equal(result.clause, FBN_RPFILTER_CLAUSE_STRICT);
        given.reverse_device = true;
        assert_int_equal(fbn_rpfilter_verdict(*state, &given, &result), FBN_RPFILTER_ACCEPT);
        given.reverse_device = false;
        given.rp_filter = 2;
        assert_int_equal(fbn_rpfilter_verdict(*state, &given, &result), FBN_RPFILTER_ACCEPT);
        given.no_address = true;
        assert_int_equal(fbn_rpfilter_verdict(*state, &given, &result), FBN_RPFILTER_DROP);
        assert_non_null(strstr(result.why, "no IPv4 address"));
        given.rp_filter = 3;
        assert_failed(*state, fbn_rpfilter_verdict(*state, &given, &result), FBN_EINVAL, "3 is no value");
        assert_int_equal(fbn_address_parse("fd00::1", &given.source), 0);
        assert_failed(*state, fbn_rpfilter_verdict(*state, &given, &result), FBN_EINVAL, "does not exist for IPv6");
        assert_failed(*state,
                      fbn_rpfilter_ask(*state, FBN_OPTIONS(fbn_rpfilter_packet, .source = given.destination, .destination = given.destination, .in_device = "none"),
                                       &result),
                      FBN_ENOENT, "none: no such link");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(each_setting_says_how_it_comes_about, fresh, gone),
                cmocka_unit_test_setup_teardown(a_snapshot_puts_back_what_the_kernel_wrote_along, fresh, gone),
                cmocka_unit_test_setup_teardown(a_failure_puts_back_what_the_kernel_wrote_along, fresh, gone),
                cmocka_unit_test_setup_teardown(a_file_of_ours_is_made_changed_and_removed, fresh, gone),
                cmocka_unit_test_setup_teardown(a_foreign_file_is_never_touched, fresh, gone),
                cmocka_unit_test_setup_teardown(the_verdict_is_also_had_from_a_state_alone, fresh, gone),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
