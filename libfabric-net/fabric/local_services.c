/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/host_files.h"
#include "fabric/services.h"

#include <errno.h>
#include <fabricnet/edge.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* What other programs of a public host are told: nginx its services, certbot whom it tells, the ban engine its settings, fail2ban its jails.
 * Their files are this machine's: of a host that is another namespace nothing can be seen here. */

#define HOOK "#!/bin/sh\n" FBN_FILE_MARKER "\n# nginx reads what certbot renewed; one that does not run will.\n[ ! -s " SERVICES_NGINX_PID " ] || nginx -s reload\n"

bool service_asks(const fbn_fabric *fabric, const struct service *service, struct asking *ret_asking)
{
        if (service->at != service->to)
                return host_asks(fabric, service->at, service->to, ret_asking);
        *ret_asking = (struct asking){.via = VIA_SEGMENT, .address = {AF_INET, {127, 0, 0, 1}}, .device = "lo"};
        return true;
}

bool certificate_is_pending(const struct certificate *certificate)
{
        return certificate->source != CERTIFICATE_FILES && access(certificate->file, F_OK) < 0 && errno == ENOENT;
}

bool certificate_is_certbots(const struct certificate *certificate)
{
        return strncmp(certificate->file, CERTBOT_FOLDER "/", strlen(CERTBOT_FOLDER) + 1) == 0;
}

bool certificate_is_of(const fbn_fabric *fabric, const struct certificate *certificate, const struct host *host)
{
        for (size_t i = 0; i < fabric->n_services; i++)
                if (fabric->services[i].at == host && fabric->services[i].certificate == certificate)
                        return true;
        return false;
}

static bool any(const struct run *run, bool (*is)(const struct service *service))
{
        for (size_t i = 0; i < run->fabric->n_services; i++)
                if (run->fabric->services[i].at == run->desired->host && is(&run->fabric->services[i]))
                        return true;
        return false;
}

static bool is_acme(const struct service *service)
{
        return service->certificate && service->certificate->source == CERTIFICATE_ACME;
}

static bool is_certbots(const struct service *service)
{
        return service->certificate && certificate_is_certbots(service->certificate);
}

static bool is_behind_cdn(const struct service *service)
{
        return service->cdn;
}

/* A dry run does not ask for the way: the tunnel may be yet to come. */
static int add_service(struct run *run, const struct service *service, fbn_services *services)
{
        const bool pending = service->certificate && certificate_is_pending(service->certificate);
        fbn_prefix *allow = arena_alloc(&run->desired->arena, service->n_allow * sizeof(*allow));
        struct asking asking = {0};
        fbn_service want = {.size = sizeof(want), .name = service->name, .names = service->names, .n_names = service->n_names,
                            .port = service->port, .upstream_tls = service->upstream_tls, .websocket = service->websocket, .cdn = service->cdn,
                            .body_bytes = service->body_bytes, .timeout_ms = service->timeout_ms, .allow = allow, .n_allow = service->n_allow,
                            .pending = pending};

        if (!allow)
                return fail_memory(run->c);
        for (size_t i = 0; i < service->n_allow; i++)
                allow[i] = service->allow[i]->prefix;
        if (!service_asks(run->fabric, service, &asking))
                return fail(run->c, FBN_EINVAL, "%s: '%s' has no declared address that '%s' could ask", service->pointer, service->to->name,
                            service->at->name);
        want.upstream = asking.address;
        if (asking.via == VIA_TUNNEL && !run->dry_run)
                want.device = asking.device;
        if (service->certificate && !pending) {
                want.certificate = service->certificate->file;
                want.certificate_key = service->certificate->key;
                want.hsts_s = service->hsts_s;
        }
        return fail_in(run->c, fbn_services_add(run->c, services, &want), "%s", service->pointer);
}

static int check_ranges(const struct run *run)
{
        if (access(SERVICES_RANGES, F_OK) == 0 || errno != ENOENT)
                return 0;
        return fail(run->c, FBN_ENOENT, SERVICES_RANGES ": who the CDN is is not known yet; 'fabricnet ban ranges " SERVICES_RANGES
                                                        "' fetches it, fabricnet-ranges.timer keeps it");
}

int run_services_stage(struct run *run)
{
        const struct edge *edge = run->desired->host->edge;
        fbn_services_options options = {.size = sizeof(options), .dry_run = run->dry_run, .nginx_pid = SERVICES_NGINX_PID};
        FBN_CLEANUP(fbn_services) services = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r;

        if (run->c->netns >= 0)
                return 0;
        options.acme_root = any(run, is_acme) ? SERVICES_ACME_ROOT : NULL;
        options.ranges_file = any(run, is_behind_cdn) ? SERVICES_RANGES : NULL;
        options.origin_ca = edge ? edge->origin_ca : NULL;
        options.ban_map = edge && edge->bans ? SERVICES_BAN_MAP : NULL;
        r = options.ranges_file ? check_ranges(run) : 0;
        if (r == 0)
                r = fbn_services_new(run->c, &services);
        for (size_t i = 0; r == 0 && i < run->fabric->n_services; i++)
                if (run->fabric->services[i].at == run->desired->host)
                        r = add_service(run, &run->fabric->services[i], services);
        if (r == 0)
                r = fbn_services_apply(run->c, services, &options, &changes);
        return r < 0 ? r : run_take_changes(run, "services", "/services", changes);
}

static json_t *never_list(const struct run *run)
{
        json_t *list = json_array();
        char text[FBN_ADDRESS_TEXT];
        int r = 0;

        for (size_t i = 0; r == 0 && i < run->fabric->n_prefixes; i++)
                r = json_array_append_new(list, json_string(fbn_prefix_format(&run->fabric->prefixes[i].prefix, text, sizeof(text))));
        for (size_t i = 0; r == 0 && i < run->desired->host->edge->n_never; i++)
                r = json_array_append_new(list, json_string(fbn_prefix_format(&run->desired->host->edge->never[i], text, sizeof(text))));
        if (r < 0) {
                json_decref(list);
                return NULL;
        }
        return list;
}

static json_t *trusted_list(const struct run *run)
{
        json_t *list = json_array();
        int r = 0;

        for (size_t i = 0; r == 0 && i < run->desired->n_tunnels; i++)
                r = json_array_append_new(list, json_string(run->desired->tunnels[i].device));
        if (r == 0 && run->desired->host->node)
                r = json_array_append_new(list, json_string("tailscale0"));
        if (r < 0) {
                json_decref(list);
                return NULL;
        }
        return list;
}

static int add_cloudflare(struct run *run, json_t *settings)
{
        const struct edge *edge = run->desired->host->edge;
        char path[PATH_MAX];
        int r;

        if (!edge->zone)
                return 0;
        r = secret_path(run->c, run->fabric, &edge->token, path);
        if (r < 0)
                return r;
        r = json_object_update_new(settings, json_pack("{s:s, s:s}", "cdn_zone", edge->zone, "cdn_token", path));
        return r < 0 ? fail_memory(run->c) : 0;
}

/* What 'fabricnet ban serve' reads. */
static int ban_settings(struct run *run, struct text *out)
{
        const struct edge *edge = run->desired->host->edge;
        json_t *settings = json_pack("{s:o, s:o}", "never", never_list(run), "trusted", trusted_list(run));
        char duration[16], *text = NULL;
        int r = settings ? add_cloudflare(run, settings) : fail_memory(run->c);

        snprintf(duration, sizeof(duration), "%us", edge->duration_s ? edge->duration_s : 3600);
        if (r == 0 && json_object_set_new(settings, "duration", json_string(duration)) < 0)
                r = fail_memory(run->c);
        if (r == 0 && host_has_services(run->fabric, run->desired->host) &&
            json_object_update_new(settings, json_pack("{s:s, s:s}", "nginx_map", SERVICES_BAN_MAP, "nginx_pid", SERVICES_NGINX_PID)) < 0)
                r = fail_memory(run->c);
        if (r == 0 && any(run, is_behind_cdn) && json_object_set_new(settings, "never_file", json_string(SERVICES_RANGES)) < 0)
                r = fail_memory(run->c);
        if (r == 0)
                text = json_dumps(settings, JSON_INDENT(2) | JSON_SORT_KEYS);
        json_decref(settings);
        text_add(out, FBN_FILE_MARKER "\n%s\n", text ? text : "");
        memory_free(text);
        return r == 0 && (!text || out->failed) ? fail_memory(run->c) : r;
}

static int own_files(struct run *run, fbn_changes *changes)
{
        const struct edge *edge = run->desired->host->edge;
        _cleanup_(text_free) struct text settings = {0};
        int r = edge && edge->bans ? ban_settings(run, &settings) : 0;

        if (r == 0)
                r = host_file_apply(run->c, HOST_FILES_HOOK, any(run, is_certbots) ? HOOK : NULL, run->dry_run, changes);
        if (r == 0)
                r = host_file_apply(run->c, HOST_FILES_BAN, settings.bytes, run->dry_run, changes);
        return r < 0 || run->dry_run ? r : host_files_tell(run->c, changes);
}

/* No folder, no fail2ban: then nothing of ours can be there, and nothing is wanted unless it is declared. */
static int apply_fail2ban(struct run *run, fbn_changes **ret_changes)
{
        const struct edge *edge = run->desired->host->edge;
        const bool wanted = edge && edge->fail2ban;
        fbn_fail2ban_options options = {.size = sizeof(options), .dry_run = run->dry_run, .command = "fabricnet"};
        size_t n = run->fabric->n_prefixes, m = edge ? edge->n_never : 0;
        fbn_prefix *ignore = arena_alloc(&run->desired->arena, (n + m) * sizeof(*ignore));

        if (!ignore)
                return fail_memory(run->c);
        if (!wanted && access(HOST_FILES_FAIL2BAN, F_OK) < 0)
                return 0;
        for (size_t i = 0; i < n; i++)
                ignore[i] = run->fabric->prefixes[i].prefix;
        if (m)
                memcpy(ignore + n, edge->never, m * sizeof(*ignore));
        options.ignore = ignore;
        options.n_ignore = n + m;
        if (wanted) {
                options.sshd = edge->sshd;
                options.nginx = edge->nginx;
                options.max_retry = edge->retries;
                options.find_ms = edge->within_s * UINT64_C(1000);
                options.ban_ms = edge->duration_s * UINT64_C(1000);
                options.ranges_file = any(run, is_behind_cdn) ? SERVICES_RANGES : NULL;
        }
        return fbn_fail2ban_apply(run->c, &options, ret_changes);
}

int run_edge_stage(struct run *run)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        FBN_CLEANUP(fbn_changes) jails = NULL;
        int r;

        if (run->c->netns >= 0)
                return 0;
        changes = changes_new();
        r = changes ? own_files(run, changes) : fail_memory(run->c);
        if (r == 0)
                r = run_take_changes(run, "edge", "/edge", changes);
        if (r == 0)
                r = apply_fail2ban(run, &jails);
        return r < 0 || !jails ? MIN(r, 0) : run_take_changes(run, "edge", "/edge", jails);
}
