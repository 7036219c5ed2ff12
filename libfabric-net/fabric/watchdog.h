/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_WATCHDOG_H
#define FABRIC_WATCHDOG_H

#include "fabric/state.h"

/* Something that will call recover at the deadline whatever becomes of this process, its terminal and its ssh connection. Where systemd runs
 * and the command is known, a transient timer of its: a login that ends takes its processes along, and not that. Else a process of our
 * own. Returns once it is armed. */
int watchdog_arm(fbn_context *c, const struct state *state, uint64_t generation, int64_t deadline, const char *command);

/* In the process that waits: to put the generation back unless it has ended meanwhile. */
void watchdog_bark(fbn_context *c, const char *directory, uint64_t generation);

#endif
