/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_ATTEMPT_H
#define FABRIC_ATTEMPT_H

#include "fabric/journal.h"
#include "fabric/snapshot.h"

/* One change of a host from its first record to its end. Before anything is touched, all that is ours is in its journal; to undo is to make
 * that so again, which works from wherever the change stopped, in this process or in another one after a kill or a boot. */
struct attempt {
        fbn_context *c;
        const struct state *state; /* locked */
        struct journal journal;
        struct keyring keyring;
        struct snapshot before;
        fbn_sysctls *sysctls; /* what a snapshot has to have */
        int64_t deadline;     /* CLOCK_BOOTTIME by which it must be confirmed, 0: at once */
        const fbn_secret *api_key; /* borrowed; NULL: an undo reads it from its file */
};

/* What is to be written down first. */
struct intention {
        const char *verb;       /* "apply", "rollback", "boot" */
        uint64_t of;            /* "rollback", "boot": to which generation; 0: to the state before the last */
        const char *fabric, *host, *file;
        const fbn_plan *plan;   /* the steps meant, for the history */
        const fbn_sysctls *sysctls; /* all that will be written */
        json_t *originals;      /* borrowed */
        json_t *created;        /* borrowed: names of links that it makes, */
        json_t *adopted;        /* and of those of others that it takes over, or NULL */
        uint32_t digest;        /* of the fabric file's text */
        uint64_t within;        /* nanoseconds to confirm, 0: confirmed when done */
};

int attempt_begin(fbn_context *c, const struct state *state, const struct intention *intention, struct attempt *attempt);
/* Open what another process left. */
int attempt_load(fbn_context *c, const struct state *state, struct journal *journal, struct attempt *attempt);
int attempt_add(struct attempt *attempt, json_t *record); /* which is taken over */
/* Before and after a part is changed. */
int attempt_intend(struct attempt *attempt, const char *stage);
int attempt_reach(struct attempt *attempt, const char *stage);
/* All is changed and verified: what stands now is written down; without a deadline that confirms it. */
int attempt_applied(struct attempt *attempt, const fbn_plan *done);
int attempt_confirm(struct attempt *attempt);
/* Put this host back, end it, and try to take back what was done elsewhere. Returns -FBN_EUNDONE, or -FBN_EPARTIAL if something stands; the
 * message begins with why. */
int attempt_undo(struct attempt *attempt, const char *why);
/* Whether all is as in a snapshot; -FBN_EPARTIAL says what is not. */
int check_restored(fbn_context *c, const struct snapshot *snapshot, const json_t *created);
void attempt_end(struct attempt *attempt);

#define ATTEMPT _cleanup_(attempt_end) struct attempt

#endif
