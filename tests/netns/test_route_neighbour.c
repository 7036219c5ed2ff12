/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/route.h>

static int fresh(void **state)
{
        namespace_new("host");
        namespace_new("peer");
        namespace_join("host", "lan", "10.1.0.1/24", "peer", "eth", "10.1.0.2/24");
        command("ip -n peer link set eth address 02:00:00:00:00:99 && ip -n host address add fd01::1/64 dev lan nodad");
        *state = namespace_context("host");
        return 0;
}

static int gone(void **state)
{
        fbn_context_unref(*state);
        namespace_delete("host");
        namespace_delete("peer");
        return 0;
}

static fbn_address address_of(const char *text)
{
        fbn_address address;

        assert_int_equal(fbn_address_parse(text, &address), 0);
        return address;
}

#define NEIGHBOUR(to, ...) {.size = sizeof(fbn_neighbour), .address = address_of(to), .device = "lan", __VA_ARGS__}

static int apply(fbn_context *c, size_t count, const fbn_neighbour *items, fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_neighbours) want = NULL;

        assert_ok(c, fbn_neighbours_new(c, &want));
        for (size_t i = 0; i < count; i++)
                assert_ok(c, fbn_neighbours_add(c, want, &items[i]));
        return fbn_neighbour_apply(c, want, NULL, ret_changes);
}

#define assert_shown(expected)                                                                                                               \
        do {                                                                                                                                 \
                char *output_ = command_output("ip -n host neighbour show nud permanent | sed 's/ *$//' | sort; ip -n host neighbour show proxy | sed 's/ *$//'"); \
                assert_string_equal(output_, (expected));                                                                                    \
                free(output_);                                                                                                               \
        } while (0)

static void entries_are_added_listed_and_deleted(void **state)
{
        const fbn_neighbour four = NEIGHBOUR("10.1.0.7", .link_address = "02:00:00:00:00:07"), proxy = NEIGHBOUR("10.1.0.8", .proxy = true);
        const fbn_neighbour six = NEIGHBOUR("fd01::7", .link_address = "02:00:00:00:00:0A", .router = true);
        FBN_CLEANUP(fbn_neighbours) list = NULL;

        assert_ok(*state, fbn_neighbour_add(*state, &four));
        assert_ok(*state, fbn_neighbour_add(*state, &six));
        assert_ok(*state, fbn_neighbour_add(*state, &proxy));
        assert_failed(*state, fbn_neighbour_add(*state, &four), FBN_EEXIST, "neighbour 10.1.0.7 dev lan: ");
        assert_shown("10.1.0.7 dev lan lladdr 02:00:00:00:00:07 PERMANENT proto 251\nfd01::7 dev lan lladdr 02:00:00:00:00:0a router PERMANENT proto 251\n"
                     "10.1.0.8 dev lan proxy proto 251\n");
        assert_ok(*state, fbn_neighbour_list(*state, "lan", &list));
        assert_int_equal(fbn_neighbours_count(list), 3);
        assert_string_equal(fbn_neighbours_at(list, 0)->state, "permanent");
        assert_true(fbn_neighbours_at(list, 2)->proxy);
        assert_ok(*state, fbn_neighbour_delete(*state, &four));
        assert_failed(*state, fbn_neighbour_delete(*state, &four), FBN_ENOENT, "neighbour 10.1.0.7 dev lan: ");
        assert_ok(*state, fbn_neighbour_delete(*state, &six));
        assert_ok(*state, fbn_neighbour_delete(*state, &proxy));
        assert_shown("");
}

static void apply_sends_what_differs_and_leaves_others(void **state)
{
        const fbn_neighbour want[] = {NEIGHBOUR("10.1.0.2", .link_address = "02:00:00:00:00:99"), NEIGHBOUR("10.1.0.3", .link_address = "02:00:00:00:00:03"),
                                      NEIGHBOUR("10.1.0.4", .proxy = true)};
        const fbn_neighbour changed[] = {NEIGHBOUR("10.1.0.3", .link_address = "02:00:00:00:00:04"), NEIGHBOUR("10.1.0.3", .link_address = "02:00:00:00:00:04")};
        FBN_CLEANUP(fbn_changes) changes = NULL;

        command("ip -n host neighbour add 10.1.0.9 dev lan lladdr 02:00:00:00:00:01 && ip netns exec host ping -qc 1 -W 2 10.1.0.2 >/dev/null"); /* learns 10.1.0.2 */
        assert_int_equal(apply(*state, 3, want, NULL), 3);
        assert_int_equal(apply(*state, 3, want, NULL), 0);
        command("ip netns exec host ping -qc 1 -W 2 10.1.0.2 >/dev/null");
        assert_int_equal(apply(*state, 2, changed, &changes), 3);
        assert_string_equal(fbn_changes_at(changes, 0)->object, "neighbour 10.1.0.3 dev lan");
        assert_string_equal(fbn_changes_at(changes, 0)->before, "02:00:00:00:00:03");
        assert_string_equal(fbn_changes_at(changes, 0)->after, "02:00:00:00:00:04");
        assert_shown("10.1.0.3 dev lan lladdr 02:00:00:00:00:04 PERMANENT proto 251\n10.1.0.9 dev lan lladdr 02:00:00:00:00:01 PERMANENT\n");
        assert_failed(*state, apply(*state, 1, (const fbn_neighbour[]){NEIGHBOUR("10.1.0.9", .link_address = "02:00:00:00:00:04")}, NULL), FBN_ECONFLICT,
                      "neighbour 10.1.0.9 dev lan: somebody else");
        assert_int_equal(apply(*state, 0, NULL, NULL), 1);
        assert_shown("10.1.0.9 dev lan lladdr 02:00:00:00:00:01 PERMANENT\n");
}

static void wrong_entries_are_refused(void **state)
{
        assert_failed(*state, fbn_neighbour_add(*state, &(fbn_neighbour)NEIGHBOUR("10.1.0.9")), FBN_EINVAL, "no address of a link");
        assert_failed(*state, fbn_neighbour_add(*state, &(fbn_neighbour)NEIGHBOUR("10.1.0.9", .link_address = "02:00:xx")), FBN_EINVAL, "'02:00:xx'");
        assert_failed(*state, fbn_neighbour_add(*state, &(fbn_neighbour)NEIGHBOUR("10.1.0.9", .link_address = "02:00:00:00:00:")), FBN_EINVAL, "no address of a link");
        assert_failed(*state, fbn_neighbour_add(*state, &(fbn_neighbour)NEIGHBOUR("10.1.0.9", .link_address = "02:00:00")), FBN_EINVAL, "neighbour 10.1.0.9 dev lan: ");
        assert_failed(*state, fbn_neighbour_add(*state, &(fbn_neighbour)NEIGHBOUR("10.1.0.9", .link_address = "02:00:00:00:00:01", .proxy = true)), FBN_EINVAL, "leave link_address out");
        assert_failed(*state, fbn_neighbour_add(*state, FBN_OPTIONS(fbn_neighbour, .device = "lan")), FBN_EINVAL, "an address and a device");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(entries_are_added_listed_and_deleted, fresh, gone),
                cmocka_unit_test_setup_teardown(apply_sends_what_differs_and_leaves_others, fresh, gone),
                cmocka_unit_test_setup_teardown(wrong_entries_are_refused, fresh, gone),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
