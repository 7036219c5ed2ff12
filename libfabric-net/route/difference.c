/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "route/difference.h"

#include <stdlib.h>

/* Equal keys stay in the order of the list, which is the kernel's. */
static int compare_places(const void *a, const void *b, void *list)
{
        uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
        int order = route_compare_keys(routes_key(list, first), routes_key(list, second));

        return order ? order : first < second ? -1 : first > second;
}

/* The greatest order of two that follow one another: below 0 all are in order, and each is there once. */
static int order_of_all(const fbn_routes *routes, size_t count)
{
        struct route_key last, key;
        int most = -1;

        if (count > 0)
                last = routes_key(routes, 0);
        for (size_t i = 1; most <= 0 && i < count; i++, last = key) {
                key = routes_key(routes, i);
                most = MAX(most, route_compare_keys(last, key));
        }
        return most;
}

/* ret_once: no key is there twice, as far as is known. */
static int sort(fbn_context *c, fbn_routes *routes, uint32_t **ret_sorted, size_t *ret_count, bool *ret_once)
{
        size_t count = fbn_routes_count(routes);
        uint32_t *sorted = memory_alloc(count * sizeof(*sorted));
        int order;

        if (!sorted)
                return fail_memory(c);
        for (size_t i = 0; i < count; i++)
                sorted[i] = (uint32_t)i;
        order = order_of_all(routes, count);
        if (order > 0)
                qsort_r(sorted, count, sizeof(*sorted), compare_places, routes);
        if (ret_once)
                *ret_once = order < 0;
        memory_free(*ret_sorted);
        *ret_sorted = sorted;
        *ret_count = count;
        return 0;
}

/* Drop what is wanted twice. */
static int prepare_wanted(struct difference *difference)
{
        size_t count = 0;
        bool once;
        int r;

        r = sort(difference->c, difference->want, &difference->wanted, &difference->wanted_count, &once);
        if (r == 0 && once)
                return 0;
        for (size_t i = 0; r == 0 && i < difference->wanted_count; i++) {
                uint32_t place = difference->wanted[i], last = count ? difference->wanted[count - 1] : NO_ROUTE;
                struct route_entry entry;
                char text[ROUTE_TEXT];

                if (last == NO_ROUTE || route_compare_keys(routes_key(difference->want, last), routes_key(difference->want, place)) != 0) {
                        difference->wanted[count++] = place;
                } else if (!route_satisfies(routes_shape(difference->want, last), routes_shape(difference->want, place))) {
                        routes_unpack(difference->want, place, &entry);
                        return fail_in(difference->c, fail(difference->c, FBN_EINVAL, "it is wanted twice, in different ways"), "%s",
                                       route_name(&entry.route, text));
                }
        }
        difference->wanted_count = count;
        return r;
}

static struct route_key wanted_key(const struct difference *difference, size_t place)
{
        return routes_key(difference->want, difference->wanted[place]);
}

/* The wanted route of this key; wanted_count if there is none. */
static size_t find_wanted(struct difference *difference, struct route_key key)
{
        size_t low = 0, high = difference->wanted_count;

        if (difference->next < high && route_compare_keys(wanted_key(difference, difference->next), key) == 0)
                return difference->next++;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = route_compare_keys(wanted_key(difference, middle), key);

                if (order == 0) {
                        difference->next = middle + 1;
                        return middle;
                }
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return difference->wanted_count;
}

static bool satisfies(struct difference *difference, const struct route_entry *entry, bool same, size_t place)
{
        const struct route_entry *want = routes_shape(difference->want, difference->wanted[place]);

        if (!same || want != difference->last.want)
                difference->last.satisfies = route_satisfies(entry, want);
        difference->last.want = want;
        return difference->last.satisfies;
}

/* Whether it is the next one wanted, both being as the last two were but for the address. */
static bool is_next(const struct difference *difference, const struct route_entry *entry)
{
        struct route_key key;

        if (!difference->last.want || difference->next == difference->wanted_count)
                return false;
        key = wanted_key(difference, difference->next);
        return key.entry == difference->last.want &&
               route_compare_keys(key, (struct route_key){key.entry, entry->route.destination.address.bytes}) == 0;
}

/* Of a million foreign routes only those in the way are kept, and of ours those about which something is to be done. */
static bool concerns(const struct route_entry *entry, bool same, void *data)
{
        struct difference *difference = data;
        size_t place;

        if (same && is_next(difference, entry) && difference->last.satisfies && !(difference->satisfied[difference->next] & SEEN_NOW)) {
                difference->satisfied[difference->next++] |= SEEN_NOW;
                return false;
        }
        place = find_wanted(difference, route_key_of(entry));
        if (!same)
                difference->last.want = NULL;
        if (entry->route.protocol != FBN_PROTOCOL)
                return place < difference->wanted_count;
        if (place == difference->wanted_count || difference->satisfied[place] & SEEN_NOW || !satisfies(difference, entry, same, place))
                return true;
        difference->satisfied[place] |= SEEN_NOW;
        return false;
}

static void read_again(uint16_t family, void *data)
{
        struct difference *difference = data;

        difference->last.want = NULL;
        for (size_t i = 0; i < difference->wanted_count; i++)
                if (wanted_key(difference, i).entry->route.destination.address.family == family)
                        difference->satisfied[i] &= SEEN_BEFORE;
}

static int read_have(struct difference *difference, fbn_routes **ret_have)
{
        const fbn_route_filter all = {.size = sizeof(all)};
        const struct routes_visitor visitor = {concerns, read_again, difference};
        _cleanup_(fbn_routes_unrefp) fbn_routes *have = NULL;
        int r;

        difference->last.want = NULL;
        difference->next = 0;
        r = fbn_routes_new(difference->c, &have);
        if (r == 0)
                r = routes_read(difference->c, &difference->devices, &all, &visitor, have);
        if (r == 0)
                *ret_have = TAKE_PTR(have);
        return r;
}

/* The next wanted route, if any, and the routes found under the same key that do not satisfy it. */
struct match {
        uint32_t want; /* place in the list, or NO_ROUTE */
        bool satisfied;
        const uint32_t *found;
        size_t count;
        size_t next_want, next_found;
};

static struct route_key found_key(const struct difference *difference, size_t place)
{
        return routes_key(difference->have, difference->found[place]);
}

static bool next_match(const struct difference *difference, struct match *match)
{
        bool more_wanted = match->next_want < difference->wanted_count, more_found = match->next_found < difference->found_count;
        struct route_key key;

        match->want = NO_ROUTE;
        match->satisfied = false;
        match->found = difference->found + match->next_found;
        match->count = 0;
        if (!more_wanted && !more_found)
                return false;
        key = more_found ? found_key(difference, match->next_found) : wanted_key(difference, match->next_want);
        if (more_wanted && (!more_found || route_compare_keys(wanted_key(difference, match->next_want), key) <= 0)) {
                key = wanted_key(difference, match->next_want);
                match->want = difference->wanted[match->next_want];
                match->satisfied = difference->satisfied[match->next_want++];
        }
        while (match->next_found < difference->found_count && route_compare_keys(found_key(difference, match->next_found), key) == 0) {
                match->next_found++;
                match->count++;
        }
        return true;
}

static int conflict(const struct difference *difference, uint32_t want_place, const fbn_route *have)
{
        char name[ROUTE_TEXT], other[ROUTE_TEXT];
        struct route_entry want;

        routes_unpack(difference->want, want_place, &want);
        return fail_in(difference->c,
                       fail(difference->c, FBN_ECONFLICT,
                            "a route of somebody else (protocol %u, %s) is in its place; remove that or give ours another metric", have->protocol,
                            route_describe(have, other)),
                       "%s", route_name(&want.route, name));
}

static int find_conflict(const struct difference *difference)
{
        for (struct match match = {0}; next_match(difference, &match);)
                for (size_t i = 0; match.want != NO_ROUTE && i < match.count; i++) {
                        const fbn_route *have = &routes_shape(difference->have, match.found[i])->route;

                        if (have->protocol != FBN_PROTOCOL)
                                return conflict(difference, match.want, have);
                }
        return 0;
}

static int add_step(struct difference *difference, uint32_t want, uint32_t have)
{
        if (!ARRAY_RESERVE(difference->steps, difference->step_count, difference->step_capacity))
                return fail_memory(difference->c);
        difference->steps[difference->step_count++] = (struct step){want, have};
        difference->creates = difference->creates || have == NO_ROUTE;
        return 0;
}

static bool has_gateway(const fbn_route *route)
{
        for (size_t i = 0; i < route->n_hops; i++)
                if (route->hops[i].gateway.family)
                        return true;
        return route->gateway.family != 0;
}

/* The kernel replaces the first route of a key. */
static int make_missing(struct difference *difference, bool with_gateway)
{
        int r = 0;

        for (struct match match = {0}; r == 0 && next_match(difference, &match);)
                if (match.want != NO_ROUTE && !match.satisfied && has_gateway(&routes_shape(difference->want, match.want)->route) == with_gateway)
                        r = add_step(difference, match.want, match.count ? match.found[0] : NO_ROUTE);
        return r;
}

static bool is_compared(const struct difference *difference, const fbn_route *route)
{
        return route->protocol == FBN_PROTOCOL && (!difference->device || (route->device && streq(route->device, difference->device)));
}

static int delete_rest(struct difference *difference)
{
        int r = 0;

        for (struct match match = {0}; r == 0 && next_match(difference, &match);) {
                size_t replaced = match.want != NO_ROUTE && !match.satisfied ? 1 : 0;

                for (size_t i = replaced; r == 0 && i < match.count; i++)
                        if (is_compared(difference, &routes_shape(difference->have, match.found[i])->route))
                                r = add_step(difference, NO_ROUTE, match.found[i]);
        }
        return r;
}

/* A gateway must be reachable when its route comes: direct routes first. What goes, goes last, so that no moment is without a way. */
static int compare(struct difference *difference)
{
        int r;

        difference->step_count = 0;
        difference->creates = false;
        if (fbn_routes_count(difference->have) == 0 && !memchr(difference->satisfied, 0, difference->wanted_count))
                return 0; /* all is as wanted, which is what mostly is */
        r = sort(difference->c, difference->have, &difference->found, &difference->found_count, NULL);
        if (r == 0)
                r = find_conflict(difference);
        if (r == 0)
                r = make_missing(difference, false);
        if (r == 0)
                r = make_missing(difference, true);
        return r == 0 ? delete_rest(difference) : r;
}

static bool is_in(fbn_routes *routes, const uint32_t *sorted, struct route_key key)
{
        size_t low = 0, high = fbn_routes_count(routes);

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = route_compare_keys(routes_key(routes, sorted[middle]), key);

                if (order == 0)
                        return true;
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return false;
}

/* What either read saw is there: of the first one's, add those whose key the second did not see. */
static int add_seen(struct difference *difference, fbn_routes *first)
{
        struct route_entry entry;
        int r;

        r = sort(difference->c, difference->have, &difference->found, &difference->found_count, NULL);
        for (size_t i = 0; r == 0 && i < fbn_routes_count(first); i++) {
                if (is_in(difference->have, difference->found, routes_key(first, i)))
                        continue;
                routes_unpack(first, i, &entry);
                r = routes_append(difference->c, difference->have, &entry);
                if (r == 0)
                        r = sort(difference->c, difference->have, &difference->found, &difference->found_count, NULL);
        }
        return r;
}

/* While others change routes a dump can miss one that is there all the time: a route is missing when two reads say so. */
static int confirm(struct difference *difference)
{
        _cleanup_(fbn_routes_unrefp) fbn_routes *first = TAKE_PTR(difference->have);
        int r;

        for (size_t i = 0; i < difference->wanted_count; i++)
                difference->satisfied[i] = difference->satisfied[i] ? SEEN_BEFORE : 0;
        r = read_have(difference, &difference->have);
        if (r == 0)
                r = add_seen(difference, first);
        return r == 0 ? compare(difference) : r;
}

int difference_find(struct difference *difference)
{
        uint32_t index;
        int r;

        r = devices_read(difference->c, &difference->devices);
        if (r == 0)
                r = devices_index(difference->c, &difference->devices, difference->device, &index);
        if (r == 0)
                r = routes_resolve(difference->c, &difference->devices, difference->want);
        if (r == 0)
                r = prepare_wanted(difference);
        if (r < 0)
                return r;
        difference->satisfied = memory_alloc(difference->wanted_count * sizeof(*difference->satisfied));
        if (!difference->satisfied)
                return fail_memory(difference->c);
        r = read_have(difference, &difference->have);
        if (r == 0)
                r = compare(difference);
        return r == 0 && difference->creates ? confirm(difference) : r;
}

void difference_clear(struct difference *difference)
{
        devices_free(&difference->devices);
        fbn_routes_unref(difference->have);
        memory_free(difference->wanted);
        memory_free(difference->found);
        memory_free(difference->satisfied);
        memory_free(difference->steps);
}

enum step_sides difference_step(const struct difference *difference, size_t index, struct route_entry *ret_want, struct route_entry *ret_have)
{
        const struct step *step = &difference->steps[index];

        if (step->want != NO_ROUTE)
                routes_unpack(difference->want, step->want, ret_want);
        if (step->have != NO_ROUTE)
                routes_unpack(difference->have, step->have, ret_have);
        return (step->want != NO_ROUTE ? STEP_WANT : 0) | (step->have != NO_ROUTE ? STEP_HAVE : 0);
}
