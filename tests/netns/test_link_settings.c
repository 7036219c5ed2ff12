/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/link.h>
#include <fcntl.h>

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
#define NAMES(...) .altnames = (const char *const[]){__VA_ARGS__}, .n_altnames = ARRAY_SIZE(((const char *const[]){__VA_ARGS__}))

/* What jq makes of "ip -j -d link show NAME". */
#define assert_ip(expected, name, filter)                                                          \
        do {                                                                                       \
                char *output_ = command_output("ip -n host -j -d link show %s | jq -c '%s'", (name), (filter)); \
                assert_string_equal(output_, expected "\n");                                       \
                free(output_);                                                                     \
        } while (0)

static void altnames_are_added_listed_and_taken_away(void **state)
{
        FBN_CLEANUP(fbn_links) links = NULL;
        char longest[128];

        memset(longest, 'x', 127);
        longest[127] = 0;
        command("ip -n host link add v0 type veth peer name v1");
        assert_ok(*state, fbn_link_set(*state, LINK(.name = "v0", NAMES("wan", "uplink-to-the-provider", longest))));
        assert_ip("3", "v0", ".[0].altnames | length");
        assert_ok(*state, fbn_link_list(*state, "v0", &links));
        assert_int_equal(fbn_links_at(links, 0)->n_altnames, 3);
        assert_string_equal(fbn_links_at(links, 0)->altnames[0], "wan");
        assert_string_equal(fbn_links_at(links, 0)->altnames[2], longest);
        assert_failed(*state, fbn_link_set(*state, LINK(.name = "v1", NAMES("wan"))), FBN_EEXIST, "v1: altname 'wan': a link has that name already");
        assert_failed(*state, fbn_link_set(*state, LINK(.name = "v1", NAMES("v0"))), FBN_EEXIST, "altname 'v0'");
        assert_failed(*state, fbn_link_set(*state, LINK(.name = "v1", NAMES(""))), FBN_EINVAL, "1 to 127 bytes");
        assert_failed(*state, fbn_link_set(*state, LINK(.name = "v1", NAMES("a/b"))), FBN_EINVAL, "'/'");
        assert_failed(*state, fbn_link_set(*state, LINK(.name = "none", NAMES("c"))), FBN_ENOENT, "none: ");
        assert_ok(*state, fbn_link_altname_delete(*state, "v0", longest));
        assert_ok(*state, fbn_link_altname_delete(*state, "v0", "uplink-to-the-provider"));
        assert_ip("[\"wan\"]", "v0", ".[0].altnames");
        assert_failed(*state, fbn_link_altname_delete(*state, "v0", "other"), FBN_ENOENT, "v0: it has no altname 'other'");
        assert_failed(*state, fbn_link_altname_delete(*state, "v1", "wan"), FBN_ENOENT, "v1: it has no altname 'wan'");
        assert_failed(*state, fbn_link_altname_delete(*state, "none", "wan"), FBN_ENOENT, "none: no such link");
        assert_ip("[\"wan\"]", "v0", ".[0].altnames");
}

static void a_bridge_takes_its_settings(void **state)
{
        FBN_CLEANUP(fbn_links) links = NULL;

        assert_ok(*state, fbn_link_create(*state, LINK(.name = "lan", .kind = "bridge", .stp = FBN_LINK_ON, .state = FBN_LINK_UP)));
        assert_ip("1", "lan", ".[0].linkinfo.info_data.stp_state");
        assert_ok(*state, fbn_link_list(*state, "lan", &links));
        assert_int_equal(fbn_links_at(links, 0)->stp, FBN_LINK_ON);
        assert_int_equal(fbn_links_at(links, 0)->state, FBN_LINK_UP);
        assert_ok(*state, fbn_link_set(*state, LINK(.name = "lan", .stp = FBN_LINK_OFF, .mtu = 1400)));
        assert_ip("[0,1400]", "lan", ".[0] | [.linkinfo.info_data.stp_state, .mtu]");
        assert_failed(*state, fbn_link_set(*state, LINK(.name = "lo", .stp = FBN_LINK_ON)), FBN_EINVAL, "lo: vlan_filtering and stp are for bridges");
        assert_failed(*state, fbn_link_set(*state, LINK(.name = "none", .stp = FBN_LINK_ON)), FBN_ENOENT, "none: no such link");
        assert_failed(*state, fbn_link_create(*state, LINK(.name = "v", .kind = "veth", .stp = FBN_LINK_ON)), FBN_EINVAL, "for bridges");
        assert_failed(*state, fbn_link_set(*state, LINK(.name = "lan", .stp = 7)), FBN_EINVAL, "on or off");
}

/* Not every kernel was built with it; one that was not says so by name, and not that it has no bridges. */
static void vlan_filtering_works_or_is_named(void **state)
{
        int r = fbn_link_create(*state, LINK(.name = "lan", .kind = "bridge", .vlan_filtering = FBN_LINK_ON));

        if (r < 0) {
                assert_failed(*state, r, FBN_EUNSUPPORTED, "lan: this kernel's bridges do not filter VLANs");
                assert_int_not_equal(command_try("ip -n host link add probe type bridge vlan_filtering 1 2>/dev/null"), 0);
                skip();
        }
        assert_ip("1", "lan", ".[0].linkinfo.info_data.vlan_filtering");
}

static void a_tap_link_is_told_from_a_tun_link(void **state)
{
        FBN_CLEANUP(fbn_links) links = NULL;

        assert_ok(*state, fbn_link_create(*state, LINK(.name = "tap0", .kind = "tap", .mtu = 1400)));
        assert_ok(*state, fbn_link_create(*state, LINK(.name = "tun0", .kind = "tun")));
        assert_ip("[\"tap\",1400]", "tap0", ".[0] | [.linkinfo.info_data.type, .mtu]");
        assert_ip("\"tun\"", "tun0", ".[0].linkinfo.info_data.type");
        assert_ok(*state, fbn_link_list(*state, "tap0", &links));
        assert_string_equal(fbn_links_at(links, 0)->kind, "tap");
        assert_int_equal(fbn_link_apply(*state, LINK(.name = "tap0", .kind = "tap", .mtu = 1400), NULL, NULL), 0);
        assert_failed(*state, fbn_link_apply(*state, LINK(.name = "tap0", .kind = "tun"), NULL, NULL), FBN_ECONFLICT, "of kind 'tap', not 'tun'");
}

static void kinds_say_what_they_need(void **state)
{
        assert_failed(*state, fbn_link_create(*state, LINK(.name = "red", .kind = "vrf")), FBN_EINVAL, "'vrf' needs a table");
        assert_failed(*state, fbn_link_create(*state, LINK(.name = "red", .kind = "bridge", .table = 7)), FBN_EINVAL, "a table is for a VRF");
        assert_failed(*state, fbn_link_create(*state, LINK(.name = "v", .kind = "vlan", .parent = "lo", .vlan = 5, .vlan_protocol = 1)), FBN_EINVAL, "0x88a8");
        assert_failed(*state, fbn_link_create(*state, LINK(.name = "v", .kind = "bridge", .vlan_protocol = 0x8100)), FBN_EINVAL, "for VLANs");
}

static void a_link_moves_by_descriptor(void **state)
{
        char to[32];
        int fd;

        namespace_new("elsewhere");
        command("ip -n host link add one type veth peer name two");
        fd = open("/run/netns/elsewhere", O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        snprintf(to, sizeof(to), "fd:%d", fd);
        assert_ok(*state, fbn_link_move(*state, "one", to));
        command("ip -n elsewhere link show one");
        command("ip -n elsewhere link add two type bridge");
        assert_failed(*state, fbn_link_move(*state, "two", to), FBN_EEXIST, "two: ");
        assert_failed(*state, fbn_link_move(*state, "lo", to), FBN_EINVAL, "lo: ");
        assert_failed(*state, fbn_link_move(*state, "two", "fd:900"), FBN_ENOENT, "'fd:900'");
        assert_failed(*state, fbn_link_move(*state, "two", "fd:"), FBN_EINVAL, "number of an open file");
        assert_failed(*state, fbn_link_move(*state, "two", "/dev/null"), FBN_EINVAL, "two: ");
        close(fd);
        namespace_delete("elsewhere");
}

static void apply_adds_altnames_and_switches_once(void **state)
{
        const fbn_link *want = LINK(.name = "lan", .kind = "bridge", .stp = FBN_LINK_ON, NAMES("home", "home", "office"));
        FBN_CLEANUP(fbn_changes) changes = NULL;

        command("ip -n host link add lan type bridge && ip -n host link property add dev lan altname office altname theirs");
        assert_int_equal(fbn_link_apply(*state, want, FBN_OPTIONS(fbn_link_apply_options, .dry_run = true), &changes), 2);
        assert_string_equal(fbn_changes_at(changes, 0)->field, "stp");
        assert_string_equal(fbn_changes_at(changes, 0)->before, "off");
        assert_string_equal(fbn_changes_at(changes, 1)->field, "altname");
        assert_string_equal(fbn_changes_at(changes, 1)->after, "home");
        assert_int_equal(fbn_link_apply(*state, want, NULL, NULL), 2);
        assert_int_equal(fbn_link_apply(*state, want, NULL, NULL), 0);
        assert_ip("[1,[\"home\",\"office\",\"theirs\"]]", "lan", ".[0] | [.linkinfo.info_data.stp_state, (.altnames | sort)]");
        assert_failed(*state, fbn_link_apply(*state, LINK(.name = "lo", .stp = FBN_LINK_ON), NULL, NULL), FBN_EINVAL, "for bridges");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(altnames_are_added_listed_and_taken_away, fresh, gone),
                cmocka_unit_test_setup_teardown(a_bridge_takes_its_settings, fresh, gone),
                cmocka_unit_test_setup_teardown(vlan_filtering_works_or_is_named, fresh, gone),
                cmocka_unit_test_setup_teardown(a_tap_link_is_told_from_a_tun_link, fresh, gone),
                cmocka_unit_test_setup_teardown(kinds_say_what_they_need, fresh, gone),
                cmocka_unit_test_setup_teardown(a_link_moves_by_descriptor, fresh, gone),
                cmocka_unit_test_setup_teardown(apply_adds_altnames_and_switches_once, fresh, gone),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
