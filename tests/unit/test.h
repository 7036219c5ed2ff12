/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef UNIT_TEST_H
#define UNIT_TEST_H

/* cmocka and what it wants included before it; one context for the tests that need one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h" /* before cmocka, whose fail() is a macro */
#include "base/macro.h"

#include <cmocka.h>

/* For cmocka_run_group_tests(): *state is a context in the caller's own namespace. */
static inline int context_setup(void **state)
{
        return fbn_context_new(NULL, (fbn_context **)state);
}

static inline int context_teardown(void **state)
{
        fbn_context_unref(*state);
        return 0;
}

/* As fail_msg(), but usable where a test has undefined cmocka's fail() to call ours. */
#define test_failed(...)                                                                         \
        do {                                                                                     \
                print_error(__VA_ARGS__);                                                        \
                print_error("\n");                                                               \
                _fail(__FILE__, __LINE__);                                                       \
        } while (0)

/* r is what a call with this context returned; shows the message when it failed. */
#define assert_ok(c, r)                                                                          \
        do {                                                                                     \
                int result_ = (r);                                                               \
                if (result_ < 0)                                                                 \
                        test_failed("%s: %d: %s", #r, result_, fbn_context_error(c));               \
        } while (0)

/* The call failed with this code, and its message has these words. */
#define assert_failed(c, r, error, words)                                                        \
        do {                                                                                     \
                assert_int_equal((r), -(error));                                                 \
                if (!strstr(fbn_context_error(c), (words)))                                      \
                        test_failed("'%s' does not say '%s'", fbn_context_error(c), (words));       \
        } while (0)

#endif
