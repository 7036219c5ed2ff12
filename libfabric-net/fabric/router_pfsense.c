/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/router.h"
#include "fabric/names.h"
#include "fabric/words.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define TUNNEL_DEVICE "tun_wg"
#define TAILSCALE_PORT "41641"
#define NAME_MAX_PFSENSE 31 /* of a gateway. Source: system_gateways_edit.php */

/* content is ours to release. */
static int add(struct routing *r, const char *kind, const char *name, json_t *content, const fbn_secret *secret)
{
        char *text = content ? json_dumps(content, JSON_COMPACT) : NULL;
        int result = text ? fbn_router_add(r->c, r->router, FBN_OPTIONS(fbn_router_object, .kind = kind, .name = name, .content = text, .secret = secret))
                          : fail_memory(r->c);

        memory_free(text);
        json_decref(content);
        return result;
}

/* What pfSense takes for a name in its own rules: "FBN_S2S_VPS". */
static const char *label(char *buffer, size_t size, const char *first, const char *second)
{
        int length = snprintf(buffer, MIN(size, (size_t)NAME_MAX_PFSENSE + 1), second ? "FBN_%s_%s" : "FBN_%s", first, second);

        for (int i = 0; i < length && buffer[i]; i++)
                buffer[i] = isalnum((unsigned char)buffer[i]) ? (char)toupper((unsigned char)buffer[i]) : '_';
        return buffer;
}

static json_t *number(uint64_t value)
{
        char text[24];

        snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
        return json_string(text);
}

static json_t *at_device(const char *device)
{
        char text[64];

        snprintf(text, sizeof(text), "@%s", device);
        return json_string(text);
}

static json_t *prefix_text(const fbn_prefix *prefix)
{
        char text[FBN_ADDRESS_TEXT];

        return json_string(fbn_prefix_format(prefix, text, sizeof(text)));
}

static const char *family_word(const fbn_address *address)
{
        return address->family == AF_INET6 ? "inet6" : "inet";
}

/* The MSS that pfSense takes is an MTU: it subtracts the headers itself. Source: filter.inc, filter_generate_scrubing(). */
static int add_interface(struct routing *r, const struct desired_tunnel *tunnel)
{
        bool v6 = tunnel->address.address.family == AF_INET6;
        char descr[64], address[FBN_ADDRESS_TEXT];
        json_t *content = json_object();

        fbn_address_format(&tunnel->address.address, address, sizeof(address));
        json_object_set_new(content, "descr", json_string(label(descr, sizeof(descr), tunnel->self->tunnel->name, NULL)));
        json_object_set_new(content, "enable", json_string(""));
        json_object_set_new(content, v6 ? "ipaddrv6" : "ipaddr", json_string(address));
        json_object_set_new(content, v6 ? "subnetv6" : "subnet", number(tunnel->address.length));
        json_object_set_new(content, "mtu", number(tunnel->self->mtu));
        json_object_set_new(content, "mss", number(tunnel->self->mtu));
        return add(r, "interface", tunnel->device, content, NULL);
}

/* In base64, as pfSense has it; NULL: it is not here. */
static int open_key(struct routing *r, const struct secret_source *source, const struct member *self, fbn_secret **ret_text)
{
        FBN_CLEANUP(fbn_secret) text = NULL;
        FBN_CLEANUP(fbn_secret) key = NULL;
        fbn_key public_key;
        int result;

        if (!source || !source->pointer)
                return 0;
        result = router_open_secret(r, source, &text);
        if (result < 0 || !text)
                return result;
        result = fbn_key_decode(r->c, text, &key);
        if (result == 0 && self)
                result = fbn_key_public(r->c, key, &public_key);
        if (result == 0 && self && memcmp(&public_key, &self->public_key, sizeof(public_key)) != 0)
                result = fail(r->c, FBN_EINVAL, "this private key does not belong to the declared \"public_key\" of '%s'", self->host->name);
        if (result == 0)
                result = fbn_key_encode(r->c, key, ret_text);
        return fail_in(r->c, result, "%s", source->pointer);
}

/* pfSense wants a port where others take any: one that no other tunnel of it has. */
static unsigned listen_port(const struct desired_tunnel *tunnel)
{
        return tunnel->self->listen ? tunnel->self->listen : 51820 + (unsigned)strtoul(tunnel->device + strlen(TUNNEL_DEVICE), NULL, 10) % 1000;
}

static int add_tunnel(struct routing *r, const struct desired_tunnel *tunnel)
{
        FBN_CLEANUP(fbn_secret) key = NULL;
        char public_key[FBN_KEY_TEXT];
        int result = open_key(r, &tunnel->self->private_key, tunnel->self, &key);

        if (result < 0)
                return result;
        return add(r, "tunnel", tunnel->self->tunnel->name,
                   json_pack("{s:s, s:s, s:o, s:s, s:o, s:s}", "name", tunnel->device, "enabled", "yes", "listenport", number(listen_port(tunnel)), "publickey",
                             fbn_key_format(&tunnel->self->public_key, public_key, sizeof(public_key)), "mtu", number(tunnel->self->mtu), "addresses", ""),
                   key);
}

static json_t *allowed_ips(const struct peer *peer)
{
        json_t *rows = json_array();

        for (size_t i = 0; i < peer->n_allowed_ips; i++) {
                char address[FBN_ADDRESS_TEXT];

                json_array_append_new(rows, json_pack("{s:s, s:o, s:s}", "address",
                                                      fbn_address_format(&peer->allowed_ips[i].address, address, sizeof(address)), "mask",
                                                      number(peer->allowed_ips[i].length), "descr", ""));
        }
        return json_pack("{s:o}", "row", rows);
}

static int add_peer(struct routing *r, const struct desired_tunnel *tunnel, const struct peer *peer)
{
        FBN_CLEANUP(fbn_secret) preshared = NULL;
        const struct member *self = tunnel->self;
        char public_key[FBN_KEY_TEXT], name[160], host[256];
        uint16_t port;
        json_t *content;
        int result = open_key(r, peer->preshared_key, NULL, &preshared);

        if (result < 0)
                return result;
        content = json_pack("{s:s, s:s}", "enabled", "yes", "tun", tunnel->device);
        if (peer->member->endpoint && word_split_host_port(peer->member->endpoint, host, sizeof(host), &port)) {
                json_object_set_new(content, "endpoint", json_string(host));
                json_object_set_new(content, "port", number(port));
        }
        if (self->keepalive)
                json_object_set_new(content, "persistentkeepalive", number(self->keepalive));
        json_object_set_new(content, "publickey", json_string(fbn_key_format(&peer->member->public_key, public_key, sizeof(public_key))));
        json_object_set_new(content, "allowedips", allowed_ips(peer));
        snprintf(name, sizeof(name), "%s/%s", self->tunnel->name, peer->member->host->name);
        return add(r, "peer", name, content, preshared);
}

static int add_gateway(struct routing *r, const char *name, const char *device, const fbn_address *address, const char *called)
{
        char text[FBN_ADDRESS_TEXT];
        int result = add(r, "gateway", name,
                         json_pack("{s:o, s:s, s:s, s:s, s:s, s:s}", "interface", at_device(device), "gateway", fbn_address_format(address, text, sizeof(text)), "name",
                                   called, "weight", "1", "ipprotocol", family_word(address), "monitor_disable", ""),
                         NULL);

        return result == -FBN_EEXIST ? 0 : result;
}

static int add_route(struct routing *r, const fbn_prefix *to, const char *gateway)
{
        char name[FBN_ADDRESS_TEXT];
        int result = add(r, "route", fbn_prefix_format(to, name, sizeof(name)), json_pack("{s:o, s:s}", "network", prefix_text(to), "gateway", gateway), NULL);

        return result == -FBN_EEXIST ? 0 : result;
}

static bool inside(const fbn_prefix *outer, const fbn_prefix *inner)
{
        return inner->length >= outer->length && fbn_prefix_contains(outer, &inner->address);
}

/* WireGuard on pfSense makes no routes of allowed IPs: what lies behind a peer is routed to its address. */
static int add_peer_routes(struct routing *r, const struct desired_tunnel *tunnel, const struct peer *peer)
{
        char name[160], called[64];
        int result = 0;

        snprintf(name, sizeof(name), "%s/%s", tunnel->self->tunnel->name, peer->member->host->name);
        label(called, sizeof(called), tunnel->self->tunnel->name, peer->member->host->name);
        for (size_t i = 0; result == 0 && i < peer->n_allowed_ips; i++) {
                if (inside(&tunnel->address, &peer->allowed_ips[i]))
                        continue;
                result = add_gateway(r, name, tunnel->device, &peer->member->address, called);
                if (result == 0)
                        result = add_route(r, &peer->allowed_ips[i], called);
        }
        return result;
}

static int add_static_route(struct routing *r, const struct static_route *route)
{
        char name[160], called[64];
        int result;

        if (!route->via)
                return 0; /* a tunnel's, with its peers */
        snprintf(name, sizeof(name), "via/%s", route->via->name);
        label(called, sizeof(called), "VIA", route->via->name);
        result = add_gateway(r, name, route->interface->name, &route->gateway, called);
        if (result == 0)
                result = add_route(r, &route->to->prefix, called);
        return fail_in(r->c, result, "%s", route->pointer);
}

/* Its number in logs, which pfSense does not make up for rules that it did not write. */
static json_t *tracker(const char *name)
{
        uint32_t hash = 2166136261u;

        for (; *name; name++)
                hash = (hash ^ (uint8_t)*name) * 16777619u;
        return number(hash % 1000000000u + 1000000000u);
}

static json_t *place(const fbn_prefix *prefix)
{
        return prefix ? json_pack("{s:o}", "address", prefix_text(prefix)) : json_pack("{s:s}", "any", "");
}

/* Without a device wherever it comes in: a floating rule, which decides at once. */
static int add_rule(struct routing *r, const char *name, const char *type, const char *device, const fbn_prefix *from, const fbn_prefix *to)
{
        const fbn_prefix *known = from ? from : to;
        json_t *content = json_pack("{s:s, s:o, s:s, s:o, s:s, s:s, s:o, s:o}", "id", "", "tracker", tracker(name), "type", type, "interface",
                                    device ? at_device(device) : json_string("any"), "ipprotocol", known ? family_word(&known->address) : "inet46", "statetype",
                                    "keep state", "source", place(from), "destination", place(to));

        if (!device) {
                json_object_set_new(content, "floating", json_string("yes"));
                json_object_set_new(content, "quick", json_string("yes"));
                json_object_set_new(content, "direction", json_string("in"));
        }
        return add(r, "rule", name, content, NULL);
}

static int add_listen_rules(struct routing *r, const struct desired_tunnel *tunnel)
{
        const struct host *host = r->desired->host;
        int result = 0;

        for (size_t i = 0; result == 0 && tunnel->self->endpoint && i < host->n_interfaces; i++) {
                char name[128];

                if (!host->interfaces[i].wan)
                        continue;
                snprintf(name, sizeof(name), "%s listens %s", tunnel->self->tunnel->name, host->interfaces[i].name);
                result = add(r, "rule", name,
                             json_pack("{s:s, s:o, s:s, s:o, s:s, s:s, s:s, s:{s:s}, s:{s:s, s:o}}", "id", "", "tracker", tracker(name), "type", "pass", "interface",
                                       at_device(host->interfaces[i].name), "ipprotocol", "inet46", "statetype", "keep state", "protocol", "udp", "source", "any", "",
                                       "destination", "network", "(self)", "port", number(listen_port(tunnel))),
                             NULL);
        }
        return result;
}

/* The mesh's own packets do not fit the tunnel: they are to find another way. */
static int add_keep_out(struct routing *r, const struct desired_tunnel *tunnel)
{
        char name[128];

        snprintf(name, sizeof(name), "mesh out of %s", tunnel->self->tunnel->name);
        return add(r, "rule", name,
                   json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:{s:s, s:s}, s:{s:s}}", "id", "", "tracker", tracker(name), "type", "block",
                             "floating", "yes", "quick", "yes", "direction", "out", "interface", at_device(tunnel->device), "ipprotocol", "inet46", "statetype",
                             "keep state", "protocol", "udp", "source", "any", "", "port", TAILSCALE_PORT, "destination", "any", ""),
                   NULL);
}

/* Where a rule of pfSense looks: at the interface that a packet comes in by. */
static const char *side_device(const struct host *host, const struct nat_entry *entry, const struct prefix *source)
{
        const struct interface *interface = source ? host_interface_in(host, source) : NULL;

        return entry->in.device ? entry->in.device : interface ? interface->name : NULL;
}

/* A host's addresses have all its name. */
static const char *filter_name(const struct nat_entry *entry, const struct prefix *from, const struct prefix *to, char *buffer, size_t size)
{
        char address[FBN_ADDRESS_TEXT] = "";

        if (from && from->prefix.length >= 32)
                fbn_address_format(&from->prefix.address, address, sizeof(address));
        snprintf(buffer, size, "%s %s%s%s%s%s", entry->name, from ? from->name : "all", *address ? " " : "", address, to ? " " : "", to ? to->name : "");
        return buffer;
}

/* A drop of all that goes to a segment is for what is forwarded there: its own hosts reach the router's address in it. */
static int add_own(struct routing *r, const struct nat_entry *entry, const struct prefix *to)
{
        char name[256];

        return add_rule(r, filter_name(entry, to, to, name, sizeof(name)), "pass", NULL, &to->prefix, &to->prefix);
}

static int add_filter(struct routing *r, const struct nat_entry *entry, const struct prefix *from, const struct prefix *to)
{
        const char *device = side_device(r->desired->host, entry, from);
        char name[256];
        int result = 0;

        if (entry->out.device && !to)
                return fail(r->c, FBN_EUNSUPPORTED, "%s: pfSense filters where packets come in, and does not know there by which interface they leave: say \"to\"",
                            entry->pointer);
        if (!from && !to && !device)
                return fail(r->c, FBN_EUNSUPPORTED, "%s: of all traffic that is forwarded pfSense cannot tell its own: say \"to\" or \"in\"", entry->pointer);
        if (!from && to && entry->action == NAT_DROP)
                result = add_own(r, entry, to);
        return result < 0 ? result
                          : add_rule(r, filter_name(entry, from, to, name, sizeof(name)), entry->action == NAT_ACCEPT ? "pass" : "block",
                                     device, from ? &from->prefix : NULL, to ? &to->prefix : NULL);
}

static int add_outbound(struct routing *r, const struct nat_entry *entry, const struct prefix *from, const struct prefix *to)
{
        char name[256];

        return add(r, "nat", filter_name(entry, from, to, name, sizeof(name)),
                   json_pack("{s:o, s:{s:o}, s:s, s:s, s:s, s:o, s:s}", "interface", at_device(entry->out.device), "source", "network", prefix_text(&from->prefix),
                             "sourceport", "", "target", "", "target_subnet", "", "destination",
                             to ? json_pack("{s:o}", "network", prefix_text(&to->prefix)) : json_pack("{s:s}", "any", ""), "ipprotocol",
                             family_word(&from->prefix.address)),
                   NULL);
}

static int add_entry(struct routing *r, const struct nat_entry *entry)
{
        int result = 0;

        if (entry->action == NAT_FORWARD)
                return fail(r->c, FBN_EUNSUPPORTED, "%s: port forwards of pfSense are not written yet; Firewall > NAT > Port Forward does", entry->pointer);
        for (size_t i = 0; result == 0 && i < MAX(entry->n_sources, (size_t)1); i++)
                for (size_t j = 0; result == 0 && j < MAX(entry->n_destinations, (size_t)1); j++) {
                        const struct prefix *from = entry->n_sources ? entry->sources[i] : NULL, *to = entry->n_destinations ? entry->destinations[j] : NULL;

                        result = entry->action == NAT_MASQUERADE ? add_outbound(r, entry, from, to) : add_filter(r, entry, from, to);
                }
        return fail_in(r->c, result, "%s", entry->pointer);
}

static int add_entries(struct routing *r)
{
        const struct host *host = r->desired->host;
        bool translates = false;
        int result = 0;

        for (size_t i = 0; result == 0 && i < host->n_nat; i++) {
                translates |= host->nat[i].action == NAT_MASQUERADE;
                result = add_entry(r, &host->nat[i]);
        }
        return result == 0 && translates ? add(r, "outbound", "page", json_pack("{s:s}", "mode", "hybrid"), NULL) : result;
}

static int add_name(struct routing *r, const fbn_dns_route *route)
{
        const char *dot = strchr(route->suffix, '.'), *full = route->suffix + 1;
        char host[256], address[FBN_ADDRESS_TEXT];

        if (!dot || route->n_addresses == 0)
                return 0;
        snprintf(host, sizeof(host), "%.*s", (int)(dot - full), full);
        return add(r, "host", full,
                   json_pack("{s:s, s:s, s:s, s:s}", "host", host, "domain", dot + 1, "ip",
                             fbn_address_format(&route->addresses[0], address, sizeof(address)), "aliases", ""),
                   NULL);
}

static int add_names(struct routing *r)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        int result = names_routes(r->c, r->desired->fabric, r->desired->host, true, &routes);

        for (size_t i = 0; result == 0 && i < fbn_dns_routes_count(routes); i++) {
                const fbn_dns_route *route = fbn_dns_routes_at(routes, i);
                char address[FBN_ADDRESS_TEXT];

                if (route->suffix[0] == '=')
                        result = add_name(r, route);
                else if (route->n_upstreams > 0)
                        result = add(r, "domain", route->suffix,
                                     json_pack("{s:s, s:s, s:s}", "domain", route->suffix, "ip",
                                               fbn_address_format(&route->upstreams[0].address, address, sizeof(address)), "tls_hostname", ""),
                                     NULL);
        }
        return result;
}

static json_t *acl_row(const fbn_prefix *prefix)
{
        char address[FBN_ADDRESS_TEXT];

        return json_pack("{s:s, s:o, s:s}", "acl_network", fbn_address_format(&prefix->address, address, sizeof(address)), "mask", number(prefix->length),
                         "description", "");
}

static bool answers_names(const struct routing *r)
{
        const fbn_fabric *fabric = r->desired->fabric;

        for (size_t i = 0; i < fabric->n_zones; i++)
                if (fabric->zones[i].at == r->desired->host)
                        return true;
        for (size_t i = 0; i < fabric->mesh.n_splits; i++)
                if (fabric->mesh.splits[i].host == r->desired->host)
                        return true;
        return false;
}

/* Unbound answers its own segments by itself; who comes through a tunnel or the mesh is to be let in. */
static int add_askers(struct routing *r)
{
        const struct desired *desired = r->desired;
        json_t *rows = json_array();

        for (size_t i = 0; i < desired->n_tunnels; i++)
                for (size_t j = 0; j < desired->tunnels[i].peers.n; j++)
                        for (size_t k = 0; k < desired->tunnels[i].peers.items[j].n_allowed_ips; k++)
                                json_array_append_new(rows, acl_row(&desired->tunnels[i].peers.items[j].allowed_ips[k]));
        if (desired->host->node)
                json_array_append_new(rows, acl_row(&desired->fabric->mesh.prefix->prefix));
        if (json_array_size(rows) == 0 || !answers_names(r)) {
                json_decref(rows);
                return 0;
        }
        return add(r, "acl", "askers", json_pack("{s:s, s:s, s:o}", "aclname", "fabricnet", "aclaction", "allow", "row", rows), NULL);
}

static int add_node(struct routing *r)
{
        const struct node *node = r->desired->host->node;
        FBN_CLEANUP(fbn_secret) key = NULL;
        json_t *rows = json_array();
        int result;

        for (size_t i = 0; i < node->n_advertises; i++)
                json_array_append_new(rows, json_pack("{s:o}", "advertisedroutevalue", prefix_text(&node->advertises[i]->prefix)));
        result = add(r, "tailscale", "page",
                     json_pack("{s:s, s:s, s:o}", "enable", "on", "acceptroutes", node->accepts_routes ? "on" : "off", "row", rows), NULL);
        if (result < 0 || !r->options->auth_key_file)
                return result;
        result = fbn_secret_read_file(r->c, r->options->auth_key_file, &key);
        return result < 0 ? result : add(r, "login", "page", json_pack("{s:s}", "loginserver", r->desired->fabric->mesh.url), key);
}

static int check_tunnel(struct routing *r, const struct desired_tunnel *tunnel)
{
        const char *digits = tunnel->device + strlen(TUNNEL_DEVICE);

        if (strncmp(tunnel->device, TUNNEL_DEVICE, strlen(TUNNEL_DEVICE)) != 0 || !*digits || digits[strspn(digits, "0123456789")])
                return fail(r->c, FBN_EUNSUPPORTED, "%s: pfSense calls its tunnels tun_wg0, tun_wg1, …: name the \"interface\" so", tunnel->self->pointer);
        if (tunnel->mark)
                return fail(r->c, FBN_EUNSUPPORTED, "%s: all traffic through a tunnel takes policy routing, which is not written for pfSense", tunnel->self->pointer);
        return 0;
}

static int add_one_tunnel(struct routing *r, const struct desired_tunnel *tunnel)
{
        char name[128];
        int result = check_tunnel(r, tunnel);

        if (result == 0)
                result = add_interface(r, tunnel);
        if (result == 0)
                result = add_tunnel(r, tunnel);
        for (size_t i = 0; result == 0 && i < tunnel->peers.n; i++) {
                result = add_peer(r, tunnel, &tunnel->peers.items[i]);
                if (result == 0)
                        result = add_peer_routes(r, tunnel, &tunnel->peers.items[i]);
        }
        if (result == 0 && member_keeps_mesh_out(r->desired->fabric, tunnel->self))
                result = add_keep_out(r, tunnel);
        if (result == 0)
                result = add_listen_rules(r, tunnel);
        snprintf(name, sizeof(name), "%s in", tunnel->self->tunnel->name);
        return result < 0 ? result : add_rule(r, name, "pass", tunnel->device, NULL, NULL);
}

int router_add_pfsense(struct routing *r)
{
        const struct desired *desired = r->desired;
        int result = add_entries(r); /* before what lets all of a tunnel in */

        if (result == 0 && desired->n_tunnels > 0)
                result = add(r, "wireguard", "page", json_pack("{s:s}", "enable", "on"), NULL);
        for (size_t i = 0; result == 0 && i < desired->n_tunnels; i++)
                result = add_one_tunnel(r, &desired->tunnels[i]);
        for (size_t i = 0; result == 0 && i < desired->host->n_routes; i++)
                result = add_static_route(r, &desired->host->routes[i]);
        if (result == 0)
                result = add_names(r);
        if (result == 0)
                result = add_askers(r);
        return result == 0 && desired->host->node ? add_node(r) : result;
}
