/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "base/changes.h"
#include "base/text.h"

#include <errno.h>
#include <fabricnet/secret.h>
#include <fabricnet/version.h>
#include <stdlib.h>

#undef fail /* the library's own is under test */

static void an_unknown_namespace_is_named(void **state)
{
        fbn_context *c = (fbn_context *)77;

        assert_int_equal(fbn_context_new(FBN_OPTIONS(fbn_context_options, .netns = "no-such-namespace"), &c), -FBN_ENOENT);
        assert_ptr_equal(c, (fbn_context *)77);
        assert_non_null(strstr(fbn_context_error(NULL), "network namespace 'no-such-namespace': no such namespace"));
        assert_int_equal(fbn_context_error_code(NULL), FBN_ENOENT);
}

static void messages_are_one_line_of_printable_text(void **state)
{
        fbn_context *c = *state;
        char long_name[1000];
        int r = fail(c, FBN_EINVAL, "a\nb\x1b[31m\x7f '%s' \xc3\xa9\xe2\x86\x92\xf0\x9f\x90\xa7 \xc2\x9b \xff \xc3", "\t");

        assert_string_equal(fbn_context_error(c), "a?b?[31m? '?' \xc3\xa9\xe2\x86\x92\xf0\x9f\x90\xa7 ?? ? ?");
        fail_in(c, r, "x\r");
        assert_string_equal(fbn_context_error_object(c), "x?");
        /* What is cut in the middle of a character. */
        memset(long_name, 0, sizeof(long_name));
        for (size_t i = 0; i + 3 < sizeof(long_name); i += 2)
                memcpy(long_name + i, "\xc3\xa9", 2);
        fail(c, FBN_EINVAL, "%s", long_name);
        assert_int_equal(strlen(fbn_context_error(c)), 767);
        assert_string_equal(fbn_context_error(c) + 764, "\xc3\xa9?");
}

struct longer {
        fbn_context_options known;
        char unknown[16];
};

static void options_of_other_versions_are_understood(void **state)
{
        struct longer options = {.known = {.size = sizeof(options)}};
        size_t only_size = sizeof(only_size);
        fbn_context *c = NULL;

        assert_int_equal(fbn_context_new(&options.known, &c), 0);
        c = fbn_context_unref(c);
        assert_int_equal(fbn_context_new((const fbn_context_options *)&only_size, &c), 0);
        c = fbn_context_unref(c);
        options.unknown[3] = 1;
        assert_int_equal(fbn_context_new(&options.known, &c), -FBN_EINVAL);
        assert_non_null(strstr(fbn_context_error(NULL), "does not know"));
        options.known.size = 0;
        assert_int_equal(fbn_context_new(&options.known, &c), -FBN_EINVAL);
}

static void errors_name_their_object_from_the_outside_in(void **state)
{
        fbn_context *c = *state;
        int r = fail(c, FBN_EINVAL, "allowed IP %s twice", "10.0.0.0/8");

        r = fail_in(c, r, "peer %d", 3);
        r = fail_in(c, r, "%s", "wg0");
        assert_int_equal(r, -FBN_EINVAL);
        assert_string_equal(fbn_context_error(c), "wg0: peer 3: allowed IP 10.0.0.0/8 twice");
        assert_string_equal(fbn_context_error_object(c), "wg0: peer 3");
        assert_int_equal(fail_in(c, 5, "untouched"), 5);
        assert_string_equal(fbn_context_error_object(c), "wg0: peer 3");
        assert_int_equal(fail_errno(c, EACCES, "/etc/x"), -FBN_EPERM);
        assert_int_equal(fbn_context_error_errno(c), EACCES);
        assert_string_equal(fbn_context_error(c), "/etc/x: Permission denied");
}

static void overlong_errors_are_cut_not_overrun(void **state)
{
        char text[5000];

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = 0;
        fail_in(*state, fail(*state, FBN_EINVAL, "%s", text), "%s", text);
        assert_true(strlen(fbn_context_error(*state)) < sizeof(text));
}

static void cancel_holds_until_resumed(void **state)
{
        assert_int_equal(context_check(*state), 0);
        fbn_context_cancel(*state);
        assert_int_equal(context_check(*state), -FBN_ECANCELED);
        assert_int_equal(context_check(*state), -FBN_ECANCELED);
        fbn_context_resume(*state);
        assert_int_equal(context_check(*state), 0);
}

static void every_code_has_words(void **state)
{
        for (int code = 1; code <= FBN_EUNDONE; code++) {
                assert_string_not_equal(fbn_strerror(code), "unknown error code");
                assert_string_equal(fbn_strerror(code), fbn_strerror(-code));
        }
        assert_string_equal(fbn_strerror(FBN_EUNDONE + 1), "unknown error code");
        assert_string_equal(fbn_version(), FBN_VERSION);
}

static void tables_are_closed_after_the_first_context(void **state)
{
        fbn_allocator allocator = {sizeof(allocator), malloc, realloc, free};

        assert_int_equal(fbn_set_tables(&allocator, NULL), -FBN_EINVAL);
}

static void changes_keep_copies_in_order(void **state)
{
        FBN_CLEANUP(fbn_changes) some = changes_new();
        FBN_CLEANUP(fbn_changes) all = changes_new();
        char object[] = "route 10.0.0.0/8";

        assert_ok(*state, changes_add(*state, some, FBN_CHANGE_UPDATE, object, "metric", "1", "2"));
        object[0] = 'X';
        assert_ok(*state, changes_append(*state, all, "vps", some));
        assert_ok(*state, changes_append(*state, all, NULL, some));
        assert_int_equal(fbn_changes_count(all), 2);
        assert_string_equal(fbn_changes_at(all, 0)->object, "vps: route 10.0.0.0/8");
        assert_string_equal(fbn_changes_at(all, 1)->object, "route 10.0.0.0/8");
        assert_string_equal(fbn_changes_at(all, 1)->after, "2");
        assert_null(fbn_changes_at(all, 2));
        assert_int_equal(fbn_changes_count(NULL), 0);
}

static void durations_have_one_unit(void **state)
{
        int64_t value = 7;

        assert_true(text_to_duration("25s", &value));
        assert_int_equal(value, 25000000000);
        assert_true(text_to_duration("500ms", &value));
        assert_int_equal(value, 500000000);
        assert_true(text_to_duration("7d", &value));
        assert_int_equal(value, 604800000000000);
        assert_false(text_to_duration("25", &value));
        assert_false(text_to_duration("s", &value));
        assert_false(text_to_duration("1h30m", &value));
        assert_false(text_to_duration("-1s", &value));
        assert_false(text_to_duration("99999999999999999d", &value));
        assert_int_equal(value, 604800000000000);
}

static void text_grows(void **state)
{
        struct text text = {0};

        for (int i = 0; i < 1000; i++)
                text_add(&text, "%d,", i);
        text_append(&text, "end", 3);
        assert_false(text.failed);
        assert_int_equal(text.length, strlen(text.bytes));
        assert_memory_equal(text.bytes, "0,1,2,", 6);
        assert_string_equal(text.bytes + text.length - 7, "999,end");
        text_free(&text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_unknown_namespace_is_named),
                cmocka_unit_test(options_of_other_versions_are_understood),
                cmocka_unit_test(messages_are_one_line_of_printable_text),
                cmocka_unit_test(errors_name_their_object_from_the_outside_in),
                cmocka_unit_test(overlong_errors_are_cut_not_overrun),
                cmocka_unit_test(cancel_holds_until_resumed),
                cmocka_unit_test(every_code_has_words),
                cmocka_unit_test(tables_are_closed_after_the_first_context),
                cmocka_unit_test(changes_keep_copies_in_order),
                cmocka_unit_test(durations_have_one_unit),
                cmocka_unit_test(text_grows),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
