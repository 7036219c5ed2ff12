/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include "base/context.h"

struct process_output;

/* Somebody else's program, run to its end in the context's network namespace, with none of our environment, files or signals. */
struct process {
        const char *const *arguments; /* ends with NULL; the first is looked for in the system's folders */
        const void *input;            /* what it reads, may be secret; NULL: nothing */
        size_t input_length;
        const char *folder; /* where it works; NULL: where we do */
        int timeout;        /* seconds; then it is ended */
        size_t output_max;  /* bytes that are taken of what it writes; 0: a MiB */
        struct process_output *errors; /* what it writes to its second stream; NULL: both streams together */
};

/* What a program wrote, and a zero byte after it; the caller frees. */
struct process_output {
        char *bytes;
        size_t length;
};

/* Returns its exit code, -FBN_EUNSUPPORTED (not installed), -FBN_ETIMEOUT, -FBN_EUNAVAILABLE (ended by a signal), -FBN_ECANCELED, -FBN_ESYSTEM. */
int process_run(fbn_context *c, const struct process *process, struct process_output *ret_output);

/* The last line that says something, without its end; never NULL. */
const char *process_reason(struct process_output *output);

void process_output_free(struct process_output *output);
void process_output_wipe(struct process_output *output); /* and free; for what may hold a secret */

#endif
