/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/status.h"

#include <fabricnet/tailscale.h>
#include <stdio.h>

static void add_metrics(fbn_fabric_status *status, const fbn_tailscale_node *peer)
{
        char address[FBN_ADDRESS_TEXT];
        const char *at = fbn_address_format(peer->n_addresses ? &peer->addresses[0] : NULL, address, sizeof(address));

        metric_add(status, METRIC_TAILSCALE_ONLINE, peer->online, "peer", peer->host_name, "address", at, NULL);
        metric_add(status, METRIC_TAILSCALE_SENT, (double)peer->sent, "peer", peer->host_name, "address", at, NULL);
        metric_add(status, METRIC_TAILSCALE_RECEIVED, (double)peer->received, "peer", peer->host_name, "address", at, NULL);
}

static int observe_peers(struct observation *o, const fbn_tailscale_status *status)
{
        size_t online = 0, direct = 0;
        char text[96];

        for (size_t i = 0; i < fbn_tailscale_status_count(status); i++) {
                const fbn_tailscale_node *peer = fbn_tailscale_status_at(status, i);

                online += peer->online;
                direct += peer->endpoint && *peer->endpoint;
                add_metrics(o->status, peer);
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
        metric_add(o->status, METRIC_TAILSCALE_RUNNING, r == 0 && streq(fbn_tailscale_status_state(status)->state, "Running"), NULL);
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
