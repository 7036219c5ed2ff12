/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/host/host.h"
#include "dns/name.h"
#include "dns/reverse.h"

#include "base/address.h"

#include <stdio.h>

void saying_free(struct saying *saying)
{
        arena_free(&saying->arena);
        memory_free(saying->items);
        *saying = (struct saying){0};
}

static bool has_zone(const struct saying *saying, const char *zone)
{
        for (size_t i = 0; i < saying->count; i++)
                if (streq(saying->items[i].zone, zone))
                        return true;
        return false;
}

static bool add(struct saying *saying, const fbn_dns_route *route, const char *zone, const fbn_endpoint *stub)
{
        struct said *said;

        if (stub && has_zone(saying, zone))
                return true;
        if (!ARRAY_RESERVE(saying->items, saying->count, saying->capacity))
                return false;
        said = &saying->items[saying->count];
        *said = (struct said){.zone = arena_strdup(&saying->arena, zone), .route = route};
        said->servers = stub ? stub : route->upstreams;
        said->n_servers = stub ? 1 : route->n_upstreams;
        saying->count += said->zone != NULL;
        return said->zone;
}

static bool add_reverse(struct saying *saying, const fbn_dns_route *route, const fbn_prefix *prefix, const fbn_endpoint *stub)
{
        bool good = true;

        for (size_t i = 0; good && i < reverse_zones(prefix); i++) {
                char text[NAME_TEXT];
                struct name zone;

                reverse_zone(prefix, i, &zone);
                good = add(saying, route, name_format(&zone, text), stub);
        }
        return good;
}

static const char *bare(const char *suffix)
{
        return *suffix == '=' ? suffix + 1 : strncmp(suffix, "*.", 2) == 0 ? suffix + 2 : suffix;
}

/* Only a stub also answers at the reverse names of addresses. */
static bool add_route(struct saying *saying, const fbn_dns_route *route, const fbn_endpoint *stub)
{
        bool good = add(saying, route, bare(route->suffix), stub);

        for (size_t i = 0; good && i < route->n_reverse; i++)
                good = add_reverse(saying, route, &route->reverse[i], stub);
        for (size_t i = 0; good && stub && *route->suffix == '=' && i < route->n_addresses; i++) {
                const fbn_prefix host = {route->addresses[i], (uint8_t)family_bits(route->addresses[i].family)};

                good = add_reverse(saying, route, &host, stub);
        }
        return good;
}

int saying_make(fbn_context *c, const fbn_dns_routes *routes, const fbn_endpoint *stub, struct saying *ret_saying)
{
        struct saying saying = {.by_stub = stub != NULL};

        for (size_t i = 0; i < fbn_dns_routes_count(routes); i++) {
                const fbn_dns_route *route = fbn_dns_routes_at(routes, i);

                if (!route->system && !add_route(&saying, route, stub)) {
                        saying_free(&saying);
                        return fail_memory(c);
                }
        }
        *ret_saying = saying;
        return 0;
}

bool said_is_whole(const struct said *said)
{
        return *said->route->suffix != '=' && strncmp(said->route->suffix, "*.", 2) != 0;
}

int said_refuse(fbn_context *c, const struct said *said, const char *manager, const char *why)
{
        return fail(c, FBN_EUNSUPPORTED, "DNS route %s: %s %s; run the stub ('fabricnet dns serve') and let the host ask that ('--stub 127.0.0.1')",
                    said->route->suffix, manager, why);
}

static bool goes_to_system(const fbn_dns_routes *routes, const char *name)
{
        const fbn_dns_route *route = fbn_dns_routes_match(routes, name);

        return route && route->system;
}

int said_refuse_loop(const struct work *work, const struct said *said, const char *manager)
{
        char below[NAME_TEXT + 8];

        snprintf(below, sizeof(below), "below.%s", said->zone);
        if (!work->saying->by_stub || !streq(said->zone, bare(said->route->suffix)) || (!goes_to_system(work->routes, said->zone) && !goes_to_system(work->routes, below)))
                return 0;
        return fail(work->c, FBN_EUNSUPPORTED, "DNS route %s: %s would ask the stub for all of %s, and the stub asks it for the rest of that; add a route for '%s', or let "
                    "/etc/resolv.conf lead to the stub ('--manager file')", said->route->suffix, manager, said->zone, said->zone);
}
