/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ours: headscale PORT users|nodes|each|apply CALLS [KEY-FILE]: so many calls to a server on 127.0.0.1. apply declares what the server has. */
#include "bench.h"

static size_t each_node(fbn_context *c, fbn_headscale *headscale)
{
        FBN_CLEANUP(fbn_headscale_reader) reader = NULL;
        const fbn_headscale_node *node;
        size_t count = 0;

        checked(c, fbn_headscale_reader_new(c, headscale, &reader));
        while (checked(c, fbn_headscale_reader_next(c, reader, &node)) == 1)
                count++;
        return count;
}

/* One list for the declaration, and what apply itself reads; nothing may differ. */
static size_t apply(fbn_context *c, fbn_headscale *headscale)
{
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        fbn_headscale_wanted want = {.size = sizeof(want)};

        checked(c, fbn_headscale_node_list(c, headscale, &nodes));
        want.n_nodes = fbn_headscale_nodes_count(nodes);
        want.nodes = fbn_headscale_nodes_at(nodes, 0);
        if (checked(c, fbn_headscale_apply(c, headscale, &want, NULL, NULL)) != 0)
                exit(1);
        return want.n_nodes;
}

static size_t call(fbn_context *c, fbn_headscale *headscale, const char *what)
{
        FBN_CLEANUP(fbn_headscale_users) users = NULL;
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;

        if (strcmp(what, "each") == 0)
                return each_node(c, headscale);
        if (strcmp(what, "apply") == 0)
                return apply(c, headscale);
        if (strcmp(what, "users") == 0)
                checked(c, fbn_headscale_user_list(c, headscale, &users));
        else
                checked(c, fbn_headscale_node_list(c, headscale, &nodes));
        return fbn_headscale_users_count(users) + fbn_headscale_nodes_count(nodes);
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = bench_context();
        FBN_CLEANUP(fbn_secret) key = NULL;
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        char url[64];

        if (argc != 4 && argc != 5)
                usage("headscale PORT users|nodes|each|apply CALLS [KEY-FILE]");
        snprintf(url, sizeof(url), "http://127.0.0.1:%s", argv[1]);
        if (argc == 5)
                checked(c, fbn_secret_read_file(c, argv[4], &key));
        else
                checked(c, fbn_secret_new(c, "key", 3, &key));
        checked(c, fbn_headscale_new(c, FBN_OPTIONS(fbn_headscale_options, .url = url, .api_key = key, .timeout_ms = 60000), &headscale));
        for (int i = atoi(argv[3]); i > 0; i--)
                if (call(c, headscale, argv[2]) == 0)
                        return 1;
        return 0;
}
