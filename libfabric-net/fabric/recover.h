/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_RECOVER_H
#define FABRIC_RECOVER_H

#include "fabric/attempt.h"

#include <fabricnet/fabric.h>

/* Under the lock, before anything new: put back what was interrupted, not confirmed in time, or not before a boot. 0: nothing was open; 1:
 * it was put back, and the error says so, with -FBN_EPARTIAL if something stands elsewhere; -FBN_ECONFLICT: one that still may be confirmed; -FBN_EPARTIAL.
 * The journal becomes that of the last generation. */
int settle(fbn_context *c, const struct state *state, struct journal *journal);

/* The last generation that was confirmed, as its journal, which may be there already; records is NULL if there is none. */
int read_confirmed(fbn_context *c, const struct state *state, struct journal *journal);
/* What settings were before; borrowed from the journal; NULL: none, or of another boot. */
const json_t *originals_of(const struct journal *journal);

#endif
