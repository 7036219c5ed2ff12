/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_CHANGES_H
#define BASE_CHANGES_H

#include "base/memory.h"

#include <fabricnet/changes.h>

/* NULL without memory. */
fbn_changes *changes_new(void);

/* Append a copy; field, before and after may be NULL. 0 or -FBN_ENOMEM with the context's error set. */
int changes_add(fbn_context *c, fbn_changes *changes, fbn_change_kind kind, const char *object, const char *field, const char *before,
                const char *after);

/* Append copies of all of them, their objects behind "NAME: " unless name is NULL. */
int changes_append(fbn_context *c, fbn_changes *changes, const char *name, const fbn_changes *more);

#endif
