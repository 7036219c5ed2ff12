/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "fabric/remote.h"
#include "fabric/run.h"

#include <fabricnet/tailscale.h>

/* What the file asks of this host's tailscaled. */
static int want(struct run *run, fbn_tailscale_prefs *wanted)
{
        const struct node *node = run->desired->host->node;
        fbn_prefix *routes = arena_alloc(&run->desired->arena, node->n_advertises * sizeof(*routes));

        if (!routes)
                return fail_memory(run->c);
        for (size_t i = 0; i < node->n_advertises; i++)
                routes[i] = node->advertises[i]->prefix;
        *wanted = (fbn_tailscale_prefs){
                .size = sizeof(*wanted),
                .set = FBN_TAILSCALE_SET_LOGIN_SERVER | FBN_TAILSCALE_SET_HOST_NAME | FBN_TAILSCALE_SET_ACCEPT_ROUTES |
                       FBN_TAILSCALE_SET_ACCEPT_DNS | FBN_TAILSCALE_SET_ADVERTISE_ROUTES | FBN_TAILSCALE_SET_WANT_RUNNING |
                       (node->n_tags ? FBN_TAILSCALE_SET_ADVERTISE_TAGS : 0u),
                .login_server = run->fabric->mesh.url,
                .host_name = node->host->name,
                .accept_routes = node->accepts_routes,
                .accept_dns = node->accepts_dns,
                .want_running = true,
                .advertise_routes = routes,
                .n_advertise_routes = node->n_advertises,
                .advertise_tags = node->tags,
                .n_advertise_tags = node->n_tags,
        };
        return 0;
}

/* The server gives addresses in order; what it gave is not to be argued with, so it is said how to come to the declared one. */
static int check_address(struct run *run, const fbn_tailscale_options *options)
{
        FBN_CLEANUP(fbn_tailscale_status) status = NULL;
        const struct node *node = run->desired->host->node;
        char wanted[FBN_ADDRESS_TEXT], given[FBN_ADDRESS_TEXT];
        const fbn_tailscale_node *self;
        int r;

        if (!node->address.family)
                return 0;
        r = fbn_tailscale_status_get(run->c, options, &status);
        if (r < 0 || !streq(fbn_tailscale_status_state(status)->state, "Running"))
                return r;
        self = &fbn_tailscale_status_state(status)->self;
        for (size_t i = 0; i < self->n_addresses; i++)
                if (address_compare(&self->addresses[i], &node->address) == 0)
                        return 0;
        return fail(run->c, FBN_ECONFLICT,
                    "%s: Headscale gave '%s' the address %s, declared is %s; addresses come in the order of enrolment: delete the node and "
                    "those "
                    "behind it ('fabricnet headscale nodes'), and enrol them in the declared order",
                    node->pointer, node->host->name,
                    self->n_addresses ? fbn_address_format(&self->addresses[0], given, sizeof(given)) : "no address",
                    fbn_address_format(&node->address, wanted, sizeof(wanted)));
}

static int take_tailscale_changes(struct run *run, const fbn_changes *changes)
{
        for (size_t i = 0; i < fbn_changes_count(changes); i++) {
                const fbn_change *change = fbn_changes_at(changes, i);
                const fbn_plan_step step = {.domain = "tailscale", .kind = change->kind, .object = change->object, .field = change->field,
                                            .before = change->before, .after = change->after, .reason = "the host is a node of the mesh",
                                            .pointer = run->desired->host->node->pointer};
                int r = plan_add(run->c, run->plan, &step);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* The host with the API key needs nobody to mint a key for it; all others are handed theirs. */
static int own_key(struct run *run, const fbn_tailscale_options *options)
{
        FBN_CLEANUP(fbn_tailscale_status) status = NULL;
        int r;

        if (run->dry_run || run->auth_key || !host_is_headscale(run))
                return 0;
        r = fbn_tailscale_status_get(run->c, options, &status);
        if (r < 0 || streq(fbn_tailscale_status_state(status)->state, "Running"))
                return r;
        r = mesh_connect(run);
        return r < 0 ? r : fbn_fabric_mint(run->c, run->fabric, run->headscale, run->desired->host->name, &run->auth_key);
}

static int intend(struct run *run, const fbn_tailscale_options *options, const fbn_tailscale_prefs *wanted)
{
        FBN_CLEANUP(fbn_tailscale_status) status = NULL;
        FBN_CLEANUP(fbn_tailscale_settings) settings = NULL;
        const fbn_tailscale_state *state;
        int r = fbn_tailscale_status_get(run->c, options, &status);

        if (r == 0)
                r = fbn_tailscale_settings_get(run->c, options, &settings);
        if (r < 0)
                return r;
        state = fbn_tailscale_status_state(status);
        return remote_intend(run, &(struct remote_step){.kind = "tailscale", .object = "preferences",
                                                        .was = remote_preferences(fbn_tailscale_settings_prefs(settings), wanted->set,
                                                                                  state->have_node_key && !streq(state->state, "NeedsLogin")),
                                                        .is = remote_preferences(wanted, wanted->set, true)});
}

static int take(struct run *run)
{
        const fbn_tailscale_options options = {.size = sizeof(options), .socket = run->options.tailscale_socket, .dry_run = run->dry_run};
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_tailscale_prefs wanted;
        int r;

        r = want(run, &wanted);
        if (r == 0 && run->attempt && !run->dry_run)
                r = intend(run, &options, &wanted);
        if (r == 0)
                r = own_key(run, &options);
        if (r == 0)
                r = fbn_tailscale_enrol(run->c, &options, &wanted, run->auth_key, &changes);
        if (r >= 0)
                r = take_tailscale_changes(run, changes);
        return r < 0 ? r : check_address(run, &options);
}

int run_tailscale_stage(struct run *run)
{
        return run->desired->host->node ? fail_in(run->c, take(run), "tailscale") : 0;
}
