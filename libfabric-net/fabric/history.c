/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/journal.h"
#include "fabric/plan.h"
#include "fabric/remote.h"

#include <fabricnet/fabric.h>

struct fbn_generations {
        unsigned references;
        struct arena arena;
        fbn_generation *items;
        size_t count, capacity;
};

static const char *copy_text(struct arena *arena, const json_t *record, const char *name)
{
        const char *text = json_string_value(json_object_get(record, name));

        return text ? arena_strdup(arena, text) : NULL;
}

static int64_t time_of(const json_t *record)
{
        return json_integer_value(json_object_get(record, "at"));
}

static fbn_outcome outcome_of(const json_t *end)
{
        return !end                                   ? FBN_OUTCOME_OPEN
               : streq(record_name(end), "confirmed") ? FBN_OUTCOME_CONFIRMED
               : streq(record_name(end), "undone")    ? FBN_OUTCOME_UNDONE
                                                      : FBN_OUTCOME_FAILED;
}

static int copy_changes(fbn_context *c, struct arena *arena, const json_t *steps, fbn_generation *generation)
{
        const char **changes = arena_alloc(arena, json_array_size(steps) * sizeof(*changes));

        if (!changes)
                return fail_memory(c);
        for (size_t i = 0; i < json_array_size(steps); i++) {
                const json_t *step = json_array_get(steps, i);
                const char *domain = json_string_value(json_object_get(step, "domain"));
                const fbn_plan_step known = {.domain = domain ? domain : "", .kind = (fbn_change_kind)json_integer_value(json_object_get(step, "kind")),
                                             .object = json_string_value(json_object_get(step, "object")),
                                             .field = json_string_value(json_object_get(step, "field"))};
                char text[512];

                if (known.kind < FBN_CHANGE_CREATE || known.kind > FBN_CHANGE_DELETE || !known.object)
                        continue;
                changes[generation->n_changes] = arena_strdup(arena, plan_step_text(&known, text, sizeof(text)));
                if (!changes[generation->n_changes++])
                        return fail_memory(c);
        }
        generation->changes = changes;
        return 0;
}

/* On the host, if it is there still, and in the mesh. */
static int copy_stands(fbn_context *c, struct arena *arena, const struct journal *journal, const char **ret_stands)
{
        _cleanup_(text_free) struct text here = {0}, elsewhere = {0};
        const json_t *end = journal_end(journal);
        const char *stands = json_string_value(json_object_get(end, "stands"));

        if (!end || streq(record_name(end), "confirmed"))
                return 0;
        if (stands)
                text_add(&here, "%s", stands);
        if (remote_left(journal, &elsewhere) > 0)
                text_add(&here, "%sin the mesh %s", here.length ? "; " : "", elsewhere.bytes);
        if (here.length)
                *ret_stands = arena_strdup(arena, here.bytes);
        return here.failed || elsewhere.failed || (here.length && !*ret_stands) ? fail_memory(c) : 0;
}

static int add(fbn_context *c, fbn_generations *generations, const struct journal *journal)
{
        struct arena *arena = &generations->arena;
        const json_t *begin = journal_find(journal, "begin"), *end = journal_end(journal), *applied = journal_find(journal, "applied");
        const json_t *steps = json_object_get(applied, "steps");
        fbn_generation generation = {.size = sizeof(generation),
                                     .number = journal->generation,
                                     .outcome = outcome_of(end),
                                     .verb = copy_text(arena, begin, "verb"),
                                     .of = (uint64_t)json_integer_value(json_object_get(begin, "of")),
                                     .begun = time_of(begin),
                                     .ended = time_of(end),
                                     .by = copy_text(arena, begin, "by"),
                                     .fabric = copy_text(arena, begin, "fabric"),
                                     .host = copy_text(arena, begin, "host"),
                                     .file = copy_text(arena, begin, "file"),
                                     .why = copy_text(arena, end, "why")};
        int r = copy_changes(c, arena, steps ? steps : json_object_get(begin, "steps"), &generation);

        if (r == 0)
                r = copy_stands(c, arena, journal, &generation.stands);
        if (r < 0 || !ARRAY_RESERVE(generations->items, generations->count, generations->capacity))
                return fail_memory(c);
        generations->items[generations->count++] = generation;
        return 0;
}

static int read_all(fbn_context *c, const struct state *state, fbn_generations *generations)
{
        uint64_t number = UINT64_MAX;
        int r;

        while ((r = state_last(c, state, number, &number)) == 0 && number > 0) {
                struct journal journal = JOURNAL_CLOSED;

                r = journal_read(c, state, number, &journal);
                if (r == 0 && json_array_size(journal.records) > 0)
                        r = add(c, generations, &journal);
                journal_close(&journal);
                if (r < 0 && r != -FBN_ENOENT) /* pruned meanwhile */
                        return r;
        }
        return r;
}

int fbn_fabric_history(fbn_context *c, const fbn_fabric_options *options, fbn_generations **ret_generations)
{
        FBN_CLEANUP(fbn_generations) generations = memory_alloc(sizeof(*generations));
        fbn_fabric_options mine;
        struct state state;
        int r = OPTIONS_READ(c, fbn_fabric_options, options, &mine);

        if (!generations)
                return fail_memory(c);
        generations->references = 1;
        if (r == 0)
                r = state_open(c, mine.state_directory, false, &state);
        if (r == 0)
                r = read_all(c, &state, generations);
        if (r < 0)
                return r;
        *ret_generations = TAKE_PTR(generations);
        return (int)(*ret_generations)->count;
}

fbn_generations *fbn_generations_ref(fbn_generations *generations)
{
        generations->references++;
        return generations;
}

fbn_generations *fbn_generations_unref(fbn_generations *generations)
{
        if (!generations || --generations->references > 0)
                return NULL;
        arena_free(&generations->arena);
        memory_free(generations->items);
        memory_free(generations);
        return NULL;
}

size_t fbn_generations_count(const fbn_generations *generations)
{
        return generations ? generations->count : 0;
}

const fbn_generation *fbn_generations_at(const fbn_generations *generations, size_t index)
{
        return index < fbn_generations_count(generations) ? &generations->items[index] : NULL;
}
