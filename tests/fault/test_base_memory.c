/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include <fabricnet/dns.h>
#include <fabricnet/link.h>
#include <fabricnet/route.h>
#include <fabricnet/sysctl.h>
#include <fabricnet/wireguard.h>

#include "fault/memory.h"

static int prefix_of(const char *text, fbn_prefix *prefix)
{
        return fbn_prefix_parse(text, prefix);
}

static int secrets(fbn_context *c)
{
        FBN_CLEANUP(fbn_secret) key = NULL;
        FBN_CLEANUP(fbn_secret) text = NULL;
        int r = fbn_key_generate(c, &key);

        return r < 0 ? r : fbn_key_encode(c, key, &text);
}

static int wireguard(fbn_context *c)
{
        static const char file[] = "[Interface]\nPrivateKey = 4Pl8s2vPmnDF1l2x6tjbOaa3fVQ0XvuJ1pbqqhSVDUk=\nAddress = 10.0.0.1/24, fd00::1/64\nDNS = 10.0.0.2\n"
                                   "[Peer]\nPublicKey = 4Pl8s2vPmnDF1l2x6tjbOaa3fVQ0XvuJ1pbqqhSVDUk=\nAllowedIPs = 10.0.0.2/32, 10.1.0.0/16\n"
                                   "Endpoint = vpn.example:51820\nPresharedKey = 4Pl8s2vPmnDF1l2x6tjbOaa3fVQ0XvuJ1pbqqhSVDUk=\n";
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;

        return fbn_wireguard_parse(c, "wg0.conf", file, &wireguard);
}

static int routes(fbn_context *c)
{
        FBN_CLEANUP(fbn_routes) list = NULL;
        fbn_route route = {.size = sizeof(route), .device = "wg0"};
        int r = fbn_routes_new(c, &list);

        prefix_of("192.168.8.0/24", &route.destination);
        for (int i = 0; r == 0 && i < 100; i++)
                r = fbn_routes_add(c, list, &route);
        return r;
}

static int sysctls(fbn_context *c)
{
        FBN_CLEANUP(fbn_sysctls) list = NULL;
        int r = fbn_sysctls_new(c, &list);

        return r < 0 ? r : fbn_sysctls_add(c, list, FBN_OPTIONS(fbn_sysctl, .key = "net.ipv4.ip_forward", .value = 1));
}

static int dns(fbn_context *c)
{
        FBN_CLEANUP(fbn_dns_routes) list = NULL;
        FBN_CLEANUP(fbn_dns_stub) stub = NULL;
        fbn_endpoint upstream, listen;
        int r = fbn_dns_routes_new(c, &list);

        fbn_endpoint_parse("127.0.0.1:5399", &upstream);
        fbn_endpoint_parse("127.0.0.1:0", &listen);
        if (r == 0)
                r = fbn_dns_routes_add(c, list, FBN_OPTIONS(fbn_dns_route, .suffix = "local.example", .upstreams = &upstream, .n_upstreams = 1));
        if (r == 0)
                r = fbn_dns_stub_new(c, list, FBN_OPTIONS(fbn_dns_stub_options, .listen = &listen, .n_listen = 1), &stub);
        return r;
}

static int links(fbn_context *c)
{
        FBN_CLEANUP(fbn_links) list = NULL;
        FBN_CLEANUP(fbn_link_addresses) addresses = NULL;
        int r = fbn_link_list(c, NULL, &list);

        return r < 0 ? r : fbn_link_address_list(c, NULL, &addresses);
}

SCENARIO(secrets)
SCENARIO(wireguard)
SCENARIO(routes)
SCENARIO(sysctls)
SCENARIO(dns)
SCENARIO(links)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(secrets_survive), cmocka_unit_test(wireguard_survive), cmocka_unit_test(routes_survive),
                cmocka_unit_test(sysctls_survive), cmocka_unit_test(dns_survive),       cmocka_unit_test(links_survive),
        };

        memory_tables();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
