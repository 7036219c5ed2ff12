/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_rpfilter.h>
#include <stdlib.h>

struct fbn_nat_foreigns {
        unsigned references;
        struct arena arena;
        fbn_nat_foreign *items;
        size_t count, capacity;
};

/* A chain of somebody else's. */
struct foreign_chain {
        uint8_t family;
        const char *table, *name;
        size_t place; /* in the kernel's order */
        bool forwards, drops; /* hooked there; with policy drop */
        bool seen;
        uint32_t reverse_paths, dropping;
        size_t jumps; /* the first of its jumps, plus 1; 0: none */
};

struct jump {
        const char *to;
        size_t next; /* as above */
};

struct survey {
        struct arena arena;
        struct foreign_chain *chains;
        struct jump *jumps;
        size_t n_chains, chains_capacity, n_jumps, jumps_capacity;
        struct foreign_chain *at; /* whose rule is being looked at */
        bool no_memory;
};

static void survey_clear(struct survey *survey)
{
        arena_free(&survey->arena);
        memory_free(survey->chains);
        memory_free(survey->jumps);
        *survey = (struct survey){0};
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

static const char *family_name(uint8_t family)
{
        return family == NFPROTO_INET ? "inet" : family == NFPROTO_IPV4 ? "ip" : family == NFPROTO_IPV6 ? "ip6" : NULL;
}

static uint8_t family_of(const struct nlmsghdr *message)
{
        return ((const struct nfgenmsg *)mnl_nlmsg_get_payload(message))->nfgen_family;
}

static bool is_foreign(const struct nlmsghdr *message, uint16_t table)
{
        return family_name(family_of(message)) && !(family_of(message) == NFPROTO_INET && streq(message_text(message, table), FBN_NAT_TABLE));
}

static int take_chain(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        _cleanup_(chain_freep) struct nftnl_chain *read = nftnl_chain_alloc();
        struct survey *survey = data;
        struct foreign_chain *chain;

        if (!is_foreign(message, NFTA_CHAIN_TABLE))
                return 0;
        if (!read || !ARRAY_RESERVE(survey->chains, survey->n_chains, survey->chains_capacity))
                return fail_memory(c);
        nftnl_chain_nlmsg_parse(message, read);
        chain = &survey->chains[survey->n_chains];
        *chain = (struct foreign_chain){
                .family = family_of(message),
                .place = survey->n_chains,
                .table = arena_strdup(&survey->arena, message_text(message, NFTA_CHAIN_TABLE)),
                .name = arena_strdup(&survey->arena, message_text(message, NFTA_CHAIN_NAME)),
                .forwards = nftnl_chain_is_set(read, NFTNL_CHAIN_HOOKNUM) && nftnl_chain_get_u32(read, NFTNL_CHAIN_HOOKNUM) == NF_INET_FORWARD,
                .drops = nftnl_chain_is_set(read, NFTNL_CHAIN_POLICY) && nftnl_chain_get_u32(read, NFTNL_CHAIN_POLICY) == NF_DROP,
        };
        survey->n_chains++;
        return chain->table && chain->name ? 0 : fail_memory(c);
}

static int compare_chains(const void *a, const void *b)
{
        const struct foreign_chain *x = a, *y = b;
        int order = x->family - y->family;

        if (order == 0)
                order = strcmp(x->table, y->table);
        return order ? order : strcmp(x->name, y->name);
}

static struct foreign_chain *find_chain(struct survey *survey, uint8_t family, const char *table, const char *name)
{
        struct foreign_chain wanted = {.family = family, .table = table, .name = name};

        return survey->n_chains ? bsearch(&wanted, survey->chains, survey->n_chains, sizeof(wanted), compare_chains) : NULL;
}

static void take_jump(struct survey *survey, const char *to)
{
        struct jump *jump;

        if (!ARRAY_RESERVE(survey->jumps, survey->n_jumps, survey->jumps_capacity)) {
                survey->no_memory = true;
                return;
        }
        jump = &survey->jumps[survey->n_jumps++];
        *jump = (struct jump){.to = arena_strdup(&survey->arena, to), .next = survey->at->jumps};
        survey->no_memory |= !jump->to;
        survey->at->jumps = survey->n_jumps;
}

static void take_verdict(struct survey *survey, struct nftnl_expr *expression)
{
        uint32_t value;

        if (!nftnl_expr_is_set(expression, NFTNL_EXPR_IMM_VERDICT))
                return;
        value = nftnl_expr_get_u32(expression, NFTNL_EXPR_IMM_VERDICT);
        if (value == NF_DROP)
                survey->at->dropping++;
        if ((value == (uint32_t)NFT_JUMP || value == (uint32_t)NFT_GOTO) && nftnl_expr_is_set(expression, NFTNL_EXPR_IMM_CHAIN))
                take_jump(survey, nftnl_expr_get_str(expression, NFTNL_EXPR_IMM_CHAIN));
}

/* "fib saddr . iif …", with or without the mark: whether the sender would be reached through the link that the packet came by. */
static bool is_reverse_path(const struct nftnl_expr *expression)
{
        uint32_t flags = nftnl_expr_get_u32(expression, NFTNL_EXPR_FIB_FLAGS);

        return (flags & NFTA_FIB_F_SADDR) && (flags & NFTA_FIB_F_IIF);
}

/* The same of iptables-nft, as the NixOS firewall has it by default. */
static bool is_rpfilter_match(const struct nftnl_expr *expression)
{
        const struct xt_rpfilter_info *info;
        uint32_t length = 0;

        if (!streq(nftnl_expr_get_str(expression, NFTNL_EXPR_MT_NAME), "rpfilter"))
                return false;
        info = nftnl_expr_get(expression, NFTNL_EXPR_MT_INFO, &length);
        return info && length >= sizeof(*info) && !(info->flags & XT_RPFILTER_LOOSE);
}

static int take_expression(struct nftnl_expr *expression, void *data)
{
        const char *name = nftnl_expr_get_str(expression, NFTNL_EXPR_NAME);
        struct survey *survey = data;

        if (streq(name, "immediate"))
                take_verdict(survey, expression);
        if (streq(name, "fib"))
                survey->at->reverse_paths += is_reverse_path(expression);
        if (streq(name, "match"))
                survey->at->reverse_paths += is_rpfilter_match(expression);
        if (streq(name, "reject"))
                survey->at->dropping++;
        if (streq(name, "target") && streq(nftnl_expr_get_str(expression, NFTNL_EXPR_TG_NAME), "REJECT")) /* of iptables-nft */
                survey->at->dropping++;
        return 0;
}

static int take_rule(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        _cleanup_(rule_freep) struct nftnl_rule *rule = NULL;
        struct survey *survey = data;

        if (!is_foreign(message, NFTA_RULE_TABLE))
                return 0;
        survey->at = find_chain(survey, family_of(message), message_text(message, NFTA_RULE_TABLE), message_text(message, NFTA_RULE_CHAIN));
        if (!survey->at)
                return 0; /* newer than the chains that we have read */
        rule = nftnl_rule_alloc();
        if (!rule)
                return fail_memory(c);
        nftnl_rule_nlmsg_parse(message, rule); /* it stops at an expression that libnftnl does not know */
        nftnl_expr_foreach(rule, take_expression, survey);
        return survey->no_memory ? fail_memory(c) : 0;
}

static void restart_rules(void *data)
{
        struct survey *survey = data;

        for (size_t i = 0; i < survey->n_chains; i++) {
                struct foreign_chain *chain = &survey->chains[i];

                chain->jumps = 0;
                chain->reverse_paths = chain->dropping = 0;
        }
        survey->n_jumps = 0;
}

static void restart_chains(void *data)
{
        survey_clear(data);
}

static int take_survey(fbn_context *c, struct netlink *netlink, struct survey *survey)
{
        static const uint16_t types[] = {NFT_MSG_GETCHAIN, NFT_MSG_GETRULE};
        char buffer[NETLINK_MESSAGE];
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(types); i++) {
                struct nlmsghdr *request = message_new(buffer, types[i]);
                struct nfgenmsg *header = mnl_nlmsg_get_payload(request);

                header->nfgen_family = NFPROTO_UNSPEC; /* of all families */
                r = netlink_dump(c, netlink, request, i ? take_rule : take_chain, i ? restart_rules : restart_chains, survey);
                if (r == 0 && i == 0 && survey->n_chains)
                        qsort(survey->chains, survey->n_chains, sizeof(*survey->chains), compare_chains);
        }
        return r;
}

/* Rules that drop in a chain and in all that it jumps to, each once. The kernel lets no chain jump to itself, nor deeper than 16. */
static uint32_t count_dropping(struct survey *survey, struct foreign_chain *chain)
{
        uint32_t count = chain->dropping;

        chain->seen = true;
        for (size_t i = chain->jumps; i; i = survey->jumps[i - 1].next) {
                struct foreign_chain *below = find_chain(survey, chain->family, chain->table, survey->jumps[i - 1].to);

                if (below && !below->seen)
                        count += count_dropping(survey, below);
        }
        return count;
}

static int tell(fbn_context *c, fbn_nat_foreigns *foreigns, const struct foreign_chain *chain, fbn_nat_foreign_kind kind, uint32_t rules)
{
        const char *where;

        if (kind != FBN_NAT_FORWARD_POLICY && rules == 0)
                return 0;
        where = arena_printf(&foreigns->arena, "table %s %s, chain %s", family_name(chain->family), chain->table, chain->name);
        if (!where || !ARRAY_RESERVE(foreigns->items, foreigns->count, foreigns->capacity))
                return fail_memory(c);
        foreigns->items[foreigns->count++] = (fbn_nat_foreign){.size = sizeof(fbn_nat_foreign), .kind = kind, .where = where, .rules = rules};
        return 0;
}

static int by_place(const void *a, const void *b)
{
        const struct foreign_chain *x = *(struct foreign_chain *const *)a, *y = *(struct foreign_chain *const *)b;

        return (x->place > y->place) - (x->place < y->place);
}

static int tell_chain(fbn_context *c, struct survey *survey, struct foreign_chain *chain, fbn_nat_foreigns *foreigns)
{
        int r;

        r = tell(c, foreigns, chain, FBN_NAT_REVERSE_PATH, chain->reverse_paths);
        if (r < 0 || !chain->forwards)
                return r;
        if (chain->drops)
                r = tell(c, foreigns, chain, FBN_NAT_FORWARD_POLICY, 0);
        for (size_t i = 0; i < survey->n_chains; i++)
                survey->chains[i].seen = false;
        return r < 0 ? r : tell(c, foreigns, chain, FBN_NAT_FORWARD_RULES, count_dropping(survey, chain));
}

static int tell_all(fbn_context *c, struct survey *survey, fbn_nat_foreigns *foreigns)
{
        _cleanup_free_ struct foreign_chain **order = memory_alloc(survey->n_chains * sizeof(*order));
        int r = 0;

        if (!order)
                return fail_memory(c);
        for (size_t i = 0; i < survey->n_chains; i++)
                order[i] = &survey->chains[i];
        qsort(order, survey->n_chains, sizeof(*order), by_place);
        for (size_t i = 0; r == 0 && i < survey->n_chains; i++)
                r = tell_chain(c, survey, order[i], foreigns);
        return r;
}

int fbn_nat_foreign_list(fbn_context *c, fbn_nat_foreigns **ret_foreigns)
{
        FBN_CLEANUP(fbn_nat_foreigns) foreigns = memory_alloc(sizeof(*foreigns));
        _cleanup_(survey_clear) struct survey survey = {0};
        struct netlink *netlink;
        uint32_t generation;
        int r;

        if (!foreigns)
                return fail_memory(c);
        foreigns->references = 1;
        r = netlink_get(c, NETLINK_NETFILTER, &netlink);
        if (r == 0)
                r = generation_read(c, netlink, &generation);
        if (r == 0)
                r = take_survey(c, netlink, &survey);
        if (r == 0)
                r = tell_all(c, &survey, foreigns);
        if (r < 0)
                return r;
        r = (int)foreigns->count;
        *ret_foreigns = TAKE_PTR(foreigns);
        return r;
}

fbn_nat_foreigns *fbn_nat_foreigns_ref(fbn_nat_foreigns *foreigns)
{
        foreigns->references++;
        return foreigns;
}

fbn_nat_foreigns *fbn_nat_foreigns_unref(fbn_nat_foreigns *foreigns)
{
        if (!foreigns || --foreigns->references > 0)
                return NULL;
        arena_free(&foreigns->arena);
        memory_free(foreigns->items);
        memory_free(foreigns);
        return NULL;
}

size_t fbn_nat_foreigns_count(const fbn_nat_foreigns *foreigns)
{
        return foreigns ? foreigns->count : 0;
}

const fbn_nat_foreign *fbn_nat_foreigns_at(const fbn_nat_foreigns *foreigns, size_t index)
{
        return index < fbn_nat_foreigns_count(foreigns) ? &foreigns->items[index] : NULL;
}
