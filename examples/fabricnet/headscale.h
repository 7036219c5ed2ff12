/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HEADSCALE_H
#define HEADSCALE_H

#include "command.h"

/* The server of --url and --api-key, else the one that the fabric file declares. */
int open_server(struct command *command, fbn_headscale **ret_headscale);

/* The date, "never" for 0. */
const char *day(int64_t time, char *buffer, size_t size);
/* Within fourteen days, when an API key should have been rotated. */
bool key_ends_soon(const fbn_headscale_key *key);

int headscale_apply(struct command *command);
int headscale_diff(struct command *command);

#endif
