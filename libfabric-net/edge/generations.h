/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_GENERATIONS_H
#define EDGE_GENERATIONS_H

#include "base/context.h"

/* The files of a backup's folder: YYYYMMDDTHHMMSSZ-NAME, which sort by their time. */
struct generations {
        char **names; /* oldest first */
        size_t n, capacity;
};

int generations_read(fbn_context *c, const char *folder, struct generations *ret_generations);
void generations_free(struct generations *generations);

/* Seconds since 1970 that a name tells; -1: it is not one of ours. */
int64_t generation_time(const char *name);

/* Take a file that came whole into the folder under a name that is later than all others. */
int generation_add(fbn_context *c, const char *folder, const struct generations *generations, const char *from, const char *name);

/* Delete the oldest ones beyond those to keep. */
int generations_prune(fbn_context *c, const char *folder, size_t keep);

#endif
