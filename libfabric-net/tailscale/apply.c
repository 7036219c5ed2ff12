/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tailscale/tailscale.h"

static int prefs_send(fbn_context *c, struct http *http, const json_t *patch)
{
        _cleanup_free_ char *body = NULL;
        int r = daemon_body(c, patch, &body);

        return r < 0 ? r : daemon_call(c, http, "PATCH", "prefs", body, NULL);
}

/* Who is enrolled nowhere can be told another server for the next time. */
static int is_enrolled(fbn_context *c, const fbn_tailscale_options *options)
{
        FBN_CLEANUP(fbn_tailscale_status) status = NULL;
        int r = fbn_tailscale_status_get(c, options, &status);

        return r < 0 ? r : fbn_tailscale_status_state(status)->have_node_key;
}

static int check(fbn_context *c, const fbn_tailscale_options *options, const fbn_tailscale_prefs *have, const fbn_tailscale_prefs *want)
{
        int r;

        if (!(want->set & FBN_TAILSCALE_SET_LOGIN_SERVER))
                return 0;
        if (!want->login_server)
                return fail(c, FBN_EINVAL, "tailscale: no login server given");
        if (same_server(have->login_server, want->login_server))
                return 0;
        r = is_enrolled(c, options);
        if (r > 0)
                return fail(c, FBN_EINVAL, "tailscale: the login server is '%s'; it becomes '%s' only by enrolment, fbn_tailscale_enrol()",
                            have->login_server, want->login_server);
        return r;
}

static int difference_send(fbn_context *c, const fbn_tailscale_options *options, struct http *http, fbn_tailscale_settings *settings,
                           const fbn_tailscale_prefs *want, fbn_changes *changes)
{
        _cleanup_(json_freep) json_t *patch = json_object();
        int r;

        if (!patch)
                return fail_memory(c);
        r = check(c, options, fbn_tailscale_settings_prefs(settings), want);
        if (r == 0)
                r = settings_exit_node(c, http, settings, want);
        if (r == 0)
                r = prefs_difference(c, fbn_tailscale_settings_prefs(settings), want, patch, changes);
        if (r < 0 || options->dry_run || json_object_size(patch) == 0)
                return r;
        return prefs_send(c, http, patch);
}

int fbn_tailscale_apply(fbn_context *c, const fbn_tailscale_options *options, const fbn_tailscale_prefs *want, fbn_changes **ret_changes)
{
        _cleanup_(http_freep) struct http *http = NULL;
        FBN_CLEANUP(fbn_tailscale_settings) settings = NULL;
        FBN_CLEANUP(fbn_changes) changes = changes_new();
        fbn_tailscale_options mine;
        fbn_tailscale_prefs prefs;
        int r;

        if (!changes)
                return fail_memory(c);
        r = OPTIONS_READ(c, fbn_tailscale_options, options, &mine);
        if (r == 0)
                r = prefs_check(c, want, &prefs);
        if (r == 0)
                r = fbn_tailscale_settings_get(c, options, &settings);
        if (r == 0)
                r = daemon_open(c, &mine, DAEMON_TIMEOUT_MS, &http);
        if (r == 0)
                r = difference_send(c, &mine, http, settings, &prefs, changes);
        if (r < 0)
                return r;
        r = (int)fbn_changes_count(changes);
        if (ret_changes)
                *ret_changes = TAKE_PTR(changes);
        return r;
}

int fbn_tailscale_logout(fbn_context *c, const fbn_tailscale_options *options)
{
        _cleanup_(http_freep) struct http *http = NULL;
        fbn_tailscale_options mine;
        int r;

        r = OPTIONS_READ(c, fbn_tailscale_options, options, &mine);
        if (r == 0)
                r = daemon_open(c, &mine, DAEMON_TIMEOUT_MS, &http);
        return r < 0 ? r : daemon_call(c, http, "POST", "logout", NULL, NULL);
}
