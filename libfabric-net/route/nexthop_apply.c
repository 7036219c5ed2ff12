/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/changes.h"
#include "route/nexthop.h"
#include "route/send.h"

#include <linux/rtnetlink.h>
#include <stdio.h>

struct apply {
        fbn_context *c;
        const fbn_nexthops *want;
        struct devices devices;
        fbn_nexthops *have;
        fbn_changes *changes;
        struct netlink_batch batch;
};

/* By id; count if there is none. */
static size_t find(const fbn_nexthops *nexthops, uint32_t id)
{
        size_t i = 0;

        while (i < fbn_nexthops_count(nexthops) && fbn_nexthops_at(nexthops, i)->id != id)
                i++;
        return i;
}

static int record(struct apply *apply, const fbn_nexthop *before, const fbn_nexthop *after)
{
        fbn_change_kind kind = !before ? FBN_CHANGE_CREATE : !after ? FBN_CHANGE_DELETE : FBN_CHANGE_UPDATE;
        char object[32], before_text[NEXTHOP_TEXT], after_text[NEXTHOP_TEXT];

        snprintf(object, sizeof(object), "nexthop %u", before ? before->id : after->id);
        return changes_add(apply->c, apply->changes, kind, object, before && after ? "way" : NULL, before ? nexthop_describe(before, before_text) : NULL,
                           after ? nexthop_describe(after, after_text) : NULL);
}

static int make(struct apply *apply, const fbn_nexthop *want, const fbn_nexthop *have)
{
        struct nlmsghdr *message;
        uint32_t device;
        int r;

        r = devices_index(apply->c, &apply->devices, want->device, &device);
        if (r < 0)
                return r;
        message = netlink_batch_begin(&apply->batch, RTM_NEWNEXTHOP, NLM_F_CREATE | (have ? NLM_F_REPLACE : NLM_F_EXCL));
        nexthop_put(message, want, device);
        netlink_batch_end(&apply->batch, message);
        return record(apply, have, want);
}

static int compare_one(struct apply *apply, size_t index)
{
        const fbn_nexthop *want = fbn_nexthops_at(apply->want, index), *have;
        size_t first = find(apply->want, want->id), place = find(apply->have, want->id);

        if (want->protocol && want->protocol != FBN_PROTOCOL)
                return fail(apply->c, FBN_EINVAL, "protocol %u is not ours; leave it out", want->protocol);
        if (first != index)
                return nexthop_satisfies(fbn_nexthops_at(apply->want, first), want) ? 0 : fail(apply->c, FBN_EINVAL, "it is wanted twice, in different ways");
        have = fbn_nexthops_at(apply->have, place);
        if (have && have->protocol != FBN_PROTOCOL)
                return fail(apply->c, FBN_ECONFLICT, "somebody else (protocol %u) has that id; give ours another", have->protocol);
        if (have && !nexthops_odd(apply->have, place) && nexthop_satisfies(have, want))
                return 0;
        return make(apply, want, have);
}

static int make_missing(struct apply *apply, bool groups)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < fbn_nexthops_count(apply->want); i++) {
                const fbn_nexthop *want = fbn_nexthops_at(apply->want, i);

                if ((want->n_members > 0) == groups)
                        r = fail_in(apply->c, compare_one(apply, i), "nexthop %u", want->id);
        }
        return r;
}

static int delete_rest(struct apply *apply)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < fbn_nexthops_count(apply->have); i++) {
                const fbn_nexthop *have = fbn_nexthops_at(apply->have, i);
                struct nlmsghdr *message;

                if (have->protocol != FBN_PROTOCOL || find(apply->want, have->id) < fbn_nexthops_count(apply->want))
                        continue;
                message = netlink_batch_begin(&apply->batch, RTM_DELNEXTHOP, 0);
                nexthop_put_deletion(message, have->id);
                netlink_batch_end(&apply->batch, message);
                r = record(apply, have, NULL);
        }
        return r;
}

/* Groups are of what is there already. */
static int compare(struct apply *apply)
{
        int r;

        apply->changes = changes_new();
        if (!apply->changes)
                return fail_memory(apply->c);
        r = devices_read(apply->c, &apply->devices);
        if (r == 0)
                r = fbn_nexthop_list(apply->c, &apply->have);
        if (r == 0)
                r = make_missing(apply, false);
        if (r == 0)
                r = make_missing(apply, true);
        return r == 0 ? delete_rest(apply) : r;
}

static void apply_clear(struct apply *apply)
{
        devices_free(&apply->devices);
        fbn_nexthops_unref(apply->have);
        fbn_changes_unref(apply->changes);
        netlink_batch_free(&apply->batch);
}

int fbn_nexthop_apply(fbn_context *c, const fbn_nexthops *want, const fbn_nexthop_apply_options *options, fbn_changes **ret_changes)
{
        _cleanup_(apply_clear) struct apply apply = {.c = c, .want = want};
        fbn_nexthop_apply_options how;
        int r;

        r = OPTIONS_READ(c, fbn_nexthop_apply_options, options, &how);
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
