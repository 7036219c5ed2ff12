/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "sysctl/setting.h"

static void keys_are_written_both_ways(void **state)
{
        static const struct {
                const char *key, *path;
        } good[] = {
                {"net.ipv4.ip_forward", "net/ipv4/ip_forward"},
                {"net/ipv4/ip_forward", "net/ipv4/ip_forward"},
                {"net/ipv4/conf/eth0.20/rp_filter", "net/ipv4/conf/eth0.20/rp_filter"},
                {"net.ipv4.conf.eth0/20.rp_filter", "net/ipv4/conf/eth0.20/rp_filter"},
        };
        struct setting_path path;

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                assert_ok(*state, setting_path(*state, good[i].key, &path));
                assert_string_equal(path.text, good[i].path);
        }
}

static void keys_that_lead_elsewhere_are_refused(void **state)
{
        static const char *const bad[] = {"", "net", "net.", "net/", "kernel.panic", "/net/ipv4/ip_forward", "net/../kernel/panic", "net/ipv4/../../kernel/panic",
                                          "net//ipv4/ip_forward", "net/./ipv4", "net.//.kernel", "net./.x", "net..ipv4", "net/ipv4/", "network/x", ".", "..", "net/.."};
        struct setting_path path = {"untouched"};
        char endless[600] = "net/";

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                if (setting_path(*state, bad[i], &path) != -FBN_EINVAL)
                        fail_msg("'%s' is taken as '%s'", bad[i], path.text);
        }
        memset(endless + 4, 'x', sizeof(endless) - 5);
        assert_failed(*state, setting_path(*state, endless, &path), FBN_EINVAL, "no key");
        assert_failed(*state, setting_path(*state, NULL, &path), FBN_EINVAL, "no key");
        assert_string_equal(path.text, "untouched");
}

static void a_setting_is_wanted_once(void **state)
{
        FBN_CLEANUP(fbn_sysctls) list = NULL;

        assert_ok(*state, fbn_sysctls_new(*state, &list));
        assert_ok(*state, fbn_sysctls_add(*state, list, FBN_OPTIONS(fbn_sysctl, .key = "net.ipv4.ip_forward", .value = 1)));
        assert_failed(*state, fbn_sysctls_add(*state, list, FBN_OPTIONS(fbn_sysctl, .key = "net/ipv4/ip_forward", .value = 0)), FBN_EEXIST, "named twice");
        assert_int_equal(fbn_sysctls_count(list), 1);
        assert_string_equal(fbn_sysctls_at(list, 0)->key, "net.ipv4.ip_forward");
        assert_null(fbn_sysctls_at(list, 1));
        assert_int_equal(fbn_sysctls_count(NULL), 0);
        assert_null(fbn_sysctls_unref(NULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(keys_are_written_both_ways),
                cmocka_unit_test(keys_that_lead_elsewhere_are_refused),
                cmocka_unit_test(a_setting_is_wanted_once),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
