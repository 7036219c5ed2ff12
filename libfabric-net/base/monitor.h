/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_MONITOR_H
#define BASE_MONITOR_H

#include "base/context.h"

#include <fabricnet/monitor.h>

#define MONITOR_NEVER INT64_MAX

/* What a domain's monitor does. Its own struct begins with the fbn_monitor. */
struct monitor_class {
        int (*process)(fbn_context *c, fbn_monitor *monitor); /* adds events; says with monitor_due() when it wants to be called again */
        void (*release)(fbn_monitor *monitor);                /* what is the domain's; not the struct */
};

struct fbn_monitor {
        unsigned references;
        const struct monitor_class *class;
        int epoll, timer;
        int64_t due; /* of monitor_now(), or MONITOR_NEVER */
        struct arena arena; /* of the events' texts and records; emptied when all were taken */
        fbn_event *events;
        size_t next, count, capacity;
};

int64_t monitor_now(void); /* nanoseconds, monotonic */
int64_t monitor_clock(void); /* nanoseconds since 1970 */

/* Begin a zeroed struct of the domain's; on failure unref it like any other. It is due at once. */
int monitor_begin(fbn_context *c, fbn_monitor *monitor, const struct monitor_class *class);

/* The monitor's descriptor is ready when this one can be read. */
int monitor_poll(fbn_context *c, fbn_monitor *monitor, int fd);

void monitor_due(fbn_monitor *monitor, int64_t when);

/* Queue an event: texts are copied, the time is now; records must be the monitor's arena's. */
int monitor_add(fbn_context *c, fbn_monitor *monitor, const fbn_event *event);

#endif
