/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/status.h"

/* Source: OpenMetrics 1.0. A family's samples stand together, so that each column of the peers is a text of its own. */
static const struct {
        const char *name, *suffix, *type, *help;
} columns[STATUS_COLUMNS] = {
        {"wireguard_sent_bytes", "_total", "counter", "Bytes sent to the peer"},
        {"wireguard_received_bytes", "_total", "counter", "Bytes received from the peer"},
        {"wireguard_latest_handshake_seconds", "", "gauge", "When the last handshake was, in seconds since 1970; 0: never"},
};

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

static void label(struct text *out, const char *before, const char *value)
{
        text_add(out, "%s=\"", before);
        escaped(out, value);
        text_append(out, "\"", 1);
}

static void put_peer(struct text *out, size_t column, const char *device, const struct member *member, const fbn_wireguard_peer *peer)
{
        char text[FBN_KEY_TEXT], prefix[FBN_ADDRESS_TEXT];

        text_add(out, "%s%s{", columns[column].name, columns[column].suffix);
        label(out, "interface", device);
        label(out, ",public_key", fbn_key_format(&peer->public_key, text, sizeof(text)));
        text_add(out, ",allowed_ips=\"");
        for (size_t i = 0; i < peer->n_allowed_ips; i++)
                text_add(out, "%s%s", i ? "," : "", fbn_prefix_format(&peer->allowed_ips[i], prefix, sizeof(prefix)));
        text_append(out, "\"", 1);
        label(out, ",friendly_name", member->host->name);
        text_add(out, "} ");
}

void metrics_peer(fbn_fabric_status *status, const char *device, const struct member *member, const fbn_wireguard_peer *peer)
{
        if (!peer)
                return;
        for (size_t i = 0; i < STATUS_COLUMNS; i++)
                put_peer(&status->columns[i], i, device, member, peer);
        text_add(&status->columns[0], "%llu\n", (unsigned long long)peer->sent);
        text_add(&status->columns[1], "%llu\n", (unsigned long long)peer->received);
        text_add(&status->columns[2], "%lld\n", (long long)(peer->last_handshake / 1000000000));
}

static void head(struct text *out, const char *name, const char *type, const char *help)
{
        text_add(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_facts(struct text *out, const fbn_fabric_status *status)
{
        head(out, "fabricnet_fact_healthy", "gauge", "1: as it should be; 0.5: not quite; 0: down");
        for (size_t i = 0; i < status->count; i++) {
                const fbn_fabric_fact *fact = &status->facts[i];

                text_add(out, "fabricnet_fact_healthy{");
                label(out, "domain", fact->domain);
                label(out, ",object", fact->object);
                text_add(out, "} %s\n", fact->health == FBN_HEALTH_OK ? "1" : fact->health == FBN_HEALTH_WARNING ? "0.5" : "0");
        }
}

bool metrics_write(fbn_fabric_status *status)
{
        struct text *out = &status->metrics;

        for (size_t i = 0; i < STATUS_COLUMNS; i++) {
                head(out, columns[i].name, columns[i].type, columns[i].help);
                text_append(out, status->columns[i].bytes ? status->columns[i].bytes : "", status->columns[i].length);
                out->failed |= status->columns[i].failed;
        }
        put_facts(out, status);
        head(out, "fabricnet_probe_seconds", "gauge", "How long an expectation's answer took");
        text_append(out, status->probes.bytes ? status->probes.bytes : "", status->probes.length);
        head(out, "fabricnet_differences", "gauge", "What differs from the declared state");
        text_add(out, "fabricnet_differences %zu\n# EOF\n", status->plan->count);
        out->failed |= status->probes.failed;
        return !out->failed;
}

void metrics_probe(fbn_fabric_status *status, const struct expectation *expectation, uint32_t microseconds)
{
        text_add(&status->probes, "fabricnet_probe_seconds{");
        label(&status->probes, "from", expectation->from->name);
        label(&status->probes, ",to", expectation->to);
        text_add(&status->probes, "} %.6f\n", microseconds / 1e6);
}
