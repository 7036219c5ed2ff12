/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/desired.h"

#include <stdio.h>
#include <sys/socket.h>

/* tailscaled's device and UDP port. Source: tailscale cmd/tailscaled/tailscaled.go, Debian package's /etc/default/tailscaled. */
#define TAILSCALE_DEVICE "tailscale0"
#define TAILSCALE_PORT 41641
#define TAILSCALE_MTU 1280 /* Source: tailscale net/tstun/mtu.go */

static int add(fbn_context *c, struct desired *desired, const fbn_nat_rule *rule, const char *pointer, const char *reason)
{
        int r = fail_in(c, fbn_nat_add(c, desired->nat, rule), "%s", pointer);

        return r < 0 ? r : desired_add_cause(c, desired, "nat", rule->name, pointer, "%s", reason);
}

static fbn_prefix *copy_prefixes(struct desired *desired, const struct prefix **prefixes, size_t n)
{
        fbn_prefix *copies = arena_alloc(&desired->arena, n * sizeof(*copies));

        for (size_t i = 0; copies && i < n; i++)
                copies[i] = prefixes[i]->prefix;
        return copies;
}

static int add_entry(fbn_context *c, struct desired *desired, const struct nat_entry *entry)
{
        static const fbn_nat_kind kinds[] = {
                [NAT_MASQUERADE] = FBN_NAT_MASQUERADE, [NAT_ACCEPT] = FBN_NAT_ACCEPT, [NAT_DROP] = FBN_NAT_DROP, [NAT_FORWARD] = FBN_NAT_DNAT};
        fbn_nat_rule rule = {.size = sizeof(rule), .kind = kinds[entry->action], .name = entry->name, .in_device = entry->in.device,
                             .out_device = entry->out.device, .n_sources = entry->n_sources, .n_destinations = entry->n_destinations};

        if (entry->action == NAT_FORWARD) {
                rule.local = true;
                rule.protocol = entry->udp ? "udp" : "tcp";
                rule.destination_port = entry->port;
                rule.to = entry->target.address;
                rule.to_port = entry->target.port;
                rule.hairpin = entry->hairpin;
        }
        if (entry->action == NAT_DROP) /* answers to what was let pass come back */
                rule.states = "new,invalid";
        rule.sources = copy_prefixes(desired, entry->sources, entry->n_sources);
        rule.destinations = copy_prefixes(desired, entry->destinations, entry->n_destinations);
        if (!rule.sources || !rule.destinations)
                return fail_memory(c);
        return add(c, desired, &rule, entry->pointer, strncmp(entry->pointer, "/prefixes/", 10) == 0 ? "who may come into the segment" : "declared");
}

/* Out of the link the route's MTU is known. Into it, what is limited is the answers' size, which the other link's MTU says nothing
 * of: there the number is given, MTU less IP and TCP headers. */
static int add_clamps(fbn_context *c, struct desired *desired, const char *device, uint32_t mtu, uint16_t family, const char *pointer)
{
        fbn_nat_rule rule = {.size = sizeof(rule), .kind = FBN_NAT_CLAMP_MSS, .protocol = "tcp"};
        char name[64];
        int r;

        snprintf(name, sizeof(name), "mss-out-%s", device);
        rule.name = name;
        rule.out_device = device;
        r = add(c, desired, &rule, pointer, "TCP through it fits the MTU");
        if (r < 0)
                return r;
        snprintf(name, sizeof(name), "mss-in-%s", device);
        rule.out_device = NULL;
        rule.in_device = device;
        rule.mss = (uint16_t)(mtu - (family == AF_INET6 ? 60 : 40));
        return add(c, desired, &rule, pointer, "TCP through it fits the MTU");
}

static int add_keep_out(fbn_context *c, struct desired *desired, const struct desired_tunnel *tunnel)
{
        fbn_nat_rule rule = {.size = sizeof(rule), .kind = FBN_NAT_KEEP_OUT, .out_device = tunnel->device, .protocol = "udp",
                             .source_port = TAILSCALE_PORT};
        char name[64];

        snprintf(name, sizeof(name), "mesh-out-of-%s", tunnel->device);
        rule.name = name;
        return add(c, desired, &rule, tunnel->self->tunnel->pointer, "mesh packets do not fit the tunnel");
}

int desired_add_nat(fbn_context *c, struct desired *desired)
{
        const struct host *host = desired->host;
        int r = 0;

        for (size_t i = 0; r == 0 && i < host->n_nat; i++)
                r = add_entry(c, desired, &host->nat[i]);
        for (size_t i = 0; r == 0 && i < desired->n_tunnels; i++) {
                const struct desired_tunnel *tunnel = &desired->tunnels[i];

                if (host->forwarding)
                        r = add_clamps(c, desired, tunnel->device, tunnel->self->mtu, tunnel->address.address.family,
                                       tunnel->self->tunnel->pointer);
                if (r == 0 && member_keeps_mesh_out(desired->fabric, tunnel->self))
                        r = add_keep_out(c, desired, tunnel);
        }
        if (r == 0 && host->forwarding && host->node)
                r = add_clamps(c, desired, TAILSCALE_DEVICE, TAILSCALE_MTU, AF_INET, host->node->pointer);
        return r;
}
