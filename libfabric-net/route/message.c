/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "netlink/netlink.h"
#include "route/route.h"

#include <linux/rtnetlink.h>

/* Ours to the kernel's and back. */
static const uint8_t types[] = {
        [FBN_ROUTE_UNICAST] = RTN_UNICAST,
        [FBN_ROUTE_BLACKHOLE] = RTN_BLACKHOLE,
        [FBN_ROUTE_UNREACHABLE] = RTN_UNREACHABLE,
        [FBN_ROUTE_PROHIBIT] = RTN_PROHIBIT,
};

static fbn_route_type type_of(uint8_t kernel_type)
{
        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                if (types[i] == kernel_type)
                        return (fbn_route_type)i;
        return FBN_ROUTE_OTHER;
}

static void put_address(struct nlmsghdr *message, uint16_t attribute, const fbn_address *address)
{
        if (address->family)
                mnl_attr_put(message, attribute, family_bytes(address->family), address->bytes);
}

static void put_gateway(struct nlmsghdr *message, uint16_t family, const fbn_address *gateway)
{
        struct {
                uint16_t family;
                uint8_t bytes[16];
        } via = {gateway->family, {0}};

        if (!gateway->family || gateway->family == family) {
                put_address(message, RTA_GATEWAY, gateway);
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

/* Destination, table, metric, next hop: what a route is added and found by. */
static struct rtmsg *put_key(struct nlmsghdr *message, const fbn_route *route, uint32_t device)
{
        struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

        header->rtm_family = (uint8_t)route->destination.address.family;
        header->rtm_dst_len = route->destination.length;
        header->rtm_protocol = route->protocol ? route->protocol : FBN_PROTOCOL;
        if (route->destination.length)
                put_address(message, RTA_DST, &route->destination.address);
        mnl_attr_put_u32(message, RTA_TABLE, route_table(route)); /* wins over rtm_table, which has 8 bits */
        if (route->metric)
                mnl_attr_put_u32(message, RTA_PRIORITY, route->metric);
        if (device)
                mnl_attr_put_u32(message, RTA_OIF, device);
        put_gateway(message, route->destination.address.family, &route->gateway);
        return header;
}

void route_put(struct nlmsghdr *message, const fbn_route *route, uint32_t device)
{
        struct rtmsg *header = put_key(message, route, device);

        header->rtm_type = types[route->type];
        header->rtm_scope = route->type == FBN_ROUTE_UNICAST && !route->gateway.family ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
        header->rtm_flags = route->onlink ? RTNH_F_ONLINK : 0;
        put_address(message, RTA_PREFSRC, &route->source);
        put_metrics(message, route);
}

void route_put_deletion(struct nlmsghdr *message, const struct route_entry *entry)
{
        struct rtmsg *header = put_key(message, &entry->route, entry->device);

        header->rtm_tos = entry->tos;
        header->rtm_scope = entry->scope; /* or else a route without a gateway would stand for one with: net/ipv4/fib_semantics.c, fib_nh_match() */
        header->rtm_type = entry->route.type == FBN_ROUTE_OTHER ? RTN_UNSPEC : types[entry->route.type];
}

static bool read_address(const struct nlattr *attribute, uint16_t family, fbn_address *ret_address)
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

static void read_hop(const struct nlattr *const *table, uint16_t family, const struct devices *devices, struct route_entry *entry)
{
        entry->device = netlink_u32(table[RTA_OIF]);
        entry->route.device = devices_name(devices, entry->device);
        if (table[RTA_VIA])
                read_via(table[RTA_VIA], &entry->route.gateway);
        else
                read_address(table[RTA_GATEWAY], family, &entry->route.gateway);
        entry->odd = table[RTA_MULTIPATH] || table[RTA_NH_ID] || table[RTA_ENCAP] || (entry->device && !entry->route.device);
        /* IPv6 hangs routes that refuse packets on the loopback link. */
        if (entry->route.type != FBN_ROUTE_UNICAST && entry->route.type != FBN_ROUTE_OTHER) {
                entry->route.device = NULL;
                entry->device = 0;
        }
}

bool route_parse(const struct nlmsghdr *message, const struct devices *devices, struct route_entry *ret_entry)
{
        const struct nlattr *table[RTA_NH_ID + 1], *metrics[RTAX_ADVMSS + 1];
        const struct rtmsg *header = mnl_nlmsg_get_payload(message);
        struct route_entry entry = {.route.size = sizeof(entry.route)};
        fbn_route *route = &entry.route;

        if (message->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(message) < sizeof(*header) || !family_bits(header->rtm_family))
                return false;
        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        netlink_nested(table[RTA_METRICS], metrics, ARRAY_SIZE(metrics));
        route->destination.address.family = header->rtm_family;
        route->destination.length = header->rtm_dst_len;
        read_address(table[RTA_DST], header->rtm_family, &route->destination.address);
        route->table = table[RTA_TABLE] ? netlink_u32(table[RTA_TABLE]) : header->rtm_table;
        route->metric = netlink_u32(table[RTA_PRIORITY]);
        route->protocol = header->rtm_protocol;
        route->type = type_of(header->rtm_type);
        route->onlink = header->rtm_flags & RTNH_F_ONLINK;
        route->mtu = netlink_u32(metrics[RTAX_MTU]);
        route->advmss = netlink_u32(metrics[RTAX_ADVMSS]);
        read_address(table[RTA_PREFSRC], header->rtm_family, &route->source);
        entry.tos = header->rtm_tos;
        entry.scope = header->rtm_scope;
        read_hop(table, header->rtm_family, devices, &entry);
        *ret_entry = entry;
        return true;
}
