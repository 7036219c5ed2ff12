/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

/* What our small programs share: they use the public headers only, as any caller would. */

#include <fabricnet/fabricnet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* r of the library, or the end of the program with its message. */
static inline int checked(fbn_context *c, int r)
{
        if (r < 0) {
                fprintf(stderr, "%s\n", fbn_context_error(c));
                exit(1);
        }
        return r;
}

static inline fbn_context *bench_context(void)
{
        fbn_context *c;

        checked(NULL, fbn_context_new(NULL, &c));
        return c;
}

/* An apply has to find this many differences, or else it did another work than the one that is measured. */
static inline void expect_changes(int changes, const char *expected)
{
        if (changes == atoi(expected))
                return;
        fprintf(stderr, "%d changes, not %s\n", changes, expected);
        exit(1);
}

static inline _Noreturn void usage(const char *text)
{
        fprintf(stderr, "usage: %s\n", text);
        exit(3);
}

#endif
