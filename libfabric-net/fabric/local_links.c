/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/run.h"

#include <stdio.h>

/* The links that a host's part of the fabric makes: its tunnels' and its VLANs'. */

/* One fabric a host: what another one marked would be taken for ours where marks are numbers. */
static int check_aliases(struct run *run)
{
        for (size_t i = 0; i < fbn_links_count(run->links); i++) {
                const fbn_link *link = fbn_links_at(run->links, i);

                if (link->alias && strncmp(link->alias, "fabricnet:", 10) == 0 && !streq(link->alias, run->desired->alias))
                        return fail(run->c, FBN_ECONFLICT,
                                    "link %s: belongs to fabric '%s'; a host has one fabric: remove the link, or apply that one",
                                    link->name, link->alias + 10);
        }
        return 0;
}

/* A WireGuard daemon takes its time to end, and until then nobody else can have the name. One that died leaves a bare link. */
static int remove_orphan(struct run *run, const fbn_link *link)
{
        bool daemons = link->kind && streq(link->kind, "tun");
        int r = daemons ? fbn_wireguard_delete(run->c, link->name) : -FBN_ENOENT;

        return r == -FBN_ENOENT || r == -FBN_EUNAVAILABLE ? fbn_link_delete(run->c, link->name) : r;
}

static const struct interface *vlan_of(const struct run *run, const char *device)
{
        for (size_t i = 0; i < run->desired->n_vlans; i++)
                if (streq(run->desired->vlans[i].interface->name, device))
                        return run->desired->vlans[i].interface;
        return NULL;
}

/* Of ours what is not declared, and what is declared as another kind of link, or as another VLAN: those cannot be changed. */
bool run_link_goes(const struct run *run, const fbn_link *link)
{
        const struct interface *vlan = vlan_of(run, link->name);

        if (!link->alias || !streq(link->alias, run->desired->alias))
                return false;
        if (vlan)
                return !link->kind || !streq(link->kind, "vlan") || link->vlan != vlan->prefix->vlan || !link->parent ||
                       !streq(link->parent, vlan->trunk->name);
        return !desired_makes(run->desired, link->name) || (link->kind && streq(link->kind, "vlan"));
}

static int remove_orphans(struct run *run)
{
        for (size_t i = 0; i < fbn_links_count(run->links); i++) {
                const fbn_link *link = fbn_links_at(run->links, i);
                char object[32];
                int r = 0;

                if (!run_link_goes(run, link))
                        continue;
                if (!run->dry_run)
                        r = remove_orphan(run, link);
                snprintf(object, sizeof(object), "link %s", link->name);
                if (r == 0)
                        r = run_add(run, "link", FBN_CHANGE_DELETE, object, NULL, link->kind, NULL);
                if (r < 0)
                        return fail_in(run->c, r, "%s", object);
        }
        return 0;
}

static int create_link(struct run *run, const struct desired_tunnel *tunnel)
{
        char object[32], after[64];
        int r;

        if (!run->dry_run) {
                r = fbn_wireguard_create(run->c, tunnel->device, NULL);
                if (r < 0)
                        return r;
        }
        snprintf(object, sizeof(object), "link %s", tunnel->device);
        snprintf(after, sizeof(after), "wireguard, MTU %u, up", tunnel->self->mtu);
        return run_add(run, "link", FBN_CHANGE_CREATE, object, NULL, NULL, after);
}

/* A link of ours without our mark would be somebody else's for every later apply: rather none. */
static int mark_new_link(struct run *run, const fbn_link *want)
{
        int r = fbn_link_set(run->c, want);
        struct undoing undoing;

        if (r >= 0)
                return r;
        undoing = undo_begin(run->c);
        fbn_link_delete(run->c, want->name);
        undo_end(run->c, &undoing);
        return r;
}

static int set_link(struct run *run, const struct desired_tunnel *tunnel, bool fresh)
{
        const fbn_link want = {.size = sizeof(want), .name = tunnel->device, .mtu = tunnel->self->mtu, .state = FBN_LINK_UP,
                               .alias = run->desired->alias};
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r;

        if (fresh)
                return run->dry_run ? 0 : mark_new_link(run, &want);
        r = fbn_link_apply(run->c, &want, FBN_OPTIONS(fbn_link_apply_options, .adopt = run->options.adopt, .dry_run = run->dry_run), &changes);
        return r < 0 ? r : run_take_changes(run, "link", "/wireguard", changes);
}

static int create_vlan(struct run *run, const fbn_link *want)
{
        char object[32], mtu[24] = "", after[96];
        int r = run->dry_run ? 0 : fbn_link_create(run->c, want);

        if (want->mtu)
                snprintf(mtu, sizeof(mtu), ", MTU %u", want->mtu);
        snprintf(object, sizeof(object), "link %s", want->name);
        snprintf(after, sizeof(after), "vlan %u on %s%s, up", want->vlan, want->parent, mtu);
        return r < 0 ? r : run_add(run, "link", FBN_CHANGE_CREATE, object, NULL, NULL, after);
}

/* The kernel takes a VLAN up on a trunk that is up only, and the trunk is somebody else's. */
static int check_trunk(struct run *run, const struct interface *vlan)
{
        const fbn_link *trunk = run_link(run, vlan->trunk->name);

        if (!trunk)
                return fail(run->c, FBN_ENOENT, "%s: this host has no interface '%s'; 'ip link' shows the names", vlan->trunk->pointer,
                            vlan->trunk->name);
        if (trunk->state != FBN_LINK_UP)
                return fail(run->c, FBN_EUNAVAILABLE, "%s: trunk '%s' is down; 'ip link set %s up', and let whoever manages it do so at boot",
                            vlan->pointer, trunk->name, trunk->name);
        if (vlan->mtu > trunk->mtu)
                return fail(run->c, FBN_EINVAL, "%s: MTU %u does not fit trunk '%s', which has %u", vlan->pointer, vlan->mtu, trunk->name, trunk->mtu);
        return 0;
}

static int make_vlan(struct run *run, const struct interface *vlan)
{
        const fbn_link want = {.size = sizeof(want), .name = vlan->name, .kind = "vlan", .mtu = vlan->mtu, .state = FBN_LINK_UP,
                               .alias = run->desired->alias, .parent = vlan->trunk->name, .vlan = vlan->prefix->vlan};
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r = check_trunk(run, vlan);

        if (r == 0 && !run_has_link(run, vlan->name))
                return create_vlan(run, &want);
        if (r == 0)
                r = fbn_link_apply(run->c, &want, FBN_OPTIONS(fbn_link_apply_options, .adopt = run->options.adopt, .dry_run = run->dry_run), &changes);
        return r < 0 ? r : run_take_changes(run, "link", vlan->pointer, changes);
}

int run_link_stage(struct run *run)
{
        int r;

        r = run_read_links(run);
        if (r == 0)
                r = check_aliases(run);
        if (r == 0)
                r = remove_orphans(run);
        for (size_t i = 0; r == 0 && i < run->desired->n_tunnels; i++) {
                const struct desired_tunnel *tunnel = &run->desired->tunnels[i];
                bool fresh = !run_has_link(run, tunnel->device);

                if (fresh)
                        r = create_link(run, tunnel);
                if (r == 0)
                        r = set_link(run, tunnel, fresh);
                r = fail_in(run->c, r, "tunnel %s", tunnel->self->tunnel->name);
        }
        for (size_t i = 0; r == 0 && i < run->desired->n_vlans; i++)
                r = make_vlan(run, run->desired->vlans[i].interface);
        return r < 0 || run->dry_run ? r : run_read_links(run);
}
