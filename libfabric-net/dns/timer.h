/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_TIMER_H
#define DNS_TIMER_H

#include "dns/list.h"

#include <stdint.h>

/* Timers that all run for the same time: whoever starts last is due last, so that starting, stopping and finding the next cost
 * nothing and need no memory. */
struct timer_queue {
        struct list timers;
        int64_t duration; /* nanoseconds */
};

struct timer {
        struct list entry;
        int64_t due; /* nanoseconds of clock_now() */
};

int64_t clock_now(void); /* nanoseconds, monotonic */
uint32_t clock_seconds(void); /* the time that the host slept included, in which TTLs pass too */

void timer_queue_init(struct timer_queue *queue, uint32_t milliseconds);
void timer_start(struct timer_queue *queue, struct timer *timer, int64_t now); /* starts again one that runs */
void timer_stop(struct timer *timer);

static inline bool timer_runs(const struct timer *timer)
{
        return timer->entry.next;
}

/* The next that is due at this time, stopped; NULL if none is. */
struct timer *timer_take_due(struct timer_queue *queue, int64_t now);

int64_t timer_next(const struct timer_queue *queue); /* INT64_MAX: none runs */

#endif
