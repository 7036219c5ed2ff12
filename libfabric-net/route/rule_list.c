/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "netlink/netlink.h"
#include "route/rule.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

static void put_prefix(struct nlmsghdr *message, uint16_t attribute, const fbn_prefix *prefix)
{
        if (prefix->length)
                mnl_attr_put(message, attribute, family_bytes(prefix->address.family), prefix->address.bytes);
}

void rule_put(struct nlmsghdr *message, const fbn_rule *rule)
{
        struct fib_rule_hdr *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

        header->family = (uint8_t)rule->family;
        header->action = FR_ACT_TO_TBL;
        header->flags = rule->invert ? FIB_RULE_INVERT : 0;
        header->src_len = rule->from.length;
        header->dst_len = rule->to.length;
        put_prefix(message, FRA_SRC, &rule->from);
        put_prefix(message, FRA_DST, &rule->to);
        mnl_attr_put_u32(message, FRA_PRIORITY, rule->priority);
        if (rule->in_device)
                mnl_attr_put_strz(message, FRA_IIFNAME, rule->in_device);
        if (rule->out_device)
                mnl_attr_put_strz(message, FRA_OIFNAME, rule->out_device);
        if (rule_mask(rule)) {
                mnl_attr_put_u32(message, FRA_FWMARK, rule->fwmark);
                mnl_attr_put_u32(message, FRA_FWMASK, rule_mask(rule));
        }
        if (rule->table)
                mnl_attr_put_u32(message, FRA_TABLE, rule->table);
        if (rule->suppress_prefix_length)
                mnl_attr_put_u32(message, FRA_SUPPRESS_PREFIXLEN, (uint32_t)rule->suppress_prefix_length - 1);
        if (rule->protocol)
                mnl_attr_put_u8(message, FRA_PROTOCOL, rule->protocol);
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

struct reading {
        uint8_t family;
        size_t before;
        fbn_rules *rules;
};

/* Any other attribute makes a rule that fbn_rule cannot say. */
static bool is_odd(const struct fib_rule_hdr *header, const struct nlattr *const *table, size_t count)
{
        static const uint64_t known = 1u << FRA_DST | 1u << FRA_SRC | 1u << FRA_IIFNAME | 1u << FRA_PRIORITY | 1u << FRA_FWMARK |
                                      1u << FRA_SUPPRESS_PREFIXLEN | 1u << FRA_TABLE | 1u << FRA_FWMASK | 1u << FRA_OIFNAME | 1u << FRA_PROTOCOL;

        for (size_t i = 0; i < count; i++)
                if (table[i] && !(known >> i & 1))
                        return true;
        return header->action != FR_ACT_TO_TBL || header->tos;
}

static int read_rule(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *table[40];
        const struct reading *reading = data;
        struct rule_entry entry = {.rule.size = sizeof(entry.rule)};
        fbn_rule *rule = &entry.rule;
        uint32_t suppress;

        if (message->nlmsg_type != RTM_NEWRULE || mnl_nlmsg_get_payload_len(message) < sizeof(*header) || header->family != reading->family)
                return 0;
        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        rule->family = header->family;
        rule->priority = netlink_u32(table[FRA_PRIORITY]);
        rule->invert = header->flags & FIB_RULE_INVERT;
        read_prefix(table[FRA_SRC], header->family, header->src_len, &rule->from);
        read_prefix(table[FRA_DST], header->family, header->dst_len, &rule->to);
        rule->in_device = netlink_string(table[FRA_IIFNAME]);
        rule->out_device = netlink_string(table[FRA_OIFNAME]);
        rule->fwmark = netlink_u32(table[FRA_FWMARK]);
        rule->fwmask = netlink_u32(table[FRA_FWMASK]);
        rule->table = table[FRA_TABLE] ? netlink_u32(table[FRA_TABLE]) : header->table;
        suppress = table[FRA_SUPPRESS_PREFIXLEN] ? netlink_u32(table[FRA_SUPPRESS_PREFIXLEN]) : UINT32_MAX;
        rule->suppress_prefix_length = (int32_t)(suppress + 1); /* the kernel says "none" as -1 */
        rule->protocol = netlink_u8(table[FRA_PROTOCOL]);
        entry.odd = is_odd(header, table, ARRAY_SIZE(table)) ? message : NULL;
        return rules_append(c, reading->rules, entry);
}

static void restart(void *data)
{
        struct reading *reading = data;

        rules_cut(reading->rules, reading->before);
}

static int dump(fbn_context *c, uint16_t family, fbn_rules *rules)
{
        struct reading reading = {(uint8_t)family, fbn_rules_count(rules), rules};
        _Alignas(8) char bytes[64];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
        struct fib_rule_hdr *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
        struct netlink *netlink;
        int r;

        message->nlmsg_type = RTM_GETRULE;
        header->family = (uint8_t)family;
        r = netlink_get(c, NETLINK_ROUTE, &netlink);
        return r < 0 ? r : netlink_dump(c, netlink, message, read_rule, restart, &reading);
}

int fbn_rule_list(fbn_context *c, uint16_t family, fbn_rules **ret_rules)
{
        _cleanup_(fbn_rules_unrefp) fbn_rules *rules = NULL;
        int r = 0;

        if (family && family != AF_INET && family != AF_INET6)
                return fail(c, FBN_EINVAL, "family %u: rules are AF_INET or AF_INET6", family);
        r = fbn_rules_new(c, &rules);
        if (r == 0 && family != AF_INET6)
                r = dump(c, AF_INET, rules);
        if (r == 0 && family != AF_INET)
                r = dump(c, AF_INET6, rules);
        if (r < 0)
                return r;
        *ret_rules = TAKE_PTR(rules);
        return 0;
}
