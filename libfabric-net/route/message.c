/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "netlink/netlink.h"
#include "route/route.h"

#include <linux/rtnetlink.h>

/* Ours to the kernel's. */
static const uint8_t types[] = {
        [FBN_ROUTE_UNICAST] = RTN_UNICAST,         [FBN_ROUTE_BLACKHOLE] = RTN_BLACKHOLE, [FBN_ROUTE_UNREACHABLE] = RTN_UNREACHABLE,
        [FBN_ROUTE_PROHIBIT] = RTN_PROHIBIT,       [FBN_ROUTE_THROW] = RTN_THROW,         [FBN_ROUTE_LOCAL] = RTN_LOCAL,
        [FBN_ROUTE_BROADCAST] = RTN_BROADCAST,     [FBN_ROUTE_ANYCAST] = RTN_ANYCAST,     [FBN_ROUTE_MULTICAST] = RTN_MULTICAST,
        [FBN_ROUTE_OTHER] = RTN_UNSPEC,
};
static const uint8_t scopes[] = {
        [FBN_ROUTE_SCOPE_FITTING] = RT_SCOPE_NOWHERE, [FBN_ROUTE_SCOPE_GLOBAL] = RT_SCOPE_UNIVERSE, [FBN_ROUTE_SCOPE_SITE] = RT_SCOPE_SITE,
        [FBN_ROUTE_SCOPE_LINK] = RT_SCOPE_LINK,       [FBN_ROUTE_SCOPE_HOST] = RT_SCOPE_HOST,
};

void route_put_address(struct nlmsghdr *message, uint16_t attribute, const fbn_address *address)
{
        if (address->family)
                mnl_attr_put(message, attribute, family_bytes(address->family), address->bytes);
}

void route_put_gateway(struct nlmsghdr *message, uint16_t family, const fbn_address *gateway)
{
        struct {
                uint16_t family;
                uint8_t bytes[16];
        } via = {gateway->family, {0}};

        if (!gateway->family || gateway->family == family) {
                route_put_address(message, RTA_GATEWAY, gateway);
                return;
        }
        memcpy(via.bytes, gateway->bytes, family_bytes(gateway->family)); /* struct rtvia, of rtnetlink.h */
        mnl_attr_put(message, RTA_VIA, sizeof(via.family) + family_bytes(gateway->family), &via);
}

static void put_metrics(struct nlmsghdr *message, const fbn_route *route)
{
        struct nlattr *metrics;

        if (!route->mtu && !route->advmss)
                return;
        metrics = mnl_attr_nest_start(message, RTA_METRICS);
        if (route->mtu)
                mnl_attr_put_u32(message, RTAX_MTU, route->mtu);
        if (route->advmss)
                mnl_attr_put_u32(message, RTAX_ADVMSS, route->advmss);
        mnl_attr_nest_end(message, metrics);
}

/* A list of struct rtnexthop, each with its attributes behind it. Source: rtnetlink(7). */
static void put_hops(struct nlmsghdr *message, const struct route_entry *entry)
{
        uint16_t family = entry->route.destination.address.family;
        struct nlattr *nest;

        if (!entry->route.n_hops)
                return;
        nest = mnl_attr_nest_start(message, RTA_MULTIPATH);
        for (size_t i = 0; i < entry->route.n_hops; i++) {
                const fbn_route_hop *hop = &entry->route.hops[i];
                struct rtnexthop *to = mnl_nlmsg_get_payload_tail(message);

                *to = (struct rtnexthop){
                        .rtnh_flags = hop->onlink ? RTNH_F_ONLINK : 0,
                        .rtnh_hops = (uint8_t)(hop->weight ? hop->weight - 1 : 0),
                        .rtnh_ifindex = (int)entry->hop_devices[i],
                };
                message->nlmsg_len += MNL_ALIGN(sizeof(*to));
                route_put_gateway(message, family, &hop->gateway);
                to->rtnh_len = (uint16_t)((char *)mnl_nlmsg_get_payload_tail(message) - (char *)to);
        }
        mnl_attr_nest_end(message, nest);
}

/* Destination, table, metric, way: what a route is added and found by. */
static struct rtmsg *put_key(struct nlmsghdr *message, const struct route_entry *entry)
{
        const fbn_route *route = &entry->route;
        struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

        header->rtm_family = (uint8_t)route->destination.address.family;
        header->rtm_dst_len = route->destination.length;
        header->rtm_tos = route->tos;
        header->rtm_protocol = route->protocol ? route->protocol : FBN_PROTOCOL;
        header->rtm_type = types[route->type];
        if (route->destination.length)
                route_put_address(message, RTA_DST, &route->destination.address);
        mnl_attr_put_u32(message, RTA_TABLE, entry->table); /* wins over rtm_table, which has 8 bits */
        if (route->metric)
                mnl_attr_put_u32(message, RTA_PRIORITY, route->metric);
        if (entry->device && !route->nexthop)
                mnl_attr_put_u32(message, RTA_OIF, entry->device);
        route_put_gateway(message, route->destination.address.family, &route->gateway);
        put_hops(message, entry);
        if (route->nexthop)
                mnl_attr_put_u32(message, RTA_NH_ID, route->nexthop);
        return header;
}

/* As ip-route(8) has it. */
static uint8_t fitting_scope(const fbn_route *route)
{
        if (route->destination.address.family == AF_INET6)
                return RT_SCOPE_UNIVERSE;
        switch (route->type) {
        case FBN_ROUTE_LOCAL:
                return RT_SCOPE_HOST;
        case FBN_ROUTE_BROADCAST:
        case FBN_ROUTE_ANYCAST:
        case FBN_ROUTE_MULTICAST:
                return RT_SCOPE_LINK;
        case FBN_ROUTE_UNICAST:
                return route->gateway.family || route->n_hops || route->nexthop ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
        default:
                return RT_SCOPE_UNIVERSE;
        }
}

void route_put(struct nlmsghdr *message, const struct route_entry *entry)
{
        const fbn_route *route = &entry->route;
        struct rtmsg *header = put_key(message, entry);

        header->rtm_scope = route->scope ? scopes[route->scope] : fitting_scope(route);
        header->rtm_flags = route->onlink ? RTNH_F_ONLINK : 0;
        route_put_address(message, RTA_PREFSRC, &route->source);
        put_metrics(message, route);
}

void route_put_deletion(struct nlmsghdr *message, const struct route_entry *entry)
{
        struct rtmsg *header = put_key(message, entry);

        header->rtm_scope = entry->kernel_scope; /* or else a route without a gateway would stand for one with: net/ipv4/fib_semantics.c, fib_nh_match() */
}
