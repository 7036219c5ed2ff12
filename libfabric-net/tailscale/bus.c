/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tailscale/bus.h"

/* ipn.NotifyInitialState (2), Prefs (4), NoPrivateKeys (16, newer daemons never send them) and HealthState (128): the first notice tells all. */
#define WATCH "150"
#define DRAIN_MS 20             /* a control server's answer to a login takes longer than this */

int bus_open(fbn_context *c, const fbn_tailscale_options *options, struct bus *ret_bus)
{
        _cleanup_(http_freep) struct http *http = NULL;
        int r = daemon_open(c, options, DAEMON_TIMEOUT_MS, &http);

        if (r == 0)
                r = http_stream_open(c, http, DAEMON_PATH "watch-ipn-bus?mask=" WATCH);
        if (r == 0)
                *ret_bus = (struct bus){.http = TAKE_PTR(http)};
        return r;
}

void bus_close(struct bus *bus)
{
        http_free(bus->http);
}

int bus_read(fbn_context *c, struct bus *bus, const char *line, json_t **ret_notice)
{
        json_t *notice = json_loads(line, 0, NULL), *state;
        const char *key;

        if (!json_is_object(notice)) {
                json_decref(notice);
                return fail(c, FBN_EPROTOCOL, "a notice that is not a JSON object");
        }
        state = json_object_get(notice, "State");
        if (json_is_integer(state))
                bus->state = (int)json_integer_value(state);
        key = json_string_value(json_object_get(json_object_get(notice, "SelfChange"), "Key"));
        if (key && !streq(key, bus->old_key))
                bus->logged_in = true;
        *ret_notice = notice;
        return 0;
}

static int next(fbn_context *c, struct bus *bus, int64_t deadline_ms, json_t **ret_notice)
{
        const char *line;
        int r = http_stream_line(c, bus->http, deadline_ms, &line);

        return r < 0 ? r : fail_in(c, bus_read(c, bus, line, ret_notice), "%s", http_name(bus->http));
}

int bus_poll(fbn_context *c, struct bus *bus, json_t **ret_notice)
{
        const char *line;
        int r = http_stream_poll(c, bus->http, &line);

        if (r == 1)
                r = fail_in(c, bus_read(c, bus, line, ret_notice), "%s", http_name(bus->http));
        return r < 0 ? r : *ret_notice != NULL;
}

const char *bus_state_name(int state)
{
        static const char *const names[] = {"NoState", "InUseOtherUser", "NeedsLogin", "NeedsMachineAuth", "Stopped", "Starting", "Running"};

        return state >= 0 && (size_t)state < ARRAY_SIZE(names) ? names[state] : "an unknown state";
}

int bus_drain(fbn_context *c, struct bus *bus)
{
        int64_t deadline = http_clock_ms() + DRAIN_MS;
        json_t *notice;
        int r;

        while ((r = next(c, bus, deadline, &notice)) == 0)
                json_decref(notice);
        return r == -FBN_ETIMEOUT ? 0 : r;
}

/* A registration waits at https://SERVER/register/ID; headscale from 0.29 on has auth ids in the same place. */
int fail_interactive(fbn_context *c, const char *url)
{
        const char *id = strrchr(url, '/');

        return fail(c, FBN_EDENIED, "tailscale: the login server asks to open %s; or let the node in there with the registration id %s", url,
                    id ? id + 1 : url);
}

int bus_judge(fbn_context *c, const json_t *notice, bool interactive)
{
        const char *words = json_string_value(json_object_get(notice, "ErrMessage"));
        const char *url = json_string_value(json_object_get(notice, "BrowseToURL"));

        if (words)
                return fail(c, FBN_EDENIED, "tailscale: the login server refused: %s", words);
        if (interactive && url && *url)
                return fail_interactive(c, url);
        return 0;
}

int bus_wait(fbn_context *c, struct bus *bus, bool interactive, bool anew, int64_t deadline_ms)
{
        while (bus->state != BUS_RUNNING || (anew && !bus->logged_in)) {
                _cleanup_(json_freep) json_t *notice = NULL;
                int before = bus->state;
                int r = next(c, bus, deadline_ms, &notice);

                if (r == 0 && bus->progress && bus->state != before)
                        bus->progress(bus->progress_data, bus_state_name(bus->state));

                if (r == 0)
                        r = bus_judge(c, notice, interactive);
                if (r < 0)
                        return r;
        }
        return 0;
}
