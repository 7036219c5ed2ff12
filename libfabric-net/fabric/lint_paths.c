/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "fabric/explain.h"
#include "fabric/lint.h"

#include <sys/socket.h>

/* What must hold, held against the way that a packet takes. */
static void lint_expectation(struct lint *lint, struct explain *e, const struct expectation *expectation)
{
        const char *disposition = explain_target(e, expectation->from, expectation);
        bool arrives = disposition && (streq(disposition, "ACCEPTED") || streq(disposition, "DELIVERED_TO_SUBNET") ||
                                       streq(disposition, "EXITS_NETWORK"));
        const fbn_fabric_hop *last = fbn_fabric_path_at(e->path, fbn_fabric_path_count(e->path) - 1);

        if (!e->failed && arrives != expectation->delivered)
                finding_add(lint, FBN_SEVERITY_ERROR, "expectation-fails", expectation->pointer, "what the file expects is not what it declares",
                            "'fabricnet explain FROM TO' shows the way; mend what decides it, or expect otherwise", "'%s' %s '%s': %s at '%s', %s",
                            expectation->from->name, arrives ? "reaches" : "does not reach", expectation->to, disposition ? disposition : "?",
                            last ? last->host : "", last ? last->text : "");
        lint->failed |= e->failed;
}

static void lint_expectations(struct lint *lint)
{
        const fbn_fabric *f = lint->fabric;

        for (size_t i = 0; i < f->n_expectations; i++) {
                struct fbn_fabric_path path = {.references = 1};
                struct explain e = {.c = lint->c, .fabric = f, .path = &path};

                lint_expectation(lint, &e, &f->expectations[i]);
                arena_free(&e.scratch);
                arena_free(&path.arena);
                memory_free(path.items);
        }
}

static bool covers(const fbn_prefix *outer, const fbn_prefix *inner)
{
        return inner->length >= outer->length && fbn_prefix_contains(outer, &inner->address);
}

static bool has_allowed_ips(struct lint *lint, const struct member *self, const fbn_prefix *prefix)
{
        struct peers peers = {0};

        lint->failed |= !member_peers(&lint->scratch, self, &peers);
        for (size_t i = 0; i < peers.n; i++)
                for (size_t j = 0; j < peers.items[i].n_allowed_ips; j++)
                        if (covers(&peers.items[i].allowed_ips[j], prefix))
                                return true;
        return false;
}

static void lint_routes(struct lint *lint, const struct host *host)
{
        for (size_t i = 0; i < host->n_routes; i++) {
                const struct static_route *route = &host->routes[i];

                if (route->tunnel && !has_allowed_ips(lint, host_member_of(host, route->tunnel), &route->to->prefix))
                        finding_add(lint, FBN_SEVERITY_ERROR, "route-without-allowed-ips", route->pointer,
                                    "WireGuard has no peer for it: packets are refused (ENOKEY)",
                                    "let the member that it lies behind announce the prefix", "'%s' leads into tunnel '%s', where nobody announces it",
                                    route->to->name, route->tunnel->name);
                if (route->via && !route->via->forwarding)
                        finding_add(lint, FBN_SEVERITY_ERROR, "forwarding-off", route->pointer, "its kernel drops what is not for itself",
                                    "\"forwarding\": true in /hosts, or another router", "'%s' leads by way of '%s', which does not forward",
                                    route->to->name, route->via->name);
        }
}

static bool is_announced(const struct member *member, const struct prefix *prefix)
{
        for (size_t i = 0; i < member->n_announces; i++)
                if (member->announces[i] == prefix)
                        return true;
        return false;
}

static bool is_masqueraded(const struct member *member, const struct prefix *prefix)
{
        for (size_t i = 0; i < member->host->n_nat; i++) {
                const struct nat_entry *entry = &member->host->nat[i];

                if (entry->action != NAT_MASQUERADE || entry->out.tunnel != member->tunnel)
                        continue;
                for (size_t j = 0; j < entry->n_sources; j++)
                        if (entry->sources[j] == prefix)
                                return true;
        }
        return false;
}

/* The router of a segment sends its packets into the tunnel too: the other end must know the sources. */
static void lint_sources(struct lint *lint, const struct member *member)
{
        const struct host *host = member->host;

        for (size_t i = 0; host->forwarding && i < host->n_interfaces; i++) {
                const struct prefix *segment = host->interfaces[i].prefix;

                if (host->interfaces[i].wan || !segment || segment->at != host || is_announced(member, segment) || is_masqueraded(member, segment))
                        continue;
                finding_add(lint, FBN_SEVERITY_WARNING, "source-not-allowed", member->pointer,
                            "its peers' allowed IPs do not hold these sources: packets are dropped without a word",
                            "announce the segment, or masquerade it out of the tunnel", "'%s' is the router of '%s' and neither announces nor masquerades it in '%s'",
                            host->name, segment->name, member->tunnel->name);
        }
}

/* Outer headers: 60 bytes over IPv4, 80 over IPv6, which an endpoint by name may turn out to be. */
static void lint_underlay(struct lint *lint, const struct member *member)
{
        for (size_t i = 0; i < member->host->n_interfaces; i++) {
                const struct interface *interface = &member->host->interfaces[i];

                if (interface->wan && interface->mtu && member->mtu + 60 > interface->mtu)
                        finding_add(lint, FBN_SEVERITY_ERROR, "mtu-exceeds-underlay", member->pointer, "full packets do not fit and vanish",
                                    "\"mtu\" of the tunnel or the member: the uplink's less 80", "tunnel '%s' (MTU %u) leaves '%s' by '%s' (MTU %u)",
                                    member->tunnel->name, member->mtu, member->host->name, interface->name, interface->mtu);
        }
        if (member->host->manager == MANAGER_NONE && member->n_announces)
                finding_add(lint, FBN_SEVERITY_WARNING, "no-mss-clamp", member->pointer,
                            "TCP through it starts with segments that do not fit, and where ICMP is filtered it hangs",
                            "clamp the MSS on it by hand to the tunnel's MTU less 40, or let it be managed", "nobody clamps the MSS on '%s'",
                            member->host->name);
}

static void lint_settings(struct lint *lint, const struct host *host)
{
        for (size_t i = 0; i < host->n_settings; i++) {
                const struct setting *setting = &host->settings[i];
                bool wrong = false;

                if (streq(setting->key, "net.ipv4.ip_forward") || streq(setting->key, "net.ipv4.conf.all.forwarding"))
                        wrong = host->forwarding != (setting->value != 0);
                else if (streq(setting->key, "net.ipv4.conf.all.rp_filter") || streq(setting->key, "net.ipv4.conf.default.rp_filter"))
                        wrong = setting->value != (int64_t)host->rp_filter;
                else if (streq(setting->key, "net.ipv4.conf.all.src_valid_mark"))
                        for (const struct member *member = host->memberships; member; member = member->next_of_host)
                                wrong |= member->road_warrior && setting->value != 1;
                if (wrong)
                        finding_add(lint, FBN_SEVERITY_ERROR, "setting-conflict", setting->pointer, "the fabric sets it otherwise, and wins",
                                    "say it with \"forwarding\" or \"rp_filter\", or leave it out", "%s is %lld, which '%s' contradicts elsewhere",
                                    setting->key, (long long)setting->value, host->name);
        }
}

/* A device without an address whose reverse route does not match drops even in loose mode. Source: net/ipv4/fib_frontend.c,
 * __fib_validate_source(), no_addr. */
static bool is_trunk(const struct host *host, const struct interface *interface)
{
        for (size_t i = 0; i < host->n_interfaces; i++)
                if (host->interfaces[i].trunk == interface)
                        return true;
        return false;
}

static void lint_addressless(struct lint *lint, const struct host *host)
{
        for (size_t i = 0; i < host->n_interfaces; i++)
                if (host->forwarding && host->rp_filter != RP_FILTER_OFF && !host->interfaces[i].wan && !host->interfaces[i].address.family &&
                    !is_trunk(host, &host->interfaces[i]))
                        finding_add(lint, FBN_SEVERITY_WARNING, "addressless-device", host->interfaces[i].pointer,
                                    "a reverse-path filter drops on it what is not routed back there, loose as it may be",
                                    "give it an \"address\", or \"wan\": true", "'%s' of '%s' has no address", host->interfaces[i].name, host->name);
}

static bool drops(const struct nat_entry *drop, const struct nat_entry *forward)
{
        bool any = drop->n_sources == 0, to = drop->n_destinations == 0;

        for (size_t i = 0; i < drop->n_sources; i++)
                any |= drop->sources[i]->prefix.length == 0;
        for (size_t i = 0; i < drop->n_destinations; i++)
                to |= fbn_prefix_contains(&drop->destinations[i]->prefix, &forward->target.address);
        return any && to && (!drop->in.device || !forward->in.device || streq(drop->in.device, forward->in.device));
}

static void lint_forward(struct lint *lint, const struct host *host, const struct nat_entry *forward)
{
        const struct end target = {.address = forward->target.address};
        struct explain e = {.c = lint->c, .fabric = lint->fabric};
        struct way way = way_find(&e, host, &target);

        lint->failed |= e.failed;
        arena_free(&e.scratch);
        if (way.kind == WAY_NONE || way.kind == WAY_OUTSIDE)
                finding_add(lint, FBN_SEVERITY_WARNING, "forward-leads-nowhere", forward->pointer, "connections are sent on to where nobody is",
                            "name an address behind an interface, a tunnel or the mesh", "no declared way leads from '%s' to %s", host->name,
                            lint_address_text(lint, &forward->target.address));
        for (size_t i = 0; i < host->n_nat; i++) {
                if (host->nat[i].action == NAT_ACCEPT)
                        return;
                if (host->nat[i].action == NAT_DROP && drops(&host->nat[i], forward))
                        finding_add(lint, FBN_SEVERITY_ERROR, "forward-dropped", forward->pointer, "a forward is no permission: the drop sees its packets too",
                                    "put an \"accept\" before the drop", "rule '%s' of '%s' drops what '%s' forwards", host->nat[i].name, host->name,
                                    forward->name);
        }
}

static void lint_routers_of_segments(struct lint *lint)
{
        const fbn_fabric *f = lint->fabric;

        for (size_t i = 0; i < f->n_prefixes; i++) {
                const struct prefix *prefix = &f->prefixes[i];
                const struct interface *interface = prefix->at ? host_interface_in(prefix->at, prefix) : NULL;

                if (prefix->at && prefix->at->n_interfaces && !interface)
                        finding_add(lint, FBN_SEVERITY_WARNING, "router-without-address", prefix->pointer, "its hosts have no next hop to send to",
                                    "declare the router's interface and address on it, or take \"at\" out", "'%s' is the router of '%s' without an address in it",
                                    prefix->at->name, prefix->name);
                for (size_t j = 0; prefix->vlan && prefix->at && j < i; j++)
                        if (f->prefixes[j].at == prefix->at && f->prefixes[j].vlan == prefix->vlan)
                                finding_add(lint, FBN_SEVERITY_ERROR, "vlan-twice", prefix->pointer, "one tag is one segment: the two would be mixed",
                                            "give one of them another tag", "'%s' and '%s' both have VLAN %u at '%s'", f->prefixes[j].name, prefix->name,
                                            prefix->vlan, prefix->at->name);
        }
}

void lint_paths(struct lint *lint)
{
        const fbn_fabric *f = lint->fabric;

        lint_expectations(lint);
        lint_routers_of_segments(lint);
        for (size_t i = 0; i < f->n_hosts; i++) {
                const struct host *host = &f->hosts[i];

                lint_routes(lint, host);
                lint_settings(lint, host);
                lint_addressless(lint, host);
                for (size_t j = 0; j < host->n_nat; j++)
                        if (host->nat[j].action == NAT_FORWARD)
                                lint_forward(lint, host, &host->nat[j]);
                for (const struct member *member = host->memberships; member; member = member->next_of_host) {
                        lint_sources(lint, member);
                        lint_underlay(lint, member);
                }
        }
}
