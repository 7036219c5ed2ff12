/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_REMOTE_H
#define FABRIC_REMOTE_H

#include "base/text.h"
#include "fabric/attempt.h"

#include <fabricnet/headscale.h>
#include <fabricnet/tailscale.h>

struct run;

/* What a change does at the Headscale server and in tailscaled, neither of which is this host's own state. Before each such step its inverse
 * goes into the journal: the record "remote" with what was and what is to be, and where the API key's file is, never the key. An undo tries
 * them once the host is put back, the last first, and only where nobody else has changed the thing since; what is taken back, or was never
 * done, gets a record "taken back". What has none stands. */

/* One step. Its JSON is taken over, also on failure. */
struct remote_step {
        const char *kind, *object; /* "user", "policy", "routes", "tailscale" */
        uint64_t node;             /* "routes": whose */
        json_t *was, *is;
};

/* Write down what is about to be done at the server, or in tailscaled; nothing of a dry run. */
int remote_intend(struct run *run, const struct remote_step *step);
/* The preferences that are meant by want->set, as a step has them. NULL without memory. */
json_t *remote_preferences(const fbn_tailscale_prefs *prefs, uint32_t set, bool enrolled);

/* Try what a journal that is put back left elsewhere. key: the API's if it is at hand, else NULL. What still stands is added to stands, with
 * the reasons. 0 or -FBN_ENOMEM. */
int remote_take_back(fbn_context *c, const struct state *state, struct journal *journal, const fbn_secret *key, struct text *stands);
/* The same of a journal that was confirmed, as a part of another attempt, which writes down their inverses; NULL: only tell the steps. */
int remote_reverse(struct attempt *attempt, fbn_context *c, const struct journal *journal, const char *reason, fbn_plan *done, struct text *stands);
/* What a journal left elsewhere and nobody took back: how many; their names are added. */
size_t remote_left(const struct journal *journal, struct text *stands);
bool remote_any(const struct journal *journal);

/* Between the parts. Make a thing as to, if it is as from: 1 done, 0 it is so already, or a failure. */
int remote_turn_tailscale(fbn_context *c, const json_t *record, const json_t *from, const json_t *to);

#endif
