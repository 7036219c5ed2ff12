/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/host/dbus.h"
#include "dns/host/host.h"

#include "base/monitor.h"

#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define LOOK (60 * SECOND)         /* also when nothing was heard: not every way to lose a setting makes a sound */
#define AGAIN (2 * SECOND)        /* after a failure */
#define PATIENCE_FIRST (SECOND / 4) /* after a sound: services write several times when they start */
#define PATIENCE_LAST (30 * SECOND) /* somebody who always writes over it is not fought for every second */

/* What was said once is said again: to a service that has restarted, over a file that somebody has written over. */
struct host_monitor {
        fbn_monitor monitor; /* first member */
        fbn_dns_routes *routes;
        fbn_dns_host_options options;
        struct arena arena; /* of what the options point to */
        fbn_dns_manager manager;
        int inotify; /* -1: none */
        struct bus bus;  /* connection NULL: there is none */
        bool woken;      /* by the bus */
        int64_t patience;
        int64_t said;    /* when it had to be said last */
        bool failing;
};

static int on_signal(sd_bus_message *message, void *data, sd_bus_error *error)
{
        struct host_monitor *monitor = data;

        (void)message;
        (void)error;
        monitor->woken = true;
        return 0;
}

static void listen_bus(fbn_context *c, struct host_monitor *monitor)
{
        struct undoing undoing = undo_begin(c);
        struct bus *bus = &monitor->bus;

        if (monitor->manager == FBN_DNS_MANAGER_RESOLVED && dbus_open(c, bus) == 0) {
                bus->match_signal(bus->connection, NULL, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", on_signal,
                                  monitor);
                bus->match_signal(bus->connection, NULL, "org.freedesktop.resolve1", NULL, "org.freedesktop.DBus.Properties", "PropertiesChanged", on_signal,
                                  monitor);
                if (monitor_poll(c, &monitor->monitor, bus->get_fd(bus->connection)) < 0)
                        dbus_close(bus);
        }
        undo_end(c, &undoing);
}

static int listen_files(fbn_context *c, struct host_monitor *monitor)
{
        static const char *const folders[] = {"/etc", "/etc/dnsmasq.d", "/etc/unbound/unbound.conf.d", "/etc/NetworkManager/dnsmasq.d"};

        monitor->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (monitor->inotify < 0)
                return fail_errno(c, errno, "cannot watch files");
        for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
                inotify_add_watch(monitor->inotify, folders[i], IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR);
        return monitor_poll(c, &monitor->monitor, monitor->inotify);
}

/* Names that matter: all else in /etc is no reason. */
static bool is_ours(const char *name)
{
        return streq(name, "resolv.conf") || streq(name, "fabricnet.conf") || streq(name, "nsswitch.conf");
}

static bool heard_files(struct host_monitor *monitor)
{
        _Alignas(struct inotify_event) char bytes[4096];
        bool heard = false;
        ssize_t length;

        while ((length = read(monitor->inotify, bytes, sizeof(bytes))) > 0)
                for (char *at = bytes; at < bytes + length;) {
                        const struct inotify_event *event = (const struct inotify_event *)(const void *)at;

                        heard |= (event->mask & IN_Q_OVERFLOW) || (event->len > 0 && is_ours(event->name));
                        at += sizeof(*event) + event->len;
                }
        return heard;
}

/* A bus that went away is heard of as end of file: it is looked for again at the next look. */
static bool heard_bus(struct host_monitor *monitor)
{
        int r = 1;

        monitor->woken = false;
        while (monitor->bus.connection && r > 0)
                r = monitor->bus.process(monitor->bus.connection, NULL);
        if (r < 0 && monitor->bus.connection) {
                dbus_close(&monitor->bus);
                return true;
        }
        return monitor->woken;
}

static int tell(fbn_context *c, struct host_monitor *monitor, fbn_event_kind kind, const char *before, const char *after)
{
        return monitor_add(c, &monitor->monitor,
                           &(fbn_event){.kind = kind, .type = "resolver", .object = manager_find(monitor->manager)->name, .before = before, .after = after});
}

static int look(fbn_context *c, struct host_monitor *monitor)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r = fbn_dns_host_apply(c, monitor->routes, &monitor->options, &changes);

        if (r == -FBN_ENOMEM || r == -FBN_ECANCELED || r == -FBN_EPERM)
                return r;
        if (r < 0 && !monitor->failing) {
                monitor->failing = true;
                return tell(c, monitor, FBN_EVENT_FAILED, NULL, fbn_context_error(c));
        }
        if (r < 0)
                return 0;
        monitor->failing = false;
        for (size_t i = 0; r > 0 && i < fbn_changes_count(changes); i++) {
                int added = tell(c, monitor, FBN_EVENT_CHANGED, fbn_changes_at(changes, i)->before, fbn_changes_at(changes, i)->object);

                if (added < 0)
                        return added;
        }
        if (r > 0) {
                int64_t now = monitor_now();

                monitor->patience = now - monitor->said < 2 * PATIENCE_LAST ? MIN(monitor->patience * 2, PATIENCE_LAST) : PATIENCE_FIRST;
                monitor->said = now;
        }
        return 0;
}

/* Once what was heard has settled, or when it is time anyway. */
static int process(fbn_context *c, fbn_monitor *base)
{
        struct host_monitor *monitor = (struct host_monitor *)base;
        int64_t now = monitor_now();
        bool files = heard_files(monitor), bus = heard_bus(monitor);
        int r;

        if (files || bus)
                monitor_due(base, MIN(base->due, now + monitor->patience));
        if (now < base->due)
                return 0;
        if (!monitor->bus.connection)
                listen_bus(c, monitor);
        r = look(c, monitor);
        monitor_due(base, monitor_now() + (monitor->failing ? AGAIN : LOOK));
        return r;
}

static void release(fbn_monitor *base)
{
        struct host_monitor *monitor = (struct host_monitor *)base;

        if (monitor->bus.connection)
                dbus_close(&monitor->bus);
        if (monitor->inotify >= 0)
                close(monitor->inotify);
        fbn_dns_routes_unref(monitor->routes);
        arena_free(&monitor->arena);
}

static const struct monitor_class class = {process, release};

static bool keep_texts(struct arena *arena, const char *const **list, size_t n)
{
        const char **mine = arena_alloc(arena, MAX(n, (size_t)1) * sizeof(char *));

        for (size_t i = 0; mine && i < n; i++) {
                mine[i] = arena_strdup(arena, (*list)[i]);
                if (!mine[i])
                        return false;
        }
        *list = mine;
        return mine;
}

static bool keep_options(struct host_monitor *monitor)
{
        fbn_dns_host_options *options = &monitor->options;

        if (options->device && !(options->device = arena_strdup(&monitor->arena, options->device)))
                return false;
        return keep_texts(&monitor->arena, &options->search, options->n_search) && keep_texts(&monitor->arena, &options->restart, options->n_restart);
}

/* The manager that is found now is the one that is kept: ours in resolv.conf would hide it. */
static int choose(fbn_context *c, struct host_monitor *monitor)
{
        FBN_CLEANUP(fbn_dns_host) host = NULL;
        int r = fbn_dns_host_get(c, &monitor->options, &host);

        if (r < 0)
                return r;
        monitor->manager = monitor->options.manager = fbn_dns_host_state_get(host)->manager;
        monitor->options.dry_run = false;
        return fbn_dns_host_apply(c, monitor->routes, &monitor->options, NULL);
}

static int begin(fbn_context *c, struct host_monitor *monitor)
{
        int r = monitor_begin(c, &monitor->monitor, &class);

        if (r == 0)
                r = keep_options(monitor) ? choose(c, monitor) : fail_memory(c);
        if (r >= 0)
                r = listen_files(c, monitor);
        if (r < 0)
                return r;
        listen_bus(c, monitor);
        monitor_due(&monitor->monitor, monitor_now() + LOOK);
        return 0;
}

int fbn_dns_host_monitor_new(fbn_context *c, const fbn_dns_routes *routes, const fbn_dns_host_options *options, fbn_monitor **ret_monitor)
{
        struct host_monitor *monitor;
        fbn_dns_host_options mine;
        int r;

        r = OPTIONS_READ(c, fbn_dns_host_options, options, &mine);
        if (r < 0)
                return r;
        monitor = memory_alloc(sizeof(*monitor));
        if (!monitor)
                return fail_memory(c);
        monitor->inotify = -1;
        monitor->patience = PATIENCE_FIRST;
        monitor->options = mine;
        monitor->routes = fbn_dns_routes_ref((fbn_dns_routes *)(uintptr_t)routes);
        r = begin(c, monitor);
        if (r < 0)
                fbn_monitor_unref(&monitor->monitor);
        else
                *ret_monitor = &monitor->monitor;
        return r;
}
