/* SPDX-License-Identifier: LGPL-2.1-or-later */
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

static fbn_prefix prefix_of(const char *text)
{
        fbn_prefix prefix;

        assert_int_equal(fbn_prefix_parse(text, &prefix), 0);
        return prefix;
}

#define RULE(number, where, ...) FBN_OPTIONS(fbn_rule, .family = AF_INET, .priority = (number), .table = (where), __VA_ARGS__)

static int apply(fbn_context *c, size_t count, const fbn_rule *const *items, bool dry_run, fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_rules) want = NULL;

        assert_ok(c, fbn_rules_new(c, &want));
        for (size_t i = 0; i < count; i++)
                assert_ok(c, fbn_rules_add(c, want, items[i]));
        return fbn_rule_apply(c, want, FBN_OPTIONS(fbn_rule_apply_options, .dry_run = dry_run), ret_changes);
}

#define APPLY(c, ...) apply(c, sizeof((const fbn_rule *const[]){__VA_ARGS__}) / sizeof(fbn_rule *), (const fbn_rule *const[]){__VA_ARGS__}, false, NULL)

/* Rules beside the kernel's own three, as ip(8) shows them. */
#define assert_rules(family, expected)                                                                                              \
        do {                                                                                                                        \
                char *output_ = command_output("ip -n host %s rule show | grep -v 'lookup local\\|lookup default\\|^32766:' | tr '\\t' ' ' | sed 's/ $//' || true", family); \
                assert_string_equal(output_, (expected));                                                                           \
                free(output_);                                                                                                      \
        } while (0)

static void a_rule_has_all_its_parts(void **state)
{
        const fbn_rule *rule = RULE(100, 1000, .invert = true, .from = prefix_of("10.0.0.0/8"), .to = prefix_of("192.168.8.0/24"), .in_device = "lo",
                                    .out_device = "eth9", .fwmark = 0x10, .fwmask = 0xf0, .suppress_prefix_length = 1);
        FBN_CLEANUP(fbn_rules) list = NULL;
        const fbn_rule *found;

        assert_ok(*state, fbn_rule_add(*state, rule));
        assert_rules("-4", "100: not from 10.0.0.0/8 to 192.168.8.0/24 fwmark 0x10/0xf0 iif lo oif eth9 [detached] lookup 1000 suppress_prefixlength 0 proto 251\n");
        assert_failed(*state, fbn_rule_add(*state, rule), FBN_EEXIST, "rule 100 IPv4: ");
        assert_ok(*state, fbn_rule_list(*state, AF_INET, &list));
        assert_int_equal(fbn_rules_count(list), 4);
        found = fbn_rules_at(list, 1);
        assert_int_equal(found->priority, 100);
        assert_true(found->invert);
        assert_int_equal(found->from.length, 8);
        assert_int_equal(found->to.length, 24);
        assert_string_equal(found->in_device, "lo");
        assert_string_equal(found->out_device, "eth9");
        assert_int_equal(found->fwmark, 0x10);
        assert_int_equal(found->fwmask, 0xf0);
        assert_int_equal(found->table, 1000);
        assert_int_equal(found->suppress_prefix_length, 1);
        assert_int_equal(found->protocol, FBN_PROTOCOL);
        assert_ok(*state, fbn_rule_delete(*state, rule));
        assert_failed(*state, fbn_rule_delete(*state, rule), FBN_ENOENT, "rule 100 IPv4: ");
        assert_rules("-4", "");
}

/* What wg-quick(8) sets up for a tunnel that takes the default route. */
static void apply_makes_the_rules_of_a_default_route_tunnel(void **state)
{
        const fbn_rule *marked = RULE(31000, 51820, .invert = true, .fwmark = 51820), *main = RULE(30999, 254, .suppress_prefix_length = 1);
        const fbn_rule *six = FBN_OPTIONS(fbn_rule, .family = AF_INET6, .priority = 31000, .table = 51820, .from = prefix_of("fd00::/8"));

        command("ip -n host rule add pref 500 from 10.9.0.0/16 lookup 7");
        assert_int_equal(APPLY(*state, marked, main, six, main), 3);
        assert_rules("-4", "500: from 10.9.0.0/16 lookup 7\n30999: from all lookup main suppress_prefixlength 0 proto 251\n"
                           "31000: not from all fwmark 0xca6c lookup 51820 proto 251\n");
        assert_rules("-6", "31000: from fd00::/8 lookup 51820 proto 251\n");
        assert_int_equal(APPLY(*state, six, main, marked), 0);
        assert_int_equal(APPLY(*state, main), 2);
        assert_rules("-6", "");
        assert_int_equal(apply(*state, 0, NULL, true, NULL), 1);
        assert_int_equal(apply(*state, 0, NULL, false, NULL), 1);
        assert_rules("-4", "500: from 10.9.0.0/16 lookup 7\n");
}

static void the_same_rule_of_somebody_else_is_a_conflict(void **state)
{
        command("ip -n host rule add pref 500 from 10.9.0.0/16 lookup 7");
        assert_failed(*state, APPLY(*state, RULE(400, 7), RULE(500, 7, .from = prefix_of("10.9.0.0/16"))), FBN_ECONFLICT, "rule 500 IPv4: somebody else");
        assert_rules("-4", "500: from 10.9.0.0/16 lookup 7\n");
        assert_int_equal(APPLY(*state, RULE(500, 8, .from = prefix_of("10.9.0.0/16"))), 1);
        assert_int_equal(apply(*state, 0, NULL, false, NULL), 1);
        assert_rules("-4", "500: from 10.9.0.0/16 lookup 7\n");
}

static void odd_rules_of_ours_are_removed(void **state)
{
        command("ip -n host rule add pref 500 ipproto tcp dport 22 lookup 7 protocol 251 && ip -n host rule add pref 600 blackhole protocol 251");
        assert_int_equal(APPLY(*state, RULE(500, 7)), 3);
        assert_rules("-4", "500: from all lookup 7 proto 251\n");
}

static void wrong_rules_are_refused(void **state)
{
        assert_failed(*state, fbn_rule_add(*state, FBN_OPTIONS(fbn_rule, .priority = 1, .table = 1)), FBN_EINVAL, "needs a family");
        assert_failed(*state, fbn_rule_add(*state, RULE(0, 1)), FBN_EINVAL, "a priority and a table");
        assert_failed(*state, fbn_rule_add(*state, RULE(5, 1, .from = prefix_of("10.0.0.1/8"))), FBN_EINVAL, "rule 5 IPv4: 'from' has host bits");
        assert_failed(*state, fbn_rule_add(*state, RULE(5, 1, .to = prefix_of("fd00::/8"))), FBN_EINVAL, "'to' is of another family");
        assert_failed(*state, APPLY(*state, RULE(5, 1, .protocol = 3)), FBN_EINVAL, "protocol 3 is not ours");
}

/* While somebody else adds and removes rules before ours, dumps that take several reads miss some of ours. */
#define MANY 1500

static void churn(void)
{
        fbn_context *own = namespace_context("host");

        for (unsigned i = 0;; i++) {
                const fbn_rule *rule = RULE(500 + i % 1000, 7, .protocol = 3);

                if (fbn_rule_add(own, rule) < 0 || fbn_rule_delete(own, rule) < 0)
                        _exit(1);
        }
}

static size_t count_ours(fbn_context *c)
{
        FBN_CLEANUP(fbn_rules) list = NULL;
        size_t count = 0;

        assert_ok(c, fbn_rule_list(c, AF_INET, &list));
        for (size_t i = 0; i < fbn_rules_count(list); i++)
                count += fbn_rules_at(list, i)->protocol == FBN_PROTOCOL;
        return count;
}

static void churn_does_not_confuse_apply(void **state)
{
        static const fbn_rule *rules[MANY];
        static fbn_rule values[MANY];
        fbn_context *c = *state;
        size_t missed = 0;
        int status;
        pid_t child;

        for (unsigned i = 0; i < MANY; i++) {
                values[i] = *RULE(2000 + i, 1000 + i);
                rules[i] = &values[i];
        }
        assert_int_equal(apply(c, MANY, rules, false, NULL), MANY);
        child = fork();
        if (child == 0)
                churn();
        for (int i = 0; i < 100; i++) {
                missed += count_ours(c) != MANY;
                assert_int_equal(apply(c, MANY, rules, false, NULL), 0);
        }
        assert_int_equal(waitpid(child, &status, WNOHANG), 0); /* it lived through all of it */
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        print_message("%zu of 100 dumps missed a rule\n", missed);
        command("test $(ip -n host rule show | grep -c 'proto 251') = %d", MANY);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_rule_has_all_its_parts, fresh, gone),
                cmocka_unit_test_setup_teardown(apply_makes_the_rules_of_a_default_route_tunnel, fresh, gone),
                cmocka_unit_test_setup_teardown(the_same_rule_of_somebody_else_is_a_conflict, fresh, gone),
                cmocka_unit_test_setup_teardown(odd_rules_of_ours_are_removed, fresh, gone),
                cmocka_unit_test_setup_teardown(wrong_rules_are_refused, fresh, gone),
                cmocka_unit_test_setup_teardown(churn_does_not_confuse_apply, fresh, gone),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
