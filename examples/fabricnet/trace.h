/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COMMAND_TRACE_H
#define COMMAND_TRACE_H

#include "command.h"

/* "fabricnet nat trace …" */
int nat_trace(struct command *command);

#endif
