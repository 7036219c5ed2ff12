/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tailscale/bus.h"

/* ipn.NotifyInitialState, so that the first notice tells the state, and ipn.NotifyNoPrivateKeys (16), which newer daemons never send. */
#define WATCH "18"
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

/* The next notice. Its state, if it tells one, is noted. */
static int next(fbn_context *c, struct bus *bus, int64_t deadline_ms, json_t **ret_notice)
{
        const char *line;
        json_t *notice, *state;
        int r = http_stream_line(c, bus->http, deadline_ms, &line);

        if (r < 0)
                return r;
        notice = json_loads(line, 0, NULL);
        if (!json_is_object(notice)) {
                json_decref(notice);
                return fail(c, FBN_EPROTOCOL, "%s: a notice that is not a JSON object", http_name(bus->http));
        }
        state = json_object_get(notice, "State");
        if (json_is_integer(state))
                bus->state = (int)json_integer_value(state);
        *ret_notice = notice;
        return 0;
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

static int judge(fbn_context *c, const json_t *notice, bool interactive)
{
        const char *words = json_string_value(json_object_get(notice, "ErrMessage"));
        const char *url = json_string_value(json_object_get(notice, "BrowseToURL"));

        if (words)
                return fail(c, FBN_EDENIED, "tailscale: the login server refused: %s", words);
        if (interactive && url && *url)
                return fail_interactive(c, url);
        return 0;
}

int bus_wait(fbn_context *c, struct bus *bus, bool interactive, int64_t deadline_ms)
{
        while (bus->state != BUS_RUNNING) {
                _cleanup_(json_freep) json_t *notice = NULL;
                int r = next(c, bus, deadline_ms, &notice);

                if (r == 0)
                        r = judge(c, notice, interactive);
                if (r < 0)
                        return r;
        }
        return 0;
}
