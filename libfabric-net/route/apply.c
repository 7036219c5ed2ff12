/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/changes.h"
#include "netlink/netlink.h"
#include "route/difference.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

#define PER_BATCH ((size_t)4096) /* messages that are made before they are sent: bounds the memory */
#define TRIES 3                  /* after answers were lost */

static int check_one(fbn_context *c, const fbn_route *route, const char *device)
{
        if (route->protocol && route->protocol != FBN_PROTOCOL)
                return fail(c, FBN_EINVAL, "protocol %u is not ours; leave it out", route->protocol);
        if (device && (!route->device || !streq(route->device, device)))
                return fail(c, FBN_EINVAL, "it does not go through '%s', to which this is limited", device);
        return 0;
}

static int check_wanted(fbn_context *c, const fbn_routes *want, const char *device)
{
        for (size_t i = 0; i < fbn_routes_count(want); i++) {
                struct route_entry entry;
                char text[ROUTE_TEXT];
                int r;

                if (i > 0 && routes_shape(want, i) == routes_shape(want, i - 1))
                        continue; /* what is looked at is the same */
                r = check_one(c, &routes_shape(want, i)->route, device);
                if (r < 0) {
                        routes_unpack(want, i, &entry);
                        return fail_in(c, r, "%s", route_name(&entry.route, text));
                }
        }
        return 0;
}

/* The steps from one on, as many as go into one batch. */
struct sending {
        const struct difference *difference;
        size_t first, count;
        size_t needless; /* what was to be taken away had gone by itself */
        struct netlink_batch batch;
};

static void sending_clear(struct sending *sending)
{
        netlink_batch_free(&sending->batch);
}

static int refused(fbn_context *c, size_t index, int os_errno, const char *text, void *data)
{
        struct sending *sending = data;
        struct route_entry want, have;
        enum step_sides sides = difference_step(sending->difference, sending->first + index, &want, &have);
        char name[ROUTE_TEXT];

        if (!(sides & STEP_WANT) && os_errno == ESRCH) {
                sending->needless++;
                return 0;
        }
        return fail_in(c, netlink_fail(c, os_errno, text), "%s", route_name(sides & STEP_WANT ? &want.route : &have.route, name));
}

static void put_step(struct sending *sending, size_t index)
{
        struct route_entry want, have;
        enum step_sides sides = difference_step(sending->difference, index, &want, &have);
        uint16_t type = sides & STEP_WANT ? RTM_NEWROUTE : RTM_DELROUTE;
        uint16_t flags = !(sides & STEP_WANT) ? 0 : sides & STEP_HAVE ? NLM_F_REPLACE : NLM_F_CREATE | NLM_F_EXCL;
        struct nlmsghdr *message = netlink_batch_begin(&sending->batch, type, flags);

        if (sides & STEP_WANT)
                route_put(message, &want);
        else
                route_put_deletion(message, &have);
        netlink_batch_end(&sending->batch, message);
}

static int send_all(fbn_context *c, const struct difference *difference, struct netlink *netlink, size_t *done)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < difference->step_count; i += PER_BATCH) {
                _cleanup_(sending_clear) struct sending sending = {.difference = difference, .first = i, .count = MIN(difference->step_count - i, PER_BATCH)};
                size_t sent = 0;

                for (size_t j = 0; j < sending.count; j++)
                        put_step(&sending, i + j);
                r = netlink_batch_send(c, netlink, &sending.batch, refused, &sending, &sent);
                *done += sent + sending.needless;
        }
        return r;
}

static int carry_out(fbn_context *c, const struct difference *difference)
{
        struct error_record why;
        struct netlink *netlink;
        size_t done = 0;
        int r;

        r = netlink_get(c, NETLINK_ROUTE, &netlink);
        if (r == 0)
                r = send_all(c, difference, netlink, &done);
        if (r == 0 || done == 0)
                return r;
        why = c->error;
        r = fail(c, FBN_EPARTIAL, "%zu of %zu route changes were made, then: %s", done, difference->step_count, why.message);
        c->error.os_errno = why.os_errno;
        return r;
}

static int record(fbn_context *c, fbn_changes *changes, const struct difference *difference, size_t index)
{
        struct route_entry want, have;
        enum step_sides sides = difference_step(difference, index, &want, &have);
        const fbn_route *before = sides & STEP_HAVE ? &have.route : NULL, *after = sides & STEP_WANT ? &want.route : NULL;
        char name[ROUTE_TEXT], before_text[ROUTE_TEXT], after_text[ROUTE_TEXT];
        fbn_change_kind kind = !before ? FBN_CHANGE_CREATE : !after ? FBN_CHANGE_DELETE : FBN_CHANGE_UPDATE;

        return changes_add(c, changes, kind, route_name(after ? after : before, name), before && after ? "way" : NULL,
                           before ? route_describe(before, before_text) : NULL, after ? route_describe(after, after_text) : NULL);
}

static int describe(fbn_context *c, const struct difference *difference, fbn_changes **ret_changes)
{
        _cleanup_(fbn_changes_unrefp) fbn_changes *changes = changes_new();
        int r = changes ? 0 : fail_memory(c);

        for (size_t i = 0; r == 0 && i < difference->step_count; i++)
                r = record(c, changes, difference, i);
        if (r == 0)
                *ret_changes = TAKE_PTR(changes);
        return r;
}

static int apply_once(fbn_context *c, const fbn_routes *want, const fbn_route_apply_options *how, fbn_changes **ret_changes)
{
        _cleanup_(difference_clear) struct difference difference = {.c = c, .want = (fbn_routes *)want, .device = how->device};
        _cleanup_(fbn_changes_unrefp) fbn_changes *changes = NULL;
        int r;

        r = difference_find(&difference);
        if (r == 0 && ret_changes)
                r = describe(c, &difference, &changes);
        if (r == 0 && !how->dry_run)
                r = carry_out(c, &difference);
        if (r < 0)
                return r;
        if (ret_changes)
                *ret_changes = TAKE_PTR(changes);
        return (int)difference.step_count;
}

int fbn_route_apply(fbn_context *c, const fbn_routes *want, const fbn_route_apply_options *options, fbn_changes **ret_changes)
{
        fbn_route_apply_options how;
        int r;

        r = OPTIONS_READ(c, fbn_route_apply_options, options, &how);
        if (r == 0)
                r = check_wanted(c, want, how.device);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < TRIES; i++) {
                r = apply_once(c, want, &how, ret_changes);
                if (r >= 0 || c->error.os_errno != ENOBUFS)
                        break; /* else it is not known what was done: that is read anew */
        }
        return r;
}
