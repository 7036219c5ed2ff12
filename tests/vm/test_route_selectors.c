/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Selectors of rules that this kernel may not know. It passes over what it does not know, so that a rule for some packets would be one for all,
 * and a deletion would take another rule: such a rule is refused by name, and nothing changes. */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/route.h>

static int fresh(void **state)
{
        namespace_new("host");
        *state = namespace_context("host");
        return 0;
}

static int gone(void **state)
{
        fbn_context_unref(*state);
        namespace_delete("host");
        return 0;
}

static int apply(fbn_context *c, const fbn_rule *rule)
{
        FBN_CLEANUP(fbn_rules) want = NULL;

        assert_ok(c, fbn_rules_new(c, &want));
        assert_ok(c, fbn_rules_add(c, want, rule));
        return fbn_rule_apply(c, want, NULL, NULL);
}

/* Whether the kernel has the selector, in which case the rule stands with it. */
static bool stands_or_is_refused(fbn_context *c, const fbn_rule *rule, const char *what, const char *shown)
{
        char *before = command_output("ip -n host rule; ip -n host -6 rule"), *after;
        int r = fbn_rule_add(c, rule);

        if (r == 0) {
                command("ip -n host %s -j rule | grep -q '\"table\":\"100\"'", rule->family == AF_INET6 ? "-6" : "-4");
                assert_int_equal(apply(c, rule), 0);
                assert_ok(c, fbn_rule_delete(c, rule));
        } else {
                assert_failed(c, r, FBN_EUNSUPPORTED, what);
                assert_failed(c, apply(c, rule), FBN_EUNSUPPORTED, what);
                assert_failed(c, fbn_rule_delete(c, rule), FBN_EUNSUPPORTED, what);
                print_message("%s: %s\n", shown, fbn_context_error(c));
        }
        after = command_output("ip -n host rule; ip -n host -6 rule");
        assert_string_equal(before, after);
        free(before);
        free(after);
        return r == 0;
}

static void what_the_kernel_would_pass_over_is_refused(void **state)
{
        fbn_context *c = *state;
        bool dscp, label;

        command("ip -n host rule add pref 10 lookup 100; ip -n host -6 rule add pref 10 lookup 100"); /* what a deletion could take instead */
        dscp = stands_or_is_refused(c, FBN_OPTIONS(fbn_rule, .family = AF_INET, .priority = 10, .table = 100, .dscp = 46 + 1), "no rules by dscp", "dscp");
        assert_int_equal(stands_or_is_refused(c, FBN_OPTIONS(fbn_rule, .family = AF_INET6, .priority = 10, .table = 100, .dscp = 46 + 1), "no rules by dscp", "dscp"),
                         dscp);
        label = stands_or_is_refused(c, FBN_OPTIONS(fbn_rule, .family = AF_INET6, .priority = 10, .table = 100, .flow_label = 0x12), "no rules by flow label",
                                     "flow label");
        assert_true(dscp || !label); /* 6.13, 6.14 */
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(what_the_kernel_would_pass_over_is_refused, fresh, gone)};

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
