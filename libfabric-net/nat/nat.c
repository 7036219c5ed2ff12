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
        memory_free(nat->sets);
        memory_free(nat->table);
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

/* FNV-1a. */
static uint32_t hash(const char *name)
{
        uint32_t value = 2166136261;

        while (*name)
                value = (value ^ (uint8_t)*name++) * 16777619;
        return value;
}

/* The table's entry for a name: the rule's, or the free one where it would go. */
static uint32_t *entry_of(const fbn_nat *nat, const char *name)
{
        size_t slot = hash(name) & (nat->table_size - 1);

        while (nat->table[slot] && !streq(nat->items[nat->table[slot] - 1].name, name))
                slot = (slot + 1) & (nat->table_size - 1);
        return &nat->table[slot];
}

const fbn_nat_rule *nat_find(const fbn_nat *nat, const char *name, size_t *ret_index)
{
        uint32_t found = nat->table_size ? *entry_of(nat, name) : 0;

        if (found && ret_index)
                *ret_index = found - 1;
        return found ? &nat->items[found - 1] : NULL;
}

/* Room for one more name, with half of the table free. */
static bool table_reserve(fbn_nat *nat)
{
        size_t size = MAX(nat->table_size * 2, (size_t)16);
        uint32_t *table;

        if (nat->count * 2 < nat->table_size)
                return true;
        table = nat->count < UINT32_MAX / 2 ? memory_alloc(size * sizeof(*table)) : NULL;
        if (!table)
                return false;
        memory_free(nat->table);
        nat->table = table;
        nat->table_size = size;
        for (size_t i = 0; i < nat->count; i++)
                *entry_of(nat, nat->items[i].name) = (uint32_t)i + 1;
        return true;
}

static int compare_prefixes(const void *a, const void *b)
{
        return prefix_compare(a, b);
}

bool copy_prefixes(struct arena *arena, const fbn_prefix **prefixes, size_t *count)
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

/* In one order: equal rules are equal texts. */
static bool copy_states(struct arena *arena, const char **states)
{
        _cleanup_(text_free) struct text text = {0};
        uint32_t bits;

        if (!states_parse(*states, &bits))
                return false;
        states_format(bits, &text);
        *states = text.failed ? NULL : arena_strdup(arena, text.bytes);
        return *states;
}

static bool copy_rule(struct arena *arena, fbn_nat_rule *rule)
{
        const char *in = rule->in_device, *out = rule->out_device, *protocol = rule->protocol, *states = rule->states, *log = rule->log;
        const char *source = rule->source_set, *destination = rule->destination_set, *map = rule->to_map;

        return copy_text(arena, &rule->name) && (!in || copy_text(arena, &rule->in_device)) &&
               (!out || copy_text(arena, &rule->out_device)) && (!protocol || copy_text(arena, &rule->protocol)) &&
               (!source || copy_text(arena, &rule->source_set)) && (!destination || copy_text(arena, &rule->destination_set)) &&
               (!map || copy_text(arena, &rule->to_map)) && (!log || copy_text(arena, &rule->log)) && (!states || copy_states(arena, &rule->states)) &&
               copy_prefixes(arena, &rule->sources, &rule->n_sources) &&
               copy_prefixes(arena, &rule->destinations, &rule->n_destinations);
}

int nat_append(fbn_context *c, fbn_nat *nat, const fbn_nat_rule *rule)
{
        fbn_nat_rule copy = *rule;

        if (!copy_rule(&nat->arena, &copy) || !ARRAY_RESERVE(nat->items, nat->count, nat->capacity) || !table_reserve(nat))
                return fail_memory(c);
        copy.mark_mask = full_mask(copy.mark, copy.mark_mask);
        copy.connection_mark_mask = full_mask(copy.connection_mark, copy.connection_mark_mask);
        nat->items[nat->count++] = copy;
        *entry_of(nat, copy.name) = (uint32_t)nat->count;
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
