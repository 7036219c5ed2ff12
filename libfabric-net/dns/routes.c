/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/routes.h"

#include "base/context.h"
#include "dns/list.h"
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
        arena_free(&routes->arena);
        memory_free(routes);
        return NULL;
}

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

/* Returns 1 if a leading "*." was taken off. */
static int read_suffix(fbn_context *c, const char *text, struct name *ret_name)
{
        int starred = text && strncmp(text, "*.", 2) == 0;
        char quoted[NAME_TEXT];

        if (!text || !*text)
                return fail(c, FBN_EINVAL, "a DNS route needs a suffix; '.' is the default route");
        if (starred)
                text += 2;
        if (starred && !*text)
                return fail(c, FBN_EINVAL, "'*.' is no suffix; '.' is the default route");
        if (!name_parse(text, ret_name))
                return fail(c, FBN_EINVAL, "'%s' is no domain name: labels of 1 to 63 bytes with dots between, 253 in all",
                            name_quote(text, quoted));
        if (has_star(ret_name))
                return fail(c, FBN_EINVAL, "'%s': a suffix has no '*' inside; it always stands for the name and all below it",
                            name_format(ret_name, quoted));
        name_lower(ret_name);
        return starred;
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

        if (route->n_upstreams == 0 || !route->upstreams)
                return fail(c, FBN_EINVAL, "no upstreams; name at least one server to ask");
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

static int new_route(fbn_context *c, fbn_dns_routes *routes, const fbn_dns_route *given, const struct name *name, struct route **ret_route)
{
        struct route *route = arena_alloc(&routes->arena, sizeof(*route));
        fbn_endpoint *upstreams = arena_copy(&routes->arena, given->upstreams, given->n_upstreams * sizeof(*upstreams));
        char text[NAME_TEXT];
        const char *suffix = arena_strdup(&routes->arena, name_format(name, text));

        if (!route || !upstreams || !suffix)
                return fail_memory(c);
        for (size_t i = 0; i < given->n_upstreams; i++)
                if (upstreams[i].port == 0)
                        upstreams[i].port = PORT_DNS;
        *route = (struct route){
                .suffix.name = *name,
                .number = (uint32_t)routes->count,
                .first_upstream = routes->n_upstreams,
                .record = {.size = sizeof(fbn_dns_route), .suffix = suffix, .upstreams = upstreams, .n_upstreams = given->n_upstreams},
        };
        *ret_route = route;
        return 0;
}

int fbn_dns_routes_add(fbn_context *c, fbn_dns_routes *routes, const fbn_dns_route *given)
{
        fbn_dns_route mine;
        struct route *route = NULL;
        char text[NAME_TEXT];
        struct name name;
        int starred, r;

        r = OPTIONS_READ(c, fbn_dns_route, given, &mine);
        if (r < 0)
                return r;
        starred = read_suffix(c, mine.suffix, &name);
        if (starred < 0)
                return starred;
        r = check_upstreams(c, &mine);
        if (r < 0)
                return fail_in(c, r, "DNS route %s", name_format(&name, text));
        r = new_route(c, routes, &mine, &name, &route);
        if (r < 0)
                return r;
        if (!ARRAY_RESERVE(routes->items, routes->count, routes->capacity))
                return fail_memory(c);
        switch (suffix_add(&routes->table, &route->suffix)) {
        case SUFFIX_EXISTS:
                return fail(c, FBN_EEXIST, "DNS route %s: there is one already; give it all its upstreams at once", route->record.suffix);
        case SUFFIX_NO_MEMORY:
                return fail_memory(c);
        case SUFFIX_ADDED:
                break;
        }
        routes->n_upstreams += route->record.n_upstreams;
        routes->items[routes->count++] = route;
        return starred;
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

        return suffix ? CONTAINER_OF(suffix, const struct route, suffix) : NULL;
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
