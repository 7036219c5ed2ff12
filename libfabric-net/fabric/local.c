/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/run.h"
#include "fabric/snapshot.h"

#include <stdio.h>

/* The kernel's part of a host: each stage is one domain's apply, by difference. What is on a link that a dry run has not made yet is
 * all to be created; that is said here, for there is nothing to compare with. */

/* With those that are no longer declared, as they were before they first were. */
static int sysctls_of_host(struct run *run)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        FBN_CLEANUP(fbn_sysctls) want = NULL;
        FBN_CLEANUP(fbn_sysctls) left = NULL;
        int r = fbn_sysctls_new(run->c, &want);

        if (r == 0 && run->left)
                r = sysctls_present(run->c, run->left, &left);
        for (size_t i = 0; r == 0 && i < fbn_sysctls_count(run->desired->sysctls); i++)
                r = fbn_sysctls_add(run->c, want, fbn_sysctls_at(run->desired->sysctls, i));
        for (size_t i = 0; r == 0 && i < fbn_sysctls_count(left); i++)
                r = fbn_sysctls_add(run->c, want, fbn_sysctls_at(left, i));
        if (r == 0)
                r = fbn_sysctl_apply(run->c, want, FBN_OPTIONS(fbn_sysctl_apply_options, .dry_run = run->dry_run), &changes);
        return r < 0 ? r : run_take_changes(run, "sysctl", "/hosts", changes);
}

static int devices_present(struct run *run)
{
        for (size_t i = 0; i < run->desired->n_devices; i++) {
                const struct desired_device *device = &run->desired->devices[i];

                if (!device->made && !run_has_link(run, device->name))
                        return fail(run->c, FBN_ENOENT, "%s: this host has no interface '%s'; 'ip link' shows the names", device->pointer,
                                    device->name);
        }
        return 0;
}

/* A link that is yet to come will be born with the default, which is set before it. */
static int add_filter(struct run *run, fbn_sysctls *sysctls, const char *device)
{
        char key[64];

        if (!run_has_link(run, device))
                return 0;
        desired_rp_filter_key(device, key, sizeof(key));
        return fbn_sysctls_add(run->c, sysctls, FBN_OPTIONS(fbn_sysctl, .key = key, .value = run->desired->host->rp_filter));
}

static int sysctls_of_devices(struct run *run)
{
        FBN_CLEANUP(fbn_sysctls) sysctls = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r;

        r = devices_present(run);
        if (r == 0)
                r = fbn_sysctls_new(run->c, &sysctls);
        for (size_t i = 0; r == 0 && i < run->desired->n_devices; i++)
                r = add_filter(run, sysctls, run->desired->devices[i].name);
        if (r == 0)
                r = fbn_sysctl_apply(run->c, sysctls, FBN_OPTIONS(fbn_sysctl_apply_options, .dry_run = run->dry_run), &changes);
        return r < 0 ? r : run_take_changes(run, "sysctl", "/hosts", changes);
}

static int apply_addresses(struct run *run, const char *device, const fbn_link_addresses *want)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r;

        r = fbn_link_address_apply(run->c, device, want, FBN_OPTIONS(fbn_link_address_apply_options, .dry_run = run->dry_run), &changes);
        return r < 0 ? r : run_take_changes(run, "address", "/wireguard", changes);
}

static int add_new_address(struct run *run, const char *device, const fbn_prefix *address)
{
        char object[96], text[FBN_ADDRESS_TEXT];

        fbn_prefix_format(address, text, sizeof(text));
        snprintf(object, sizeof(object), "%s: address %s", device, text);
        return run_add(run, "address", FBN_CHANGE_CREATE, object, NULL, NULL, text);
}

/* Whether a link goes with the link stage: it carries our mark and is not declared. */
static bool is_orphan(const struct run *run, const char *device)
{
        const fbn_link *link = run_link(run, device);

        return link && link->alias && streq(link->alias, run->desired->alias) && !desired_makes(run->desired, device);
}

/* Our addresses on links that are not ours, or not any more. */
static int remove_stray_addresses(struct run *run)
{
        FBN_CLEANUP(fbn_link_addresses) have = NULL;
        FBN_CLEANUP(fbn_link_addresses) none = NULL;
        const char *last = "";
        int r;

        r = fbn_link_address_list(run->c, NULL, &have);
        if (r == 0)
                r = fbn_link_addresses_new(run->c, &none);
        for (size_t i = 0; r == 0 && i < fbn_link_addresses_count(have); i++) {
                const fbn_link_address *address = fbn_link_addresses_at(have, i);

                if (address->protocol != FBN_PROTOCOL || desired_makes(run->desired, address->device) || streq(address->device, last) ||
                    is_orphan(run, address->device))
                        continue;
                last = address->device;
                r = apply_addresses(run, address->device, none);
        }
        return r;
}

static int make_address(struct run *run, const char *device, const fbn_prefix *address, const fbn_link_addresses *want)
{
        return run_has_link(run, device) ? apply_addresses(run, device, want) : add_new_address(run, device, address);
}

static int addresses(struct run *run)
{
        const struct desired *desired = run->desired;
        int r = 0;

        for (size_t i = 0; r == 0 && i < desired->n_tunnels; i++)
                r = make_address(run, desired->tunnels[i].device, &desired->tunnels[i].address, desired->tunnels[i].addresses);
        for (size_t i = 0; r == 0 && i < desired->n_vlans; i++)
                r = make_address(run, desired->vlans[i].interface->name, &desired->vlans[i].address, desired->vlans[i].addresses);
        return r < 0 ? r : remove_stray_addresses(run);
}

static int add_new_route(struct run *run, const fbn_route *route)
{
        char object[128], after[64], table[24] = "", text[FBN_ADDRESS_TEXT];

        if (route->table)
                snprintf(table, sizeof(table), " table %u", route->table);
        snprintf(object, sizeof(object), "route %s%s", fbn_prefix_format(&route->destination, text, sizeof(text)), table);
        snprintf(after, sizeof(after), "dev %s", route->device);
        return run_add(run, "route", FBN_CHANGE_CREATE, object, NULL, NULL, after);
}

/* Whether somebody else has that very route, through the same link. */
static bool is_foreign(const fbn_routes *all, const fbn_route *route)
{
        for (size_t i = 0; i < fbn_routes_count(all); i++) {
                const fbn_route *have = fbn_routes_at(all, i);

                if (have && have->protocol != FBN_PROTOCOL && have->device && streq(have->device, route->device) &&
                    memcmp(&have->destination, &route->destination, sizeof(route->destination)) == 0 &&
                    (have->table ? have->table : 254) == (route->table ? route->table : 254))
                        return true;
        }
        return false;
}

/* wg-quick's, on a link that becomes ours: replaced in place, so that no packet misses it. */
static int adopt_routes(struct run *run)
{
        FBN_CLEANUP(fbn_routes) all = NULL;
        int r = fbn_route_list(run->c, NULL, &all);

        for (size_t i = 0; r == 0 && i < fbn_routes_count(run->desired->routes); i++) {
                const fbn_route *route = fbn_routes_at(run->desired->routes, i);
                char object[96], text[FBN_ADDRESS_TEXT];

                if (!route)
                        return fail_memory(run->c);
                if (!run_has_link(run, route->device) || !is_foreign(all, route))
                        continue;
                snprintf(object, sizeof(object), "route %s", fbn_prefix_format(&route->destination, text, sizeof(text)));
                if (!run->dry_run)
                        r = fbn_route_replace(run->c, route);
                if (r == 0)
                        r = run_add(run, "route", FBN_CHANGE_UPDATE, object, "owner", "somebody else", "fabricnet");
        }
        return r;
}

static int routes(struct run *run)
{
        FBN_CLEANUP(fbn_routes) others = NULL;
        FBN_CLEANUP(fbn_routes) present = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r;

        r = fbn_routes_new(run->c, &present);
        if (r == 0 && run->options.adopt)
                r = adopt_routes(run);
        if (r == 0 && run->options.adopt && run->dry_run) /* what would be adopted is no conflict */
                r = fbn_route_list(run->c, NULL, &others);
        for (size_t i = 0; r == 0 && i < fbn_routes_count(run->desired->routes); i++) {
                const fbn_route *route = fbn_routes_at(run->desired->routes, i);

                if (!route)
                        return fail_memory(run->c);
                if (others && is_foreign(others, route))
                        continue;
                r = run_has_link(run, route->device) ? fbn_routes_add(run->c, present, route) : add_new_route(run, route);
        }
        if (r == 0)
                r = fbn_route_apply(run->c, present, FBN_OPTIONS(fbn_route_apply_options, .dry_run = run->dry_run), &changes);
        return r < 0 ? r : run_take_changes(run, "route", "/wireguard", changes);
}

static int rules(struct run *run)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r;

        r = fbn_rule_apply(run->c, run->desired->rules, FBN_OPTIONS(fbn_rule_apply_options, .dry_run = run->dry_run), &changes);
        return r < 0 ? r : run_take_changes(run, "rule", "/wireguard", changes);
}

static int nat(struct run *run)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r;

        /* No fabric declares sets: those that stand, bans above all, somebody made by hand. */
        r = fbn_nat_apply(run->c, run->desired->nat, FBN_OPTIONS(fbn_nat_apply_options, .dry_run = run->dry_run, .keep_sets = true), &changes);
        return r < 0 ? r : run_take_changes(run, "nat", "/nat", changes);
}

const struct stage local_stages[] = {
        {"sysctl", sysctls_of_host},
        {"link", run_link_stage},
        {"wireguard", run_wireguard_stage},
        {"address", addresses},
        {"sysctl", sysctls_of_devices},
        {"route", routes},
        {"rule", rules},
        {"nat", nat},
        {"dns", run_names_stage},
        {"services", run_services_stage},
        {"edge", run_edge_stage},
        {0},
};
