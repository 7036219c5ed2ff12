/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is in sets outlives an apply that knows nothing of them, and a table that was put to sleep. */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/nat.h>

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

static fbn_nat *masquerading(fbn_context *c, const char *device)
{
        fbn_nat *nat;

        assert_ok(c, fbn_nat_new(c, &nat));
        assert_ok(c, fbn_nat_add(c, nat, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_MASQUERADE, .name = "m", .out_device = device)));
        return nat;
}

static void ban_somebody(fbn_context *c)
{
        FBN_CLEANUP(fbn_nat) nat = masquerading(c, "wan0");

        assert_ok(c, fbn_nat_ban_add(c, nat, FBN_OPTIONS(fbn_nat_ban, .name = "b")));
        assert_ok(c, fbn_nat_apply(c, nat, NULL, NULL));
        command("ip netns exec host nft add element inet fabricnet b-ipv4 '{ 192.0.2.7 }'");
}

static int banned(void)
{
        return command_try("ip netns exec host nft list ruleset | grep -F 192.0.2.7 >/dev/null && "
                           "test $(ip netns exec host nft list chain inet fabricnet arrival | grep -c @b-) = 6");
}

static void bans_that_were_not_declared_stay_when_told_so(void **state)
{
        FBN_CLEANUP(fbn_nat) other = masquerading(*state, "wan1");
        FBN_CLEANUP(fbn_nat) none = NULL;
        const fbn_nat_apply_options keep = {.size = sizeof(keep), .keep_sets = true};

        assert_ok(*state, fbn_nat_new(*state, &none));
        assert_int_equal(fbn_nat_apply(*state, none, &keep, NULL), 0);
        ban_somebody(*state);
        assert_int_equal(fbn_nat_apply(*state, other, &keep, NULL), 1);
        assert_int_equal(banned(), 0);
        assert_int_equal(fbn_nat_apply(*state, other, &keep, NULL), 0);
        assert_int_equal(fbn_nat_apply(*state, none, &keep, NULL), 1);
        assert_int_equal(banned(), 0);
        assert_int_equal(fbn_nat_apply(*state, other, NULL, NULL), 13); /* six sets and rules go, one rule comes */
        assert_int_not_equal(banned(), 0);
}

static void a_sleeping_table_wakes_with_what_its_sets_hold(void **state)
{
        const fbn_nat_apply_options keep = {.size = sizeof(keep), .keep_sets = true};
        FBN_CLEANUP(fbn_nat) other = masquerading(*state, "wan1");

        ban_somebody(*state);
        for (unsigned i = 0; i < 2; i++) {
                command("ip netns exec host nft 'add table inet fabricnet { flags dormant; }'");
                assert_true(fbn_nat_apply(*state, other, &keep, NULL) > 0);
                command("ip netns exec host nft list table inet fabricnet | { ! grep dormant; }");
                assert_int_equal(banned(), 0);
                assert_int_equal(fbn_nat_apply(*state, other, &keep, NULL), 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(bans_that_were_not_declared_stay_when_told_so, fresh, gone),
                cmocka_unit_test_setup_teardown(a_sleeping_table_wakes_with_what_its_sets_hold, fresh, gone),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
