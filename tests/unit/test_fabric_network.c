/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "fabric/derive.h"

#include <fabricnet/fabric.h>
#include <fabricnet/wireguard.h>
#include <stdio.h>

#undef fail

/* A fabric's tunnels are derived where its secrets are not at hand; what comes out is what fbn_wireguard_network_derive() says of the
 * same members. */

static int add(fbn_context *c, fbn_wireguard_network *network, const struct member *member)
{
        const fbn_prefix own = {.address = member->address, .length = member->tunnel->prefix->prefix.length};
        fbn_prefix announces[32], connected[32];
        fbn_wireguard_member mine = {.size = sizeof(mine), .name = member->host->name, .public_key = member->public_key, .addresses = &own,
                                     .n_addresses = 1, .endpoint = member->endpoint, .listen_port = member->listen, .announces = announces,
                                     .connected = connected, .relay = member_is_relay(member), .road_warrior = member->road_warrior};

        for (size_t i = 0; i < member->n_announces; i++)
                announces[mine.n_announces++] = member->announces[i]->prefix;
        for (size_t i = 0; i < member->host->n_interfaces; i++)
                if (member->host->interfaces[i].prefix)
                        connected[mine.n_connected++] = member->host->interfaces[i].prefix->prefix;
        return fbn_wireguard_network_add(c, network, &mine);
}

static size_t compare_member(fbn_context *c, const fbn_wireguard_network *network, const struct member *self)
{
        FBN_CLEANUP(fbn_wireguard) derived = NULL;
        FBN_CLEANUP(fbn_wireguard) declared = NULL;
        struct arena arena = {0};
        struct peers peers;

        assert_true(member_peers(&arena, self, &peers));
        assert_ok(c, fbn_wireguard_network_derive(c, network, self->host->name, &derived));
        assert_ok(c, fbn_wireguard_new(c, NULL, &declared)); /* sorts and deduplicates as the other */
        assert_int_equal(fbn_wireguard_count(derived), peers.n);
        for (size_t i = 0; i < peers.n; i++) {
                const fbn_wireguard_peer *peer = fbn_wireguard_at(derived, i), *expected;

                assert_ok(c, fbn_wireguard_add(c, declared, FBN_OPTIONS(fbn_wireguard_peer, .public_key = peers.items[i].member->public_key,
                                                                        .allowed_ips = peers.items[i].allowed_ips,
                                                                        .n_allowed_ips = peers.items[i].n_allowed_ips)));
                expected = fbn_wireguard_at(declared, i);
                assert_memory_equal(&peer->public_key, &expected->public_key, sizeof(fbn_key));
                assert_int_equal(peer->n_allowed_ips, expected->n_allowed_ips);
                for (size_t j = 0; j < peer->n_allowed_ips; j++) {
                        char a[FBN_ADDRESS_TEXT], b[FBN_ADDRESS_TEXT];

                        assert_string_equal(fbn_prefix_format(&peer->allowed_ips[j], a, sizeof(a)),
                                            fbn_prefix_format(&expected->allowed_ips[j], b, sizeof(b)));
                }
        }
        arena_free(&arena);
        return peers.n;
}

static void both_derivations_agree(void **state)
{
        static const char *const files[] = {"/../examples/homelab/fabric.json", "/lab/shapes/three-sites.json", "/lab/shapes/two-hosts.json",
                                            "/lab/shapes/behind-nginx.json"};
        size_t compared = 0;

        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                FBN_CLEANUP(fbn_fabric) fabric = NULL;
                char path[512];

                snprintf(path, sizeof(path), TESTS_DIRECTORY "%s", files[i]);
                assert_ok(*state, fbn_fabric_load_file(*state, path, &fabric));
                for (size_t j = 0; j < fabric->n_tunnels; j++) {
                        const struct tunnel *tunnel = &fabric->tunnels[j];
                        FBN_CLEANUP(fbn_wireguard_network) network = NULL;

                        assert_ok(*state, fbn_wireguard_network_new(*state, FBN_OPTIONS(fbn_wireguard_network_options, .prefixes = &tunnel->prefix->prefix,
                                                                                       .n_prefixes = 1), &network));
                        for (size_t k = 0; k < tunnel->n_members; k++)
                                assert_ok(*state, add(*state, network, &tunnel->members[k]));
                        for (size_t k = 0; k < tunnel->n_members; k++)
                                compared += compare_member(*state, network, &tunnel->members[k]);
                }
        }
        assert_true(compared > 10);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(both_derivations_agree)};

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
