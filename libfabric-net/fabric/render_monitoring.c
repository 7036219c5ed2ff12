/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/render.h"

/* For Prometheus: what to scrape, and what to say of it. YAML; names of hosts, tunnels and nodes are words that need no quotes. Source: Prometheus,
 * "Configuration" and "Alerting rules". */

static int check(const struct rendering *r)
{
        const struct monitoring *monitoring = &r->desired->fabric->monitoring;

        if (!monitoring->pointer)
                return fail(r->c, FBN_ENOENT, "/monitoring: nothing is collected");
        if (monitoring->at != r->desired->host)
                return fail(r->c, FBN_ENOENT, "host '%s' is not the one of /monitoring/at, '%s'", r->desired->host->name, monitoring->at->name);
        return 0;
}

static void put_mark(struct rendering *r)
{
        text_add(&r->out, "# Written by fabricnet: fabric '%s', host '%s'. It holds no secret.\n", r->desired->fabric->name, r->desired->host->name);
}

/* One job a host: the exporter here, then those whom it asks. Their samples say themselves whose they are. */
static void put_job(struct rendering *r, const struct host *host, bool ask)
{
        const struct monitoring *monitoring = &r->desired->fabric->monitoring;

        text_add(&r->out, "  - job_name: fabricnet-%s\n    honor_labels: true\n    scrape_interval: %us\n    scrape_timeout: %us\n", host->name,
                 monitoring->interval, MIN(monitoring->interval, 30u));
        if (ask)
                text_add(&r->out, "    params:\n      host: ['%s']\n", host->name);
        text_add(&r->out, "    static_configs:\n      - targets: ['127.0.0.1:%u']\n        labels:\n          host: '%s'\n", FBN_METRICS_PORT, host->name);
}

int render_prometheus(struct rendering *r)
{
        const struct monitoring *monitoring = &r->desired->fabric->monitoring;

        if (check(r) < 0)
                return -FBN_ENOENT;
        put_mark(r);
        text_add(&r->out, "rule_files: [fabricnet-alerts.yml]\nscrape_configs:\n");
        put_job(r, monitoring->at, false);
        for (size_t i = 0; i < monitoring->n_watched; i++)
                put_job(r, monitoring->watched[i].host, true);
        return 0;
}

static void put_alert(struct rendering *r, const char *name, const char *expression, const char *after, const char *summary)
{
        text_add(&r->out, "      - alert: %s\n        expr: %s\n        for: %s\n        annotations:\n          summary: '%s'\n", name, expression, after,
                 summary);
}

static void put_name(struct text *names, const char *name)
{
        text_add(names, "%s%s", names->length ? "|" : "", name);
}

/* Peers whose tunnel one of the two keeps up: with the others silence says nothing. */
static void put_tunnels(struct rendering *r)
{
        const struct fbn_fabric *f = r->desired->fabric;
        _cleanup_(text_free) struct text kept = {0}, expression = {0};

        for (size_t i = 0; i < f->n_tunnels; i++)
                for (size_t j = 0; j < f->tunnels[i].n_members; j++) {
                        const struct member *member = &f->tunnels[i].members[j];

                        if (member->keepalive && !member->road_warrior)
                                put_name(&kept, member->host->name);
                }
        if (!kept.length)
                return;
        text_add(&expression, "time() - wireguard_latest_handshake_seconds{friendly_name=~\"%s\"} > 300", kept.bytes);
        put_alert(r, "FabricnetTunnelSilent", expression.bytes, "1m", "{{ $labels.host }}: no handshake with {{ $labels.friendly_name }} for five minutes");
        r->out.failed |= kept.failed || expression.failed;
}

static void put_mesh(struct rendering *r)
{
        const struct mesh *mesh = &r->desired->fabric->mesh;
        _cleanup_(text_free) struct text routers = {0}, expression = {0};

        if (!mesh->pointer)
                return;
        put_alert(r, "FabricnetNodeKeyExpires", "fabricnet_mesh_node_expiry_seconds > 0 and fabricnet_mesh_node_expiry_seconds - time() < 14 * 86400", "1h",
                  "the mesh key of {{ $labels.node }} expires within two weeks");
        put_alert(r, "FabricnetTailscaleDown", "fabricnet_tailscale_running == 0", "5m", "{{ $labels.host }}: tailscaled is not running, or not enrolled");
        for (size_t i = 0; i < mesh->n_nodes; i++)
                if (mesh->nodes[i].n_advertises)
                        put_name(&routers, mesh->nodes[i].host->name);
        if (!routers.length)
                return;
        put_alert(r, "FabricnetRouteUnserved", "sum by (route) (fabricnet_mesh_route_serving) == 0", "2m", "nobody carries {{ $labels.route }} for the mesh");
        text_add(&expression, "fabricnet_mesh_node_online{node=~\"%s\"} == 0", routers.bytes);
        put_alert(r, "FabricnetRouterAway", expression.bytes, "10m", "the subnet router {{ $labels.node }} is not connected to the mesh");
        r->out.failed |= routers.failed || expression.failed;
}

int render_alerts(struct rendering *r)
{
        if (check(r) < 0)
                return -FBN_ENOENT;
        put_mark(r);
        text_add(&r->out, "groups:\n  - name: fabricnet\n    rules:\n");
        put_alert(r, "FabricnetUnseen", "up{job=~\"fabricnet-.*\"} == 0", "5m", "{{ $labels.host }}: its metrics do not come; the exporter says why");
        put_alert(r, "FabricnetDrift", "sum by (host) (fabricnet_differences) > 0", "15m", "{{ $labels.host }} differs from what is declared; see fabricnet status there");
        put_alert(r, "FabricnetDown", "fabricnet_fact_healthy == 0", "5m", "{{ $labels.host }}: {{ $labels.domain }} {{ $labels.object }} is down");
        put_alert(r, "FabricnetNotWell", "fabricnet_fact_healthy == 0.5", "1h", "{{ $labels.host }}: {{ $labels.domain }} {{ $labels.object }} is not well");
        put_tunnels(r);
        put_mesh(r);
        put_alert(r, "FabricnetNamesLost", "fabricnet_dns_zone_answered == 0", "5m", "{{ $labels.host }}: no name of {{ $labels.zone }} is found");
        put_alert(r, "FabricnetCertificateEnds", "fabricnet_certificate_not_after_seconds - time() < 14 * 86400", "1h",
                  "{{ $labels.host }}: the certificate {{ $labels.name }} ends within two weeks and was not renewed");
        put_alert(r, "FabricnetBackupFailed", "fabricnet_backup_failed == 1", "1h", "{{ $labels.host }}: the backup {{ $labels.backup }} of {{ $labels.of }} fails");
        put_alert(r, "FabricnetBackupOld", "time() - fabricnet_backup_succeeded_seconds > 36 * 3600", "1h",
                  "{{ $labels.host }}: the backup {{ $labels.backup }} of {{ $labels.of }} is more than a night old");
        put_alert(r, "FabricnetBansNotStored", "fabricnet_bans_stored == 0", "5m", "{{ $labels.host }}: bans hold, but are not on the disk");
        put_alert(r, "FabricnetBansNotAtCdn", "fabricnet_bans_waiting + fabricnet_bans_lifting > 0", "30m", "{{ $labels.host }}: the CDN does not follow the bans");
        return 0;
}
