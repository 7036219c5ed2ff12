/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include <linux/netfilter.h>

/* Priorities: srcnat is 100, filter is 0. Source: nft(8), and NF_IP_PRI_NAT_SRC in linux/netfilter_ipv4.h. */
const struct chain_shape chain_shapes[CHAIN_COUNT] = {
        [CHAIN_POSTROUTING] = {"postrouting", "nat", NF_INET_POST_ROUTING, 100},
        [CHAIN_FORWARD] = {"forward", "filter", NF_INET_FORWARD, 0},
        [CHAIN_OUTPUT] = {"output", "filter", NF_INET_LOCAL_OUT, 0},
};

static const bool kind_chains[][CHAIN_COUNT] = {
        [FBN_NAT_MASQUERADE] = {[CHAIN_POSTROUTING] = true},
        [FBN_NAT_ACCEPT] = {[CHAIN_FORWARD] = true},
        [FBN_NAT_DROP] = {[CHAIN_FORWARD] = true},
        [FBN_NAT_CLAMP_MSS] = {[CHAIN_FORWARD] = true},
        [FBN_NAT_KEEP_OUT] = {[CHAIN_FORWARD] = true, [CHAIN_OUTPUT] = true},
};

void kernel_rules_free(struct kernel_rules *rules)
{
        for (size_t i = 0; i < rules->count; i++)
                nftnl_rule_free(rules->items[i].nftnl);
        memory_free(rules->items);
        *rules = (struct kernel_rules){0};
}

void ruleset_free(struct ruleset *ruleset)
{
        for (size_t chain = 0; chain < CHAIN_COUNT; chain++)
                kernel_rules_free(&ruleset->chains[chain]);
        arena_free(&ruleset->arena);
        *ruleset = (struct ruleset){0};
}

static int expand_pair(fbn_context *c, struct kernel_rules *rules, enum chain chain, const fbn_nat_rule *record)
{
        struct kernel_rule *rule;

        if (!ARRAY_RESERVE(rules->items, rules->count, rules->capacity))
                return fail_memory(c);
        rule = &rules->items[rules->count];
        *rule = (struct kernel_rule){.record = *record};
        record_encode(record, &rule->userdata);
        rule->nftnl = expressions_build(record, chain, &rule->userdata);
        if (!rule->nftnl)
                return fail_memory(c);
        rules->count++;
        return 0;
}

static bool mixed(const fbn_nat_rule *pair)
{
        return pair->n_sources && pair->n_destinations && pair->sources->address.family != pair->destinations->address.family;
}

/* Every pair of a source and a destination that one packet can have; without any, one rule. */
static int expand_rule(fbn_context *c, const fbn_nat_rule *rule, enum chain chain, struct kernel_rules *rules)
{
        for (size_t i = 0; i < MAX(rule->n_sources, (size_t)1); i++)
                for (size_t j = 0; j < MAX(rule->n_destinations, (size_t)1); j++) {
                        fbn_nat_rule pair = *rule;
                        int r;

                        pair.sources = rule->n_sources ? &rule->sources[i] : NULL;
                        pair.n_sources = MIN(rule->n_sources, (size_t)1);
                        pair.destinations = rule->n_destinations ? &rule->destinations[j] : NULL;
                        pair.n_destinations = MIN(rule->n_destinations, (size_t)1);
                        r = mixed(&pair) ? 0 : expand_pair(c, rules, chain, &pair);
                        if (r < 0)
                                return r;
                }
        return 0;
}

int ruleset_expand(fbn_context *c, const fbn_nat *want, struct ruleset *ret_ruleset)
{
        int r = 0;

        for (size_t chain = 0; r == 0 && chain < CHAIN_COUNT; chain++)
                for (size_t i = 0; r == 0 && i < want->count; i++)
                        if (kind_chains[want->items[i].kind][chain])
                                r = expand_rule(c, &want->items[i], (enum chain)chain, &ret_ruleset->chains[chain]);
        return r;
}

/* The kernel rules of one name, put together. */
struct group {
        fbn_prefix *sources, *destinations;
        size_t n_sources, n_destinations;
        uint64_t packets, bytes;
};

static size_t count_name(const struct ruleset *ruleset, const char *name)
{
        size_t count = 0;

        for (size_t chain = 0; chain < CHAIN_COUNT; chain++)
                for (size_t i = 0; i < ruleset->chains[chain].count; i++) {
                        const char *other = ruleset->chains[chain].items[i].record.name;

                        count += other && streq(other, name);
                }
        return count;
}

static void add_prefix(fbn_prefix *prefixes, size_t *count, const fbn_prefix *prefix)
{
        prefixes[(*count)++] = *prefix; /* twice the same is dropped when the rule is copied */
}

static void gather_rule(struct group *group, const struct kernel_rule *rule)
{
        uint64_t packets, bytes;

        if (rule->record.n_sources)
                add_prefix(group->sources, &group->n_sources, rule->record.sources);
        if (rule->record.n_destinations)
                add_prefix(group->destinations, &group->n_destinations, rule->record.destinations);
        expressions_read_counter(rule->nftnl, &packets, &bytes);
        group->packets += packets;
        group->bytes += bytes;
}

static void gather(struct group *group, const struct ruleset *ruleset, const char *name)
{
        for (size_t chain = 0; chain < CHAIN_COUNT; chain++)
                for (size_t i = 0; i < ruleset->chains[chain].count; i++) {
                        const struct kernel_rule *rule = &ruleset->chains[chain].items[i];

                        if (rule->record.name && streq(rule->record.name, name))
                                gather_rule(group, rule);
                }
}

static int collect_name(fbn_context *c, const struct ruleset *ruleset, const fbn_nat_rule *first, fbn_nat *nat)
{
        size_t count = count_name(ruleset, first->name);
        _cleanup_free_ fbn_prefix *sources = memory_alloc(count * sizeof(*sources));
        _cleanup_free_ fbn_prefix *destinations = memory_alloc(count * sizeof(*destinations));
        struct group group = {.sources = sources, .destinations = destinations};
        fbn_nat_rule rule = *first;

        if (!sources || !destinations)
                return fail_memory(c);
        gather(&group, ruleset, first->name);
        rule.sources = sources;
        rule.n_sources = group.n_sources;
        rule.destinations = destinations;
        rule.n_destinations = group.n_destinations;
        rule.packets = group.packets;
        rule.bytes = group.bytes;
        return nat_append(c, nat, &rule);
}

int ruleset_collect(fbn_context *c, const struct ruleset *ruleset, fbn_nat **ret_nat)
{
        _cleanup_(fbn_nat_unrefp) fbn_nat *nat = NULL;
        int r;

        r = fbn_nat_new(c, &nat);
        for (size_t chain = 0; r == 0 && chain < CHAIN_COUNT; chain++)
                for (size_t i = 0; r == 0 && i < ruleset->chains[chain].count; i++) {
                        const fbn_nat_rule *record = &ruleset->chains[chain].items[i].record;

                        if (record->name && !nat_find(nat, record->name, NULL))
                                r = collect_name(c, ruleset, record, nat);
                }
        if (r < 0)
                return r;
        *ret_nat = TAKE_PTR(nat);
        return 0;
}
