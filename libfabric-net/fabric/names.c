/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/names.h"
#include "base/context.h"
#include "base/memory.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>

const fbn_address *host_address(const struct host *host)
{
        for (size_t i = 0; i < host->n_interfaces; i++)
                if (host->interfaces[i].address.family)
                        return &host->interfaces[i].address;
        if (host->memberships)
                return &host->memberships->address;
        return host->node && host->node->address.family ? &host->node->address : NULL;
}

static bool asks_at(struct asking *asking, enum via via, const fbn_address *address, const char *device)
{
        if (!address || !address->family)
                return false;
        *asking = (struct asking){via, *address, device};
        return true;
}

static bool asks_by_segment(const struct host *from, const struct host *to, struct asking *ret_asking)
{
        for (size_t i = 0; i < to->n_interfaces; i++) {
                const struct interface *there = &to->interfaces[i], *here = there->prefix ? host_interface_in(from, there->prefix) : NULL;

                if (here && asks_at(ret_asking, VIA_SEGMENT, &there->address, here->name))
                        return true;
        }
        return false;
}

/* A member itself, or a host on a prefix that one announces. */
static bool asks_by_tunnel(const struct host *from, const struct host *to, struct asking *ret_asking)
{
        for (const struct member *self = from->memberships; self; self = self->next_of_host) {
                const struct member *other = host_member_of(to, self->tunnel);

                if (other && (members_are_peers(self, other) || member_relay_to(self, other)))
                        return asks_at(ret_asking, VIA_TUNNEL, &other->address, self->interface);
                for (size_t i = 0; i < self->tunnel->n_announcers; i++)
                        for (size_t j = 0; j < self->tunnel->announcers[i]->n_announces; j++) {
                                const struct interface *there = host_interface_in(to, self->tunnel->announcers[i]->announces[j]);

                                if (there && self->tunnel->announcers[i] != self && asks_at(ret_asking, VIA_TUNNEL, &there->address, self->interface))
                                        return true;
                        }
        }
        return false;
}

bool host_asks(const fbn_fabric *fabric, const struct host *from, const struct host *to, struct asking *ret_asking)
{
        switch (host_reaches(fabric, from, to)) {
        case VIA_SEGMENT:
                return asks_by_segment(from, to, ret_asking);
        case VIA_TUNNEL:
                return asks_by_tunnel(from, to, ret_asking);
        case VIA_MESH:
                return asks_at(ret_asking, VIA_MESH, to->node ? &to->node->address : host_address(to), "tailscale0");
        case VIA_ROUTER:
                return asks_at(ret_asking, VIA_ROUTER, host_address(to), NULL);
        default:
                return false;
        }
}

static const struct split *split_of(const struct mesh *mesh, const char *suffix)
{
        for (size_t i = 0; i < mesh->n_splits; i++)
                if (strcasecmp(mesh->splits[i].suffix, suffix) == 0)
                        return &mesh->splits[i];
        return NULL;
}

static bool is_below(const char *name, const char *suffix)
{
        size_t length = strlen(name), below = strlen(suffix);

        return length > below && name[length - below - 1] == '.' && strcasecmp(name + length - below, suffix) == 0;
}

static int add_address(fbn_context *c, fbn_dns_routes *routes, const char *name, const fbn_address *address)
{
        char suffix[600];

        snprintf(suffix, sizeof(suffix), "=%s", name);
        return address ? fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = suffix, .addresses = address, .n_addresses = 1)) : 0;
}

static int add_records(fbn_context *c, fbn_dns_routes *routes, const struct zone *zone)
{
        int r = fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = zone->name, .blocked = true));

        for (size_t i = 0; r == 0 && i < zone->n_records; i++) {
                const struct record *record = &zone->records[i];
                char name[512];

                snprintf(name, sizeof(name), "%s.%s", record->name, zone->name);
                r = add_address(c, routes, name, host_address(record->host));
        }
        return fail_in(c, r, "%s", zone->pointer);
}

/* The prefixes that a host routes: it answers for their reverse names too, once. */
static size_t list_reverse(const fbn_fabric *fabric, const fbn_dns_routes *routes, const struct host *at, fbn_prefix *list)
{
        size_t n = 0;

        for (size_t i = 0; i < fabric->n_prefixes; i++)
                if (fabric->prefixes[i].at == at && !fabric->prefixes[i].local_to)
                        list[n++] = fabric->prefixes[i].prefix;
        for (size_t i = 0; i < fbn_dns_routes_count(routes); i++)
                if (n > 0 && fbn_dns_routes_at(routes, i)->n_reverse > 0 && memcmp(&fbn_dns_routes_at(routes, i)->reverse[0], &list[0], sizeof(*list)) == 0)
                        return 0;
        return n;
}

static int add_server(fbn_context *c, const fbn_fabric *fabric, fbn_dns_routes *routes, const char *suffix, const struct host *at, const fbn_address *address)
{
        _cleanup_free_ fbn_prefix *reverse = memory_alloc(MAX(fabric->n_prefixes, (size_t)1) * sizeof(*reverse));
        const fbn_endpoint server = {.address = *address};

        if (!reverse)
                return fail_memory(c);
        return fbn_dns_routes_add(c, routes, FBN_OPTIONS(fbn_dns_route, .suffix = suffix, .upstreams = &server, .n_upstreams = 1, .reverse = reverse,
                                                         .n_reverse = list_reverse(fabric, routes, at, reverse)));
}

static int add_zone(fbn_context *c, const fbn_fabric *fabric, const struct host *host, bool records, const struct zone *zone, fbn_dns_routes *routes)
{
        const struct split *split = host->node ? split_of(&fabric->mesh, zone->name) : NULL;
        const struct host *at = split ? split->host : zone->at;
        struct asking asking;

        if (zone->at == host)
                return records ? add_records(c, routes, zone) : 0;
        if (!host_asks(fabric, host, at, &asking))
                return 0;
        return fail_in(c, add_server(c, fabric, routes, zone->name, at, &asking.address), "%s", zone->pointer);
}

static bool has_zone(const fbn_fabric *fabric, const char *suffix)
{
        for (size_t i = 0; i < fabric->n_zones; i++)
                if (strcasecmp(fabric->zones[i].name, suffix) == 0)
                        return true;
        return false;
}

static int add_split(fbn_context *c, const fbn_fabric *fabric, const struct host *host, const struct split *split, fbn_dns_routes *routes)
{
        struct asking asking;

        if (has_zone(fabric, split->suffix) || split->host == host || !host_asks(fabric, host, split->host, &asking))
                return 0;
        return fail_in(c, add_server(c, fabric, routes, split->suffix, split->host, &asking.address), "%s", split->pointer);
}

/* What the mesh's own resolver says of its nodes. */
static int add_nodes(fbn_context *c, const fbn_fabric *fabric, const struct host *host, fbn_dns_routes *routes)
{
        const struct mesh *mesh = &fabric->mesh;
        int r = 0;

        for (size_t i = 0; r == 0 && host->node && mesh->dns_base && i < mesh->n_nodes; i++) {
                char name[512];

                snprintf(name, sizeof(name), "%s.%s", mesh->nodes[i].host->name, mesh->dns_base);
                r = add_address(c, routes, name, mesh->nodes[i].address.family ? &mesh->nodes[i].address : NULL);
        }
        return fail_in(c, r, "%s", mesh->pointer ? mesh->pointer : "");
}

int names_routes(fbn_context *c, const fbn_fabric *fabric, const struct host *host, bool records, fbn_dns_routes **ret_routes)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        int r = fbn_dns_routes_new(c, &routes);

        for (size_t i = 0; r == 0 && i < fabric->n_zones; i++)
                r = add_zone(c, fabric, host, records, &fabric->zones[i], routes);
        for (size_t i = 0; r == 0 && host->node && i < fabric->mesh.n_splits; i++)
                r = add_split(c, fabric, host, &fabric->mesh.splits[i], routes);
        if (r == 0 && records)
                r = add_nodes(c, fabric, host, routes);
        if (r < 0)
                return r;
        *ret_routes = TAKE_PTR(routes);
        return 0;
}

/* A resolver of the mesh is known by its address on it, or behind a subnet router. */
static int add_mesh_split(fbn_context *c, const fbn_fabric *fabric, const struct split *split, fbn_dns_routes *routes)
{
        const struct node *node = split->host->node;
        const fbn_address *address = node ? node->address.family ? &node->address : NULL : host_address(split->host);

        if (!address)
                return fail(c, FBN_EINVAL, "%s: '%s' has no declared %s, and a resolver is known by its address; declare one", split->pointer, split->host->name,
                            node ? "mesh address" : "address");
        return fail_in(c, add_server(c, fabric, routes, split->suffix, split->host, address), "%s", split->pointer);
}

static bool is_split(const struct mesh *mesh, const char *zone)
{
        for (size_t i = 0; i < mesh->n_splits; i++)
                if (strcasecmp(mesh->splits[i].suffix, zone) == 0 || is_below(zone, mesh->splits[i].suffix))
                        return true;
        return false;
}

int names_mesh_routes(fbn_context *c, const fbn_fabric *fabric, fbn_dns_routes **ret_routes)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        int r = fbn_dns_routes_new(c, &routes);

        for (size_t i = 0; r == 0 && i < fabric->mesh.n_splits; i++)
                r = add_mesh_split(c, fabric, &fabric->mesh.splits[i], routes);
        for (size_t i = 0; r == 0 && i < fabric->n_zones; i++)
                if (!is_split(&fabric->mesh, fabric->zones[i].name))
                        r = add_records(c, routes, &fabric->zones[i]);
        if (r < 0)
                return r;
        *ret_routes = TAKE_PTR(routes);
        return 0;
}

int fbn_fabric_dns(fbn_context *c, const fbn_fabric *fabric, const char *name, bool records, fbn_dns_routes **ret_routes)
{
        const struct host *host;
        int r = fabric_find_host(c, fabric, name, &host);

        return r < 0 ? r : names_routes(c, fabric, host, records, ret_routes);
}
