/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/memory.h"
#include "base/system.h"

#include <stdarg.h>
#include <stdio.h>

void *memory_alloc(size_t bytes)
{
        void *memory = tables()->allocator.allocate(bytes ? bytes : 1);

        if (memory)
                memset(memory, 0, bytes);
        return memory;
}

void *memory_realloc(void *memory, size_t bytes)
{
        return tables()->allocator.reallocate(memory, bytes ? bytes : 1);
}

void memory_free(void *memory)
{
        if (memory)
                tables()->allocator.release(memory);
}

char *memory_strdup(const char *text)
{
        size_t length = strlen(text) + 1;
        char *copy = memory_alloc(length);

        return copy ? memcpy(copy, text, length) : NULL;
}

int memory_grow(void **items, size_t *capacity, size_t item_size)
{
        size_t more = *capacity ? *capacity * 2 : 8;
        size_t bytes;
        void *grown;

        if (__builtin_mul_overflow(more, item_size, &bytes))
                return 0;
        grown = memory_realloc(*items, bytes);
        if (!grown)
                return 0;
        *items = grown;
        *capacity = more;
        return 1;
}

struct arena_chunk {
        struct arena_chunk *next;
        size_t used, size;
        _Alignas(max_align_t) char bytes[];
};

/* Not zeroed: a chunk is touched as far as it is used. */
static void *arena_take(struct arena *arena, size_t bytes)
{
        struct arena_chunk *chunk = arena->chunk;
        size_t need = (bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
        void *memory;

        if (need < bytes)
                return NULL;
        if (!chunk || chunk->size - chunk->used < need) {
                size_t size = chunk ? MIN(chunk->size * 2, (size_t)1 << 20) : 1024;

                size = MAX(size, need);
                chunk = tables()->allocator.allocate(sizeof(*chunk) + size);
                if (!chunk)
                        return NULL;
                chunk->size = size;
                chunk->used = 0;
                chunk->next = arena->chunk;
                arena->chunk = chunk;
        }
        memory = chunk->bytes + chunk->used;
        chunk->used += need;
        return memory;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
        void *memory = arena_take(arena, bytes);

        if (memory)
                memset(memory, 0, bytes);
        return memory;
}

void *arena_copy(struct arena *arena, const void *bytes, size_t length)
{
        void *copy = arena_take(arena, length);

        if (copy && length)
                memcpy(copy, bytes, length);
        return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
        return arena_copy(arena, text, strlen(text) + 1);
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
        va_list arguments, again;
        char *text;
        int length;

        va_start(arguments, format);
        va_copy(again, arguments);
        length = vsnprintf(NULL, 0, format, arguments);
        va_end(arguments);
        text = length < 0 ? NULL : arena_take(arena, (size_t)length + 1);
        if (text)
                vsnprintf(text, (size_t)length + 1, format, again);
        va_end(again);
        return text;
}

void arena_free(struct arena *arena)
{
        while (arena->chunk) {
                struct arena_chunk *chunk = arena->chunk;

                arena->chunk = chunk->next;
                memory_free(chunk);
        }
}
