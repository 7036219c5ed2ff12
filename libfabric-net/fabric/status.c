/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/status.h"
#include "base/text.h"

#include <fabricnet/version.h>
#include <stdio.h>
#include <time.h>

int status_add(struct observation *o, const char *domain, const char *object, fbn_health health, const char *text)
{
        fbn_fabric_status *status = o->status;
        fbn_fabric_fact fact = {.size = sizeof(fact), .domain = domain, .health = health};

        fact.object = arena_strdup(&status->arena, object);
        fact.text = arena_strdup(&status->arena, text);
        if (!fact.object || !fact.text || !ARRAY_RESERVE(status->facts, status->count, status->capacity))
                return fail_memory(o->run.c);
        status->facts[status->count++] = fact;
        return 0;
}

const char *status_ago(int64_t when, char *buffer, size_t size)
{
        int64_t seconds = (int64_t)time(NULL) - when / 1000000000;

        if (seconds < 0)
                seconds = 0;
        if (seconds < 120)
                snprintf(buffer, size, "%lld s ago", (long long)seconds);
        else if (seconds < 7200)
                snprintf(buffer, size, "%lld min ago", (long long)seconds / 60);
        else if (seconds < 172800)
                snprintf(buffer, size, "%lld h ago", (long long)seconds / 3600);
        else
                snprintf(buffer, size, "%lld days ago", (long long)seconds / 86400);
        return buffer;
}

static const char *bytes_text(uint64_t bytes, char *buffer, size_t size)
{
        static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
        double value = (double)bytes;
        size_t unit = 0;

        for (; value >= 1000 && unit + 1 < ARRAY_SIZE(units); unit++)
                value /= 1000;
        snprintf(buffer, size, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
        return buffer;
}

/* A session ends after three minutes without a handshake. One of the two must keep it up for its end to mean something; road
 * warriors come and go. */
static fbn_health peer_health(const struct member *self, const struct member *other, const fbn_wireguard_peer *peer)
{
        bool kept = (self->keepalive || other->keepalive) && !self->road_warrior && !other->road_warrior;

        if (peer->last_handshake && (int64_t)time(NULL) - peer->last_handshake / 1000000000 < 180)
                return FBN_HEALTH_OK;
        if (!kept)
                return FBN_HEALTH_OK;
        return peer->last_handshake ? FBN_HEALTH_WARNING : FBN_HEALTH_DOWN;
}

static int observe_peer(struct observation *o, const struct desired_tunnel *tunnel, const struct member *member,
                        const fbn_wireguard_peer *peer)
{
        char object[128], text[256], ago[32], received[32], sent[32];

        snprintf(object, sizeof(object), "%s: peer %s", tunnel->device, member->host->name);
        if (!peer)
                return status_add(o, "wireguard", object, FBN_HEALTH_DOWN, "not configured");
        if (peer->last_handshake)
                snprintf(text, sizeof(text), "handshake %s, received %s, sent %s", status_ago(peer->last_handshake, ago, sizeof(ago)),
                         bytes_text(peer->received, received, sizeof(received)), bytes_text(peer->sent, sent, sizeof(sent)));
        else
                snprintf(text, sizeof(text), "no handshake yet%s", peer->endpoint.address.family ? "" : ", endpoint not known");
        return status_add(o, "wireguard", object, peer_health(tunnel->self, member, peer), text);
}

static int observe_tunnel(struct observation *o, const struct desired_tunnel *tunnel)
{
        _cleanup_(peer_index_free) struct peer_index index = {0};
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        int r;

        r = fbn_wireguard_get(o->run.c, tunnel->device, &have);
        if (r == -FBN_ENOENT)
                return status_add(o, "wireguard", tunnel->device, FBN_HEALTH_DOWN, "the interface is not there");
        if (r == 0 && !peer_index_build(have, &index))
                return fail_memory(o->run.c);
        for (size_t i = 0; r == 0 && i < tunnel->peers.n; i++) {
                const struct member *member = tunnel->peers.items[i].member;
                const fbn_wireguard_peer *peer = peer_index_find(&index, &member->public_key);

                r = observe_peer(o, tunnel, member, peer);
                if (peer)
                        metrics_peer(o->status, tunnel->device, member->host->name, peer);
        }
        return r;
}

/* What cannot be looked at is a fact, not the end of looking; only what says that nothing can be seen at all is a failure. */
static int observe_stages(struct observation *o, const struct stage *stages)
{
        for (; stages->domain; stages++) {
                int r = context_check(o->run.c);

                if (r == 0)
                        r = stages->take(&o->run);
                if (r == -FBN_ENOMEM || r == -FBN_EPERM || r == -FBN_ECANCELED)
                        return fail_in(o->run.c, r, "host %s", o->run.desired->host->name);
                if (r < 0)
                        r = status_add(o, stages->domain, o->run.desired->host->name, FBN_HEALTH_DOWN, fbn_context_error(o->run.c));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int observe_foreign(void *data, const char *object, fbn_health health, const char *text)
{
        return status_add(data, "nat", object, health, text);
}

static int observe(struct observation *o)
{
        int r;

        o->run.dry_run = true;
        o->status->host = o->run.desired->host->name;
        metric_add(o->status, METRIC_INFO, 1, "fabric", o->run.fabric->name, "version", fbn_version(), NULL);
        metric_add(o->status, METRIC_ROUTES, (double)fbn_routes_count(o->run.desired->routes), NULL);
        r = run_is_local(&o->run) ? observe_stages(o, local_stages) : 0;
        if (r == 0)
                r = run_find_foreign(&o->run, observe_foreign, o);
        for (size_t i = 0; r == 0 && i < o->run.desired->n_tunnels; i++)
                r = observe_tunnel(o, &o->run.desired->tunnels[i]);
        if (r == 0)
                r = observe_backups(o);
        if (r == 0)
                r = observe_bans(o);
        if (r == 0)
                r = observe_services(o);
        if (r == 0 && !o->run.options.local_only)
                r = observe_stages(o, mesh_stages);
        if (r == 0)
                r = observe_names(o);
        if (r == 0 && !o->run.options.local_only)
                r = observe_mesh(o);
        return r == 0 && o->run.options.probe ? observe_expectations(o) : r;
}

static int count_trouble(const fbn_fabric_status *status)
{
        size_t n = status->plan->count;

        for (size_t i = 0; i < status->count; i++)
                n += status->facts[i].health != FBN_HEALTH_OK;
        return (int)n;
}

int fbn_fabric_status_get(fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *options, fbn_fabric_status **ret_status)
{
        FBN_CLEANUP(fbn_fabric_status) status = memory_alloc(sizeof(*status));
        struct observation o = {.status = status};
        int r;

        if (!status)
                return fail_memory(c);
        status->references = 1;
        r = run_start(&o.run, c, fabric, options);
        if (r == 0)
                r = run_read_left(&o.run);
        if (r == 0)
                r = observe(&o);
        if (r == 0)
                r = run_find_drift(&o.run);
        if (r == 0)
                r = plan_locate(c, fabric, o.run.plan);
        status->plan = TAKE_PTR(o.run.plan);
        if (r == 0 && !metrics_write(status))
                r = fail_memory(c);
        run_end(&o.run);
        if (r < 0)
                return r;
        *ret_status = TAKE_PTR(status);
        return count_trouble(*ret_status);
}

fbn_fabric_status *fbn_fabric_status_ref(fbn_fabric_status *status)
{
        status->references++;
        return status;
}

fbn_fabric_status *fbn_fabric_status_unref(fbn_fabric_status *status)
{
        if (!status || --status->references > 0)
                return NULL;
        fbn_plan_unref(status->plan);
        arena_free(&status->arena);
        for (size_t i = 0; i < METRICS; i++)
                text_free(&status->samples[i]);
        text_free(&status->metrics);
        memory_free(status->facts);
        memory_free(status);
        return NULL;
}

size_t fbn_fabric_status_count(const fbn_fabric_status *status)
{
        return status ? status->count : 0;
}

const fbn_fabric_fact *fbn_fabric_status_at(const fbn_fabric_status *status, size_t index)
{
        return index < fbn_fabric_status_count(status) ? &status->facts[index] : NULL;
}

const fbn_plan *fbn_fabric_status_plan(const fbn_fabric_status *status)
{
        return status->plan;
}

const char *fbn_fabric_status_metrics(const fbn_fabric_status *status)
{
        return status->metrics.bytes;
}
