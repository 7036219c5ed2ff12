/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_STATUS_H
#define FABRIC_STATUS_H

#include "fabric/run.h"

struct fbn_fabric_status {
        unsigned references;
        struct arena arena;
        fbn_fabric_fact *facts;
        size_t count, capacity;
        fbn_plan *plan;
};

/* A look at a host: a dry run, and what is live. */
struct observation {
        struct run run;
        fbn_fabric_status *status;
};

int status_add(struct observation *o, const char *domain, const char *object, fbn_health health, const char *text);
const char *status_ago(int64_t when, char *buffer, size_t size); /* "12 s ago"; when is nanoseconds since 1970 */

/* Headscale, if it is on this host, and tailscaled, if the host is a node. What does not answer was said by the dry run. */
int observe_mesh(struct observation *o);
int observe_tailscale(struct observation *o);
/* What this host fetches from others. */
int observe_backups(struct observation *o);

#endif
