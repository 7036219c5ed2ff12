/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/render.h"
#include "fabric/services.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>

/* A NixOS module: options with types for what people change by hand, so that a slip ends the evaluation and not the network. */

static void nix_string(struct text *out, const char *text)
{
        text_append(out, "\"", 1);
        for (const char *p = text; *p; p++)
                if (*p == '"' || *p == '\\' || (*p == '$' && p[1] == '{'))
                        text_add(out, "\\%c", *p);
                else
                        text_append(out, p, 1);
        text_append(out, "\"", 1);
}

/* Between two single quotes twice: those and "${" are escaped. Source: Nix manual, "Indented string". */
static void nix_block(struct text *out, const char *text)
{
        text_append(out, "''\n", 3);
        for (const char *p = text; *p; p++)
                if (*p == '\'' && p[1] == '\'') {
                        text_append(out, "'''", 3);
                        p++;
                } else if (*p == '$' && p[1] == '{')
                        text_append(out, "''$", 3);
                else
                        text_append(out, p, 1);
        text_append(out, "''", 2);
}

static void put(struct rendering *r, const char *before, const char *text, const char *after)
{
        text_add(&r->out, "%s", before);
        nix_string(&r->out, text);
        text_add(&r->out, "%s", after);
}

static void put_options(struct rendering *r)
{
        char address[FBN_ADDRESS_TEXT];

        text_add(&r->out, "  options.fabricnet = {\n");
        for (size_t i = 0; i < r->desired->n_tunnels; i++) {
                const struct desired_tunnel *tunnel = &r->desired->tunnels[i];

                put(r, "    ", tunnel->device, " = {\n");
                text_add(&r->out, "      mtu = lib.mkOption { type = lib.types.ints.between 576 9000; default = %u; description = \"MTU of the interface\"; };\n",
                         tunnel->self->mtu);
                put(r, "      address = lib.mkOption { type = prefix; default = ", fbn_prefix_format(&tunnel->address, address, sizeof(address)),
                    "; description = \"address in the tunnel\"; };\n    };\n");
        }
        text_add(&r->out, "  };\n");
}

static void put_peer(struct rendering *r, const struct desired_tunnel *tunnel, const struct peer *peer)
{
        char key[FBN_KEY_TEXT], path[PATH_MAX], prefix[FBN_ADDRESS_TEXT];

        put(r, "        { name = ", peer->member->host->name, ";\n");
        put(r, "          publicKey = ", fbn_key_format(&peer->member->public_key, key, sizeof(key)), ";\n          allowedIPs = [");
        for (size_t i = 0; i < peer->n_allowed_ips; i++)
                put(r, " ", fbn_prefix_format(&peer->allowed_ips[i], prefix, sizeof(prefix)), "");
        text_add(&r->out, " ];\n");
        if (peer->member->endpoint)
                put(r, "          endpoint = ", peer->member->endpoint, ";\n");
        if (render_secret(r, peer->preshared_key, path, sizeof(path)))
                put(r, "          presharedKeyFile = ", path, ";\n");
        if (tunnel->self->keepalive)
                text_add(&r->out, "          persistentKeepalive = %u;\n", tunnel->self->keepalive);
        text_add(&r->out, "        }\n");
}

/* All traffic, as wg-quick does it: a table of its own, asked after what main knows better than by default. */
static void put_mark_routing(struct rendering *r, const struct desired_tunnel *tunnel)
{
        unsigned priority = RULE_PRIORITY_FIRST + 2 * (tunnel->mark - MARK_FIRST);
        const char *family = tunnel->address.address.family == AF_INET6 ? "-6" : "-4";

        text_add(&r->out, "      fwMark = \"%u\";\n      table = \"%u\";\n", tunnel->mark, tunnel->mark);
        for (int add = 1; add >= 0; add--)
                text_add(&r->out, "      %s = ''\n        ip %s rule %s priority %u table main suppress_prefixlength 0\n"
                         "        ip %s rule %s priority %u not fwmark %u table %u\n      '';\n",
                         add ? "postSetup" : "postShutdown", family, add ? "add" : "delete", priority, family, add ? "add" : "delete", priority + 1,
                         tunnel->mark, tunnel->mark);
}

static void put_tunnel(struct rendering *r, const struct desired_tunnel *tunnel)
{
        char path[PATH_MAX];

        put(r, "    networking.wireguard.interfaces.", tunnel->device, " = {\n");
        put(r, "      ips = [ config.fabricnet.", tunnel->device, ".address ];\n");
        put(r, "      mtu = config.fabricnet.", tunnel->device, ".mtu;\n");
        if (tunnel->self->listen)
                text_add(&r->out, "      listenPort = %u;\n", tunnel->self->listen);
        if (render_secret(r, &tunnel->self->private_key, path, sizeof(path)))
                put(r, "      privateKeyFile = ", path, ";\n");
        if (tunnel->mark)
                put_mark_routing(r, tunnel);
        text_add(&r->out, "      peers = [\n");
        for (size_t i = 0; i < tunnel->peers.n; i++)
                put_peer(r, tunnel, &tunnel->peers.items[i]);
        text_add(&r->out, "      ];\n    };\n");
}

static void put_vlan(struct rendering *r, const struct desired_vlan *vlan)
{
        const struct interface *interface = vlan->interface;
        char address[FBN_ADDRESS_TEXT];

        put(r, "    networking.vlans.", interface->name, " = {");
        text_add(&r->out, " id = %u;", interface->prefix->vlan);
        put(r, " interface = ", interface->trunk->name, "; };\n");
        put(r, "    networking.interfaces.", interface->name, vlan->address.address.family == AF_INET6 ? ".ipv6" : ".ipv4");
        put(r, ".addresses = [ { address = ", fbn_address_format(&vlan->address.address, address, sizeof(address)), ";");
        text_add(&r->out, " prefixLength = %u; } ];\n", vlan->address.length);
        if (interface->mtu) {
                put(r, "    networking.interfaces.", interface->name, "");
                text_add(&r->out, ".mtu = %u;\n", interface->mtu);
        }
}

static void put_settings(struct rendering *r)
{
        static const char *const loose[] = {[RP_FILTER_OFF] = "false", [RP_FILTER_STRICT] = "\"strict\"", [RP_FILTER_LOOSE] = "\"loose\""};

        for (size_t i = 0; i < fbn_sysctls_count(r->desired->sysctls); i++) {
                const fbn_sysctl *sysctl = fbn_sysctls_at(r->desired->sysctls, i);

                put(r, "    boot.kernel.sysctl.", sysctl->key, "");
                text_add(&r->out, " = %lld;\n", (long long)sysctl->value);
        }
        text_add(&r->out, "    networking.firewall.checkReversePath = %s;\n", loose[r->desired->host->rp_filter]);
        text_add(&r->out, "    networking.firewall.allowedUDPPorts = [");
        for (size_t i = 0; i < r->desired->n_tunnels; i++)
                if (r->desired->tunnels[i].self->listen)
                        text_add(&r->out, " %u", r->desired->tunnels[i].self->listen);
        text_add(&r->out, "%s ];\n", r->desired->host->node ? " 41641" : "");
}

static int put_table(struct rendering *r)
{
        _cleanup_(text_free) struct text table = {0};

        if (fbn_nat_count(r->desired->nat) == 0)
                return 0;
        render_nft_table(&table, r->desired->nat);
        if (table.failed)
                return fail_memory(r->c);
        text_add(&r->out, "    networking.nftables.enable = true;\n    networking.nftables.tables.fabricnet = {\n      family = \"inet\";\n      content = ");
        nix_block(&r->out, table.bytes);
        text_add(&r->out, ";\n    };\n");
        return 0;
}

static void put_routes(struct rendering *r)
{
        char to[FBN_ADDRESS_TEXT], via[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < r->desired->host->n_routes; i++) {
                const struct static_route *route = &r->desired->host->routes[i];

                if (!route->via)
                        continue;
                fbn_address_format(&route->to->prefix.address, to, sizeof(to));
                fbn_address_format(&route->gateway, via, sizeof(via));
                put(r, "    networking.interfaces.", route->interface->name, strchr(to, ':') ? ".ipv6.routes = [ {" : ".ipv4.routes = [ {");
                put(r, " address = ", to, ";");
                text_add(&r->out, " prefixLength = %u;", route->to->prefix.length);
                put(r, " via = ", via, "; } ];\n");
        }
}

static void put_node(struct rendering *r)
{
        const struct node *node = r->desired->host->node;
        char prefix[FBN_ADDRESS_TEXT];

        text_add(&r->out, "    services.tailscale = {\n      enable = true;\n      port = 41641;\n      useRoutingFeatures = \"%s\";\n",
                 node->n_advertises && node->accepts_routes ? "both"
                 : node->n_advertises                       ? "server"
                 : node->accepts_routes                     ? "client"
                                                            : "none");
        put(r, "      extraUpFlags = [ \"--login-server\" ", r->desired->fabric->mesh.url, "");
        put(r, " \"--hostname\" ", r->desired->host->name, "");
        text_add(&r->out, " \"--accept-routes=%s\" \"--accept-dns=%s\"", node->accepts_routes ? "true" : "false", node->accepts_dns ? "true" : "false");
        if (node->n_advertises)
                text_add(&r->out, " \"--advertise-routes\" \"");
        for (size_t i = 0; i < node->n_advertises; i++)
                text_add(&r->out, "%s%s", i ? "," : "", fbn_prefix_format(&node->advertises[i]->prefix, prefix, sizeof(prefix)));
        text_add(&r->out, "%s ];\n    };\n", node->n_advertises ? "\"" : "");
}

static int put_headscale(struct rendering *r)
{
        _cleanup_free_ char *text = NULL;
        int result = headscale_render(r->c, r->desired->fabric, &text);

        if (result < 0)
                return result;
        text_add(&r->out, "    services.headscale = {\n      enable = true;\n      address = \"127.0.0.1\";\n      port = 8080;\n      settings = builtins.fromJSON ");
        nix_block(&r->out, strchr(text, '\n') + 1);
        text_add(&r->out, ";\n    };\n");
        return 0;
}

static void put_certificate(struct rendering *r, const struct certificate *certificate)
{
        if (!certificate)
                return;
        text_add(&r->out, "      forceSSL = true;\n");
        if (certificate->source == CERTIFICATE_ACME) {
                text_add(&r->out, "      enableACME = true;\n");
                return;
        }
        put(r, "      sslCertificate = ", certificate->file, ";\n");
        put(r, "      sslCertificateKey = ", certificate->key, ";\n");
}

static void put_guards(struct rendering *r, const struct service *service)
{
        char prefix[FBN_ADDRESS_TEXT];

        if (!service->body_bytes && !service->hsts_s && !service->n_allow)
                return;
        text_add(&r->out, "      extraConfig = \"");
        if (service->body_bytes)
                text_add(&r->out, "client_max_body_size %" PRIu64 "; ", service->body_bytes);
        if (service->hsts_s && service->certificate)
                text_add(&r->out, "add_header Strict-Transport-Security max-age=%" PRIu64 " always; ", service->hsts_s);
        for (size_t i = 0; i < service->n_allow; i++)
                text_add(&r->out, "allow %s; ", fbn_prefix_format(&service->allow[i]->prefix, prefix, sizeof(prefix)));
        text_add(&r->out, "%s\";\n", service->n_allow ? "deny all;" : "");
}

static void put_service(struct rendering *r, const struct service *service)
{
        char address[FBN_ADDRESS_TEXT], target[FBN_ADDRESS_TEXT + 32];
        struct asking asking = {0};

        if (service_asks(r->desired->fabric, service, &asking))
                fbn_address_format(&asking.address, address, sizeof(address));
        else
                snprintf(address, sizeof(address), "%s", service->to->name);
        snprintf(target, sizeof(target), strchr(address, ':') ? "%s://[%s]:%u" : "%s://%s:%u", service->upstream_tls ? "https" : "http", address, service->port);
        put(r, "    services.nginx.virtualHosts.", service->name, " = {\n");
        for (size_t i = 1; i < service->n_names; i++)
                put(r, i == 1 ? "      serverAliases = [ " : " ", service->names[i], i + 1 == service->n_names ? " ];\n" : "");
        put_certificate(r, service->certificate);
        put_guards(r, service);
        if (service->cdn)
                text_add(&r->out, "      # \"cdn\" is not rendered: the module does not know the ranges of the CDN, and lets everybody in\n");
        put(r, "      locations.\"/\" = { proxyPass = ", target, ";");
        text_add(&r->out, "%s", service->websocket ? " proxyWebsockets = true;" : "");
        if (service->timeout_ms)
                text_add(&r->out, " extraConfig = \"proxy_read_timeout %ums; proxy_send_timeout %ums;\";", service->timeout_ms, service->timeout_ms);
        text_add(&r->out, " };\n    };\n");
}

/* One address of mail for all of them, as the module has it. */
static void put_acme(struct rendering *r)
{
        const fbn_fabric *f = r->desired->fabric;

        for (size_t i = 0; i < f->n_certificates; i++)
                if (f->certificates[i].source == CERTIFICATE_ACME && certificate_is_of(f, &f->certificates[i], r->desired->host)) {
                        text_add(&r->out, "    security.acme.acceptTerms = true;\n");
                        if (f->certificates[i].email)
                                put(r, "    security.acme.defaults.email = ", f->certificates[i].email, ";\n");
                        if (f->certificates[i].server)
                                put(r, "    security.acme.defaults.server = ", f->certificates[i].server, ";\n");
                        return;
                }
}

static void put_services(struct rendering *r)
{
        bool begun = false;

        for (size_t i = 0; i < r->desired->fabric->n_services; i++) {
                if (r->desired->fabric->services[i].at != r->desired->host)
                        continue;
                if (!begun)
                        text_add(&r->out, "    services.nginx.enable = true;\n    networking.firewall.allowedTCPPorts = [ 80 443 ];\n");
                begun = true;
                put_service(r, &r->desired->fabric->services[i]);
        }
        if (begun)
                put_acme(r);
        if (r->desired->host->edge)
                text_add(&r->out, "    # \"edge\" is not rendered: 'fabricnet ban serve' and fail2ban's jails are yours to set up here (examples/edge)\n");
}

int render_nixos(struct rendering *r)
{
        const struct desired *desired = r->desired;
        int result;

        text_add(&r->out,
                 "# Written by fabricnet: fabric '%s', host '%s'. It holds no secret.\n{ config, lib, ... }:\nlet\n"
                 "  prefix = lib.types.strMatching \"((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\\\\.){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])/(3[0-2]|[12]?[0-9])"
                 "|[0-9a-fA-F:]+/(12[0-8]|1[01][0-9]|[1-9]?[0-9])\";\nin\n{\n",
                 desired->fabric->name, desired->host->name);
        put_options(r);
        text_add(&r->out, "  config = {\n");
        for (size_t i = 0; i < desired->n_tunnels; i++)
                put_tunnel(r, &desired->tunnels[i]);
        for (size_t i = 0; i < desired->n_vlans; i++)
                put_vlan(r, &desired->vlans[i]);
        put_settings(r);
        put_routes(r);
        result = put_table(r);
        if (desired->host->node)
                put_node(r);
        if (result == 0 && desired->fabric->mesh.pointer && desired->fabric->mesh.headscale == desired->host)
                result = put_headscale(r);
        put_services(r);
        text_add(&r->out, "  };\n}\n");
        return result;
}
