/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ours: fabric FILE HOST STEPS: read the file, check it, plan that host. Prints what each took. */
#include "bench.h"

#include <time.h>

static double now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = bench_context();
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_findings) findings = NULL;
        FBN_CLEANUP(fbn_plan) plan = NULL;
        double start = now(), loaded, checked_at;
        int errors;

        if (argc != 4)
                usage("fabric FILE HOST STEPS");
        checked(c, fbn_fabric_load_file(c, argv[1], &fabric));
        loaded = now();
        errors = checked(c, fbn_fabric_check(c, fabric, &findings));
        if (errors > 0) {
                fprintf(stderr, "%d errors, the first: %s\n", errors, fbn_findings_at(findings, 0)->what);
                return 1;
        }
        checked_at = now();
        expect_changes(checked(c, fbn_fabric_plan(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = argv[2], .local_only = true), &plan)), argv[3]);
        printf("load %.3f check %.3f plan %.3f\n", loaded - start, checked_at - loaded, now() - checked_at);
        return 0;
}
