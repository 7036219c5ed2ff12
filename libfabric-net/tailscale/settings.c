/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tailscale/tailscale.h"

struct fbn_tailscale_settings {
        unsigned references;
        struct arena arena;
        fbn_tailscale_prefs prefs;
};

#define SET_ALL                                                                                                                   \
        (FBN_TAILSCALE_SET_LOGIN_SERVER | FBN_TAILSCALE_SET_HOST_NAME | FBN_TAILSCALE_SET_ACCEPT_ROUTES | FBN_TAILSCALE_SET_ACCEPT_DNS | \
         FBN_TAILSCALE_SET_ADVERTISE_ROUTES | FBN_TAILSCALE_SET_ADVERTISE_TAGS | FBN_TAILSCALE_SET_SNAT | FBN_TAILSCALE_SET_WANT_RUNNING)

static int flags_read(fbn_context *c, const json_t *object, fbn_tailscale_prefs *prefs)
{
        bool no_snat = false;
        int r = json_read_flag(c, object, "RouteAll", &prefs->accept_routes);

        if (r == 0)
                r = json_read_flag(c, object, "CorpDNS", &prefs->accept_dns);
        if (r == 0)
                r = json_read_flag(c, object, "NoSNAT", &no_snat);
        if (r == 0)
                r = json_read_flag(c, object, "WantRunning", &prefs->want_running);
        prefs->snat = !no_snat;
        return r;
}

static int prefs_read(fbn_context *c, struct arena *arena, const json_t *object, fbn_tailscale_prefs *prefs)
{
        int r = flags_read(c, object, prefs);

        prefs->size = sizeof(*prefs);
        prefs->set = SET_ALL;
        if (r == 0)
                r = json_read_text(c, arena, object, "ControlURL", &prefs->login_server);
        if (r == 0)
                r = json_read_text(c, arena, object, "Hostname", &prefs->host_name);
        if (r == 0)
                r = json_read_prefixes(c, arena, object, "AdvertiseRoutes", &prefs->advertise_routes, &prefs->n_advertise_routes);
        if (r == 0)
                r = json_read_texts(c, arena, object, "AdvertiseTags", &prefs->advertise_tags, &prefs->n_advertise_tags);
        return r;
}

int tailscale_settings_read(fbn_context *c, const json_t *object, fbn_tailscale_settings **ret_settings)
{
        FBN_CLEANUP(fbn_tailscale_settings) settings = memory_alloc(sizeof(*settings));
        int r;

        if (!settings)
                return fail_memory(c);
        settings->references = 1;
        r = prefs_read(c, &settings->arena, object, &settings->prefs);
        if (r < 0)
                return r;
        *ret_settings = TAKE_PTR(settings);
        return 0;
}

int fbn_tailscale_settings_get(fbn_context *c, const fbn_tailscale_options *options, fbn_tailscale_settings **ret_settings)
{
        _cleanup_(http_freep) struct http *http = NULL;
        _cleanup_(json_freep) json_t *object = NULL;
        fbn_tailscale_options mine;
        int r;

        r = OPTIONS_READ(c, fbn_tailscale_options, options, &mine);
        if (r == 0)
                r = daemon_open(c, &mine, DAEMON_TIMEOUT_MS, &http);
        if (r == 0)
                r = daemon_call(c, http, "GET", "prefs", NULL, &object);
        if (r < 0)
                return r;
        return fail_in(c, tailscale_settings_read(c, object, ret_settings), "%s", http_name(http));
}

fbn_tailscale_settings *fbn_tailscale_settings_ref(fbn_tailscale_settings *settings)
{
        settings->references++;
        return settings;
}

fbn_tailscale_settings *fbn_tailscale_settings_unref(fbn_tailscale_settings *settings)
{
        if (!settings || --settings->references > 0)
                return NULL;
        arena_free(&settings->arena);
        memory_free(settings);
        return NULL;
}

const fbn_tailscale_prefs *fbn_tailscale_settings_prefs(const fbn_tailscale_settings *settings)
{
        return &settings->prefs;
}
