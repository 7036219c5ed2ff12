/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/names.h"
#include "fabric/run.h"

#include <stdio.h>

/* The host's own resolver is told the declared zones. What leads over the mesh is told once the mesh is there. */

static const fbn_endpoint stub_address = {.address = {AF_INET, {127, 0, 0, 1}}, .port = 53};

/* Those that have words for single names. */
static bool has_records(const struct host *host)
{
        return host->resolver == RESOLVER_STUB || host->resolver == RESOLVER_UNBOUND || host->resolver == RESOLVER_DNSMASQ;
}

static bool is_over_mesh(const fbn_fabric *fabric, const struct host *host)
{
        struct asking asking;

        for (size_t i = 0; i < fabric->n_zones; i++)
                if (fabric->zones[i].at != host && host_asks(fabric, host, fabric->zones[i].at, &asking) && asking.via == VIA_MESH)
                        return true;
        return host->node && fabric->mesh.n_splits > 0;
}

static const char *device_of(const fbn_fabric *fabric, const struct host *host)
{
        struct asking asking;

        for (size_t i = 0; i < fabric->n_zones; i++)
                if (fabric->zones[i].at != host && host_asks(fabric, host, fabric->zones[i].at, &asking))
                        return asking.device;
        return is_over_mesh(fabric, host) ? "tailscale0" : NULL;
}

/* systemd-resolved by its links knows no stub of the host: resolv.conf leads to that. */
static int choose(fbn_context *c, const struct host *declared, fbn_dns_host_options *options)
{
        static const fbn_dns_manager managers[] = {
                [RESOLVER_RESOLVED] = FBN_DNS_MANAGER_RESOLVED, [RESOLVER_RESOLVCONF] = FBN_DNS_MANAGER_RESOLVCONF, [RESOLVER_DNSMASQ] = FBN_DNS_MANAGER_DNSMASQ,
                [RESOLVER_UNBOUND] = FBN_DNS_MANAGER_UNBOUND, [RESOLVER_STUB] = 0};
        FBN_CLEANUP(fbn_dns_host) host = NULL;
        int r;

        options->manager = managers[declared->resolver];
        if (declared->resolver == RESOLVER_STUB)
                options->stub = stub_address;
        r = options->manager ? 0 : fbn_dns_host_get(c, options, &host);
        if (r < 0 || !host)
                return r;
        options->manager = fbn_dns_host_state_get(host)->manager;
        if (declared->resolver == RESOLVER_STUB && options->manager == FBN_DNS_MANAGER_RESOLVED)
                options->manager = FBN_DNS_MANAGER_FILE;
        return 0;
}

static int prepare(fbn_context *c, const fbn_fabric *fabric, const struct host *host, fbn_dns_host_options *options, fbn_dns_routes **ret_routes)
{
        int r = names_routes(c, fabric, host, has_records(host), ret_routes);

        options->device = device_of(fabric, host);
        return r < 0 ? r : choose(c, host, options);
}

static int add_causes(struct run *run, const fbn_changes *changes)
{
        for (size_t i = 0; i < fbn_changes_count(changes); i++) {
                const fbn_change *change = fbn_changes_at(changes, i);
                const bool whole = change->before && strchr(change->before, '\n'); /* a file, not a value */
                fbn_plan_step step = {.domain = "dns", .kind = change->kind, .object = change->object, .field = whole ? NULL : change->field,
                                      .before = whole ? NULL : change->before,
                                      .after = change->after && strchr(change->after, '\n') ? NULL : change->after, .pointer = run->desired->host->pointer};
                int r;

                step.reason = change->kind == FBN_CHANGE_DELETE ? "no zones are told here" : "the declared zones";
                r = plan_add(run->c, run->plan, &step);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int apply(struct run *run, const fbn_dns_routes *routes, const fbn_dns_host_options *options)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r = fbn_dns_host_apply(run->c, routes, options, &changes);

        return r < 0 ? r : add_causes(run, changes);
}

static int tell(struct run *run)
{
        fbn_dns_host_options options = {.size = sizeof(options)};
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        int r = prepare(run->c, run->fabric, run->desired->host, &options, &routes);

        options.dry_run = run->dry_run;
        if (r == 0)
                r = run_read_links(run);
        if (r < 0)
                return r;
        if (run->dry_run && options.device && !run_has_link(run, options.device) && options.manager == FBN_DNS_MANAGER_RESOLVED)
                return run_add(run, "dns", FBN_CHANGE_CREATE, options.device, NULL, NULL, "the declared zones"); /* a link that is yet to come */
        return apply(run, routes, &options);
}

/* Nothing declared: what we told before is taken back. Another namespace's host has files that cannot be seen from here. */
static int take_back(struct run *run)
{
        return run->c->netns >= 0 ? 0 : apply(run, NULL, FBN_OPTIONS(fbn_dns_host_options, .dry_run = run->dry_run));
}

int run_names_stage(struct run *run)
{
        if (!host_is_told_names(run->desired->host))
                return take_back(run);
        return is_over_mesh(run->fabric, run->desired->host) ? 0 : tell(run);
}

int run_mesh_names_stage(struct run *run)
{
        return host_is_told_names(run->desired->host) && is_over_mesh(run->fabric, run->desired->host) ? tell(run) : 0;
}

int fbn_fabric_dns_keep(fbn_context *c, const fbn_fabric *fabric, const char *name, fbn_monitor **ret_monitor)
{
        fbn_dns_host_options options = {.size = sizeof(options)};
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        const struct host *host;
        int r = fabric_find_host(c, fabric, name, &host);

        if (r < 0)
                return r;
        if (!host_is_told_names(host))
                return fail(c, FBN_ENOENT, "%s: nobody is told names here by us: \"resolver\" says who is", host->pointer);
        r = prepare(c, fabric, host, &options, &routes);
        return r < 0 ? r : fbn_dns_host_monitor_new(c, routes, &options, ret_monitor);
}
