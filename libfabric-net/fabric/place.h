/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_PLACE_H
#define FABRIC_PLACE_H

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

/* One of the texts that a fabric is written in: the file itself, then what it includes. */
struct source {
        const char *file, *text;
};

/* Where a JSON pointer leads to. jansson keeps no places, and none are needed until something is wrong. */
struct place {
        const char *pointer;
        const char *file;              /* of the source that has it */
        uint32_t line, column;         /* of the value, from 1 and in characters; 0: not in the text */
        uint32_t key_line, key_column; /* of the member's name, 0 for the root and in lists */
};

/* Add a member's name to a pointer. */
void pointer_append(struct text *pointer, const char *name);

/* Find all of them in one pass over each source; the first that has a pointer counts. places are sorted by pointer (strcmp), several
 * may be the same; the texts are valid JSON. False without memory. */
bool places_find(const struct source *sources, size_t n_sources, struct place *places, size_t n);

#endif
