/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "base/text.h"
#include "route/route.h"

#include <linux/rtnetlink.h>
#include <stdio.h>

struct fbn_routes {
        unsigned references;
        struct arena arena;
        fbn_links *links; /* holds the devices' names of a list that was read */
        struct route_entry *items;
        size_t count, capacity;
};

int fbn_routes_new(fbn_context *c, fbn_routes **ret_routes)
{
        fbn_routes *routes = memory_alloc(sizeof(*routes));

        if (!routes)
                return fail_memory(c);
        routes->references = 1;
        *ret_routes = routes;
        return 0;
}

fbn_routes *fbn_routes_ref(fbn_routes *routes)
{
        routes->references++;
        return routes;
}

fbn_routes *fbn_routes_unref(fbn_routes *routes)
{
        if (!routes || --routes->references > 0)
                return NULL;
        arena_free(&routes->arena);
        fbn_links_unref(routes->links);
        memory_free(routes->items);
        memory_free(routes);
        return NULL;
}

size_t fbn_routes_count(const fbn_routes *routes)
{
        return routes ? routes->count : 0;
}

const fbn_route *fbn_routes_at(const fbn_routes *routes, size_t index)
{
        return index < fbn_routes_count(routes) ? &routes->items[index].route : NULL;
}

struct route_entry *routes_entry(const fbn_routes *routes, size_t index)
{
        return &routes->items[index];
}

int routes_append(fbn_context *c, fbn_routes *routes, const struct route_entry *entry)
{
        if (!ARRAY_RESERVE(routes->items, routes->count, routes->capacity))
                return fail_memory(c);
        routes->items[routes->count++] = *entry;
        return 0;
}

void routes_keep(fbn_routes *routes, fbn_links *links)
{
        routes->links = fbn_links_ref(links);
}

void routes_cut(fbn_routes *routes, size_t count)
{
        routes->count = count;
}

/* Lists mostly name the same device over and over. */
static const char *keep_device(fbn_routes *routes, const char *device)
{
        const char *last = routes->count ? routes->items[routes->count - 1].route.device : NULL;

        return last && streq(last, device) ? last : arena_strdup(&routes->arena, device);
}

int fbn_routes_add(fbn_context *c, fbn_routes *routes, const fbn_route *route)
{
        struct route_entry entry = {0};
        int r;

        r = OPTIONS_READ(c, fbn_route, route, &entry.route);
        if (r == 0)
                r = route_check(c, &entry.route);
        if (r < 0)
                return r;
        if (entry.route.device) {
                entry.route.device = keep_device(routes, entry.route.device);
                if (!entry.route.device)
                        return fail_memory(c);
        }
        return routes_append(c, routes, &entry);
}

static int check_hop(fbn_context *c, const fbn_route *route)
{
        uint16_t family = route->destination.address.family;

        if (route->type == FBN_ROUTE_UNICAST && !route->gateway.family && !route->device)
                return fail(c, FBN_EINVAL, "neither a gateway nor a device is given");
        if (route->type != FBN_ROUTE_UNICAST && (route->gateway.family || route->device))
                return fail(c, FBN_EINVAL, "a route that refuses packets has neither gateway nor device");
        if (route->gateway.family && route->gateway.family != family && !(family == AF_INET && route->gateway.family == AF_INET6))
                return fail(c, FBN_EINVAL, "the gateway is of another family");
        if (route->source.family && route->source.family != family)
                return fail(c, FBN_EINVAL, "the source address is of another family");
        if (route->onlink && (!route->gateway.family || !route->device))
                return fail(c, FBN_EINVAL, "onlink needs a gateway and a device");
        return 0;
}

int route_check(fbn_context *c, const fbn_route *route)
{
        char text[ROUTE_TEXT], network_text[FBN_ADDRESS_TEXT];
        fbn_prefix network;
        int r = fbn_prefix_network(&route->destination, &network);

        if (r < 0)
                return fail(c, FBN_EINVAL, "a route needs a destination, IPv4 or IPv6");
        if (r > 0)
                r = fail(c, FBN_EINVAL, "the destination has host bits set; its prefix is %s", fbn_prefix_format(&network, network_text, sizeof(network_text)));
        else if (route->type < FBN_ROUTE_UNICAST || route->type > FBN_ROUTE_PROHIBIT)
                r = fail(c, FBN_EINVAL, "%d is no type of a route that can be made", (int)route->type);
        else
                r = check_hop(c, route);
        return r < 0 ? fail_in(c, r, "%s", route_name(route, text)) : 0;
}

uint32_t route_table(const fbn_route *route)
{
        return route->table ? route->table : RT_TABLE_MAIN;
}

uint32_t route_metric(const fbn_route *route)
{
        return route->metric == 0 && route->destination.address.family == AF_INET6 ? 1024 : route->metric;
}

static int compare_numbers(uint32_t a, uint32_t b)
{
        return a < b ? -1 : a > b;
}

int route_compare_keys(const struct route_entry *a, const struct route_entry *b)
{
        int order = prefix_compare(&a->route.destination, &b->route.destination);

        if (!order)
                order = compare_numbers(route_table(&a->route), route_table(&b->route));
        if (!order)
                order = compare_numbers(route_metric(&a->route), route_metric(&b->route));
        return order ? order : compare_numbers(a->tos, b->tos);
}

bool route_satisfies(const struct route_entry *have, const fbn_route *want)
{
        const fbn_route *route = &have->route;

        return !have->odd && route->type == want->type && (!want->device || (route->device && streq(route->device, want->device))) &&
               address_compare(&route->gateway, &want->gateway) == 0 && address_compare(&route->source, &want->source) == 0 &&
               route->mtu == want->mtu && route->advmss == want->advmss && route->onlink == want->onlink;
}

const char *route_name(const fbn_route *route, char text[static ROUTE_TEXT])
{
        char prefix[FBN_ADDRESS_TEXT], table[24] = "", metric[24] = "";

        if (route_table(route) != RT_TABLE_MAIN)
                snprintf(table, sizeof(table), " table %u", route->table);
        if (route->metric && route->metric != route_metric(&(fbn_route){.destination = route->destination}))
                snprintf(metric, sizeof(metric), " metric %u", route->metric);
        snprintf(text, ROUTE_TEXT, "route %s%s%s", fbn_prefix_format(&route->destination, prefix, sizeof(prefix)), table, metric);
        return text;
}

static void add_word(char *text, const char *word, const char *value)
{
        size_t used = strlen(text);

        if (*value)
                snprintf(text + used, ROUTE_TEXT - used, "%s%s %s", used ? " " : "", word, value);
}

static void add_number(char *text, const char *word, uint32_t value)
{
        char digits[16] = "";

        if (value)
                snprintf(digits, sizeof(digits), "%u", value);
        add_word(text, word, digits);
}

const char *route_describe(const fbn_route *route, char text[static ROUTE_TEXT])
{
        static const char *const types[] = {"", "blackhole", "unreachable", "prohibit", "other"};
        char address[FBN_ADDRESS_TEXT];

        snprintf(text, ROUTE_TEXT, "%s", types[route->type]);
        add_word(text, "via", fbn_address_format(&route->gateway, address, sizeof(address)));
        add_word(text, "dev", route->device ? route->device : "");
        add_word(text, "src", fbn_address_format(&route->source, address, sizeof(address)));
        add_number(text, "mtu", route->mtu);
        add_number(text, "advmss", route->advmss);
        if (route->onlink)
                add_word(text, "onlink", "yes");
        return text;
}
