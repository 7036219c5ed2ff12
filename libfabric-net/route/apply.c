/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/changes.h"
#include "netlink/netlink.h"
#include "route/route.h"

#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>

struct apply {
        fbn_context *c;
        const fbn_routes *want;
        const char *device;
        struct devices devices;
        fbn_routes *have; /* ours, and whatever has a wanted route's key */
        struct route_entry **wanted, **found; /* sorted by key */
        size_t wanted_count, found_count;
        fbn_changes *changes;
        struct netlink_batch batch;
};

static int compare_entries(const void *a, const void *b)
{
        return route_compare_keys(*(struct route_entry *const *)a, *(struct route_entry *const *)b);
}

/* Equal keys stay in the kernel's order, which is the order of entries. */
static int compare_order(const void *a, const void *b)
{
        const struct route_entry *first = *(struct route_entry *const *)a, *second = *(struct route_entry *const *)b;
        int order = route_compare_keys(first, second);

        return order ? order : first < second ? -1 : first > second;
}

static int sort(fbn_context *c, const fbn_routes *routes, struct route_entry ***ret_sorted, size_t *ret_count)
{
        size_t count = fbn_routes_count(routes);
        struct route_entry **sorted = memory_alloc(count * sizeof(*sorted));

        if (!sorted)
                return fail_memory(c);
        for (size_t i = 0; i < count; i++)
                sorted[i] = routes_entry(routes, i);
        qsort(sorted, count, sizeof(struct route_entry *), compare_order);
        *ret_sorted = sorted;
        *ret_count = count;
        return 0;
}

static int check_one(struct apply *apply, const fbn_route *route)
{
        char text[ROUTE_TEXT];
        int r = 0;

        if (route->protocol && route->protocol != FBN_PROTOCOL)
                r = fail(apply->c, FBN_EINVAL, "protocol %u is not ours; leave it out", route->protocol);
        else if (apply->device && (!route->device || !streq(route->device, apply->device)))
                r = fail(apply->c, FBN_EINVAL, "it does not go through '%s', to which this is limited", apply->device);
        return r < 0 ? fail_in(apply->c, r, "%s", route_name(route, text)) : 0;
}

/* Find every device and drop what is wanted twice. */
static int prepare_wanted(struct apply *apply)
{
        size_t count = 0;
        char text[ROUTE_TEXT];
        int r;

        r = sort(apply->c, apply->want, &apply->wanted, &apply->wanted_count);
        for (size_t i = 0; r == 0 && i < apply->wanted_count; i++) {
                struct route_entry *entry = apply->wanted[i];
                struct route_entry *last = count ? apply->wanted[count - 1] : NULL;

                r = check_one(apply, &entry->route);
                if (r < 0)
                        break;
                r = devices_index(apply->c, &apply->devices, entry->route.device, &entry->device);
                if (r == 0 && last && route_compare_keys(last, entry) == 0) {
                        if (!route_satisfies(last, &entry->route))
                                r = fail(apply->c, FBN_EINVAL, "it is wanted twice, in different ways");
                } else if (r == 0) {
                        apply->wanted[count++] = entry;
                }
                if (r < 0)
                        return fail_in(apply->c, r, "%s", route_name(&entry->route, text));
        }
        apply->wanted_count = count;
        return r;
}

/* Of a million foreign routes only those in the way are kept. */
static bool concerns(const struct route_entry *entry, void *data)
{
        const struct apply *apply = data;

        if (entry->route.protocol == FBN_PROTOCOL)
                return true;
        return bsearch(&entry, apply->wanted, apply->wanted_count, sizeof(struct route_entry *), compare_entries) != NULL;
}

static int read_have(struct apply *apply)
{
        const fbn_route_filter all = {.size = sizeof(all)};
        int r;

        r = fbn_routes_new(apply->c, &apply->have);
        if (r == 0)
                r = routes_read(apply->c, &apply->devices, &all, concerns, apply, apply->have);
        return r < 0 ? r : sort(apply->c, apply->have, &apply->found, &apply->found_count);
}

/* The next wanted route, if any, and the routes found under the same key. */
struct match {
        const struct route_entry *want;
        struct route_entry **found;
        size_t count;
        size_t next_want, next_found;
};

static bool next_match(const struct apply *apply, struct match *match)
{
        const struct route_entry *key, *first;

        match->want = match->next_want < apply->wanted_count ? apply->wanted[match->next_want] : NULL;
        match->found = apply->found + match->next_found;
        match->count = 0;
        first = match->next_found < apply->found_count ? *match->found : NULL;
        if (!match->want && !first)
                return false;
        if (match->want && first && route_compare_keys(first, match->want) < 0)
                match->want = NULL;
        key = match->want ? match->want : first;
        while (match->next_found < apply->found_count && route_compare_keys(apply->found[match->next_found], key) == 0) {
                match->next_found++;
                match->count++;
        }
        match->next_want += match->want != NULL;
        return true;
}

static int find_conflict(const struct apply *apply)
{
        char name[ROUTE_TEXT], other[ROUTE_TEXT];

        for (struct match match = {0}; next_match(apply, &match);)
                for (size_t i = 0; match.want && i < match.count; i++)
                        if (match.found[i]->route.protocol != FBN_PROTOCOL)
                                return fail_in(apply->c,
                                               fail(apply->c, FBN_ECONFLICT,
                                                    "a route of somebody else (protocol %u, %s) is in its place; remove that or give ours another metric",
                                                    match.found[i]->route.protocol, route_describe(&match.found[i]->route, other)),
                                               "%s", route_name(&match.want->route, name));
        return 0;
}

static int record(struct apply *apply, const fbn_route *before, const fbn_route *after)
{
        char name[ROUTE_TEXT], before_text[ROUTE_TEXT], after_text[ROUTE_TEXT];
        fbn_change_kind kind = !before ? FBN_CHANGE_CREATE : !after ? FBN_CHANGE_DELETE : FBN_CHANGE_UPDATE;

        return changes_add(apply->c, apply->changes, kind, route_name(after ? after : before, name), before && after ? "way" : NULL,
                           before ? route_describe(before, before_text) : NULL, after ? route_describe(after, after_text) : NULL);
}

static int make(struct apply *apply, const struct route_entry *want, const struct route_entry *instead)
{
        uint16_t flags = instead ? NLM_F_REPLACE : NLM_F_CREATE | NLM_F_EXCL;
        struct nlmsghdr *message = netlink_batch_begin(&apply->batch, RTM_NEWROUTE, flags);

        route_put(message, &want->route, want->device);
        netlink_batch_end(&apply->batch, message);
        return record(apply, instead ? &instead->route : NULL, &want->route);
}

static int delete(struct apply *apply, const struct route_entry *have)
{
        struct nlmsghdr *message = netlink_batch_begin(&apply->batch, RTM_DELROUTE, 0);

        route_put_deletion(message, have);
        netlink_batch_end(&apply->batch, message);
        return record(apply, &have->route, NULL);
}

/* Of the routes under one key, the one that stays or is replaced; the kernel replaces the first. */
static size_t kept(const struct match *match, bool *ret_same)
{
        for (size_t i = 0; i < match->count; i++)
                if (route_satisfies(match->found[i], &match->want->route)) {
                        *ret_same = true;
                        return i;
                }
        *ret_same = false;
        return 0;
}

static int make_missing(struct apply *apply, bool with_gateway)
{
        int r = 0;

        for (struct match match = {0}; r == 0 && next_match(apply, &match);) {
                bool same;
                size_t i;

                if (!match.want || (match.want->route.gateway.family != 0) != with_gateway)
                        continue;
                i = kept(&match, &same);
                if (!same)
                        r = make(apply, match.want, match.count ? match.found[i] : NULL);
        }
        return r;
}

static bool is_compared(const struct apply *apply, const fbn_route *route)
{
        return route->protocol == FBN_PROTOCOL && (!apply->device || (route->device && streq(route->device, apply->device)));
}

static int delete_rest(struct apply *apply)
{
        int r = 0;

        for (struct match match = {0}; r == 0 && next_match(apply, &match);) {
                bool same;
                size_t keep = match.want ? kept(&match, &same) : SIZE_MAX;

                for (size_t i = 0; r == 0 && i < match.count; i++)
                        if (i != keep && is_compared(apply, &match.found[i]->route))
                                r = delete(apply, match.found[i]);
        }
        return r;
}

/* A gateway must be reachable when its route comes: direct routes first. What goes, goes last, so that no moment is without a way. */
static int compare(struct apply *apply)
{
        int r = find_conflict(apply);

        if (r == 0)
                r = make_missing(apply, false);
        if (r == 0)
                r = make_missing(apply, true);
        return r == 0 ? delete_rest(apply) : r;
}

static int refused(fbn_context *c, size_t index, int os_errno, const char *text, void *data)
{
        return fail_in(c, netlink_fail(c, os_errno, text), "%s", fbn_changes_at(data, index)->object);
}

static int carry_out(struct apply *apply)
{
        char reason[sizeof(apply->c->error.message)];
        size_t done = 0, count = apply->batch.count;
        struct netlink *netlink;
        int r;

        r = netlink_get(apply->c, NETLINK_ROUTE, &netlink);
        if (r == 0)
                r = netlink_batch_send(apply->c, netlink, &apply->batch, refused, apply->changes, &done);
        if (r == 0 || done == 0)
                return r;
        snprintf(reason, sizeof(reason), "%s", apply->c->error.message);
        return fail(apply->c, FBN_EPARTIAL, "%zu of %zu route changes were made, then: %s", done, count, reason);
}

static void apply_clear(struct apply *apply)
{
        devices_free(&apply->devices);
        fbn_routes_unref(apply->have);
        fbn_changes_unref(apply->changes);
        memory_free(apply->wanted);
        memory_free(apply->found);
        netlink_batch_free(&apply->batch);
}

static int difference(struct apply *apply)
{
        int r = devices_read(apply->c, &apply->devices);
        uint32_t index;

        if (r == 0)
                r = devices_index(apply->c, &apply->devices, apply->device, &index);
        if (r == 0)
                r = prepare_wanted(apply);
        if (r == 0)
                r = read_have(apply);
        return r == 0 ? compare(apply) : r;
}

int fbn_route_apply(fbn_context *c, const fbn_routes *want, const fbn_route_apply_options *options, fbn_changes **ret_changes)
{
        _cleanup_(apply_clear) struct apply apply = {.c = c, .want = want, .changes = changes_new()};
        fbn_route_apply_options how;
        int r;

        if (!apply.changes)
                return fail_memory(c);
        r = OPTIONS_READ(c, fbn_route_apply_options, options, &how);
        if (r < 0)
                return r;
        apply.device = how.device;
        r = difference(&apply);
        if (r == 0 && !how.dry_run && apply.batch.count > 0)
                r = carry_out(&apply);
        if (r < 0)
                return r;
        r = (int)fbn_changes_count(apply.changes);
        if (ret_changes)
                *ret_changes = TAKE_PTR(apply.changes);
        return r;
}
