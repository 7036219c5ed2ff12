/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include <linux/netfilter.h>

/* Priorities: raw is -300 (ours just before it), connection tracking -200, mangle -150, dstnat -100, filter 0, srcnat 100. Source: nft(8), and
 * linux/netfilter_ipv4.h. A chain of type route routes a packet again whose mark it changed. */
const struct chain_shape chain_shapes[CHAIN_COUNT] = {
        [CHAIN_POSTROUTING] = {"postrouting", "nat", NF_INET_POST_ROUTING, 100},
        [CHAIN_FORWARD] = {"forward", "filter", NF_INET_FORWARD, 0},
        [CHAIN_OUTPUT] = {"output", "filter", NF_INET_LOCAL_OUT, 0},
        [CHAIN_INPUT] = {"input", "filter", NF_INET_LOCAL_IN, 0},
        [CHAIN_MSS] = {"forward-mss", "filter", NF_INET_FORWARD, -150},
        [CHAIN_OFFLOAD] = {"forward-offload", "filter", NF_INET_FORWARD, 10}, /* of what everybody's filters let pass */
        [CHAIN_ARRIVAL] = {"arrival", "filter", NF_INET_PRE_ROUTING, -310},
        [CHAIN_MARK] = {"arrival-mark", "filter", NF_INET_PRE_ROUTING, -150},
        [CHAIN_PREROUTING] = {"prerouting", "nat", NF_INET_PRE_ROUTING, -100},
        [CHAIN_OUTPUT_RAW] = {"output-raw", "filter", NF_INET_LOCAL_OUT, -300},
        [CHAIN_OUTPUT_MARK] = {"output-mark", "route", NF_INET_LOCAL_OUT, -150},
        [CHAIN_OUTPUT_NAT] = {"output-nat", "nat", NF_INET_LOCAL_OUT, -100},
};

static enum chain place_chain(fbn_nat_place place)
{
        static const enum chain chains[] = {
                [FBN_NAT_FORWARD] = CHAIN_FORWARD, [FBN_NAT_INPUT] = CHAIN_INPUT, [FBN_NAT_OUTPUT] = CHAIN_OUTPUT, [FBN_NAT_ARRIVAL] = CHAIN_ARRIVAL};

        return chains[place ? place : FBN_NAT_FORWARD];
}

bool rule_in_chain(const fbn_nat_rule *rule, enum chain chain)
{
        switch (rule->kind) {
        case FBN_NAT_MASQUERADE:
        case FBN_NAT_SNAT:
                return chain == CHAIN_POSTROUTING;
        case FBN_NAT_DNAT:
        case FBN_NAT_REDIRECT:
                return chain == (rule->at == FBN_NAT_OUTPUT ? CHAIN_OUTPUT_NAT : CHAIN_PREROUTING) || (rule->hairpin && chain == CHAIN_POSTROUTING);
        case FBN_NAT_ACCEPT:
        case FBN_NAT_DROP:
        case FBN_NAT_COUNT:
                return chain == place_chain(rule->at);
        case FBN_NAT_CLAMP_MSS:
                return chain == CHAIN_MSS;
        case FBN_NAT_OFFLOAD:
                return chain == CHAIN_OFFLOAD;
        case FBN_NAT_KEEP_OUT:
                return chain == CHAIN_FORWARD || chain == CHAIN_OUTPUT;
        case FBN_NAT_SET_MARK:
        case FBN_NAT_SAVE_MARK:
        case FBN_NAT_RESTORE_MARK:
                return (chain == CHAIN_MARK && !rule->out_device) || (chain == CHAIN_OUTPUT_MARK && !rule->in_device);
        case FBN_NAT_NOTRACK:
                return (chain == CHAIN_ARRIVAL && !rule->out_device) || (chain == CHAIN_OUTPUT_RAW && !rule->in_device);
        }
        return false;
}

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
        memory_free(ruleset->sets.items);
        memory_free(ruleset->chain_names);
        flowtable_free(&ruleset->flowtable);
        arena_free(&ruleset->arena);
        *ruleset = (struct ruleset){0};
}

static int expand_pair(fbn_context *c, struct ruleset *ruleset, enum chain chain, const fbn_nat_rule *record)
{
        struct kernel_rules *rules = &ruleset->chains[chain];
        struct kernel_rule *rule;

        if (!ARRAY_RESERVE(rules->items, rules->count, rules->capacity))
                return fail_memory(c);
        rule = &rules->items[rules->count];
        *rule = (struct kernel_rule){.record = *record};
        record_encode(record, &rule->userdata);
        rule->nftnl = expressions_build(record, chain, &rule->userdata, &ruleset->sets);
        if (!rule->nftnl)
                return fail_memory(c);
        rules->count++;
        return 0;
}

static bool mixed(const struct ruleset *ruleset, const fbn_nat_rule *pair)
{
        const fbn_prefix *one = pair->n_sources ? pair->sources : pair->n_destinations ? pair->destinations : NULL;
        uint16_t family = sets_family(&ruleset->sets, pair);

        if (family && one && one->address.family != family)
                return true;
        return pair->n_sources && pair->n_destinations && pair->sources->address.family != pair->destinations->address.family;
}

/* Every pair of a source and a destination that one packet can have; without any, one rule. */
static int expand_rule(fbn_context *c, const fbn_nat_rule *rule, enum chain chain, struct ruleset *ruleset)
{
        for (size_t i = 0; i < MAX(rule->n_sources, (size_t)1); i++)
                for (size_t j = 0; j < MAX(rule->n_destinations, (size_t)1); j++) {
                        fbn_nat_rule pair = *rule;
                        int r;

                        pair.sources = rule->n_sources ? &rule->sources[i] : NULL;
                        pair.n_sources = MIN(rule->n_sources, (size_t)1);
                        pair.destinations = rule->n_destinations ? &rule->destinations[j] : NULL;
                        pair.n_destinations = MIN(rule->n_destinations, (size_t)1);
                        r = mixed(ruleset, &pair) ? 0 : expand_pair(c, ruleset, chain, &pair);
                        if (r < 0)
                                return r;
                }
        return 0;
}

int ruleset_expand(fbn_context *c, const fbn_nat *want, struct ruleset *ret_ruleset)
{
        int r = sets_expand(c, want, ret_ruleset);

        for (size_t i = 0; r == 0 && i < want->count; i++)
                r = fail_in(c, sets_check(c, &ret_ruleset->sets, &want->items[i]), "nat rule %zu '%s'", i + 1, want->items[i].name);
        if (r == 0)
                r = flowtable_expand(c, want, ret_ruleset);
        for (size_t chain = 0; r == 0 && chain < CHAIN_COUNT; chain++)
                for (size_t i = 0; r == 0 && i < want->count; i++)
                        if (rule_in_chain(&want->items[i], (enum chain)chain))
                                r = expand_rule(c, &want->items[i], (enum chain)chain, ret_ruleset);
        return r;
}
