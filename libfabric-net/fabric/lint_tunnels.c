/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/derive.h"
#include "fabric/lint.h"
#include "fabric/words.h"

#include <stdlib.h>
#include <sys/socket.h>

static const struct member *first_relay(const struct tunnel *tunnel)
{
        for (size_t i = 0; i < tunnel->n_reachable; i++)
                if (member_is_relay(tunnel->reachable[i]))
                        return tunnel->reachable[i];
        return NULL;
}

static void lint_connections(struct lint *lint, const struct tunnel *tunnel)
{
        size_t hidden = tunnel->n_members - tunnel->n_reachable;

        if (tunnel->n_reachable == 0 && tunnel->n_members > 1)
                finding_add(lint, FBN_SEVERITY_ERROR, "no-endpoint", tunnel->pointer, "nobody can send the first packet",
                            "give the member that others can reach an \"endpoint\"", "no member of tunnel '%s' has an endpoint",
                            tunnel->name);
        else if (hidden > 1 && !first_relay(tunnel))
                finding_add(lint, FBN_SEVERITY_WARNING, "members-unconnected", tunnel->pointer,
                            "two members without endpoint need one between them that forwards",
                            "set \"forwarding\": true on the host of a member that has an endpoint",
                            "%zu members of tunnel '%s' cannot reach each other", hidden, tunnel->name);
}

static void lint_keepalives(struct lint *lint, const struct tunnel *tunnel)
{
        for (size_t i = 0; i < tunnel->n_members; i++)
                if (!tunnel->members[i].endpoint && !tunnel->members[i].keepalive)
                        finding_add(lint, FBN_SEVERITY_WARNING, "no-keepalive", tunnel->members[i].pointer,
                                    "the NAT in front of it forgets the way in, and nobody outside reaches it any more",
                                    "\"keepalive\": \"25s\"", "'%s' has neither endpoint nor keepalive", tunnel->members[i].host->name);
}

/* The tunnel that would carry packets to this address, NULL: none. */
static const struct tunnel *tunnel_around(const fbn_fabric *f, const fbn_address *address)
{
        for (size_t i = 0; i < f->n_tunnels; i++) {
                const struct tunnel *tunnel = &f->tunnels[i];

                if (fbn_prefix_contains(&tunnel->prefix->prefix, address))
                        return tunnel;
                for (size_t j = 0; j < tunnel->n_announcers; j++)
                        for (size_t k = 0; k < tunnel->announcers[j]->n_announces; k++)
                                if (fbn_prefix_contains(&tunnel->announcers[j]->announces[k]->prefix, address))
                                        return tunnel;
        }
        return NULL;
}

static void lint_endpoint(struct lint *lint, const struct member *member)
{
        const struct tunnel *around;
        fbn_address address;
        char host[256];
        uint16_t port;

        word_split_host_port(member->endpoint, host, sizeof(host), &port);
        if (fbn_address_parse(host, &address) < 0)
                return;
        around = tunnel_around(lint->fabric, &address);
        if (around == member->tunnel)
                finding_add(lint, FBN_SEVERITY_ERROR, "endpoint-inside-tunnel", member->pointer,
                            "the tunnel's packets would be sent into the tunnel itself", "name an address outside of it",
                            "the endpoint %s of '%s' lies inside tunnel '%s'", host, member->host->name, around->name);
        else if (around && member->tunnel->mtu + 80 > around->mtu)
                finding_add(lint, FBN_SEVERITY_ERROR, "mtu-exceeds-underlay", member->pointer, "full packets do not fit and vanish",
                            "lower the inner MTU to the outer one less 80", "tunnel '%s' (MTU %u) runs inside tunnel '%s' (MTU %u)",
                            member->tunnel->name, member->tunnel->mtu, around->name, around->mtu);
}

static void lint_mtu(struct lint *lint, const struct tunnel *tunnel)
{
        if (tunnel->mtu > 1440)
                finding_add(lint, FBN_SEVERITY_WARNING, "mtu-exceeds-underlay", tunnel->pointer,
                            "on a path of 1,500 bytes full packets do not fit and vanish",
                            "1420 fits everywhere, 1440 where endpoints are IPv4", "tunnel '%s' has an MTU of %u", tunnel->name,
                            tunnel->mtu);
        if (tunnel->mtu < 1280 && tunnel->prefix->prefix.address.family == AF_INET6)
                finding_add(lint, FBN_SEVERITY_ERROR, "ipv6-mtu", tunnel->pointer,
                            "IPv6 needs 1,280 bytes: the kernel turns it off below (RFC 8200, section 5)", "\"mtu\": 1280 or more",
                            "tunnel '%s' carries IPv6 with an MTU of %u", tunnel->name, tunnel->mtu);
}

struct announced {
        const struct prefix *prefix;
        const struct member *member;
};

static int by_prefix(const void *a, const void *b)
{
        const struct announced *x = a, *y = b;

        if (x->prefix != y->prefix)
                return x->prefix < y->prefix ? -1 : 1;
        return x->member->index < y->member->index ? -1 : 1;
}

static size_t list_announced(const struct tunnel *tunnel, struct announced *list)
{
        size_t n = 0;

        for (size_t i = 0; i < tunnel->n_announcers; i++)
                for (size_t j = 0; j < tunnel->announcers[i]->n_announces; j++, n++)
                        if (list)
                                list[n] = (struct announced){tunnel->announcers[i]->announces[j], tunnel->announcers[i]};
        return n;
}

/* Equal allowed IPs: prefixes that merely overlap are found among the prefixes, addresses that are equal among the addresses. */
static void lint_announced_twice(struct lint *lint, const struct tunnel *tunnel)
{
        size_t n = list_announced(tunnel, NULL);
        struct announced *list = arena_alloc(&lint->scratch, n * sizeof(*list));

        if (!list) {
                lint->failed = true;
                return;
        }
        list_announced(tunnel, list);
        qsort(list, n, sizeof(*list), by_prefix);
        for (size_t i = 0; i < n; i++)
                if (list[i].prefix == tunnel->prefix)
                        finding_add(lint, FBN_SEVERITY_ERROR, "allowed-ips-overlap", list[i].member->pointer,
                                    "it would take the addresses of all other members", "leave it out of \"announces\"",
                                    "'%s' announces the tunnel's own prefix", list[i].member->host->name);
                else if (i && list[i - 1].prefix == list[i].prefix)
                        finding_add(lint, FBN_SEVERITY_ERROR, "allowed-ips-overlap", list[i].member->pointer,
                                    "allowed IPs belong to one peer: WireGuard gives them to the last and says nothing",
                                    "let one member announce it; a second way is what the mesh's subnet routers are for",
                                    "'%s' and '%s' both announce '%s' in tunnel '%s'", list[i - 1].member->host->name,
                                    list[i].member->host->name, list[i].prefix->name, tunnel->name);
}

static int by_key(const void *a, const void *b)
{
        const struct member *x = *(const struct member *const *)a, *y = *(const struct member *const *)b;
        int order = memcmp(x->public_key.bytes, y->public_key.bytes, sizeof(x->public_key.bytes));

        return order ? order : x->index < y->index ? -1 : 1;
}

static void lint_keys(struct lint *lint, const struct tunnel *tunnel)
{
        const struct member **list = arena_alloc(&lint->scratch, tunnel->n_members * sizeof(*list));

        if (!list) {
                lint->failed = true;
                return;
        }
        for (size_t i = 0; i < tunnel->n_members; i++)
                list[i] = &tunnel->members[i];
        qsort(list, tunnel->n_members, sizeof(*list), by_key);
        for (size_t i = 1; i < tunnel->n_members; i++)
                if (memcmp(&list[i - 1]->public_key, &list[i]->public_key, sizeof(fbn_key)) == 0)
                        finding_add(lint, FBN_SEVERITY_ERROR, "public-key-twice", list[i]->pointer,
                                    "WireGuard knows a peer by its key: the two are one to it",
                                    "make a key for each member: fabricnet key generate", "'%s' and '%s' have the same public key",
                                    list[i - 1]->host->name, list[i]->host->name);
}

static bool masquerades_to(const struct host *host, const struct prefix *prefix, bool wan, const struct prefix *towards)
{
        for (size_t i = 0; i < host->n_nat; i++) {
                const struct nat_entry *entry = &host->nat[i];

                if (entry->action != NAT_MASQUERADE || !entry->out.interface || (wan && !entry->out.interface->wan) ||
                    (towards && entry->out.interface->prefix != towards))
                        continue;
                for (size_t j = 0; j < entry->n_sources; j++)
                        if (entry->sources[j] == prefix)
                                return true;
        }
        return false;
}

static void lint_announcements(struct lint *lint, const struct member *member)
{
        if (!member->host->forwarding)
                finding_add(lint, FBN_SEVERITY_ERROR, "forwarding-off", member->pointer, "its kernel drops what is not for itself",
                            "\"forwarding\": true in /hosts, or announce nothing", "'%s' announces prefixes but does not forward",
                            member->host->name);
        for (size_t i = 0; i < member->n_announces; i++) {
                const struct prefix *prefix = member->announces[i];

                if (prefix->at && prefix->at != member->host && !masquerades_to(member->host, member->tunnel->prefix, false, prefix))
                        finding_add(lint, FBN_SEVERITY_WARNING, "no-return-route", member->pointer,
                                    "answers go to the segment's router, which knows no way back",
                                    "masquerade the tunnel's prefix into the segment, or add a route on its router",
                                    "'%s' announces '%s', whose router is '%s'", member->host->name, prefix->name, prefix->at->name);
        }
}

static void lint_road_warrior(struct lint *lint, const struct member *member)
{
        const struct member *relay = first_relay(member->tunnel);

        if (!relay)
                finding_add(lint, FBN_SEVERITY_ERROR, "road-warrior-without-relay", member->pointer,
                            "all its traffic goes into the tunnel and ends there", "give a member with an endpoint \"forwarding\": true",
                            "no member of tunnel '%s' passes on what '%s' sends", member->tunnel->name, member->host->name);
        else if (!masquerades_to(relay->host, member->tunnel->prefix, true, NULL))
                finding_add(lint, FBN_SEVERITY_ERROR, "road-warrior-without-masquerade", member->pointer,
                            "its packets leave with a private address and no answer comes back",
                            "in /nat, masquerade the tunnel's prefix out of the relay's WAN interface",
                            "'%s' does not masquerade '%s' for road warrior '%s'", relay->host->name, member->tunnel->prefix->name,
                            member->host->name);
}

static void lint_mesh_inside(struct lint *lint, const struct tunnel *tunnel)
{
        for (size_t i = 0; i < tunnel->n_members; i++)
                if (member_keeps_mesh_out(lint->fabric, &tunnel->members[i])) {
                        finding_add(
                                lint, FBN_SEVERITY_NOTE, "mesh-kept-out-of-tunnel", tunnel->pointer,
                                "they need 1,340 bytes of path and would vanish; tailscaled takes another path (its port must be 41641)",
                                "nothing, or an MTU of 1340 or more to carry them whole",
                                "mesh packets are kept out of tunnel '%s', MTU %u", tunnel->name, tunnel->mtu);
                        return;
                }
}

static void lint_tunnel(struct lint *lint, const struct tunnel *tunnel)
{
        lint_connections(lint, tunnel);
        lint_keepalives(lint, tunnel);
        lint_mtu(lint, tunnel);
        lint_announced_twice(lint, tunnel);
        lint_keys(lint, tunnel);
        lint_mesh_inside(lint, tunnel);
        for (size_t i = 0; i < tunnel->n_reachable; i++)
                lint_endpoint(lint, tunnel->reachable[i]);
        for (size_t i = 0; i < tunnel->n_announcers; i++)
                lint_announcements(lint, tunnel->announcers[i]);
        for (size_t i = 0; i < tunnel->n_members; i++)
                if (tunnel->members[i].road_warrior)
                        lint_road_warrior(lint, &tunnel->members[i]);
}

void lint_tunnels(struct lint *lint)
{
        for (size_t i = 0; i < lint->fabric->n_tunnels; i++)
                lint_tunnel(lint, &lint->fabric->tunnels[i]);
}
