/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keep the endpoints of a WireGuard interface as the names in its file say, and print what happens to its peers, in one epoll loop.
 *
 * usage: example-wireguard_watch NAME FILE [NETNS] */
#include <fabricnet/fabricnet.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

static void print(const fbn_event *event)
{
        static const char *const words[] = {"", "added", "changed", "removed", "resync", "handshake", "stale", "counters", "failed"};

        printf("%s %s", words[event->kind], event->object ? event->object : event->type);
        if (event->field)
                printf(": %s", event->field);
        if (event->before || event->after)
                printf(" %s → %s", event->before ? event->before : "none", event->after ? event->after : "none");
        printf("\n");
        fflush(stdout);
}

/* The descriptors are ready for time too: the loop needs no time-outs. */
static int loop(fbn_context *c, int epoll)
{
        struct epoll_event ready;
        const fbn_event *event;
        int r = 0;

        while (r >= 0 && epoll_wait(epoll, &ready, 1, -1) == 1) {
                r = fbn_monitor_process(c, ready.data.ptr);
                while ((event = fbn_monitor_next(ready.data.ptr)))
                        print(event);
        }
        return r;
}

static int add(int epoll, fbn_monitor *monitor)
{
        struct epoll_event event = {.events = (uint32_t)fbn_monitor_events(monitor), .data.ptr = monitor};

        return epoll_ctl(epoll, EPOLL_CTL_ADD, fbn_monitor_fd(monitor), &event);
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        FBN_CLEANUP(fbn_monitor) resolver = NULL;
        int epoll = epoll_create1(EPOLL_CLOEXEC), r;

        if (argc < 3 || argc > 4) {
                fprintf(stderr, "usage: %s NAME FILE [NETNS]\n", argv[0]);
                return 3;
        }
        r = fbn_context_new(FBN_OPTIONS(fbn_context_options, .netns = argc > 3 ? argv[3] : NULL), &c);
        if (r >= 0)
                r = fbn_wireguard_parse_file(c, argv[2], &want);
        if (r >= 0)
                r = fbn_wireguard_monitor_new(c, argv[1], FBN_OPTIONS(fbn_wireguard_monitor_options, .existing = true), &monitor);
        if (r >= 0)
                r = fbn_wireguard_resolver_new(c, argv[1], want, NULL, &resolver);
        if (r >= 0 && add(epoll, monitor) == 0 && add(epoll, resolver) == 0)
                r = loop(c, epoll);
        if (r < 0)
                fprintf(stderr, "%s\n", fbn_context_error(c));
        close(epoll);
        return 1;
}
