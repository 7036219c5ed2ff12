/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_POOL_H
#define DNS_POOL_H

#include "base/memory.h"

/* Memory of one size that was given back and will be wanted again soon: a question comes and goes in microseconds. */
struct pool {
        struct spare *first;
        size_t count, size;
};

struct spare {
        struct spare *next;
};

#ifdef __SANITIZE_ADDRESS__
#define POOL 1 /* who uses what was given back is to be found out */
#else
#define POOL 256 /* kept, at most */
#endif

static inline void *pool_take(struct pool *pool) /* zeroed */
{
        struct spare *spare = pool->first;

        if (!spare)
                return memory_alloc(pool->size);
        pool->first = spare->next;
        pool->count--;
        return memset(spare, 0, pool->size);
}

static inline void pool_give(struct pool *pool, void *memory)
{
        struct spare *spare = memory;

        if (pool->count >= POOL || !memory) {
                memory_free(memory);
                return;
        }
        spare->next = pool->first;
        pool->first = spare;
        pool->count++;
}

static inline void pool_free(struct pool *pool)
{
        while (pool->first) {
                struct spare *spare = pool->first;

                pool->first = spare->next;
                memory_free(spare);
        }
        pool->count = 0;
}

#endif
