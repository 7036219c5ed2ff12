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

static fbn_address address_of(const char *text)
{
        fbn_address address;

        assert_int_equal(fbn_address_parse(text, &address), 0);
        return address;
}

#define ADDRESS(text, ...) FBN_OPTIONS(fbn_link_address, .device = "wan", .address = prefix_of(text), __VA_ARGS__)

/* The address as the library reads it; the list keeps it. */
static const fbn_link_address *read_back(fbn_context *c, const char *text, fbn_link_addresses **list)
{
        fbn_prefix prefix = prefix_of(text);

        fbn_link_addresses_unref(*list);
        *list = NULL;
        assert_ok(c, fbn_link_address_list(c, "wan", list));
        for (size_t i = 0; i < fbn_link_addresses_count(*list); i++)
                if (memcmp(&fbn_link_addresses_at(*list, i)->address.address, &prefix.address, sizeof(prefix.address)) == 0)
                        return fbn_link_addresses_at(*list, i);
        test_failed("%s is not there", text);
        return NULL;
}

#define assert_ip(expected, local, filter)                                                                                      \
        do {                                                                                                                    \
                char *output_ = command_output("ip -n host -j -d address show dev wan | jq -c '.[0].addr_info[] | select(.local == \"%s\") | %s'", \
                                               (local), (filter));                                                              \
                assert_string_equal(output_, expected "\n");                                                                    \
                free(output_);                                                                                                  \
        } while (0)

static void a_lifetime_counts_down_and_ends(void **state)
{
        FBN_CLEANUP(fbn_link_addresses) list = NULL;
        const fbn_link_address *address;

        assert_ok(*state, fbn_link_address_add(*state, ADDRESS("10.0.0.1/24", .valid = 600, .preferred = 300)));
        assert_ok(*state, fbn_link_address_add(*state, ADDRESS("fd00::1/64", .valid = 1, .no_dad = true)));
        assert_ip("true", "10.0.0.1", ".valid_life_time <= 600 and .valid_life_time > 590 and .preferred_life_time <= 300 and .dynamic");
        address = read_back(*state, "10.0.0.1/24", &list);
        assert_in_range(address->valid, 590, 600);
        assert_in_range(address->preferred, 290, 300);
        assert_int_equal(address->protocol, FBN_PROTOCOL);
        command_until("! ip -n host address show dev wan | grep -q fd00::1");
}

static void an_address_can_be_deprecated_at_once(void **state)
{
        FBN_CLEANUP(fbn_link_addresses) list = NULL;

        assert_ok(*state, fbn_link_address_add(*state, ADDRESS("fd00::1/64", .deprecated = true, .no_dad = true)));
        assert_ip("[0,true]", "fd00::1", "[.preferred_life_time, .deprecated]");
        assert_true(read_back(*state, "fd00::1/64", &list)->deprecated);
        assert_int_equal(read_back(*state, "fd00::1/64", &list)->valid, 0);
}

static void peer_broadcast_and_scope_are_kept(void **state)
{
        FBN_CLEANUP(fbn_link_addresses) list = NULL;
        const fbn_link_address *address;
        fbn_address peer = address_of("10.9.0.2"), peer6 = address_of("fd00::2"), broadcast = address_of("10.5.0.255");

        assert_ok(*state, fbn_link_address_add(*state, ADDRESS("10.9.0.1/32", .peer = peer)));
        assert_ok(*state, fbn_link_address_add(*state, ADDRESS("fd00::1/128", .peer = peer6, .no_dad = true)));
        assert_ok(*state, fbn_link_address_add(*state, ADDRESS("10.5.0.1/24", .broadcast = broadcast, .scope = FBN_LINK_SCOPE_LINK)));
        assert_ip("[\"10.9.0.2\",32]", "10.9.0.1", "[.address, .prefixlen]");
        assert_ip("[\"10.5.0.255\",\"link\"]", "10.5.0.1", "[.broadcast, .scope]");
        assert_ip("[\"fd00::2\",true]", "fd00::1", "[.address, .nodad]");
        address = read_back(*state, "10.9.0.1/32", &list);
        assert_memory_equal(&address->peer, &peer, sizeof(peer));
        address = read_back(*state, "10.5.0.1/24", &list);
        assert_memory_equal(&address->broadcast, &broadcast, sizeof(broadcast));
        assert_int_equal(address->scope, FBN_LINK_SCOPE_LINK);
        assert_int_equal(address->peer.family, 0);
        address = read_back(*state, "fd00::1/128", &list);
        assert_memory_equal(&address->peer, &peer6, sizeof(peer6));
        assert_true(address->no_dad && !address->tentative);
        assert_ok(*state, fbn_link_address_delete(*state, ADDRESS("10.9.0.1/32", .peer = peer)));
        assert_ok(*state, fbn_link_address_delete(*state, ADDRESS("10.5.0.1/24")));
}

static void without_nodad_an_address_is_tentative_first(void **state)
{
        FBN_CLEANUP(fbn_link_addresses) list = NULL;

        assert_ok(*state, fbn_link_address_add(*state, ADDRESS("fd00::1/64")));
        assert_true(read_back(*state, "fd00::1/64", &list)->tentative);
        assert_ok(*state, fbn_link_address_add(*state, ADDRESS("fd00::2/64", .no_dad = true)));
        assert_false(read_back(*state, "fd00::2/64", &list)->tentative);
}

static void secondaries_are_told(void **state)
{
        FBN_CLEANUP(fbn_link_addresses) list = NULL;

        assert_ok(*state, fbn_link_address_add(*state, ADDRESS("10.0.0.1/24")));
        assert_ok(*state, fbn_link_address_add(*state, ADDRESS("10.0.0.2/24")));
        assert_false(read_back(*state, "10.0.0.1/24", &list)->secondary);
        assert_true(read_back(*state, "10.0.0.2/24", &list)->secondary);
}

static int apply(fbn_context *c, const fbn_link_address *wanted, fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_link_addresses) want = NULL;

        assert_ok(c, fbn_link_addresses_new(c, &want));
        assert_ok(c, fbn_link_addresses_add(c, want, wanted));
        return fbn_link_address_apply(c, "wan", want, NULL, ret_changes);
}

static void apply_renews_a_lifetime_only_when_half_is_gone(void **state)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;

        for (int i = 0; i < 2; i++) {
                const char *text = i ? "fd00::1/64" : "10.0.0.1/24";

                assert_int_equal(apply(*state, ADDRESS(text, .valid = 1000, .no_dad = true), NULL), 1 + i);
                assert_int_equal(apply(*state, ADDRESS(text, .valid = 1000, .no_dad = true), NULL), 0);
                assert_int_equal(apply(*state, ADDRESS(text, .valid = 1900, .no_dad = true), NULL), 0);
                fbn_changes_unref(changes);
                changes = NULL;
                assert_int_equal(apply(*state, ADDRESS(text, .valid = 5000, .preferred = 60, .no_dad = true), &changes), 1);
                assert_int_equal(fbn_changes_at(changes, 0)->kind, FBN_CHANGE_UPDATE);
                assert_string_equal(fbn_changes_at(changes, 0)->after, "5000 s, preferred 60 s");
                command("ip -n host -j address show dev wan | jq -e '[.[0].addr_info[] | select(.valid_life_time > 4990 and .valid_life_time <= 5000 and .preferred_life_time <= 60)] | length == 1' >/dev/null");
                assert_int_equal(apply(*state, ADDRESS(text, .valid = 5000, .deprecated = true, .no_dad = true), NULL), 1);
                assert_int_equal(apply(*state, ADDRESS(text, .valid = 5000, .deprecated = true, .no_dad = true), NULL), 0);
                assert_int_equal(apply(*state, ADDRESS(text, .no_dad = true), NULL), 1); /* for ever */
                assert_int_equal(apply(*state, ADDRESS(text, .no_dad = true), NULL), 0);
        }
}

static void apply_replaces_what_cannot_be_changed_in_place(void **state)
{
        fbn_address peer = address_of("10.9.0.2"), other = address_of("10.9.0.3");

        assert_int_equal(apply(*state, ADDRESS("10.9.0.1/32", .peer = peer), NULL), 1);
        assert_int_equal(apply(*state, ADDRESS("10.9.0.1/32", .peer = peer), NULL), 0);
        assert_int_equal(apply(*state, ADDRESS("10.9.0.1/32", .peer = other), NULL), 2);
        assert_ip("\"10.9.0.3\"", "10.9.0.1", ".address");
        assert_int_equal(apply(*state, ADDRESS("10.9.0.1/32", .peer = other, .scope = FBN_LINK_SCOPE_HOST), NULL), 2);
        assert_ip("\"host\"", "10.9.0.1", ".scope");
        assert_int_equal(apply(*state, ADDRESS("10.9.0.1/32", .peer = other, .scope = FBN_LINK_SCOPE_HOST), NULL), 0);
}

static void wrong_members_are_refused(void **state)
{
        fbn_address six = address_of("fd00::2"), four = address_of("10.0.0.255");

        assert_failed(*state, fbn_link_address_add(*state, ADDRESS("10.0.0.1/24", .peer = six)), FBN_EINVAL, "the other family");
        assert_failed(*state, fbn_link_address_add(*state, ADDRESS("fd00::1/64", .broadcast = four)), FBN_EINVAL, "broadcast is for IPv4");
        assert_failed(*state, fbn_link_address_add(*state, ADDRESS("10.0.0.1/24", .valid = 5, .preferred = 6)), FBN_EINVAL, "longer than it is valid");
        assert_failed(*state, fbn_link_address_add(*state, ADDRESS("10.0.0.1/24", .scope = 300)), FBN_EINVAL, "no scope");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_lifetime_counts_down_and_ends, fresh, gone),
                cmocka_unit_test_setup_teardown(an_address_can_be_deprecated_at_once, fresh, gone),
                cmocka_unit_test_setup_teardown(peer_broadcast_and_scope_are_kept, fresh, gone),
                cmocka_unit_test_setup_teardown(without_nodad_an_address_is_tentative_first, fresh, gone),
                cmocka_unit_test_setup_teardown(secondaries_are_told, fresh, gone),
                cmocka_unit_test_setup_teardown(apply_renews_a_lifetime_only_when_half_is_gone, fresh, gone),
                cmocka_unit_test_setup_teardown(apply_replaces_what_cannot_be_changed_in_place, fresh, gone),
                cmocka_unit_test_setup_teardown(wrong_members_are_refused, fresh, gone),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
