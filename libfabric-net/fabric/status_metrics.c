/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Source: OpenMetrics 1.0. A family's samples stand together, so that each family is a text of its own. Those of WireGuard have the names and
 * labels that dashboards of other exporters expect. */
static const struct family {
        const char *name, *type, *help;
} families[METRICS] = {
        [METRIC_INFO] = {"fabricnet_info", "gauge", "Which fabric, and what looks at it"},
        [METRIC_FACT] = {"fabricnet_fact_healthy", "gauge", "1: as it should be; 0.5: not quite; 0: down"},
        [METRIC_DIFFERENCES] = {"fabricnet_differences", "gauge", "What differs from the declared state"},
        [METRIC_DRIFT] = {"fabricnet_drift", "gauge", "What of the differences was as applied last, and was changed since"},
        [METRIC_PROBE] = {"fabricnet_probe_seconds", "gauge", "How long an expectation's answer took"},
        [METRIC_SENT] = {"wireguard_sent_bytes", "counter", "Bytes sent to the peer"},
        [METRIC_RECEIVED] = {"wireguard_received_bytes", "counter", "Bytes received from the peer"},
        [METRIC_HANDSHAKE] = {"wireguard_latest_handshake_seconds", "gauge", "When the last handshake was, in seconds since 1970; 0: never"},
        [METRIC_ROUTES] = {"fabricnet_routes", "gauge", "Routes that are declared for this host"},
        [METRIC_NODE_ENROLLED] = {"fabricnet_mesh_node_enrolled", "gauge", "1: the declared node is on the Headscale server"},
        [METRIC_NODE_ONLINE] = {"fabricnet_mesh_node_online", "gauge", "1: the node is connected to the Headscale server"},
        [METRIC_NODE_EXPIRY] = {"fabricnet_mesh_node_expiry_seconds", "gauge", "When the node's key expires, in seconds since 1970; 0: never"},
        [METRIC_ROUTE_SERVING] = {"fabricnet_mesh_route_serving", "gauge", "1: the node carries the route for the mesh; 0: it stands by"},
        [METRIC_TAILSCALE_RUNNING] = {"fabricnet_tailscale_running", "gauge", "1: tailscaled is enrolled and running"},
        [METRIC_TAILSCALE_ONLINE] = {"fabricnet_tailscale_peer_online", "gauge", "1: the peer is connected to the mesh"},
        [METRIC_TAILSCALE_SENT] = {"fabricnet_tailscale_sent_bytes", "counter", "Bytes sent to the peer over the mesh"},
        [METRIC_TAILSCALE_RECEIVED] = {"fabricnet_tailscale_received_bytes", "counter", "Bytes received from the peer over the mesh"},
        [METRIC_ZONE_ANSWERED] = {"fabricnet_dns_zone_answered", "gauge", "1: a name of the zone was found as this host finds names"},
        [METRIC_BANS] = {"fabricnet_bans", "gauge", "Bans in force on this host"},
        [METRIC_BANS_WAITING] = {"fabricnet_bans_waiting", "gauge", "Bans that the CDN does not have yet"},
        [METRIC_BANS_LIFTING] = {"fabricnet_bans_lifting", "gauge", "Bans that the CDN has to lift yet"},
        [METRIC_BANS_REFUSED] = {"fabricnet_bans_refused", "gauge", "Bans that the CDN will not have"},
        [METRIC_BANS_STORED] = {"fabricnet_bans_stored", "gauge", "1: all bans are on the disk"},
        [METRIC_BANS_RESIDENT] = {"fabricnet_ban_engine_resident_bytes", "gauge", "Memory of the ban engine"},
        [METRIC_CERTIFICATE_END] = {"fabricnet_certificate_not_after_seconds", "gauge", "When a certificate ends, in seconds since 1970"},
        [METRIC_BACKUP_SUCCEEDED] = {"fabricnet_backup_succeeded_seconds", "gauge", "When it was last fetched, in seconds since 1970; 0: never"},
        [METRIC_BACKUP_FAILED] = {"fabricnet_backup_failed", "gauge", "1: the last run failed"},
        [METRIC_BACKUP_GENERATIONS] = {"fabricnet_backup_generations", "gauge", "Generations that are kept"},
};

static const char *const domains[] = {"sysctl", "link", "wireguard", "address", "route", "rule", "nat", "dns", "services", "edge", "headscale", "tailscale"};

static void escaped(struct text *out, const char *text)
{
        for (const char *p = text; *p; p++)
                if (*p == '\\' || *p == '"')
                        text_add(out, "\\%c", *p);
                else if (*p == '\n')
                        text_append(out, "\\n", 2);
                else
                        text_append(out, p, 1);
}

static void label(struct text *out, const char *before, const char *name, const char *value)
{
        text_add(out, "%s%s=\"", before, name);
        escaped(out, value);
        text_append(out, "\"", 1);
}

static void put_sample(fbn_fabric_status *status, enum metric metric, const char *value, va_list labels)
{
        const struct family *family = &families[metric];
        struct text *out = &status->samples[metric];
        const char *name;

        text_add(out, "%s%s", family->name, streq(family->type, "counter") ? "_total" : "");
        label(out, "{", "host", status->host);
        while ((name = va_arg(labels, const char *)))
                label(out, ",", name, va_arg(labels, const char *));
        text_add(out, "} %s\n", value);
}

/* Whole numbers, or microseconds without zeros at the end. */
static void number(double value, char *buffer, size_t size)
{
        size_t length = (size_t)snprintf(buffer, size, value == (double)(int64_t)value ? "%.0f" : "%.6f", value);

        while (strchr(buffer, '.') && buffer[length - 1] == '0')
                buffer[--length] = 0;
}

void metric_add(fbn_fabric_status *status, enum metric metric, double value, ...)
{
        char text[32];
        va_list labels;

        number(value, text, sizeof(text));
        va_start(labels, value);
        put_sample(status, metric, text, labels);
        va_end(labels);
}

void metrics_peer(fbn_fabric_status *status, const char *device, const char *name, const fbn_wireguard_peer *peer)
{
        char key[FBN_KEY_TEXT], prefix[FBN_ADDRESS_TEXT];
        struct text allowed = {0};

        fbn_key_format(&peer->public_key, key, sizeof(key));
        for (size_t i = 0; i < peer->n_allowed_ips; i++)
                text_add(&allowed, "%s%s", i ? "," : "", fbn_prefix_format(&peer->allowed_ips[i], prefix, sizeof(prefix)));
        const struct {
                enum metric metric;
                double value;
        } samples[] = {{METRIC_SENT, (double)peer->sent}, {METRIC_RECEIVED, (double)peer->received}, {METRIC_HANDSHAKE, metric_seconds(peer->last_handshake)}};

        for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
                metric_add(status, samples[i].metric, samples[i].value, "interface", device, "public_key", key, "allowed_ips", allowed.bytes ? allowed.bytes : "",
                           "friendly_name", name, NULL);
        status->metrics.failed |= allowed.failed;
        text_free(&allowed);
}

static int by_object(const void *a, const void *b)
{
        const fbn_fabric_fact *x = *(const fbn_fabric_fact *const *)a, *y = *(const fbn_fabric_fact *const *)b;
        int order = strcmp(x->domain, y->domain);

        if (order == 0)
                order = strcmp(x->object, y->object);
        return order ? order : (y->health > x->health) - (y->health < x->health);
}

/* What is said more than once of an object, such as tailscaled's complaints, is one sample: the worst of it. */
static bool add_facts(fbn_fabric_status *status)
{
        static const double values[] = {[FBN_HEALTH_OK] = 1, [FBN_HEALTH_WARNING] = 0.5, [FBN_HEALTH_DOWN] = 0};
        _cleanup_free_ const fbn_fabric_fact **facts = memory_alloc((status->count + 1) * sizeof(fbn_fabric_fact *));

        if (!facts)
                return false;
        for (size_t i = 0; i < status->count; i++)
                facts[i] = &status->facts[i];
        qsort(facts, status->count, sizeof(fbn_fabric_fact *), by_object);
        for (size_t i = 0; i < status->count; i++)
                if (i == 0 || !streq(facts[i]->domain, facts[i - 1]->domain) || !streq(facts[i]->object, facts[i - 1]->object))
                        metric_add(status, METRIC_FACT, values[facts[i]->health], "domain", facts[i]->domain, "object", facts[i]->object, NULL);
        return true;
}

static void add_differences(fbn_fabric_status *status)
{
        for (size_t i = 0; i < ARRAY_SIZE(domains); i++) {
                size_t n = 0, drift = 0;

                for (size_t j = 0; j < status->plan->count; j++)
                        if (streq(status->plan->items[j].domain, domains[i])) {
                                n++;
                                drift += status->plan->items[j].drift;
                        }
                metric_add(status, METRIC_DIFFERENCES, (double)n, "domain", domains[i], NULL);
                metric_add(status, METRIC_DRIFT, (double)drift, "domain", domains[i], NULL);
        }
}

/* A family without samples is said all the same: what is absent was looked for. */
bool metrics_write(fbn_fabric_status *status)
{
        struct text *out = &status->metrics;

        if (!add_facts(status))
                return false;
        if (status->plan)
                add_differences(status);
        for (size_t i = 0; i < METRICS; i++) {
                struct text *samples = &status->samples[i];

                text_add(out, "# HELP %s %s\n# TYPE %s %s\n", families[i].name, families[i].help, families[i].name, families[i].type);
                text_append(out, samples->bytes ? samples->bytes : "", samples->length);
                out->failed |= samples->failed;
        }
        text_add(out, "# EOF\n");
        return !out->failed;
}
