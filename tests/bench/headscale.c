/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ours: headscale PORT users|nodes CALLS: so many calls to a server on 127.0.0.1. */
#include "bench.h"

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = bench_context();
        FBN_CLEANUP(fbn_secret) key = NULL;
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        char url[64];

        if (argc != 4)
                usage("headscale PORT users|nodes CALLS");
        snprintf(url, sizeof(url), "http://127.0.0.1:%s", argv[1]);
        checked(c, fbn_secret_new(c, "key", 3, &key));
        checked(c, fbn_headscale_new(c, FBN_OPTIONS(fbn_headscale_options, .url = url, .api_key = key), &headscale));
        for (int i = atoi(argv[3]); i > 0; i--) {
                FBN_CLEANUP(fbn_headscale_users) users = NULL;
                FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;

                if (strcmp(argv[2], "users") == 0)
                        checked(c, fbn_headscale_user_list(c, headscale, &users));
                else
                        checked(c, fbn_headscale_node_list(c, headscale, &nodes));
                if (fbn_headscale_users_count(users) + fbn_headscale_nodes_count(nodes) == 0)
                        return 1;
        }
        return 0;
}
