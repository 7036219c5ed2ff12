/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/monitor.h"

#include <net/if.h>

#define INTERVAL 1000 /* milliseconds */
#define STALE 180     /* seconds */

struct wireguard_monitor {
        fbn_monitor monitor; /* first member */
        struct watching watching;
        char *name; /* NULL: all */
        int64_t interval;
        struct watched **items;
        size_t count, capacity;
        bool begun;
};

static struct wireguard_monitor *of(fbn_monitor *monitor)
{
        return (struct wireguard_monitor *)monitor;
}

static struct watched *find(const struct wireguard_monitor *mine, const char *name)
{
        for (size_t i = 0; i < mine->count; i++)
                if (streq(mine->items[i]->name, name))
                        return mine->items[i];
        return NULL;
}

static int watched_get(struct wireguard_monitor *mine, const char *name, struct watched **ret_watched)
{
        struct watched *watched = find(mine, name);

        if (!watched) {
                watched = ARRAY_RESERVE(mine->items, mine->count, mine->capacity) ? watched_new(name) : NULL;
                if (!watched)
                        return fail_memory(mine->watching.c);
                mine->items[mine->count++] = watched;
        }
        *ret_watched = watched;
        return 0;
}

/* Read one interface and tell what differs. One that is gone, or that keeps changing, is for the next look. */
static int look_at(struct wireguard_monitor *mine, const char *name)
{
        FBN_CLEANUP(fbn_wireguard) now = NULL;
        fbn_context *c = mine->watching.c;
        struct error_record before = c->error;
        struct watched *watched = NULL;
        int r = watched_get(mine, name, &watched);

        if (r < 0)
                return r;
        watched->seen = true;
        r = fbn_wireguard_get(c, name, &now);
        if (r == -FBN_ENOENT || r == -FBN_EUNAVAILABLE || r == -FBN_EINTERRUPTED) {
                c->error = before;
                return r == -FBN_EINTERRUPTED ? 0 : watched_compare(&mine->watching, watched, NULL);
        }
        return r < 0 ? r : watched_compare(&mine->watching, watched, now);
}

static int forget_unseen(struct wireguard_monitor *mine)
{
        for (size_t i = 0; i < mine->count; i++) {
                struct watched *watched = mine->items[i];
                int r = watched->seen ? 0 : watched_compare(&mine->watching, watched, NULL);

                if (r < 0)
                        return r;
                if (watched->seen)
                        continue;
                watched_free(watched);
                mine->items[i--] = mine->items[--mine->count];
        }
        return 0;
}

static int look_at_all(struct wireguard_monitor *mine)
{
        FBN_CLEANUP(fbn_wireguards) wireguards = NULL;
        int r = fbn_wireguard_list(mine->watching.c, &wireguards);

        if (r < 0)
                return r;
        for (size_t i = 0; i < mine->count; i++)
                mine->items[i]->seen = false;
        for (size_t i = 0; i < fbn_wireguards_count(wireguards); i++) {
                r = look_at(mine, fbn_wireguards_at(wireguards, i)->name);
                if (r < 0)
                        return r;
        }
        return forget_unseen(mine);
}

static int process(fbn_context *c, fbn_monitor *monitor)
{
        struct wireguard_monitor *mine = of(monitor);
        int64_t now = monitor_now();
        int r;

        if (now < monitor->due)
                return 0;
        monitor_due(monitor, now + mine->interval);
        mine->watching.c = c;
        mine->watching.first = !mine->begun;
        r = mine->name ? look_at(mine, mine->name) : look_at_all(mine);
        mine->begun = mine->begun || r == 0;
        return r;
}

static void release(fbn_monitor *monitor)
{
        struct wireguard_monitor *mine = of(monitor);

        for (size_t i = 0; i < mine->count; i++)
                watched_free(mine->items[i]);
        memory_free(mine->items);
        memory_free(mine->name);
}

static int setup(fbn_context *c, struct wireguard_monitor *mine, const char *name)
{
        fbn_wireguard_monitor_options *options = &mine->watching.options;

        mine->watching.monitor = &mine->monitor;
        mine->interval = (int64_t)(options->interval_ms ? options->interval_ms : INTERVAL) * 1000000;
        if (!options->stale_s)
                options->stale_s = STALE;
        if (!name)
                return 0;
        if (!*name || strlen(name) >= IFNAMSIZ || strchr(name, '/'))
                return fail(c, FBN_EINVAL, "'%s' is no name of an interface", name);
        mine->name = memory_strdup(name);
        return mine->name ? 0 : fail_memory(c);
}

int fbn_wireguard_monitor_new(fbn_context *c, const char *name, const fbn_wireguard_monitor_options *options, fbn_monitor **ret_monitor)
{
        static const struct monitor_class class = {process, release};
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        struct wireguard_monitor *mine = memory_alloc(sizeof(*mine));
        int r;

        if (!mine)
                return fail_memory(c);
        monitor = &mine->monitor;
        r = monitor_begin(c, monitor, &class);
        if (r == 0)
                r = OPTIONS_READ(c, fbn_wireguard_monitor_options, options, &mine->watching.options);
        if (r == 0)
                r = setup(c, mine, name);
        if (r == 0)
                r = process(c, monitor);
        if (r < 0)
                return r;
        if (monitor->count > 0)
                monitor_due(monitor, monitor_now()); /* there are events to take */
        *ret_monitor = TAKE_PTR(monitor);
        return 0;
}
