/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/render.h"

#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>

bool render_secret(const struct rendering *r, const struct secret_source *source, char *buffer, size_t size)
{
        if (!source || !source->pointer)
                return false;
        if (source->credential)
                return snprintf(buffer, size, "/etc/credstore/%s", source->credential) < (int)size; /* systemd.exec(5) */
        if (r->c->secrets_dir && *source->file != '/')
                return snprintf(buffer, size, "%s/%s", r->c->secrets_dir, source->file) < (int)size;
        return fabric_path(r->desired->fabric, source->file, buffer, size);
}

static void put_allowed_ips(struct text *out, const struct peer *peer)
{
        char prefix[FBN_ADDRESS_TEXT];

        text_add(out, "AllowedIPs = ");
        for (size_t i = 0; i < peer->n_allowed_ips; i++)
                text_add(out, "%s%s", i ? ", " : "", fbn_prefix_format(&peer->allowed_ips[i], prefix, sizeof(prefix)));
        text_add(out, "\n");
}

static void put_peer(const struct rendering *r, struct text *out, const struct peer *peer, const char *section, const char *preshared)
{
        char key[FBN_KEY_TEXT], path[PATH_MAX];

        text_add(out, "\n# %s\n[%s]\nPublicKey = %s\n", peer->member->host->name, section,
                 fbn_key_format(&peer->member->public_key, key, sizeof(key)));
        if (preshared && render_secret(r, peer->preshared_key, path, sizeof(path)))
                text_add(out, "%s = %s\n", preshared, path);
        put_allowed_ips(out, peer);
        if (peer->member->endpoint)
                text_add(out, "Endpoint = %s\n", peer->member->endpoint);
        if (r->tunnel->self->keepalive)
                text_add(out, "PersistentKeepalive = %u\n", r->tunnel->self->keepalive);
}

static void put_mark(struct rendering *r)
{
        text_add(&r->out, "# Written by fabricnet: fabric '%s', host '%s', %s '%s'. It holds no secret.\n", r->desired->fabric->name,
                 r->desired->host->name, r->vlan ? "interface" : "tunnel", r->vlan ? r->vlan->interface->name : r->tunnel->self->tunnel->name);
}

/* Hooks are lines for a shell. */
static int check_path(struct rendering *r, const char *path, const char *pointer)
{
        if (strpbrk(path, "'\\\n"))
                return fail(r->c, FBN_EINVAL, "%s: a path with a quote or a backslash cannot be written into a hook", pointer);
        return 0;
}

static int put_hook(struct rendering *r, const char *peer, const struct secret_source *source)
{
        char path[PATH_MAX];

        if (!render_secret(r, source, path, sizeof(path)))
                return 0;
        if (check_path(r, path, source->pointer) < 0)
                return -FBN_EINVAL;
        if (peer)
                text_add(&r->out, "PostUp = wg set %%i peer '%s' preshared-key '%s'\n", peer, path);
        else
                text_add(&r->out, "PostUp = wg set %%i private-key '%s'\n", path);
        return 0;
}

/* Source: wg-quick(8), "PostUp … private-key": a file without the key in it. */
static int render_quick(struct rendering *r)
{
        const struct desired_tunnel *tunnel = r->tunnel;
        char address[FBN_ADDRESS_TEXT], key[FBN_KEY_TEXT];
        int result;

        put_mark(r);
        text_add(&r->out, "[Interface]\nAddress = %s\nMTU = %u\n", fbn_prefix_format(&tunnel->address, address, sizeof(address)), tunnel->self->mtu);
        if (tunnel->self->listen)
                text_add(&r->out, "ListenPort = %u\n", tunnel->self->listen);
        result = put_hook(r, NULL, &tunnel->self->private_key);
        for (size_t i = 0; result == 0 && i < tunnel->peers.n; i++)
                result = put_hook(r, fbn_key_format(&tunnel->peers.items[i].member->public_key, key, sizeof(key)), tunnel->peers.items[i].preshared_key);
        for (size_t i = 0; i < tunnel->peers.n; i++)
                put_peer(r, &r->out, &tunnel->peers.items[i], "Peer", NULL);
        return result;
}

/* The trunk's file is somebody else's. */
static int render_vlan(struct rendering *r)
{
        const struct interface *vlan = r->vlan->interface;

        put_mark(r);
        text_add(&r->out, "# The file of its trunk, systemd.network(5), needs: [Match] Name = %s, [Network] VLAN = %s\n", vlan->trunk->name, vlan->name);
        text_add(&r->out, "[NetDev]\nName = %s\nKind = vlan\n", vlan->name);
        if (vlan->mtu)
                text_add(&r->out, "MTUBytes = %u\n", vlan->mtu);
        text_add(&r->out, "\n[VLAN]\nId = %u\n", vlan->prefix->vlan);
        return 0;
}

/* Source: systemd.netdev(5). */
static int render_netdev(struct rendering *r)
{
        const struct desired_tunnel *tunnel = r->tunnel;
        char path[PATH_MAX];

        if (r->vlan)
                return render_vlan(r);
        put_mark(r);
        text_add(&r->out, "[NetDev]\nName = %s\nKind = wireguard\nMTUBytes = %u\n\n[WireGuard]\n", tunnel->device, tunnel->self->mtu);
        if (render_secret(r, &tunnel->self->private_key, path, sizeof(path)))
                text_add(&r->out, "PrivateKeyFile = %s\n", path);
        if (tunnel->self->listen)
                text_add(&r->out, "ListenPort = %u\n", tunnel->self->listen);
        if (tunnel->mark)
                text_add(&r->out, "FirewallMark = %u\n", tunnel->mark);
        for (size_t i = 0; i < tunnel->peers.n; i++)
                put_peer(r, &r->out, &tunnel->peers.items[i], "WireGuardPeer", "PresharedKeyFile");
        return 0;
}

static void put_rule(struct rendering *r, const fbn_rule *rule)
{
        text_add(&r->out, "\n[RoutingPolicyRule]\nPriority = %u\nTable = %u\n", rule->priority, rule->table);
        if (rule->fwmark)
                text_add(&r->out, "FirewallMark = %u\nInvertRule = yes\n", rule->fwmark);
        if (rule->suppress_prefix_length)
                text_add(&r->out, "SuppressPrefixLength = %u\n", rule->suppress_prefix_length - 1);
}

/* Source: systemd.network(5). */
static int render_network(struct rendering *r)
{
        const char *device = r->vlan ? r->vlan->interface->name : r->tunnel->device;
        char text[FBN_ADDRESS_TEXT];

        put_mark(r);
        text_add(&r->out, "[Match]\nName = %s\n\n[Network]\nAddress = %s\n", device,
                 fbn_prefix_format(r->vlan ? &r->vlan->address : &r->tunnel->address, text, sizeof(text)));
        for (size_t i = 0; i < fbn_routes_count(r->desired->routes); i++) {
                const fbn_route *route = fbn_routes_at(r->desired->routes, i);

                if (!route)
                        return fail_memory(r->c);
                if (!streq(route->device, device))
                        continue;
                text_add(&r->out, "\n[Route]\nDestination = %s\n", fbn_prefix_format(&route->destination, text, sizeof(text)));
                if (route->gateway.family)
                        text_add(&r->out, "Gateway = %s\n", fbn_address_format(&route->gateway, text, sizeof(text)));
                if (route->table)
                        text_add(&r->out, "Table = %u\n", route->table);
        }
        for (size_t i = 0; r->tunnel && r->tunnel->mark && i < fbn_rules_count(r->desired->rules); i++)
                put_rule(r, fbn_rules_at(r->desired->rules, i));
        return 0;
}

/* TLS is the proxy's, which is why it listens on loopback. */
int render_headscale(struct rendering *r)
{
        _cleanup_free_ char *text = NULL;
        const fbn_fabric *f = r->desired->fabric;
        int result;

        if (f->mesh.headscale != r->desired->host)
                return fail(r->c, FBN_ENOENT, "host '%s' is not the one of /mesh/headscale", r->desired->host->name);
        result = headscale_render(r->c, f, &text);
        if (result == 0)
                text_add(&r->out, "# Written by fabricnet: fabric '%s', host '%s'. It holds no secret.%s", f->name, r->desired->host->name, strchr(text, '\n'));
        return result;
}

static const struct {
        const char *name;
        int (*render)(struct rendering *r);
        bool tunnel, vlan; /* of one of these */
} formats[] = {
        {"wg-quick", render_quick, true, false},
        {"netdev", render_netdev, true, true},
        {"network", render_network, true, true},
        {"headscale", render_headscale, false, false},
        {"nixos", render_nixos, false, false},
        {"prometheus", render_prometheus, false, false},
        {"alerts", render_alerts, false, false},
};

static bool find_vlan(struct rendering *r, const char *name)
{
        for (size_t i = 0; name && i < r->desired->n_vlans; i++)
                if (streq(r->desired->vlans[i].interface->name, name))
                        r->vlan = &r->desired->vlans[i];
        return r->vlan != NULL;
}

static int find_tunnel(struct rendering *r, const char *name)
{
        const struct desired *desired = r->desired;

        for (size_t i = 0; i < desired->n_tunnels; i++)
                if (!name || streq(desired->tunnels[i].self->tunnel->name, name)) {
                        if (!name && desired->n_tunnels > 1)
                                return fail(r->c, FBN_EINVAL, "host '%s' is in %zu tunnels: say which", desired->host->name, desired->n_tunnels);
                        r->tunnel = &desired->tunnels[i];
                        return 0;
                }
        return fail(r->c, FBN_ENOENT, "host '%s' is in no tunnel%s%s", desired->host->name, name ? " called " : "", name ? name : "");
}

int fbn_fabric_render(fbn_context *c, const fbn_fabric *fabric, const char *host, const char *format, const char *tunnel, char **ret_text)
{
        _cleanup_(desired_freep) struct desired *desired = NULL;
        const struct host *of;
        struct rendering rendering = {.c = c};
        size_t i = 0;
        int r;

        while (i < ARRAY_SIZE(formats) && !streq(formats[i].name, format))
                i++;
        if (i == ARRAY_SIZE(formats))
                return fail(c, FBN_EINVAL, "'%s' is no format: expected wg-quick, netdev, network, headscale, nixos, prometheus or alerts", format);
        r = fabric_find_host(c, fabric, host, &of);
        if (r == 0)
                r = desired_new(c, fabric, of, &desired);
        rendering.desired = desired;
        if (r == 0 && formats[i].tunnel && !(formats[i].vlan && find_vlan(&rendering, tunnel)))
                r = find_tunnel(&rendering, tunnel);
        if (r == 0)
                r = formats[i].render(&rendering);
        if (r == 0 && rendering.out.failed)
                r = fail_memory(c);
        if (r < 0)
                text_free(&rendering.out);
        else
                *ret_text = rendering.out.bytes;
        return r;
}
