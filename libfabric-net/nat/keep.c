/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

static bool has_set(const fbn_nat *nat, const char *name)
{
        for (size_t i = 0; i < nat->n_sets; i++)
                if (streq(nat->sets[i].name, name))
                        return true;
        return false;
}

/* Whether the rule looks into a set that is not of these. */
static bool looks_beyond(const fbn_nat *nat, const fbn_nat_rule *rule)
{
        const char *const names[] = {rule->source_set, rule->destination_set, rule->to_map};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (names[i] && !has_set(nat, names[i]))
                        return true;
        return false;
}

static int add_all(fbn_context *c, const fbn_nat *from, fbn_nat *nat)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < from->n_sets; i++)
                r = sets_append(c, nat, &from->sets[i]);
        for (size_t i = 0; r == 0 && i < from->count; i++)
                r = nat_append(c, nat, &from->items[i]);
        return r;
}

int nat_with_standing_sets(fbn_context *c, const fbn_nat *want, const struct ruleset *have, fbn_nat **ret_nat)
{
        _cleanup_(fbn_nat_unrefp) fbn_nat *stands = NULL;
        _cleanup_(fbn_nat_unrefp) fbn_nat *both = NULL;
        int r;

        r = ruleset_collect(c, have, &stands);
        if (r == 0)
                r = fbn_nat_new(c, &both);
        if (r == 0)
                r = add_all(c, want, both);
        for (size_t i = 0; r == 0 && i < stands->count; i++)
                if (looks_beyond(want, &stands->items[i]) && !nat_find(want, stands->items[i].name, NULL))
                        r = nat_append(c, both, &stands->items[i]);
        for (size_t i = 0; r == 0 && i < stands->n_sets; i++)
                if (!has_set(want, stands->sets[i].name))
                        r = sets_append(c, both, &stands->sets[i]);
        if (r == 0)
                *ret_nat = TAKE_PTR(both);
        return r;
}
