/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netlink/follow.h"

#define SOON ((int64_t)100000000)   /* nanoseconds, until what was interrupted is read again */
#define LATER ((int64_t)1000000000) /* until what failed is tried again */

static struct follow *of(fbn_monitor *monitor)
{
        return (struct follow *)monitor;
}

int follow_begin(fbn_context *c, struct follow *follow, const struct monitor_class *class, int bus)
{
        int r = monitor_begin(c, &follow->monitor, class);

        if (r == 0)
                r = netlink_new(c, bus, &follow->netlink);
        return r < 0 ? r : monitor_poll(c, &follow->monitor, follow->netlink->fd);
}

int follow_group(fbn_context *c, struct follow *follow, unsigned group)
{
        return netlink_join(c, follow->netlink, group);
}

void follow_kind(struct follow *follow, const struct mirror_kind *kind, uint16_t family, mirror_callback changed)
{
        mirror_init(&follow->mirrors[follow->count++], kind, family, changed, follow);
}

void follow_dirty(struct follow *follow, const struct mirror_kind *kind)
{
        for (size_t i = 0; i < follow->count; i++)
                if (!kind || follow->mirrors[i].kind == kind)
                        follow->mirrors[i].dirty = true;
}

static bool any_dirty(const struct follow *follow)
{
        for (size_t i = 0; i < follow->count; i++)
                if (follow->mirrors[i].dirty)
                        return true;
        return false;
}

static int read_dirty(fbn_context *c, struct follow *follow)
{
        int r = follow->settle && any_dirty(follow) ? follow->settle(c, follow) : 0;

        for (size_t i = 0; i < follow->count && r == 0; i++)
                if (follow->mirrors[i].dirty)
                        r = mirror_read(c, &follow->mirrors[i]);
        return r;
}

int follow_start(fbn_context *c, struct follow *follow, bool existing)
{
        int r;

        follow->quiet = !existing;
        r = read_dirty(c, follow);
        follow->quiet = false;
        monitor_due(&follow->monitor, existing && r == 0 ? monitor_now() : MONITOR_NEVER);
        return r;
}

static int notice(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        struct follow *follow = data;
        int r = follow->noticed ? follow->noticed(c, message, follow) : 0;

        if (r > 0)
                return 0;
        for (size_t i = 0; i < follow->count && r == 0; i++)
                r = mirror_apply(c, &follow->mirrors[i], message);
        return r;
}

static int catch_up(fbn_context *c, struct follow *follow)
{
        bool lost = false;
        int r = netlink_notified(c, follow->netlink, notice, follow, &lost);

        if (lost) {
                follow_dirty(follow, NULL);
                r = r < 0 ? r : monitor_add(c, &follow->monitor, &(fbn_event){.kind = FBN_EVENT_RESYNC, .type = "monitor"});
        }
        return r < 0 ? r : read_dirty(c, follow);
}

int follow_process(fbn_context *c, fbn_monitor *monitor)
{
        struct follow *follow = of(monitor);
        struct error_record before = c->error;
        int r = catch_up(c, follow);

        monitor_due(monitor, r == 0 ? MONITOR_NEVER : monitor_now() + (r == -FBN_EINTERRUPTED ? SOON : LATER));
        if (r != -FBN_EINTERRUPTED)
                return r;
        c->error = before;
        return 0;
}

void follow_release(fbn_monitor *monitor)
{
        struct follow *follow = of(monitor);

        for (size_t i = 0; i < follow->count; i++)
                mirror_free(&follow->mirrors[i]);
        netlink_free(follow->netlink);
}
