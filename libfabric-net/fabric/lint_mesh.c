/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "fabric/derive.h"
#include "fabric/lint.h"
#include "fabric/names.h"

#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

/* Headscale takes prefixes inside these two only. Source: headscale hscontrol/types/config.go, tailscale net/tsaddr. */
static void lint_mesh_prefix(struct lint *lint, const struct prefix *prefix)
{
        fbn_prefix v4, v6;

        fbn_prefix_parse("100.64.0.0/10", &v4);
        fbn_prefix_parse("fd7a:115c:a1e0::/48", &v6);
        if ((fbn_prefix_contains(&v4, &prefix->prefix.address) && prefix->prefix.length >= v4.length) ||
            (fbn_prefix_contains(&v6, &prefix->prefix.address) && prefix->prefix.length >= v6.length))
                return;
        finding_add(lint, FBN_SEVERITY_ERROR, "mesh-prefix", "/mesh/prefix", "Tailscale's clients route no other ranges",
                    "100.64.0.0/10 or a part of it", "the mesh's prefix %s is not inside 100.64.0.0/10 or fd7a:115c:a1e0::/48",
                    lint_prefix_text(lint, &prefix->prefix));
}

static int by_address(const void *a, const void *b)
{
        return address_compare(&(*(const struct node *const *)a)->address, &(*(const struct node *const *)b)->address);
}

static void next_address(fbn_address *address)
{
        for (size_t i = family_bytes(address->family); i-- > 0;)
                if (++address->bytes[i])
                        return;
}

/* Headscale gives 100.64.0.1, .2 … as nodes enrol (allocation: sequential), so what is declared must have no gap. */
static void lint_enrolment_order(struct lint *lint)
{
        const struct mesh *mesh = &lint->fabric->mesh;
        const struct node **list = arena_alloc(&lint->scratch, mesh->n_nodes * sizeof(*list));
        fbn_address next = mesh->prefix->prefix.address;
        size_t n = 0;

        for (size_t i = 0; list && i < mesh->n_nodes; i++)
                if (mesh->nodes[i].address.family == next.family && fbn_prefix_contains(&mesh->prefix->prefix, &mesh->nodes[i].address))
                        list[n++] = &mesh->nodes[i];
        lint->failed |= !list;
        if (n == 0)
                return;
        qsort(list, n, sizeof(*list), by_address);
        for (size_t i = 0; i < n; i++) {
                next_address(&next);
                if (address_compare(&next, &list[i]->address) == 0)
                        continue;
                if (i && address_compare(&list[i - 1]->address, &list[i]->address) == 0)
                        return; /* said already: duplicate-address */
                finding_add(lint, FBN_SEVERITY_ERROR, "enrolment-order", list[i]->pointer,
                            "Headscale gives addresses in the order of enrolment, without gaps",
                            "declare addresses without gaps from the first on; nodes without one enrol after those with one",
                            "%s cannot come out for '%s': no node is declared for %s", lint_address_text(lint, &list[i]->address),
                            list[i]->host->name, lint_address_text(lint, &next));
                return;
        }
}

/* Who advertises each prefix: how many and one of them, by the prefix's place in the file. */
struct advertised {
        size_t n;
        const struct node *first;
};

static const struct advertised *advertised_of(const struct lint *lint, const struct advertised *list, const struct prefix *prefix)
{
        return &list[prefix - lint->fabric->prefixes];
}

static struct advertised *list_advertised(struct lint *lint)
{
        const struct mesh *mesh = &lint->fabric->mesh;
        struct advertised *list = arena_alloc(&lint->scratch, lint->fabric->n_prefixes * sizeof(*list));

        for (size_t i = 0; list && i < mesh->n_nodes; i++)
                for (size_t j = 0; j < mesh->nodes[i].n_advertises; j++) {
                        struct advertised *entry = &list[mesh->nodes[i].advertises[j] - lint->fabric->prefixes];

                        if (entry->n++ == 0)
                                entry->first = &mesh->nodes[i];
                }
        lint->failed |= !list;
        return list;
}

static void lint_routers(struct lint *lint, const struct advertised *list)
{
        for (size_t i = 0; i < lint->fabric->n_prefixes; i++)
                if (list[i].n > 1)
                        finding_add(lint, FBN_SEVERITY_NOTE, "subnet-routers", lint->fabric->prefixes[i].pointer,
                                    "one serves, the others stand by until it is gone; traffic is not shared",
                                    "nothing, if that is what is meant", "%zu nodes advertise '%s'", list[i].n,
                                    lint->fabric->prefixes[i].name);
}

static bool can_route_to(const struct host *host, const struct prefix *prefix)
{
        for (size_t i = 0; i < host->n_interfaces; i++) {
                const struct prefix *segment = host->interfaces[i].prefix;

                if (segment && (segment == prefix || (segment->at && segment->at == prefix->at)))
                        return true;
        }
        for (const struct member *self = host->memberships; self; self = self->next_of_host)
                for (size_t i = 0; i < self->tunnel->n_announcers; i++)
                        for (size_t j = 0; j < self->tunnel->announcers[i]->n_announces; j++)
                                if (self->tunnel->announcers[i]->announces[j] == prefix)
                                        return true;
        return false;
}

static void lint_advertises(struct lint *lint, const struct node *node)
{
        if (node->n_advertises && !node->host->forwarding)
                finding_add(lint, FBN_SEVERITY_ERROR, "forwarding-off", node->pointer, "its kernel drops what is not for itself",
                            "\"forwarding\": true in /hosts, or advertise nothing", "'%s' advertises prefixes but does not forward",
                            node->host->name);
        for (size_t i = 0; i < node->n_advertises; i++)
                if (!can_route_to(node->host, node->advertises[i]))
                        finding_add(lint, FBN_SEVERITY_WARNING, "advertises-elsewhere", node->pointer,
                                    "it takes packets in and knows no way on", "advertise it on a host of that segment",
                                    "no declared way leads from '%s' to '%s'", node->host->name, node->advertises[i]->name);
}

static void lint_accepts(struct lint *lint, const struct node *node, const struct advertised *list)
{
        for (size_t i = 0; i < node->host->n_interfaces; i++) {
                const struct prefix *segment = node->host->interfaces[i].prefix;
                const struct advertised *entry = segment ? advertised_of(lint, list, segment) : NULL;

                if (entry && (entry->n > 1 || (entry->n == 1 && entry->first != node)))
                        finding_add(lint, FBN_SEVERITY_ERROR, "accepts-own-lan", node->pointer,
                                    "Tailscale's table 52 is asked before the main one: the host loses its own LAN",
                                    "\"accepts_routes\": false here", "'%s' accepts routes, and '%s' where it is itself is advertised",
                                    node->host->name, segment->name);
        }
}

/* One host, one prefix, two ways: table 52 beats main, so the mesh takes what the tunnel was built for. */
static void lint_two_layers(struct lint *lint, const struct node *node, const struct advertised *list)
{
        for (const struct member *self = node->host->memberships; self; self = self->next_of_host)
                for (size_t i = 0; i < self->tunnel->n_announcers; i++) {
                        const struct member *announcer = self->tunnel->announcers[i];

                        if (announcer == self || (!members_are_peers(self, announcer) && !member_relay_to(self, announcer)))
                                continue;
                        for (size_t j = 0; j < announcer->n_announces; j++)
                                if (advertised_of(lint, list, announcer->announces[j])->n)
                                        finding_add(lint, FBN_SEVERITY_WARNING, "two-layers-one-prefix", node->pointer,
                                                    "Tailscale's table 52 is asked before the main one: the mesh takes the traffic, not "
                                                    "the tunnel",
                                                    "\"accepts_routes\": false here, or announce or advertise it in one layer only",
                                                    "'%s' reaches '%s' through tunnel '%s' and through the mesh", node->host->name,
                                                    announcer->announces[j]->name, self->tunnel->name);
                }
}

/* Whether a zone that the host answers for is the suffix or above it. */
static bool serves(const fbn_fabric *f, const struct host *host, const char *suffix)
{
        for (size_t i = 0; i < f->n_zones; i++) {
                size_t length = strlen(f->zones[i].name), whole = strlen(suffix);

                if (f->zones[i].at == host && whole >= length && strcasecmp(suffix + whole - length, f->zones[i].name) == 0 &&
                    (whole == length || suffix[whole - length - 1] == '.'))
                        return true;
        }
        return false;
}

static bool is_advertised(struct lint *lint, const struct host *host, const struct advertised *list)
{
        for (size_t i = 0; i < host->n_interfaces; i++)
                if (host->interfaces[i].prefix && advertised_of(lint, list, host->interfaces[i].prefix)->n)
                        return true;
        return false;
}

static void lint_split(struct lint *lint, const struct split *split, const struct advertised *list)
{
        const struct host *host = split->host;

        if (split->wildcard)
                finding_add(lint, FBN_SEVERITY_WARNING, "split-wildcard", split->pointer,
                            "Tailscale takes '*' for an ordinary label: it never matches",
                            "write the domain without \"*.\"; it covers all names below", "it is read as '%s'", split->suffix);
        if (!host->node && !is_advertised(lint, host, list))
                finding_add(lint, FBN_SEVERITY_ERROR, "split-server-unreachable", split->pointer, "names below it do not resolve",
                            "make the host a node of the mesh, or advertise its segment",
                            "'%s' is neither in the mesh nor behind a subnet router", host->name);
        else if (host->node && !host->node->address.family)
                finding_add(lint, FBN_SEVERITY_WARNING, "split-server-without-address", split->pointer,
                            "Headscale's configuration names resolvers by address, which must be known before",
                            "declare the node's \"address\"", "'%s' has no declared mesh address", host->name);
        if (!serves(lint->fabric, host, split->suffix))
                finding_add(lint, FBN_SEVERITY_WARNING, "split-without-zone", split->pointer, "it will be asked and has no answer",
                            "declare the zone in /dns, or name the host that has it", "no zone of '%s' in /dns covers '%s'", host->name,
                            split->suffix);
        if (host->node && host->node->accepts_dns)
                finding_add(lint, FBN_SEVERITY_ERROR, "dns-loop", host->node->pointer,
                            "it asks the mesh, the mesh asks it: no name resolves", "\"accepts_dns\": false there",
                            "'%s' answers for '%s' and uses the mesh's resolver itself", host->name, split->suffix);
}

static void lint_resolver(struct lint *lint, const struct host *host)
{
        if (host->resolver == RESOLVER_MESH && !host->node)
                finding_add(lint, FBN_SEVERITY_ERROR, "resolver-without-mesh", host->pointer, "the mesh's resolver is tailscaled's, and there is none",
                            "make the host a node of the mesh, or name another resolver", "'%s' is no node of the mesh", host->name);
        if (host->resolver > RESOLVER_MESH && host->node && host->node->accepts_dns)
                finding_add(lint, FBN_SEVERITY_ERROR, "two-resolvers", host->node->pointer, "tailscaled and we would write over each other's settings",
                            "leave \"accepts_dns\" out, or \"resolver\"", "'%s' has its resolver set by tailscaled and by us", host->name);
}

/* Those who are told a zone must come to the host that has it. */
static void lint_zone(struct lint *lint, const struct host *host, const struct zone *zone)
{
        struct asking asking;

        if (zone->at != host && !host_asks(lint->fabric, host, zone->at, &asking))
                finding_add(lint, FBN_SEVERITY_WARNING, "zone-unreachable", host->pointer, "its names do not resolve there",
                            "connect the two, or \"resolver\": \"none\"", "'%s' has no declared way to '%s', which has the zone %s", host->name, zone->at->name,
                            zone->name);
}

void lint_names(struct lint *lint)
{
        for (size_t i = 0; i < lint->fabric->n_hosts; i++) {
                const struct host *host = &lint->fabric->hosts[i];

                lint_resolver(lint, host);
                for (size_t j = 0; host_is_told_names(host) && j < lint->fabric->n_zones; j++)
                        lint_zone(lint, host, &lint->fabric->zones[j]);
        }
}

void lint_mesh(struct lint *lint)
{
        const struct mesh *mesh = &lint->fabric->mesh;
        struct advertised *list;

        if (!mesh->pointer)
                return;
        lint_mesh_prefix(lint, mesh->prefix);
        lint_enrolment_order(lint);
        list = list_advertised(lint);
        if (!list)
                return;
        lint_routers(lint, list);
        for (size_t i = 0; i < mesh->n_nodes; i++) {
                lint_advertises(lint, &mesh->nodes[i]);
                if (!mesh->nodes[i].accepts_routes)
                        continue;
                lint_accepts(lint, &mesh->nodes[i], list);
                lint_two_layers(lint, &mesh->nodes[i], list);
        }
        for (size_t i = 0; i < mesh->n_splits; i++)
                lint_split(lint, &mesh->splits[i], list);
}
