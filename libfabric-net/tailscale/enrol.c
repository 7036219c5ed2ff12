/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tailscale/bus.h"

#include <poll.h>
#include <stdio.h>

#define ENROL_TIMEOUT_MS 60000U
#define SETTLE_MS 3000 /* how long a daemon that just started may take to know its own state */

struct enrolment {
        struct http *http;
        fbn_tailscale_status *status;
        fbn_tailscale_settings *settings;
        fbn_tailscale_options options;
        fbn_tailscale_prefs want;
        const fbn_secret *key;
        json_t *patch;
        fbn_changes *changes;
        int64_t deadline_ms;
        bool needs_login;
};

static void enrolment_clear(struct enrolment *e)
{
        http_free(e->http);
        fbn_tailscale_status_unref(e->status);
        fbn_tailscale_settings_unref(e->settings);
        json_decref(e->patch);
        fbn_changes_unref(e->changes);
}

static int want_read(fbn_context *c, const fbn_tailscale_options *options, const fbn_tailscale_prefs *want, struct enrolment *e)
{
        int r = OPTIONS_READ(c, fbn_tailscale_options, options, &e->options);

        if (r == 0)
                r = prefs_check(c, want, &e->want);
        if (r < 0)
                return r;
        if (!(e->want.set & FBN_TAILSCALE_SET_LOGIN_SERVER) || !e->want.login_server)
                return fail(c, FBN_EINVAL, "tailscale: enrolment needs a login server");
        e->want.set |= FBN_TAILSCALE_SET_WANT_RUNNING;
        e->want.want_running = true;
        e->deadline_ms = http_clock_ms() + (e->options.timeout_ms ? e->options.timeout_ms : ENROL_TIMEOUT_MS);
        return 0;
}

static int status_read(fbn_context *c, struct http *http, fbn_tailscale_status **ret_status)
{
        _cleanup_(json_freep) json_t *object = NULL;
        int r = daemon_call(c, http, "GET", "status?peers=false", NULL, &object);

        return r < 0 ? r : fail_in(c, tailscale_status_read(c, object, ret_status), "%s", http_name(http));
}

/* A daemon that just started says NoState until it has read its own state file. */
static int status_settled(fbn_context *c, struct enrolment *e)
{
        int64_t deadline = MIN(e->deadline_ms, http_clock_ms() + SETTLE_MS);
        int r;

        for (;;) {
                r = status_read(c, e->http, &e->status);
                if (r < 0 || !streq(fbn_tailscale_status_state(e->status)->state, "NoState") || http_clock_ms() >= deadline)
                        return r;
                e->status = fbn_tailscale_status_unref(e->status);
                poll(NULL, 0, 50);
        }
}

static int before_read(fbn_context *c, struct enrolment *e)
{
        _cleanup_(json_freep) json_t *object = NULL;
        int r = daemon_open(c, &e->options, DAEMON_TIMEOUT_MS, &e->http);

        if (r == 0)
                r = status_settled(c, e);
        if (r == 0)
                r = daemon_call(c, e->http, "GET", "prefs", NULL, &object);
        if (r == 0)
                r = fail_in(c, tailscale_settings_read(c, object, &e->settings), "%s", http_name(e->http));
        if (r == 0)
                r = settings_exit_node(c, e->http, e->settings, &e->want);
        return r;
}

/* What is to be done, with nothing sent yet. */
static int decide(fbn_context *c, struct enrolment *e)
{
        const fbn_tailscale_state *state = fbn_tailscale_status_state(e->status);
        const fbn_tailscale_prefs *have = fbn_tailscale_settings_prefs(e->settings);
        int r;

        if (state->have_node_key && !same_server(have->login_server, e->want.login_server))
                return fail(c, FBN_ECONFLICT, "tailscale: enrolled at %s; log out first ('tailscale logout') if it is to move to %s",
                            have->login_server, e->want.login_server);
        e->needs_login = !state->have_node_key || streq(state->state, "NeedsLogin") || e->options.reauthenticate;
        if (e->needs_login && !e->key && *state->auth_url && same_server(have->login_server, e->want.login_server))
                return fail_interactive(c, state->auth_url); /* asked for before and not let in yet */
        e->patch = json_object();
        e->changes = changes_new();
        if (!e->patch || !e->changes)
                return fail_memory(c);
        r = prefs_difference(c, have, &e->want, e->patch, e->changes);
        if (r == 0 && e->needs_login)
                r = changes_add(c, e->changes, FBN_CHANGE_CREATE, "tailscale: enrolment", NULL, NULL, e->want.login_server);
        return r;
}

static int prefs_patch(fbn_context *c, struct enrolment *e)
{
        _cleanup_free_ char *body = NULL;
        int r;

        if (e->needs_login && json_object_update_new(e->patch, json_pack("{s:b, s:b}", "LoggedOut", 0, "LoggedOutSet", 1)) < 0)
                return fail_memory(c);
        if (json_object_size(e->patch) == 0)
                return 0;
        r = daemon_body(c, e->patch, &body);
        return r < 0 ? r : daemon_call(c, e->http, "PATCH", "prefs", body, NULL);
}

static void wipe(char *text)
{
        if (text)
                explicit_bzero(text, strlen(text));
}

/* start's UpdatePrefs would replace all preferences, the absent ones with zero: it is left out. */
static int start(fbn_context *c, struct enrolment *e)
{
        _cleanup_(json_freep) json_t *request = json_object();
        _cleanup_free_ char *body = NULL;
        json_t *key;
        int r;

        if (e->key) {
                key = json_stringn(fbn_secret_bytes(e->key), fbn_secret_length(e->key));
                if (!key)
                        return fail(c, FBN_EINVAL, "tailscale: the pre-auth key is not text");
                json_object_set_new(request, "AuthKey", key);
        }
        r = daemon_body(c, request, &body);
        if (r == 0)
                r = daemon_call(c, e->http, "POST", "start", body, NULL);
        wipe(body);
        wipe((char *)json_string_value(json_object_get(request, "AuthKey"))); /* inside jansson's value */
        return r;
}

static int login(fbn_context *c, struct enrolment *e, struct bus *bus)
{
        int r = start(c, e); /* only here a new login server takes effect */

        if (r == 0)
                r = bus_drain(c, bus);
        if (r == 0)
                r = daemon_call(c, e->http, "POST", "login-interactive", NULL, NULL);
        return r;
}

/* Why it did not come to Running, as far as the daemon knows. */
static int fail_timeout(fbn_context *c, struct enrolment *e)
{
        FBN_CLEANUP(fbn_tailscale_status) status = NULL;
        const fbn_tailscale_state *state;

        if (status_read(c, e->http, &status) < 0)
                return fail(c, FBN_ETIMEOUT, "tailscale: not Running in time, and the daemon no longer answers");
        state = fbn_tailscale_status_state(status);
        return fail(c, FBN_ETIMEOUT, "tailscale: not Running in time; it stays in %s%s%s", state->state, state->n_health ? ": " : "",
                    state->n_health ? state->health[0] : "");
}

/* A key that was refused is tried again and again unless the daemon is told to rest. Best effort: the refusal is what the caller hears. */
static void rest(fbn_context *c, struct enrolment *e)
{
        struct error_record refusal = c->error;

        if (!fbn_tailscale_settings_prefs(e->settings)->want_running)
                daemon_call(c, e->http, "PATCH", "prefs", "{\"WantRunning\":false,\"WantRunningSet\":true}", NULL);
        c->error = refusal;
}

/* The node key that a login is to change. */
static int old_key_read(fbn_context *c, struct enrolment *e, struct bus *bus)
{
        _cleanup_(json_freep) json_t *object = NULL;
        const char *key;
        int r = e->options.reauthenticate ? daemon_call(c, e->http, "GET", "status?peers=false", NULL, &object) : 0;

        key = json_string_value(json_object_get(json_object_get(object, "Self"), "PublicKey"));
        if (key)
                snprintf(bus->old_key, sizeof(bus->old_key), "%s", key);
        return r;
}

static int perform(fbn_context *c, struct enrolment *e)
{
        _cleanup_(bus_close) struct bus bus = {0};
        int r = bus_open(c, &e->options, &bus); /* first, so that no notice is missed */

        if (r == 0)
                r = old_key_read(c, e, &bus);
        if (r == 0)
                r = prefs_patch(c, e);
        if (r == 0 && e->needs_login)
                r = login(c, e, &bus);
        if (r < 0)
                return r;
        bus.progress = e->options.progress;
        bus.progress_data = e->options.progress_data;
        r = bus_wait(c, &bus, e->needs_login && !e->key, e->options.reauthenticate, e->deadline_ms);
        if (r == -FBN_EDENIED && e->key)
                rest(c, e);
        return r == -FBN_ETIMEOUT ? fail_timeout(c, e) : r;
}

int fbn_tailscale_enrol(fbn_context *c, const fbn_tailscale_options *options, const fbn_tailscale_prefs *want, const fbn_secret *auth_key,
                        fbn_changes **ret_changes)
{
        _cleanup_(enrolment_clear) struct enrolment e = {.key = auth_key};
        int r;

        r = want_read(c, options, want, &e);
        if (r == 0)
                r = before_read(c, &e);
        if (r == 0)
                r = decide(c, &e);
        if (r < 0)
                return r;
        if (!e.options.dry_run && (fbn_changes_count(e.changes) > 0 || !streq(fbn_tailscale_status_state(e.status)->state, "Running")))
                r = perform(c, &e);
        if (r < 0)
                return r;
        r = (int)fbn_changes_count(e.changes);
        if (ret_changes)
                *ret_changes = TAKE_PTR(e.changes);
        return r;
}
