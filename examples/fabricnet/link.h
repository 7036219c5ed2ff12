/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COMMAND_LINK_H
#define COMMAND_LINK_H

#include "command.h"

/* The verbs of "fabricnet link" that are about addresses. */
int link_addresses(struct command *command);
int link_address_add(struct command *command);
int link_address_delete(struct command *command);
int link_address_apply(struct command *command);

#endif
