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
        bool logged_in; /* the node has another key than the old one */
        char old_key[96]; /* "nodekey:…", public; "" if it does not matter */
        void (*progress)(void *data, const char *what); /* may be NULL */
        void *progress_data;
};

const char *bus_state_name(int state);

/* What the daemon sent since the last look, without waiting: 1 and a notice, or 0. A member "State" was noted. */
int bus_poll(fbn_context *c, struct bus *bus, json_t **ret_notice);

int bus_open(fbn_context *c, const fbn_tailscale_options *options, struct bus *ret_bus);
void bus_close(struct bus *bus);

/* One line of the stream. Its state, if it tells one, is noted. */
int bus_read(fbn_context *c, struct bus *bus, const char *line, json_t **ret_notice);
/* -FBN_EDENIED if it says that the login failed or, with interactive, that somebody has to open a URL. */
int bus_judge(fbn_context *c, const json_t *notice, bool interactive);

/* The events of lines that were recorded: a monitor without a daemon, whose events are to be taken. */
int tailscale_notices_read(fbn_context *c, const char *lines, size_t length, fbn_monitor **ret_monitor);

/* Drop what came so far, errors of an attempt before ours among it; keeps the state. */
int bus_drain(fbn_context *c, struct bus *bus);

/* Until Running, with anew only after a login. -FBN_EDENIED with the control server's words or, with interactive, the URL to open; -FBN_ETIMEOUT. */
int bus_wait(fbn_context *c, struct bus *bus, bool interactive, bool anew, int64_t deadline_ms);

int fail_interactive(fbn_context *c, const char *url);

#endif
