/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "fabric/explain.h"

static void better(struct way *best, struct way candidate)
{
        if (best->kind == WAY_NONE || candidate.length > best->length)
                *best = candidate;
}

static bool is_same(const fbn_address *a, const fbn_address *b)
{
        return a->family && address_compare(a, b) == 0;
}

bool host_has_address(const struct host *host, const struct end *end)
{
        if (!end->address.family)
                return end->outside == host;
        for (size_t i = 0; i < host->n_interfaces; i++)
                if (is_same(&host->interfaces[i].address, &end->address))
                        return true;
        for (const struct member *member = host->memberships; member; member = member->next_of_host)
                if (is_same(&member->address, &end->address))
                        return true;
        return host->node && is_same(&host->node->address, &end->address);
}

static bool advertises(const struct node *node, const struct prefix *prefix)
{
        for (size_t i = 0; i < node->n_advertises; i++)
                if (node->advertises[i] == prefix)
                        return true;
        return false;
}

/* Tailscale's table 52, which is asked before the main one. Of several that advertise a prefix the first serves. */
static struct way mesh_way(const fbn_fabric *f, const struct host *host, const fbn_address *to)
{
        struct way best = {0};

        for (size_t i = 0; host->node && i < f->mesh.n_nodes; i++) {
                const struct node *node = &f->mesh.nodes[i];

                if (node == host->node)
                        continue;
                if (is_same(&node->address, to))
                        better(&best, (struct way){.kind = WAY_MESH, .length = 129, .node = node, .pointer = node->pointer});
                for (size_t j = 0; host->node->accepts_routes && j < node->n_advertises; j++)
                        if (fbn_prefix_contains(&node->advertises[j]->prefix, to) && !advertises(host->node, node->advertises[j]))
                                better(&best, (struct way){.kind = WAY_MESH, .length = node->advertises[j]->prefix.length, .node = node,
                                                           .pointer = node->pointer});
        }
        return best;
}

static void segment_ways(const struct host *host, const fbn_address *to, struct way *best)
{
        for (size_t i = 0; i < host->n_interfaces; i++) {
                const struct interface *interface = &host->interfaces[i];

                if (interface->prefix && fbn_prefix_contains(&interface->prefix->prefix, to))
                        better(best, (struct way){.kind = WAY_SEGMENT, .length = interface->prefix->prefix.length, .interface = interface,
                                                  .pointer = interface->pointer});
        }
        for (size_t i = 0; i < host->n_routes; i++) {
                const struct static_route *route = &host->routes[i];

                if (!fbn_prefix_contains(&route->to->prefix, to))
                        continue;
                if (route->via)
                        better(best, (struct way){.kind = WAY_SEGMENT, .length = route->to->prefix.length, .interface = route->interface,
                                                  .gateway = route->via, .pointer = route->pointer});
                else
                        better(best, (struct way){.kind = WAY_TUNNEL, .length = route->to->prefix.length,
                                                  .member = host_member_of(host, route->tunnel), .pointer = route->pointer});
        }
}

/* A tunnel's routes are its allowed IPs, all but the default one when all is 0. */
static void tunnel_ways(struct explain *e, const struct host *host, const fbn_address *to, struct way *best, struct way *best_default)
{
        for (const struct member *self = host->memberships; self; self = self->next_of_host) {
                const fbn_prefix *own = &self->tunnel->prefix->prefix;
                struct peers peers = {0};

                if (fbn_prefix_contains(own, to))
                        better(best, (struct way){.kind = WAY_TUNNEL, .length = own->length, .member = self, .pointer = self->pointer});
                e->failed |= !member_peers(&e->scratch, self, &peers);
                for (size_t i = 0; i < peers.n; i++)
                        for (size_t j = 0; j < peers.items[i].n_allowed_ips; j++) {
                                const fbn_prefix *prefix = &peers.items[i].allowed_ips[j];

                                if (fbn_prefix_contains(prefix, to))
                                        better(prefix->length ? best : best_default,
                                               (struct way){.kind = WAY_TUNNEL, .length = prefix->length, .member = self,
                                                            .pointer = peers.items[i].member->pointer});
                        }
        }
}

/* The uplink; else the router of the first segment; a host without interfaces is outside. */
static struct way default_way(const struct host *host)
{
        if (host->n_interfaces == 0)
                return (struct way){.kind = WAY_OUTSIDE, .pointer = host->pointer};
        for (size_t i = 0; i < host->n_interfaces; i++)
                if (host->interfaces[i].wan)
                        return (struct way){.kind = WAY_OUTSIDE, .interface = &host->interfaces[i], .pointer = host->interfaces[i].pointer};
        for (size_t i = 0; i < host->n_interfaces; i++) {
                const struct prefix *segment = host->interfaces[i].prefix;

                if (segment && segment->at && segment->at != host)
                        return (struct way){.kind = WAY_SEGMENT, .interface = &host->interfaces[i], .gateway = segment->at,
                                            .pointer = segment->pointer};
        }
        return (struct way){0};
}

struct way way_find(struct explain *e, const struct host *host, const struct end *to)
{
        struct way best, all = {0};

        if (host_has_address(host, to))
                return (struct way){.kind = WAY_LOCAL, .pointer = host->pointer};
        if (!to->address.family)
                return default_way(host);
        best = mesh_way(e->fabric, host, &to->address);
        if (best.kind != WAY_NONE)
                return best;
        segment_ways(host, &to->address, &best);
        tunnel_ways(e, host, &to->address, &best, &all);
        if (best.kind != WAY_NONE && best.length > 0)
                return best;
        if (all.kind != WAY_NONE)
                return all;
        return best.kind != WAY_NONE ? best : default_way(host);
}

const char *way_device(const struct way *way)
{
        switch (way->kind) {
        case WAY_TUNNEL:
                return way->member->interface;
        case WAY_MESH:
                return "tailscale0";
        case WAY_LOCAL:
                return "lo";
        case WAY_NONE:
                return "nothing";
        default:
                return way->interface ? way->interface->name : "its uplink";
        }
}

uint32_t way_mtu(const struct way *way)
{
        if (way->kind == WAY_TUNNEL)
                return way->member->mtu;
        if (way->kind == WAY_MESH)
                return 1280; /* Source: tailscale net/tstun/mtu.go */
        return way->interface && way->interface->mtu ? way->interface->mtu : 1500;
}

struct end way_source(const struct host *host, const struct way *way)
{
        if (way->kind == WAY_TUNNEL)
                return (struct end){.address = way->member->address};
        if (way->kind == WAY_MESH && host->node->address.family)
                return (struct end){.address = host->node->address};
        if (way->interface && way->interface->address.family)
                return (struct end){.address = way->interface->address};
        return (struct end){.outside = host};
}

const char *end_text(struct explain *e, const struct end *end)
{
        char text[FBN_ADDRESS_TEXT];
        const char *copy = end->address.family
                                   ? arena_strdup(&e->scratch, fbn_address_format(&end->address, text, sizeof(text)))
                                   : arena_printf(&e->scratch, "the outside address of '%s'", end->outside ? end->outside->name : "?");

        e->failed |= !copy;
        return copy ? copy : "";
}
