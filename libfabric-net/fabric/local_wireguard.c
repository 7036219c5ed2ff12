/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/run.h"

#include <stdio.h>

/* What stands in the way of one peer's name is said and stops nothing else. In a plan it is a step, for it is a difference. */
static int report_unresolved(struct run *run, const struct desired_tunnel *tunnel, const struct member *member)
{
        char object[FBN_KEY_TEXT + 64], key[FBN_KEY_TEXT];

        if (run->applying) {
                if (!run->dry_run || run->told)
                        return 0;
                run_tell(run, "%s: endpoint '%s' of '%s' does not resolve; apply again when it does", tunnel->device, member->endpoint,
                         member->host->name);
                return 0;
        }
        snprintf(object, sizeof(object), "%s: peer %s", tunnel->device, fbn_key_format(&member->public_key, key, sizeof(key)));
        return run_add(run, "wireguard", FBN_CHANGE_UPDATE, object, "endpoint", "does not resolve", member->endpoint);
}

static int add_peer(struct run *run, const struct desired_tunnel *tunnel, size_t index, const struct peer_index *have, fbn_wireguard *want)
{
        const struct peer *peer = &tunnel->peers.items[index];
        fbn_wireguard_peer mine = {.size = sizeof(mine),
                                   .public_key = peer->member->public_key,
                                   .preshared_key = tunnel->preshared_keys[index],
                                   .keepalive = tunnel->self->keepalive,
                                   .allowed_ips = peer->allowed_ips,
                                   .n_allowed_ips = peer->n_allowed_ips};
        bool unresolved = false;
        int r;

        r = peer_endpoint(run, peer->member, peer_index_find(have, &mine.public_key), &mine.endpoint, &unresolved);
        if (r == 0 && unresolved)
                r = report_unresolved(run, tunnel, peer->member);
        return r < 0 ? r : fbn_wireguard_add(run->c, want, &mine);
}

static int build_wanted(struct run *run, const struct desired_tunnel *tunnel, const fbn_wireguard *have, fbn_wireguard **ret_want)
{
        const fbn_wireguard_interface interface = {
                .size = sizeof(interface), .private_key = tunnel->private_key, .listen_port = tunnel->self->listen, .fwmark = tunnel->mark};
        _cleanup_(peer_index_free) struct peer_index index = {0};
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        int r;

        if (!peer_index_build(have, &index))
                return fail_memory(run->c);
        r = fbn_wireguard_new(run->c, &interface, &want);
        for (size_t i = 0; r == 0 && i < tunnel->peers.n; i++)
                r = fail_in(run->c, add_peer(run, tunnel, i, &index, want), "peer %s", tunnel->peers.items[i].member->host->name);
        if (r < 0)
                return r;
        *ret_want = TAKE_PTR(want);
        return 0;
}

/* Nothing is there to be compared with: the interface and each peer will be made. */
static int plan_new_device(struct run *run, const struct desired_tunnel *tunnel)
{
        char port[16];
        int r;

        snprintf(port, sizeof(port), "%u", tunnel->self->listen);
        r = run_add(run, "wireguard", FBN_CHANGE_UPDATE, tunnel->device, "private key", NULL, "(secret)");
        if (r == 0 && tunnel->self->listen)
                r = run_add(run, "wireguard", FBN_CHANGE_UPDATE, tunnel->device, "listen port", NULL, port);
        for (size_t i = 0; r == 0 && i < tunnel->peers.n; i++) {
                const struct member *member = tunnel->peers.items[i].member;
                char object[FBN_KEY_TEXT + 64], key[FBN_KEY_TEXT];

                snprintf(object, sizeof(object), "%s: peer %s", tunnel->device, fbn_key_format(&member->public_key, key, sizeof(key)));
                r = run_add(run, "wireguard", FBN_CHANGE_CREATE, object, NULL, NULL, member->host->name);
        }
        return r;
}

/* Only where a peer is to be found it matters where it was found before. */
static bool has_endpoints(const struct desired_tunnel *tunnel)
{
        for (size_t i = 0; i < tunnel->peers.n; i++)
                if (tunnel->peers.items[i].member->endpoint)
                        return true;
        return false;
}

static int configure(struct run *run, const struct desired_tunnel *tunnel)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        bool there = run_has_link(run, tunnel->device);
        int r = 0;

        if (there && has_endpoints(tunnel))
                r = fbn_wireguard_get(run->c, tunnel->device, &have);
        if (r == 0)
                r = build_wanted(run, tunnel, have, &want);
        if (r < 0 || !there)
                return r < 0 ? r : plan_new_device(run, tunnel);
        r = fbn_wireguard_apply(run->c, tunnel->device, want, FBN_OPTIONS(fbn_wireguard_apply_options, .dry_run = run->dry_run), &changes);
        return r < 0 ? r : run_take_changes(run, "wireguard", tunnel->self->tunnel->pointer, changes);
}

int run_wireguard_stage(struct run *run)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < run->desired->n_tunnels; i++)
                r = fail_in(run->c, configure(run, &run->desired->tunnels[i]), "tunnel %s", run->desired->tunnels[i].self->tunnel->name);
        return r;
}
