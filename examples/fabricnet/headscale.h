/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HEADSCALE_H
#define HEADSCALE_H

#include "command.h"

/* The server of --url and --api-key, else the one that the fabric file declares. */
int open_server(struct command *command, fbn_headscale **ret_headscale);

/* The id that is the first argument, and the server; EXIT_BAD_INPUT if it is none. */
int open_with_id(struct command *command, fbn_headscale **ret_headscale, uint64_t *ret_id);
int finish(struct command *command, int r); /* such a verb's */

/* A verb below a noun; the noun alone is its list. */
int verb_or_list(struct command *command, const char *group, int (*list)(struct command *command), const struct verb *verbs, size_t count);

int headscale_keys(struct command *command);
int headscale_dns(struct command *command);
int headscale_config(struct command *command);

/* The date, "never" for 0. */
const char *day(int64_t time, char *buffer, size_t size);
/* Within fourteen days, when an API key should have been rotated. */
bool key_ends_soon(const fbn_headscale_key *key);

int headscale_apply(struct command *command);

#endif
