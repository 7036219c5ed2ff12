/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ours: fabric_apply FILE HOST STATE STEPS: make the kernel's part of that host as declared. STEPS: how many that has to take, "some": any but none. */
#include "bench.h"

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = bench_context();
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        fbn_fabric_options options = {.size = sizeof(options), .local_only = true, .unverified = true};
        int steps;

        if (argc != 5)
                usage("fabric_apply FILE HOST STATE STEPS");
        options.host = argv[2];
        options.state_directory = argv[3];
        checked(c, fbn_fabric_load_file(c, argv[1], &fabric));
        steps = checked(c, fbn_fabric_apply(c, fabric, &options, NULL));
        if (strcmp(argv[4], "some") != 0 || steps == 0)
                expect_changes(steps, argv[4]);
        return 0;
}
