/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_WIPED_H
#define WIREGUARD_WIPED_H

#include "base/memory.h"

#include <stdbool.h>

/* Text that may hold keys: wiped when it grows and when it goes. Without memory it stays as it was and failed is set. */
struct wiped {
        char *bytes;
        size_t length, capacity;
        bool failed;
};

bool wiped_reserve(struct wiped *text, size_t more);
void wiped_append(struct wiped *text, const char *bytes, size_t length);
void wiped_add(struct wiped *text, const char *string);
void wiped_free(struct wiped *text);

#endif
