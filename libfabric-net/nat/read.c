/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <poll.h>

#define READ_TRIES 8
#define PAUSE_MS 1 /* twice as long each time */

static void table_freep(struct nftnl_table **table)
{
        if (*table)
                nftnl_table_free(*table);
}

static void chain_freep(struct nftnl_chain **chain)
{
        if (*chain)
                nftnl_chain_free(*chain);
}

static void rule_freep(struct nftnl_rule **rule)
{
        if (*rule)
                nftnl_rule_free(*rule);
}

static int fail_foreign(fbn_context *c, const char *what)
{
        return fail(c, FBN_EPROTOCOL, "libnftnl does not understand how this kernel describes our %s", what);
}

static int read_generation_message(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        (void)c;
        *(uint32_t *)data = message_generation(message);
        return 0;
}

int generation_read(fbn_context *c, struct netlink *netlink, uint32_t *ret_generation)
{
        char buffer[NETLINK_MESSAGE];
        int r;

        r = netlink_request(c, netlink, message_new(buffer, NFT_MSG_GETGEN), read_generation_message, ret_generation);
        /* nfnetlink without nf_tables knows no such subsystem. Source: nfnetlink_rcv_msg() in net/netfilter/nfnetlink.c. */
        if (r == -FBN_ESYSTEM && c->error.os_errno == EINVAL)
                return fail(c, FBN_EUNSUPPORTED, "this kernel has no nftables (module nf_tables)");
        return r;
}

static int read_table_message(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        _cleanup_(table_freep) struct nftnl_table *table = nftnl_table_alloc();
        struct ruleset *ruleset = data;
        const void *userdata;
        uint32_t length = 0, flags;

        if (!table)
                return fail_memory(c);
        if (nftnl_table_nlmsg_parse(message, table) < 0)
                return fail_foreign(c, "table");
        userdata = nftnl_table_get_data(table, NFTNL_TABLE_USERDATA, &length);
        ruleset->exists = true;
        ruleset->ours = userdata && table_is_marked(userdata, length);
        flags = nftnl_table_get_u32(table, NFTNL_TABLE_FLAGS);
        ruleset->bent = flags != 0;
        ruleset->dormant = flags & NFT_TABLE_F_DORMANT;
        ruleset->owned = flags & ~(uint32_t)NFT_TABLE_F_DORMANT;
        return 0;
}

static int read_table(fbn_context *c, struct netlink *netlink, struct ruleset *ruleset)
{
        char buffer[NETLINK_MESSAGE];
        struct nlmsghdr *request = message_new(buffer, NFT_MSG_GETTABLE);
        int r;

        mnl_attr_put_strz(request, NFTA_TABLE_NAME, FBN_NAT_TABLE);
        r = netlink_request(c, netlink, request, read_table_message, ruleset);
        return r == -FBN_ENOENT ? 0 : r;
}

static bool find_chain(const char *name, enum chain *ret_chain)
{
        for (size_t chain = 0; chain < CHAIN_COUNT; chain++)
                if (streq(chain_shapes[chain].name, name)) {
                        *ret_chain = (enum chain)chain;
                        return true;
                }
        return false;
}

static bool has_shape(const struct nftnl_chain *chain, const struct chain_shape *shape)
{
        const char *type = nftnl_chain_get_str(chain, NFTNL_CHAIN_TYPE);

        return type && streq(type, shape->type) && nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM) == shape->hook &&
               nftnl_chain_get_s32(chain, NFTNL_CHAIN_PRIO) == shape->priority &&
               nftnl_chain_get_u32(chain, NFTNL_CHAIN_POLICY) == NF_ACCEPT;
}

/* A dump goes on from a position, and rules of an unfinished transaction have positions, too: those that come or go meanwhile make it repeat or leave out
 * others, with no word of it and, where it was only tried (`nft -c`), with no new generation. Source: __nf_tables_dump_rules() in
 * net/netfilter/nf_tables_api.c. */
static bool is_read(const struct kernel_rules *rules, uint64_t handle)
{
        if (handle > rules->highest)
                return false;
        for (size_t i = 0; i < rules->count; i++)
                if (rules->items[i].handle == handle)
                        return true;
        return false;
}

static int read_chain_message(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        _cleanup_(chain_freep) struct nftnl_chain *read = nftnl_chain_alloc();
        struct ruleset *ruleset = data;
        enum chain chain;

        if (!streq(message_text(message, NFTA_CHAIN_TABLE), FBN_NAT_TABLE))
                return 0;
        if (!read)
                return fail_memory(c);
        if (nftnl_chain_nlmsg_parse(message, read) < 0)
                return fail_foreign(c, "chain");
        if (!ARRAY_RESERVE(ruleset->chain_names, ruleset->n_chain_names, ruleset->chain_names_capacity))
                return fail_memory(c);
        ruleset->chain_names[ruleset->n_chain_names] = arena_strdup(&ruleset->arena, message_text(message, NFTA_CHAIN_NAME));
        if (!ruleset->chain_names[ruleset->n_chain_names++])
                return fail_memory(c);
        if (!find_chain(message_text(message, NFTA_CHAIN_NAME), &chain)) {
                ruleset->bent = true;
                return 0;
        }
        ruleset->present[chain] = has_shape(read, &chain_shapes[chain]);
        ruleset->bent = ruleset->bent || !ruleset->present[chain];
        ruleset->n_rules[chain] = nftnl_chain_get_u32(read, NFTNL_CHAIN_USE);
        return 0;
}

static int add_rule(fbn_context *c, struct ruleset *ruleset, struct kernel_rules *rules, struct nftnl_rule **read)
{
        const uint64_t handle = nftnl_rule_get_u64(*read, NFTNL_RULE_HANDLE);
        struct kernel_rule *rule;
        const void *userdata;
        uint32_t length = 0;

        if (is_read(rules, handle))
                return 0;
        if (!ARRAY_RESERVE(rules->items, rules->count, rules->capacity))
                return fail_memory(c);
        rule = &rules->items[rules->count++];
        *rule = (struct kernel_rule){.nftnl = TAKE_PTR(*read), .handle = handle};
        rules->highest = MAX(rules->highest, handle);
        userdata = nftnl_rule_get_data(rule->nftnl, NFTNL_RULE_USERDATA, &length);
        if (!userdata || length > sizeof(rule->userdata.bytes))
                return 0;
        memcpy(rule->userdata.bytes, userdata, length);
        rule->userdata.length = length;
        return record_decode(&ruleset->arena, userdata, length, &rule->record) < 0 ? fail_memory(c) : 0;
}

static int read_rule_message(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        _cleanup_(rule_freep) struct nftnl_rule *read = nftnl_rule_alloc();
        struct ruleset *ruleset = data;
        enum chain chain;

        if (!streq(message_text(message, NFTA_RULE_TABLE), FBN_NAT_TABLE) || !find_chain(message_text(message, NFTA_RULE_CHAIN), &chain))
                return 0;
        if (!read)
                return fail_memory(c);
        /* It fails on expressions that libnftnl does not know, after it has read the handle: such a rule is not ours. */
        nftnl_rule_nlmsg_parse(message, read);
        return add_rule(c, ruleset, &ruleset->chains[chain], &read);
}

static void restart_chains(void *data)
{
        struct ruleset *ruleset = data;

        memset(ruleset->present, 0, sizeof(ruleset->present));
        memset(ruleset->n_rules, 0, sizeof(ruleset->n_rules));
        ruleset->n_chain_names = 0;
}

static void restart_rules(void *data)
{
        struct ruleset *ruleset = data;

        for (size_t chain = 0; chain < CHAIN_COUNT; chain++)
                kernel_rules_free(&ruleset->chains[chain]);
}

/* A chain of ours is nobody's target, so what uses it are its rules. Source: nf_tables_newrule(). */
static bool is_complete(const struct ruleset *ruleset)
{
        for (size_t chain = 0; chain < CHAIN_COUNT; chain++)
                if (ruleset->chains[chain].count != ruleset->n_rules[chain])
                        return false;
        return true;
}

static int read_all(fbn_context *c, struct netlink *netlink, struct ruleset *ruleset)
{
        char buffer[NETLINK_MESSAGE];
        struct nlmsghdr *request;
        int r;

        r = read_table(c, netlink, ruleset);
        if (r < 0 || !ruleset->exists)
                return r;
        r = netlink_dump(c, netlink, message_new(buffer, NFT_MSG_GETCHAIN), read_chain_message, restart_chains, ruleset);
        if (r < 0)
                return r;
        r = sets_read(c, netlink, ruleset);
        if (r == 0)
                r = flowtable_read(c, netlink, ruleset);
        if (r < 0)
                return r;
        request = message_new(buffer, NFT_MSG_GETRULE);
        mnl_attr_put_strz(request, NFTA_RULE_TABLE, FBN_NAT_TABLE); /* older kernels ignore it and send all: read_rule_message() sorts out */
        r = netlink_dump(c, netlink, request, read_rule_message, restart_rules, ruleset);
        return r == 0 && !is_complete(ruleset) ? -FBN_EINTERRUPTED : r;
}

int ruleset_read(fbn_context *c, struct netlink *netlink, struct ruleset *ret_ruleset)
{
        for (unsigned i = 0; i < READ_TRIES; i++) {
                _cleanup_(ruleset_free) struct ruleset ruleset = {0};
                uint32_t after;
                int r;

                if (i > 0)
                        poll(NULL, 0, PAUSE_MS << i);
                r = generation_read(c, netlink, &ruleset.generation);
                if (r == 0)
                        r = read_all(c, netlink, &ruleset);
                if (r == 0)
                        r = generation_read(c, netlink, &after);
                if (r < 0 && r != -FBN_EINTERRUPTED)
                        return r;
                if (r == 0 && after == ruleset.generation) {
                        *ret_ruleset = ruleset;
                        ruleset = (struct ruleset){0};
                        return 0;
                }
        }
        return fail(c, FBN_EINTERRUPTED, "somebody changed the ruleset during each of %d reads; try again", READ_TRIES);
}
