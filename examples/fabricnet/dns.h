/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DNS_H
#define DNS_H

#include "command.h"

/* The routes of --route, or else those of the fabric file for this host, with or without its records. Returns an exit code. */
int dns_routes(struct command *command, bool records, fbn_dns_routes **ret_routes);

/* --host, or this machine's name. */
const char *dns_this_host(const struct command *command);

/* "ADDRESS" or "ADDRESS:PORT" or "[ADDRESS]:PORT"; the port is 53 if left out. */
bool dns_endpoint(const char *text, fbn_endpoint *endpoint);

/* dns_query.c */
int dns_query(struct command *command);
int dns_explain(struct command *command);
int dns_show_routes(struct command *command);

/* dns_host.c */
int dns_host(struct command *command);
int dns_apply(struct command *command);
int dns_keep(struct command *command);
int dns_remove(struct command *command);
int dns_headscale(struct command *command);

#endif
