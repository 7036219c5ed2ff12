/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tailscale/advice.h"

#include <inttypes.h>
#include <stdio.h>

struct fbn_tailscale_status {
        unsigned references;
        struct arena arena;
        fbn_tailscale_state state;
        fbn_tailscale_node *items;
        size_t count;
};

/* Login names by user id, as the status has them beside the nodes. */
static int user_read(fbn_context *c, struct arena *arena, const json_t *users, const json_t *object, const char **ret_user)
{
        char key[32];
        uint64_t id;
        int r = json_read_number(c, object, "UserID", &id);

        if (r < 0)
                return r;
        snprintf(key, sizeof(key), "%" PRIu64, id);
        return json_read_text(c, arena, json_object_get(users, key), "LoginName", ret_user);
}

static int texts_read(fbn_context *c, struct arena *arena, const json_t *object, fbn_tailscale_node *node)
{
        const struct {
                const char *member;
                const char **text;
        } texts[] = {{"ID", &node->id},
                     {"HostName", &node->host_name},
                     {"DNSName", &node->dns_name},
                     {"CurAddr", &node->endpoint},
                     {"Relay", &node->relay}};

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                int r = json_read_text(c, arena, object, texts[i].member, texts[i].text);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* object is NULL for a daemon that has no self yet: all empty. */
static int node_read(fbn_context *c, struct arena *arena, const json_t *object, const json_t *users, fbn_tailscale_node *node)
{
        int r;

        node->size = sizeof(*node);
        r = texts_read(c, arena, object, node);
        if (r == 0)
                r = json_read_addresses(c, arena, object, "TailscaleIPs", &node->addresses, &node->n_addresses);
        if (r == 0)
                r = json_read_prefixes(c, arena, object, "AllowedIPs", &node->allowed_ips, &node->n_allowed_ips);
        if (r == 0)
                r = json_read_prefixes(c, arena, object, "PrimaryRoutes", &node->primary_routes, &node->n_primary_routes);
        if (r == 0)
                r = json_read_flag(c, object, "Online", &node->online);
        if (r == 0)
                r = json_read_time(c, object, "LastHandshake", &node->last_handshake);
        if (r == 0)
                r = json_read_number(c, object, "RxBytes", &node->received);
        if (r == 0)
                r = json_read_number(c, object, "TxBytes", &node->sent);
        if (r == 0)
                r = json_read_texts(c, arena, object, "Tags", &node->tags, &node->n_tags);
        if (r == 0)
                r = json_read_flag(c, object, "ExitNode", &node->exit_node);
        if (r == 0)
                r = json_read_flag(c, object, "ExitNodeOption", &node->exit_node_option);
        if (r == 0)
                r = json_read_time(c, object, "KeyExpiry", &node->key_expiry);
        return r < 0 ? r : user_read(c, arena, users, object, &node->user);
}

static int state_read(fbn_context *c, struct arena *arena, const json_t *object, fbn_tailscale_state *state)
{
        json_t *self;
        int r;

        state->size = sizeof(*state);
        r = json_read_text(c, arena, object, "BackendState", &state->state);
        if (r == 0)
                r = json_read_text(c, arena, object, "Version", &state->version);
        if (r == 0)
                r = json_read_text(c, arena, object, "AuthURL", &state->auth_url);
        if (r == 0)
                r = json_read_text(c, arena, object, "MagicDNSSuffix", &state->magic_dns_suffix);
        if (r == 0)
                r = json_read_flag(c, object, "HaveNodeKey", &state->have_node_key);
        if (r == 0)
                r = json_read_texts(c, arena, object, "Health", &state->health, &state->n_health);
        if (r == 0)
                r = json_read_object(c, object, "Self", &self);
        if (r == 0)
                r = fail_in(c, node_read(c, arena, self, json_object_get(object, "User"), &state->self), "Self");
        return r;
}

static int peers_read(fbn_context *c, const json_t *object, fbn_tailscale_status *status)
{
        json_t *peers, *peer;
        const char *key;
        int r;

        r = json_read_object(c, object, "Peer", &peers);
        if (r < 0 || json_object_size(peers) == 0)
                return r;
        status->items = arena_alloc(&status->arena, json_object_size(peers) * sizeof(*status->items));
        if (!status->items)
                return fail_memory(c);
        json_object_foreach(peers, key, peer) {
                r = node_read(c, &status->arena, peer, json_object_get(object, "User"), &status->items[status->count]);
                if (r < 0)
                        return fail_in(c, r, "Peer %s", key);
                status->count++;
        }
        return 0;
}

int tailscale_status_read(fbn_context *c, const json_t *object, fbn_tailscale_status **ret_status)
{
        FBN_CLEANUP(fbn_tailscale_status) status = memory_alloc(sizeof(*status));
        int r;

        if (!status)
                return fail_memory(c);
        status->references = 1;
        r = state_read(c, &status->arena, object, &status->state);
        if (r == 0)
                r = peers_read(c, object, status);
        if (r < 0)
                return r;
        *ret_status = TAKE_PTR(status);
        return 0;
}

static int advise(fbn_context *c, struct http *http, fbn_tailscale_status *status);

int fbn_tailscale_status_get(fbn_context *c, const fbn_tailscale_options *options, fbn_tailscale_status **ret_status)
{
        _cleanup_(http_freep) struct http *http = NULL;
        _cleanup_(json_freep) json_t *object = NULL;
        FBN_CLEANUP(fbn_tailscale_status) status = NULL;
        fbn_tailscale_options mine;
        int r;

        r = OPTIONS_READ(c, fbn_tailscale_options, options, &mine);
        if (r == 0)
                r = daemon_open(c, &mine, DAEMON_TIMEOUT_MS, &http);
        if (r == 0)
                r = daemon_call(c, http, "GET", "status", NULL, &object);
        if (r < 0)
                return r;
        r = fail_in(c, tailscale_status_read(c, object, &status), "%s", http_name(http));
        if (r == 0 && mine.advice)
                r = advise(c, http, status);
        if (r == 0)
                *ret_status = TAKE_PTR(status);
        return r;
}

static int advise(fbn_context *c, struct http *http, fbn_tailscale_status *status)
{
        FBN_CLEANUP(fbn_tailscale_settings) settings = NULL;
        struct advice advice = {.c = c, .arena = &status->arena, .status = status};
        _cleanup_(json_freep) json_t *object = NULL;
        int r = daemon_call(c, http, "GET", "prefs", NULL, &object);

        if (r == 0)
                r = fail_in(c, tailscale_settings_read(c, object, &settings), "%s", http_name(http));
        if (r < 0)
                return r;
        advice.prefs = fbn_tailscale_settings_prefs(settings);
        r = advice_collect(&advice);
        status->state.advice = advice.texts;
        status->state.n_advice = advice.count;
        return r;
}

/* tailcfg.Node has the same facts under other names than ipnstate.PeerStatus. */
static int whois_node_read(fbn_context *c, struct arena *arena, const json_t *object, fbn_tailscale_node *node)
{
        json_t *found, *info, *profile;
        int r = json_read_object(c, object, "Node", &found);

        if (r == 0)
                r = json_read_text(c, arena, found, "StableID", &node->id);
        if (r == 0)
                r = json_read_text(c, arena, found, "Name", &node->dns_name);
        if (r == 0)
                r = json_read_prefixes(c, arena, found, "AllowedIPs", &node->allowed_ips, &node->n_allowed_ips);
        if (r == 0)
                r = json_read_prefixes(c, arena, found, "PrimaryRoutes", &node->primary_routes, &node->n_primary_routes);
        if (r == 0)
                r = json_read_texts(c, arena, found, "Tags", &node->tags, &node->n_tags);
        if (r == 0)
                r = json_read_flag(c, found, "Online", &node->online);
        if (r == 0)
                r = json_read_time(c, found, "KeyExpiry", &node->key_expiry);
        if (r == 0)
                r = json_read_object(c, found, "Hostinfo", &info);
        if (r == 0)
                r = json_read_text(c, arena, info, "Hostname", &node->host_name);
        if (r == 0)
                r = json_read_object(c, object, "UserProfile", &profile);
        return r < 0 ? r : json_read_text(c, arena, profile, "LoginName", &node->user);
}

/* Its addresses are prefixes there. */
static int whois_addresses_read(fbn_context *c, struct arena *arena, const json_t *object, fbn_tailscale_node *node)
{
        const fbn_prefix *prefixes = NULL;
        fbn_address *addresses;
        size_t count = 0;
        int r = json_read_prefixes(c, arena, json_object_get(object, "Node"), "Addresses", &prefixes, &count);

        if (r < 0 || count == 0)
                return r;
        addresses = arena_alloc(arena, count * sizeof(*addresses));
        if (!addresses)
                return fail_memory(c);
        for (size_t i = 0; i < count; i++)
                addresses[i] = prefixes[i].address;
        node->addresses = addresses;
        node->n_addresses = count;
        return 0;
}

int tailscale_whois_read(fbn_context *c, const json_t *object, fbn_tailscale_status **ret_status)
{
        FBN_CLEANUP(fbn_tailscale_status) status = memory_alloc(sizeof(*status));
        int r;

        if (!status)
                return fail_memory(c);
        status->references = 1;
        r = state_read(c, &status->arena, NULL, &status->state);
        if (r < 0)
                return r;
        status->items = arena_alloc(&status->arena, sizeof(*status->items));
        if (!status->items)
                return fail_memory(c);
        r = node_read(c, &status->arena, NULL, NULL, status->items); /* empty */
        if (r == 0)
                r = whois_node_read(c, &status->arena, object, status->items);
        if (r == 0)
                r = whois_addresses_read(c, &status->arena, object, status->items);
        if (r < 0)
                return r;
        status->count = 1;
        *ret_status = TAKE_PTR(status);
        return 0;
}

fbn_tailscale_status *fbn_tailscale_status_ref(fbn_tailscale_status *status)
{
        status->references++;
        return status;
}

fbn_tailscale_status *fbn_tailscale_status_unref(fbn_tailscale_status *status)
{
        if (!status || --status->references > 0)
                return NULL;
        arena_free(&status->arena);
        memory_free(status);
        return NULL;
}

const fbn_tailscale_state *fbn_tailscale_status_state(const fbn_tailscale_status *status)
{
        return &status->state;
}

size_t fbn_tailscale_status_count(const fbn_tailscale_status *status)
{
        return status ? status->count : 0;
}

const fbn_tailscale_node *fbn_tailscale_status_at(const fbn_tailscale_status *status, size_t index)
{
        return index < fbn_tailscale_status_count(status) ? &status->items[index] : NULL;
}
