/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/routes.h"

#include "base/address.h"
#include "dns/list.h"
#include "dns/reverse.h"
#include "dns/socket.h"

#define PORT_DNS 53

int fbn_dns_routes_new(fbn_context *c, fbn_dns_routes **ret_routes)
{
        fbn_dns_routes *routes = memory_alloc(sizeof(*routes));

        if (!routes)
                return fail_memory(c);
        routes->references = 1;
        *ret_routes = routes;
        return 0;
}

fbn_dns_routes *fbn_dns_routes_ref(fbn_dns_routes *routes)
{
        routes->references++;
        return routes;
}

fbn_dns_routes *fbn_dns_routes_unref(fbn_dns_routes *routes)
{
        if (!routes || --routes->references > 0)
                return NULL;
        suffix_table_free(&routes->table);
        memory_free(routes->items);
        memory_free(routes->all);
        arena_free(&routes->arena);
        memory_free(routes);
        return NULL;
}

/* Which names a suffix means: "=x" x alone, "*.x" those below, "x" both. */
enum scope { SCOPE_WHOLE, SCOPE_BELOW, SCOPE_SELF };

/* A star as a whole label looks like a pattern, and there are none. */
static bool has_star(const struct name *name)
{
        uint8_t starts[NAME_LABELS];
        size_t labels = name_labels(name, starts);

        for (size_t i = 0; i < labels; i++)
                if (name->bytes[starts[i]] == 1 && name->bytes[starts[i] + 1] == '*')
                        return true;
        return false;
}

static int read_suffix(fbn_context *c, const char *text, enum scope *ret_scope, struct name *ret_name)
{
        char quoted[NAME_TEXT];

        if (!text || !*text)
                return fail(c, FBN_EINVAL, "a DNS route needs a suffix; '.' is the default route");
        *ret_scope = *text == '=' ? SCOPE_SELF : strncmp(text, "*.", 2) == 0 ? SCOPE_BELOW : SCOPE_WHOLE;
        text += *ret_scope == SCOPE_SELF ? 1 : *ret_scope == SCOPE_BELOW ? 2 : 0;
        if (*ret_scope == SCOPE_BELOW && !*text)
                return fail(c, FBN_EINVAL, "'*.' is no suffix; '.' is the default route");
        if (!name_parse(text, ret_name))
                return fail(c, FBN_EINVAL, "'%s' is no domain name: labels of 1 to 63 bytes with dots between, 253 in all",
                            name_quote(text, quoted));
        if (has_star(ret_name))
                return fail(c, FBN_EINVAL, "'%s': a suffix has no '*' inside; '*.' in front means the names below",
                            name_format(ret_name, quoted));
        name_lower(ret_name);
        return 0;
}

/* ::ffff:0:0/96: an IPv4 server in disguise. */
static bool mapped(const fbn_address *address)
{
        static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

        return address->family == AF_INET6 && memcmp(address->bytes, prefix, sizeof(prefix)) == 0;
}

static bool multicast(const fbn_address *address)
{
        return address->family == AF_INET ? (address->bytes[0] & 0xf0) == 0xe0 : address->bytes[0] == 0xff;
}

static int check_upstreams(fbn_context *c, const fbn_dns_route *route)
{
        char text[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < route->n_upstreams; i++) {
                const fbn_address *address = &route->upstreams[i].address;

                if (address->family != AF_INET && address->family != AF_INET6)
                        return fail(c, FBN_EINVAL, "upstream %zu has no address", i + 1);
                if (address_unspecified(address) || mapped(address) || multicast(address))
                        return fail(c, FBN_EINVAL, "upstream %zu: %s is not the address of a server", i + 1,
                                    fbn_address_format(address, text, sizeof(text)));
        }
        return 0;
}

static int check(fbn_context *c, const fbn_dns_route *route, enum scope scope)
{
        int ways = (route->n_upstreams > 0) + (route->n_addresses > 0) + route->blocked;

        if (ways == 0 && route->system)
                return fail(c, FBN_ENOENT, "this host has no name server that is not the stub itself");
        if (ways == 0)
                return fail(c, FBN_EINVAL, "no upstreams; name at least one server to ask, or addresses to answer with, or block it");
        if (ways > 1)
                return fail(c, FBN_EINVAL, "upstreams, addresses, blocked and system exclude each other");
        for (size_t i = 0; i < route->n_addresses; i++)
                if (route->addresses[i].family != AF_INET && route->addresses[i].family != AF_INET6)
                        return fail(c, FBN_EINVAL, "address %zu is none", i + 1);
        if (route->n_reverse > 0 && scope == SCOPE_SELF)
                return fail(c, FBN_EINVAL, "one name alone has no reverse prefixes; its addresses' reverse names are answered anyway");
        return check_upstreams(c, route);
}

static struct route **slot_of(struct place *place, enum scope scope)
{
        return scope == SCOPE_SELF ? &place->self : scope == SCOPE_BELOW ? &place->below : &place->whole;
}

static bool taken(const fbn_dns_routes *routes, const struct name *name, enum scope scope)
{
        struct suffix *suffix = suffix_at(&routes->table, name);

        return suffix && *slot_of(CONTAINER_OF(suffix, struct place, suffix), scope);
}

static int check_reverse(fbn_context *c, const fbn_dns_routes *routes, const fbn_dns_route *route)
{
        char text[FBN_ADDRESS_TEXT];
        struct name zone;

        for (size_t i = 0; i < route->n_reverse; i++) {
                fbn_prefix network;

                if (fbn_prefix_network(&route->reverse[i], &network) < 0)
                        return fail(c, FBN_EINVAL, "reverse prefix %zu is none", i + 1);
                for (size_t j = 0; j < reverse_zones(&network); j++) {
                        reverse_zone(&network, j, &zone);
                        if (taken(routes, &zone, SCOPE_WHOLE))
                                return fail(c, FBN_EEXIST, "another route has the reverse names of %s",
                                            fbn_prefix_format(&network, text, sizeof(text)));
                }
        }
        return 0;
}

static bool copy_record(fbn_dns_routes *routes, const fbn_dns_route *given, const char *suffix, fbn_dns_route *ret_record)
{
        fbn_endpoint *upstreams = arena_copy(&routes->arena, given->upstreams, given->n_upstreams * sizeof(*upstreams));
        fbn_prefix *reverse = arena_copy(&routes->arena, given->reverse, given->n_reverse * sizeof(*reverse));

        *ret_record = *given;
        ret_record->size = sizeof(*ret_record);
        ret_record->suffix = arena_strdup(&routes->arena, suffix);
        ret_record->upstreams = upstreams;
        ret_record->addresses = arena_copy(&routes->arena, given->addresses, given->n_addresses * sizeof(fbn_address));
        ret_record->reverse = reverse;
        if (!ret_record->suffix || !upstreams || !ret_record->addresses || !reverse)
                return false;
        for (size_t i = 0; i < given->n_reverse; i++)
                fbn_prefix_network(&given->reverse[i], &reverse[i]);
        for (size_t i = 0; i < given->n_upstreams; i++)
                if (upstreams[i].port == 0)
                        upstreams[i].port = PORT_DNS;
        return true;
}

static struct place *place_at(fbn_dns_routes *routes, const struct name *name)
{
        struct suffix *suffix = suffix_at(&routes->table, name);
        struct place *place;

        if (suffix)
                return CONTAINER_OF(suffix, struct place, suffix);
        place = arena_alloc(&routes->arena, sizeof(*place));
        if (!place)
                return NULL;
        place->suffix.name = *name;
        return suffix_add(&routes->table, &place->suffix) == SUFFIX_ADDED ? place : NULL;
}

/* Put a copy of a route at a name. Returns it; NULL without memory, or if there is one. */
static struct route *put(fbn_dns_routes *routes, const struct route *model, const struct name *name, enum scope scope)
{
        struct place *place = place_at(routes, name);
        struct route *route = arena_copy(&routes->arena, model, sizeof(*model));

        if (!place || !route || *slot_of(place, scope) || !ARRAY_RESERVE(routes->all, routes->n_all, routes->all_capacity))
                return NULL;
        route->name = *name;
        route->labels = place->suffix.labels;
        route->whole = scope == SCOPE_WHOLE;
        route->number = (uint32_t)routes->n_all;
        routes->all[routes->n_all++] = route;
        *slot_of(place, scope) = route;
        place->suffix.self = place->self || place->whole;
        place->suffix.below = place->below || place->whole;
        return route;
}

/* The reverse zones of its prefixes go the same way. False without memory. */
static bool put_reverse(fbn_dns_routes *routes, const struct route *route, const fbn_prefix *prefix)
{
        struct name zone;

        for (size_t i = 0; i < reverse_zones(prefix); i++) {
                reverse_zone(prefix, i, &zone);
                if (!taken(routes, &zone, SCOPE_WHOLE) && !put(routes, route, &zone, SCOPE_WHOLE))
                        return false;
        }
        return true;
}

/* Who has the address, told at its reverse name; with several names the first. */
static bool put_pointer(fbn_dns_routes *routes, const struct route *route, const fbn_address *address)
{
        const fbn_prefix host = {*address, (uint8_t)family_bits(address->family)};
        struct route pointer = *route;
        struct name name;

        reverse_zone(&host, 0, &name);
        pointer.pointer = &route->name;
        return taken(routes, &name, SCOPE_SELF) || put(routes, &pointer, &name, SCOPE_SELF);
}

static bool put_all(fbn_dns_routes *routes, const struct route *model, const struct name *name, enum scope scope)
{
        struct route *route = put(routes, model, name, scope);
        bool good = route;

        for (size_t i = 0; good && i < model->record.n_reverse; i++)
                good = put_reverse(routes, route, &model->record.reverse[i]);
        for (size_t i = 0; good && scope == SCOPE_SELF && i < model->record.n_addresses; i++)
                good = put_pointer(routes, route, &model->record.addresses[i]);
        if (good)
                routes->items[routes->count++] = route;
        return good;
}

/* The servers that this host had: found anew for each table, since networks change. Who gives some as well contradicts himself. */
static int find_system(fbn_context *c, fbn_dns_route *route, fbn_dns_host **ret_host)
{
        const fbn_dns_host_state *state;
        int r;

        if (!route->system)
                return 0;
        if (route->n_upstreams > 0)
                return fail(c, FBN_EINVAL, "upstreams, addresses, blocked and system exclude each other");
        r = fbn_dns_host_get(c, NULL, ret_host);
        if (r < 0)
                return r;
        state = fbn_dns_host_state_get(*ret_host);
        route->upstreams = state->servers;
        route->n_upstreams = state->n_servers;
        return 0;
}

int fbn_dns_routes_add(fbn_context *c, fbn_dns_routes *routes, const fbn_dns_route *given)
{
        struct route model = {.first_upstream = routes->n_upstreams};
        FBN_CLEANUP(fbn_dns_host) host = NULL;
        fbn_dns_route mine;
        char text[NAME_TEXT + 2];
        enum scope scope = SCOPE_WHOLE;
        struct name name;
        int r;

        r = OPTIONS_READ(c, fbn_dns_route, given, &mine);
        if (r < 0)
                return r;
        r = read_suffix(c, mine.suffix, &scope, &name);
        if (r < 0)
                return r;
        strcpy(text, scope == SCOPE_SELF ? "=" : scope == SCOPE_BELOW ? "*." : "");
        name_format(&name, text + strlen(text));
        r = find_system(c, &mine, &host);
        if (r >= 0)
                r = check(c, &mine, scope);
        if (r >= 0)
                r = check_reverse(c, routes, &mine);
        if (r < 0)
                return fail_in(c, r, "DNS route %s", text);
        if (taken(routes, &name, scope))
                return fail(c, FBN_EEXIST, "DNS route %s: there is one already; give it all its upstreams at once", text);
        if (!copy_record(routes, &mine, text, &model.record) || !ARRAY_RESERVE(routes->items, routes->count, routes->capacity) ||
            !put_all(routes, &model, &name, scope))
                return fail_memory(c);
        routes->n_upstreams += mine.n_upstreams;
        return 0;
}

size_t fbn_dns_routes_count(const fbn_dns_routes *routes)
{
        return routes ? routes->count : 0;
}

const fbn_dns_route *fbn_dns_routes_at(const fbn_dns_routes *routes, size_t index)
{
        return index < fbn_dns_routes_count(routes) ? &routes->items[index]->record : NULL;
}

const struct route *routes_find(const fbn_dns_routes *routes, const struct name *name, size_t skip)
{
        const struct suffix *suffix = suffix_find(&routes->table, name, skip);
        const struct place *place = suffix ? CONTAINER_OF(suffix, const struct place, suffix) : NULL;
        const struct route *precise;

        if (!place)
                return NULL;
        precise = place->suffix.name.length == name->length ? place->self : place->below;
        return precise ? precise : place->whole;
}

static bool same(const struct route *a, const struct route *b)
{
        if (strcmp(a->record.suffix, b->record.suffix) != 0 || a->record.n_upstreams != b->record.n_upstreams)
                return false;
        for (size_t i = 0; i < a->record.n_upstreams; i++)
                if (!endpoint_equal(&a->record.upstreams[i], &b->record.upstreams[i]))
                        return false;
        return true;
}

const struct route *routes_same(const fbn_dns_routes *routes, const struct route *other)
{
        const struct suffix *suffix = suffix_at(&routes->table, &other->name);
        const struct place *place = suffix ? CONTAINER_OF(suffix, const struct place, suffix) : NULL;
        const struct route *candidates[] = {place ? place->self : NULL, place ? place->below : NULL, place ? place->whole : NULL};

        for (size_t i = 0; i < ARRAY_SIZE(candidates); i++)
                if (candidates[i] && same(candidates[i], other))
                        return candidates[i];
        return NULL;
}

const fbn_dns_route *fbn_dns_routes_match(const fbn_dns_routes *routes, const char *text)
{
        const struct route *route;
        struct name name;

        if (!routes || !name_parse(text, &name))
                return NULL;
        name_lower(&name);
        route = routes_find(routes, &name, 0);
        return route ? &route->record : NULL;
}
