/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/changes.h"
#include "route/neighbour.h"
#include "route/send.h"

#include <linux/rtnetlink.h>
#include <strings.h>

struct apply {
        fbn_context *c;
        const fbn_neighbours *want;
        struct devices devices;
        fbn_neighbours *have;
        fbn_changes *changes;
        struct netlink_batch batch;
};

static const fbn_neighbour *find(const fbn_neighbours *neighbours, const fbn_neighbour *key)
{
        for (size_t i = 0; i < fbn_neighbours_count(neighbours); i++)
                if (neighbour_same(fbn_neighbours_at(neighbours, i), key))
                        return fbn_neighbours_at(neighbours, i);
        return NULL;
}

static const char *describe(const fbn_neighbour *neighbour)
{
        return !neighbour ? NULL : neighbour->link_address ? neighbour->link_address : neighbour->proxy ? "proxy" : "unknown";
}

static int add_step(struct apply *apply, const fbn_neighbour *want, const fbn_neighbour *have)
{
        const fbn_neighbour *neighbour = want ? want : have;
        fbn_change_kind kind = !have ? FBN_CHANGE_CREATE : !want ? FBN_CHANGE_DELETE : FBN_CHANGE_UPDATE;
        struct nlmsghdr *message;
        char name[NEIGHBOUR_TEXT];
        uint32_t device;
        int r;

        r = devices_index(apply->c, &apply->devices, neighbour->device, &device);
        if (r < 0)
                return r;
        message = netlink_batch_begin(&apply->batch, want ? RTM_NEWNEIGH : RTM_DELNEIGH, want ? NLM_F_CREATE | NLM_F_REPLACE : 0);
        if (want)
                neighbour_put(message, want, device);
        else
                neighbour_put_deletion(message, have, device);
        netlink_batch_end(&apply->batch, message);
        return changes_add(apply->c, apply->changes, kind, neighbour_name(neighbour, name), want && have ? "link address" : NULL, describe(have),
                           describe(want));
}

/* What the kernel learnt has no protocol and is not permanent. */
static bool is_foreign(const fbn_neighbour *have)
{
        return have->protocol != FBN_PROTOCOL && (have->proxy || have->protocol || (have->state && streq(have->state, "permanent")));
}

static int compare_one(struct apply *apply, const fbn_neighbour *want)
{
        const fbn_neighbour *first = find(apply->want, want), *have = find(apply->have, want);

        if (want->protocol && want->protocol != FBN_PROTOCOL)
                return fail(apply->c, FBN_EINVAL, "protocol %u is not ours; leave it out", want->protocol);
        if (first != want)
                return (!first->proxy && strcasecmp(first->link_address, want->link_address) != 0) || first->router != want->router
                               ? fail(apply->c, FBN_EINVAL, "it is wanted twice, in different ways")
                               : 0;
        if (have && is_foreign(have))
                return fail(apply->c, FBN_ECONFLICT, "somebody else (protocol %u) has made this entry, %s; remove that", have->protocol, describe(have));
        return have && have->protocol == FBN_PROTOCOL && neighbour_satisfies(have, want) ? 0 : add_step(apply, want, have);
}

static int compare(struct apply *apply)
{
        char name[NEIGHBOUR_TEXT];
        int r;

        apply->changes = changes_new();
        if (!apply->changes)
                return fail_memory(apply->c);
        r = devices_read(apply->c, &apply->devices);
        if (r == 0)
                r = fbn_neighbour_list(apply->c, NULL, &apply->have);
        for (size_t i = 0; r == 0 && i < fbn_neighbours_count(apply->want); i++) {
                const fbn_neighbour *want = fbn_neighbours_at(apply->want, i);

                r = fail_in(apply->c, compare_one(apply, want), "%s", neighbour_name(want, name));
        }
        for (size_t i = 0; r == 0 && i < fbn_neighbours_count(apply->have); i++) {
                const fbn_neighbour *have = fbn_neighbours_at(apply->have, i);

                if (have->protocol == FBN_PROTOCOL && !find(apply->want, have))
                        r = add_step(apply, NULL, have);
        }
        return r;
}

static void apply_clear(struct apply *apply)
{
        devices_free(&apply->devices);
        fbn_neighbours_unref(apply->have);
        fbn_changes_unref(apply->changes);
        netlink_batch_free(&apply->batch);
}

int fbn_neighbour_apply(fbn_context *c, const fbn_neighbours *want, const fbn_neighbour_apply_options *options, fbn_changes **ret_changes)
{
        _cleanup_(apply_clear) struct apply apply = {.c = c, .want = want};
        fbn_neighbour_apply_options how;
        int r;

        r = OPTIONS_READ(c, fbn_neighbour_apply_options, options, &how);
        if (r == 0)
                r = compare(&apply);
        if (r == 0 && !how.dry_run)
                r = send_changes(c, &apply.batch, apply.changes);
        if (r < 0)
                return r;
        r = (int)fbn_changes_count(apply.changes);
        if (ret_changes)
                *ret_changes = TAKE_PTR(apply.changes);
        return r;
}
