/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HEADSCALE_H
#define HEADSCALE_H

#include "command.h"

/* The server of --url and --api-key, else the one that the fabric file declares. */
int open_server(struct command *command, fbn_headscale **ret_headscale);

int headscale_apply(struct command *command);
int headscale_diff(struct command *command);

#endif
