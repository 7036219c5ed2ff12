/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any lines as tailscaled's stream of notices: they are events, or refused in words. */
#include "tailscale/bus.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good, const char *what)
{
        if (good)
                return;
        fprintf(stderr, "%s\n", what);
        abort();
}

static void take_events(fbn_monitor *monitor)
{
        const fbn_event *event;

        while ((event = fbn_monitor_next(monitor))) {
                check(event->type && event->object, "an event of nothing");
                check(strcmp(event->type, "state") != 0 || (event->field && event->after), "a state that is none");
                check(strcmp(event->type, "login") != 0 || (event->after && *event->after), "a login without a URL");
        }
}

/* The same notice as somebody sees it who waits for a login. */
static void judge(fbn_context *c, const char *line, size_t size)
{
        struct bus bus = {.old_key = "nodekey:old"};
        char *copy = strndup(line, size);
        json_t *notice = NULL;
        int r = bus_read(c, &bus, copy, &notice);

        check(r == 0 ? json_is_object(notice) : r == -FBN_EPROTOCOL && !notice, "notice: another code, or an output although it failed");
        if (r == 0)
                for (int interactive = 0; interactive < 2; interactive++) {
                        r = bus_judge(c, notice, interactive);
                        check(r == 0 || r == -FBN_EDENIED, "judge: another code");
                }
        json_decref(notice);
        free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static fbn_context *c;
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        int r;

        if (!c)
                check(fbn_context_new(NULL, &c) == 0, "no context");
        r = tailscale_notices_read(c, (const char *)data, size, &monitor);
        check(r == 0 ? monitor != NULL : r == -FBN_EPROTOCOL && !monitor, "another code, or an output although it failed");
        if (monitor)
                take_events(monitor);
        judge(c, (const char *)data, size);
        return 0;
}

#include "replay.h"
