/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "route/route.h"

/* Drops packets, or hands them on to the next rule: has no way. */
static bool refuses(fbn_route_type type)
{
        return type >= FBN_ROUTE_BLACKHOLE && type <= FBN_ROUTE_THROW;
}

static int check_gateway(fbn_context *c, uint16_t family, const fbn_address *gateway)
{
        if (gateway->family && gateway->family != family && !(family == AF_INET && gateway->family == AF_INET6))
                return fail(c, FBN_EINVAL, "the gateway is of another family");
        return 0;
}

static int check_onlink(fbn_context *c, bool onlink, const fbn_address *gateway, const char *device)
{
        return onlink && (!gateway->family || !device) ? fail(c, FBN_EINVAL, "onlink needs a gateway and a device") : 0;
}

static int check_one_hop(fbn_context *c, const fbn_route *route, const fbn_route_hop *hop)
{
        uint16_t family = route->destination.address.family;
        int r;

        if (!hop->gateway.family && (!hop->device || family == AF_INET6))
                return fail(c, FBN_EINVAL, family == AF_INET6 ? "each of several ways of IPv6 needs a gateway" : "neither a gateway nor a device is given");
        if (hop->weight > 256)
                return fail(c, FBN_EINVAL, "weight %u: 256 at most", hop->weight);
        r = check_gateway(c, family, &hop->gateway);
        return r < 0 ? r : check_onlink(c, hop->onlink, &hop->gateway, hop->device);
}

static int check_hops(fbn_context *c, const fbn_route *route)
{
        int r = 0;

        if (route->gateway.family || route->device || route->onlink)
                return fail(c, FBN_EINVAL, "hops, and a gateway or device besides: give one or the other");
        for (size_t i = 0; r == 0 && i < route->n_hops; i++) {
                r = check_one_hop(c, route, &route->hops[i]);
                if (r < 0)
                        return fail_in(c, r, "hop %zu", i + 1);
        }
        return 0;
}

static int check_way(fbn_context *c, const fbn_route *route)
{
        uint16_t family = route->destination.address.family;
        bool any = route->gateway.family || route->device || route->n_hops || route->nexthop;
        int r;

        if (refuses(route->type) && any)
                return fail(c, FBN_EINVAL, "a route that refuses packets has no way: neither gateway nor device, hops or nexthop");
        if (!refuses(route->type) && !any)
                return fail(c, FBN_EINVAL, "neither a gateway nor a device is given");
        if (route->nexthop && (route->gateway.family || route->device || route->n_hops))
                return fail(c, FBN_EINVAL, "a nexthop, and a gateway, device or hops besides: the nexthop says these");
        if (route->source.family && route->source.family != family)
                return fail(c, FBN_EINVAL, "the source address is of another family");
        if (family == AF_INET6 && (route->tos || route->scope > FBN_ROUTE_SCOPE_GLOBAL))
                return fail(c, FBN_EINVAL, "type of service and scope are for IPv4 only");
        if (route->n_hops)
                return check_hops(c, route);
        r = check_gateway(c, family, &route->gateway);
        return r < 0 ? r : check_onlink(c, route->onlink, &route->gateway, route->device);
}

static bool has_host_bits(const fbn_prefix *prefix)
{
        size_t bytes = family_bytes(prefix->address.family), first = prefix->length / 8;
        unsigned bits = first < bytes ? prefix->address.bytes[first] & (0xffu >> prefix->length % 8) : 0;

        for (size_t i = first + 1; i < bytes; i++)
                bits |= prefix->address.bytes[i];
        return bits;
}

static int refuse_host_bits(fbn_context *c, const fbn_prefix *prefix)
{
        char network_text[FBN_ADDRESS_TEXT];
        fbn_prefix network;

        fbn_prefix_network(prefix, &network);
        return fail(c, FBN_EINVAL, "the destination has host bits set; its prefix is %s", fbn_prefix_format(&network, network_text, sizeof(network_text)));
}

static int check(fbn_context *c, const fbn_route *route)
{
        if (has_host_bits(&route->destination))
                return refuse_host_bits(c, &route->destination);
        if (route->type < FBN_ROUTE_UNICAST || route->type >= FBN_ROUTE_OTHER)
                return fail(c, FBN_EINVAL, "%d is no type of a route that can be made", (int)route->type);
        if (route->scope < FBN_ROUTE_SCOPE_FITTING || route->scope > FBN_ROUTE_SCOPE_HOST)
                return fail(c, FBN_EINVAL, "%d is no scope", (int)route->scope);
        return check_way(c, route);
}

/* The callers' array is as wide as its first element says: they may be older or newer than this. */
static int take_hops(fbn_context *c, struct route_parts *parts)
{
        fbn_route *route = &parts->entry.route;
        const char *given = (const char *)route->hops;
        size_t stride;
        int r;

        if (route->n_hops > FBN_ROUTE_HOPS)
                return fail(c, FBN_EINVAL, "%zu hops: %d at most", route->n_hops, FBN_ROUTE_HOPS);
        for (size_t i = 0; i < route->n_hops; i++) {
                memcpy(&stride, route->hops, sizeof(stride));
                r = OPTIONS_READ(c, fbn_route_hop, given + i * stride, &parts->hops[i]);
                if (r < 0)
                        return r;
                parts->hop_devices[i] = 0;
        }
        route->hops = parts->hops;
        return 0;
}

/* One of several is one. */
static void take_single(fbn_route *route)
{
        if (route->n_hops != 1 || route->gateway.family || route->device)
                return;
        route->gateway = route->hops->gateway;
        route->device = route->hops->device;
        route->onlink = route->hops->onlink;
        route->n_hops = 0;
}

int route_take_match(fbn_context *c, const fbn_route *given, struct route_parts *ret_parts)
{
        struct route_entry *entry = &ret_parts->entry;
        char text[ROUTE_TEXT];
        unsigned bits;
        int r;

        *entry = (struct route_entry){.hop_devices = ret_parts->hop_devices};
        r = OPTIONS_READ(c, fbn_route, given, &entry->route);
        if (r < 0)
                return r;
        bits = family_bits(entry->route.destination.address.family);
        if (!bits || entry->route.destination.length > bits)
                return fail(c, FBN_EINVAL, "a route needs a destination, IPv4 or IPv6");
        if (entry->route.n_hops) {
                r = take_hops(c, ret_parts);
                if (r < 0)
                        return fail_in(c, r, "%s", route_name(&entry->route, text));
                take_single(&entry->route);
        }
        if (!entry->route.n_hops)
                entry->route.hops = NULL;
        route_complete(entry);
        return 0;
}

int route_take(fbn_context *c, const fbn_route *given, struct route_parts *ret_parts)
{
        char text[ROUTE_TEXT];
        int r = route_take_match(c, given, ret_parts);

        if (r < 0)
                return r;
        r = check(c, &ret_parts->entry.route);
        return r < 0 ? fail_in(c, r, "%s", route_name(&ret_parts->entry.route, text)) : 0;
}
