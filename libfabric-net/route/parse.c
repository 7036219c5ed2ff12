/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "netlink/netlink.h"
#include "route/route.h"

#include <linux/rtnetlink.h>

static fbn_route_type type_of(uint8_t kernel_type)
{
        static const fbn_route_type types[] = {
                [RTN_UNSPEC] = FBN_ROUTE_OTHER,       [RTN_UNICAST] = FBN_ROUTE_UNICAST,         [RTN_LOCAL] = FBN_ROUTE_LOCAL,
                [RTN_BROADCAST] = FBN_ROUTE_BROADCAST, [RTN_ANYCAST] = FBN_ROUTE_ANYCAST,         [RTN_MULTICAST] = FBN_ROUTE_MULTICAST,
                [RTN_BLACKHOLE] = FBN_ROUTE_BLACKHOLE, [RTN_UNREACHABLE] = FBN_ROUTE_UNREACHABLE, [RTN_PROHIBIT] = FBN_ROUTE_PROHIBIT,
                [RTN_THROW] = FBN_ROUTE_THROW,
        };

        return kernel_type < ARRAY_SIZE(types) ? types[kernel_type] : FBN_ROUTE_OTHER;
}

static fbn_route_scope scope_of(uint8_t kernel_scope)
{
        switch (kernel_scope) {
        case RT_SCOPE_UNIVERSE:
                return FBN_ROUTE_SCOPE_GLOBAL;
        case RT_SCOPE_SITE:
                return FBN_ROUTE_SCOPE_SITE;
        case RT_SCOPE_LINK:
                return FBN_ROUTE_SCOPE_LINK;
        case RT_SCOPE_HOST:
                return FBN_ROUTE_SCOPE_HOST;
        default:
                return FBN_ROUTE_SCOPE_FITTING;
        }
}

bool route_parse_address(const struct nlattr *attribute, uint16_t family, fbn_address *ret_address)
{
        if (!attribute || mnl_attr_get_payload_len(attribute) < family_bytes(family))
                return false;
        ret_address->family = family;
        memcpy(ret_address->bytes, mnl_attr_get_payload(attribute), family_bytes(family));
        return true;
}

static void read_via(const struct nlattr *attribute, fbn_address *ret_address)
{
        const uint8_t *payload = mnl_attr_get_payload(attribute);
        size_t length = mnl_attr_get_payload_len(attribute);
        uint16_t family;

        if (length < sizeof(family))
                return;
        memcpy(&family, payload, sizeof(family));
        if (family_bytes(family) == 0 || length - sizeof(family) < family_bytes(family))
                return;
        ret_address->family = family;
        memcpy(ret_address->bytes, payload + sizeof(family), family_bytes(family));
}

static void read_gateway(const struct nlattr *const *table, uint16_t family, fbn_address *ret_address)
{
        if (table[RTA_VIA])
                read_via(table[RTA_VIA], ret_address);
        else
                route_parse_address(table[RTA_GATEWAY], family, ret_address);
}

/* The attributes behind a struct rtnexthop. */
static void read_hop(const struct rtnexthop *from, uint16_t family, const struct devices *devices, fbn_route_hop *hop, bool *odd)
{
        const struct nlattr *table[RTA_NH_ID + 1] = {NULL}, *attribute = (const void *)((const char *)from + MNL_ALIGN(sizeof(*from)));
        int left = (int)from->rtnh_len - (int)MNL_ALIGN(sizeof(*from));

        for (; mnl_attr_ok(attribute, left); left -= MNL_ALIGN(attribute->nla_len), attribute = mnl_attr_next(attribute))
                if (mnl_attr_get_type(attribute) < ARRAY_SIZE(table))
                        table[mnl_attr_get_type(attribute)] = attribute;
        *hop = (fbn_route_hop){.size = sizeof(*hop), .weight = (uint16_t)(from->rtnh_hops + 1), .onlink = from->rtnh_flags & RTNH_F_ONLINK};
        hop->device = devices_name(devices, (uint32_t)from->rtnh_ifindex);
        read_gateway(table, family, &hop->gateway);
        *odd = *odd || table[RTA_ENCAP] || !hop->device;
}

static void read_hops(const struct nlattr *nest, const struct devices *devices, struct route_parts *parts)
{
        struct route_entry *entry = &parts->entry;
        const struct rtnexthop *from = mnl_attr_get_payload(nest);
        size_t left = mnl_attr_get_payload_len(nest);

        while (left >= sizeof(*from) && from->rtnh_len >= sizeof(*from) && from->rtnh_len <= left) {
                size_t length = MIN((size_t)MNL_ALIGN(from->rtnh_len), left);

                if (entry->route.n_hops == FBN_ROUTE_HOPS) {
                        entry->odd = true;
                        break;
                }
                parts->hop_devices[entry->route.n_hops] = (uint32_t)from->rtnh_ifindex;
                read_hop(from, entry->route.destination.address.family, devices, &parts->hops[entry->route.n_hops++], &entry->odd);
                left -= length;
                from = (const void *)((const char *)from + length);
        }
        entry->route.hops = parts->hops;
        entry->hop_devices = parts->hop_devices;
}

/* IPv6 hangs routes that refuse packets on the loopback link. */
static bool has_way(fbn_route_type type)
{
        return type < FBN_ROUTE_BLACKHOLE || type > FBN_ROUTE_THROW;
}

static void read_way(const struct nlattr *const *table, const struct devices *devices, struct route_parts *parts)
{
        struct route_entry *entry = &parts->entry;
        fbn_route *route = &entry->route;

        if (!has_way(route->type))
                return;
        entry->device = netlink_u32(table[RTA_OIF]);
        route->nexthop = netlink_u32(table[RTA_NH_ID]);
        if (route->nexthop) /* the kernel adds what the nexthop says */
                return;
        route->device = devices_name(devices, entry->device);
        read_gateway(table, route->destination.address.family, &route->gateway);
        if (table[RTA_MULTIPATH])
                read_hops(table[RTA_MULTIPATH], devices, parts);
        entry->odd = entry->odd || table[RTA_ENCAP] || (entry->device && !route->device);
}

/* Any other of TCP's metrics, or one that is locked, makes a route that fbn_route cannot say. */
static void read_metrics(const struct nlattr *nest, struct route_entry *entry)
{
        const struct nlattr *metrics[RTAX_MAX + 1];

        netlink_nested(nest, metrics, ARRAY_SIZE(metrics));
        entry->route.mtu = netlink_u32(metrics[RTAX_MTU]);
        entry->route.advmss = netlink_u32(metrics[RTAX_ADVMSS]);
        for (size_t i = 0; i < ARRAY_SIZE(metrics); i++)
                if (metrics[i] && i != RTAX_MTU && i != RTAX_ADVMSS)
                        entry->odd = true;
}

bool route_parse(const struct nlmsghdr *message, const struct devices *devices, struct route_parts *ret_parts)
{
        const struct nlattr *table[RTA_NH_ID + 1];
        const struct rtmsg *header = mnl_nlmsg_get_payload(message);
        struct route_entry *entry = &ret_parts->entry;
        fbn_route *route = &entry->route;

        if ((message->nlmsg_type != RTM_NEWROUTE && message->nlmsg_type != RTM_DELROUTE) || mnl_nlmsg_get_payload_len(message) < sizeof(*header) ||
            !family_bits(header->rtm_family) || header->rtm_dst_len > family_bits(header->rtm_family))
                return false;
        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        *entry = (struct route_entry){.route.size = sizeof(entry->route), .kernel_scope = header->rtm_scope, .source_length = header->rtm_src_len};
        route->destination.address.family = header->rtm_family;
        route->destination.length = header->rtm_dst_len;
        route_parse_address(table[RTA_DST], header->rtm_family, &route->destination.address);
        route->table = table[RTA_TABLE] ? netlink_u32(table[RTA_TABLE]) : header->rtm_table;
        route->metric = netlink_u32(table[RTA_PRIORITY]);
        entry->table = route->table;
        entry->metric = route->metric;
        route->protocol = header->rtm_protocol;
        route->type = type_of(header->rtm_type);
        route->scope = scope_of(header->rtm_scope);
        route->tos = header->rtm_tos;
        route->onlink = header->rtm_flags & RTNH_F_ONLINK;
        read_metrics(table[RTA_METRICS], entry);
        route_parse_address(table[RTA_PREFSRC], header->rtm_family, &route->source);
        read_way(table, devices, ret_parts);
        return true;
}
