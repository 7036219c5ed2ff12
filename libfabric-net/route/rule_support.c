/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netlink/netlink.h"
#include "route/rule.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

/* No rule has it: a name of a link has no '/'. */
#define NO_DEVICE "fabricnet/probe"

/* A kernel passes over attributes that it does not know (nlmsg_parse_deprecated() in net/core/fib_rules.c): a rule for some packets would
 * become one for all, a deletion would take another rule. So it is asked before. An attribute that it knows must have its length. */
static int check_attribute(fbn_context *c, uint16_t family, uint16_t attribute, const char *what)
{
        _Alignas(8) char bytes[128];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
        struct fib_rule_hdr *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
        struct netlink *netlink;
        int r;

        message->nlmsg_type = RTM_DELRULE;
        header->family = (uint8_t)family;
        mnl_attr_put_strz(message, FRA_IIFNAME, NO_DEVICE);
        mnl_attr_put(message, attribute, 0, NULL);
        r = netlink_get(c, NETLINK_ROUTE, &netlink);
        if (r == 0)
                r = netlink_request(c, netlink, message, NULL, NULL);
        if (r == -FBN_ENOENT)
                return fail(c, FBN_EUNSUPPORTED, "this kernel has no rules by %s", what);
        return r == -FBN_EINVAL || r == -FBN_EPERM ? 0 : r; /* without the privilege there will be no rule either */
}

int rule_check_support(fbn_context *c, const fbn_rule *rule)
{
        int r = 0;

        if (rule->dscp)
                r = check_attribute(c, rule->family, RULE_DSCP, "dscp; Linux 6.13 and later have, earlier ones by tos");
        if (r == 0 && rule_label_mask(rule))
                r = check_attribute(c, rule->family, RULE_FLOW_LABEL, "flow label; Linux 6.14 and later have");
        return r;
}
