/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include <fabricnet/wireguard.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#undef fail

/* What a member is besides its name, from which its key is made. */
#define ENDPOINT 1
#define RELAY 2
#define ROAD 4

static fbn_prefix prefix_of(const char *text)
{
        fbn_prefix prefix;

        assert_int_equal(fbn_prefix_parse(text, &prefix), 0);
        return prefix;
}

static fbn_key key_of(const char *name)
{
        fbn_key key = {{1}};

        memcpy(key.bytes + 1, name, strlen(name));
        return key;
}

static int add(fbn_context *c, fbn_wireguard_network *network, const char *name, const char *address, unsigned how, const char *announces)
{
        fbn_prefix own = prefix_of(address), behind = prefix_of(announces ? announces : "0.0.0.0/0");
        char endpoint[64];

        snprintf(endpoint, sizeof(endpoint), "%s.example.org:51820", name);
        return fbn_wireguard_network_add(c, network, FBN_OPTIONS(fbn_wireguard_member, .name = name, .public_key = key_of(name),
                                                                 .addresses = &own, .n_addresses = 1,
                                                                 .endpoint = how & ENDPOINT ? endpoint : NULL, .relay = how & RELAY,
                                                                 .road_warrior = how & ROAD, .announces = &behind,
                                                                 .n_announces = announces ? 1 : 0));
}

static fbn_wireguard_network *network_of(fbn_context *c, const char *prefix)
{
        fbn_prefix whole = prefix_of(prefix ? prefix : "::/0");
        fbn_wireguard_network *network = NULL;

        assert_ok(c, fbn_wireguard_network_new(c, FBN_OPTIONS(fbn_wireguard_network_options, .prefixes = &whole, .n_prefixes = prefix ? 1 : 0),
                                               &network));
        return network;
}

/* "hub@hub.example.org:51820: 10.0.0.0/24; " for each peer of a member. */
static const char *peers_of(fbn_context *c, const fbn_wireguard_network *network, const char *name)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        static char text[2048];
        char prefix[FBN_ADDRESS_TEXT];

        *text = 0;
        assert_ok(c, fbn_wireguard_network_derive(c, network, name, &wireguard));
        for (size_t i = 0; i < fbn_wireguard_count(wireguard); i++) {
                const fbn_wireguard_peer *peer = fbn_wireguard_at(wireguard, i);

                sprintf(text + strlen(text), "%s%.31s%s:", i ? "; " : "", (const char *)peer->public_key.bytes + 1, peer->endpoint_name ? "*" : "");
                for (size_t j = 0; j < peer->n_allowed_ips; j++)
                        sprintf(text + strlen(text), " %s", fbn_prefix_format(&peer->allowed_ips[j], prefix, sizeof(prefix)));
        }
        return text;
}

static void a_network_lives_as_long_as_its_last_reference(void **state)
{
        fbn_wireguard_network *network = network_of(*state, "10.0.0.0/24");

        assert_int_equal(add(*state, network, "a", "10.0.0.1/24", ENDPOINT, NULL), 0);
        assert_ptr_equal(fbn_wireguard_network_ref(network), network);
        assert_null(fbn_wireguard_network_unref(network));
        assert_string_equal(fbn_wireguard_network_at(network, 0)->name, "a");
        assert_null(fbn_wireguard_network_at(network, 1));
        assert_null(fbn_wireguard_network_unref(network));
        assert_null(fbn_wireguard_network_unref(NULL));
        assert_int_equal(fbn_wireguard_network_count(NULL), 0);
}

static void in_a_full_mesh_everybody_is_everybodys_peer(void **state)
{
        FBN_CLEANUP(fbn_wireguard_network) network = network_of(*state, "10.0.0.0/24");

        assert_ok(*state, add(*state, network, "a", "10.0.0.1/24", ENDPOINT, "192.168.1.0/24"));
        assert_ok(*state, add(*state, network, "b", "10.0.0.2/24", ENDPOINT, NULL));
        assert_ok(*state, add(*state, network, "c", "10.0.0.3/24", ENDPOINT, "192.168.3.0/24"));
        assert_string_equal(peers_of(*state, network, "a"), "b*: 10.0.0.2/32; c*: 10.0.0.3/32 192.168.3.0/24");
        assert_string_equal(peers_of(*state, network, "b"), "a*: 10.0.0.1/32 192.168.1.0/24; c*: 10.0.0.3/32 192.168.3.0/24");
}

static void behind_a_hub_the_others_reach_each_other_through_it(void **state)
{
        FBN_CLEANUP(fbn_wireguard_network) network = network_of(*state, "10.0.0.0/24");

        assert_ok(*state, add(*state, network, "hub", "10.0.0.1/24", ENDPOINT | RELAY, NULL));
        assert_ok(*state, add(*state, network, "a", "10.0.0.2/24", 0, "192.168.2.0/24"));
        assert_ok(*state, add(*state, network, "b", "10.0.0.3/24", 0, NULL));
        assert_ok(*state, add(*state, network, "phone", "10.0.0.4/32", ROAD, NULL));
        assert_string_equal(peers_of(*state, network, "hub"), "a: 10.0.0.2/32 192.168.2.0/24; b: 10.0.0.3/32; phone: 10.0.0.4/32");
        assert_string_equal(peers_of(*state, network, "a"), "hub*: 10.0.0.0/24");
        assert_string_equal(peers_of(*state, network, "b"), "hub*: 10.0.0.0/24 192.168.2.0/24");
        assert_string_equal(peers_of(*state, network, "phone"), "hub*: 0.0.0.0/0");
}

static void without_a_relay_or_prefix_only_what_is_reached_is_allowed(void **state)
{
        FBN_CLEANUP(fbn_wireguard_network) closed = network_of(*state, "10.0.0.0/24");
        FBN_CLEANUP(fbn_wireguard_network) bare = network_of(*state, NULL);

        assert_ok(*state, add(*state, closed, "server", "10.0.0.1/24", ENDPOINT, NULL));
        assert_ok(*state, add(*state, closed, "a", "10.0.0.2/24", 0, NULL));
        assert_ok(*state, add(*state, closed, "b", "10.0.0.3/24", 0, "192.168.3.0/24"));
        assert_string_equal(peers_of(*state, closed, "a"), "server*: 10.0.0.1/32");
        assert_ok(*state, add(*state, bare, "hub", "10.0.0.1/24", ENDPOINT | RELAY, NULL));
        assert_ok(*state, add(*state, bare, "a", "10.0.0.2/24", 0, NULL));
        assert_ok(*state, add(*state, bare, "b", "10.0.0.3/24", 0, "192.168.3.0/24"));
        assert_string_equal(peers_of(*state, bare, "a"), "hub*: 10.0.0.1/32 10.0.0.3/32 192.168.3.0/24");
}

/* The first of two relays carries; what a member is on itself needs no tunnel; both families. */
static void two_relays_and_connected_networks(void **state)
{
        FBN_CLEANUP(fbn_wireguard_network) network = network_of(*state, "10.0.0.0/24");
        const fbn_prefix own[] = {prefix_of("10.0.0.9/24"), prefix_of("fd00::9/64")}, lan = prefix_of("192.168.3.0/24");

        assert_ok(*state, add(*state, network, "one", "10.0.0.1/24", ENDPOINT | RELAY, NULL));
        assert_ok(*state, add(*state, network, "two", "10.0.0.2/24", ENDPOINT | RELAY, NULL));
        assert_ok(*state, add(*state, network, "b", "10.0.0.3/24", 0, "192.168.3.0/24"));
        assert_ok(*state, fbn_wireguard_network_add(*state, network,
                                                    FBN_OPTIONS(fbn_wireguard_member, .name = "here", .public_key = key_of("here"),
                                                                .addresses = own, .n_addresses = 2, .connected = &lan, .n_connected = 1)));
        assert_string_equal(peers_of(*state, network, "here"), "one*: 10.0.0.1/32 10.0.0.3/32; two*: 10.0.0.2/32");
        assert_string_equal(peers_of(*state, network, "two"), "one*: 10.0.0.1/32; b: 10.0.0.3/32 192.168.3.0/24; here: 10.0.0.9/32 fd00::9/128");
}

static void the_interface_is_the_members_own(void **state)
{
        FBN_CLEANUP(fbn_wireguard_network) network = network_of(*state, "10.0.0.0/24");
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        FBN_CLEANUP(fbn_wireguard) back = NULL;
        FBN_CLEANUP(fbn_secret) private_key = NULL;
        FBN_CLEANUP(fbn_secret) text = NULL;
        static const char *const dns[] = {"10.0.0.53"};
        const fbn_prefix own = prefix_of("10.0.0.2/24");
        char expected[512], key[FBN_KEY_TEXT], mine[FBN_KEY_TEXT];
        fbn_secret *encoded = NULL;
        fbn_key public_key;

        assert_ok(*state, fbn_key_generate(*state, &private_key));
        assert_ok(*state, fbn_key_encode(*state, private_key, &encoded));
        assert_ok(*state, fbn_key_public(*state, private_key, &public_key));
        assert_ok(*state, fbn_wireguard_network_add(
                                  *state, network, FBN_OPTIONS(fbn_wireguard_member, .name = "the laptop", .private_key = private_key,
                                                               .addresses = &own, .n_addresses = 1, .keepalive = 25, .mtu = 1400,
                                                               .endpoint = "192.0.2.7:7777", .dns = dns, .n_dns = 1)));
        assert_ok(*state, add(*state, network, "hub", "10.0.0.1/24", ENDPOINT | RELAY, NULL));
        assert_memory_equal(&fbn_wireguard_network_at(network, 0)->public_key, &public_key, sizeof(public_key));
        assert_ok(*state, fbn_wireguard_network_derive(*state, network, "the laptop", &wireguard));
        assert_ok(*state, fbn_wireguard_format(*state, wireguard, "wg-quick", &text));
        memcpy(mine, fbn_secret_bytes(encoded), FBN_KEY_TEXT - 1);
        mine[FBN_KEY_TEXT - 1] = 0;
        snprintf(expected, sizeof(expected),
                 "# the laptop\n[Interface]\nPrivateKey = %s\nListenPort = 7777\nAddress = 10.0.0.2/24\nDNS = 10.0.0.53\nMTU = 1400\n"
                 "\n# hub\n[Peer]\nPublicKey = %s\nAllowedIPs = 10.0.0.1/32\nEndpoint = hub.example.org:51820\nPersistentKeepalive = 25\n",
                 mine, fbn_key_format(&(fbn_key[]){key_of("hub")}[0], key, sizeof(key)));
        assert_int_equal(fbn_secret_length(text), strlen(expected));
        assert_memory_equal(fbn_secret_bytes(text), expected, strlen(expected));
        fbn_secret_unref(encoded);
}

static const fbn_secret *pair_key(const fbn_wireguard *wireguard, const char *other)
{
        fbn_key key = key_of(other);

        for (size_t i = 0; i < fbn_wireguard_count(wireguard); i++)
                if (memcmp(&fbn_wireguard_at(wireguard, i)->public_key, &key, sizeof(key)) == 0)
                        return fbn_wireguard_at(wireguard, i)->preshared_key;
        return NULL;
}

static void each_pair_has_a_preshared_key_of_its_own(void **state)
{
        static const char *const names[] = {"a", "b", "c"};
        FBN_CLEANUP(fbn_wireguard_network) network = NULL;
        FBN_CLEANUP(fbn_secret) master = NULL;
        fbn_wireguard *members[3] = {0};
        uint8_t expected[32], text[21 + 64], bytes[32];

        memset(bytes, 7, sizeof(bytes));
        assert_ok(*state, fbn_secret_new(*state, bytes, sizeof(bytes), &master));
        assert_ok(*state, fbn_wireguard_network_new(*state, FBN_OPTIONS(fbn_wireguard_network_options, .preshared = master), &network));
        for (unsigned i = 0; i < 3; i++) {
                char address[] = "10.0.0.1/24";

                address[7] = (char)('1' + i);
                assert_ok(*state, add(*state, network, names[i], address, ENDPOINT, NULL));
        }
        for (size_t i = 0; i < 3; i++)
                assert_ok(*state, fbn_wireguard_network_derive(*state, network, names[i], &members[i]));
        assert_true(fbn_secret_equal(pair_key(members[0], "b"), pair_key(members[1], "a")));
        assert_true(fbn_secret_equal(pair_key(members[0], "c"), pair_key(members[2], "a")));
        assert_false(fbn_secret_equal(pair_key(members[0], "b"), pair_key(members[0], "c")));
        assert_false(fbn_secret_equal(pair_key(members[0], "b"), pair_key(members[1], "c")));
        memcpy(text, "fabricnet preshared 1", 21); /* as the header says it, for whoever derives elsewhere */
        memcpy(text + 21, &(fbn_key[]){key_of("a")}[0], 32);
        memcpy(text + 53, &(fbn_key[]){key_of("b")}[0], 32);
        crypto_generichash(expected, 32, text, sizeof(text), bytes, 32);
        assert_memory_equal(fbn_secret_bytes(pair_key(members[1], "a")), expected, 32);
        for (size_t i = 0; i < 3; i++)
                fbn_wireguard_unref(members[i]);
}

static void members_that_cannot_be_are_named(void **state)
{
        FBN_CLEANUP(fbn_wireguard_network) network = network_of(*state, "10.0.0.0/24");
        FBN_CLEANUP(fbn_secret) private_key = NULL;
        const fbn_prefix own = prefix_of("10.0.0.2/24");
        fbn_wireguard *wireguard = NULL;
#define MEMBER(...) fbn_wireguard_network_add(*state, network, FBN_OPTIONS(fbn_wireguard_member, .addresses = &own, .n_addresses = 1, __VA_ARGS__))

        assert_ok(*state, fbn_key_generate(*state, &private_key));
        assert_failed(*state, MEMBER(.public_key = key_of("x")), FBN_EINVAL, "member 1: no name");
        assert_failed(*state, MEMBER(.name = "x\n[Peer]", .public_key = key_of("x")), FBN_EINVAL, "member 1: no name");
        assert_failed(*state, MEMBER(.name = "x"), FBN_EINVAL, "member x: neither a public nor a private key");
        assert_failed(*state, MEMBER(.name = "x", .public_key = key_of("x"), .private_key = private_key), FBN_EINVAL, "not that of the private key");
        assert_failed(*state, MEMBER(.name = "x", .public_key = key_of("x"), .relay = true), FBN_EINVAL, "member x: a relay needs an endpoint");
        assert_failed(*state, MEMBER(.name = "x", .public_key = key_of("x"), .endpoint = "y"), FBN_EINVAL, "endpoint 'y' is not HOST:PORT");
        assert_failed(*state, MEMBER(.name = "x", .public_key = key_of("x"), .announces = &own, .n_announces = 1), FBN_EINVAL, "host bits set");
        assert_failed(*state, fbn_wireguard_network_add(*state, network, FBN_OPTIONS(fbn_wireguard_member, .name = "x", .public_key = key_of("x"))),
                      FBN_EINVAL, "no address");
        assert_int_equal(fbn_wireguard_network_count(network), 0);
        assert_ok(*state, add(*state, network, "a", "10.0.0.1/24", ENDPOINT, NULL));
        assert_ok(*state, add(*state, network, "b", "10.0.0.2/24", 0, NULL));
        assert_ok(*state, add(*state, network, "c", "10.0.0.2/24", 0, NULL));
        assert_failed(*state, fbn_wireguard_network_derive(*state, network, "x", &wireguard), FBN_ENOENT, "no member is called 'x'");
        assert_failed(*state, fbn_wireguard_network_derive(*state, network, "b", &wireguard), FBN_EINVAL,
                      "members b and c have the same address 10.0.0.2");
        assert_failed(*state, fbn_wireguard_network_derive(*state, network, "a", &wireguard), FBN_EINVAL, "allowed IP 10.0.0.2/32 is given to two peers");
        assert_ok(*state, add(*state, network, "a", "10.0.0.7/24", 0, NULL));
        assert_failed(*state, fbn_wireguard_network_derive(*state, network, "a", &wireguard), FBN_EINVAL, "two members are called a");
        assert_null(wireguard);
}

static const char *next_of(fbn_context *c, const fbn_wireguard_network *network, const char *text)
{
        static char buffer[FBN_ADDRESS_TEXT];
        fbn_prefix prefix = prefix_of(text), next;
        int r = fbn_wireguard_network_next_address(c, network, &prefix, &next);

        if (r < 0)
                assert_failed(c, r, FBN_ENOENT, "every address is taken");
        return r < 0 ? "none" : fbn_prefix_format(&next, buffer, sizeof(buffer));
}

static void the_next_free_address_is_the_lowest(void **state)
{
        FBN_CLEANUP(fbn_wireguard_network) network = network_of(*state, NULL);
        static const char *const taken[] = {"10.0.0.1/24", "10.0.0.2/24", "10.0.0.4/24", "fd00::1/64", "10.9.0.1/30", "10.9.0.2/30",
                                            "10.8.0.0/31", "255.255.255.255/32", "255.255.255.254/32", "10.0.0.1/25"};

        assert_string_equal(next_of(*state, network, "10.0.0.0/24"), "10.0.0.1/24");
        for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
                char name[8] = {(char)('a' + i)};

                assert_ok(*state, add(*state, network, name, taken[i], 0, NULL));
        }
        assert_string_equal(next_of(*state, network, "10.0.0.0/24"), "10.0.0.3/24");
        assert_string_equal(next_of(*state, network, "10.0.0.77/24"), "10.0.0.3/24");
        assert_string_equal(next_of(*state, network, "10.0.0.128/25"), "10.0.0.129/25");
        assert_string_equal(next_of(*state, network, "fd00::/64"), "fd00::2/64");
        assert_string_equal(next_of(*state, network, "10.9.0.0/30"), "none");
        assert_string_equal(next_of(*state, network, "10.8.0.0/31"), "10.8.0.1/31");
        assert_string_equal(next_of(*state, network, "10.0.0.4/32"), "none");
        assert_string_equal(next_of(*state, network, "10.0.0.5/32"), "10.0.0.5/32");
        assert_string_equal(next_of(*state, network, "255.255.255.254/31"), "none");
        assert_string_equal(next_of(*state, network, "0.0.0.0/0"), "0.0.0.1/0");
}

/* Whoever has a peer is that one's peer, whatever the network. */
static void in_random_networks_both_ends_agree(void **state)
{
        unsigned seed = 7;

        for (unsigned round = 0; round < 200; round++) {
                FBN_CLEANUP(fbn_wireguard_network) network = network_of(*state, "10.0.0.0/16");
                unsigned count = 2 + (unsigned)rand_r(&seed) % 8;

                for (unsigned i = 0; i < count; i++) {
                        unsigned how = (unsigned)rand_r(&seed) % 8;
                        char name[8], address[32], lan[32];

                        snprintf(name, sizeof(name), "m%u", i);
                        snprintf(address, sizeof(address), "10.0.0.%u/16", i + 1);
                        snprintf(lan, sizeof(lan), "192.168.%u.0/24", i);
                        assert_ok(*state, add(*state, network, name, address, how & RELAY ? how | ENDPOINT : how, rand_r(&seed) % 2 ? lan : NULL));
                }
                for (unsigned i = 0; i < count; i++) {
                        FBN_CLEANUP(fbn_wireguard) one = NULL;

                        assert_ok(*state, fbn_wireguard_network_derive(*state, network, fbn_wireguard_network_at(network, i)->name, &one));
                        for (unsigned j = 0; j < count; j++) {
                                const fbn_wireguard_member *a = fbn_wireguard_network_at(network, i), *b = fbn_wireguard_network_at(network, j);
                                FBN_CLEANUP(fbn_wireguard) other = NULL;
                                bool peers = false, back = false;

                                assert_ok(*state, fbn_wireguard_network_derive(*state, network, b->name, &other));
                                for (size_t k = 0; k < fbn_wireguard_count(one); k++)
                                        peers |= memcmp(&fbn_wireguard_at(one, k)->public_key, &b->public_key, sizeof(fbn_key)) == 0;
                                for (size_t k = 0; k < fbn_wireguard_count(other); k++)
                                        back |= memcmp(&fbn_wireguard_at(other, k)->public_key, &a->public_key, sizeof(fbn_key)) == 0;
                                assert_int_equal(peers, back);
                                assert_int_equal(peers, i != j && (a->endpoint || b->endpoint));
                        }
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_network_lives_as_long_as_its_last_reference),
                cmocka_unit_test(in_a_full_mesh_everybody_is_everybodys_peer),
                cmocka_unit_test(behind_a_hub_the_others_reach_each_other_through_it),
                cmocka_unit_test(without_a_relay_or_prefix_only_what_is_reached_is_allowed),
                cmocka_unit_test(two_relays_and_connected_networks),
                cmocka_unit_test(the_interface_is_the_members_own),
                cmocka_unit_test(each_pair_has_a_preshared_key_of_its_own),
                cmocka_unit_test(members_that_cannot_be_are_named),
                cmocka_unit_test(the_next_free_address_is_the_lowest),
                cmocka_unit_test(in_random_networks_both_ends_agree),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
