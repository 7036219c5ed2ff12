/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "base/text.h"
#include "fabric/run.h"

#include <fabricnet/tailscale.h>
#include <stdio.h>

/* What the file asks of this host's tailscaled. */
struct wanted {
        fbn_tailscale_prefs prefs;
        fbn_prefix *routes;
};

static fbn_tailscale_options options_of(const struct run *run)
{
        return (fbn_tailscale_options){.size = sizeof(fbn_tailscale_options), .socket = run->options.tailscale_socket};
}

static int want(struct run *run, struct wanted *wanted)
{
        const struct node *node = run->desired->host->node;

        wanted->routes = arena_alloc(&run->desired->arena, node->n_advertises * sizeof(*wanted->routes));
        if (!wanted->routes)
                return fail_memory(run->c);
        for (size_t i = 0; i < node->n_advertises; i++)
                wanted->routes[i] = node->advertises[i]->prefix;
        wanted->prefs = (fbn_tailscale_prefs){
                .size = sizeof(wanted->prefs),
                .set = FBN_TAILSCALE_SET_LOGIN_SERVER | FBN_TAILSCALE_SET_HOST_NAME | FBN_TAILSCALE_SET_ACCEPT_ROUTES |
                       FBN_TAILSCALE_SET_ACCEPT_DNS | FBN_TAILSCALE_SET_ADVERTISE_ROUTES | FBN_TAILSCALE_SET_WANT_RUNNING |
                       (node->n_tags ? FBN_TAILSCALE_SET_ADVERTISE_TAGS : 0u),
                .login_server = run->fabric->mesh.url,
                .host_name = node->host->name,
                .accept_routes = node->accepts_routes,
                .accept_dns = node->accepts_dns,
                .want_running = true,
                .advertise_routes = wanted->routes,
                .n_advertise_routes = node->n_advertises,
                .advertise_tags = node->tags,
                .n_advertise_tags = node->n_tags,
        };
        return 0;
}

static int add(struct run *run, fbn_change_kind kind, const char *field, const char *before, const char *after)
{
        const fbn_plan_step step = {.domain = "tailscale", .kind = kind, .object = "tailscaled", .field = field, .before = before, .after = after,
                                    .reason = "the host is a node of the mesh", .pointer = run->desired->host->node->pointer};

        return plan_add(run->c, run->plan, &step);
}

static int differ_flag(struct run *run, const char *field, bool have, bool wanted)
{
        return have == wanted ? 0 : add(run, FBN_CHANGE_UPDATE, field, have ? "true" : "false", wanted ? "true" : "false");
}

static int differ_text(struct run *run, const char *field, const char *have, const char *wanted)
{
        return have && streq(have, wanted) ? 0 : add(run, FBN_CHANGE_UPDATE, field, have, wanted);
}

static bool has_route(const fbn_prefix *list, size_t n, const fbn_prefix *prefix)
{
        for (size_t i = 0; i < n; i++)
                if (prefix_equal(&list[i], prefix))
                        return true;
        return false;
}

static int differ_routes(struct run *run, const fbn_tailscale_prefs *have, const fbn_tailscale_prefs *wanted)
{
        _cleanup_(text_free) struct text before = {0};
        _cleanup_(text_free) struct text after = {0};
        char buffer[FBN_ADDRESS_TEXT];
        bool same = have->n_advertise_routes == wanted->n_advertise_routes;

        for (size_t i = 0; i < have->n_advertise_routes; i++)
                text_add(&before, "%s%s", i ? ", " : "", fbn_prefix_format(&have->advertise_routes[i], buffer, sizeof(buffer)));
        for (size_t i = 0; i < wanted->n_advertise_routes; i++) {
                text_add(&after, "%s%s", i ? ", " : "", fbn_prefix_format(&wanted->advertise_routes[i], buffer, sizeof(buffer)));
                same = same && has_route(have->advertise_routes, have->n_advertise_routes, &wanted->advertise_routes[i]);
        }
        if (before.failed || after.failed)
                return fail_memory(run->c);
        return same ? 0 : add(run, FBN_CHANGE_UPDATE, "advertised routes", before.bytes, after.bytes);
}

static bool has_tag(const fbn_tailscale_prefs *have, const char *tag)
{
        for (size_t i = 0; i < have->n_advertise_tags; i++)
                if (streq(have->advertise_tags[i], tag))
                        return true;
        return false;
}

static int differ_tags(struct run *run, const fbn_tailscale_prefs *have, const fbn_tailscale_prefs *wanted)
{
        bool same = have->n_advertise_tags == wanted->n_advertise_tags;

        for (size_t i = 0; i < wanted->n_advertise_tags; i++)
                same = same && has_tag(have, wanted->advertise_tags[i]);
        return same || !wanted->n_advertise_tags ? 0 : add(run, FBN_CHANGE_UPDATE, "tags", NULL, wanted->advertise_tags[0]);
}

/* What fbn_tailscale_apply() would patch. */
static int plan_prefs(struct run *run, const fbn_tailscale_options *options, const fbn_tailscale_prefs *wanted)
{
        FBN_CLEANUP(fbn_tailscale_settings) settings = NULL;
        const fbn_tailscale_prefs *have;
        int r;

        r = fbn_tailscale_settings_get(run->c, options, &settings);
        if (r < 0)
                return r;
        have = fbn_tailscale_settings_prefs(settings);
        r = differ_text(run, "host name", have->host_name, wanted->host_name);
        if (r == 0)
                r = differ_flag(run, "accepts routes", have->accept_routes, wanted->accept_routes);
        if (r == 0)
                r = differ_flag(run, "accepts DNS", have->accept_dns, wanted->accept_dns);
        if (r == 0)
                r = differ_routes(run, have, wanted);
        return r < 0 ? r : differ_tags(run, have, wanted);
}

/* Whether it is a node of this mesh already and runs. */
static int is_enrolled(struct run *run, const fbn_tailscale_options *options, const char **ret_state, bool *ret_enrolled)
{
        FBN_CLEANUP(fbn_tailscale_settings) settings = NULL;
        FBN_CLEANUP(fbn_tailscale_status) status = NULL;
        const char *state, *server;
        int r;

        r = fbn_tailscale_status_get(run->c, options, &status);
        if (r == 0)
                r = fbn_tailscale_settings_get(run->c, options, &settings);
        if (r < 0)
                return r;
        state = arena_strdup(&run->desired->arena, fbn_tailscale_status_state(status)->state);
        if (!state)
                return fail_memory(run->c);
        server = fbn_tailscale_settings_prefs(settings)->login_server;
        *ret_state = state;
        *ret_enrolled = streq(state, "Running") && server && streq(server, run->fabric->mesh.url);
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
        if (r < 0)
                return r;
        self = &fbn_tailscale_status_state(status)->self;
        for (size_t i = 0; i < self->n_addresses; i++)
                if (address_compare(&self->addresses[i], &node->address) == 0)
                        return 0;
        return fail(run->c, FBN_ECONFLICT,
                    "%s: Headscale gave '%s' the address %s, declared is %s; addresses come in the order of enrolment: delete the node and those "
                    "behind it ('fabricnet headscale nodes'), and enrol them in the declared order",
                    node->pointer, node->host->name, self->n_addresses ? fbn_address_format(&self->addresses[0], given, sizeof(given)) : "no address",
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

static int enrol(struct run *run, const fbn_tailscale_options *options, const fbn_tailscale_prefs *wanted)
{
        FBN_CLEANUP(fbn_secret) auth_key = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r = 0;

        if (run->options.auth_key_file)
                r = fbn_secret_read_file(run->c, run->options.auth_key_file, &auth_key);
        if (r == 0)
                r = fbn_tailscale_enrol(run->c, options, wanted, auth_key, &changes);
        if (r == 0 || r > 0)
                r = take_tailscale_changes(run, changes);
        return r < 0 ? r : check_address(run, options);
}

static int apply(struct run *run, const fbn_tailscale_options *options, const fbn_tailscale_prefs *wanted)
{
        fbn_tailscale_prefs mine = *wanted;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r;

        mine.set &= ~(uint32_t)FBN_TAILSCALE_SET_LOGIN_SERVER;
        r = fbn_tailscale_apply(run->c, options, &mine, &changes);
        return r < 0 ? r : take_tailscale_changes(run, changes);
}

static int take(struct run *run)
{
        const fbn_tailscale_options options = options_of(run);
        struct wanted wanted = {0};
        const char *state = "";
        bool enrolled = false;
        int r;

        r = want(run, &wanted);
        if (r == 0)
                r = is_enrolled(run, &options, &state, &enrolled);
        if (r < 0)
                return r;
        if (enrolled && run->dry_run)
                r = plan_prefs(run, &options, &wanted.prefs);
        else if (enrolled)
                r = apply(run, &options, &wanted.prefs);
        else if (run->dry_run)
                return add(run, FBN_CHANGE_CREATE, "enrolment", state, "Running");
        else
                return enrol(run, &options, &wanted.prefs);
        return r < 0 ? r : check_address(run, &options);
}

int run_tailscale_stage(struct run *run)
{
        return run->desired->host->node ? fail_in(run->c, take(run), "tailscale") : 0;
}
