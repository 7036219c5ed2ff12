/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>

static void rule_freep(struct nftnl_rule **rule)
{
        if (*rule)
                nftnl_rule_free(*rule);
}

struct search {
        struct text where;
        int count;
};

/* "fib saddr . iif …", with or without the mark: whether the sender would be reached through the link that the packet came by. */
static int is_reverse_path(struct nftnl_expr *expression, void *data)
{
        bool *found = data;
        uint32_t flags;

        if (!streq(nftnl_expr_get_str(expression, NFTNL_EXPR_NAME), "fib"))
                return 0;
        flags = nftnl_expr_get_u32(expression, NFTNL_EXPR_FIB_FLAGS);
        *found |= (flags & NFTA_FIB_F_SADDR) && (flags & NFTA_FIB_F_IIF);
        return 0;
}

static const char *family_name(const struct nlmsghdr *message)
{
        const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);

        switch (header->nfgen_family) {
        case NFPROTO_INET:
                return "inet";
        case NFPROTO_IPV4:
                return "ip";
        case NFPROTO_IPV6:
                return "ip6";
        default:
                return "other";
        }
}

static int look(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        _cleanup_(rule_freep) struct nftnl_rule *rule = NULL;
        struct search *search = data;
        bool found = false;

        if (streq(message_text(message, NFTA_RULE_TABLE), FBN_NAT_TABLE))
                return 0;
        rule = nftnl_rule_alloc();
        if (!rule)
                return fail_memory(c);
        nftnl_rule_nlmsg_parse(message, rule); /* it stops at an expression that libnftnl does not know; fib it knows */
        nftnl_expr_foreach(rule, is_reverse_path, &found);
        if (!found)
                return 0;
        text_add(&search->where, "%stable %s %s, chain %s", search->count++ ? "; " : "", family_name(message),
                 message_text(message, NFTA_RULE_TABLE), message_text(message, NFTA_RULE_CHAIN));
        return 0;
}

static void restart(void *data)
{
        struct search *search = data;

        text_free(&search->where);
        search->count = 0;
}

int fbn_nat_reverse_path(fbn_context *c, char **ret_where)
{
        _cleanup_(restart) struct search search = {0};
        char buffer[NETLINK_MESSAGE];
        struct nlmsghdr *request = message_new(buffer, NFT_MSG_GETRULE);
        struct nfgenmsg *header = mnl_nlmsg_get_payload(request);
        struct netlink *netlink;
        int r;

        header->nfgen_family = NFPROTO_UNSPEC; /* of all families */
        r = netlink_get(c, NETLINK_NETFILTER, &netlink);
        if (r == 0)
                r = netlink_dump(c, netlink, request, look, restart, &search);
        if (r < 0)
                return r;
        text_append(&search.where, "", 0);
        if (search.where.failed)
                return fail_memory(c);
        *ret_where = TAKE_PTR(search.where.bytes);
        return search.count;
}
