/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "fabric/explain.h"

#include <sys/socket.h>

#define HOPS_MAX 32

static const char *prefix_text(struct explain *e, const fbn_prefix *prefix)
{
        char text[FBN_ADDRESS_TEXT];
        const char *copy = arena_strdup(&e->scratch, fbn_prefix_format(prefix, text, sizeof(text)));

        e->failed |= !copy;
        return copy ? copy : "";
}

static bool is_private(const fbn_address *address)
{
        static const char *const ranges[] = {"10.0.0.0/8",     "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
                                             "169.254.0.0/16", "fc00::/7",      "fe80::/10"};

        for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
                fbn_prefix range;

                fbn_prefix_parse(ranges[i], &range);
                if (fbn_prefix_contains(&range, address))
                        return true;
        }
        return false;
}

static bool same_end(const struct end *a, const struct end *b)
{
        if (a->address.family || b->address.family)
                return address_compare(&a->address, &b->address) == 0;
        return a->outside == b->outside;
}

static void remember(struct explain *e, struct packet *p, bool source, struct end before, struct end after)
{
        struct nat_done *done = arena_alloc(&e->scratch, sizeof(*done));

        e->failed |= !done;
        if (!done)
                return;
        *done = (struct nat_done){.host = p->host, .source = source, .before = before, .after = after, .next = p->done};
        p->done = done;
}

/* Connection tracking puts an answer's addresses back. */
static void put_back(struct explain *e, struct packet *p, bool source)
{
        for (const struct nat_done *done = p->done; done; done = done->next) {
                struct end *now = done->source ? &p->to : &p->from;

                if (done->host != p->host || done->source != source || !same_end(now, &done->after))
                        continue;
                *now = done->before;
                hop_add(e, p, "nat", NULL, "the connection is known: %s is %s again", done->source ? "its destination" : "its source",
                        end_text(e, now));
                return;
        }
}

static bool side_fits(const struct side *side, const struct way *way)
{
        if (!side->device)
                return true;
        if (side->tunnel)
                return way->kind == WAY_TUNNEL && way->member->tunnel == side->tunnel;
        return way->interface == side->interface;
}

/* An address that the file does not know is in no prefix but the one of all. */
static bool prefix_fits(const fbn_prefix *prefix, const struct end *end)
{
        return end->address.family ? fbn_prefix_contains(prefix, &end->address) : prefix->length == 0;
}

static bool prefixes_fit(const struct prefix *const *prefixes, size_t n, const struct end *end)
{
        for (size_t i = 0; i < n; i++)
                if (prefix_fits(&prefixes[i]->prefix, end))
                        return true;
        return n == 0;
}

static bool entry_fits(const struct nat_entry *entry, const struct packet *p, const struct way *out)
{
        return prefixes_fit(entry->sources, entry->n_sources, &p->from) && prefixes_fit(entry->destinations, entry->n_destinations, &p->to) &&
               side_fits(&entry->in, &p->in) && side_fits(&entry->out, out);
}

/* Prerouting: a port forward of this host's. */
static void translate_destination(struct explain *e, struct packet *p)
{
        if (p->back)
                return;
        for (size_t i = 0; i < p->host->n_nat; i++) {
                const struct nat_entry *entry = &p->host->nat[i];
                struct end before = p->to;

                if (entry->action != NAT_FORWARD || p->protocol != (entry->udp ? PROTOCOL_UDP : PROTOCOL_TCP) || p->port != entry->port ||
                    !side_fits(&entry->in, &p->in) || !host_has_address(p->host, &p->to))
                        continue;
                p->to = (struct end){.address = entry->target.address};
                p->port = entry->target.port;
                remember(e, p, false, before, p->to);
                hop_add(e, p, "nat", entry->pointer, "rule '%s': forwarded to %s port %u", entry->name, end_text(e, &p->to), p->port);
                return;
        }
}

static bool same_way(const struct way *a, const struct way *b)
{
        if (a->kind != b->kind)
                return false;
        return a->kind == WAY_TUNNEL ? a->member == b->member : a->kind == WAY_MESH || a->interface == b->interface;
}

/* After the destination's lookup, before anything else: would an answer leave where this came in? Source: net/ipv4/fib_frontend.c. */
static const char *check_reverse_path(struct explain *e, struct packet *p)
{
        static const char *const names[] = {[RP_FILTER_OFF] = "off", [RP_FILTER_STRICT] = "strict", [RP_FILTER_LOOSE] = "loose"};
        enum rp_filter filter = p->host->rp_filter;
        struct way reverse;

        if (p->in.kind == WAY_NONE || p->host->manager == MANAGER_NONE || filter == RP_FILTER_OFF || p->from.address.family == AF_INET6)
                return NULL;
        reverse = way_find(e, p->host, &p->from);
        if (reverse.kind == WAY_LOCAL) {
                hop_add(e, p, "rp-filter", p->host->pointer, "the source %s is an address of this host itself", end_text(e, &p->from));
                return "MARTIAN";
        }
        if (reverse.kind == WAY_NONE || (filter == RP_FILTER_STRICT && !same_way(&reverse, &p->in))) {
                hop_add(e, p, "rp-filter", p->host->pointer, "%s: came in by %s, but an answer to %s would leave by %s: dropped without a word",
                        names[filter], way_device(&p->in), end_text(e, &p->from), way_device(&reverse));
                return "RPF_DROP";
        }
        if (!same_way(&reverse, &p->in))
                hop_add(e, p, "rp-filter", p->host->pointer, "%s: passes, although an answer to %s leaves by %s", names[filter],
                        end_text(e, &p->from), way_device(&reverse));
        return NULL;
}

static const char *filter(struct explain *e, struct packet *p, const struct way *out)
{
        for (size_t i = 0; i < p->host->n_nat; i++) {
                const struct nat_entry *entry = &p->host->nat[i];

                if ((entry->action != NAT_ACCEPT && entry->action != NAT_DROP) || (entry->action == NAT_DROP && p->back) ||
                    !entry_fits(entry, p, out))
                        continue;
                hop_add(e, p, "filter", entry->pointer, "rule '%s': %s", entry->name, entry->action == NAT_ACCEPT ? "accepted" : "dropped");
                return entry->action == NAT_ACCEPT ? NULL : "DENIED_OUT";
        }
        return NULL;
}

/* Postrouting: masquerades, a hairpin's, and a subnet router's own, which tailscaled does with --snat-subnet-routes. */
static void translate_source(struct explain *e, struct packet *p, const struct way *out)
{
        struct end before = p->from;
        const char *pointer = NULL, *what = NULL;

        if (p->back)
                return;
        for (size_t i = 0; !what && i < p->host->n_nat; i++)
                if (p->host->nat[i].action == NAT_MASQUERADE && entry_fits(&p->host->nat[i], p, out)) {
                        what = p->host->nat[i].name;
                        pointer = p->host->nat[i].pointer;
                }
        if (!what && p->in.kind == WAY_MESH && out->kind != WAY_MESH) {
                what = "tailscaled's subnet router";
                pointer = p->host->node->pointer;
        }
        if (!what)
                return;
        p->from = way_source(p->host, out);
        if (same_end(&before, &p->from))
                return;
        remember(e, p, true, before, p->from);
        hop_add(e, p, "nat", pointer, "%s: the source %s becomes %s", what, end_text(e, &before), end_text(e, &p->from));
}

static const struct peer *peer_for(const struct peers *peers, const struct end *to)
{
        const struct peer *best = NULL;
        int best_length = -1;

        for (size_t i = 0; i < peers->n; i++)
                for (size_t j = 0; j < peers->items[i].n_allowed_ips; j++) {
                        const fbn_prefix *prefix = &peers->items[i].allowed_ips[j];

                        if (prefix->length > best_length && prefix_fits(prefix, to)) {
                                best = &peers->items[i];
                                best_length = prefix->length;
                        }
                }
        return best;
}

static void arrive(struct packet *p, const struct host *host, struct way in)
{
        p->host = host;
        p->in = in;
}

/* Into a tunnel: a peer whose allowed IPs hold the destination, which then looks whether they hold the source. */
static const char *through_tunnel(struct explain *e, struct packet *p, const struct way *way)
{
        const struct member *self = way->member, *other;
        struct peers mine = {0}, theirs = {0};
        const struct peer *peer, *reverse;

        e->failed |= !member_peers(&e->scratch, self, &mine);
        peer = peer_for(&mine, &p->to);
        if (!peer) {
                hop_add(e, p, "wireguard", self->pointer, "tunnel %s: no peer's allowed IPs hold %s", self->tunnel->name, end_text(e, &p->to));
                return "WG_NO_PEER";
        }
        other = peer->member;
        if (!other->endpoint && !other->keepalive && !p->back) {
                hop_add(e, p, "wireguard", other->pointer,
                        "tunnel %s: '%s' has no endpoint, and without a keepalive nobody knows where it is now", self->tunnel->name,
                        other->host->name);
                return "WG_NO_ENDPOINT";
        }
        hop_add(e, p, "wireguard", other->pointer, "tunnel %s: the allowed IPs of '%s' hold %s%s", self->tunnel->name, other->host->name,
                end_text(e, &p->to), other->endpoint ? "" : "; its endpoint is the one of its last packet");
        arrive(p, other->host, (struct way){.kind = WAY_TUNNEL, .member = other});
        e->failed |= !member_peers(&e->scratch, other, &theirs);
        reverse = peer_for(&theirs, &p->from);
        if (reverse && reverse->member == self)
                return NULL;
        hop_add(e, p, "wireguard", self->pointer, "tunnel %s: its allowed IPs of '%s' do not hold the source %s: dropped, counted as a frame error",
                self->tunnel->name, self->host->name, end_text(e, &p->from));
        return "WG_SRC_NOT_ALLOWED";
}

static bool is_of_node(const struct node *node, const struct end *end)
{
        if (!end->address.family)
                return true;
        if (address_compare(&node->address, &end->address) == 0)
                return true;
        for (size_t i = 0; i < node->n_advertises; i++)
                if (fbn_prefix_contains(&node->advertises[i]->prefix, &end->address))
                        return true;
        return false;
}

static const char *through_mesh(struct explain *e, struct packet *p, const struct way *way)
{
        const struct node *from = p->host->node;
        char unread[128] = "";

        if (!is_of_node(from, &p->from)) {
                hop_add(e, p, "mesh", from->pointer, "the source %s is none of node '%s': the other end drops it", end_text(e, &p->from),
                        from->host->name);
                return "WG_SRC_NOT_ALLOWED";
        }
        if (!p->back && !policy_passes(e, from, p, way->node, unread, sizeof(unread))) {
                hop_add(e, p, "mesh", e->fabric->mesh.policy_pointer, "the policy does not let '%s' reach %s", from->host->name,
                        end_text(e, &p->to));
                return "MESH_ACL";
        }
        if (*unread)
                hop_add(e, p, "mesh", e->fabric->mesh.policy_pointer, "of the policy %s: taken as if it let this pass", unread);
        hop_add(e, p, "mesh", way->pointer, "to node '%s'%s", way->node->host->name,
                way->length == 129 ? "" : ", the first that advertises it");
        arrive(p, way->node->host, (struct way){.kind = WAY_MESH, .node = from});
        return NULL;
}

static const struct host *host_on(const fbn_fabric *f, const struct prefix *segment, const struct end *end, const struct interface **ret_interface)
{
        for (size_t i = 0; i < f->n_hosts; i++)
                for (size_t j = 0; j < f->hosts[i].n_interfaces; j++)
                        if (f->hosts[i].interfaces[j].prefix == segment && end->address.family &&
                            address_compare(&f->hosts[i].interfaces[j].address, &end->address) == 0) {
                                *ret_interface = &f->hosts[i].interfaces[j];
                                return &f->hosts[i];
                        }
        return NULL;
}

static const char *through_segment(struct explain *e, struct packet *p, const struct way *way)
{
        const struct prefix *segment = way->interface->prefix;
        const struct interface *there = NULL;
        const struct host *next = way->gateway;

        if (next)
                there = host_interface_in(next, segment);
        else
                next = host_on(e->fabric, segment, &p->to, &there);
        if (!next) {
                hop_add(e, p, "segment", segment->pointer, "sent into '%s'; whether %s is there the file does not say", segment->name,
                        end_text(e, &p->to));
                return "DELIVERED_TO_SUBNET";
        }
        if (!there || !there->address.family) {
                hop_add(e, p, "segment", segment->pointer, "'%s' has no address in '%s' that could be asked for", next->name, segment->name);
                return "NEIGHBOR_UNREACHABLE";
        }
        hop_add(e, p, "segment", segment->pointer, "over '%s' to '%s'", segment->name, next->name);
        arrive(p, next, (struct way){.kind = there->wan ? WAY_OUTSIDE : WAY_SEGMENT, .interface = there});
        return NULL;
}

static const struct interface *uplink(const struct host *host)
{
        for (size_t i = 0; i < host->n_interfaces; i++)
                if (host->interfaces[i].wan)
                        return &host->interfaces[i];
        return NULL;
}

static const struct host *host_outside(const fbn_fabric *f, const struct end *end)
{
        if (!end->address.family)
                return end->outside;
        for (size_t i = 0; i < f->n_hosts; i++)
                for (size_t j = 0; j < f->hosts[i].n_interfaces; j++)
                        if (f->hosts[i].interfaces[j].wan && address_compare(&f->hosts[i].interfaces[j].address, &end->address) == 0)
                                return &f->hosts[i];
        return NULL;
}

static const char *through_outside(struct explain *e, struct packet *p, const struct way *way)
{
        const struct host *next = host_outside(e->fabric, &p->to);

        if (!next && is_private(&p->to.address)) {
                hop_add(e, p, "internet", way->pointer, "%s is private: nobody routes it there", end_text(e, &p->to));
                return "NO_ROUTE";
        }
        if (p->from.address.family && is_private(&p->from.address) && (!way->interface || !way->interface->address.family)) {
                hop_add(e, p, "internet", way->pointer, "the source %s is private: no answer would find its way back", end_text(e, &p->from));
                return "NO_ROUTE";
        }
        if (!next) {
                hop_add(e, p, "internet", way->pointer, "leaves by %s", way_device(way));
                return "EXITS_NETWORK";
        }
        hop_add(e, p, "internet", way->pointer, "over the Internet to '%s'", next->name);
        arrive(p, next, (struct way){.kind = WAY_OUTSIDE, .interface = uplink(next)});
        return NULL;
}

static const char *leave(struct explain *e, struct packet *p, const struct way *way)
{
        p->mtu = MIN(p->mtu, way_mtu(way));
        switch (way->kind) {
        case WAY_TUNNEL:
                return through_tunnel(e, p, way);
        case WAY_MESH:
                return through_mesh(e, p, way);
        case WAY_SEGMENT:
                return through_segment(e, p, way);
        default:
                return through_outside(e, p, way);
        }
}

static void tell_route(struct explain *e, const struct packet *p, const struct way *way)
{
        static const char *const tables[] = {[WAY_SEGMENT] = "main", [WAY_TUNNEL] = "main", [WAY_MESH] = "52", [WAY_OUTSIDE] = "main"};
        fbn_prefix matched = {.address = p->to.address, .length = way->length};

        if (way->kind == WAY_TUNNEL && way->length == 0) {
                hop_add(e, p, "route", way->pointer, "default dev %s: its own table, after what main knows better", way_device(way));
                return;
        }
        if (way->length && way->length < 129)
                fbn_prefix_network(&matched, &matched);
        if (way->gateway)
                hop_add(e, p, "route", way->pointer, "%s by way of '%s', dev %s", way->length ? prefix_text(e, &matched) : "default",
                        way->gateway->name, way_device(way));
        else if (way->length == 129 || way->kind == WAY_OUTSIDE)
                hop_add(e, p, "route", way->pointer, "%s dev %s, table %s", way->length ? end_text(e, &p->to) : "default", way_device(way),
                        tables[way->kind]);
        else
                hop_add(e, p, "route", way->pointer, "%s dev %s, table %s", prefix_text(e, &matched), way_device(way), tables[way->kind]);
}

/* One host: DNAT, lookup, reverse path, filter, SNAT, and out. */
static const char *pass(struct explain *e, struct packet *p, bool *ret_arrived)
{
        const char *end = NULL;
        struct way way;

        if (p->back)
                put_back(e, p, true);
        translate_destination(e, p);
        way = way_find(e, p->host, &p->to);
        end = check_reverse_path(e, p);
        if (end)
                return end;
        if (way.kind == WAY_LOCAL) {
                if (!p->from.address.family && !p->from.outside)
                        p->from = p->to;
                *ret_arrived = true;
                return NULL;
        }
        if (p->in.kind != WAY_NONE && !p->host->forwarding) {
                hop_add(e, p, "forward", p->host->pointer, "%s is no address of this host, and it does not forward", end_text(e, &p->to));
                return "FORWARDING_OFF";
        }
        if (way.kind == WAY_NONE) {
                hop_add(e, p, "route", p->host->pointer, "no route leads to %s", end_text(e, &p->to));
                return "NO_ROUTE";
        }
        tell_route(e, p, &way);
        if (!p->from.address.family && !p->from.outside)
                p->from = way_source(p->host, &way);
        if (p->in.kind != WAY_NONE)
                end = filter(e, p, &way);
        if (end)
                return end;
        if (p->back)
                put_back(e, p, false);
        translate_source(e, p, &way);
        return leave(e, p, &way);
}

const char *packet_walk(struct explain *e, struct packet *p)
{
        for (unsigned i = 0; i < HOPS_MAX; i++) {
                bool arrived = false;
                const char *end = pass(e, p, &arrived);

                if (arrived || end)
                        return end;
        }
        hop_add(e, p, "route", p->host->pointer, "it was passed on %d times and goes round in a circle", HOPS_MAX);
        return "LOOP";
}
