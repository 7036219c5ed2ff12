/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/build.h"
#include "fabric/words.h"

#include <stdlib.h>

#define OWN_FOLDER "/var/lib/fabricnet/certificates" /* of those that we issue */

static void place_certificate(struct builder *b, const char *folder, struct certificate *certificate)
{
        certificate->file = arena_printf(&b->fabric->arena, "%s/%s/fullchain.pem", folder, certificate->name);
        certificate->key = arena_printf(&b->fabric->arena, "%s/%s/privkey.pem", folder, certificate->name);
        b->failed |= !certificate->file || !certificate->key;
}

static int build_certificate(struct builder *b, const char *key, json_t *value, struct certificate *certificate)
{
        json_t *acme = json_object_get(value, "acme"), *authority = json_object_get(value, "authority"), *files = json_object_get(value, "files");

        certificate->name = arena_strdup(&b->fabric->arena, key);
        certificate->pointer = build_pointer(b, "/certificates", key);
        if (b->failed || !certificate->name)
                return fail_memory(b->document->c);
        if (acme) {
                certificate->source = CERTIFICATE_ACME;
                certificate->server = build_text(b, acme, "server");
                certificate->email = build_text(b, acme, "email");
                place_certificate(b, CERTBOT_FOLDER, certificate);
        } else if (authority) {
                certificate->source = CERTIFICATE_AUTHORITY;
                certificate->authority = build_text(b, authority, "certificate");
                build_secret(b, authority, build_pointer(b, certificate->pointer, "authority"), "key", &certificate->authority_key);
                place_certificate(b, OWN_FOLDER, certificate);
        } else {
                certificate->source = CERTIFICATE_FILES;
                certificate->file = build_text(b, files, "certificate");
                certificate->key = build_text(b, files, "key");
        }
        return b->failed ? fail_memory(b->document->c) : 0;
}

static int build_certificates(struct builder *b)
{
        json_t *map = json_object_get(b->document->root, "certificates"), *value;
        struct fbn_fabric *f = b->fabric;
        const char *key;

        f->certificates = build_array(b, json_object_size(map), sizeof(*f->certificates));
        names_build(b, &b->certificates, map, f->certificates, sizeof(*f->certificates));
        if (b->failed)
                return fail_memory(b->document->c);
        json_object_foreach(map, key, value) {
                int r = build_certificate(b, key, value, &f->certificates[f->n_certificates++]);

                if (r < 0)
                        return r;
        }
        return 0;
}

static uint32_t seconds_of(json_t *object, const char *member)
{
        const char *text = json_string_value(json_object_get(object, member));

        return text ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

static void build_service_names(struct builder *b, json_t *also, struct service *service)
{
        json_t *name;
        size_t i;

        service->names = build_array(b, 1 + json_array_size(also), sizeof(*service->names));
        if (!service->names)
                return;
        service->names[service->n_names++] = service->name;
        json_array_foreach(also, i, name) {
                service->names[service->n_names] = arena_strdup(&b->fabric->arena, json_string_value(name));
                b->failed |= !service->names[service->n_names++];
        }
}

static int find_upstream(struct builder *b, const char *to, struct service *service)
{
        const char *near;
        char host[256];

        word_split_host_port(to, host, sizeof(host), &service->port);
        service->to = names_find(&b->hosts, host);
        if (service->to)
                return 0;
        near = nearest_key(json_object_get(b->document->root, "hosts"), host);
        return document_refuse(b->document, build_pointer(b, service->pointer, "to"), false,
                               "there is no '%s' in /hosts: expected HOST:PORT%s%s%s", host, near ? "; did you mean '" : "",
                               near ? near : "", near ? "'?" : "");
}

static int build_service(struct builder *b, const char *key, json_t *value, struct service *service)
{
        const char *certificate = json_string_value(json_object_get(value, "certificate"));

        service->name = arena_strdup(&b->fabric->arena, key);
        service->pointer = build_pointer(b, "/services", key);
        service->at = build_host(b, value, "at");
        service->websocket = build_flag(value, "websocket", false);
        service->upstream_tls = build_flag(value, "upstream_tls", false);
        service->cdn = build_flag(value, "cdn", false);
        service->body_bytes = (uint64_t)build_number(value, "body_mib", 0) << 20;
        service->hsts_s = (uint64_t)build_number(value, "hsts_days", 0) * 86400;
        service->timeout_ms = seconds_of(value, "timeout") * 1000;
        service->allow = build_prefixes(b, json_object_get(value, "allow"), &service->n_allow);
        service->certificate = certificate ? names_find(&b->certificates, certificate) : NULL;
        if (service->name)
                build_service_names(b, json_object_get(value, "also"), service);
        if (b->failed || !service->name)
                return fail_memory(b->document->c);
        return find_upstream(b, json_string_value(json_object_get(value, "to")), service);
}

static void build_bans(struct builder *b, json_t *bans, struct edge *edge)
{
        json_t *never = json_object_get(bans, "never"), *cloudflare = json_object_get(bans, "cloudflare"), *prefix;
        size_t i;

        edge->bans = bans != NULL;
        edge->duration_s = seconds_of(bans, "duration");
        edge->zone = build_text(b, cloudflare, "zone");
        build_secret(b, cloudflare, build_pointer(b, edge->pointer, "bans/cloudflare"), "token", &edge->token);
        edge->never = build_array(b, json_array_size(never), sizeof(*edge->never));
        if (edge->never)
                json_array_foreach(never, i, prefix)
                        fbn_prefix_parse(json_string_value(prefix), &edge->never[edge->n_never++]);
}

static void build_fail2ban(json_t *fail2ban, struct edge *edge)
{
        json_t *jails = json_object_get(fail2ban, "jails"), *jail;
        size_t i;

        edge->fail2ban = fail2ban != NULL;
        edge->retries = (uint32_t)build_number(fail2ban, "retries", 0);
        edge->within_s = seconds_of(fail2ban, "within");
        json_array_foreach(jails, i, jail) {
                edge->sshd |= streq(json_string_value(jail), "sshd");
                edge->nginx |= streq(json_string_value(jail), "nginx");
        }
}

static int build_edges(struct builder *b)
{
        json_t *map = json_object_get(b->document->root, "edge"), *value;
        struct edge *edges = build_array(b, json_object_size(map), sizeof(*edges));
        const char *key;

        if (b->failed)
                return fail_memory(b->document->c);
        json_object_foreach(map, key, value) {
                struct host *host = names_find(&b->hosts, key);
                struct edge *edge = edges++;

                edge->pointer = build_pointer(b, "/edge", key);
                edge->origin_ca = build_text(b, value, "origin_ca");
                build_bans(b, json_object_get(value, "bans"), edge);
                build_fail2ban(json_object_get(value, "fail2ban"), edge);
                host->edge = edge;
        }
        return b->failed ? fail_memory(b->document->c) : 0;
}

int build_services(struct builder *b)
{
        json_t *map = json_object_get(b->document->root, "services"), *value;
        struct fbn_fabric *f = b->fabric;
        const char *key;
        int r = build_certificates(b);

        if (r < 0)
                return r;
        f->services = build_array(b, json_object_size(map), sizeof(*f->services));
        if (b->failed)
                return fail_memory(b->document->c);
        json_object_foreach(map, key, value) {
                r = build_service(b, key, value, &f->services[f->n_services++]);
                if (r < 0)
                        return r;
        }
        return build_edges(b);
}
