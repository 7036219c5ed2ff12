/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The nodes of a Headscale server, with the routes that they offer, may offer, and carry now.
 *
 * usage: headscale_nodes URL API-KEY-FILE [CA-FILE]
 *        headscale_nodes https://headscale.example secrets/headscale-api.key */
#include <fabricnet/fabricnet.h>
#include <stdio.h>

static void print_routes(const char *what, const fbn_prefix *routes, size_t count)
{
        char text[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < count; i++)
                printf("  %s %s\n", what, fbn_prefix_format(&routes[i], text, sizeof(text)));
}

static void print_node(const fbn_headscale_node *node)
{
        char text[FBN_ADDRESS_TEXT];

        printf("%llu %s (%s)", (unsigned long long)node->id, node->given_name, node->user);
        for (size_t i = 0; i < node->n_addresses; i++)
                printf(" %s", fbn_address_format(&node->addresses[i], text, sizeof(text)));
        printf("%s\n", node->online ? "" : " offline");
        print_routes("offers", node->available_routes, node->n_available_routes);
        print_routes("approved", node->approved_routes, node->n_approved_routes);
        print_routes("serving", node->serving_routes, node->n_serving_routes);
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_secret) key = NULL;
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        int r;

        if (argc < 3) {
                fprintf(stderr, "usage: %s URL API-KEY-FILE [CA-FILE]\n", argv[0]);
                return 3;
        }
        r = fbn_context_new(NULL, &c);
        if (r >= 0)
                r = fbn_secret_read_file(c, argv[2], &key);
        if (r >= 0)
                r = fbn_headscale_new(c, FBN_OPTIONS(fbn_headscale_options, .url = argv[1], .api_key = key, .ca_file = argc > 3 ? argv[3] : NULL),
                                      &headscale);
        if (r >= 0)
                r = fbn_headscale_node_list(c, headscale, &nodes);
        if (r < 0) {
                fprintf(stderr, "%s\n", fbn_context_error(c));
                return 1;
        }
        for (size_t i = 0; i < fbn_headscale_nodes_count(nodes); i++)
                print_node(fbn_headscale_nodes_at(nodes, i));
        return 0;
}
