/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TAILSCALE_BUS_H
#define TAILSCALE_BUS_H

#include "tailscale/tailscale.h"

/* ipn.State as numbers, which is what the bus carries (ipn/backend.go); status has them as text. */
enum bus_state { BUS_NO_STATE, BUS_IN_USE, BUS_NEEDS_LOGIN, BUS_NEEDS_MACHINE_AUTH, BUS_STOPPED, BUS_STARTING, BUS_RUNNING };

/* The daemon's notices, from the moment it was opened. */
struct bus {
        struct http *http;
        int state; /* the last that was told */
};

int bus_open(fbn_context *c, const fbn_tailscale_options *options, struct bus *ret_bus);
void bus_close(struct bus *bus);

/* Drop what came so far, errors of an attempt before ours among it; keeps the state. */
int bus_drain(fbn_context *c, struct bus *bus);

/* Until Running. -FBN_EDENIED with the control server's words or, with interactive, the URL to open; -FBN_ETIMEOUT. */
int bus_wait(fbn_context *c, struct bus *bus, bool interactive, int64_t deadline_ms);

int fail_interactive(fbn_context *c, const char *url);

#endif
