/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/memory.h"

#include <fabricnet/types.h>
#include <stdbool.h>

/* Text that grows. Without memory it stays as it was and failed is set: check once, at the end. */
struct text {
        char *bytes; /* zero-terminated once anything was added */
        size_t length, capacity;
        bool failed;
        bool secret; /* wiped where it is left when it grows */
};

void text_add(struct text *text, const char *format, ...) FBN_PRINTF(2, 3);
void text_append(struct text *text, const char *bytes, size_t length);
void text_free(struct text *text);
void text_wipe(struct text *text); /* and free; for what may hold a secret */

/* Read a whole number, optional bounds included; false on anything else around or outside. */
bool text_to_u64(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *ret_value);

/* "25s", "5m", "24h", "500ms", "7d" as nanoseconds; false on anything else. */
bool text_to_duration(const char *text, int64_t *ret_nanoseconds);

#endif
