/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/derive.h"
#include "base/address.h"

/* A growing list of prefixes of one peer, at first counted, then filled: see fill_peer(). */
struct list {
        fbn_prefix *items; /* NULL: only count */
        size_t n;
};

static void add(struct list *list, const fbn_prefix *prefix)
{
        if (list->items)
                list->items[list->n] = *prefix;
        list->n++;
}

static void add_address(struct list *list, const fbn_address *address)
{
        add(list, &(fbn_prefix){.address = *address, .length = (uint8_t)family_bits(address->family)});
}

/* What lies behind a member, but for segments that self is on: those it reaches without the tunnel. */
static void add_announced(struct list *list, const struct member *self, const struct member *announcer)
{
        for (size_t i = 0; i < announcer->n_announces; i++)
                if (!host_interface_in(self->host, announcer->announces[i]))
                        add(list, &announcer->announces[i]->prefix);
}

const struct member *member_relay_to(const struct member *self, const struct member *other)
{
        if (self == other || members_are_peers(self, other))
                return NULL;
        for (size_t i = 0; i < self->tunnel->n_reachable; i++)
                if (member_is_relay(self->tunnel->reachable[i]))
                        return self->tunnel->reachable[i];
        return NULL;
}

/* What only a relay can take self to. With no other peer beside the relay this is the tunnel as a whole, which then also covers
 * the relay's own address; else each of the others by its own. */
static void add_relayed(struct list *list, const struct member *self, const struct member *relay, bool whole)
{
        const struct tunnel *tunnel = self->tunnel;

        if (whole)
                add(list, &tunnel->prefix->prefix);
        for (size_t i = 0; !whole && i < tunnel->n_members; i++)
                if (member_relay_to(self, &tunnel->members[i]) == relay)
                        add_address(list, &tunnel->members[i].address);
        for (size_t i = 0; i < tunnel->n_announcers; i++)
                if (member_relay_to(self, tunnel->announcers[i]) == relay)
                        add_announced(list, self, tunnel->announcers[i]);
}

/* The relay that a road warrior sends everything to. */
static const struct member *way_out(const struct member *self)
{
        for (size_t i = 0; self->road_warrior && i < self->tunnel->n_reachable; i++)
                if (self->tunnel->reachable[i] != self && member_is_relay(self->tunnel->reachable[i]))
                        return self->tunnel->reachable[i];
        return NULL;
}

static void list_allowed_ips(struct list *list, const struct member *self, const struct member *other, size_t n_peers)
{
        bool relay = member_is_relay(other) && !self->endpoint;
        bool whole = relay && n_peers == 1;

        if (way_out(self) == other) {
                add(list, &(fbn_prefix){.address.family = self->address.family});
                return;
        }
        if (!whole)
                add_address(list, &other->address);
        add_announced(list, self, other);
        if (relay)
                add_relayed(list, self, other, whole);
}

/* The pair's key is declared once, at the member that asks the other in; between two that can both be reached, at the later one. */
static const struct secret_source *pair_key(const struct member *a, const struct member *b)
{
        const struct member *asking = a->index > b->index ? a : b;

        if (!a->endpoint != !b->endpoint)
                asking = a->endpoint ? b : a;
        return asking->preshared_key.pointer ? &asking->preshared_key : NULL;
}

static bool fill_peer(struct arena *arena, const struct member *self, const struct member *other, size_t n_peers, struct peer *peer)
{
        struct list list = {0};

        list_allowed_ips(&list, self, other, n_peers);
        list.items = arena_alloc(arena, list.n * sizeof(*list.items));
        if (!list.items)
                return false;
        list.n = 0;
        list_allowed_ips(&list, self, other, n_peers);
        *peer = (struct peer){.member = other, .preshared_key = pair_key(self, other), .allowed_ips = list.items, .n_allowed_ips = list.n};
        return true;
}

bool member_peers(struct arena *arena, const struct member *self, struct peers *ret_peers)
{
        const struct tunnel *tunnel = self->tunnel;
        size_t n = self->endpoint ? tunnel->n_members - 1 : tunnel->n_reachable;
        struct peers peers = {.items = arena_alloc(arena, n * sizeof(*peers.items))};

        if (!peers.items)
                return false;
        for (size_t i = 0; i < (self->endpoint ? tunnel->n_members : tunnel->n_reachable); i++) {
                const struct member *other = self->endpoint ? &tunnel->members[i] : tunnel->reachable[i];

                if (other != self && !fill_peer(arena, self, other, n, &peers.items[peers.n++]))
                        return false;
        }
        *ret_peers = peers;
        return true;
}

static bool tunnel_reaches(const struct host *from, const struct host *to)
{
        for (const struct member *self = from->memberships; self; self = self->next_of_host) {
                const struct member *other = host_member_of(to, self->tunnel);

                if (other && (members_are_peers(self, other) || member_relay_to(self, other)))
                        return true;
                for (size_t i = 0; i < self->tunnel->n_announcers; i++) {
                        const struct member *announcer = self->tunnel->announcers[i];

                        if (!members_are_peers(self, announcer) && !member_relay_to(self, announcer))
                                continue;
                        for (size_t j = 0; j < announcer->n_announces; j++)
                                if (host_interface_in(to, announcer->announces[j]))
                                        return true;
                }
        }
        return false;
}

static bool mesh_reaches(const fbn_fabric *fabric, const struct host *from, const struct host *to)
{
        if (!from->node)
                return false;
        if (to->node)
                return true;
        for (size_t i = 0; from->node->accepts_routes && i < fabric->mesh.n_nodes; i++)
                for (size_t j = 0; j < fabric->mesh.nodes[i].n_advertises; j++)
                        if (host_interface_in(to, fabric->mesh.nodes[i].advertises[j]))
                                return true;
        return false;
}

/* One that both are connected to routes between its segments. */
static bool router_reaches(const struct host *from, const struct host *to)
{
        for (size_t i = 0; i < from->n_interfaces; i++) {
                const struct prefix *segment = from->interfaces[i].prefix;

                for (size_t j = 0; segment && segment->at && j < to->n_interfaces; j++)
                        if (to->interfaces[j].prefix && to->interfaces[j].prefix->at == segment->at)
                                return true;
        }
        return false;
}

enum via host_reaches(const fbn_fabric *fabric, const struct host *from, const struct host *to)
{
        if (from == to)
                return VIA_SEGMENT;
        for (size_t i = 0; i < to->n_interfaces; i++)
                if (to->interfaces[i].prefix && host_interface_in(from, to->interfaces[i].prefix))
                        return VIA_SEGMENT;
        if (tunnel_reaches(from, to))
                return VIA_TUNNEL;
        if (mesh_reaches(fabric, from, to))
                return VIA_MESH;
        return router_reaches(from, to) ? VIA_ROUTER : VIA_NOTHING;
}

static bool announces(const struct member *member, const struct prefix *prefix)
{
        for (size_t i = 0; i < member->n_announces; i++)
                if (member->announces[i] == prefix)
                        return true;
        return false;
}

static bool is_behind(const struct member *member, const struct host *host)
{
        for (size_t i = 0; i < host->n_interfaces; i++) {
                const struct prefix *segment = host->interfaces[i].prefix;

                if (segment && (segment->at == member->host || announces(member, segment)))
                        return true;
        }
        return false;
}

bool member_keeps_mesh_out(const fbn_fabric *fabric, const struct member *member)
{
        if (member->mtu >= MESH_OVER_TUNNEL_MTU)
                return false;
        if (member->host->node)
                return true;
        for (size_t i = 0; member->host->forwarding && i < fabric->mesh.n_nodes; i++)
                if (is_behind(member, fabric->mesh.nodes[i].host))
                        return true;
        return false;
}
