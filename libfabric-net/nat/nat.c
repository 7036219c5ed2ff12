/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include "base/address.h"

#include <stdlib.h>

int fbn_nat_new(fbn_context *c, fbn_nat **ret_nat)
{
        fbn_nat *nat = memory_alloc(sizeof(*nat));

        if (!nat)
                return fail_memory(c);
        nat->references = 1;
        *ret_nat = nat;
        return 0;
}

fbn_nat *fbn_nat_ref(fbn_nat *nat)
{
        nat->references++;
        return nat;
}

fbn_nat *fbn_nat_unref(fbn_nat *nat)
{
        if (!nat || --nat->references > 0)
                return NULL;
        arena_free(&nat->arena);
        memory_free(nat->items);
        memory_free(nat);
        return NULL;
}

size_t fbn_nat_count(const fbn_nat *nat)
{
        return nat ? nat->count : 0;
}

const fbn_nat_rule *fbn_nat_at(const fbn_nat *nat, size_t index)
{
        return index < fbn_nat_count(nat) ? &nat->items[index] : NULL;
}

const fbn_nat_rule *nat_find(const fbn_nat *nat, const char *name, size_t *ret_index)
{
        for (size_t i = 0; i < nat->count; i++)
                if (streq(nat->items[i].name, name)) {
                        if (ret_index)
                                *ret_index = i;
                        return &nat->items[i];
                }
        return NULL;
}

static int compare_prefixes(const void *a, const void *b)
{
        return prefix_compare(a, b);
}

/* A copy without host bits, sorted, each once: the same set of addresses always gives the same kernel rules. */
static bool copy_prefixes(struct arena *arena, const fbn_prefix **prefixes, size_t *count)
{
        fbn_prefix *copy = arena_copy(arena, *prefixes, *count * sizeof(**prefixes));
        size_t kept = 0;

        if (!copy)
                return false;
        for (size_t i = 0; i < *count; i++)
                fbn_prefix_network(&copy[i], &copy[i]);
        qsort(copy, *count, sizeof(*copy), compare_prefixes);
        for (size_t i = 0; i < *count; i++)
                if (kept == 0 || !prefix_equal(&copy[kept - 1], &copy[i]))
                        copy[kept++] = copy[i];
        *prefixes = kept ? copy : NULL;
        *count = kept;
        return true;
}

static bool copy_text(struct arena *arena, const char **text)
{
        if (*text)
                *text = arena_strdup(arena, *text);
        return *text;
}

static bool copy_rule(struct arena *arena, fbn_nat_rule *rule)
{
        const char *in = rule->in_device, *out = rule->out_device, *protocol = rule->protocol;

        return copy_text(arena, &rule->name) && (!in || copy_text(arena, &rule->in_device)) &&
               (!out || copy_text(arena, &rule->out_device)) && (!protocol || copy_text(arena, &rule->protocol)) &&
               copy_prefixes(arena, &rule->sources, &rule->n_sources) &&
               copy_prefixes(arena, &rule->destinations, &rule->n_destinations);
}

int nat_append(fbn_context *c, fbn_nat *nat, const fbn_nat_rule *rule)
{
        fbn_nat_rule copy = *rule;

        if (!copy_rule(&nat->arena, &copy) || !ARRAY_RESERVE(nat->items, nat->count, nat->capacity))
                return fail_memory(c);
        copy.mark_mask = rule_mark_mask(&copy);
        nat->items[nat->count++] = copy;
        return 0;
}

static int add(fbn_context *c, fbn_nat *nat, const fbn_nat_rule *rule)
{
        int r;

        r = rule_validate(c, rule);
        if (r < 0)
                return r;
        if (nat_find(nat, rule->name, NULL))
                return fail(c, FBN_EEXIST, "there is a rule of this name already; names must be unique");
        return nat_append(c, nat, rule);
}

int fbn_nat_add(fbn_context *c, fbn_nat *nat, const fbn_nat_rule *rule)
{
        fbn_nat_rule mine;
        int r;

        r = OPTIONS_READ(c, fbn_nat_rule, rule, &mine);
        if (r < 0)
                return r;
        mine.packets = mine.bytes = 0;
        r = add(c, nat, &mine);
        if (r < 0 && mine.name)
                return fail_in(c, r, "nat rule %zu '%.64s'", nat->count + 1, mine.name);
        return fail_in(c, r, "nat rule %zu", nat->count + 1);
}
