/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever notifications come on a route netlink socket: their reader stays inside them, and what it keeps of them can be read again.
 *
 * The input is a datagram of the kernel's. With clang link it with -fsanitize=fuzzer and -DFUZZ_LIBFUZZER; else it replays files:
 * fuzz-route_monitor SEED… */
#include "route/watch.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libmnl takes a length beyond 2 GiB for a negative one, and no kernel sends that. */
static void apply(fbn_context *c, struct route_monitor *monitor, const struct nlmsghdr *message, int left)
{
        for (; mnl_nlmsg_ok(message, left) && message->nlmsg_len <= INT32_MAX; message = mnl_nlmsg_next(message, &left))
                for (size_t i = 0; i < monitor->follow.count; i++)
                        if (mirror_apply(c, &monitor->follow.mirrors[i], message) < 0)
                                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static fbn_context *c;
        struct route_monitor monitor = {0};
        void *copy = malloc(size + 1);

        if (!c && fbn_context_new(NULL, &c) < 0)
                abort();
        memcpy(copy, data, size);
        for (unsigned i = 0; i < 2; i++) {
                follow_kind(&monitor.follow, &route_mirror, i ? AF_INET6 : AF_INET, route_changed);
                follow_kind(&monitor.follow, &rule_mirror, i ? AF_INET6 : AF_INET, rule_changed);
                follow_kind(&monitor.follow, &neighbour_mirror, i ? AF_INET6 : AF_INET, neighbour_changed);
        }
        apply(c, &monitor, copy, (int)size);
        apply(c, &monitor, copy, (int)size); /* all of it is there already, or gone */
        for (size_t i = 0; i < monitor.follow.count; i++)
                mirror_free(&monitor.follow.mirrors[i]);
        arena_free(&monitor.follow.monitor.arena);
        memory_free(monitor.follow.monitor.events);
        free(copy);
        return 0;
}

#include "replay.h"
