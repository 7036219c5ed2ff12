/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/plan.h"
#include "fabric/place.h"

#include <stdio.h>
#include <stdlib.h>

fbn_plan *plan_new(void)
{
        fbn_plan *plan = memory_alloc(sizeof(*plan));

        if (plan)
                plan->references = 1;
        return plan;
}

static bool copy(struct arena *arena, const char **text)
{
        if (!*text)
                return true;
        *text = arena_strdup(arena, *text);
        return *text != NULL;
}

int plan_add(fbn_context *c, fbn_plan *plan, const fbn_plan_step *step)
{
        fbn_plan_step mine = *step;

        mine.size = sizeof(mine);
        if (!copy(&plan->arena, &mine.object) || !copy(&plan->arena, &mine.field) || !copy(&plan->arena, &mine.before) ||
            !copy(&plan->arena, &mine.after) || !copy(&plan->arena, &mine.reason) || !copy(&plan->arena, &mine.pointer) ||
            !ARRAY_RESERVE(plan->items, plan->count, plan->capacity))
                return fail_memory(c);
        plan->items[plan->count++] = mine;
        return 0;
}

static int by_pointer(const void *a, const void *b)
{
        return strcmp(((const struct place *)a)->pointer, ((const struct place *)b)->pointer);
}

int plan_locate(fbn_context *c, const fbn_fabric *fabric, fbn_plan *plan)
{
        _cleanup_free_ struct place *places = memory_alloc(plan->count * sizeof(*places));

        if (!places)
                return fail_memory(c);
        for (size_t i = 0; i < plan->count; i++)
                places[i].pointer = plan->items[i].pointer;
        qsort(places, plan->count, sizeof(*places), by_pointer);
        if (!places_find(fabric->sources, fabric->n_sources, places, plan->count))
                return fail_memory(c);
        for (size_t i = 0; i < plan->count; i++) {
                struct place wanted = {.pointer = plan->items[i].pointer};
                const struct place *place = bsearch(&wanted, places, plan->count, sizeof(wanted), by_pointer);

                plan->items[i].file = place->file ? place->file : fabric->file;
                plan->items[i].line = MAX(place->line, 1u);
                if (!place->line) /* a section that the file no longer has */
                        plan->items[i].pointer = "";
        }
        return 0;
}

const char *plan_step_text(const fbn_plan_step *step, char *buffer, size_t size)
{
        static const char *const verbs[] = {[FBN_CHANGE_CREATE] = "create", [FBN_CHANGE_UPDATE] = "change", [FBN_CHANGE_DELETE] = "remove"};

        snprintf(buffer, size, "%s: %s %s%s%s", step->domain, verbs[step->kind], step->object, step->field ? ", " : "",
                 step->field ? step->field : "");
        return buffer;
}

fbn_plan *fbn_plan_ref(fbn_plan *plan)
{
        plan->references++;
        return plan;
}

fbn_plan *fbn_plan_unref(fbn_plan *plan)
{
        if (!plan || --plan->references > 0)
                return NULL;
        fbn_findings_unref(plan->findings);
        arena_free(&plan->arena);
        memory_free(plan->items);
        memory_free(plan);
        return NULL;
}

size_t fbn_plan_count(const fbn_plan *plan)
{
        return plan ? plan->count : 0;
}

const fbn_plan_step *fbn_plan_at(const fbn_plan *plan, size_t index)
{
        return index < fbn_plan_count(plan) ? &plan->items[index] : NULL;
}

const fbn_findings *fbn_plan_findings(const fbn_plan *plan)
{
        return plan->findings;
}

const char *fbn_plan_digest(const fbn_plan *plan)
{
        return plan->digest;
}
