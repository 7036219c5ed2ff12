/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/watch.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>

/* The kernel tells what a transaction did, message by message, and at its end who it was: NFT_MSG_NEWGEN with a generation, a process
 * and its name. Until then all waits. Source: net/netfilter/nf_tables_api.c, nft_commit_notify(), nf_tables_gen_notify(). */

static void release(fbn_monitor *monitor)
{
        struct nat_monitor *mine = (struct nat_monitor *)monitor;

        follow_release(monitor);
        memory_free(mine->waiting);
        memory_free(mine->sets);
        memory_free(mine->by);
}

static bool is_ours(const char *table, uint8_t family)
{
        return table && family == NFPROTO_INET && streq(table, OUR_TABLE);
}

static uint64_t count_nested(const struct nlattr *nest)
{
        const char *end = (const char *)nest + nest->nla_len;
        const struct nlattr *attribute = mnl_attr_get_payload(nest);
        uint64_t count = 0;

        for (; mnl_attr_ok(attribute, (int)(end - (const char *)attribute)); attribute = mnl_attr_next(attribute))
                count++;
        return count;
}

/* The set's count in this transaction; NULL without memory. */
static struct set_count *count_of(struct nat_monitor *mine, uint8_t family, const char *table, const char *set)
{
        struct set_count *count;

        for (size_t i = 0; i < mine->n_sets; i++)
                if (mine->sets[i].family == family && streq(mine->sets[i].table, table) && streq(mine->sets[i].set, set))
                        return &mine->sets[i];
        if (!ARRAY_RESERVE(mine->sets, mine->n_sets, mine->sets_capacity))
                return NULL;
        count = &mine->sets[mine->n_sets++];
        *count = (struct set_count){.family = family};
        snprintf(count->table, sizeof(count->table), "%s", table);
        snprintf(count->set, sizeof(count->set), "%s", set);
        return count;
}

/* Elements come by the hundred thousand: they are counted, set by set. */
static int count_elements(fbn_context *c, struct nat_monitor *mine, const struct nlmsghdr *message, bool added)
{
        const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *table[NFTA_SET_ELEM_LIST_ELEMENTS + 1];
        const char *table_name, *set_name;
        struct set_count *count;

        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        table_name = netlink_string(table[NFTA_SET_ELEM_LIST_TABLE]);
        set_name = netlink_string(table[NFTA_SET_ELEM_LIST_SET]);
        if (!table_name || !set_name || !table[NFTA_SET_ELEM_LIST_ELEMENTS] || (!mine->all && !is_ours(table_name, header->nfgen_family)))
                return 0;
        count = count_of(mine, header->nfgen_family, table_name, set_name);
        if (!count)
                return fail_memory(c);
        *(added ? &count->added : &count->removed) += count_nested(table[NFTA_SET_ELEM_LIST_ELEMENTS]);
        return 0;
}

static int keep_waiting(fbn_context *c, struct nat_monitor *mine, const struct nlmsghdr *message)
{
        size_t length = MNL_ALIGN(message->nlmsg_len);

        if (mine->waiting_capacity - mine->waiting_length < length) {
                size_t capacity = MAX(mine->waiting_capacity * 2, mine->waiting_length + length);
                char *bytes = memory_realloc(mine->waiting, capacity);

                if (!bytes)
                        return fail_memory(c);
                mine->waiting = bytes;
                mine->waiting_capacity = capacity;
        }
        memcpy(mine->waiting + mine->waiting_length, message, message->nlmsg_len);
        mine->waiting_length += length;
        return 0;
}

static int tell_elements(fbn_context *c, struct nat_monitor *mine)
{
        int r = 0;

        for (size_t i = 0; i < mine->n_sets && r == 0; i++) {
                const struct set_count *count = &mine->sets[i];
                char object[2 * NFT_NAME_MAXLEN + 64], text[64];

                snprintf(object, sizeof(object), "%s %s: set %s", family_word(count->family), count->table, count->set);
                snprintf(text, sizeof(text), "%llu added, %llu removed", (unsigned long long)count->added, (unsigned long long)count->removed);
                r = nat_tell(c, mine, &(fbn_event){.kind = FBN_EVENT_CHANGED, .type = "set", .object = object, .field = "elements", .after = text});
        }
        mine->n_sets = 0;
        return r;
}

static int apply_waiting(fbn_context *c, struct nat_monitor *mine)
{
        const struct nlmsghdr *message = (const struct nlmsghdr *)mine->waiting;
        int left = (int)mine->waiting_length, r = 0;

        for (; r == 0 && left > 0 && mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
                for (size_t i = 0; i < mine->follow.count && r == 0; i++)
                        r = mirror_apply(c, &mine->follow.mirrors[i], message);
        mine->waiting_length = 0;
        return r;
}

static int end_transaction(fbn_context *c, struct nat_monitor *mine, const struct nlmsghdr *message)
{
        const struct nlattr *table[NFTA_GEN_PROC_NAME + 1];
        const char *name;
        int r;

        netlink_attributes(message, sizeof(struct nfgenmsg), table, ARRAY_SIZE(table));
        name = netlink_string(table[NFTA_GEN_PROC_NAME]);
        mine->pid = ntohl(netlink_u32(table[NFTA_GEN_PROC_PID]));
        mine->by = name ? memory_strdup(name) : NULL;
        r = name && !mine->by ? fail_memory(c) : apply_waiting(c, mine);
        if (r == 0)
                r = tell_elements(c, mine);
        memory_free(TAKE_PTR(mine->by));
        mine->pid = 0;
        return r;
}

/* Sees each notification; what it keeps, the mirrors get at the transaction's end. */
static int notice(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        struct nat_monitor *mine = data;
        int r = 0;

        if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg))
                return 1;
        switch (message->nlmsg_type & 0xff) {
        case NFT_MSG_NEWGEN:
                r = end_transaction(c, mine, message);
                break;
        case NFT_MSG_NEWSETELEM:
        case NFT_MSG_DELSETELEM:
                r = count_elements(c, mine, message, (message->nlmsg_type & 0xff) == NFT_MSG_NEWSETELEM);
                break;
        case NFT_MSG_NEWTABLE:
        case NFT_MSG_DELTABLE:
        case NFT_MSG_NEWCHAIN:
        case NFT_MSG_DELCHAIN:
        case NFT_MSG_NEWRULE:
        case NFT_MSG_DELRULE:
        case NFT_MSG_NEWSET:
        case NFT_MSG_DELSET:
                r = keep_waiting(c, mine, message);
                break;
        default:
                break;
        }
        return r < 0 ? r : 1;
}

/* What waits belongs to before: the mirrors are read anew. */
static int settle(fbn_context *c, struct follow *follow)
{
        struct nat_monitor *mine = (struct nat_monitor *)follow;

        (void)c;
        mine->waiting_length = mine->n_sets = 0;
        return 0;
}

static int setup(fbn_context *c, struct nat_monitor *mine, const fbn_nat_monitor_options *given)
{
        fbn_nat_monitor_options options;
        int r = OPTIONS_READ(c, fbn_nat_monitor_options, given, &options);

        if (r < 0)
                return r;
        mine->all = options.all;
        mine->follow.noticed = notice;
        mine->follow.settle = settle;
        netlink_buffer(mine->follow.netlink, options.buffer_bytes);
        r = follow_group(c, &mine->follow, NFNLGRP_NFTABLES);
        for (size_t i = 0; i < N_NAT_MIRRORS; i++)
                follow_kind(&mine->follow, &nat_mirrors[i], AF_UNSPEC, nat_changed);
        return r < 0 ? r : follow_start(c, &mine->follow, options.existing);
}

int fbn_nat_monitor_new(fbn_context *c, const fbn_nat_monitor_options *options, fbn_monitor **ret_monitor)
{
        static const struct monitor_class class = {follow_process, release};
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        struct nat_monitor *mine = memory_alloc(sizeof(*mine));
        int r;

        if (!mine)
                return fail_memory(c);
        monitor = &mine->follow.monitor;
        r = follow_begin(c, &mine->follow, &class, NETLINK_NETFILTER);
        if (r == 0)
                r = setup(c, mine, options);
        if (r < 0)
                return r;
        *ret_monitor = TAKE_PTR(monitor);
        return 0;
}
