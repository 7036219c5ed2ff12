/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WG_H
#define WG_H

#include "command.h"

const char *backend_name(const fbn_wireguard_interface *interface);

int wg_show(struct command *command);
int wg_import(struct command *command);
int wg_export(struct command *command);
int wg_qr(struct command *command);

#endif
