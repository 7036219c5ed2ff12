/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/monitor.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define CANCEL_CHECK 200 /* milliseconds */

static int64_t clock_read(clockid_t clock)
{
        struct timespec now;

        clock_gettime(clock, &now);
        return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t monitor_now(void)
{
        return clock_read(CLOCK_MONOTONIC);
}

int64_t monitor_clock(void)
{
        return clock_read(CLOCK_REALTIME);
}

int monitor_poll(fbn_context *c, fbn_monitor *monitor, int fd)
{
        struct epoll_event event = {.events = EPOLLIN};

        return epoll_ctl(monitor->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? fail_errno(c, errno, "cannot watch a descriptor") : 0;
}

int monitor_begin(fbn_context *c, fbn_monitor *monitor, const struct monitor_class *class)
{
        monitor->references = 1;
        monitor->class = class;
        monitor->timer = -1;
        monitor->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (monitor->epoll < 0)
                return fail_errno(c, errno, "cannot make an epoll descriptor");
        monitor->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (monitor->timer < 0)
                return fail_errno(c, errno, "cannot make a timer");
        monitor_due(monitor, monitor_now());
        return monitor_poll(c, monitor, monitor->timer);
}

/* An absolute time that has passed makes the timer ready at once; all zero stops it. */
void monitor_due(fbn_monitor *monitor, int64_t when)
{
        struct itimerspec setting = {0};

        monitor->due = when;
        if (when != MONITOR_NEVER) {
                setting.it_value.tv_sec = when / 1000000000;
                setting.it_value.tv_nsec = when % 1000000000;
        }
        timerfd_settime(monitor->timer, TFD_TIMER_ABSTIME, &setting, NULL);
}

fbn_monitor *fbn_monitor_ref(fbn_monitor *monitor)
{
        monitor->references++;
        return monitor;
}

fbn_monitor *fbn_monitor_unref(fbn_monitor *monitor)
{
        if (!monitor || --monitor->references > 0)
                return NULL;
        monitor->class->release(monitor);
        fd_closep(&monitor->epoll);
        fd_closep(&monitor->timer);
        arena_free(&monitor->arena);
        memory_free(monitor->events);
        memory_free(monitor);
        return NULL;
}

int fbn_monitor_fd(const fbn_monitor *monitor)
{
        return monitor->epoll;
}

short fbn_monitor_events(const fbn_monitor *monitor)
{
        (void)monitor;
        return POLLIN;
}

int fbn_monitor_timeout(const fbn_monitor *monitor)
{
        int64_t left = monitor->due - monitor_now();

        if (monitor->due == MONITOR_NEVER)
                return -1;
        return left <= 0 ? 0 : (int)MIN((left + 999999) / 1000000, (int64_t)INT32_MAX);
}

static void forget_taken(fbn_monitor *monitor)
{
        if (monitor->next < monitor->count)
                return;
        monitor->next = monitor->count = 0;
        arena_free(&monitor->arena);
}

int fbn_monitor_process(fbn_context *c, fbn_monitor *monitor)
{
        int r = context_check(c);

        if (r < 0)
                return r;
        forget_taken(monitor);
        return monitor->class->process(c, monitor);
}

const fbn_event *fbn_monitor_next(fbn_monitor *monitor)
{
        return monitor->next < monitor->count ? &monitor->events[monitor->next++] : NULL;
}

/* Poll once, in a slice after which the caller looks whether it was cancelled, and process what is there. */
static int wait_once(fbn_context *c, fbn_monitor *monitor, int64_t left)
{
        struct pollfd wait = {.fd = monitor->epoll, .events = POLLIN};
        int ready = poll(&wait, 1, (int)MIN(left, (int64_t)CANCEL_CHECK));

        if (ready < 0 && errno != EINTR)
                return fail_errno(c, errno, "cannot wait for events");
        return ready > 0 ? fbn_monitor_process(c, monitor) : context_check(c);
}

int fbn_monitor_wait(fbn_context *c, fbn_monitor *monitor, int timeout_ms)
{
        int64_t end = timeout_ms < 0 ? MONITOR_NEVER : monitor_now() + (int64_t)timeout_ms * 1000000;

        while (monitor->next == monitor->count) {
                int64_t left = end == MONITOR_NEVER ? CANCEL_CHECK : MAX((end - monitor_now() + 999999) / 1000000, (int64_t)0);
                int r = wait_once(c, monitor, left);

                if (r < 0)
                        return r;
                if (left == 0)
                        break;
        }
        return monitor->next < monitor->count;
}

static bool keep(struct arena *arena, const char **text)
{
        return !*text || (*text = arena_strdup(arena, *text));
}

int monitor_add(fbn_context *c, fbn_monitor *monitor, const fbn_event *event)
{
        fbn_event mine = *event;

        mine.size = sizeof(mine);
        mine.time = monitor_clock();
        if (!keep(&monitor->arena, &mine.object) || !keep(&monitor->arena, &mine.before) || !keep(&monitor->arena, &mine.after) ||
            !keep(&monitor->arena, &mine.by) || !keep(&monitor->arena, &mine.field) || !keep(&monitor->arena, &mine.type) ||
            !ARRAY_RESERVE(monitor->events, monitor->count, monitor->capacity))
                return fail_memory(c);
        monitor->events[monitor->count++] = mine;
        return 0;
}
