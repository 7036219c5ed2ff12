/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

/* How many kernel rules a name has, and in which chains, a bit each. */
struct tally {
        size_t count;
        unsigned chains;
};

/* The kernel rules of one name, put together: its part of a list of prefixes as long as there are kernel rules. */
struct group {
        fbn_prefix *sources, *destinations;
        size_t count, n_sources, n_destinations;
};

/* A ruleset by name. */
struct collection {
        const struct ruleset *ruleset;
        fbn_nat *names;              /* each once, as they come */
        struct tally *tallies;       /* each of the same place in names */
        size_t tallies_capacity;
        size_t heads[CHAIN_COUNT];   /* how much of each chain has its place */
        fbn_nat *nat;                /* each name's first record, then all of it */
        struct group *groups;        /* each of the same place in nat */
        size_t groups_capacity;
        fbn_prefix *prefixes;
};

static void collection_clear(struct collection *collection)
{
        fbn_nat_unref(collection->names);
        memory_free(collection->tallies);
        fbn_nat_unref(collection->nat);
        memory_free(collection->groups);
        memory_free(collection->prefixes);
}

static int for_each(fbn_context *c, struct collection *collection,
                    int (*visit)(fbn_context *c, struct collection *collection, enum chain chain, const struct kernel_rule *rule))
{
        int r = 0;

        for (size_t chain = 0; chain < CHAIN_COUNT; chain++) {
                const struct kernel_rules *rules = &collection->ruleset->chains[chain];

                for (size_t i = 0; r == 0 && i < rules->count; i++)
                        if (rules->items[i].record.name)
                                r = visit(c, collection, (enum chain)chain, &rules->items[i]);
        }
        return r;
}

static int count_rule(fbn_context *c, struct collection *collection, enum chain chain, const struct kernel_rule *rule)
{
        size_t index = collection->names->count;
        int r;

        if (!nat_find(collection->names, rule->record.name, &index)) {
                r = nat_append(c, collection->names, &rule->record);
                if (r < 0)
                        return r;
                if (!ARRAY_RESERVE(collection->tallies, index, collection->tallies_capacity))
                        return fail_memory(c);
                collection->tallies[index] = (struct tally){0};
        }
        collection->tallies[index].count++;
        collection->tallies[index].chains |= 1u << chain;
        return 0;
}

/* The chain's first rule that has no place yet; NULL past the end. */
static const struct kernel_rule *head(struct collection *collection, size_t chain)
{
        const struct kernel_rules *rules = &collection->ruleset->chains[chain];
        size_t *at = &collection->heads[chain];

        while (*at < rules->count && (!rules->items[*at].record.name || nat_find(collection->nat, rules->items[*at].record.name, NULL)))
                (*at)++;
        return *at < rules->count ? &rules->items[*at] : NULL;
}

static bool is_first_in_all_its_chains(struct collection *collection, const char *name)
{
        size_t index = 0;

        nat_find(collection->names, name, &index);
        for (size_t chain = 0; chain < CHAIN_COUNT; chain++)
                if (collection->tallies[index].chains >> chain & 1 && !streq(head(collection, chain)->record.name, name))
                        return false;
        return true;
}

static int place_rule(fbn_context *c, struct collection *collection, const struct kernel_rule *rule)
{
        fbn_nat *nat = collection->nat;
        size_t index = 0;
        int r;

        r = nat_append(c, nat, &rule->record);
        if (r < 0)
                return r;
        nat->items[nat->count - 1].packets = nat->items[nat->count - 1].bytes = 0;
        if (!ARRAY_RESERVE(collection->groups, nat->count - 1, collection->groups_capacity))
                return fail_memory(c);
        nat_find(collection->names, rule->record.name, &index);
        collection->groups[nat->count - 1] = (struct group){.count = collection->tallies[index].count};
        return 0;
}

/* Chain by chain as far as each chain's order is kept, so that to apply what was read changes nothing: a rule that stands in two chains
 * waits for what comes before it in the other one. Only chains that somebody reordered by hand can contradict one another: then the first
 * chain is right. */
static int place_rules(fbn_context *c, struct collection *collection)
{
        for (;;) {
                const struct kernel_rule *rule = NULL, *waits = NULL;
                size_t placed = collection->nat->count;
                int r = 0;

                for (size_t chain = 0; chain < CHAIN_COUNT; chain++) {
                        while (r == 0 && (rule = head(collection, chain)) && is_first_in_all_its_chains(collection, rule->record.name))
                                r = place_rule(c, collection, rule);
                        if (r < 0)
                                return r;
                        if (rule && !waits)
                                waits = rule;
                }
                if (!waits)
                        return 0;
                if (collection->nat->count == placed)
                        r = place_rule(c, collection, waits);
                if (r < 0)
                        return r;
        }
}

static bool share_prefixes(struct collection *collection)
{
        size_t total = 0;

        for (size_t i = 0; i < collection->nat->count; i++)
                total += collection->groups[i].count;
        collection->prefixes = memory_alloc(2 * total * sizeof(*collection->prefixes));
        if (!collection->prefixes)
                return false;
        for (size_t i = 0, used = 0; i < collection->nat->count; i++) {
                collection->groups[i].sources = collection->prefixes + used;
                collection->groups[i].destinations = collection->prefixes + total + used;
                used += collection->groups[i].count;
        }
        return true;
}

static int gather_rule(fbn_context *c, struct collection *collection, enum chain chain, const struct kernel_rule *rule)
{
        struct group *group;
        fbn_nat_rule *into;
        uint64_t packets, bytes;
        size_t index = 0;

        (void)c;
        (void)chain;
        nat_find(collection->nat, rule->record.name, &index);
        into = &collection->nat->items[index];
        group = &collection->groups[index];
        if (rule->record.n_sources)
                group->sources[group->n_sources++] = *rule->record.sources;
        if (rule->record.n_destinations)
                group->destinations[group->n_destinations++] = *rule->record.destinations;
        expressions_read_counter(rule->nftnl, &packets, &bytes);
        into->packets += packets;
        into->bytes += bytes;
        return 0;
}

static bool set_prefixes(struct collection *collection)
{
        for (size_t i = 0; i < collection->nat->count; i++) {
                fbn_nat_rule *rule = &collection->nat->items[i];
                const struct group *group = &collection->groups[i];

                rule->sources = group->sources;
                rule->n_sources = group->n_sources;
                rule->destinations = group->destinations;
                rule->n_destinations = group->n_destinations;
                if (!copy_prefixes(&collection->nat->arena, &rule->sources, &rule->n_sources) ||
                    !copy_prefixes(&collection->nat->arena, &rule->destinations, &rule->n_destinations))
                        return false;
        }
        return true;
}

int ruleset_collect(fbn_context *c, const struct ruleset *ruleset, fbn_nat **ret_nat)
{
        _cleanup_(collection_clear) struct collection collection = {.ruleset = ruleset};
        int r;

        r = fbn_nat_new(c, &collection.names);
        if (r == 0)
                r = fbn_nat_new(c, &collection.nat);
        if (r == 0)
                r = sets_collect(c, ruleset, collection.nat);
        if (r == 0)
                r = for_each(c, &collection, count_rule);
        if (r == 0)
                r = place_rules(c, &collection);
        if (r == 0 && !share_prefixes(&collection))
                r = fail_memory(c);
        if (r == 0)
                r = for_each(c, &collection, gather_rule);
        if (r == 0 && !set_prefixes(&collection))
                r = fail_memory(c);
        if (r < 0)
                return r;
        *ret_nat = TAKE_PTR(collection.nat);
        return 0;
}
