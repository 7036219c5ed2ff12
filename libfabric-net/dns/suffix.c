/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/suffix.h"

#define HASH_ROOT UINT64_C(0xcbf29ce484222325)

/* FNV-1a over a label, on top of the hash of what is to its right: so all tails of a name are hashed in one pass. */
static uint64_t hash_label(uint64_t hash, const uint8_t *label)
{
        for (size_t i = 0; i <= label[0]; i++)
                hash = (hash ^ label[i]) * UINT64_C(0x100000001b3);
        return hash;
}

/* The tail of a name that begins at an offset. */
static bool tail_equal(const struct suffix *suffix, const struct name *name, size_t start)
{
        return suffix->name.length == name->length - start && memcmp(suffix->name.bytes, name->bytes + start, suffix->name.length) == 0;
}

static size_t first_slot(const struct suffix_table *table, uint64_t hash)
{
        return (size_t)(hash ^ hash >> 32) & (table->capacity - 1);
}

static struct suffix_slot *probe(const struct suffix_table *table, uint64_t hash, const struct name *name, size_t start)
{
        size_t slot = first_slot(table, hash);

        while (table->slots[slot].suffix && (table->slots[slot].hash != hash || !tail_equal(table->slots[slot].suffix, name, start)))
                slot = (slot + 1) & (table->capacity - 1);
        return &table->slots[slot];
}

/* Keeps at least half of the slots free. */
static bool reserve(struct suffix_table *table)
{
        struct suffix_table larger = *table;

        if ((table->count + 1) * 2 <= table->capacity)
                return true;
        larger.capacity = table->capacity ? table->capacity * 2 : 16;
        larger.slots = memory_alloc(larger.capacity * sizeof(struct suffix_slot));
        if (!larger.slots)
                return false;
        for (size_t i = 0; i < table->capacity; i++)
                if (table->slots[i].suffix)
                        *probe(&larger, table->slots[i].hash, &table->slots[i].suffix->name, 0) = table->slots[i];
        memory_free(table->slots);
        *table = larger;
        return true;
}

/* That of the root has none: no bit. */
static uint64_t end_bit(const struct name *name, const uint8_t *starts, size_t labels)
{
        uint64_t hash = labels ? hash_label(HASH_ROOT, name->bytes + starts[labels - 1]) : 0;

        return labels ? UINT64_C(1) << (hash >> 32 & 63) : 0;
}

static uint64_t hash_name(const struct name *name, size_t *ret_labels)
{
        uint8_t starts[NAME_LABELS];
        uint64_t hash = HASH_ROOT;

        *ret_labels = name_labels(name, starts);
        for (size_t i = *ret_labels; i-- > 0;)
                hash = hash_label(hash, name->bytes + starts[i]);
        return hash;
}

struct suffix *suffix_at(const struct suffix_table *table, const struct name *name)
{
        size_t labels;

        return table->capacity ? probe(table, hash_name(name, &labels), name, 0)->suffix : NULL;
}

enum suffix_result suffix_add(struct suffix_table *table, struct suffix *suffix)
{
        uint8_t starts[NAME_LABELS];
        struct suffix_slot *slot;

        if (!reserve(table))
                return SUFFIX_NO_MEMORY;
        suffix->hash = hash_name(&suffix->name, &suffix->labels);
        slot = probe(table, suffix->hash, &suffix->name, 0);
        if (slot->suffix)
                return SUFFIX_EXISTS;
        *slot = (struct suffix_slot){suffix->hash, suffix};
        table->count++;
        table->ends |= end_bit(&suffix->name, starts, name_labels(&suffix->name, starts));
        table->deepest = MAX(table->deepest, suffix->labels);
        return SUFFIX_ADDED;
}

static bool stands_for(const struct suffix *suffix, bool itself)
{
        return suffix && (itself ? suffix->self : suffix->below);
}

const struct suffix *suffix_find(const struct suffix_table *table, const struct name *name, size_t skip)
{
        uint8_t starts[NAME_LABELS];
        size_t labels = name_labels(name, starts);
        const struct suffix *found = NULL, *candidate;
        uint64_t hash = HASH_ROOT;

        if (table->capacity == 0 || skip > labels)
                return NULL;
        candidate = probe(table, hash, name, (size_t)name->length - 1)->suffix;
        if (stands_for(candidate, labels == 0))
                found = candidate;
        if (!(table->ends & end_bit(name, starts, labels)))
                return found;
        for (size_t depth = 1; depth <= MIN(labels - skip, table->deepest); depth++) {
                size_t start = starts[labels - depth];

                hash = hash_label(hash, name->bytes + start);
                candidate = probe(table, hash, name, start)->suffix;
                if (stands_for(candidate, depth == labels))
                        found = candidate;
        }
        return found;
}

void suffix_table_free(struct suffix_table *table)
{
        memory_free(table->slots);
        *table = (struct suffix_table){0};
}
