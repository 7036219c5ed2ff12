/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FAULT_MEMORY_H
#define FAULT_MEMORY_H

/* Every allocation fails in turn, once: each scenario must answer "out of memory", change nothing, and leak nothing (seen by ASan and
 * valgrind, which run these tests too). Include after unit/test.h. */

#include <stdlib.h>

static size_t countdown; /* 0: never fail */

static void *allocate(size_t bytes)
{
        return countdown && --countdown == 0 ? NULL : malloc(bytes);
}

static void *reallocate(void *memory, size_t bytes)
{
        return countdown && --countdown == 0 ? NULL : realloc(memory, bytes);
}

/* Run the scenario with the first, second, … allocation failing until it gets through. */
static void fail_each(int (*scenario)(fbn_context *c))
{
        int r = -FBN_ENOMEM;
        size_t n;

        for (n = 1; r < 0 && n < 10000; n++) {
                fbn_context *c = NULL;

                countdown = n;
                r = fbn_context_new(NULL, &c);
                if (r == 0)
                        r = scenario(c);
                countdown = 0;
                if (r < 0 && r != -FBN_ENOMEM)
                        test_failed("allocation %zu: %d: %s", n, r, fbn_context_error(c));
                fbn_context_unref(c);
        }
        assert_true(r >= 0);
        assert_true(n > 2); /* something was allocated at all */
}

#define SCENARIO(name)                          \
        static void name##_survive(void **state) \
        {                                       \
                fail_each(name);                \
        }

/* To be called first in main(). */
static inline void memory_tables(void)
{
        fbn_allocator allocator = {sizeof(allocator), allocate, reallocate, free};

        if (fbn_set_tables(&allocator, NULL) < 0)
                exit(1);
}

#endif
