/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_STATE_H
#define FABRIC_STATE_H

#include "base/context.h"

#include <limits.h>

/* Where a host's generations are kept: N.journal and N.keys for each, and the lock. Others' parts of this project have
 * folders beside them; the files are for root alone. */
struct state {
        char path[PATH_MAX - 64];
        int lock; /* -1: not held */
        bool absent; /* no such folder, and none was asked for */
};

#define STATE_CLOSED {.lock = -1}

/* directory NULL: /var/lib/fabricnet. A context in a named network namespace has its own below. make: or leave absent. */
int state_open(fbn_context *c, const char *directory, bool make, struct state *state);
/* The very folder of one that was open before. */
void state_reopen(const char *path, struct state *state);
void state_close(struct state *state);

/* One at a time. Without wait -FBN_ECONFLICT names who holds it; with it they are given so many milliseconds to end. verb: "apply". */
int state_lock(fbn_context *c, struct state *state, const char *verb, int wait);
void state_unlock(struct state *state);

const char *state_file(const struct state *state, uint64_t generation, const char *kind, char *buffer, size_t size);
/* The highest generation below so many, 0: there is none. */
int state_last(fbn_context *c, const struct state *state, uint64_t below, uint64_t *ret_generation);
/* Both files of a generation, if they are there. */
void state_remove(const struct state *state, uint64_t generation);
int state_sync(fbn_context *c, const struct state *state);

const char *state_author(void); /* who started this process, as far as it can be told; static */
const char *state_boot(void);   /* "" if it cannot be told; static */
int64_t boottime_now(void);     /* nanoseconds, also while the machine sleeps */
int64_t realtime_now(void);

#endif
