/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netlink/netlink.h"
#include "route/fib.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>

struct reading {
        struct fib *fib;
};

static uint32_t read_address(const struct nlattr *attribute)
{
        return ntohl(netlink_u32(attribute));
}

static size_t count_ways(const struct nlattr *list)
{
        const struct rtnexthop *way = mnl_attr_get_payload(list);
        size_t count = 0;

        for (int left = mnl_attr_get_payload_len(list); RTNH_OK(way, left); count++) {
                left -= (int)RTNH_ALIGN(way->rtnh_len);
                way = RTNH_NEXT(way);
        }
        return count;
}

static bool read_ways(struct fib *fib, const struct nlattr *list, struct fib_route *route)
{
        const struct rtnexthop *way = mnl_attr_get_payload(list);

        route->n_ways = count_ways(list);
        route->ways = arena_alloc(&fib->arena, MAX(route->n_ways, (size_t)1) * sizeof(*route->ways));
        if (!route->ways)
                return false;
        for (size_t i = 0; i < route->n_ways; i++) {
                route->ways[i] = (struct fib_way){(uint32_t)way->rtnh_ifindex, way->rtnh_flags & RTNH_F_DEAD};
                way = RTNH_NEXT(way);
        }
        return true;
}

static bool read_way(struct fib *fib, const struct rtmsg *header, const struct nlattr *device, struct fib_route *route)
{
        if (!device)
                return true;
        route->n_ways = 1;
        route->ways = arena_alloc(&fib->arena, sizeof(*route->ways));
        if (route->ways)
                route->ways[0] = (struct fib_way){netlink_u32(device), header->rtm_flags & RTNH_F_DEAD};
        return route->ways != NULL;
}

static int read_route(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        const struct nlattr *table[RTA_TABLE + 1];
        const struct rtmsg *header = mnl_nlmsg_get_payload(message);
        struct fib *fib = ((struct reading *)data)->fib;
        struct fib_route route;

        if (message->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(message) < sizeof(*header) || header->rtm_family != AF_INET ||
            header->rtm_flags & RTM_F_CLONED)
                return 0;
        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        route = (struct fib_route){.table = table[RTA_TABLE] ? netlink_u32(table[RTA_TABLE]) : header->rtm_table,
                                   .destination = read_address(table[RTA_DST]),
                                   .length = header->rtm_dst_len,
                                   .tos = header->rtm_tos,
                                   .type = header->rtm_type,
                                   .protocol = header->rtm_protocol,
                                   .metric = netlink_u32(table[RTA_PRIORITY]),
                                   .order = fib->n_routes};
        fib->custom_local |= route.type == RTN_LOCAL && route.protocol != RTPROT_KERNEL;
        if (!(table[RTA_MULTIPATH] ? read_ways(fib, table[RTA_MULTIPATH], &route) : read_way(fib, header, table[RTA_OIF], &route)) ||
            !ARRAY_RESERVE(fib->routes, fib->n_routes, fib->routes_capacity))
                return fail_memory(c);
        fib->routes[fib->n_routes++] = route;
        return 0;
}

static void read_range(const struct nlattr *attribute, uint16_t *ports)
{
        struct fib_rule_port_range range;

        if (!attribute || mnl_attr_get_payload_len(attribute) < sizeof(range))
                return;
        memcpy(&range, mnl_attr_get_payload(attribute), sizeof(range));
        ports[0] = range.start;
        ports[1] = range.end;
}

static void read_name(const struct nlattr *attribute, char *name, size_t size)
{
        const char *text = netlink_string(attribute);

        if (text)
                snprintf(name, size, "%s", text);
}

static void read_selectors(const struct nlattr *const *table, struct fib_rule *rule)
{
        rule->from = read_address(table[FRA_SRC]);
        rule->to = read_address(table[FRA_DST]);
        read_name(table[FRA_IIFNAME], rule->in_device, sizeof(rule->in_device));
        read_name(table[FRA_OIFNAME], rule->out_device, sizeof(rule->out_device));
        rule->mark = netlink_u32(table[FRA_FWMARK]);
        rule->mask = table[FRA_FWMASK] ? netlink_u32(table[FRA_FWMASK]) : rule->mark ? UINT32_MAX : 0;
        rule->ip_protocol = netlink_u8(table[FRA_IP_PROTO]);
        read_range(table[FRA_SPORT_RANGE], rule->source_ports);
        read_range(table[FRA_DPORT_RANGE], rule->destination_ports);
        rule->uid_given = table[FRA_UID_RANGE] && mnl_attr_get_payload_len(table[FRA_UID_RANGE]) >= sizeof(rule->uids);
        if (rule->uid_given)
                memcpy(rule->uids, mnl_attr_get_payload(table[FRA_UID_RANGE]), sizeof(rule->uids));
        rule->tunnel = table[FRA_TUN_ID] != NULL;
        rule->l3mdev = netlink_u8(table[FRA_L3MDEV]);
        rule->suppress_length = table[FRA_SUPPRESS_PREFIXLEN] ? (int32_t)netlink_u32(table[FRA_SUPPRESS_PREFIXLEN]) : -1;
        rule->suppress_group = table[FRA_SUPPRESS_IFGROUP] ? (int32_t)netlink_u32(table[FRA_SUPPRESS_IFGROUP]) : -1;
}

/* One of those that every namespace starts with: 0 local, 32766 main, 32767 default. */
static bool is_default(const struct fib_rule *rule)
{
        uint32_t table = rule->priority == 0 ? RT_TABLE_LOCAL : rule->priority == 32766 ? RT_TABLE_MAIN : rule->priority == 32767 ? RT_TABLE_DEFAULT : 0;

        return table && rule->table == table && rule->action == FR_ACT_TO_TBL && !rule->invert && !rule->from_length && !rule->to_length && !rule->tos &&
               !*rule->in_device && !*rule->out_device && !rule->mask && !rule->ip_protocol && rule->suppress_length < 0;
}

static int read_rule(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        const struct nlattr *table[FRA_MAX + 1];
        const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(message);
        struct fib *fib = ((struct reading *)data)->fib;
        struct fib_rule rule = {0};

        if (message->nlmsg_type != RTM_NEWRULE || mnl_nlmsg_get_payload_len(message) < sizeof(*header) || header->family != AF_INET)
                return 0;
        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        rule.priority = netlink_u32(table[FRA_PRIORITY]);
        rule.table = table[FRA_TABLE] ? netlink_u32(table[FRA_TABLE]) : header->table;
        rule.target = netlink_u32(table[FRA_GOTO]);
        rule.action = header->action;
        rule.tos = header->tos;
        rule.invert = header->flags & FIB_RULE_INVERT;
        rule.from_length = header->src_len;
        rule.to_length = header->dst_len;
        read_selectors(table, &rule);
        fib->custom_rules |= !is_default(&rule);
        if (!ARRAY_RESERVE(fib->rules, fib->n_rules, fib->rules_capacity))
                return fail_memory(c);
        fib->rules[fib->n_rules++] = rule;
        return 0;
}

static void restart_routes(void *data)
{
        struct fib *fib = ((struct reading *)data)->fib;

        fib->n_routes = 0;
        fib->custom_local = false;
        arena_free(&fib->arena);
}

static void restart_rules(void *data)
{
        struct fib *fib = ((struct reading *)data)->fib;

        fib->n_rules = 0;
        fib->custom_rules = false;
}

static int dump(fbn_context *c, uint16_t type, netlink_callback callback, void (*restart)(void *data), struct reading *reading)
{
        _Alignas(8) char bytes[64];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
        struct rtmsg *header;
        struct netlink *netlink;
        int r;

        message->nlmsg_type = type; /* the header of a rule has the size of a route's */
        header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
        header->rtm_family = AF_INET;
        r = netlink_get(c, NETLINK_ROUTE, &netlink);
        return r < 0 ? r : netlink_dump(c, netlink, message, callback, restart, reading);
}

/* Longer prefixes first, then the local table, then the kernel's own order. */
static int by_length(const void *a, const void *b)
{
        const struct fib_route *first = a, *second = b;

        if (first->length != second->length)
                return first->length > second->length ? -1 : 1;
        if (first->table != second->table)
                return first->table > second->table ? -1 : 1;
        return first->order < second->order ? -1 : first->order > second->order;
}

int fib_read(fbn_context *c, struct fib *fib)
{
        struct reading reading = {fib};
        int r = dump(c, RTM_GETRULE, read_rule, restart_rules, &reading);

        if (r == 0)
                r = dump(c, RTM_GETROUTE, read_route, restart_routes, &reading);
        if (r == 0 && fib->n_routes)
                qsort(fib->routes, fib->n_routes, sizeof(*fib->routes), by_length);
        if (fib->n_rules != 3) /* one of the three is gone */
                fib->custom_rules = true;
        return r;
}

void fib_free(struct fib *fib)
{
        arena_free(&fib->arena);
        memory_free(fib->routes);
        memory_free(fib->rules);
        *fib = (struct fib){0};
}
