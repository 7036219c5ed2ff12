/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* This device and its peers on the mesh, as tailscaled knows them.
 *
 * usage: tailscale_status [SOCKET] */
#include <fabricnet/fabricnet.h>
#include <stdio.h>

static void print_node(const fbn_tailscale_node *node)
{
        char text[FBN_ADDRESS_TEXT];

        printf("%-20s %-16s %s", node->host_name, node->n_addresses ? fbn_address_format(&node->addresses[0], text, sizeof(text)) : "-",
               node->online ? "online" : "offline");
        if (*node->endpoint)
                printf(", direct to %s", node->endpoint);
        for (size_t i = 0; i < node->n_primary_routes; i++)
                printf(", carries %s", fbn_prefix_format(&node->primary_routes[i], text, sizeof(text)));
        printf("\n");
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_tailscale_status) status = NULL;
        const fbn_tailscale_state *state;
        int r;

        r = fbn_context_new(NULL, &c);
        if (r >= 0)
                r = fbn_tailscale_status_get(c, FBN_OPTIONS(fbn_tailscale_options, .socket = argc > 1 ? argv[1] : NULL), &status);
        if (r < 0) {
                fprintf(stderr, "%s\n", fbn_context_error(c));
                return 1;
        }
        state = fbn_tailscale_status_state(status);
        printf("%s, tailscaled %s\n", state->state, state->version);
        for (size_t i = 0; i < state->n_health; i++)
                printf("complaint: %s\n", state->health[i]);
        print_node(&state->self);
        for (size_t i = 0; i < fbn_tailscale_status_count(status); i++)
                print_node(fbn_tailscale_status_at(status, i));
        return 0;
}
