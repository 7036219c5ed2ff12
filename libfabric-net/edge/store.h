/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_STORE_H
#define EDGE_STORE_H

/* Bans on the disk: a journal of entries of one size, written anew when most of it is history. */
#include "edge/table.h"

struct store {
        char *path;
        int lock, fd;         /* -1: none */
        uint64_t entries;     /* in the file */
        int os_errno;         /* why it is broken */
        bool broken;          /* what the table has is not all in the file: it has to be written anew */
        bool unsynced;        /* something was appended since the last store_sync() */
        uint32_t damaged;     /* entries that were not what was once written */
        uint16_t reasons;     /* so many names are in the file */
        uint8_t *buffer;      /* entries that are to be written */
        size_t buffered;
};

struct clock {
        uint32_t boot; /* seconds since boot, time asleep included */
        uint32_t wall; /* seconds since 1970 */
};

struct clock clock_now(void);

/* Open, and read what is there into the table. -FBN_EEXIST: another engine has it. */
int store_open(fbn_context *c, const char *folder, struct ban_table *table, struct store *ret_store);
void store_close(struct store *store);

/* Note what became of a ban; it is in the file only after store_sync(). */
void store_put(struct store *store, const struct ban_table *table, const struct ban *ban);
void store_forget(struct store *store, const struct ban_table *table, const struct ban *ban);

/* Bring all that was noted to the disk. A failure leaves the store broken until store_rewrite() succeeds. */
int store_sync(fbn_context *c, struct store *store, bool wait);
int store_rewrite(fbn_context *c, struct store *store, const struct ban_table *table);
/* Whether the file is mostly history; much: so much that it is worth an answer's delay. */
bool store_is_stale(const struct store *store, const struct ban_table *table, bool much);

#endif
