/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/text.h"
#include "fabric/snapshot.h"

#include <stdio.h>

struct restore {
        fbn_context *c;
        const struct snapshot *snapshot;
        struct restore_options options;
        const char *reason;
        fbn_plan *done;
        fbn_links *links; /* as they are now */
};

static int tell(struct restore *restore, const char *domain, fbn_change_kind kind, const char *object, const char *field, const char *before,
                const char *after)
{
        const fbn_plan_step step = {.domain = domain, .kind = kind, .object = object, .field = field, .before = before, .after = after,
                                    .reason = restore->reason, .pointer = ""};

        return plan_add(restore->c, restore->done, &step);
}

static int tell_changes(struct restore *restore, const char *domain, const fbn_changes *changes)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < fbn_changes_count(changes); i++) {
                const fbn_change *change = fbn_changes_at(changes, i);

                r = tell(restore, domain, change->kind, change->object, change->field, change->before, change->after);
        }
        return r;
}

static int read_links(struct restore *restore)
{
        fbn_links_unref(restore->links);
        restore->links = NULL;
        return fbn_link_list(restore->c, NULL, &restore->links);
}

static const fbn_link *link_now(const struct restore *restore, const char *name)
{
        for (size_t i = 0; i < fbn_links_count(restore->links); i++)
                if (streq(fbn_links_at(restore->links, i)->name, name))
                        return fbn_links_at(restore->links, i);
        return NULL;
}

static bool in_snapshot(const struct restore *restore, const char *name)
{
        for (size_t i = 0; i < restore->snapshot->n_links; i++)
                if (streq(restore->snapshot->links[i].name, name))
                        return true;
        return false;
}

static bool is_wireguard(const char *kind)
{
        return kind && (streq(kind, "wireguard") || streq(kind, "tun"));
}

/* Ours by its alias, or one that was about to get it. */
static bool is_ours(const struct restore *restore, const fbn_link *link)
{
        if (link->alias && *link->alias)
                return strncmp(link->alias, "fabricnet:", 10) == 0;
        for (size_t i = 0; i < json_array_size(restore->options.created); i++)
                if (streq(json_string_value(json_array_get(restore->options.created, i)), link->name))
                        return is_wireguard(link->kind) || (link->kind && streq(link->kind, "vlan"));
        return false;
}

/* The daemon of a WireGuard interface that died left a link and a socket. */
static int remove_link(struct restore *restore, const fbn_link *link)
{
        int r = is_wireguard(link->kind) ? fbn_wireguard_delete(restore->c, link->name) : -FBN_ENOENT;

        return r == -FBN_ENOENT || r == -FBN_EUNAVAILABLE ? fbn_link_delete(restore->c, link->name) : r;
}

static int remove_links(struct restore *restore)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < fbn_links_count(restore->links); i++) {
                const fbn_link *link = fbn_links_at(restore->links, i);

                if (!is_ours(restore, link) || in_snapshot(restore, link->name))
                        continue;
                if (!restore->options.dry_run)
                        r = fail_in(restore->c, remove_link(restore, link), "link %s", link->name);
                if (r == 0)
                        r = tell(restore, "link", FBN_CHANGE_DELETE, link->name, NULL, link->kind, NULL);
        }
        return r;
}

static int make_link(struct restore *restore, const fbn_link *link)
{
        fbn_link want = *link;

        if (is_wireguard(link->kind))
                return fbn_wireguard_create(restore->c, link->name, NULL);
        want.alias = want.master = NULL; /* set with the rest */
        want.altnames = NULL;
        want.n_altnames = 0;
        return fbn_link_create(restore->c, &want);
}

/* A daemon that died under its link: another cannot take the link over. */
static bool is_dead(const struct restore *restore, size_t index)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        struct error_record before = restore->c->error;
        bool dead;
        int r;

        if (!restore->snapshot->wireguard[index] || restore->options.dry_run)
                return false;
        r = fbn_wireguard_get(restore->c, restore->snapshot->links[index].name, &have);
        dead = r < 0 && wireguard_is_gone(restore->c, r);
        restore->c->error = before;
        return dead;
}

/* A tag, and what carries it, cannot be changed. */
static bool is_other_vlan(const fbn_link *have, const fbn_link *want)
{
        return want->vlan && (have->vlan != want->vlan || have->vlan_protocol != want->vlan_protocol || !have->parent || !want->parent ||
                              !streq(have->parent, want->parent));
}

static int restore_link(struct restore *restore, size_t index)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_link want = restore->snapshot->links[index];
        const fbn_link *have = link_now(restore, want.name);
        int r = 0;

        if (have && want.alias && strncmp(want.alias, "fabricnet:", 10) == 0 && !is_ours(restore, have))
                return fail(restore->c, FBN_ECONFLICT, "somebody else has a link of that name now; remove or rename it");
        if (have && (is_other_vlan(have, &want) || is_dead(restore, index))) {
                r = restore->options.dry_run ? 0 : remove_link(restore, have);
                have = NULL;
        }
        if (r == 0 && !have) {
                if (!restore->options.dry_run)
                        r = make_link(restore, &want);
                if (r >= 0)
                        r = tell(restore, "link", FBN_CHANGE_CREATE, want.name, NULL, NULL, want.kind);
                if (r < 0 || restore->options.dry_run)
                        return r;
        }
        want.kind = want.parent = NULL;
        want.vlan = want.vlan_protocol = 0;
        want.table = 0;
        want.alias = want.alias ? want.alias : "";
        want.master = want.master ? want.master : "";
        if (r == 0)
                r = fbn_link_apply(restore->c, &want,
                                   FBN_OPTIONS(fbn_link_apply_options, .adopt = true, .dry_run = restore->options.dry_run), &changes);
        return r < 0 ? r : have ? tell_changes(restore, "link", changes) : 0;
}

static int links(struct restore *restore)
{
        int r = read_links(restore);

        if (r == 0)
                r = remove_links(restore);
        for (size_t i = 0; r == 0 && i < restore->snapshot->n_links; i++)
                r = fail_in(restore->c, restore_link(restore, i), "link %s", restore->snapshot->links[i].name);
        return r < 0 || restore->options.dry_run ? r : read_links(restore);
}

static const fbn_wireguard_peer *find_peer(const fbn_wireguard *wireguard, const fbn_key *key)
{
        for (size_t i = 0; i < fbn_wireguard_count(wireguard); i++)
                if (memcmp(&fbn_wireguard_at(wireguard, i)->public_key, key, sizeof(*key)) == 0)
                        return fbn_wireguard_at(wireguard, i);
        return NULL;
}

/* An endpoint can be changed but not taken away. A peer that had none and was given one, and never heard of it since, is made anew. */
static bool got_endpoint(const fbn_wireguard *have, const fbn_wireguard_peer *peer)
{
        const fbn_wireguard_peer *now = peer->endpoint.address.family ? NULL : find_peer(have, &peer->public_key);

        return now && now->endpoint.address.family && !now->last_handshake;
}

static int without_given_endpoints(struct restore *restore, const fbn_wireguard *want, const fbn_wireguard *have, fbn_wireguard **ret_fewer)
{
        FBN_CLEANUP(fbn_wireguard) fewer = NULL;
        size_t left = 0;
        int r = fbn_wireguard_new(restore->c, fbn_wireguard_interface_of(want), &fewer);

        for (size_t i = 0; r == 0 && i < fbn_wireguard_count(want); i++)
                if (got_endpoint(have, fbn_wireguard_at(want, i)))
                        left++;
                else
                        r = fbn_wireguard_add(restore->c, fewer, fbn_wireguard_at(want, i));
        if (r == 0 && left)
                *ret_fewer = TAKE_PTR(fewer);
        return r;
}

static int restore_device(struct restore *restore, const char *name, const fbn_wireguard *want)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        FBN_CLEANUP(fbn_wireguard) fewer = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r = fbn_wireguard_get(restore->c, name, &have);

        if (r == 0 && !restore->options.dry_run)
                r = without_given_endpoints(restore, want, have, &fewer);
        if (r == 0 && fewer)
                r = fbn_wireguard_apply(restore->c, name, fewer, NULL, NULL);
        if (r >= 0)
                r = fbn_wireguard_apply(restore->c, name, want,
                                        FBN_OPTIONS(fbn_wireguard_apply_options, .dry_run = restore->options.dry_run), &changes);
        return r < 0 ? r : tell_changes(restore, "wireguard", changes);
}

static int wireguard(struct restore *restore)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < restore->snapshot->n_links; i++) {
                const char *name = restore->snapshot->links[i].name;

                if (restore->snapshot->wireguard[i] && link_now(restore, name))
                        r = fail_in(restore->c, restore_device(restore, name, restore->snapshot->wireguard[i]), "%s", name);
        }
        return r;
}

static int restore_addresses(struct restore *restore, const char *device)
{
        FBN_CLEANUP(fbn_link_addresses) want = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r = fbn_link_addresses_new(restore->c, &want);

        for (size_t i = 0; r == 0 && i < fbn_link_addresses_count(restore->snapshot->addresses); i++)
                if (streq(fbn_link_addresses_at(restore->snapshot->addresses, i)->device, device))
                        r = fbn_link_addresses_add(restore->c, want, fbn_link_addresses_at(restore->snapshot->addresses, i));
        if (r == 0)
                r = fbn_link_address_apply(restore->c, device, want,
                                           FBN_OPTIONS(fbn_link_address_apply_options, .dry_run = restore->options.dry_run), &changes);
        return r < 0 ? r : tell_changes(restore, "address", changes);
}

static bool has_ours(const fbn_link_addresses *addresses, const char *device)
{
        for (size_t i = 0; i < fbn_link_addresses_count(addresses); i++)
                if (fbn_link_addresses_at(addresses, i)->protocol == FBN_PROTOCOL && streq(fbn_link_addresses_at(addresses, i)->device, device))
                        return true;
        return false;
}

static int addresses(struct restore *restore)
{
        FBN_CLEANUP(fbn_link_addresses) have = NULL;
        int r = fbn_link_address_list(restore->c, NULL, &have);

        for (size_t i = 0; r == 0 && i < fbn_links_count(restore->links); i++) {
                const char *device = fbn_links_at(restore->links, i)->name;

                if (has_ours(have, device) || has_ours(restore->snapshot->addresses, device))
                        r = fail_in(restore->c, restore_addresses(restore, device), "%s", device);
        }
        return r;
}

static int sysctls(struct restore *restore)
{
        FBN_CLEANUP(fbn_sysctls) present = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r = sysctls_present(restore->c, restore->snapshot->sysctls, &present);

        if (r == 0)
                r = fbn_sysctl_apply(restore->c, present, FBN_OPTIONS(fbn_sysctl_apply_options, .dry_run = restore->options.dry_run), &changes);
        return r < 0 ? r : tell_changes(restore, "sysctl", changes);
}

static bool has_devices(const struct restore *restore, const fbn_route *route)
{
        if (route->device && !link_now(restore, route->device))
                return false;
        for (size_t i = 0; i < route->n_hops; i++)
                if (route->hops[i].device && !link_now(restore, route->hops[i].device))
                        return false;
        return true;
}

/* A route through a link that somebody took away meanwhile cannot come back; it is no reason to leave the others out. */
static int routes(struct restore *restore)
{
        FBN_CLEANUP(fbn_routes) want = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r = fbn_routes_new(restore->c, &want);

        for (size_t i = 0; r == 0 && i < fbn_routes_count(restore->snapshot->routes); i++) {
                const fbn_route *route = fbn_routes_at(restore->snapshot->routes, i);

                if (!route)
                        return fail_memory(restore->c);
                if (has_devices(restore, route))
                        r = fbn_routes_add(restore->c, want, route);
        }
        if (r == 0)
                r = fbn_route_apply(restore->c, want, FBN_OPTIONS(fbn_route_apply_options, .dry_run = restore->options.dry_run), &changes);
        return r < 0 ? r : tell_changes(restore, "route", changes);
}

static int strangers(struct restore *restore)
{
        int r = 0;

        for (size_t i = 0; !restore->options.dry_run && r == 0 && i < fbn_routes_count(restore->snapshot->strangers); i++) {
                const fbn_route *route = fbn_routes_at(restore->snapshot->strangers, i);
                struct error_record before = restore->c->error;

                if (!route || !has_devices(restore, route))
                        continue;
                r = fbn_route_add(restore->c, route);
                if (r == -FBN_EEXIST) {
                        restore->c->error = before;
                        r = 0;
                }
        }
        return r;
}

static int rules(struct restore *restore)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r = fbn_rule_apply(restore->c, restore->snapshot->rules,
                               FBN_OPTIONS(fbn_rule_apply_options, .dry_run = restore->options.dry_run), &changes);

        return r < 0 ? r : tell_changes(restore, "rule", changes);
}

static int nat(struct restore *restore)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r;

        if (!restore->snapshot->nat)
                return 0;
        r = fbn_nat_apply(restore->c, restore->snapshot->nat,
                          FBN_OPTIONS(fbn_nat_apply_options, .dry_run = restore->options.dry_run, .keep_sets = true), &changes);
        return r < 0 ? r : tell_changes(restore, "nat", changes);
}

/* Before the links: what a resolver has of ours may lie on one. */
static int names(struct restore *restore)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r;

        if (restore->snapshot->names)
                return 0;
        r = fbn_dns_host_apply(restore->c, NULL, FBN_OPTIONS(fbn_dns_host_options, .dry_run = restore->options.dry_run), &changes);
        return r < 0 ? r : tell_changes(restore, "dns", changes);
}

/* Last: nginx and fail2ban read names and links when they are told. */
static int files(struct restore *restore)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r = restore->options.boot ? 0 : host_files_restore(restore->c, &restore->snapshot->files, restore->options.dry_run, &changes);

        return r < 0 ? r : tell_changes(restore, "services", changes);
}

/* Links first: with one that goes, the kernel takes addresses and routes along; one that comes back is needed by theirs. */
static int (*const parts[])(struct restore *restore) = {names, links, wireguard, addresses, sysctls, routes, strangers, rules, nat, files};

int snapshot_restore(fbn_context *c, const struct snapshot *snapshot, const struct restore_options *options, const char *reason, fbn_plan *done)
{
        struct restore restore = {.c = c, .snapshot = snapshot, .options = *options, .reason = reason, .done = done};
        _cleanup_(text_free) struct text failures = {0};
        int first = 0, n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                int r = parts[i](&restore);

                if (r >= 0)
                        continue;
                text_add(&failures, "%s%s", n++ ? "; " : "", fbn_context_error(c));
                first = first ? first : r;
        }
        fbn_links_unref(restore.links);
        return n > 1 ? fail(c, FBN_EPARTIAL, "%s", failures.failed ? "several parts cannot be put back" : failures.bytes) : first;
}
