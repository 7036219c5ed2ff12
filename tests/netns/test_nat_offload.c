/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Flow tables: what is refused before the kernel is asked, and what it says where it has none. Their work is proved in the virtual machine. */
#include "unit/test.h"

#include "netns/nat_topology.h"

static int fresh_host(void **state)
{
        namespace_new("host");
        command("ip -n host link add lan0 type veth peer name wan0");
        *state = namespace_context("host");
        return 0;
}

static int remove_host(void **state)
{
        fbn_context_unref(*state);
        namespace_delete("host");
        return 0;
}

static void an_offload_names_two_links_and_no_states(void **state)
{
        static const char needs[] = "between an in_device and an out_device";
        FBN_CLEANUP(fbn_nat) want = NULL;
        fbn_context *c = *state;

        assert_ok(c, fbn_nat_new(c, &want));
        assert_failed(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_OFFLOAD, .name = "f", .in_device = "lan0")), FBN_EINVAL, needs);
        assert_failed(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_OFFLOAD, .name = "f", .out_device = "wan0")), FBN_EINVAL, needs);
        assert_failed(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_OFFLOAD, .name = "f", .in_device = "lan0", .out_device = "wan0", .states = "new")),
                      FBN_EINVAL, needs);
        assert_failed(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_OFFLOAD, .name = "f", .in_device = "lan0", .out_device = "wan0", .protocol = "icmp")),
                      FBN_EINVAL, "a flow table takes tcp and udp, not icmp");
        assert_int_equal(fbn_nat_count(want), 0);
}

static void a_kernel_without_flow_tables_says_so_and_changes_nothing(void **state)
{
        FBN_CLEANUP(fbn_nat) want = NULL;
        FBN_CLEANUP(fbn_nat) read = NULL;
        fbn_context *c = *state;
        int r;

        APPLY(RULE(.kind = FBN_NAT_MASQUERADE, .name = "m"));
        assert_ok(c, fbn_nat_new(c, &want));
        assert_ok(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_DROP, .name = "d")));
        assert_ok(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_OFFLOAD, .name = "f", .in_device = "lan0", .out_device = "wan0")));
        r = fbn_nat_apply(c, want, NULL, NULL);
        if (r >= 0)
                skip(); /* this one has them */
        assert_failed(c, r, FBN_EUNSUPPORTED, "nat rule 2 'f': this kernel has no flow tables that count (modules nf_flow_table_inet and nft_flow_offload");
        assert_ok(c, fbn_nat_get(c, &read));
        assert_int_equal(fbn_nat_count(read), 1);
        assert_string_equal(fbn_nat_at(read, 0)->name, "m");
}

static void a_link_that_is_missing_is_named(void **state)
{
        FBN_CLEANUP(fbn_nat) want = NULL;
        fbn_context *c = *state;
        int r;

        assert_ok(c, fbn_nat_new(c, &want));
        assert_ok(c, fbn_nat_add(c, want, FBN_OPTIONS(fbn_nat_rule, .kind = FBN_NAT_OFFLOAD, .name = "f", .in_device = "lan0", .out_device = "gone0")));
        r = fbn_nat_apply(c, want, NULL, NULL);
        if (r >= 0)
                skip(); /* since Linux 6.16 links may come later */
        assert_failed(c, r, FBN_ENOENT, "gone0");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_offload_names_two_links_and_no_states, fresh_host, remove_host),
                cmocka_unit_test_setup_teardown(a_kernel_without_flow_tables_says_so_and_changes_nothing, fresh_host, remove_host),
                cmocka_unit_test_setup_teardown(a_link_that_is_missing_is_named, fresh_host, remove_host),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
