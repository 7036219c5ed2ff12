/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "fabric/import.h"

#include <fabricnet/link.h>
#include <fabricnet/nat.h>
#include <fabricnet/route.h>
#include <fabricnet/sysctl.h>
#include <stdio.h>
#include <stdlib.h>

/* What stands on this host: its links and their addresses, its settings, WireGuard interfaces, and the rules of our own table. */

struct host_state {
        struct import *import;
        fbn_links *links;
        fbn_link_addresses *addresses;
        const char *uplink; /* device of the default route, "": none */
};

static void host_state_free(struct host_state *state)
{
        fbn_links_unref(state->links);
        fbn_link_addresses_unref(state->addresses);
}

static const fbn_link *link_of(const struct host_state *state, const char *device)
{
        for (size_t i = 0; i < fbn_links_count(state->links); i++)
                if (streq(fbn_links_at(state->links, i)->name, device))
                        return fbn_links_at(state->links, i);
        return NULL;
}

static const fbn_link_address *address_of(const struct host_state *state, const char *device)
{
        for (size_t i = 0; i < fbn_link_addresses_count(state->addresses); i++) {
                const fbn_link_address *address = fbn_link_addresses_at(state->addresses, i);

                if (streq(address->device, device) && address->scope == FBN_LINK_SCOPE_GLOBAL)
                        return address;
        }
        return NULL;
}

/* Bridges of containers are the host's own business: their ranges are local to it. */
static bool is_of_containers(const char *device)
{
        static const char *const beginnings[] = {"docker", "br-", "podman", "cni", "virbr", "lxcbr", "lxdbr"};

        for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++)
                if (strncmp(device, beginnings[i], strlen(beginnings[i])) == 0)
                        return true;
        return false;
}

static void add_local_range(struct host_state *state, const char *device, const fbn_prefix *prefix)
{
        char name[64], text[FBN_ADDRESS_TEXT];
        fbn_prefix network;

        import_label(device, name, sizeof(name));
        fbn_prefix_network(prefix, &network);
        state->import->failed |= json_object_set_new(state->import->prefixes, name,
                                                     json_pack("{s:s, s:s}", "prefix", fbn_prefix_format(&network, text, sizeof(text)), "local_to",
                                                               state->import->host)) < 0;
}

static void add_interface(struct host_state *state, json_t *interfaces, const fbn_link *link)
{
        const fbn_link_address *address = address_of(state, link->name);
        bool wan = streq(link->name, state->uplink);
        json_t *interface;
        char text[FBN_ADDRESS_TEXT];

        if (!address || streq(link->name, "lo") || strncmp(link->name, "tailscale", 9) == 0 || strchr(link->name, '/'))
                return;
        if (is_of_containers(link->name)) {
                add_local_range(state, link->name, &address->address);
                return;
        }
        interface = wan ? json_pack("{s:b, s:s}", "wan", 1, "address", fbn_address_format(&address->address.address, text, sizeof(text)))
                        : json_pack("{s:s}", "address", fbn_address_format(&address->address.address, text, sizeof(text)));
        state->import->failed |= json_object_set_new(interfaces, link->name, interface) < 0;
        if (!wan)
                import_prefix(state->import, &address->address, NULL);
}

static int find_uplink(struct host_state *state, fbn_routes **routes)
{
        int r = fbn_route_list(state->import->c, NULL, routes);

        state->uplink = "";
        for (size_t i = 0; r == 0 && i < fbn_routes_count(*routes); i++) {
                const fbn_route *route = fbn_routes_at(*routes, i);

                if (!route)
                        return fail_memory(state->import->c);
                if (route->destination.length == 0 && route->device && route->gateway.family && (route->table == 0 || route->table == 254)) {
                        state->uplink = route->device;
                        break;
                }
        }
        return r;
}

static int add_settings(struct host_state *state)
{
        static const char *const names[] = {"off", "strict", "loose"};
        int64_t forwarding = 0, filter = 2;
        int r = fbn_sysctl_get(state->import->c, "net.ipv4.ip_forward", &forwarding);

        if (r == 0)
                r = fbn_sysctl_get(state->import->c, "net.ipv4.conf.all.rp_filter", &filter);
        if (r == 0 && forwarding)
                json_object_set_new(state->import->self, "forwarding", json_true());
        if (r == 0 && filter >= 0 && filter < 2)
                json_object_set_new(state->import->self, "rp_filter", json_string(names[filter]));
        return r;
}

static int add_tunnels(struct host_state *state)
{
        FBN_CLEANUP(fbn_wireguards) list = NULL;
        int r = fbn_wireguard_list(state->import->c, &list);

        for (size_t i = 0; r == 0 && i < fbn_wireguards_count(list); i++) {
                const char *device = fbn_wireguards_at(list, i)->name;
                const fbn_link_address *address = address_of(state, device);
                const fbn_link *link = link_of(state, device);
                FBN_CLEANUP(fbn_wireguard) wireguard = NULL;

                if (!address || !link)
                        continue; /* nobody can be told of a tunnel without addresses */
                r = fbn_wireguard_get(state->import->c, device, &wireguard);
                if (r == 0)
                        r = fail_in(state->import->c, import_tunnel(state->import, device, wireguard, &address->address, link->mtu), "%s", device);
        }
        return r;
}

static json_t *side(const struct host_state *state, const char *device)
{
        const char *kind = json_object_get(state->import->tunnels, device) ? "tunnel" : "interface";

        return json_pack("{s:s}", kind, device);
}

static json_t *prefix_names(struct host_state *state, const fbn_prefix *prefixes, size_t n)
{
        json_t *list = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, json_string(import_prefix(state->import, &prefixes[i], NULL)));
        return list;
}

static json_t *forward_of(const fbn_nat_rule *rule)
{
        fbn_endpoint to = {.address = rule->to, .port = rule->to_port ? rule->to_port : rule->destination_port};
        char text[FBN_ADDRESS_TEXT], forward[FBN_ADDRESS_TEXT + 8];

        snprintf(forward, sizeof(forward), "%s/%s", fbn_endpoint_format(&to, text, sizeof(text)), rule->protocol);
        return json_string(forward);
}

/* What follows from the tunnels is not declared: clamps and what keeps the mesh out. */
static void add_rule(struct host_state *state, json_t *list, const fbn_nat_rule *rule)
{
        static const char *const actions[] = {[FBN_NAT_MASQUERADE] = "masquerade", [FBN_NAT_ACCEPT] = "accept", [FBN_NAT_DROP] = "drop"};
        json_t *entry = json_pack("{s:s}", "name", rule->name);

        if (rule->kind == FBN_NAT_DNAT && rule->protocol && rule->destination_port) {
                json_object_set_new(entry, "forward", forward_of(rule));
                json_object_set_new(entry, "port", json_integer(rule->destination_port));
                if (rule->hairpin)
                        json_object_set_new(entry, "hairpin", json_true());
        } else if (rule->kind < ARRAY_SIZE(actions) && actions[rule->kind] && rule->n_sources)
                json_object_set_new(entry, actions[rule->kind], prefix_names(state, rule->sources, rule->n_sources));
        else {
                json_decref(entry);
                return;
        }
        if (rule->n_destinations)
                json_object_set_new(entry, "to", prefix_names(state, rule->destinations, rule->n_destinations));
        if (rule->in_device)
                json_object_set_new(entry, "in", side(state, rule->in_device));
        if (rule->out_device)
                json_object_set_new(entry, "out", side(state, rule->out_device));
        state->import->failed |= json_array_append_new(list, entry) < 0;
}

/* A rule names interfaces that have no address, too. */
static void add_devices(struct host_state *state, json_t *interfaces, const fbn_nat *nat)
{
        for (size_t i = 0; i < fbn_nat_count(nat); i++)
                for (int in = 0; in < 2; in++) {
                        const char *device = in ? fbn_nat_at(nat, i)->in_device : fbn_nat_at(nat, i)->out_device;

                        if (device && !json_object_get(interfaces, device) && !json_object_get(state->import->tunnels, device) && link_of(state, device) &&
                            strncmp(device, "tailscale", 9) != 0)
                                json_object_set_new(interfaces, device, streq(device, state->uplink) ? json_pack("{s:b}", "wan", 1) : json_object());
                }
}

static int add_nat(struct host_state *state, json_t *interfaces)
{
        FBN_CLEANUP(fbn_nat) nat = NULL;
        json_t *list;
        int r = fbn_nat_get(state->import->c, &nat);

        if (r < 0)
                return r == -FBN_ENOENT || r == -FBN_EUNSUPPORTED ? 0 : r;
        add_devices(state, interfaces, nat);
        list = json_array();
        for (size_t i = 0; i < fbn_nat_count(nat); i++)
                add_rule(state, list, fbn_nat_at(nat, i));
        if (json_array_size(list) == 0) {
                json_decref(list);
                return 0;
        }
        state->import->failed |= json_object_set_new(state->import->root, "nat", json_pack("{s:o}", state->import->host, list)) < 0;
        return 0;
}

int import_live(struct import *import)
{
        _cleanup_(host_state_free) struct host_state state = {.import = import};
        FBN_CLEANUP(fbn_routes) routes = NULL;
        json_t *interfaces = json_object();
        int r;

        json_object_set_new(import->self, "interfaces", interfaces);
        r = fbn_link_list(import->c, NULL, &state.links);
        if (r == 0)
                r = fbn_link_address_list(import->c, NULL, &state.addresses);
        if (r == 0)
                r = find_uplink(&state, &routes);
        if (r == 0)
                r = add_settings(&state);
        if (r == 0)
                r = add_tunnels(&state);
        for (size_t i = 0; r == 0 && i < fbn_links_count(state.links); i++)
                if (!json_object_get(import->tunnels, fbn_links_at(state.links, i)->name))
                        add_interface(&state, interfaces, fbn_links_at(state.links, i));
        return r < 0 ? r : add_nat(&state, interfaces);
}
