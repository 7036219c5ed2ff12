/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/link.h>

static int fresh(void **state)
{
        namespace_new("host");
        command("ip -n host link add wan type veth peer name far && ip -n host link set wan up && ip -n host link set far up");
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

#define ADDRESS(text, ...) FBN_OPTIONS(fbn_link_address, .device = "wan", .address = prefix_of(text), __VA_ARGS__)

static fbn_link_addresses *wanted(fbn_context *c, const char *const *texts)
{
        fbn_link_addresses *addresses;

        assert_ok(c, fbn_link_addresses_new(c, &addresses));
        for (; *texts; texts++)
                assert_ok(c, fbn_link_addresses_add(c, addresses, ADDRESS(*texts)));
        return addresses;
}

static int apply(fbn_context *c, const char *const *texts, fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_link_addresses) want = wanted(c, texts);

        return fbn_link_address_apply(c, "wan", want, NULL, ret_changes);
}

#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NONE ((const char *const[]){NULL})

/* Addresses of the link as ip(8) sees them, without the kernel's own link-local one: "10.0.0.1/24 10.0.0.2/24". */
static char *addresses_by_ip(void)
{
        return command_output("ip -n host -j address show dev wan | jq -r '[.[].addr_info[] | select(.scope == \"global\") | .local + \"/\" + (.prefixlen | tostring)] | sort | join(\" \")' | tr -d '\\n'");
}

#define assert_addresses(expected)                        \
        do {                                              \
                char *found_ = addresses_by_ip();         \
                assert_string_equal(found_, (expected));  \
                free(found_);                             \
        } while (0)

static void an_added_address_is_ours(void **state)
{
        FBN_CLEANUP(fbn_link_addresses) list = NULL;

        assert_ok(*state, fbn_link_address_add(*state, ADDRESS("172.26.5.155/24", .no_prefix_route = true)));
        assert_ok(*state, fbn_link_address_add(*state, ADDRESS("fd00:5::1/64")));
        assert_failed(*state, fbn_link_address_add(*state, ADDRESS("172.26.5.155/24")), FBN_EEXIST, "wan: address 172.26.5.155/24: ");
        assert_addresses("172.26.5.155/24 fd00:5::1/64");
        command("test -z \"$(ip -n host route show dev wan)\"");
        assert_ok(*state, fbn_link_address_list(*state, "wan", &list));
        for (size_t i = 0, ours = 0; i < fbn_link_addresses_count(list) || (assert_int_equal(ours, 2), false); i++) {
                const fbn_link_address *address = fbn_link_addresses_at(list, i);

                assert_string_equal(address->device, "wan");
                if (address->protocol != FBN_PROTOCOL)
                        continue;
                ours++;
                assert_int_equal(address->no_prefix_route, address->address.address.family == AF_INET);
        }
        assert_ok(*state, fbn_link_address_delete(*state, ADDRESS("172.26.5.155/24")));
        assert_failed(*state, fbn_link_address_delete(*state, ADDRESS("172.26.5.155/24")), FBN_ENOENT, "wan: address 172.26.5.155/24: ");
        assert_addresses("fd00:5::1/64");
}

static void a_list_of_all_links_names_each(void **state)
{
        FBN_CLEANUP(fbn_link_addresses) list = NULL;
        size_t found = 0;

        command("ip -n host address add 10.1.0.1/24 dev wan && ip -n host address add 10.1.0.2/32 peer 10.9.9.9/32 dev far");
        assert_ok(*state, fbn_link_address_list(*state, NULL, &list));
        for (size_t i = 0; i < fbn_link_addresses_count(list); i++) {
                const fbn_link_address *address = fbn_link_addresses_at(list, i);
                char text[FBN_ADDRESS_TEXT];

                fbn_prefix_format(&address->address, text, sizeof(text));
                found += streq(address->device, "wan") && streq(text, "10.1.0.1/24");
                found += streq(address->device, "far") && streq(text, "10.1.0.2/32");
                found += streq(address->device, "lo") && streq(text, "127.0.0.1/8");
        }
        assert_int_equal(found, 3);
        assert_failed(*state, fbn_link_address_list(*state, "none", &(fbn_link_addresses *){0}), FBN_ENOENT, "none: no such link");
}

static void apply_moves_to_the_wanted_set_and_stays(void **state)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;

        assert_int_equal(apply(*state, TEXTS("10.0.0.1/24", "10.0.0.1/24", "fd00::1/64"), NULL), 2);
        assert_addresses("10.0.0.1/24 fd00::1/64");
        assert_int_equal(apply(*state, TEXTS("fd00::1/64", "10.0.0.1/24"), NULL), 0);
        assert_int_equal(apply(*state, TEXTS("10.0.0.2/24", "fd00::1/56"), &changes), 4);
        assert_int_equal(fbn_changes_at(changes, 0)->kind, FBN_CHANGE_DELETE);
        assert_int_equal(fbn_changes_at(changes, 3)->kind, FBN_CHANGE_CREATE);
        assert_addresses("10.0.0.2/24 fd00::1/56");
        assert_int_equal(apply(*state, NONE, NULL), 2);
        assert_addresses("");
}

static void a_dry_run_changes_nothing(void **state)
{
        FBN_CLEANUP(fbn_link_addresses) want = wanted(*state, TEXTS("10.0.0.1/24"));

        assert_int_equal(fbn_link_address_apply(*state, "wan", want, FBN_OPTIONS(fbn_link_address_apply_options, .dry_run = true), NULL), 1);
        assert_addresses("");
}

static void foreign_addresses_stay(void **state)
{
        command("ip -n host address add 10.0.0.1/24 dev wan && ip -n host address add 10.7.0.1/24 dev wan");
        assert_int_equal(apply(*state, TEXTS("10.0.0.1/24", "10.8.0.1/24"), NULL), 1);
        assert_addresses("10.0.0.1/24 10.7.0.1/24 10.8.0.1/24");
        assert_int_equal(apply(*state, NONE, NULL), 1);
        assert_addresses("10.0.0.1/24 10.7.0.1/24");
}

/* Deleting a primary address makes the kernel delete its secondaries as well. */
static void secondaries_outlive_a_removed_primary(void **state)
{
        command("ip netns exec host sysctl -qw net.ipv4.conf.all.promote_secondaries=0 net.ipv4.conf.wan.promote_secondaries=0");
        assert_int_equal(apply(*state, TEXTS("10.0.0.1/24", "10.0.0.2/24"), NULL), 2);
        command("ip -n host address add 10.0.0.3/24 broadcast 10.0.0.255 label wan:x dev wan");
        assert_int_equal(apply(*state, TEXTS("10.0.0.2/24"), NULL), 1);
        assert_addresses("10.0.0.2/24 10.0.0.3/24");
        command("ip -n host address show dev wan | grep -q '10.0.0.3/24 brd 10.0.0.255 .*wan:x'");
        assert_int_equal(apply(*state, TEXTS("10.0.0.2/24"), NULL), 0);
        assert_int_equal(apply(*state, NONE, NULL), 1);
        assert_addresses("10.0.0.3/24");
}

static void what_cannot_be_is_refused(void **state)
{
        FBN_CLEANUP(fbn_link_addresses) want = wanted(*state, TEXTS("10.0.0.1/24"));

        assert_failed(*state, fbn_link_address_apply(*state, "far", want, NULL, NULL), FBN_EINVAL, "far: an address of 'wan'");
        assert_failed(*state, fbn_link_address_apply(*state, "none", NULL, NULL, NULL), FBN_ENOENT, "none: no such link");
        assert_failed(*state, fbn_link_addresses_add(*state, want, FBN_OPTIONS(fbn_link_address, .device = "wan")), FBN_EINVAL, "not an IPv4");
        assert_failed(*state, fbn_link_addresses_add(*state, want, &(fbn_link_address){.device = "wan"}), FBN_EINVAL, "size");
}

/* The kernel refuses an IPv6 address that is on the link already with another length and another owner. */
static void a_failure_midway_says_what_stands(void **state)
{
        command("ip -n host address add fd00::1/64 dev wan");
        assert_failed(*state, apply(*state, TEXTS("10.0.0.1/24", "fd00::1/56"), NULL), FBN_EPARTIAL,
                      "1 of 2 changes were made, then: wan: address fd00::1/56: ");
        assert_addresses("10.0.0.1/24 fd00::1/64");
        assert_failed(*state, apply(*state, TEXTS("10.0.0.1/24", "fd00::1/56"), NULL), FBN_EEXIST, "wan: address fd00::1/56: ");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_added_address_is_ours, fresh, gone),
                cmocka_unit_test_setup_teardown(a_list_of_all_links_names_each, fresh, gone),
                cmocka_unit_test_setup_teardown(apply_moves_to_the_wanted_set_and_stays, fresh, gone),
                cmocka_unit_test_setup_teardown(a_dry_run_changes_nothing, fresh, gone),
                cmocka_unit_test_setup_teardown(foreign_addresses_stay, fresh, gone),
                cmocka_unit_test_setup_teardown(secondaries_outlive_a_removed_primary, fresh, gone),
                cmocka_unit_test_setup_teardown(what_cannot_be_is_refused, fresh, gone),
                cmocka_unit_test_setup_teardown(a_failure_midway_says_what_stands, fresh, gone),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
