/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "http/json.h"

static int64_t parse(const char *text)
{
        int64_t nanoseconds = -42;

        if (!json_time_parse(text, &nanoseconds))
                fail_msg("'%s' is not read", text);
        return nanoseconds;
}

static void a_time_has_up_to_nanoseconds(void **state)
{
        assert_int_equal(parse("1970-01-01T00:00:00Z"), 0);
        assert_int_equal(parse("2026-11-22T18:34:25.857828859Z"), 1795372465857828859);
        assert_int_equal(parse("2026-11-22T18:34:25.5Z"), 1795372465500000000);
        assert_int_equal(parse("2026-11-22T18:34:25.1234567891Z"), 1795372465123456789);
        assert_int_equal(parse("2024-02-29T12:00:00Z"), 1709208000000000000);
        assert_int_equal(parse("1969-12-31T23:59:59.75Z"), -250000000);
}

static void an_offset_is_taken_away(void **state)
{
        assert_int_equal(parse("2026-11-22T20:04:25+01:30"), parse("2026-11-22T18:34:25Z"));
        assert_int_equal(parse("2026-11-22T17:34:25-01:00"), parse("2026-11-22T18:34:25Z"));
}

static void what_64_bits_cannot_say_is_held_at_the_end(void **state)
{
        assert_int_equal(parse("0001-01-01T00:00:00Z"), INT64_MIN);
        assert_int_equal(parse("9999-12-31T23:59:59Z"), INT64_MAX);
}

static void other_text_is_refused(void **state)
{
        const char *const texts[] = {"",
                                     "2026",
                                     "2026-11-22",
                                     "2026-11-22T18:34:25",
                                     "2026-11-22T18:34:25.Z",
                                     "2026-11-22T18:34:25Zx",
                                     "2026-13-22T18:34:25Z",
                                     "2026-11-32T18:34:25Z",
                                     "2026-11-22T24:34:25Z",
                                     "2026-11-22T18:60:25Z",
                                     "2026-11-22T18:34:25+1:00",
                                     "-026-11-22T18:34:25Z",
                                     "99999999999999999999-11-22T18:34:25Z"};
        int64_t nanoseconds = 7;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                if (json_time_parse(texts[i], &nanoseconds))
                        fail_msg("'%s' is read", texts[i]);
        assert_int_equal(nanoseconds, 7);
}

static void what_is_written_is_read_again(void **state)
{
        char text[32];

        assert_string_equal(json_time_format(1795372465000000000, text, sizeof(text)), "2026-11-22T18:34:25Z");
        assert_int_equal(parse(text), 1795372465000000000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_time_has_up_to_nanoseconds),
                cmocka_unit_test(an_offset_is_taken_away),
                cmocka_unit_test(what_64_bits_cannot_say_is_held_at_the_end),
                cmocka_unit_test(other_text_is_refused),
                cmocka_unit_test(what_is_written_is_read_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
