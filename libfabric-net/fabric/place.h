/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_PLACE_H
#define FABRIC_PLACE_H

#include "base/memory.h"

#include <stdbool.h>
#include <stdint.h>

/* Where a JSON pointer leads to in a text. jansson keeps no places, and none are needed until something is wrong. */
struct place {
        const char *pointer;
        uint32_t line, column;         /* of the value, from 1 and in characters; 0: not in the text */
        uint32_t key_line, key_column; /* of the member's name, 0 for the root and in lists */
};

/* Find all of them in one pass. places are sorted by pointer (strcmp), several may be the same; text is valid JSON. False without
 * memory. */
bool places_find(const char *text, struct place *places, size_t n);

#endif
