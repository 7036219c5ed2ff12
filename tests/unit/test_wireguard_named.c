/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "wireguard/resolver.h"

static fbn_endpoint endpoint_of(const char *text)
{
        fbn_endpoint endpoint = {0};

        if (*text)
                assert_int_equal(fbn_endpoint_parse(text, &endpoint), 0);
        return endpoint;
}

/* The choice as text, "" if what is there stays. The name led to before the last time, and to two addresses now. */
static const char *choice(const char *have, const char *before, bool stale, const char *first, const char *second)
{
        static char text[FBN_ADDRESS_TEXT];
        fbn_endpoint has = endpoint_of(have), found[] = {endpoint_of(first), endpoint_of(second)};
        struct named named = {.stale = stale, .count = *before ? 1 : 0};
        const fbn_endpoint *chosen;

        named.found[0] = endpoint_of(before);
        chosen = named_choose(&named, &has, found, *first ? *second ? 2 : 1 : 0);
        return chosen ? fbn_endpoint_format(chosen, text, sizeof(text)) : "";
}

static void a_peer_without_an_endpoint_gets_the_first(void **state)
{
        assert_string_equal(choice("", "", true, "192.0.2.1:1", "192.0.2.2:1"), "192.0.2.1:1");
        assert_string_equal(choice("", "", true, "", ""), "");
}

static void an_endpoint_among_the_addresses_stays(void **state)
{
        assert_string_equal(choice("192.0.2.2:1", "192.0.2.2:1", false, "192.0.2.1:1", "192.0.2.2:1"), "");
        assert_string_equal(choice("192.0.2.1:1", "192.0.2.1:1", true, "192.0.2.1:1", ""), "");
        assert_string_equal(choice("[fe80::1]:1", "", true, "[fe80::1%3]:1", ""), "");
}

static void a_silent_peer_is_tried_at_the_next_one(void **state)
{
        assert_string_equal(choice("192.0.2.1:1", "", true, "192.0.2.1:1", "[2001:db8::1]:1"), "[2001:db8::1]:1");
        assert_string_equal(choice("192.0.2.2:1", "", true, "192.0.2.1:1", "192.0.2.2:1"), "192.0.2.1:1");
}

static void one_that_was_learned_stays_while_the_peer_answers(void **state)
{
        assert_string_equal(choice("198.51.100.7:4", "192.0.2.1:1", false, "192.0.2.1:1", ""), "");
        assert_string_equal(choice("198.51.100.7:4", "192.0.2.1:1", true, "192.0.2.1:1", ""), "192.0.2.1:1");
}

static void one_that_came_from_the_name_moves_with_it(void **state)
{
        assert_string_equal(choice("192.0.2.1:1", "192.0.2.1:1", false, "192.0.2.9:1", ""), "192.0.2.9:1");
}

static void the_family_in_use_is_kept(void **state)
{
        assert_string_equal(choice("192.0.2.1:1", "192.0.2.1:1", false, "[2001:db8::1]:1", "192.0.2.9:1"), "192.0.2.9:1");
        assert_string_equal(choice("192.0.2.1:1", "192.0.2.1:1", false, "[2001:db8::1]:1", ""), "[2001:db8::1]:1");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_peer_without_an_endpoint_gets_the_first),
                cmocka_unit_test(an_endpoint_among_the_addresses_stays),
                cmocka_unit_test(a_silent_peer_is_tried_at_the_next_one),
                cmocka_unit_test(one_that_was_learned_stays_while_the_peer_answers),
                cmocka_unit_test(one_that_came_from_the_name_moves_with_it),
                cmocka_unit_test(the_family_in_use_is_kept),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
