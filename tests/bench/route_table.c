/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ours against ip(8): route_table TABLE COUNT: read one table, in which so many routes are. */
#include "bench.h"

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = bench_context();
        FBN_CLEANUP(fbn_routes) routes = NULL;

        if (argc != 3)
                usage("route_table TABLE COUNT");
        checked(c, fbn_route_list(c, FBN_OPTIONS(fbn_route_filter, .table = (uint32_t)atoi(argv[1])), &routes));
        expect_changes((int)fbn_routes_count(routes), argv[2]);
        return 0;
}
