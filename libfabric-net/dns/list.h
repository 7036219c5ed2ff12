/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_LIST_H
#define DNS_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A ring through the things it holds; its head is a list too. A zeroed entry is in no list. */
struct list {
        struct list *next, *previous;
};

#define CONTAINER_OF(pointer, type, member) ((type *)((uintptr_t)(pointer) - offsetof(type, member)))

static inline void list_init(struct list *list)
{
        list->next = list->previous = list;
}

static inline bool list_empty(const struct list *list)
{
        return list->next == list;
}

static inline void list_append(struct list *list, struct list *entry)
{
        entry->next = list;
        entry->previous = list->previous;
        list->previous->next = entry;
        list->previous = entry;
}

static inline void list_remove(struct list *entry)
{
        if (!entry->next)
                return;
        entry->next->previous = entry->previous;
        entry->previous->next = entry->next;
        entry->next = entry->previous = NULL;
}

#endif
