/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include "base/changes.h"

#include <inttypes.h>
#include <stdio.h>

/* What holds for all kernel rules of a name. */
struct verdict {
        bool same, kept;
};

struct difference {
        const struct ruleset *wanted, *have;
        const fbn_nat *want;
        fbn_nat *stands; /* have, in terms of the caller's rules */
        struct verdict *of_wanted, *of_standing; /* of each rule of the two */
        fbn_changes *changes;
};

static int add_text(fbn_context *c, struct difference *difference, fbn_change_kind kind, const char *object, const char *field,
                    const struct text *before, const struct text *after)
{
        if ((before && before->failed) || (after && after->failed))
                return fail_memory(c);
        return changes_add(c, difference->changes, kind, object, field, before ? before->bytes : NULL, after ? after->bytes : NULL);
}

static struct verdict *judge(const struct ruleset *ruleset, const fbn_nat *nat)
{
        struct verdict *verdicts = memory_alloc(nat->count * sizeof(*verdicts));

        for (size_t i = 0; verdicts && i < nat->count; i++)
                verdicts[i] = (struct verdict){true, true};
        for (size_t chain = 0; verdicts && chain < CHAIN_COUNT; chain++)
                for (size_t i = 0; i < ruleset->chains[chain].count; i++) {
                        const struct kernel_rule *rule = &ruleset->chains[chain].items[i];
                        size_t index;

                        if (!rule->record.name || !nat_find(nat, rule->record.name, &index))
                                continue;
                        verdicts[index].same &= rule->same != NULL;
                        verdicts[index].kept &= rule->kept;
                }
        return verdicts;
}

static void difference_clear(struct difference *difference)
{
        fbn_changes_unref(difference->changes);
        fbn_nat_unref(difference->stands);
        memory_free(difference->of_wanted);
        memory_free(difference->of_standing);
}

static int compare_standing(fbn_context *c, struct difference *difference, const char *object, const struct verdict *wanted,
                            const struct verdict *standing, const struct text *before, const struct text *after)
{
        if (before->failed || after->failed)
                return fail_memory(c);
        if (!streq(before->bytes, after->bytes))
                return add_text(c, difference, FBN_CHANGE_UPDATE, object, "rule", before, after);
        if (!wanted->same)
                return changes_add(c, difference->changes, FBN_CHANGE_UPDATE, object, "rule", "changed by hand", after->bytes);
        if (difference->have->bent || difference->have->reshaped || (wanted->kept && standing->kept))
                return 0;
        return changes_add(c, difference->changes, FBN_CHANGE_UPDATE, object, "order", NULL, NULL);
}

static int compare_rule(fbn_context *c, struct difference *difference, size_t place)
{
        const fbn_nat_rule *rule = &difference->want->items[place], *stands;
        _cleanup_(text_free) struct text before = {0}, after = {0};
        size_t standing;
        char object[96];

        snprintf(object, sizeof(object), "nat rule '%.64s'", rule->name);
        rule_describe(rule, &after);
        stands = nat_find(difference->stands, rule->name, &standing);
        if (!stands)
                return add_text(c, difference, FBN_CHANGE_CREATE, object, NULL, NULL, &after);
        rule_describe(stands, &before);
        return compare_standing(c, difference, object, &difference->of_wanted[place], &difference->of_standing[standing], &before, &after);
}

static int compare_rules(fbn_context *c, struct difference *difference)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < difference->want->count; i++)
                r = compare_rule(c, difference, i);
        for (size_t i = 0; r == 0 && i < difference->stands->count; i++) {
                const fbn_nat_rule *rule = &difference->stands->items[i];
                _cleanup_(text_free) struct text before = {0};
                char object[320];

                if (nat_find(difference->want, rule->name, NULL))
                        continue;
                snprintf(object, sizeof(object), "nat rule '%s'", rule->name);
                rule_describe(rule, &before);
                r = add_text(c, difference, FBN_CHANGE_DELETE, object, NULL, &before, NULL);
        }
        return r;
}

static int compare_strangers(fbn_context *c, struct difference *difference, size_t chain)
{
        const struct kernel_rules *rules = &difference->have->chains[chain];
        int r = 0;

        for (size_t i = 0; r == 0 && i < rules->count; i++) {
                char object[96];

                if (rules->items[i].record.name)
                        continue;
                snprintf(object, sizeof(object), "nat chain '%s': rule with handle %" PRIu64, chain_shapes[chain].name, rules->items[i].handle);
                r = changes_add(c, difference->changes, FBN_CHANGE_DELETE, object, NULL, "made by hand", NULL);
        }
        return r;
}

/* What is left to say when no rule is to blame: the table, and chains that stand empty. */
static int compare_frame(fbn_context *c, struct difference *difference)
{
        int r = 0;

        if (difference->have->bent)
                r = changes_add(c, difference->changes, FBN_CHANGE_UPDATE, "nat table '" FBN_NAT_TABLE "'", "chains", "changed by hand", "as made");
        for (size_t chain = 0; r == 0 && chain < CHAIN_COUNT; chain++) {
                char object[64];

                if (!difference->have->present[chain] || difference->have->chains[chain].count || difference->wanted->chains[chain].count)
                        continue;
                snprintf(object, sizeof(object), "nat chain '%s'", chain_shapes[chain].name);
                r = changes_add(c, difference->changes, FBN_CHANGE_DELETE, object, NULL, "empty", NULL);
        }
        return r;
}

static bool has_chains(const struct ruleset *ruleset)
{
        for (size_t chain = 0; chain < CHAIN_COUNT; chain++)
                if (ruleset->present[chain])
                        return true;
        return false;
}

static int compare_table(fbn_context *c, struct difference *difference)
{
        if (difference->want->count > 0 || difference->want->n_sets > 0 || !difference->have->exists || difference->have->bent || has_chains(difference->have) ||
            fbn_changes_count(difference->changes) > 0)
                return 0;
        return changes_add(c, difference->changes, FBN_CHANGE_DELETE, "nat table '" FBN_NAT_TABLE "'", NULL, "empty", NULL);
}

static int compare_all(fbn_context *c, struct difference *difference)
{
        int r;

        r = sets_changes(c, difference->wanted, difference->have, difference->changes);
        if (r == 0)
                r = flowtable_changes(c, difference->wanted, difference->have, difference->changes);
        if (r == 0)
                r = compare_rules(c, difference);
        for (size_t chain = 0; r == 0 && chain < CHAIN_COUNT; chain++)
                r = compare_strangers(c, difference, chain);
        if (r == 0)
                r = compare_frame(c, difference);
        return r == 0 ? compare_table(c, difference) : r;
}

int ruleset_changes(fbn_context *c, const fbn_nat *want, const struct ruleset *wanted, const struct ruleset *have, fbn_changes **ret_changes)
{
        _cleanup_(difference_clear) struct difference difference = {.want = want, .wanted = wanted, .have = have, .changes = changes_new()};
        int r;

        if (!difference.changes)
                return fail_memory(c);
        r = ruleset_collect(c, have, &difference.stands);
        if (r < 0)
                return r;
        difference.of_wanted = judge(wanted, want);
        difference.of_standing = judge(have, difference.stands);
        if (!difference.of_wanted || !difference.of_standing)
                return fail_memory(c);
        r = compare_all(c, &difference);
        if (r < 0)
                return r;
        *ret_changes = TAKE_PTR(difference.changes);
        return 0;
}
