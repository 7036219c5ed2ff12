/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "route/watch.h"

#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

static const struct route_monitor *monitor_of(const struct mirror *mirror)
{
        return mirror->data;
}

static uint32_t table_of(const struct nlmsghdr *message)
{
        const struct rtmsg *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *table[RTA_TABLE + 1];

        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        return table[RTA_TABLE] ? netlink_u32(table[RTA_TABLE]) : header->rtm_table;
}

static void copy(uint8_t *key, const struct nlattr *attribute)
{
        if (attribute)
                memcpy(key, mnl_attr_get_payload(attribute), MIN(mnl_attr_get_payload_len(attribute), (uint16_t)16));
}

/* By what the kernel takes for the same route: destination, source (of IPv6), table, metric, type of service. */
static size_t route_key(const struct nlmsghdr *message, const struct mirror *mirror, uint8_t *key)
{
        const struct rtmsg *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *table[RTA_PRIORITY + 1];
        uint32_t wanted = monitor_of(mirror)->options.table, number = table_of(message), metric;

        if (header->rtm_family != mirror->family || header->rtm_flags & RTM_F_CLONED || (wanted ? number != wanted : number == RT_TABLE_LOCAL))
                return 0;
        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        metric = netlink_u32(table[RTA_PRIORITY]);
        key[0] = header->rtm_dst_len;
        key[1] = header->rtm_src_len;
        key[2] = header->rtm_tos;
        memcpy(key + 4, &number, sizeof(number));
        memcpy(key + 8, &metric, sizeof(metric));
        copy(key + 12, table[RTA_DST]);
        copy(key + 28, table[RTA_SRC]);
        return 44;
}

/* IPv4 says what a notification does; one that replaces takes the first of several. IPv6 makes routes with a gateway ways of one, and
 * tells of them in several forms. Source: net/ipv4/fib_trie.c, fib_table_insert(); net/ipv6/ip6_fib.c, fib6_add_rt2node(). */
static enum mirror_effect route_effect(const struct nlmsghdr *message, size_t there)
{
        const struct rtmsg *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *table[RTA_NH_ID + 1];
        bool replaces = message->nlmsg_flags & NLM_F_REPLACE;

        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        if (header->rtm_family == AF_INET6 &&
            (replaces || message->nlmsg_flags & NLM_F_APPEND || table[RTA_GATEWAY] || table[RTA_MULTIPATH] || table[RTA_NH_ID]))
                return MIRROR_UNSURE;
        if (replaces)
                return there == 1 ? MIRROR_REPLACES : MIRROR_UNSURE;
        return MIRROR_JOINS;
}

/* Whether a way is dead or offloaded changes without a word. */
static void route_clean(struct nlmsghdr *message)
{
        struct rtmsg *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *table[RTA_MULTIPATH + 1];
        struct rtnexthop *hop;
        size_t left;

        header->rtm_flags &= RTNH_F_ONLINK;
        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        if (!table[RTA_MULTIPATH])
                return;
        hop = mnl_attr_get_payload(table[RTA_MULTIPATH]);
        left = mnl_attr_get_payload_len(table[RTA_MULTIPATH]);
        while (left >= sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) && hop->rtnh_len <= left) {
                size_t length = MIN((size_t)RTNH_ALIGN(hop->rtnh_len), left);

                hop->rtnh_flags &= RTNH_F_ONLINK;
                left -= length;
                hop = (struct rtnexthop *)((char *)hop + length);
        }
}

static void route_ask(struct nlmsghdr *request, const struct mirror *mirror, bool strict)
{
        struct rtmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
        uint32_t table = monitor_of(mirror)->options.table;

        request->nlmsg_type = RTM_GETROUTE;
        header->rtm_family = (uint8_t)mirror->family;
        if (strict && table)
                mnl_attr_put_u32(request, RTA_TABLE, table);
}

const struct mirror_kind route_mirror = {
        .bus = NETLINK_ROUTE, .added = RTM_NEWROUTE, .removed = RTM_DELROUTE, .header = sizeof(struct rtmsg),
        .passing = 1u << RTA_CACHEINFO, .key = route_key, .effect = route_effect, .clean = route_clean, .ask = route_ask};

static size_t rule_key(const struct nlmsghdr *message, const struct mirror *mirror, uint8_t *key)
{
        const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *table[FRA_PRIORITY + 1];
        uint32_t priority;

        if (header->family != mirror->family)
                return 0;
        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        priority = netlink_u32(table[FRA_PRIORITY]);
        memcpy(key, &priority, sizeof(priority));
        return sizeof(priority);
}

static enum mirror_effect rule_effect(const struct nlmsghdr *message, size_t there)
{
        (void)message, (void)there;
        return MIRROR_JOINS;
}

static void rule_ask(struct nlmsghdr *request, const struct mirror *mirror, bool strict)
{
        struct fib_rule_hdr *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

        (void)strict;
        request->nlmsg_type = RTM_GETRULE;
        header->family = (uint8_t)mirror->family;
}

const struct mirror_kind rule_mirror = {
        .bus = NETLINK_ROUTE, .added = RTM_NEWRULE, .removed = RTM_DELRULE, .header = sizeof(struct fib_rule_hdr),
        .unsure = true, .key = rule_key, .effect = rule_effect, .ask = rule_ask};

/* Multicast and broadcast addresses are the kernel's own book-keeping; of proxy entries it says nothing. */
static size_t neighbour_key(const struct nlmsghdr *message, const struct mirror *mirror, uint8_t *key)
{
        const struct ndmsg *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *table[NDA_DST + 1];

        if (header->ndm_family != mirror->family || header->ndm_flags & NTF_PROXY || header->ndm_state & NUD_NOARP)
                return 0;
        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        memcpy(key, &header->ndm_ifindex, 4);
        copy(key + 4, table[NDA_DST]);
        return 20;
}

static void neighbour_ask(struct nlmsghdr *request, const struct mirror *mirror, bool strict)
{
        struct ndmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

        (void)strict;
        request->nlmsg_type = RTM_GETNEIGH;
        header->ndm_family = (uint8_t)mirror->family;
}

const struct mirror_kind neighbour_mirror = {
        .bus = NETLINK_ROUTE, .added = RTM_NEWNEIGH, .removed = RTM_DELNEIGH, .header = sizeof(struct ndmsg),
        .passing = 1u << NDA_CACHEINFO | 1u << NDA_PROBES, .key = neighbour_key, .ask = neighbour_ask};
