/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/changes.h"
#include "netlink/netlink.h"
#include "route/route.h"

#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>

#define PER_BATCH ((size_t)4096) /* messages that are made before they are sent: bounds the memory */

/* A difference: both in place of one another, or one of them NULL. */
struct step {
        const struct route_entry *want, *have;
};

struct apply {
        fbn_context *c;
        const fbn_routes *want;
        const char *device;
        struct devices devices;
        fbn_routes *have; /* ours and whatever has a wanted route's key, without those that satisfy a wanted one */
        struct route_entry **wanted, **found; /* sorted by key */
        size_t wanted_count, found_count;
        bool *satisfied; /* of each wanted one: a route of ours was read that is as it should be */
        size_t next; /* where the next route that is read is looked for first: the kernel sorts as we do */
        struct step *steps;
        size_t step_count, step_capacity;
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
        bool in_order = true;

        if (!sorted)
                return fail_memory(c);
        for (size_t i = 0; i < count; i++) {
                sorted[i] = routes_entry(routes, i);
                in_order = in_order && (i == 0 || route_compare_keys(sorted[i - 1], sorted[i]) <= 0);
        }
        if (!in_order)
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

/* The wanted route of this key; wanted_count if there is none. */
static size_t find_wanted(struct apply *apply, const struct route_entry *entry)
{
        struct route_entry **found = NULL;

        if (apply->next < apply->wanted_count && route_compare_keys(apply->wanted[apply->next], entry) == 0)
                return apply->next++;
        if (apply->wanted_count > 0)
                found = bsearch(&entry, apply->wanted, apply->wanted_count, sizeof(struct route_entry *), compare_entries);
        if (!found)
                return apply->wanted_count;
        apply->next = (size_t)(found - apply->wanted) + 1;
        return apply->next - 1;
}

/* Of a million foreign routes only those in the way are kept, and of ours those about which something is to be done. */
static bool concerns(const struct route_entry *entry, void *data)
{
        struct apply *apply = data;
        size_t place = find_wanted(apply, entry);

        if (entry->route.protocol != FBN_PROTOCOL)
                return place < apply->wanted_count;
        if (place == apply->wanted_count || apply->satisfied[place] || !route_satisfies(entry, &apply->wanted[place]->route))
                return true;
        apply->satisfied[place] = true;
        return false;
}

static void read_again(uint16_t family, void *data)
{
        struct apply *apply = data;

        for (size_t i = 0; i < apply->wanted_count; i++)
                if (apply->wanted[i]->route.destination.address.family == family)
                        apply->satisfied[i] = false;
}

static int read_have(struct apply *apply)
{
        const fbn_route_filter all = {.size = sizeof(all)};
        const struct routes_visitor visitor = {concerns, read_again, apply};
        int r;

        apply->satisfied = memory_alloc(apply->wanted_count * sizeof(*apply->satisfied));
        if (!apply->satisfied)
                return fail_memory(apply->c);
        r = fbn_routes_new(apply->c, &apply->have);
        if (r == 0)
                r = routes_read(apply->c, &apply->devices, &all, &visitor, apply->have);
        return r < 0 ? r : sort(apply->c, apply->have, &apply->found, &apply->found_count);
}

/* The next wanted route, if any, and the routes found under the same key that do not satisfy it. */
struct match {
        const struct route_entry *want;
        bool satisfied;
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
        match->satisfied = match->want && apply->satisfied[match->next_want];
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

static int add_step(struct apply *apply, const struct route_entry *want, const struct route_entry *have)
{
        if (!ARRAY_RESERVE(apply->steps, apply->step_count, apply->step_capacity))
                return fail_memory(apply->c);
        apply->steps[apply->step_count++] = (struct step){want, have};
        return 0;
}

/* The kernel replaces the first route of a key. */
static int make_missing(struct apply *apply, bool with_gateway)
{
        int r = 0;

        for (struct match match = {0}; r == 0 && next_match(apply, &match);)
                if (match.want && !match.satisfied && (match.want->route.gateway.family != 0) == with_gateway)
                        r = add_step(apply, match.want, match.count ? match.found[0] : NULL);
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
                size_t replaced = match.want && !match.satisfied ? 1 : 0;

                for (size_t i = replaced; r == 0 && i < match.count; i++)
                        if (is_compared(apply, &match.found[i]->route))
                                r = add_step(apply, NULL, match.found[i]);
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

/* The steps from one on, as many as go into one batch. */
struct sending {
        const struct step *steps;
        size_t count;
        struct netlink_batch batch;
};

static void sending_clear(struct sending *sending)
{
        netlink_batch_free(&sending->batch);
}

static int refused(fbn_context *c, size_t index, int os_errno, const char *text, void *data)
{
        const struct step *step = &((const struct sending *)data)->steps[index];
        char name[ROUTE_TEXT];

        return fail_in(c, netlink_fail(c, os_errno, text), "%s", route_name(step->want ? &step->want->route : &step->have->route, name));
}

static void put_step(struct netlink_batch *batch, const struct step *step)
{
        uint16_t type = step->want ? RTM_NEWROUTE : RTM_DELROUTE;
        uint16_t flags = !step->want ? 0 : step->have ? NLM_F_REPLACE : NLM_F_CREATE | NLM_F_EXCL;
        struct nlmsghdr *message = netlink_batch_begin(batch, type, flags);

        if (step->want)
                route_put(message, &step->want->route, step->want->device);
        else
                route_put_deletion(message, step->have);
        netlink_batch_end(batch, message);
}

static int send_all(struct apply *apply, struct netlink *netlink, size_t *done)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < apply->step_count; i += PER_BATCH) {
                _cleanup_(sending_clear) struct sending sending = {.steps = apply->steps + i, .count = MIN(apply->step_count - i, PER_BATCH)};
                size_t sent = 0;

                for (size_t j = 0; j < sending.count; j++)
                        put_step(&sending.batch, &sending.steps[j]);
                r = netlink_batch_send(apply->c, netlink, &sending.batch, refused, &sending, &sent);
                *done += sent;
        }
        return r;
}

static int carry_out(struct apply *apply)
{
        char reason[sizeof(apply->c->error.message)];
        struct netlink *netlink;
        size_t done = 0;
        int r;

        r = netlink_get(apply->c, NETLINK_ROUTE, &netlink);
        if (r == 0)
                r = send_all(apply, netlink, &done);
        if (r == 0 || done == 0)
                return r;
        snprintf(reason, sizeof(reason), "%s", apply->c->error.message);
        return fail(apply->c, FBN_EPARTIAL, "%zu of %zu route changes were made, then: %s", done, apply->step_count, reason);
}

static int record(fbn_context *c, fbn_changes *changes, const struct step *step)
{
        const fbn_route *before = step->have ? &step->have->route : NULL, *after = step->want ? &step->want->route : NULL;
        char name[ROUTE_TEXT], before_text[ROUTE_TEXT], after_text[ROUTE_TEXT];
        fbn_change_kind kind = !before ? FBN_CHANGE_CREATE : !after ? FBN_CHANGE_DELETE : FBN_CHANGE_UPDATE;

        return changes_add(c, changes, kind, route_name(after ? after : before, name), before && after ? "way" : NULL,
                           before ? route_describe(before, before_text) : NULL, after ? route_describe(after, after_text) : NULL);
}

static int describe(struct apply *apply, fbn_changes **ret_changes)
{
        _cleanup_(fbn_changes_unrefp) fbn_changes *changes = changes_new();
        int r = changes ? 0 : fail_memory(apply->c);

        for (size_t i = 0; r == 0 && i < apply->step_count; i++)
                r = record(apply->c, changes, &apply->steps[i]);
        if (r == 0)
                *ret_changes = TAKE_PTR(changes);
        return r;
}

static void apply_clear(struct apply *apply)
{
        devices_free(&apply->devices);
        fbn_routes_unref(apply->have);
        memory_free(apply->wanted);
        memory_free(apply->found);
        memory_free(apply->satisfied);
        memory_free(apply->steps);
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
        _cleanup_(apply_clear) struct apply apply = {.c = c, .want = want};
        _cleanup_(fbn_changes_unrefp) fbn_changes *changes = NULL;
        fbn_route_apply_options how;
        int r;

        r = OPTIONS_READ(c, fbn_route_apply_options, options, &how);
        if (r < 0)
                return r;
        apply.device = how.device;
        r = difference(&apply);
        if (r == 0 && ret_changes)
                r = describe(&apply, &changes);
        if (r == 0 && !how.dry_run)
                r = carry_out(&apply);
        if (r < 0)
                return r;
        if (ret_changes)
                *ret_changes = TAKE_PTR(changes);
        return (int)apply.step_count;
}
