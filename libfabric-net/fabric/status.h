/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_STATUS_H
#define FABRIC_STATUS_H

#include "base/text.h"
#include "fabric/run.h"

/* Families of OpenMetrics, in the order in which they are written. */
enum metric {
        METRIC_INFO,
        METRIC_FACT,
        METRIC_DIFFERENCES,
        METRIC_DRIFT,
        METRIC_PROBE,
        METRIC_SENT,
        METRIC_RECEIVED,
        METRIC_HANDSHAKE,
        METRIC_ROUTES,
        METRIC_NODE_ENROLLED,
        METRIC_NODE_ONLINE,
        METRIC_NODE_EXPIRY,
        METRIC_ROUTE_SERVING,
        METRIC_TAILSCALE_RUNNING,
        METRIC_TAILSCALE_ONLINE,
        METRIC_TAILSCALE_SENT,
        METRIC_TAILSCALE_RECEIVED,
        METRIC_ZONE_ANSWERED,
        METRIC_BANS,
        METRIC_BANS_WAITING,
        METRIC_BANS_LIFTING,
        METRIC_BANS_REFUSED,
        METRIC_BANS_STORED,
        METRIC_BANS_RESIDENT,
        METRIC_CERTIFICATE_END,
        METRIC_BACKUP_SUCCEEDED,
        METRIC_BACKUP_FAILED,
        METRIC_BACKUP_GENERATIONS,
        METRICS
};

struct fbn_fabric_status {
        unsigned references;
        struct arena arena;
        fbn_fabric_fact *facts;
        size_t count, capacity;
        fbn_plan *plan; /* NULL: no declared state to be compared with */
        const char *host;             /* the label of every sample; while it is observed */
        struct text samples[METRICS]; /* of OpenMetrics, by family */
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
/* The ban engine, if one listens here. */
int observe_bans(struct observation *o);
/* What this host fetches from others. */
int observe_backups(struct observation *o);
/* What this host serves: nginx, the way to who really serves it, certificates. */
int observe_services(struct observation *o);
/* What the file expects of this host, tried. */
int observe_expectations(struct observation *o);

/* One sample. After the value: names and values of labels, all of them text, then NULL; "host" is there already. */
void metric_add(fbn_fabric_status *status, enum metric metric, double value, ...) __attribute__((sentinel));
void metrics_peer(fbn_fabric_status *status, const char *device, const char *name, const fbn_wireguard_peer *peer);
bool metrics_write(fbn_fabric_status *status); /* false without memory */

/* Nanoseconds since 1970 as whole seconds. */
static inline double metric_seconds(int64_t nanoseconds)
{
        return (double)(nanoseconds / 1000000000);
}

#endif
