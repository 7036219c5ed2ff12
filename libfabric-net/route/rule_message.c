/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "netlink/netlink.h"
#include "route/rule.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

static const uint8_t actions[] = {
        [FBN_RULE_LOOKUP] = FR_ACT_TO_TBL,       [FBN_RULE_GOTO] = FR_ACT_GOTO,               [FBN_RULE_NOP] = FR_ACT_NOP,
        [FBN_RULE_BLACKHOLE] = FR_ACT_BLACKHOLE, [FBN_RULE_UNREACHABLE] = FR_ACT_UNREACHABLE, [FBN_RULE_PROHIBIT] = FR_ACT_PROHIBIT,
};

static void put_prefix(struct nlmsghdr *message, uint16_t attribute, const fbn_prefix *prefix)
{
        if (prefix->length)
                mnl_attr_put(message, attribute, family_bytes(prefix->address.family), prefix->address.bytes);
}

static void put_number(struct nlmsghdr *message, uint16_t attribute, uint32_t number)
{
        if (number)
                mnl_attr_put_u32(message, attribute, number);
}

static void put_byte(struct nlmsghdr *message, uint16_t attribute, uint8_t number)
{
        if (number)
                mnl_attr_put_u8(message, attribute, number);
}

static void put_ports(struct nlmsghdr *message, uint16_t attribute, uint16_t first, uint16_t last)
{
        if (first)
                mnl_attr_put(message, attribute, sizeof(struct fib_rule_port_range), &(struct fib_rule_port_range){first, last ? last : first});
}

static void put_packet_selectors(struct nlmsghdr *message, const fbn_rule *rule)
{
        if (rule_mask(rule)) {
                mnl_attr_put_u32(message, FRA_FWMARK, rule->fwmark);
                mnl_attr_put_u32(message, FRA_FWMASK, rule_mask(rule));
        }
        put_byte(message, FRA_IP_PROTO, rule->ip_protocol);
        put_ports(message, FRA_SPORT_RANGE, rule->source_port, rule->source_port_last);
        put_ports(message, FRA_DPORT_RANGE, rule->destination_port, rule->destination_port_last);
        if (rule->uid_end)
                mnl_attr_put(message, FRA_UID_RANGE, sizeof(struct fib_rule_uid_range), &(struct fib_rule_uid_range){rule->uid, rule->uid_end - 1});
        if (rule->dscp)
                mnl_attr_put_u8(message, RULE_DSCP, (uint8_t)(rule->dscp - 1));
        if (rule->tunnel)
                mnl_attr_put_u64(message, FRA_TUN_ID, htobe64(rule->tunnel));
        if (rule_label_mask(rule)) {
                mnl_attr_put_u32(message, RULE_FLOW_LABEL, htonl(rule->flow_label));
                mnl_attr_put_u32(message, RULE_FLOW_LABEL_MASK, htonl(rule_label_mask(rule)));
        }
}

void rule_put(struct nlmsghdr *message, const fbn_rule *rule)
{
        struct fib_rule_hdr *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

        header->family = (uint8_t)rule->family;
        header->action = rule->action == FBN_RULE_LOOKUP && !rule->table && !rule->l3mdev ? 0 : actions[rule->action]; /* 0: any, of a deletion */
        header->flags = rule->invert ? FIB_RULE_INVERT : 0;
        header->src_len = rule->from.length;
        header->dst_len = rule->to.length;
        header->tos = rule->tos;
        put_prefix(message, FRA_SRC, &rule->from);
        put_prefix(message, FRA_DST, &rule->to);
        put_number(message, FRA_PRIORITY, rule->priority);
        if (rule->in_device)
                mnl_attr_put_strz(message, FRA_IIFNAME, rule->in_device);
        if (rule->out_device)
                mnl_attr_put_strz(message, FRA_OIFNAME, rule->out_device);
        put_packet_selectors(message, rule);
        put_number(message, FRA_TABLE, rule->table);
        put_number(message, FRA_GOTO, rule->target);
        put_byte(message, FRA_L3MDEV, rule->l3mdev);
        if (rule->suppress_prefix_length)
                mnl_attr_put_u32(message, FRA_SUPPRESS_PREFIXLEN, (uint32_t)rule->suppress_prefix_length - 1);
        if (rule->suppress_group)
                mnl_attr_put_u32(message, FRA_SUPPRESS_IFGROUP, (uint32_t)rule->suppress_group - 1);
        put_byte(message, FRA_PROTOCOL, rule->protocol);
}

void rule_put_deletion(struct nlmsghdr *message, const struct rule_entry *entry)
{
        size_t length = entry->odd ? mnl_nlmsg_get_payload_len(entry->odd) : 0;

        if (entry->odd && length <= NETLINK_MESSAGE - MNL_NLMSG_HDRLEN)
                memcpy(mnl_nlmsg_put_extra_header(message, length), mnl_nlmsg_get_payload(entry->odd), length);
        else
                rule_put(message, &entry->rule);
}

static void read_prefix(const struct nlattr *attribute, uint8_t family, uint8_t length, fbn_prefix *prefix)
{
        if (!length || !attribute || mnl_attr_get_payload_len(attribute) < family_bytes(family))
                return;
        prefix->address.family = family;
        prefix->length = length;
        memcpy(prefix->address.bytes, mnl_attr_get_payload(attribute), family_bytes(family));
}

static void read_ports(const struct nlattr *attribute, uint16_t *first, uint16_t *last)
{
        struct fib_rule_port_range range;

        if (!attribute || mnl_attr_get_payload_len(attribute) < sizeof(range))
                return;
        memcpy(&range, mnl_attr_get_payload(attribute), sizeof(range));
        *first = range.start;
        *last = range.end == range.start ? 0 : range.end;
}

static void read_uids(const struct nlattr *attribute, fbn_rule *rule)
{
        struct fib_rule_uid_range range;

        if (!attribute || mnl_attr_get_payload_len(attribute) < sizeof(range))
                return;
        memcpy(&range, mnl_attr_get_payload(attribute), sizeof(range));
        rule->uid = range.start;
        rule->uid_end = range.end + 1;
}

/* The kernel says "none" as -1. */
static int32_t one_more(const struct nlattr *attribute)
{
        uint32_t value = attribute ? netlink_u32(attribute) : UINT32_MAX;

        return value < INT32_MAX ? (int32_t)value + 1 : 0;
}

static bool read_action(const struct fib_rule_hdr *header, fbn_rule *rule)
{
        for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
                if (actions[i] == header->action) {
                        rule->action = (fbn_rule_action)i;
                        return true;
                }
        return false;
}

static uint64_t read_tunnel(const struct nlattr *attribute)
{
        uint64_t value = 0;

        if (attribute && mnl_attr_get_payload_len(attribute) >= sizeof(value))
                memcpy(&value, mnl_attr_get_payload(attribute), sizeof(value));
        return be64toh(value);
}

static void read_packet_selectors(const struct nlattr *const *table, fbn_rule *rule)
{
        rule->fwmark = netlink_u32(table[FRA_FWMARK]);
        rule->fwmask = netlink_u32(table[FRA_FWMASK]);
        rule->ip_protocol = netlink_u8(table[FRA_IP_PROTO]);
        read_ports(table[FRA_SPORT_RANGE], &rule->source_port, &rule->source_port_last);
        read_ports(table[FRA_DPORT_RANGE], &rule->destination_port, &rule->destination_port_last);
        read_uids(table[FRA_UID_RANGE], rule);
        rule->dscp = table[RULE_DSCP] ? netlink_u8(table[RULE_DSCP]) + 1 : 0;
        rule->tunnel = read_tunnel(table[FRA_TUN_ID]);
        rule->flow_label = ntohl(netlink_u32(table[RULE_FLOW_LABEL]));
        rule->flow_label_mask = ntohl(netlink_u32(table[RULE_FLOW_LABEL_MASK]));
}

/* A mask over the whole of what it masks says nothing. */
static bool masks(const struct nlattr *attribute, uint32_t whole)
{
        uint32_t value = !attribute ? whole : mnl_attr_get_payload_len(attribute) == 1 ? netlink_u8(attribute) : netlink_u16(attribute);

        return value != whole;
}

/* Any other attribute makes a rule that fbn_rule cannot say. */
static bool is_odd(const struct nlattr *const *table)
{
        static const uint64_t known = 1u << FRA_DST | 1u << FRA_SRC | 1u << FRA_IIFNAME | 1u << FRA_GOTO | 1u << FRA_PRIORITY | 1u << FRA_FWMARK |
                                      1u << FRA_TUN_ID | 1u << FRA_SUPPRESS_IFGROUP | 1u << FRA_SUPPRESS_PREFIXLEN | 1u << FRA_TABLE | 1u << FRA_FWMASK |
                                      1u << FRA_OIFNAME | 1u << FRA_PAD | 1u << FRA_L3MDEV | 1u << FRA_UID_RANGE | 1u << FRA_PROTOCOL | 1u << FRA_IP_PROTO |
                                      1u << FRA_SPORT_RANGE | 1u << FRA_DPORT_RANGE | 1u << RULE_DSCP | 1u << RULE_FLOW_LABEL | 1u << RULE_FLOW_LABEL_MASK |
                                      1u << RULE_SOURCE_PORT_MASK | 1u << RULE_DESTINATION_PORT_MASK | 1u << RULE_DSCP_MASK;

        for (size_t i = 0; i < RULE_ATTRIBUTES; i++)
                if (table[i] && !(known >> i & 1))
                        return true;
        return masks(table[RULE_SOURCE_PORT_MASK], UINT16_MAX) || masks(table[RULE_DESTINATION_PORT_MASK], UINT16_MAX) || masks(table[RULE_DSCP_MASK], 0x3f);
}

bool rule_parse(const struct nlmsghdr *message, struct rule_entry *ret_entry)
{
        const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *table[RULE_ATTRIBUTES];
        fbn_rule *rule = &ret_entry->rule;

        if (message->nlmsg_type != RTM_NEWRULE || mnl_nlmsg_get_payload_len(message) < sizeof(*header) || !family_bits(header->family) ||
            header->src_len > family_bits(header->family) || header->dst_len > family_bits(header->family))
                return false;
        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        *ret_entry = (struct rule_entry){.rule.size = sizeof(*rule)};
        rule->family = header->family;
        rule->priority = netlink_u32(table[FRA_PRIORITY]);
        rule->invert = header->flags & FIB_RULE_INVERT;
        rule->tos = header->tos;
        read_prefix(table[FRA_SRC], header->family, header->src_len, &rule->from);
        read_prefix(table[FRA_DST], header->family, header->dst_len, &rule->to);
        rule->in_device = netlink_string(table[FRA_IIFNAME]);
        rule->out_device = netlink_string(table[FRA_OIFNAME]);
        read_packet_selectors(table, rule);
        rule->table = table[FRA_TABLE] ? netlink_u32(table[FRA_TABLE]) : header->table;
        rule->target = netlink_u32(table[FRA_GOTO]);
        rule->l3mdev = netlink_u8(table[FRA_L3MDEV]);
        rule->suppress_prefix_length = one_more(table[FRA_SUPPRESS_PREFIXLEN]);
        rule->suppress_group = one_more(table[FRA_SUPPRESS_IFGROUP]);
        rule->protocol = netlink_u8(table[FRA_PROTOCOL]);
        ret_entry->odd = !read_action(header, rule) || is_odd(table) ? message : NULL;
        return true;
}
