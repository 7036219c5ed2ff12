/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netlink/netlink.h"
#include "route/rule.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

struct reading {
        uint16_t family;
        size_t before;
        fbn_rules *rules;
};

static int read_rule(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        const struct reading *reading = data;
        struct rule_entry entry;

        if (!rule_parse(message, &entry) || entry.rule.family != reading->family)
                return 0;
        return rules_append(c, reading->rules, entry);
}

static void restart(void *data)
{
        struct reading *reading = data;

        rules_cut(reading->rules, reading->before);
}

static int dump(fbn_context *c, uint16_t family, fbn_rules *rules)
{
        struct reading reading = {family, fbn_rules_count(rules), rules};
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
