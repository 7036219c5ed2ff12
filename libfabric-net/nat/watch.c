/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/watch.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>

#define TYPE(message) (NFNL_SUBSYS_NFTABLES << 8 | (message))
#define BIT(attribute) (UINT64_C(1) << (attribute))
#define ALL_BUT(kept) (~(kept)) /* what else a kernel tells is counters, uses, positions */

/* The numbers are those of all four kinds of objects: a name of its table first, a handle. */
static const struct {
        const char *word;
        uint16_t table, name, handle;
} words[N_NAT_MIRRORS] = {
        {"table", NFTA_TABLE_NAME, NFTA_TABLE_NAME, NFTA_TABLE_HANDLE},
        {"chain", NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, NFTA_CHAIN_HANDLE},
        {"rule", NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_HANDLE},
        {"set", NFTA_SET_TABLE, NFTA_SET_NAME, NFTA_SET_HANDLE},
};

#define ATTRIBUTES 32

static size_t index_of(const struct mirror_kind *kind)
{
        return (size_t)(kind - nat_mirrors);
}

static uint64_t hash_name(const char *name)
{
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (; *name; name++)
                hash = (hash ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
        return hash;
}

/* A handle is its object's alone as long as the table is there. Sets without a name are parts of rules. */
static size_t key_of(const struct nlmsghdr *message, const struct mirror *mirror, uint8_t *key)
{
        const struct nat_monitor *mine = mirror->data;
        const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *table[ATTRIBUTES];
        size_t i = index_of(mirror->kind);
        const char *name;
        uint64_t hash;

        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        name = netlink_string(table[words[i].table]);
        if (!name || !table[words[i].handle] || mnl_attr_get_payload_len(table[words[i].handle]) < 8 ||
            (!mine->all && (header->nfgen_family != NFPROTO_INET || !streq(name, OUR_TABLE))))
                return 0;
        hash = hash_name(name);
        key[0] = header->nfgen_family;
        memcpy(key + 1, &hash, sizeof(hash));
        memcpy(key + 9, mnl_attr_get_payload(table[words[i].handle]), 8);
        return 17;
}

/* The generation is in the header of each message. */
static void clean(struct nlmsghdr *message)
{
        ((struct nfgenmsg *)mnl_nlmsg_get_payload(message))->res_id = 0;
}

static void ask(struct nlmsghdr *request, const struct mirror *mirror, bool strict)
{
        static const uint16_t types[N_NAT_MIRRORS] = {NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN, NFT_MSG_GETRULE, NFT_MSG_GETSET};
        struct nfgenmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

        (void)strict;
        request->nlmsg_type = TYPE(types[index_of(mirror->kind)]);
        *header = (struct nfgenmsg){.nfgen_family = NFPROTO_UNSPEC, .version = NFNETLINK_V0};
}

#define MIRROR(what, kept)                                                                                                                \
        {.bus = NETLINK_NETFILTER, .added = TYPE(NFT_MSG_NEW##what), .removed = TYPE(NFT_MSG_DEL##what), .header = sizeof(struct nfgenmsg), \
         .passing = ALL_BUT(kept), .key = key_of, .clean = clean, .ask = ask}

const struct mirror_kind nat_mirrors[N_NAT_MIRRORS] = {
        MIRROR(TABLE, BIT(NFTA_TABLE_NAME) | BIT(NFTA_TABLE_HANDLE) | BIT(NFTA_TABLE_FLAGS)),
        MIRROR(CHAIN, BIT(NFTA_CHAIN_TABLE) | BIT(NFTA_CHAIN_NAME) | BIT(NFTA_CHAIN_HANDLE) | BIT(NFTA_CHAIN_POLICY)),
        MIRROR(RULE, BIT(NFTA_RULE_TABLE) | BIT(NFTA_RULE_CHAIN) | BIT(NFTA_RULE_HANDLE) | BIT(NFTA_RULE_USERDATA)),
        MIRROR(SET, BIT(NFTA_SET_TABLE) | BIT(NFTA_SET_NAME) | BIT(NFTA_SET_HANDLE) | BIT(NFTA_SET_FLAGS)),
};

const char *family_word(uint8_t family)
{
        switch (family) {
        case NFPROTO_INET:
                return "inet";
        case NFPROTO_IPV4:
                return "ip";
        case NFPROTO_IPV6:
                return "ip6";
        case NFPROTO_ARP:
                return "arp";
        case NFPROTO_BRIDGE:
                return "bridge";
        default:
                return "netdev";
        }
}

int nat_tell(fbn_context *c, struct nat_monitor *mine, const fbn_event *event)
{
        fbn_event told = *event;

        told.by = mine->by;
        told.pid = mine->pid;
        return monitor_add(c, &mine->follow.monitor, &told);
}

/* "rule 'web' in forward", or by its handle where it is not one of ours. */
static int name_rule(fbn_context *c, const struct nlattr *const *table, char *text, size_t size)
{
        _cleanup_(arena_free) struct arena arena = {0};
        const struct nlattr *userdata = table[NFTA_RULE_USERDATA];
        const char *chain = netlink_string(table[NFTA_RULE_CHAIN]);
        fbn_nat_rule record = {0};
        uint64_t handle;

        if (userdata && record_decode(&arena, mnl_attr_get_payload(userdata), mnl_attr_get_payload_len(userdata), &record) < 0)
                return fail_memory(c);
        memcpy(&handle, mnl_attr_get_payload(table[NFTA_RULE_HANDLE]), sizeof(handle));
        if (record.name)
                snprintf(text, size, "rule '%s' in %s", record.name, chain ? chain : "");
        else
                snprintf(text, size, "rule %llu in %s", (unsigned long long)__builtin_bswap64(handle), chain ? chain : "");
        return 0;
}

int nat_changed(fbn_context *c, const struct mirror_kind *kind, const struct nlmsghdr *before, const struct nlmsghdr *after, void *data)
{
        struct nat_monitor *mine = data;
        const struct nlmsghdr *message = after ? after : before;
        const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *table[ATTRIBUTES];
        char name[NFT_NAME_MAXLEN + 64] = "", object[2 * NFT_NAME_MAXLEN + 128];
        size_t i = index_of(kind);
        fbn_event event = {.kind = before && after ? FBN_EVENT_CHANGED : after ? FBN_EVENT_ADDED : FBN_EVENT_REMOVED, .type = words[i].word,
                           .object = object};
        const char *of, *called;
        int r = 0;

        if (mine->follow.quiet)
                return 0;
        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        of = netlink_string(table[words[i].table]);
        called = netlink_string(table[words[i].name]);
        if (kind == &nat_mirrors[2])
                r = name_rule(c, table, name, sizeof(name));
        else if (i != 0)
                snprintf(name, sizeof(name), "%s %s", words[i].word, called ? called : "");
        if (r < 0)
                return r;
        snprintf(object, sizeof(object), "%s%s %s%s%s", i ? "" : "table ", family_word(header->nfgen_family), of ? of : "", i ? ": " : "", name);
        return nat_tell(c, mine, &event);
}
