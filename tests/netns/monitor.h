/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETNS_MONITOR_H
#define NETNS_MONITOR_H

/* What the tests of monitors share. */

#include "netns/namespace.h"

#include <fabricnet/monitor.h>

static inline const fbn_event *next_event(fbn_context *c, fbn_monitor *monitor, int milliseconds)
{
        const fbn_event *event = fbn_monitor_next(monitor);

        if (event)
                return event;
        assert_ok(c, fbn_monitor_wait(c, monitor, milliseconds));
        return fbn_monitor_next(monitor);
}

/* Skip what else comes, up to an event of this kind about this; fails the test if it does not come within ten seconds. */
static inline const fbn_event *event_of(fbn_context *c, fbn_monitor *monitor, fbn_event_kind kind, const char *type, const char *field)
{
        time_t end = time(NULL) + 60;
        const fbn_event *event;

        do {
                event = next_event(c, monitor, 1000);
                if (event && event->kind == kind && strcmp(event->type, type) == 0 &&
                    (!field || (event->field && strcmp(event->field, field) == 0)))
                        return event;
        } while (time(NULL) < end);
        fail_msg("no event of kind %d about a %s (%s)", (int)kind, type, field ? field : "");
        return NULL;
}

/* Nothing for a while, after what is there now. */
static inline void assert_silence(fbn_context *c, fbn_monitor *monitor, int milliseconds)
{
        const fbn_event *event;

        while (fbn_monitor_next(monitor))
                ;
        event = next_event(c, monitor, milliseconds);
        if (event)
                fail_msg("an event of kind %d about %s %s", (int)event->kind, event->object, event->field ? event->field : "");
}

#endif
