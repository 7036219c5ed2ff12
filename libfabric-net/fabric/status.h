/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_STATUS_H
#define FABRIC_STATUS_H

#include "base/text.h"
#include "fabric/run.h"

#define STATUS_COLUMNS 3 /* of WireGuard's peers: sent, received, handshake */

struct fbn_fabric_status {
        unsigned references;
        struct arena arena;
        fbn_fabric_fact *facts;
        size_t count, capacity;
        fbn_plan *plan;
        struct text columns[STATUS_COLUMNS], probes; /* samples of OpenMetrics, by family */
        struct text metrics;
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
int observe_names(struct observation *o);
/* What this host fetches from others. */
int observe_backups(struct observation *o);
/* What the file expects of this host, tried. */
int observe_expectations(struct observation *o);

/* Names as dashboards of other exporters expect them. */
void metrics_peer(fbn_fabric_status *status, const char *device, const struct member *member, const fbn_wireguard_peer *peer);
void metrics_probe(fbn_fabric_status *status, const struct expectation *expectation, uint32_t microseconds);
bool metrics_write(fbn_fabric_status *status); /* false without memory */

#endif
