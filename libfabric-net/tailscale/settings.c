/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tailscale/tailscale.h"

#include "base/address.h"

struct fbn_tailscale_settings {
        unsigned references;
        struct arena arena;
        fbn_tailscale_prefs prefs;
};

#define SET_ALL                                                                                                                   \
        (FBN_TAILSCALE_SET_LOGIN_SERVER | FBN_TAILSCALE_SET_HOST_NAME | FBN_TAILSCALE_SET_ACCEPT_ROUTES | FBN_TAILSCALE_SET_ACCEPT_DNS | \
         FBN_TAILSCALE_SET_ADVERTISE_ROUTES | FBN_TAILSCALE_SET_ADVERTISE_TAGS | FBN_TAILSCALE_SET_SNAT | FBN_TAILSCALE_SET_WANT_RUNNING | FBN_TAILSCALE_SET_EXIT_NODE)

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
        if (r == 0)
                r = json_read_text(c, arena, object, "ExitNodeIP", &prefs->exit_node);
        if (r == 0 && !*prefs->exit_node)
                r = json_read_text(c, arena, object, "ExitNodeID", &prefs->exit_node);
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

/* By id: its first address, "" if nobody is known by it. */
static const char *exit_address(const fbn_tailscale_status *status, const char *id, char *buffer, size_t size)
{
        for (size_t i = 0; i < fbn_tailscale_status_count(status); i++) {
                const fbn_tailscale_node *peer = fbn_tailscale_status_at(status, i);

                if (streq(peer->id, id) && peer->n_addresses > 0)
                        return fbn_address_format(&peer->addresses[0], buffer, size);
        }
        return id;
}

static bool has_address(const fbn_tailscale_node *peer, const fbn_address *address)
{
        for (size_t i = 0; i < peer->n_addresses; i++)
                if (address_compare(&peer->addresses[i], address) == 0)
                        return true;
        return false;
}

int settings_exit_node(fbn_context *c, struct http *http, fbn_tailscale_settings *settings, const fbn_tailscale_prefs *want)
{
        FBN_CLEANUP(fbn_tailscale_status) status = NULL;
        _cleanup_(json_freep) json_t *object = NULL;
        char buffer[FBN_ADDRESS_TEXT];
        const char *shown;
        fbn_address address;
        int r;

        if (!(want->set & FBN_TAILSCALE_SET_EXIT_NODE) || !*settings->prefs.exit_node || fbn_address_parse(settings->prefs.exit_node, &address) == 0)
                return 0;
        r = daemon_call(c, http, "GET", "status", NULL, &object);
        if (r == 0)
                r = tailscale_status_read(c, object, &status);
        if (r < 0)
                return r;
        shown = exit_address(status, settings->prefs.exit_node, buffer, sizeof(buffer));
        for (size_t i = 0; *want->exit_node && fbn_address_parse(want->exit_node, &address) == 0 && i < fbn_tailscale_status_count(status); i++)
                if (streq(fbn_tailscale_status_at(status, i)->id, settings->prefs.exit_node) && has_address(fbn_tailscale_status_at(status, i), &address))
                        shown = want->exit_node;
        settings->prefs.exit_node = arena_strdup(&settings->arena, shown);
        return settings->prefs.exit_node ? 0 : fail_memory(c);
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
