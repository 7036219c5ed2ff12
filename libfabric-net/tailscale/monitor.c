/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tailscale/bus.h"

#include "base/monitor.h"

#include <stdio.h>

#define AGAIN_NS INT64_C(1000000000) /* between two looks for a daemon that went away */

struct daemon_monitor {
        fbn_monitor monitor; /* first member */
        char *socket;
        uint32_t timeout_ms;
        struct bus bus; /* closed while the daemon is away */
        bool connected;
        int told_state; /* -1: none yet */
        fbn_tailscale_settings *settings;
        json_t *warnings; /* by code, as they were last */
};

static int tell(fbn_context *c, struct daemon_monitor *mine, fbn_event_kind kind, const char *type, const char *field, const char *before,
                const char *after)
{
        return monitor_add(c, &mine->monitor,
                           &(fbn_event){.size = sizeof(fbn_event), .kind = kind, .type = type, .object = "tailscale", .field = field, .before = before,
                                        .after = after});
}

static int state_tell(fbn_context *c, struct daemon_monitor *mine)
{
        const char *before = mine->told_state < 0 ? NULL : bus_state_name(mine->told_state);
        int r = 0;

        if (mine->bus.state == mine->told_state)
                return 0;
        r = tell(c, mine, FBN_EVENT_CHANGED, "state", "state", before, bus_state_name(mine->bus.state));
        mine->told_state = mine->bus.state;
        return r;
}

static int prefs_tell(fbn_context *c, struct daemon_monitor *mine, const json_t *prefs)
{
        FBN_CLEANUP(fbn_tailscale_settings) now = NULL;
        FBN_CLEANUP(fbn_changes) changes = changes_new();
        _cleanup_(json_freep) json_t *patch = json_object();
        int r = changes && patch ? tailscale_settings_read(c, prefs, &now) : fail_memory(c);

        if (r == 0 && mine->settings)
                r = prefs_difference(c, fbn_tailscale_settings_prefs(mine->settings), fbn_tailscale_settings_prefs(now), patch, changes);
        for (size_t i = 0; r == 0 && i < fbn_changes_count(changes); i++) {
                const fbn_change *change = fbn_changes_at(changes, i);

                r = tell(c, mine, FBN_EVENT_CHANGED, "preference", change->field, change->before, change->after);
        }
        if (r < 0)
                return r;
        fbn_tailscale_settings_unref(mine->settings);
        mine->settings = TAKE_PTR(now);
        return 0;
}

static const char *words_of(const json_t *warning)
{
        const char *text = json_string_value(json_object_get(warning, "Text"));

        return text ? text : json_string_value(json_object_get(warning, "Title"));
}

static int health_tell(fbn_context *c, struct daemon_monitor *mine, json_t *now)
{
        const char *code;
        json_t *warning;
        int r = 0;

        json_object_foreach(now, code, warning)
                if (r == 0 && !json_object_get(mine->warnings, code))
                        r = tell(c, mine, FBN_EVENT_ADDED, "health", code, NULL, words_of(warning));
        json_object_foreach(mine->warnings, code, warning)
                if (r == 0 && !json_object_get(now, code))
                        r = tell(c, mine, FBN_EVENT_REMOVED, "health", code, words_of(warning), NULL);
        json_decref(mine->warnings);
        mine->warnings = json_incref(now);
        return r;
}

static int notice_tell(fbn_context *c, struct daemon_monitor *mine, const json_t *notice)
{
        const json_t *prefs = json_object_get(notice, "Prefs"), *health = json_object_get(notice, "Health");
        const char *words = json_string_value(json_object_get(notice, "ErrMessage"));
        const char *url = json_string_value(json_object_get(notice, "BrowseToURL"));
        int r = state_tell(c, mine);

        if (r == 0 && json_is_object(prefs))
                r = prefs_tell(c, mine, prefs);
        if (r == 0 && json_is_object(health))
                r = health_tell(c, mine, json_object_get(health, "Warnings"));
        if (r == 0 && url && *url)
                r = tell(c, mine, FBN_EVENT_CHANGED, "login", "url", NULL, url);
        if (r == 0 && words)
                r = tell(c, mine, FBN_EVENT_FAILED, "daemon", NULL, NULL, words);
        return r;
}

static int connect_bus(fbn_context *c, struct daemon_monitor *mine)
{
        const fbn_tailscale_options options = {.size = sizeof(options), .socket = mine->socket, .timeout_ms = mine->timeout_ms};
        int r = bus_open(c, &options, &mine->bus), fd;

        if (r < 0)
                return r;
        fd = http_stream_fd(mine->bus.http);
        if (fd >= 0)
                r = monitor_poll(c, &mine->monitor, fd);
        if (r < 0) {
                bus_close(&mine->bus);
                mine->bus = (struct bus){0};
                return r;
        }
        mine->connected = true;
        return 0;
}

static int notices_read(fbn_context *c, struct daemon_monitor *mine)
{
        for (;;) {
                _cleanup_(json_freep) json_t *notice = NULL;
                int r = bus_poll(c, &mine->bus, &notice);

                if (r == 1)
                        r = notice_tell(c, mine, notice);
                else
                        return r;
                if (r < 0)
                        return r;
        }
}

/* It went away, or talks nonsense: said once, then looked for again. */
static int lose(fbn_context *c, struct daemon_monitor *mine)
{
        char words[512];

        snprintf(words, sizeof(words), "%s", fbn_context_error(c));
        bus_close(&mine->bus);
        mine->bus = (struct bus){0};
        mine->connected = false;
        mine->told_state = -1;
        monitor_due(&mine->monitor, monitor_now() + AGAIN_NS);
        return tell(c, mine, FBN_EVENT_FAILED, "daemon", NULL, NULL, words);
}

static int process(fbn_context *c, fbn_monitor *monitor)
{
        struct daemon_monitor *mine = (struct daemon_monitor *)monitor;
        int r;

        if (!mine->connected) {
                if (monitor_now() < monitor->due)
                        return 0;
                monitor_due(monitor, monitor_now() + AGAIN_NS);
                r = connect_bus(c, mine);
                if (r < 0)
                        return r == -FBN_ECANCELED || r == -FBN_ENOMEM ? r : 0;
        }
        monitor_due(monitor, MONITOR_NEVER);
        r = notices_read(c, mine);
        return r == 0 || r == -FBN_ECANCELED || r == -FBN_ENOMEM ? r : lose(c, mine);
}

static void release(fbn_monitor *monitor)
{
        struct daemon_monitor *mine = (struct daemon_monitor *)monitor;

        bus_close(&mine->bus);
        fbn_tailscale_settings_unref(mine->settings);
        json_decref(mine->warnings);
        memory_free(mine->socket);
}

static int setup(fbn_context *c, struct daemon_monitor *mine, const fbn_tailscale_options *options)
{
        fbn_tailscale_options given;
        int r = OPTIONS_READ(c, fbn_tailscale_options, options, &given);

        if (r < 0)
                return r;
        mine->timeout_ms = given.timeout_ms;
        mine->socket = given.socket ? memory_strdup(given.socket) : NULL;
        if (given.socket && !mine->socket)
                return fail_memory(c);
        return connect_bus(c, mine);
}

static int monitor_made(fbn_context *c, struct daemon_monitor **ret_mine)
{
        static const struct monitor_class class = {process, release};
        struct daemon_monitor *mine = memory_alloc(sizeof(*mine));
        int r;

        if (!mine)
                return fail_memory(c);
        mine->told_state = -1;
        r = monitor_begin(c, &mine->monitor, &class);
        *ret_mine = mine; /* also after a failure: it is to be released */
        return r;
}

int fbn_tailscale_monitor_new(fbn_context *c, const fbn_tailscale_options *options, fbn_monitor **ret_monitor)
{
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        struct daemon_monitor *mine = NULL;
        int r = monitor_made(c, &mine);

        monitor = mine ? &mine->monitor : NULL;
        if (r == 0)
                r = setup(c, mine, options);
        if (r == 0) /* what came with the header of the answer makes no descriptor ready */
                *ret_monitor = TAKE_PTR(monitor);
        return r;
}

int tailscale_notices_read(fbn_context *c, const char *lines, size_t length, fbn_monitor **ret_monitor)
{
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        struct daemon_monitor *mine = NULL;
        int r = monitor_made(c, &mine);

        monitor = mine ? &mine->monitor : NULL;
        while (r == 0 && length > 0) {
                const char *end = memchr(lines, '\n', length);
                size_t n = end ? (size_t)(end - lines) : length;
                _cleanup_(text_free) struct text line = {0};
                _cleanup_(json_freep) json_t *notice = NULL;

                text_append(&line, lines, n);
                r = line.failed ? fail_memory(c) : bus_read(c, &mine->bus, line.bytes ? line.bytes : "", &notice);
                if (r == 0)
                        r = notice_tell(c, mine, notice);
                lines += n + (end != NULL);
                length -= n + (end != NULL);
        }
        if (r == 0)
                *ret_monitor = TAKE_PTR(monitor);
        return r;
}
