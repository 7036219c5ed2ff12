/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/status.h"

#include <fabricnet/tailscale.h>
#include <stdio.h>

static int observe_peers(struct observation *o, const fbn_tailscale_status *status)
{
        size_t online = 0, direct = 0;
        char text[96];

        for (size_t i = 0; i < fbn_tailscale_status_count(status); i++) {
                const fbn_tailscale_node *peer = fbn_tailscale_status_at(status, i);

                online += peer->online;
                direct += peer->endpoint && *peer->endpoint;
        }
        snprintf(text, sizeof(text), "%zu of %zu online, %zu on a direct path", online, fbn_tailscale_status_count(status), direct);
        return status_add(o, "tailscale", "peers", FBN_HEALTH_OK, text);
}

int observe_tailscale(struct observation *o)
{
        const fbn_tailscale_options options = {.size = sizeof(options), .socket = o->run.options.tailscale_socket};
        FBN_CLEANUP(fbn_tailscale_status) status = NULL;
        const fbn_tailscale_state *state;
        char text[128], address[FBN_ADDRESS_TEXT];
        int r;

        r = fbn_tailscale_status_get(o->run.c, &options, &status);
        if (r < 0)
                return r == -FBN_ENOMEM ? r : status_add(o, "tailscale", "tailscaled", FBN_HEALTH_DOWN, fbn_context_error(o->run.c));
        state = fbn_tailscale_status_state(status);
        snprintf(text, sizeof(text), "%s%s%s", state->state, state->self.n_addresses ? ", " : "",
                 fbn_address_format(state->self.n_addresses ? &state->self.addresses[0] : NULL, address, sizeof(address)));
        r = status_add(o, "tailscale", "tailscaled", streq(state->state, "Running") ? FBN_HEALTH_OK : FBN_HEALTH_DOWN, text);
        for (size_t i = 0; r == 0 && i < state->n_health; i++)
                r = status_add(o, "tailscale", "health", FBN_HEALTH_WARNING, state->health[i]);
        return r < 0 ? r : observe_peers(o, status);
}
