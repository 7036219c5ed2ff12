/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_PLAN_H
#define FABRIC_PLAN_H

#include "base/context.h"
#include "fabric/model.h"

#define PLAN_DIGEST 64

struct fbn_plan {
        unsigned references;
        struct arena arena;
        fbn_plan_step *items;
        size_t count, capacity;
        fbn_findings *findings; /* what is live and would get in the way; NULL: not looked for */
        char digest[PLAN_DIGEST + 1];
};

fbn_plan *plan_new(void);

/* Append a copy; line is filled in by plan_locate(). */
int plan_add(fbn_context *c, fbn_plan *plan, const fbn_plan_step *step);
/* The lines of all steps, in one pass over the file's text. */
int plan_locate(fbn_context *c, const fbn_fabric *fabric, fbn_plan *plan);

/* What each step disrupts and needs, what is replaced, and the digest. */
void plan_complete(const fbn_fabric *fabric, const char *host, struct fbn_plan *plan);

/* "create route 192.168.8.0/24", for progress. */
const char *plan_step_text(const fbn_plan_step *step, char *buffer, size_t size);

#endif
