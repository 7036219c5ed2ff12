/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_SUFFIX_H
#define DNS_SUFFIX_H

#include "base/memory.h"
#include "dns/name.h"

/* A name that stands for itself, for all below it, or for both; embedded in what it leads to. */
struct suffix {
        struct name name; /* in lower case */
        bool self, below;
        size_t labels;
        uint64_t hash;
};

struct suffix_slot {
        uint64_t hash; /* here too: what another name's is needs no look at the suffix */
        struct suffix *suffix;
};

/* A hash table of suffixes, so that a lookup costs one probe for each label of the name, whatever the number of suffixes. */
struct suffix_table {
        struct suffix_slot *slots;
        size_t capacity; /* a power of two, or 0 */
        size_t count;
        uint64_t ends;  /* a bit for each last label: most names end in none that is here */
        size_t deepest; /* most labels of a suffix: longer tails of a name need no probe */
};

enum suffix_result { SUFFIX_ADDED, SUFFIX_EXISTS, SUFFIX_NO_MEMORY };

/* The suffix is borrowed; its name (in lower case) and what it stands for must be set, the rest is filled in. */
enum suffix_result suffix_add(struct suffix_table *table, struct suffix *suffix);

/* The one of this very name; NULL if there is none. */
struct suffix *suffix_at(const struct suffix_table *table, const struct name *name);

/* The longest that stands for a name (in lower case), its first labels skipped; NULL if there is none. */
const struct suffix *suffix_find(const struct suffix_table *table, const struct name *name, size_t skip);

void suffix_table_free(struct suffix_table *table);

#endif
