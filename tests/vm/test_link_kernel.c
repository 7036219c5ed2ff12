/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/link.h>

/* Kinds of links that not every kernel has. Run by tests/vm/run; on a kernel that has them also by itself, as root. */

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

#define LINK(...) FBN_OPTIONS(fbn_link, __VA_ARGS__)

/* What jq makes of "ip -j -d link show NAME". */
#define assert_ip(expected, name, filter)                                                          \
        do {                                                                                       \
                char *output_ = command_output("ip -n host -j -d link show %s | jq -c '%s'", (name), (filter)); \
                assert_string_equal(output_, expected "\n");                                       \
                free(output_);                                                                     \
        } while (0)

static void vlans_of_both_protocols_are_made_and_read(void **state)
{
        FBN_CLEANUP(fbn_links) links = NULL;

        assert_ok(*state, fbn_link_create(*state, LINK(.name = "d0", .kind = "dummy", .state = FBN_LINK_UP)));
        assert_ok(*state, fbn_link_create(*state, LINK(.name = "storage", .kind = "vlan", .parent = "d0", .vlan = 20, .mtu = 1400, .state = FBN_LINK_UP)));
        assert_ok(*state, fbn_link_create(*state, LINK(.name = "outer", .kind = "vlan", .parent = "d0", .vlan = 4094, .vlan_protocol = 0x88a8)));
        assert_ip("[\"vlan\",\"802.1Q\",20,\"d0\",1400]", "storage",
                  ".[0] | [.linkinfo.info_kind, .linkinfo.info_data.protocol, .linkinfo.info_data.id, .link, .mtu]");
        assert_ip("[\"802.1ad\",4094]", "outer", ".[0].linkinfo.info_data | [.protocol, .id]");
        assert_ok(*state, fbn_link_list(*state, "outer", &links));
        assert_int_equal(fbn_links_at(links, 0)->vlan, 4094);
        assert_int_equal(fbn_links_at(links, 0)->vlan_protocol, 0x88a8);
        assert_string_equal(fbn_links_at(links, 0)->parent, "d0");
        assert_int_equal(fbn_link_apply(*state, LINK(.name = "storage", .kind = "vlan", .parent = "d0", .vlan = 20), NULL, NULL), 0);
        assert_failed(*state, fbn_link_apply(*state, LINK(.name = "storage", .kind = "vlan", .parent = "d0", .vlan = 21), NULL, NULL), FBN_ECONFLICT, "tag 20");
        assert_failed(*state, fbn_link_apply(*state, LINK(.name = "storage", .kind = "vlan", .parent = "d0", .vlan_protocol = 0x88a8), NULL, NULL),
                      FBN_ECONFLICT, "protocol is 0x8100");
        assert_failed(*state, fbn_link_create(*state, LINK(.name = "again", .kind = "vlan", .parent = "d0", .vlan = 20)), FBN_EEXIST, "again");
}

static void a_vrf_has_its_table_and_its_ports(void **state)
{
        FBN_CLEANUP(fbn_links) links = NULL;

        assert_ok(*state, fbn_link_create(*state, LINK(.name = "red", .kind = "vrf", .table = 1000, .state = FBN_LINK_UP)));
        assert_ok(*state, fbn_link_create(*state, LINK(.name = "d0", .kind = "dummy", .master = "red")));
        assert_ip("[\"vrf\",1000]", "red", ".[0].linkinfo | [.info_kind, .info_data.table]");
        assert_ip("\"red\"", "d0", ".[0].master");
        assert_ok(*state, fbn_link_list(*state, "red", &links));
        assert_int_equal(fbn_links_at(links, 0)->table, 1000);
        assert_failed(*state, fbn_link_apply(*state, LINK(.name = "red", .kind = "vrf", .table = 7), NULL, NULL), FBN_ECONFLICT, "table 1000, not 7");
}

static void a_bridge_filters_vlans(void **state)
{
        FBN_CLEANUP(fbn_links) links = NULL;

        assert_ok(*state, fbn_link_create(*state, LINK(.name = "lan", .kind = "bridge", .vlan_filtering = FBN_LINK_ON)));
        assert_ip("1", "lan", ".[0].linkinfo.info_data.vlan_filtering");
        assert_ok(*state, fbn_link_list(*state, "lan", &links));
        assert_int_equal(fbn_links_at(links, 0)->vlan_filtering, FBN_LINK_ON);
        assert_ok(*state, fbn_link_set(*state, LINK(.name = "lan", .vlan_filtering = FBN_LINK_OFF, .stp = FBN_LINK_ON)));
        assert_ip("[0,1]", "lan", ".[0].linkinfo.info_data | [.vlan_filtering, .stp_state]");
        assert_int_equal(fbn_link_apply(*state, LINK(.name = "lan", .kind = "bridge", .vlan_filtering = FBN_LINK_ON, .stp = FBN_LINK_ON), NULL, NULL), 1);
}

static void a_dummy_takes_addresses(void **state)
{
        FBN_CLEANUP(fbn_link_addresses) list = NULL;
        fbn_link_address address = {.size = sizeof(address), .device = "d0", .valid = 600};

        assert_ok(*state, fbn_link_create(*state, LINK(.name = "d0", .kind = "dummy", .state = FBN_LINK_UP, .alias = "fabricnet:home")));
        assert_int_equal(fbn_prefix_parse("10.0.0.1/24", &address.address), 0);
        assert_ok(*state, fbn_link_address_add(*state, &address));
        assert_ok(*state, fbn_link_address_list(*state, "d0", &list));
        assert_int_equal(fbn_link_addresses_at(list, 0)->protocol, FBN_PROTOCOL);
        assert_in_range(fbn_link_addresses_at(list, 0)->valid, 500, 600);
        assert_ok(*state, fbn_link_delete(*state, "d0"));
        assert_int_not_equal(command_try("ip -n host link show d0 2>/dev/null"), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(vlans_of_both_protocols_are_made_and_read, fresh, gone),
                cmocka_unit_test_setup_teardown(a_vrf_has_its_table_and_its_ports, fresh, gone),
                cmocka_unit_test_setup_teardown(a_bridge_filters_vlans, fresh, gone),
                cmocka_unit_test_setup_teardown(a_dummy_takes_addresses, fresh, gone),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
