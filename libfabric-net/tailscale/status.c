/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tailscale/tailscale.h"

struct fbn_tailscale_status {
        unsigned references;
        struct arena arena;
        fbn_tailscale_state state;
        fbn_tailscale_node *items;
        size_t count;
};

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
static int node_read(fbn_context *c, struct arena *arena, const json_t *object, fbn_tailscale_node *node)
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
        return r;
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
                r = fail_in(c, node_read(c, arena, self, &state->self), "Self");
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
                r = node_read(c, &status->arena, peer, &status->items[status->count]);
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

int fbn_tailscale_status_get(fbn_context *c, const fbn_tailscale_options *options, fbn_tailscale_status **ret_status)
{
        _cleanup_(http_freep) struct http *http = NULL;
        _cleanup_(json_freep) json_t *object = NULL;
        fbn_tailscale_options mine;
        int r;

        r = OPTIONS_READ(c, fbn_tailscale_options, options, &mine);
        if (r == 0)
                r = daemon_open(c, &mine, DAEMON_TIMEOUT_MS, &http);
        if (r == 0)
                r = daemon_call(c, http, "GET", "status", NULL, &object);
        if (r < 0)
                return r;
        return fail_in(c, tailscale_status_read(c, object, ret_status), "%s", http_name(http));
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
