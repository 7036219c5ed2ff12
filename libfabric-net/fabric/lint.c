/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/lint.h"
#include "fabric/place.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void finding_add(struct lint *lint, fbn_severity severity, const char *code, const char *pointer, const char *why, const char *fix,
                 const char *what, ...)
{
        struct fbn_findings *findings = lint->findings;
        fbn_finding finding = {.size = sizeof(finding), .code = code, .severity = severity, .why = why, .fix = fix};
        va_list arguments;
        char text[512];

        va_start(arguments, what);
        vsnprintf(text, sizeof(text), what, arguments);
        va_end(arguments);
        finding.what = arena_strdup(&findings->arena, text);
        finding.pointer = arena_strdup(&findings->arena, pointer);
        if (!finding.what || !finding.pointer || !ARRAY_RESERVE(findings->items, findings->count, findings->capacity)) {
                lint->failed = true;
                return;
        }
        findings->items[findings->count++] = finding;
}

const char *lint_prefix_text(struct lint *lint, const fbn_prefix *prefix)
{
        char text[FBN_ADDRESS_TEXT];
        const char *copy = arena_strdup(&lint->scratch, fbn_prefix_format(prefix, text, sizeof(text)));

        lint->failed |= !copy;
        return copy ? copy : "";
}

const char *lint_address_text(struct lint *lint, const fbn_address *address)
{
        char text[FBN_ADDRESS_TEXT];
        const char *copy = arena_strdup(&lint->scratch, fbn_address_format(address, text, sizeof(text)));

        lint->failed |= !copy;
        return copy ? copy : "";
}

static int by_pointer(const void *a, const void *b)
{
        return strcmp(((const struct place *)a)->pointer, ((const struct place *)b)->pointer);
}

static const struct place *place_of(const struct place *places, size_t n, const char *pointer)
{
        struct place wanted = {.pointer = pointer};

        return bsearch(&wanted, places, n, sizeof(wanted), by_pointer);
}

static bool locate(const fbn_fabric *fabric, struct fbn_findings *findings)
{
        struct place *places = memory_alloc(findings->count * sizeof(*places));
        bool done;

        if (!places)
                return false;
        for (size_t i = 0; i < findings->count; i++)
                places[i].pointer = findings->items[i].pointer;
        qsort(places, findings->count, sizeof(*places), by_pointer);
        done = places_find(fabric->sources, fabric->n_sources, places, findings->count);
        for (size_t i = 0; i < findings->count; i++) {
                const struct place *place = place_of(places, findings->count, findings->items[i].pointer);

                findings->items[i].file = place->file ? place->file : fabric->file;
                findings->items[i].line = place->line;
                findings->items[i].column = place->column;
        }
        memory_free(places);
        return done;
}

static bool is_at_or_below(const char *pointer, const char *at)
{
        size_t length = strlen(at);

        return strncmp(pointer, at, length) == 0 && (!pointer[length] || pointer[length] == '/');
}

static void allow(const struct allowance *allowance, struct fbn_findings *findings, bool *used)
{
        for (size_t i = 0; i < findings->count; i++) {
                fbn_finding *finding = &findings->items[i];

                if (!streq(finding->code, allowance->code) || (allowance->at && !is_at_or_below(finding->pointer, allowance->at)))
                        continue;
                finding->allowed = allowance->reason;
                *used = true;
        }
}

/* What is allowed stays in the list, with its reason; an allowance of nothing is a finding itself, or it would outlive its cause. */
static void lint_allowances(struct lint *lint)
{
        const fbn_fabric *f = lint->fabric;

        for (size_t i = 0; i < f->n_allowances; i++) {
                const struct allowance *allowance = &f->allowances[i];
                bool used = false;

                allow(allowance, lint->findings, &used);
                if (!used)
                        finding_add(lint, FBN_SEVERITY_WARNING, "allows-nothing", allowance->pointer, "it would hide what comes later",
                                    "remove it", "nothing is found that '%s' could allow%s%s", allowance->code, allowance->at ? " at " : "",
                                    allowance->at ? allowance->at : "");
        }
}

static int by_place(const void *a, const void *b)
{
        const fbn_finding *x = a, *y = b;

        if (!x->allowed != !y->allowed)
                return x->allowed ? 1 : -1;
        if (x->severity != y->severity)
                return x->severity < y->severity ? -1 : 1;
        if (x->line != y->line)
                return x->line < y->line ? -1 : 1;
        return strcmp(x->code, y->code);
}

fbn_findings *findings_new(void)
{
        fbn_findings *findings = memory_alloc(sizeof(*findings));

        if (findings)
                findings->references = 1;
        return findings;
}

bool findings_complete(const fbn_fabric *fabric, fbn_findings *findings)
{
        if (!locate(fabric, findings))
                return false;
        if (findings->count)
                qsort(findings->items, findings->count, sizeof(*findings->items), by_place);
        return true;
}

static int count_errors(const struct fbn_findings *findings)
{
        int errors = 0;

        for (size_t i = 0; i < findings->count; i++)
                errors += findings->items[i].severity == FBN_SEVERITY_ERROR && !findings->items[i].allowed;
        return errors;
}

int fabric_check(fbn_context *c, const fbn_fabric *fabric, fbn_findings **ret_findings)
{
        FBN_CLEANUP(fbn_findings) findings = findings_new();
        struct lint lint = {.c = c, .fabric = fabric, .findings = findings};

        if (!findings)
                return fail_memory(c);
        lint_prefixes(&lint);
        lint_tunnels(&lint);
        lint_hosts(&lint);
        lint_mesh(&lint);
        lint_segments(&lint);
        lint_names(&lint);
        lint_services(&lint);
        lint_paths(&lint);
        lint_allowances(&lint);
        arena_free(&lint.scratch);
        if (lint.failed)
                return fail_memory(c);
        *ret_findings = TAKE_PTR(findings);
        return count_errors(*ret_findings);
}

int fbn_fabric_check(fbn_context *c, const fbn_fabric *fabric, fbn_findings **ret_findings)
{
        FBN_CLEANUP(fbn_findings) findings = NULL;
        int errors = fabric_check(c, fabric, &findings);

        if (errors < 0)
                return errors;
        if (!findings_complete(fabric, findings))
                return fail_memory(c);
        *ret_findings = TAKE_PTR(findings);
        return errors;
}

fbn_findings *fbn_findings_ref(fbn_findings *findings)
{
        findings->references++;
        return findings;
}

fbn_findings *fbn_findings_unref(fbn_findings *findings)
{
        if (!findings || --findings->references > 0)
                return NULL;
        arena_free(&findings->arena);
        memory_free(findings->items);
        memory_free(findings);
        return NULL;
}

size_t fbn_findings_count(const fbn_findings *findings)
{
        return findings ? findings->count : 0;
}

const fbn_finding *fbn_findings_at(const fbn_findings *findings, size_t index)
{
        return index < fbn_findings_count(findings) ? &findings->items[index] : NULL;
}
