/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>

/* begin and end of a batch carry the subsystem where others have a resource. Source: nfnetlink_rcv_batch() in
 * net/netfilter/nfnetlink.c; with the generation, the kernel refuses the batch (ERESTART) if the ruleset changed since. */
static struct nlmsghdr *bracket_begin(struct netlink_batch *batch, uint16_t type)
{
        struct nlmsghdr *message = netlink_batch_begin(batch, type, 0);
        struct nfgenmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

        header->nfgen_family = AF_UNSPEC;
        header->version = NFNETLINK_V0;
        header->res_id = htons(NFNL_SUBSYS_NFTABLES);
        return message;
}

void transaction_begin(struct netlink_batch *batch, const uint32_t *generation)
{
        struct nlmsghdr *message = bracket_begin(batch, NFNL_MSG_BATCH_BEGIN);

        if (generation)
                mnl_attr_put_u32(message, NFNL_BATCH_GENID, htonl(*generation));
        netlink_batch_end(batch, message);
}

void transaction_end(struct netlink_batch *batch)
{
        netlink_batch_end(batch, bracket_begin(batch, NFNL_MSG_BATCH_END));
}

static void put_table(struct netlink_batch *batch, uint16_t type, uint16_t flags)
{
        struct nlmsghdr *message = message_begin(batch, type, type == NFT_MSG_NEWTABLE ? (uint16_t)(NLM_F_CREATE | flags) : 0);
        struct userdata userdata;

        mnl_attr_put_strz(message, NFTA_TABLE_NAME, FBN_NAT_TABLE);
        if (type == NFT_MSG_NEWTABLE) {
                mnl_attr_put_u32(message, NFTA_TABLE_FLAGS, 0);
                table_mark(&userdata);
                mnl_attr_put(message, NFTA_TABLE_USERDATA, userdata.length, userdata.bytes);
        }
        netlink_batch_end(batch, message);
}

static void put_shape(struct nlmsghdr *message, const struct chain_shape *shape)
{
        struct nlattr *hook = mnl_attr_nest_start(message, NFTA_CHAIN_HOOK);

        mnl_attr_put_u32(message, NFTA_HOOK_HOOKNUM, htonl(shape->hook));
        mnl_attr_put_u32(message, NFTA_HOOK_PRIORITY, htonl((uint32_t)shape->priority));
        mnl_attr_nest_end(message, hook);
        mnl_attr_put_strz(message, NFTA_CHAIN_TYPE, shape->type);
        mnl_attr_put_u32(message, NFTA_CHAIN_POLICY, htonl(NF_ACCEPT));
}

/* Deleting a chain deletes its rules. */
static void put_chain(struct netlink_batch *batch, uint16_t type, enum chain chain)
{
        struct nlmsghdr *message = message_begin(batch, type, type == NFT_MSG_NEWCHAIN ? NLM_F_CREATE | NLM_F_EXCL : 0);

        mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, FBN_NAT_TABLE);
        mnl_attr_put_strz(message, NFTA_CHAIN_NAME, chain_shapes[chain].name);
        if (type == NFT_MSG_NEWCHAIN)
                put_shape(message, &chain_shapes[chain]);
        netlink_batch_end(batch, message);
}

static void put_rule(struct netlink_batch *batch, uint16_t flags, const struct kernel_rule *rule)
{
        struct nlmsghdr *message = message_begin(batch, NFT_MSG_NEWRULE, flags);

        nftnl_rule_nlmsg_build_payload(message, rule->nftnl);
        netlink_batch_end(batch, message);
}

static void append_rule(struct netlink_batch *batch, const struct kernel_rule *rule)
{
        put_rule(batch, NLM_F_CREATE | NLM_F_APPEND, rule);
}

/* Without NLM_F_APPEND a position is the rule to come before. */
static void insert_rule(struct netlink_batch *batch, const struct kernel_rule *rule, uint64_t before)
{
        nftnl_rule_set_u64(rule->nftnl, NFTNL_RULE_POSITION, before);
        put_rule(batch, NLM_F_CREATE, rule);
        nftnl_rule_unset(rule->nftnl, NFTNL_RULE_POSITION);
}

static void replace_rule(struct netlink_batch *batch, const struct kernel_rule *rule, uint64_t handle)
{
        nftnl_rule_set_u64(rule->nftnl, NFTNL_RULE_HANDLE, handle);
        put_rule(batch, NLM_F_REPLACE, rule);
        nftnl_rule_unset(rule->nftnl, NFTNL_RULE_HANDLE);
}

static void delete_rule(struct netlink_batch *batch, enum chain chain, uint64_t handle)
{
        struct nlmsghdr *message = message_begin(batch, NFT_MSG_DELRULE, 0);

        mnl_attr_put_strz(message, NFTA_RULE_TABLE, FBN_NAT_TABLE);
        mnl_attr_put_strz(message, NFTA_RULE_CHAIN, chain_shapes[chain].name);
        mnl_attr_put_u64(message, NFTA_RULE_HANDLE, htobe64(handle));
        netlink_batch_end(batch, message);
}

/* Walk both lists from one kept rule to the next: between them, what stands is replaced one by one as long as there is something to
 * replace it with, the rest is inserted before the next kept rule or deleted. */
static void put_rules(struct netlink_batch *batch, enum chain chain, const struct kernel_rules *want, const struct kernel_rules *have)
{
        size_t at = 0;

        for (size_t i = 0; i < want->count; i++) {
                const struct kernel_rule *rule = &want->items[i];

                if (rule->kept) {
                        for (; &have->items[at] != rule->same; at++)
                                delete_rule(batch, chain, have->items[at].handle);
                        at++;
                } else if (at == have->count) {
                        append_rule(batch, rule);
                } else if (have->items[at].kept) {
                        insert_rule(batch, rule, have->items[at].handle);
                } else {
                        replace_rule(batch, rule, have->items[at++].handle);
                }
        }
        for (; at < have->count; at++)
                delete_rule(batch, chain, have->items[at].handle);
}

static void update_chain(struct netlink_batch *batch, enum chain chain, const struct ruleset *wanted, const struct ruleset *have)
{
        if (wanted->chains[chain].count == 0) {
                if (have->present[chain])
                        put_chain(batch, NFT_MSG_DELCHAIN, chain);
                return;
        }
        if (!have->present[chain])
                put_chain(batch, NFT_MSG_NEWCHAIN, chain);
        put_rules(batch, chain, &wanted->chains[chain], &have->chains[chain]);
}

static bool is_empty(const struct ruleset *ruleset)
{
        for (size_t chain = 0; chain < CHAIN_COUNT; chain++)
                if (ruleset->chains[chain].count)
                        return false;
        return ruleset->sets.count == 0;
}

/* Take away all chains of the table, which may jump to each other, and leave its sets. */
static void clear_chains(struct netlink_batch *batch, const struct ruleset *have)
{
        struct nlmsghdr *message = message_begin(batch, NFT_MSG_DELRULE, 0);

        mnl_attr_put_strz(message, NFTA_RULE_TABLE, FBN_NAT_TABLE);
        netlink_batch_end(batch, message);
        for (size_t i = 0; i < have->n_chain_names; i++) {
                message = message_begin(batch, NFT_MSG_DELCHAIN, 0);
                mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, FBN_NAT_TABLE);
                mnl_attr_put_strz(message, NFTA_CHAIN_NAME, have->chain_names[i]);
                netlink_batch_end(batch, message);
        }
}

bool transaction_wakes(const struct ruleset *wanted, const struct ruleset *have)
{
        return have->dormant && !have->owned && !is_empty(wanted);
}

void transaction_build_waking(struct netlink_batch *batch)
{
        transaction_begin(batch, NULL);
        put_table(batch, NFT_MSG_NEWTABLE, 0);
        transaction_end(batch);
}

void transaction_build(struct netlink_batch *batch, const struct ruleset *wanted, const struct ruleset *have)
{
        static const struct ruleset nothing;
        bool empty = is_empty(wanted), anew;

        transaction_begin(batch, &have->generation);
        if (have->exists && (have->owned || empty)) {
                put_table(batch, NFT_MSG_DELTABLE, 0);
                have = &nothing;
        }
        if (!have->exists && !empty)
                put_table(batch, NFT_MSG_NEWTABLE, NLM_F_EXCL);
        anew = have->bent || have->reshaped;
        if (anew)
                clear_chains(batch, have);
        flowtable_put_new(batch, wanted, have);
        sets_put_new(batch, wanted, have);
        for (size_t chain = 0; chain < CHAIN_COUNT; chain++)
                update_chain(batch, (enum chain)chain, wanted, anew ? &nothing : have);
        sets_put_gone(batch, wanted, have);
        flowtable_put_gone(batch, wanted, have);
        transaction_end(batch);
}
