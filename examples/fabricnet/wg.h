/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WG_H
#define WG_H

#include "command.h"

const char *backend_name(const fbn_wireguard_interface *interface);

/* Put endpoints in place of names; what failed is said on standard error and counted. Returns 0 or the library's failure. */
int resolve_names(struct command *command, const char *name, fbn_wireguard **want, int *ret_unresolved);

int wg_show(struct command *command);
int wg_import(struct command *command);
int wg_export(struct command *command);
int wg_qr(struct command *command);

#endif
