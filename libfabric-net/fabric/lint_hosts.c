/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/derive.h"
#include "fabric/lint.h"

static void lint_devices(struct lint *lint, const struct host *host)
{
        for (const struct member *member = host->memberships; member; member = member->next_of_host) {
                for (size_t i = 0; i < host->n_interfaces; i++)
                        if (streq(host->interfaces[i].name, member->interface))
                                finding_add(lint, FBN_SEVERITY_ERROR, "device-twice", member->pointer, "one interface cannot be both",
                                            "give the tunnel's another name", "'%s' already has an interface '%s'", host->name,
                                            member->interface);
                for (const struct member *other = host->memberships; other != member; other = other->next_of_host) {
                        if (streq(other->interface, member->interface))
                                finding_add(lint, FBN_SEVERITY_ERROR, "device-twice", member->pointer, "one interface cannot be both",
                                            "\"interface\": \"wg1\"", "'%s' has interface '%s' in tunnel '%s' too", host->name,
                                            member->interface, other->tunnel->name);
                        if (member->listen && other->listen == member->listen)
                                finding_add(lint, FBN_SEVERITY_ERROR, "port-twice", member->pointer,
                                            "the second interface cannot open its port", "take another port",
                                            "'%s' listens on port %u in tunnel '%s' too", host->name, member->listen, other->tunnel->name);
                }
        }
}

/* tailscaled's own device and port. Source: tailscale cmd/tailscaled/tailscaled.go, packages/deb's PORT=41641. */
static void lint_tailscale_clash(struct lint *lint, const struct host *host)
{
        for (const struct member *member = host->memberships; host->node && member; member = member->next_of_host)
                if (streq(member->interface, "tailscale0") || member->listen == 41641)
                        finding_add(lint, FBN_SEVERITY_ERROR, "tailscale-clash", member->pointer,
                                    "tailscaled has interface tailscale0 and UDP port 41641", "take another interface name and port",
                                    "tunnel '%s' of '%s' takes what is tailscaled's", member->tunnel->name, host->name);
}

static void lint_rp_filter(struct lint *lint, const struct host *host)
{
        if (host->rp_filter == RP_FILTER_STRICT && host->memberships && host->node)
                finding_add(lint, FBN_SEVERITY_WARNING, "strict-rp-filter", host->pointer,
                            "a flow that comes in by one layer and would leave by the other is dropped without a word",
                            "\"rp_filter\": \"loose\"", "'%s' is in both layers with a strict reverse-path filter", host->name);
}

static void lint_nat(struct lint *lint, const struct host *host)
{
        bool drop_follows = false;

        if (host->n_nat && !host->forwarding)
                finding_add(lint, FBN_SEVERITY_ERROR, "forwarding-off", host->nat[0].pointer, "its kernel drops what is not for itself",
                            "\"forwarding\": true in /hosts", "'%s' has rules for forwarded packets but does not forward", host->name);
        for (size_t i = host->n_nat; i-- > 0;) {
                drop_follows |= host->nat[i].action == NAT_DROP;
                if (host->nat[i].action == NAT_ACCEPT && !drop_follows)
                        finding_add(lint, FBN_SEVERITY_WARNING, "accept-without-drop", host->nat[i].pointer,
                                    "an accept ends our own chain only: what another table drops stays dropped",
                                    "remove it, or let a \"drop\" follow", "rule '%s' of '%s' changes nothing", host->nat[i].name,
                                    host->name);
        }
}

static bool has_way_out(const struct prefix *segment)
{
        const struct host *router = segment->at;
        bool wan = false;

        for (size_t i = 0; i < router->n_interfaces; i++)
                wan |= router->interfaces[i].wan;
        for (size_t i = 0; i < router->n_nat; i++)
                for (size_t j = 0; j < router->nat[i].n_sources; j++)
                        if (router->nat[i].action == NAT_MASQUERADE && router->nat[i].sources[j] == segment &&
                            router->nat[i].out.interface && router->nat[i].out.interface->wan)
                                return true;
        return !wan; /* without a WAN of its own somebody else cares for it */
}

static void lint_way_out(struct lint *lint, const struct host *host)
{
        const struct prefix *closed = NULL;

        for (size_t i = 0; host->node && i < host->n_interfaces; i++) {
                const struct prefix *segment = host->interfaces[i].prefix;

                if (host->interfaces[i].wan || !segment || !segment->at || segment->at == host || has_way_out(segment))
                        return;
                closed = segment;
        }
        if (closed)
                finding_add(lint, FBN_SEVERITY_WARNING, "no-way-out", closed->pointer,
                            "nodes behind it cannot reach Headscale or their peers",
                            "in /nat, masquerade it out of the router's WAN interface",
                            "'%s' does not masquerade '%s', where mesh node '%s' is", closed->at->name, closed->name, host->name);
}

void lint_secret(struct lint *lint, const struct secret_source *secret)
{
        if (secret->file && strncmp(secret->file, "/nix/store/", 11) == 0)
                finding_add(lint, FBN_SEVERITY_ERROR, "secret-in-store", secret->pointer, "everybody on the machine can read the Nix store",
                            "name the path of the decrypted file as text, outside the store", "the secret lies in /nix/store");
}

static void lint_secrets(struct lint *lint)
{
        const fbn_fabric *f = lint->fabric;

        lint_secret(lint, &f->mesh.api_key);
        for (size_t i = 0; i < f->n_backups; i++)
                lint_secret(lint, &f->backups[i].private_key);
        for (size_t i = 0; i < f->monitoring.n_watched; i++)
                lint_secret(lint, &f->monitoring.watched[i].private_key);
        for (size_t i = 0; i < f->n_tunnels; i++)
                for (size_t j = 0; j < f->tunnels[i].n_members; j++) {
                        lint_secret(lint, &f->tunnels[i].members[j].private_key);
                        lint_secret(lint, &f->tunnels[i].members[j].preshared_key);
                }
}

/* The membership through which a host last took a prefix, by the prefix's place in the file. */
static void lint_ways(struct lint *lint, const struct member *self, const struct member **taken)
{
        for (size_t i = 0; i < self->tunnel->n_announcers; i++) {
                const struct member *announcer = self->tunnel->announcers[i];

                if (announcer == self || (!members_are_peers(self, announcer) && !member_relay_to(self, announcer)))
                        continue;
                for (size_t j = 0; j < announcer->n_announces; j++) {
                        const struct prefix *prefix = announcer->announces[j];
                        const struct member **last = &taken[prefix - lint->fabric->prefixes];

                        if (*last && (*last)->host == self->host && (*last)->tunnel != self->tunnel)
                                finding_add(lint, FBN_SEVERITY_ERROR, "prefix-in-two-tunnels", self->pointer,
                                            "a table holds one route to it: the second is refused", "announce it in one tunnel only",
                                            "'%s' would reach '%s' through tunnel '%s' and through '%s'", self->host->name, prefix->name,
                                            (*last)->tunnel->name, self->tunnel->name);
                        *last = self;
                }
        }
}

static void lint_two_ways(struct lint *lint)
{
        const fbn_fabric *f = lint->fabric;
        const struct member **taken = arena_alloc(&lint->scratch, f->n_prefixes * sizeof(*taken));

        lint->failed |= !taken;
        for (size_t i = 0; taken && i < f->n_hosts; i++)
                if (f->hosts[i].memberships && f->hosts[i].memberships->next_of_host)
                        for (const struct member *self = f->hosts[i].memberships; self; self = self->next_of_host)
                                lint_ways(lint, self, taken);
}

void lint_hosts(struct lint *lint)
{
        const fbn_fabric *f = lint->fabric;

        lint_two_ways(lint);
        for (size_t i = 0; i < f->n_hosts; i++) {
                lint_devices(lint, &f->hosts[i]);
                lint_tailscale_clash(lint, &f->hosts[i]);
                lint_rp_filter(lint, &f->hosts[i]);
                lint_nat(lint, &f->hosts[i]);
                lint_way_out(lint, &f->hosts[i]);
        }
        lint_secrets(lint);
}
