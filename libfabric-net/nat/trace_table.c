/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/builder.h"
#include "nat/trace.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>

#ifndef NFT_TABLE_F_OWNER /* of Linux 5.12: the table is its maker's socket's */
#define NFT_TABLE_F_OWNER 0x2
#endif
#define NFTA_TABLE_OWNER_NUMBER 6 /* enum nft_table_attributes */
#define FIRST (-350) /* after fragments are put together, before everybody's raw */
#define LAST 500
#define RATE 100

static const struct hook {
        const char *name;
        uint32_t number;
} hooks[] = {
        {"prerouting", NF_INET_PRE_ROUTING}, {"input", NF_INET_LOCAL_IN},           {"forward", NF_INET_FORWARD},
        {"output", NF_INET_LOCAL_OUT},       {"postrouting", NF_INET_POST_ROUTING},
};

static void put_table(struct netlink_batch *batch, uint16_t type)
{
        struct nlmsghdr *message = message_begin(batch, type, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE | NLM_F_EXCL : 0);
        struct userdata userdata;

        mnl_attr_put_strz(message, NFTA_TABLE_NAME, FBN_NAT_TRACE_TABLE);
        if (type == NFT_MSG_NEWTABLE) {
                mnl_attr_put_u32(message, NFTA_TABLE_FLAGS, htonl(NFT_TABLE_F_OWNER));
                userdata_mark(&userdata);
                mnl_attr_put(message, NFTA_TABLE_USERDATA, userdata.length, userdata.bytes);
        }
        netlink_batch_end(batch, message);
}

static void put_chain(struct netlink_batch *batch, const struct hook *hook, const char *ending, int32_t priority)
{
        struct nlmsghdr *message = message_begin(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
        struct nlattr *nest;
        char name[32];

        snprintf(name, sizeof(name), "%s%s", hook->name, ending);
        mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, FBN_NAT_TRACE_TABLE);
        mnl_attr_put_strz(message, NFTA_CHAIN_NAME, name);
        nest = mnl_attr_nest_start(message, NFTA_CHAIN_HOOK);
        mnl_attr_put_u32(message, NFTA_HOOK_HOOKNUM, htonl(hook->number));
        mnl_attr_put_u32(message, NFTA_HOOK_PRIORITY, htonl((uint32_t)priority));
        mnl_attr_nest_end(message, nest);
        mnl_attr_put_strz(message, NFTA_CHAIN_TYPE, "filter");
        mnl_attr_put_u32(message, NFTA_CHAIN_POLICY, htonl(NF_ACCEPT));
        netlink_batch_end(batch, message);
}

static void set_trace(struct builder *builder)
{
        static const uint8_t one = 1;

        load_value(builder, NFT_REG_1, &one, sizeof(one));
        begin(builder, "meta");
        set_u32(builder, NFTNL_EXPR_META_KEY, NFT_META_NFTRACE);
        set_u32(builder, NFTNL_EXPR_META_SREG, NFT_REG_1);
}

static int put_rule(fbn_context *c, struct netlink_batch *batch, const char *chain, const fbn_nat_rule *record)
{
        struct builder builder = {.rule = nftnl_rule_alloc()};

        if (!builder.rule)
                return fail_memory(c);
        nftnl_rule_set_u32(builder.rule, NFTNL_RULE_FAMILY, NFPROTO_INET);
        if (nftnl_rule_set_str(builder.rule, NFTNL_RULE_TABLE, FBN_NAT_TRACE_TABLE) < 0 || nftnl_rule_set_str(builder.rule, NFTNL_RULE_CHAIN, chain) < 0)
                builder.failed = true;
        match(&builder, record, CHAIN_FORWARD);
        set_trace(&builder);
        if (!builder.failed) {
                struct nlmsghdr *message = message_begin(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);

                nftnl_rule_nlmsg_build_payload(message, builder.rule);
                netlink_batch_end(batch, message);
        }
        nftnl_rule_free(builder.rule);
        return builder.failed ? fail_memory(c) : 0;
}

struct standing {
        bool there, ours, owned;
};

static int read_table(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        const struct nlattr *userdata = message_attribute(message, NFTA_TABLE_USERDATA);
        struct standing *standing = data;

        (void)c;
        standing->there = true;
        standing->owned = message_attribute(message, NFTA_TABLE_OWNER_NUMBER) != NULL;
        standing->ours = userdata && table_is_marked(mnl_attr_get_payload(userdata), mnl_attr_get_payload_len(userdata));
        return 0;
}

/* One that is nobody's any more was left over by a trace that died on a kernel that does not clean up. */
static int look(fbn_context *c, struct netlink *netlink, struct standing *standing)
{
        _Alignas(8) char bytes[NETLINK_MESSAGE];
        struct error_record before = c->error;
        struct nlmsghdr *message = message_new(bytes, NFT_MSG_GETTABLE);
        int r;

        mnl_attr_put_strz(message, NFTA_TABLE_NAME, FBN_NAT_TRACE_TABLE);
        r = netlink_request(c, netlink, message, read_table, standing);
        if (r == -FBN_ENOENT) {
                c->error = before;
                return 0;
        }
        if (r < 0)
                return r;
        if (standing->owned)
                return fail(c, FBN_EEXIST, "another trace is running in this network namespace");
        if (standing->there && !standing->ours)
                return fail(c, FBN_ECONFLICT, "the table 'inet " FBN_NAT_TRACE_TABLE "' is somebody else's: it does not carry our mark; remove it");
        return 0;
}

static int refused(fbn_context *c, const struct nlmsghdr *message, const struct nlmsghdr *answer, void *data)
{
        int os_errno = -((const struct nlmsgerr *)mnl_nlmsg_get_payload(answer))->error;

        (void)data;
        if (NFNL_MSG_TYPE(message->nlmsg_type) == NFT_MSG_NEWTABLE && (os_errno == EINVAL || os_errno == EOPNOTSUPP))
                return fail(c, FBN_EUNSUPPORTED, "this kernel has no tables that go with their maker, which a trace needs: Linux 5.12");
        return netlink_fail(c, os_errno, netlink_extended_ack(answer));
}

static int put_all(fbn_context *c, struct netlink_batch *batch, const fbn_nat_rule *record, bool left_over)
{
        int r;

        transaction_begin(batch, NULL);
        if (left_over)
                put_table(batch, NFT_MSG_DELTABLE);
        put_table(batch, NFT_MSG_NEWTABLE);
        for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
                put_chain(batch, &hooks[i], "", FIRST);
                put_chain(batch, &hooks[i], TRACE_END, LAST);
        }
        r = put_rule(c, batch, "prerouting", record);
        if (r == 0 && !record->in_device)
                r = put_rule(c, batch, "output", record);
        transaction_end(batch);
        return r;
}

int trace_table_make(fbn_context *c, struct netlink *owner, const fbn_nat_trace_options *options)
{
        _cleanup_(netlink_batch_free) struct netlink_batch batch = {0};
        fbn_nat_rule record = {.size = sizeof(record), .kind = FBN_NAT_ACCEPT, .name = "trace", .protocol = options->protocol,
                               .source_port = options->source_port, .destination_port = options->destination_port, .in_device = options->in_device,
                               .rate = options->rate ? options->rate : RATE};
        struct standing standing = {0};
        int r;

        record.burst = record.rate;
        if (options->source.address.family) {
                record.sources = &options->source;
                record.n_sources = 1;
        }
        if (options->destination.address.family) {
                record.destinations = &options->destination;
                record.n_destinations = 1;
        }
        r = rule_validate(c, &record);
        if (r == 0)
                r = look(c, owner, &standing);
        if (r == 0)
                r = put_all(c, &batch, &record, standing.there);
        if (r == 0)
                r = transaction_exchange(c, owner, &batch, refused, NULL);
        return fail_in(c, r, "trace");
}
