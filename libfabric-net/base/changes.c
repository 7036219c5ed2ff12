/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/changes.h"
#include "base/context.h"

struct fbn_changes {
        unsigned references;
        struct arena arena;
        fbn_change *items;
        size_t count, capacity;
};

fbn_changes *changes_new(void)
{
        fbn_changes *changes = memory_alloc(sizeof(*changes));

        if (changes)
                changes->references = 1;
        return changes;
}

static bool copy(struct arena *arena, const char *text, const char **ret_copy)
{
        *ret_copy = text ? arena_strdup(arena, text) : NULL;
        return !text || *ret_copy;
}

int changes_add(fbn_context *c, fbn_changes *changes, fbn_change_kind kind, const char *object, const char *field, const char *before,
                const char *after)
{
        fbn_change change = {.size = sizeof(change), .kind = kind};

        if (!ARRAY_RESERVE(changes->items, changes->count, changes->capacity) || !copy(&changes->arena, object, &change.object) ||
            !copy(&changes->arena, field, &change.field) || !copy(&changes->arena, before, &change.before) ||
            !copy(&changes->arena, after, &change.after))
                return fail_memory(c);
        changes->items[changes->count++] = change;
        return 0;
}

int changes_append(fbn_context *c, fbn_changes *changes, const char *name, const fbn_changes *more)
{
        for (size_t i = 0; i < fbn_changes_count(more); i++) {
                const fbn_change *change = fbn_changes_at(more, i);
                const char *object = name ? arena_printf(&changes->arena, "%s: %s", name, change->object) : change->object;
                int r;

                if (!object)
                        return fail_memory(c);
                r = changes_add(c, changes, change->kind, object, change->field, change->before, change->after);
                if (r < 0)
                        return r;
        }
        return 0;
}

fbn_changes *fbn_changes_ref(fbn_changes *changes)
{
        changes->references++;
        return changes;
}

fbn_changes *fbn_changes_unref(fbn_changes *changes)
{
        if (!changes || --changes->references > 0)
                return NULL;
        arena_free(&changes->arena);
        memory_free(changes->items);
        memory_free(changes);
        return NULL;
}

size_t fbn_changes_count(const fbn_changes *changes)
{
        return changes ? changes->count : 0;
}

const fbn_change *fbn_changes_at(const fbn_changes *changes, size_t index)
{
        return index < fbn_changes_count(changes) ? &changes->items[index] : NULL;
}
