/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/changes.h"
#include "link/altname.h"
#include "link/kind.h"
#include "link/link.h"

#include <stdio.h>

struct apply {
        fbn_context *c;
        const fbn_link *want, *have;
        fbn_link set; /* what differs */
        const char **altnames; /* those of set */
        fbn_changes *changes;
        char object[32];
};

static const char *name_or(const char *text, const char *otherwise)
{
        return text && *text ? text : otherwise;
}

static bool same(const char *a, const char *b)
{
        return streq(name_or(a, ""), name_or(b, ""));
}

/* What cannot be changed in place, and what is not ours. */
static int check_conflict(fbn_context *c, const fbn_link *want, const fbn_link *have, bool adopt)
{
        if (want->alias && !adopt && !same(want->alias, have->alias))
                return fail(c, FBN_ECONFLICT, "a link of that name is somebody else's: its alias is '%s', not '%s'; remove or rename it, or adopt it",
                            name_or(have->alias, ""), want->alias);
        if (want->kind && !same(want->kind, have->kind))
                return fail(c, FBN_ECONFLICT, "a link of that name is of kind '%s', not '%s'; remove or rename it", name_or(have->kind, "hardware"),
                            want->kind);
        if (kind_sets_bridge(want) && !same(have->kind, "bridge"))
                return fail(c, FBN_EINVAL, "vlan_filtering and stp are for bridges, not for a link of kind '%s'", name_or(have->kind, "hardware"));
        if (want->vlan && want->vlan != have->vlan)
                return fail(c, FBN_ECONFLICT, "the link has VLAN tag %u, not %u; a tag cannot be changed, remove the link", have->vlan, want->vlan);
        if (want->vlan_protocol && want->vlan_protocol != have->vlan_protocol)
                return fail(c, FBN_ECONFLICT, "the link's VLAN protocol is 0x%x, not 0x%x; it cannot be changed, remove the link",
                            have->vlan_protocol, want->vlan_protocol);
        if (want->table && want->table != have->table)
                return fail(c, FBN_ECONFLICT, "the VRF has table %u, not %u; a table cannot be changed, remove the link", have->table, want->table);
        if (want->parent && !same(want->parent, have->parent))
                return fail(c, FBN_ECONFLICT, "the link is on '%s', not on '%s'; this cannot be changed, remove the link", name_or(have->parent, ""),
                            want->parent);
        return 0;
}

static int update(struct apply *apply, const char *field, const char *before, const char *after)
{
        return changes_add(apply->c, apply->changes, FBN_CHANGE_UPDATE, apply->object, field, before, after);
}

static int compare_mtu(struct apply *apply)
{
        char before[16], after[16];

        if (apply->want->mtu == 0 || apply->want->mtu == apply->have->mtu)
                return 0;
        apply->set.mtu = apply->want->mtu;
        snprintf(before, sizeof(before), "%u", apply->have->mtu);
        snprintf(after, sizeof(after), "%u", apply->want->mtu);
        return update(apply, "mtu", before, after);
}

static int compare_state(struct apply *apply)
{
        static const char *const names[] = {[FBN_LINK_UP] = "up", [FBN_LINK_DOWN] = "down"};

        if (apply->want->state == FBN_LINK_ANY || apply->want->state == apply->have->state)
                return 0;
        apply->set.state = apply->want->state;
        return update(apply, "state", names[apply->have->state], names[apply->want->state]);
}

static int compare_switch(struct apply *apply, const char *field, fbn_link_switch have, fbn_link_switch want, fbn_link_switch *ret_set)
{
        static const char *const names[] = {NULL, [FBN_LINK_ON] = "on", [FBN_LINK_OFF] = "off"};

        if (want == FBN_LINK_AS_IT_IS || want == have)
                return 0;
        *ret_set = want;
        return update(apply, field, names[have], names[want]);
}

static int compare_altnames(struct apply *apply)
{
        const fbn_link *want = apply->want;
        int r = 0;

        if (want->n_altnames == 0)
                return 0;
        apply->altnames = memory_alloc(want->n_altnames * sizeof(*apply->altnames));
        if (!apply->altnames)
                return fail_memory(apply->c);
        apply->set.altnames = apply->altnames;
        for (size_t i = 0; r == 0 && i < want->n_altnames; i++) {
                if (altnames_has(apply->have, want->altnames[i]) || altnames_has(&apply->set, want->altnames[i]))
                        continue;
                apply->altnames[apply->set.n_altnames++] = want->altnames[i];
                r = update(apply, "altname", NULL, want->altnames[i]);
        }
        return r;
}

static int compare_text(struct apply *apply, const char *field, const char *have, const char *want, const char **ret_set)
{
        if (!want || same(have, want))
                return 0;
        *ret_set = want;
        return update(apply, field, name_or(have, NULL), name_or(want, NULL));
}

static int compare(struct apply *apply)
{
        int r = compare_text(apply, "alias", apply->have->alias, apply->want->alias, &apply->set.alias);

        if (r == 0)
                r = compare_text(apply, "master", apply->have->master, apply->want->master, &apply->set.master);
        if (r == 0)
                r = compare_mtu(apply);
        if (r == 0)
                r = compare_switch(apply, "vlan_filtering", apply->have->vlan_filtering, apply->want->vlan_filtering, &apply->set.vlan_filtering);
        if (r == 0)
                r = compare_switch(apply, "stp", apply->have->stp, apply->want->stp, &apply->set.stp);
        if (r == 0)
                r = compare_altnames(apply);
        if (r == 0)
                r = compare_state(apply);
        return r;
}

static int change(struct apply *apply, const fbn_link_apply_options *options)
{
        int r = check_conflict(apply->c, apply->want, apply->have, options->adopt);

        apply->set = (fbn_link){.size = sizeof(apply->set), .name = apply->want->name};
        if (r == 0)
                r = compare(apply);
        if (r < 0 || options->dry_run || fbn_changes_count(apply->changes) == 0)
                return fail_in(apply->c, r, "%s", apply->want->name);
        return fbn_link_set(apply->c, &apply->set);
}

/* The kernel's answer was lost, so that the link may be there without our mark, which would make it somebody else's for good. There was
 * none a moment ago. */
static void remove_unmarked(struct apply *apply)
{
        _cleanup_(fbn_links_unrefp) fbn_links *links = NULL;
        struct undoing undoing = undo_begin(apply->c);

        if (link_find(apply->c, apply->want->name, &links) > 0 && !fbn_links_at(links, 0)->alias && same(fbn_links_at(links, 0)->kind, apply->want->kind))
                fbn_link_delete(apply->c, apply->want->name);
        undo_end(apply->c, &undoing);
}

static int make(struct apply *apply, const fbn_link_apply_options *options)
{
        int r = link_check_new(apply->c, apply->want);

        if (r == 0)
                r = changes_add(apply->c, apply->changes, FBN_CHANGE_CREATE, apply->object, NULL, NULL, apply->want->kind);
        if (r < 0)
                return fail_in(apply->c, r, "%s", apply->want->name);
        if (options->dry_run)
                return 0;
        r = fbn_link_create(apply->c, apply->want);
        if (r < 0 && r != -FBN_EEXIST)
                remove_unmarked(apply);
        return r;
}

int fbn_link_apply(fbn_context *c, const fbn_link *link, const fbn_link_apply_options *options, fbn_changes **ret_changes)
{
        _cleanup_(fbn_changes_unrefp) fbn_changes *changes = changes_new();
        _cleanup_(fbn_links_unrefp) fbn_links *have = NULL;
        fbn_link_apply_options how;
        fbn_link want;
        struct apply apply = {.c = c, .want = &want, .changes = changes};
        int r;

        if (!changes)
                return fail_memory(c);
        r = OPTIONS_READ(c, fbn_link, link, &want);
        if (r == 0)
                r = OPTIONS_READ(c, fbn_link_apply_options, options, &how);
        if (r == 0)
                r = link_check_settings(c, &want);
        if (r == 0)
                r = link_find(c, want.name, &have);
        if (r < 0)
                return r;
        snprintf(apply.object, sizeof(apply.object), "link %s", want.name);
        apply.have = fbn_links_at(have, 0);
        r = apply.have ? change(&apply, &how) : make(&apply, &how);
        memory_free(apply.altnames);
        if (r < 0)
                return r;
        r = (int)fbn_changes_count(changes);
        if (ret_changes)
                *ret_changes = TAKE_PTR(changes);
        return r;
}
