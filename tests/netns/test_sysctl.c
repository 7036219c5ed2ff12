/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/sysctl.h>

static int fresh(void **state)
{
        namespace_new("host");
        command("ip -n host link add wan type veth peer name wan.20");
        *state = namespace_context("host");
        return 0;
}

static int gone(void **state)
{
        fbn_context_unref(*state);
        namespace_delete("host");
        return 0;
}

#define assert_setting(path, expected)                                                              \
        do {                                                                                        \
                char *found_ = command_output("ip netns exec host cat /proc/sys/%s", (path));       \
                assert_string_equal(found_, expected "\n");                                         \
                free(found_);                                                                       \
        } while (0)

static int apply(fbn_context *c, const fbn_sysctl *wanted, size_t count, bool dry_run, fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_sysctls) want = NULL;

        assert_ok(c, fbn_sysctls_new(c, &want));
        for (size_t i = 0; i < count; i++)
                assert_ok(c, fbn_sysctls_add(c, want, FBN_OPTIONS(fbn_sysctl, .key = wanted[i].key, .value = wanted[i].value)));
        return fbn_sysctl_apply(c, want, FBN_OPTIONS(fbn_sysctl_apply_options, .dry_run = dry_run), ret_changes);
}

#define APPLY(c, dry_run, ret_changes, ...) \
        apply(c, (const fbn_sysctl[]){__VA_ARGS__}, ARRAY_SIZE(((const fbn_sysctl[]){__VA_ARGS__})), dry_run, ret_changes)
#define SET(name, number) {.key = (name), .value = (number)}

static void a_setting_is_that_of_the_contexts_namespace(void **state)
{
        int64_t value;

        assert_ok(*state, fbn_sysctl_set(*state, "net.ipv4.ip_forward", 1));
        assert_setting("net/ipv4/ip_forward", "1");
        assert_ok(*state, fbn_sysctl_get(*state, "net/ipv4/ip_forward", &value));
        assert_int_equal(value, 1);
        command("test $(cat /proc/sys/net/ipv4/ip_forward) = 0");
        assert_ok(*state, fbn_sysctl_set(*state, "net/ipv4/conf/wan.20/src_valid_mark", 1));
        assert_setting("net/ipv4/conf/wan.20/src_valid_mark", "1");
        assert_ok(*state, fbn_sysctl_get(*state, "net.ipv4.conf.wan/20.src_valid_mark", &value));
        assert_int_equal(value, 1);
}

static void failures_name_the_setting(void **state)
{
        int64_t value = 77;

        assert_failed(*state, fbn_sysctl_get(*state, "net.ipv4.nonsense", &value), FBN_ENOENT, "net/ipv4/nonsense: no such setting");
        assert_failed(*state, fbn_sysctl_get(*state, "net.ipv4.conf", &value), FBN_EINVAL, "a group of settings");
        assert_failed(*state, fbn_sysctl_get(*state, "net.ipv4.ip_local_port_range", &value), FBN_EINVAL, "no number");
        assert_failed(*state, fbn_sysctl_set(*state, "net.ipv4.ip_default_ttl", 100000), FBN_EINVAL, "refuses the value 100000");
        assert_failed(*state, fbn_sysctl_set(*state, "net.ipv4.conf", 1), FBN_EINVAL, "a group of settings");
        assert_int_equal(value, 77);
}

static void apply_writes_only_what_differs(void **state)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;

        assert_int_equal(APPLY(*state, true, NULL, SET("net.ipv4.ip_forward", 1)), 1);
        assert_setting("net/ipv4/ip_forward", "0");
        assert_int_equal(APPLY(*state, false, &changes, SET("net.ipv4.conf.all.rp_filter", 2), SET("net.ipv4.conf.all.accept_local", 0)), 1);
        assert_string_equal(fbn_changes_at(changes, 0)->object, "net.ipv4.conf.all.rp_filter");
        assert_string_equal(fbn_changes_at(changes, 0)->before, "0");
        assert_string_equal(fbn_changes_at(changes, 0)->after, "2");
        assert_setting("net/ipv4/conf/all/rp_filter", "2");
        assert_int_equal(APPLY(*state, false, NULL, SET("net.ipv4.conf.all.rp_filter", 2)), 0);
}

/* ip_forward overwrites every link's forwarding, so a link's own must come last whatever the order in the list. */
static void what_writes_others_is_written_first(void **state)
{
        assert_int_equal(APPLY(*state, false, NULL, SET("net.ipv4.conf.wan.forwarding", 0), SET("net.ipv4.ip_forward", 1)), 2);
        assert_setting("net/ipv4/conf/wan/forwarding", "0");
        assert_setting("net/ipv4/ip_forward", "1");
        assert_int_equal(APPLY(*state, false, NULL, SET("net.ipv4.conf.wan.forwarding", 0), SET("net.ipv4.ip_forward", 1)), 0);
}

static void a_failure_puts_back_what_was_written(void **state)
{
        assert_failed(*state, APPLY(*state, false, NULL, SET("net.ipv4.conf.wan.rp_filter", 2), SET("net.ipv4.ip_forward", 1), SET("net.ipv4.ip_default_ttl", 100000)),
                      FBN_EINVAL, "net/ipv4/ip_default_ttl: the kernel refuses the value 100000");
        assert_setting("net/ipv4/conf/wan/rp_filter", "0");
        assert_setting("net/ipv4/ip_forward", "0");
        assert_setting("net/ipv4/conf/wan/forwarding", "0");
        assert_failed(*state, APPLY(*state, false, NULL, SET("net.ipv4.ip_forward", 1), SET("net.ipv4.conf.none.rp_filter", 2)), FBN_ENOENT, "none");
        assert_setting("net/ipv4/ip_forward", "0");
}

static void the_reverse_path_filter_in_force_is_the_larger(void **state)
{
        int64_t value;

        command("ip netns exec host sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.wan.rp_filter=2 net.ipv4.conf.wan/20.rp_filter=0");
        assert_ok(*state, fbn_sysctl_rp_filter(*state, "wan", &value));
        assert_int_equal(value, 2);
        assert_ok(*state, fbn_sysctl_rp_filter(*state, "wan.20", &value));
        assert_int_equal(value, 0);
        command("ip netns exec host sysctl -qw net.ipv4.conf.all.rp_filter=1");
        assert_ok(*state, fbn_sysctl_rp_filter(*state, "wan.20", &value));
        assert_int_equal(value, 1);
        assert_failed(*state, fbn_sysctl_rp_filter(*state, "none", &value), FBN_ENOENT, "none: no such link");
        assert_failed(*state, fbn_sysctl_rp_filter(*state, "..", &value), FBN_EINVAL, "no name");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_setting_is_that_of_the_contexts_namespace, fresh, gone),
                cmocka_unit_test_setup_teardown(failures_name_the_setting, fresh, gone),
                cmocka_unit_test_setup_teardown(apply_writes_only_what_differs, fresh, gone),
                cmocka_unit_test_setup_teardown(what_writes_others_is_written_first, fresh, gone),
                cmocka_unit_test_setup_teardown(a_failure_puts_back_what_was_written, fresh, gone),
                cmocka_unit_test_setup_teardown(the_reverse_path_filter_in_force_is_the_larger, fresh, gone),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
