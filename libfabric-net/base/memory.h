/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include "base/macro.h"

#include <stdint.h>

void *memory_alloc(size_t bytes); /* zeroed */
void *memory_realloc(void *memory, size_t bytes);
void memory_free(void *memory);
char *memory_strdup(const char *text);

static inline void memory_freep(void *pointer)
{
        memory_free(*(void **)pointer);
}

/* Room for one more element in a growable array; false without memory, the array then as it was. */
#define ARRAY_RESERVE(items, count, capacity)                                                                   \
        ((count) < (capacity) ||                                                                                \
         memory_grow((void **)&(items), &(capacity), sizeof((items)[0])))

int memory_grow(void **items, size_t *capacity, size_t item_size);

/* Memory that lives as long as a handle and goes in one piece: its records, strings and lists. */
struct arena {
        struct arena_chunk *chunk;
};

void *arena_alloc(struct arena *arena, size_t bytes); /* zeroed, aligned for any type */
void *arena_copy(struct arena *arena, const void *bytes, size_t length);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
void arena_free(struct arena *arena);

#endif
