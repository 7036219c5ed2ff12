/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_DAEMON_H
#define WIREGUARD_DAEMON_H

#include "base/context.h"

/* Run "PROGRAM NAME" in the context's namespace until it has gone to the background, at most until the deadline (CLOCK_MONOTONIC,
 * milliseconds). -FBN_EUNSUPPORTED if there is no such program. */
int daemon_start(fbn_context *c, const char *program, const char *name, int64_t deadline);

int64_t milliseconds_now(void);

#endif
