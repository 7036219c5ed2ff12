/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "base/text.h"
#include "wireguard/monitor.h"

#include <inttypes.h>
#include <stdio.h>

#define HIDDEN "(secret)"
#define BORINGTUN_JITTER INT64_C(2000000000) /* nanoseconds */

/* What was told of a peer. */
struct peer_watch {
        bool stale;
        uint64_t received, sent; /* told, */
        int64_t told;            /* at this time */
};

struct watched *watched_new(const char *name)
{
        struct watched *watched = memory_alloc(sizeof(*watched));

        if (!watched)
                return NULL;
        watched->name = memory_strdup(name);
        if (!watched->name) {
                memory_free(watched);
                return NULL;
        }
        return watched;
}

void watched_free(struct watched *watched)
{
        fbn_wireguard_unref(watched->have);
        memory_free(watched->peers);
        memory_free(watched->name);
        memory_free(watched);
}

/* A copy that lives with the events; without what is secret. */
static const fbn_wireguard_peer *copy_peer(struct arena *arena, const fbn_wireguard_peer *peer)
{
        fbn_wireguard_peer *copy = arena_copy(arena, peer, sizeof(*peer));

        if (!copy)
                return NULL;
        copy->preshared_key = copy->layout = NULL;
        copy->allowed_ips = arena_copy(arena, peer->allowed_ips, peer->n_allowed_ips * sizeof(*peer->allowed_ips));
        return copy->allowed_ips ? copy : NULL;
}

static int tell(struct watching *watching, const struct watched *watched, fbn_event_kind kind, const fbn_wireguard_peer *peer,
                const char *field, const char *before, const char *after)
{
        char object[FBN_KEY_TEXT + 64], key[FBN_KEY_TEXT];
        fbn_event event = {.kind = kind, .type = peer ? "peer" : "interface", .object = object, .field = field, .before = before, .after = after};

        if (watching->first && !watching->options.existing)
                return 0;
        snprintf(object, sizeof(object), "%s%s%s", watched->name, peer ? ": peer " : "",
                 peer ? fbn_key_format(&peer->public_key, key, sizeof(key)) : "");
        if (peer && !(event.peer = copy_peer(&watching->monitor->arena, peer)))
                return fail_memory(watching->c);
        return monitor_add(watching->c, watching->monitor, &event);
}

static int tell_number(struct watching *watching, const struct watched *watched, const fbn_wireguard_peer *peer, const char *field,
                       uint32_t before, uint32_t after)
{
        char before_text[16], after_text[16];

        if (before == after)
                return 0;
        snprintf(before_text, sizeof(before_text), "%u", before);
        snprintf(after_text, sizeof(after_text), "%u", after);
        return tell(watching, watched, FBN_EVENT_CHANGED, peer, field, before ? before_text : NULL, after ? after_text : NULL);
}

static int compare_interface(struct watching *watching, const struct watched *watched, const fbn_wireguard_interface *have,
                             const fbn_wireguard_interface *now)
{
        char before[FBN_KEY_TEXT], after[FBN_KEY_TEXT];
        int r = 0;

        if (!key_equal(&have->public_key, &now->public_key))
                r = tell(watching, watched, FBN_EVENT_CHANGED, NULL, "public key", fbn_key_format(&have->public_key, before, sizeof(before)),
                         fbn_key_format(&now->public_key, after, sizeof(after)));
        if (r == 0)
                r = tell_number(watching, watched, NULL, "listen port", have->listen_port, now->listen_port);
        return r < 0 ? r : tell_number(watching, watched, NULL, "fwmark", have->fwmark, now->fwmark);
}

static int compare_endpoint(struct watching *watching, const struct watched *watched, const fbn_wireguard_peer *have,
                            const fbn_wireguard_peer *now)
{
        char before[FBN_ADDRESS_TEXT], after[FBN_ADDRESS_TEXT];

        if (endpoint_equal(&have->endpoint, &now->endpoint))
                return 0;
        fbn_endpoint_format(&have->endpoint, before, sizeof(before));
        fbn_endpoint_format(&now->endpoint, after, sizeof(after));
        return tell(watching, watched, FBN_EVENT_CHANGED, now, "endpoint", *before ? before : NULL, *after ? after : NULL);
}

static bool same_allowed_ips(const fbn_wireguard_peer *a, const fbn_wireguard_peer *b)
{
        size_t i = 0;

        if (a->n_allowed_ips != b->n_allowed_ips)
                return false;
        while (i < a->n_allowed_ips && prefix_equal(&a->allowed_ips[i], &b->allowed_ips[i]))
                i++;
        return i == a->n_allowed_ips;
}

static void list_allowed_ips(const fbn_wireguard_peer *peer, struct text *text)
{
        char prefix[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < peer->n_allowed_ips; i++)
                text_add(text, "%s%s", i ? ", " : "", fbn_prefix_format(&peer->allowed_ips[i], prefix, sizeof(prefix)));
}

static int compare_allowed_ips(struct watching *watching, const struct watched *watched, const fbn_wireguard_peer *have,
                               const fbn_wireguard_peer *now)
{
        _cleanup_(text_free) struct text before = {0};
        _cleanup_(text_free) struct text after = {0};

        if (same_allowed_ips(have, now))
                return 0;
        list_allowed_ips(have, &before);
        list_allowed_ips(now, &after);
        if (before.failed || after.failed)
                return fail_memory(watching->c);
        return tell(watching, watched, FBN_EVENT_CHANGED, now, "allowed IPs", before.bytes, after.bytes);
}

static int compare_preshared_key(struct watching *watching, const struct watched *watched, const fbn_wireguard_peer *have,
                                 const fbn_wireguard_peer *now)
{
        const fbn_secret *before = have->preshared_key, *after = now->preshared_key;

        if (before && after ? fbn_secret_equal(before, after) : before == after)
                return 0;
        return tell(watching, watched, FBN_EVENT_CHANGED, now, "preshared key", before ? HIDDEN : NULL, after ? HIDDEN : NULL);
}

static int compare_settings(struct watching *watching, const struct watched *watched, const fbn_wireguard_peer *have,
                            const fbn_wireguard_peer *now)
{
        int r = compare_allowed_ips(watching, watched, have, now);

        if (r == 0)
                r = tell_number(watching, watched, now, "keepalive", have->keepalive, now->keepalive);
        if (r == 0)
                r = compare_preshared_key(watching, watched, have, now);
        return r < 0 ? r : compare_endpoint(watching, watched, have, now);
}

/* boringtun tells ages, of a clock that it reads now and then (src/noise/timers.rs): times made from them move by a second from look to
 * look, to and fro. Two handshakes are further apart: REKEY_TIMEOUT is 5 s. */
static bool shook_hands(const fbn_wireguard *device, const fbn_wireguard_peer *have, const fbn_wireguard_peer *now)
{
        int64_t before = have ? have->last_handshake : 0;

        if (!now->last_handshake || now->last_handshake == before)
                return false;
        return device->boringtun != BORINGTUN || now->last_handshake > before + BORINGTUN_JITTER;
}

static int compare_handshake(struct watching *watching, const struct watched *watched, const fbn_wireguard *device,
                             const fbn_wireguard_peer *have, const fbn_wireguard_peer *now, struct peer_watch *watch)
{
        int64_t age = monitor_clock() - now->last_handshake;
        char text[32];
        int r = 0;

        if (!watching->first && shook_hands(device, have, now))
                r = tell(watching, watched, FBN_EVENT_HANDSHAKE, now, NULL, NULL, NULL);
        if (now->last_handshake == 0 || age <= (int64_t)watching->options.stale_s * 1000000000) {
                watch->stale = false;
                return r;
        }
        if (r < 0 || watch->stale)
                return r;
        watch->stale = true;
        snprintf(text, sizeof(text), "%" PRId64 " s ago", age / 1000000000);
        return tell(watching, watched, FBN_EVENT_STALE, now, "handshake", NULL, text);
}

/* How many bytes went through since the counters were told; a peer made anew counts from zero again. */
static uint64_t moved(const struct peer_watch *watch, const fbn_wireguard_peer *now)
{
        if (now->received < watch->received || now->sent < watch->sent)
                return now->received + now->sent;
        return now->received - watch->received + (now->sent - watch->sent);
}

static int compare_counters(struct watching *watching, const struct watched *watched, const fbn_wireguard_peer *now, struct peer_watch *watch)
{
        const fbn_wireguard_monitor_options *options = &watching->options;
        uint64_t bytes = moved(watch, now);
        int64_t time = monitor_now();
        char text[64];

        if (bytes == 0 || !((options->counters_bytes && bytes >= options->counters_bytes) ||
                            (options->counters_ms && time - watch->told >= (int64_t)options->counters_ms * 1000000)))
                return 0;
        *watch = (struct peer_watch){watch->stale, now->received, now->sent, time};
        snprintf(text, sizeof(text), "%" PRIu64 " received, %" PRIu64 " sent", now->received, now->sent);
        return tell(watching, watched, FBN_EVENT_COUNTERS, now, "bytes", NULL, text);
}

static int compare_peer(struct watching *watching, const struct watched *watched, const fbn_wireguard *device, const fbn_wireguard_peer *now,
                        struct peer_watch *watch)
{
        const fbn_wireguard_peer *have = watched->have ? configuration_find(watched->have, &now->public_key) : NULL;
        int r;

        if (have)
                *watch = watched->peers[have - watched->have->peers];
        else
                *watch = (struct peer_watch){false, now->received, now->sent, monitor_now()};
        r = have ? compare_settings(watching, watched, have, now) : tell(watching, watched, FBN_EVENT_ADDED, now, NULL, NULL, NULL);
        if (r == 0)
                r = compare_handshake(watching, watched, device, have, now, watch);
        return r < 0 ? r : compare_counters(watching, watched, now, watch);
}

static int tell_removed(struct watching *watching, const struct watched *watched, const fbn_wireguard *now)
{
        const fbn_wireguard *have = watched->have;
        int r = 0;

        for (size_t i = 0; r == 0 && have && i < have->count; i++)
                if (!now || !configuration_find(now, &have->peers[i].public_key))
                        r = tell(watching, watched, FBN_EVENT_REMOVED, &have->peers[i], NULL, NULL, NULL);
        return r;
}

static int compare_peers(struct watching *watching, struct watched *watched, const fbn_wireguard *now, struct peer_watch *peers)
{
        int r = tell_removed(watching, watched, now);

        for (size_t i = 0; r == 0 && i < now->count; i++)
                r = compare_peer(watching, watched, now, &now->peers[i], &peers[i]);
        return r;
}

static int came_or_changed(struct watching *watching, struct watched *watched, fbn_wireguard *now)
{
        _cleanup_free_ struct peer_watch *peers = memory_alloc(MAX(now->count, (size_t)1) * sizeof(*peers));
        int r;

        if (!peers)
                return fail_memory(watching->c);
        r = watched->have ? compare_interface(watching, watched, &watched->have->interface, &now->interface)
                          : tell(watching, watched, FBN_EVENT_ADDED, NULL, NULL, NULL, NULL);
        if (r == 0)
                r = compare_peers(watching, watched, now, peers);
        if (r < 0)
                return r;
        memory_free(watched->peers);
        watched->peers = TAKE_PTR(peers);
        fbn_wireguard_unref(watched->have);
        watched->have = fbn_wireguard_ref(now);
        return 0;
}

int watched_compare(struct watching *watching, struct watched *watched, fbn_wireguard *now)
{
        int r;

        if (now)
                return came_or_changed(watching, watched, now);
        if (!watched->have)
                return 0;
        r = tell_removed(watching, watched, NULL);
        if (r == 0)
                r = tell(watching, watched, FBN_EVENT_REMOVED, NULL, NULL, NULL, NULL);
        watched->have = fbn_wireguard_unref(watched->have);
        memory_free(TAKE_PTR(watched->peers));
        return r;
}
