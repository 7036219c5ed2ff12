/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nginx's files, as a person would write them. */
#include "edge/services.h"

#include <inttypes.h>
#include <sys/socket.h>

#define CLOSED "return 444;" /* no answer at all. Source: ngx_http_rewrite_module */

static void put_ranges(struct text *text, const struct ranges *ranges)
{
        char one[FBN_ADDRESS_TEXT];

        text_add(text, "\n# Who the visitor is: said by the CDN, and believed from its ranges alone.\n");
        for (size_t i = 0; i < ranges->count; i++)
                text_add(text, "set_real_ip_from %s;\n", fbn_prefix_format(&ranges->items[i], one, sizeof(one)));
        text_add(text, "real_ip_header CF-Connecting-IP;\n\ngeo $realip_remote_addr $fabricnet_from_cdn {\n    default 0;\n");
        for (size_t i = 0; i < ranges->count; i++)
                text_add(text, "    %s 1;\n", fbn_prefix_format(&ranges->items[i], one, sizeof(one)));
        text_add(text, "}\n");
}

static bool any_tls(const fbn_services *services)
{
        for (size_t i = 0; i < services->count; i++)
                if (services->items[i].certificate)
                        return true;
        return false;
}

void nginx_common(struct text *text, const fbn_services *services, const fbn_services_options *options, const struct ranges *ranges)
{
        text_add(text, "# What all services share.\n\n"
                       "map $http_upgrade $fabricnet_connection {\n    default upgrade;\n    '' '';\n}\n\n"
                       "# The visitor, who brought the request, when, and what came of it; what the visitor said is behind all that.\n"
                       "log_format fabricnet '$remote_addr $realip_remote_addr [$time_local] $status $body_bytes_sent \"$request\" $host '\n"
                       "                     '\"$remote_user\" \"$http_referer\" \"$http_user_agent\"';\n");
        if (ranges)
                put_ranges(text, ranges);
        if (options->ban_map)
                text_add(text, "\ngeo $fabricnet_banned {\n    default 0;\n    include %s;\n}\n", options->ban_map);
        text_add(text, "\n# Names that are not declared get no answer, and no certificate.\n"
                       "server {\n    listen 80 default_server;\n    listen [::]:80 default_server;\n    server_name _;\n    " CLOSED "\n}\n");
        if (any_tls(services))
                text_add(text, "server {\n    listen 443 ssl default_server;\n    listen [::]:443 ssl default_server;\n    server_name _;\n"
                               "    ssl_reject_handshake on;\n}\n");
}

static void put_names(struct text *text, const fbn_service *service)
{
        text_add(text, "    server_name");
        for (size_t i = 0; i < service->n_names; i++)
                text_add(text, " %s", service->names[i]);
        text_add(text, ";\n");
}

static void put_log(struct text *text, const fbn_services_options *options)
{
        text_add(text, "    access_log %s fabricnet;\n", options->log ? options->log : NGINX_LOG);
}

static void put_guards(struct text *text, const fbn_service *service, const fbn_services_options *options, const char *indent)
{
        if (service->cdn && options->ranges_file)
                text_add(text, "%sif ($fabricnet_from_cdn = 0) {\n%s    " CLOSED "\n%s}\n", indent, indent, indent);
        if (options->ban_map)
                text_add(text, "%sif ($fabricnet_banned) {\n%s    " CLOSED "\n%s}\n", indent, indent, indent);
}

/* Of the authority's challenges nobody is kept out: it asks from wherever it is. Source: RFC 8555, section 8.3. */
static void put_challenges(struct text *text, const fbn_services_options *options)
{
        if (options->acme_root)
                text_add(text, "    location /.well-known/acme-challenge/ {\n        root %s;\n        default_type text/plain;\n    }\n", options->acme_root);
}

static void put_tls(struct text *text, const fbn_service *service, const fbn_services_options *options)
{
        text_add(text, "    listen 443 ssl http2;\n    listen [::]:443 ssl http2;\n");
        put_names(text, service);
        text_add(text, "    ssl_certificate %s;\n    ssl_certificate_key %s;\n", service->certificate, service->certificate_key);
        if (service->cdn && options->origin_ca)
                text_add(text, "    ssl_client_certificate %s;\n    ssl_verify_client on;\n", options->origin_ca);
        if (service->hsts_s)
                text_add(text, "    add_header Strict-Transport-Security \"max-age=%" PRIu64 "\" always;\n", service->hsts_s);
}

static void put_access(struct text *text, const fbn_service *service)
{
        char one[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < service->n_allow; i++)
                text_add(text, "    allow %s;\n", fbn_prefix_format(&service->allow[i], one, sizeof(one)));
        if (service->n_allow)
                text_add(text, "    deny all;\n");
}

static void put_location(struct text *text, const fbn_service *service)
{
        fbn_endpoint upstream = {.address = service->upstream, .port = service->port};
        char one[FBN_ADDRESS_TEXT];

        text_add(text, "    location / {\n        proxy_pass %s://%s;\n        proxy_http_version 1.1;\n", service->upstream_tls ? "https" : "http",
                 fbn_endpoint_format(&upstream, one, sizeof(one)));
        text_add(text, "        proxy_set_header Host $host;\n"
                       "        proxy_set_header X-Real-IP $remote_addr;\n"
                       "        proxy_set_header X-Forwarded-For $remote_addr;\n"
                       "        proxy_set_header X-Forwarded-Proto $scheme;\n");
        if (service->upstream_tls)
                text_add(text, "        proxy_ssl_server_name on;\n        proxy_ssl_name $host;\n");
        if (service->websocket)
                text_add(text, "        proxy_set_header Upgrade $http_upgrade;\n        proxy_set_header Connection $fabricnet_connection;\n");
        else
                text_add(text, "        proxy_set_header Connection '';\n");
        if (service->timeout_ms)
                text_add(text, "        proxy_read_timeout %" PRIu32 "ms;\n        proxy_send_timeout %" PRIu32 "ms;\n", service->timeout_ms,
                         service->timeout_ms);
        text_add(text, "    }\n");
}

/* What is asked for without TLS although there is a certificate, or will be. */
static void put_plain(struct text *text, const fbn_service *service, const fbn_services_options *options)
{
        text_add(text, "server {\n    listen 80;\n    listen [::]:80;\n");
        put_names(text, service);
        put_log(text, options);
        put_challenges(text, options);
        text_add(text, "    location / {\n");
        put_guards(text, service, options, "        ");
        text_add(text, service->pending ? "        return 503; # its certificate is yet to come\n    }\n}\n"
                                        : "        return 301 https://$host$request_uri;\n    }\n}\n");
}

void nginx_service(struct text *text, const fbn_service *service, const fbn_services_options *options)
{
        if (service->pending || service->certificate)
                put_plain(text, service, options);
        if (service->pending)
                return;
        if (service->certificate) {
                text_add(text, "\nserver {\n");
                put_tls(text, service, options);
        } else {
                text_add(text, "server {\n    listen 80;\n    listen [::]:80;\n");
                put_names(text, service);
        }
        put_log(text, options);
        put_guards(text, service, options, "    ");
        if (service->body_bytes)
                text_add(text, "    client_max_body_size %" PRIu64 ";\n", service->body_bytes);
        put_access(text, service);
        put_location(text, service);
        text_add(text, "}\n");
}
