/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_CHANGES_H
#define FABRICNET_CHANGES_H

#include <fabricnet/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fbn_change_kind { FBN_CHANGE_CREATE = 1, FBN_CHANGE_UPDATE = 2, FBN_CHANGE_DELETE = 3 } fbn_change_kind;

/** One thing that was done, or with dry_run would be. Text is never secret. */
typedef struct fbn_change {
        size_t size;
        fbn_change_kind kind;
        const char *object; /**< what: "wg0: peer abc=", "route 192.168.8.0/24" */
        const char *field;  /**< which property was updated, NULL when the whole object came or went */
        const char *before; /**< NULL if there was none */
        const char *after;  /**< NULL if there is none now */
} fbn_change;

/** What an apply did: a list in the order it was done. */
typedef struct fbn_changes fbn_changes;

/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_changes *fbn_changes_ref(fbn_changes *changes);

/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_changes *fbn_changes_unref(fbn_changes *changes);

/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_changes_count(const fbn_changes *changes);

/** One of them, borrowed from the list; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_change *fbn_changes_at(const fbn_changes *changes, size_t index);

FBN_DEFINE_CLEANUP(fbn_changes)

#ifdef __cplusplus
}
#endif

#endif
