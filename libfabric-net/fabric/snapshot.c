/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/snapshot.h"
#include "fabric/desired.h"
#include "fabric/originals.h"

#include <errno.h>

static bool is_ours(const fbn_link *link, const json_t *adopted)
{
        for (size_t i = 0; i < json_array_size(adopted); i++)
                if (streq(json_string_value(json_array_get(adopted, i)), link->name))
                        return true;
        return link->alias && strncmp(link->alias, "fabricnet:", 10) == 0;
}

bool wireguard_is_gone(const fbn_context *c, int r)
{
        return r == -FBN_ENOENT || (r == -FBN_EUNAVAILABLE && c->error.os_errno == ECONNREFUSED);
}

/* A link of a kind that may be WireGuard's and is none, or one whose daemon died, has no configuration that could be read. */
static int take_wireguard(fbn_context *c, const fbn_link *link, fbn_wireguard **ret_wireguard)
{
        struct error_record before = c->error;
        int r;

        if (!link->kind || (!streq(link->kind, "wireguard") && !streq(link->kind, "tun")))
                return 0;
        r = fbn_wireguard_get(c, link->name, ret_wireguard);
        if (r == 0 || !wireguard_is_gone(c, r))
                return r;
        c->error = before;
        return 0;
}

static int take_links(fbn_context *c, const json_t *adopted, struct snapshot *snapshot)
{
        int r = fbn_link_list(c, NULL, &snapshot->held);

        if (r < 0)
                return r;
        snapshot->links = arena_alloc(&snapshot->arena, fbn_links_count(snapshot->held) * sizeof(*snapshot->links));
        snapshot->wireguard = arena_alloc(&snapshot->arena, fbn_links_count(snapshot->held) * sizeof(fbn_wireguard *));
        if (!snapshot->links || !snapshot->wireguard)
                return fail_memory(c);
        for (size_t i = 0; r == 0 && i < fbn_links_count(snapshot->held); i++) {
                const fbn_link *link = fbn_links_at(snapshot->held, i);

                if (!is_ours(link, adopted))
                        continue;
                snapshot->links[snapshot->n_links] = *link;
                r = take_wireguard(c, link, &snapshot->wireguard[snapshot->n_links++]);
        }
        return r;
}

static int take_addresses(fbn_context *c, struct snapshot *snapshot)
{
        FBN_CLEANUP(fbn_link_addresses) all = NULL;
        int r = fbn_link_address_list(c, NULL, &all);

        if (r == 0)
                r = fbn_link_addresses_new(c, &snapshot->addresses);
        for (size_t i = 0; r == 0 && i < fbn_link_addresses_count(all); i++) {
                fbn_link_address address = *fbn_link_addresses_at(all, i);

                if (address.protocol != FBN_PROTOCOL)
                        continue;
                address.tentative = address.dad_failed = address.secondary = false;
                address.valid = address.preferred = 0;
                r = fbn_link_addresses_add(c, snapshot->addresses, &address);
        }
        return r;
}

/* Routes of the kernel's own come and go with addresses. Source: linux/rtnetlink.h, RTPROT_KERNEL. */
static int take_strangers(fbn_context *c, struct snapshot *snapshot, const char *device)
{
        FBN_CLEANUP(fbn_routes) routes = NULL;
        int r = fbn_route_list(c, FBN_OPTIONS(fbn_route_filter, .device = device), &routes);

        for (size_t i = 0; r == 0 && i < fbn_routes_count(routes); i++) {
                const fbn_route *route = fbn_routes_at(routes, i);

                if (!route)
                        return fail_memory(c);
                if (route->protocol != FBN_PROTOCOL && route->protocol != 2 && route->type == FBN_ROUTE_UNICAST)
                        r = fbn_routes_add(c, snapshot->strangers, route);
        }
        return r == -FBN_ENOENT ? 0 : r;
}

static int take_routes(fbn_context *c, struct snapshot *snapshot)
{
        int r = fbn_route_list(c, FBN_OPTIONS(fbn_route_filter, .protocol = FBN_PROTOCOL), &snapshot->routes);

        if (r == 0)
                r = fbn_routes_new(c, &snapshot->strangers);
        for (size_t i = 0; r == 0 && i < snapshot->n_links; i++)
                r = take_strangers(c, snapshot, snapshot->links[i].name);
        return r;
}

static int take_rules(fbn_context *c, struct snapshot *snapshot)
{
        FBN_CLEANUP(fbn_rules) all = NULL;
        int r = fbn_rule_list(c, 0, &all);

        if (r == 0)
                r = fbn_rules_new(c, &snapshot->rules);
        for (size_t i = 0; r == 0 && i < fbn_rules_count(all); i++)
                if (fbn_rules_at(all, i)->protocol == FBN_PROTOCOL)
                        r = fbn_rules_add(c, snapshot->rules, fbn_rules_at(all, i));
        return r;
}

static int take_nat(fbn_context *c, struct snapshot *snapshot)
{
        struct error_record before = c->error;
        int r = fbn_nat_get(c, &snapshot->nat);

        if (r == -FBN_ENOENT || r == -FBN_EUNSUPPORTED)
                c->error = before;
        if (r == -FBN_ENOENT)
                return fbn_nat_new(c, &snapshot->nat);
        return r == -FBN_EUNSUPPORTED ? 0 : r;
}

int sysctls_present(fbn_context *c, const fbn_sysctls *sysctls, fbn_sysctls **ret_present)
{
        FBN_CLEANUP(fbn_sysctls) present = NULL;
        int r = fbn_sysctls_new(c, &present);

        for (size_t i = 0; r == 0 && i < fbn_sysctls_count(sysctls); i++) {
                struct error_record before = c->error;
                int64_t value;

                r = fbn_sysctl_get(c, fbn_sysctls_at(sysctls, i)->key, &value);
                if (r == 0)
                        r = fbn_sysctls_add(c, present, fbn_sysctls_at(sysctls, i));
                else if (r == -FBN_ENOENT) {
                        c->error = before;
                        r = 0;
                }
        }
        if (r == 0)
                *ret_present = TAKE_PTR(present);
        return r;
}

/* A link that goes and comes back is born with the default. */
static int add_filters(fbn_context *c, const struct snapshot *snapshot, fbn_sysctls *sysctls)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < snapshot->n_links; i++) {
                char key[64];

                desired_rp_filter_key(snapshot->links[i].name, key, sizeof(key));
                if (!sysctls_have(sysctls, key))
                        r = fbn_sysctls_add(c, sysctls, FBN_OPTIONS(fbn_sysctl, .key = key));
        }
        return r;
}

static int take_sysctls(fbn_context *c, const fbn_sysctls *sysctls, struct snapshot *snapshot)
{
        FBN_CLEANUP(fbn_sysctls) present = NULL;
        int r = sysctls_present(c, sysctls, &present);

        if (r == 0)
                r = add_filters(c, snapshot, present);
        return r < 0 ? r : fbn_sysctl_snapshot(c, present, &snapshot->sysctls);
}

/* Another namespace's resolver is not to be seen from here. */
static int take_names(fbn_context *c, struct snapshot *snapshot)
{
        int r = c->netns >= 0 ? 1 : fbn_dns_host_apply(c, NULL, FBN_OPTIONS(fbn_dns_host_options, .dry_run = true), NULL);

        snapshot->names = r > 0;
        return MIN(r, 0);
}

int snapshot_take(fbn_context *c, const fbn_sysctls *sysctls, const json_t *adopted, struct snapshot *snapshot)
{
        int r;

        r = take_links(c, adopted, snapshot);
        if (r == 0)
                r = take_addresses(c, snapshot);
        if (r == 0)
                r = take_routes(c, snapshot);
        if (r == 0)
                r = take_rules(c, snapshot);
        if (r == 0)
                r = take_nat(c, snapshot);
        if (r == 0)
                r = take_names(c, snapshot);
        if (r == 0)
                r = host_files_take(c, &snapshot->arena, &snapshot->files);
        return r < 0 ? r : take_sysctls(c, sysctls, snapshot);
}

void snapshot_clear(struct snapshot *snapshot)
{
        for (size_t i = 0; i < snapshot->n_links; i++)
                fbn_wireguard_unref(snapshot->wireguard[i]);
        fbn_link_addresses_unref(snapshot->addresses);
        fbn_routes_unref(snapshot->routes);
        fbn_routes_unref(snapshot->strangers);
        fbn_rules_unref(snapshot->rules);
        fbn_nat_unref(snapshot->nat);
        fbn_sysctls_unref(snapshot->sysctls);
        fbn_links_unref(snapshot->held);
        json_decref(snapshot->json);
        arena_free(&snapshot->arena);
        *snapshot = (struct snapshot){0};
}
