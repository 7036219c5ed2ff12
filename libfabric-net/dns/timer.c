/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/timer.h"

#include <time.h>

int64_t clock_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

uint32_t clock_seconds(void)
{
        struct timespec now;

        clock_gettime(CLOCK_BOOTTIME, &now);
        return (uint32_t)now.tv_sec;
}

void timer_queue_init(struct timer_queue *queue, uint32_t milliseconds)
{
        list_init(&queue->timers);
        queue->duration = (int64_t)milliseconds * 1000000;
}

void timer_start(struct timer_queue *queue, struct timer *timer, int64_t now)
{
        timer_stop(timer);
        timer->due = now + queue->duration;
        list_append(&queue->timers, &timer->entry);
}

void timer_stop(struct timer *timer)
{
        list_remove(&timer->entry);
}

struct timer *timer_take_due(struct timer_queue *queue, int64_t now)
{
        struct timer *first = CONTAINER_OF(queue->timers.next, struct timer, entry);

        if (list_empty(&queue->timers) || first->due > now)
                return NULL;
        timer_stop(first);
        return first;
}

int64_t timer_next(const struct timer_queue *queue)
{
        return list_empty(&queue->timers) ? INT64_MAX : CONTAINER_OF(queue->timers.next, struct timer, entry)->due;
}
