/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include "base/address.h"
#include "wireguard/difference.h"

#include <stdio.h>
#include <stdlib.h>

/* Peers are named by a letter, which is their key's first byte; configurations are written as "a 10.0.0.0/8 10.1.0.0/16; b". */

static fbn_key key_of(char letter)
{
        return (fbn_key){{(uint8_t)letter}};
}

static void add_peer(fbn_context *c, fbn_wireguard *wireguard, char *words)
{
        fbn_prefix prefixes[16];
        fbn_wireguard_peer peer = {.size = sizeof(peer), .allowed_ips = prefixes};
        char *rest, *word = strtok_r(words, " ", &rest);

        peer.public_key = key_of(*word);
        while ((word = strtok_r(NULL, " ", &rest)))
                if (*word == '@')
                        assert_int_equal(fbn_endpoint_parse(word + 1, &peer.endpoint), 0);
                else if (*word == 'k')
                        peer.keepalive = (uint16_t)atoi(word + 1);
                else
                        assert_int_equal(fbn_prefix_parse(word, &prefixes[peer.n_allowed_ips++]), 0);
        assert_ok(c, fbn_wireguard_add(c, wireguard, &peer));
}

static fbn_wireguard *written(fbn_context *c, const char *text)
{
        char copy[512], *rest, *peer;
        fbn_wireguard *wireguard;

        assert_ok(c, fbn_wireguard_new(c, NULL, &wireguard));
        snprintf(copy, sizeof(copy), "%s", text);
        for (peer = strtok_r(copy, ";", &rest); peer; peer = strtok_r(NULL, ";", &rest))
                add_peer(c, wireguard, peer);
        return wireguard;
}

/* The messages in one line: letter, flags (C create, R remove, s PSK, e endpoint, k keepalive, - take), allowed IPs. */
static const char *messages(const struct update *update)
{
        static const char flags[] = "RCsek-";
        static char text[1024];
        char prefix[FBN_ADDRESS_TEXT];

        *text = 0;
        for (size_t i = 0; i < update->count; i++) {
                const struct peer_update *item = &update->peers[i];
                size_t used = strlen(text);

                used += (size_t)sprintf(text + used, "%s%c", i ? "; " : "", item->peer->public_key.bytes[0]);
                for (size_t bit = 0; bit < strlen(flags); bit++)
                        if (item->what & 1u << bit)
                                used += (size_t)sprintf(text + used, "%c", flags[bit]);
                for (size_t j = 0; j < item->n_allowed_ips; j++)
                        used += (size_t)sprintf(text + used, " %s", fbn_prefix_format(&item->allowed_ips[j], prefix, sizeof(prefix)));
        }
        return text;
}

static void assert_leads(fbn_context *c, const char *from, const char *to, bool keep_peers, const char *expected, size_t changes)
{
        FBN_CLEANUP(fbn_wireguard) have = written(c, from);
        FBN_CLEANUP(fbn_wireguard) want = written(c, to);
        _cleanup_(difference_free) struct difference difference = {0};

        assert_ok(c, difference_new(c, "wg0", have, want, keep_peers, &difference));
        assert_string_equal(messages(&difference.update), expected);
        assert_int_equal(fbn_changes_count(difference.changes), changes);
}

static void equal_configurations_lead_to_no_message(void **state)
{
        assert_leads(*state, "", "", false, "", 0);
        assert_leads(*state, "a 10.0.0.0/8 10.1.0.0/16;b @1.2.3.4:5 k25", "b @1.2.3.4:5 k25;a 10.1.0.0/16 10.0.0.0/8 10.0.0.0/8", false, "",
                     0);
}

static void peers_come_and_go(void **state)
{
        assert_leads(*state, "a;b 10.0.0.0/8", "b 10.0.0.0/8;c @1.2.3.4:5 k25 10.1.0.0/16", false, "cCek 10.1.0.0/16; aR", 2);
        assert_leads(*state, "a;b", "b", true, "", 0);
}

static void only_members_that_differ_are_sent(void **state)
{
        assert_leads(*state, "a @1.2.3.4:5 k25 10.0.0.0/8", "a @1.2.3.4:6 k25 10.0.0.0/8", false, "ae", 1);
        assert_leads(*state, "a @1.2.3.4:5 k25", "a", false, "ak", 1); /* the endpoint that was learned stays */
        assert_leads(*state, "a", "a k1 @[::1]:1", false, "aek", 2);
}

/* wireguard-go does not tell the zone of an endpoint, the kernel does. */
static void a_zone_that_is_not_told_is_no_difference(void **state)
{
        FBN_CLEANUP(fbn_wireguard) have = written(*state, "a @[fe80::1]:5");
        FBN_CLEANUP(fbn_wireguard) want = written(*state, "a @[fe80::1%3]:5");
        FBN_CLEANUP(fbn_wireguard) other = written(*state, "a @[fe80::1%4]:5");
        struct difference difference;

        assert_leads(*state, "a @[fe80::1]:5", "a @[fe80::1%3]:5", false, "ae", 1);
        have->interface.backend = FBN_WIREGUARD_USERSPACE;
        assert_ok(*state, difference_new(*state, "wg0", have, want, 0, &difference));
        assert_int_equal(difference.count, 0);
        difference_free(&difference);
        want->interface.backend = FBN_WIREGUARD_USERSPACE; /* one that tells it: boringtun */
        assert_ok(*state, difference_new(*state, "wg0", want, other, 0, &difference));
        assert_int_equal(difference.count, 1);
        difference_free(&difference);
}

static void new_allowed_ips_are_added_without_replacing(void **state)
{
        assert_leads(*state, "a 10.0.0.0/8", "a fd00::/8 10.0.0.0/8 10.1.0.0/16", false, "a 10.1.0.0/16 fd00::/8", 2);
}

static void allowed_ips_that_go_are_taken_by_name_and_last(void **state)
{
        assert_leads(*state, "a 10.0.0.0/8 10.1.0.0/16;b", "a 10.0.0.0/8 10.2.0.0/16;b 10.3.0.0/16", false,
                     "a 10.2.0.0/16; b 10.3.0.0/16; a- 10.1.0.0/16", 3);
        assert_leads(*state, "a 10.0.0.0/8", "a", false, "a- 10.0.0.0/8", 1);
        assert_leads(*state, "a 10.0.0.0/8 10.1.0.0/16;b", "a;b 10.1.0.0/16", false, "b 10.1.0.0/16; a- 10.0.0.0/8", 3);
}

static void boringtun_gets_changed_peers_anew_those_that_only_lose_last(void **state)
{
        FBN_CLEANUP(fbn_wireguard) have = written(*state, "a @1.2.3.4:5 10.0.0.0/8 10.1.0.0/16;b k5;c 10.3.0.0/16;d 10.4.0.0/16");
        FBN_CLEANUP(fbn_wireguard) want = written(*state, "a 10.0.0.0/8;b k6 10.1.0.0/16;d 10.4.0.0/16;e 10.5.0.0/16");
        struct difference difference;

        have->boringtun = BORINGTUN;
        assert_ok(*state, difference_new(*state, "wg0", have, want, 0, &difference));
        assert_string_equal(messages(&difference.update), "bR; bCk 10.1.0.0/16; eC 10.5.0.0/16; aR; aCe 10.0.0.0/8; cR");
        assert_int_equal(difference.count, 5);
        assert_int_equal(difference.update.peers[4].peer->endpoint.port, 5);
        difference_free(&difference);
}

static void a_prefix_that_moves_is_only_given_never_taken(void **state)
{
        assert_leads(*state, "a 10.0.0.0/8 10.1.0.0/16;b", "a 10.0.0.0/8;b 10.1.0.0/16", false, "b 10.1.0.0/16", 2);
        assert_leads(*state, "a 10.0.0.0/8;b 10.1.0.0/16", "a 10.1.0.0/16;b 10.0.0.0/8", false, "a 10.1.0.0/16; b 10.0.0.0/8", 4);
        assert_leads(*state, "a 10.0.0.0/8", "b 10.0.0.0/8", false, "bC 10.0.0.0/8; aR", 2);
        assert_leads(*state, "a 10.0.0.0/8", "b 10.0.0.0/8", true, "bC 10.0.0.0/8", 1);
}

static void clashes_are_refused_by_name(void **state)
{
        FBN_CLEANUP(fbn_wireguard) have = written(*state, "");
        FBN_CLEANUP(fbn_wireguard) want = written(*state, "a 10.0.0.0/8;b 10.0.0.0/9;c 10.0.0.0/8");
        struct difference difference;

        assert_failed(*state, difference_new(*state, "wg0", have, want, false, &difference), FBN_EINVAL,
                      "wg0: allowed IP 10.0.0.0/8 is given to two peers, YQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= and YwAAA");
}

static void the_interface_cannot_be_its_own_peer(void **state)
{
        FBN_CLEANUP(fbn_secret) key = NULL;
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        struct difference difference;
        fbn_wireguard_peer peer = {.size = sizeof(peer)};

        assert_ok(*state, fbn_key_generate(*state, &key));
        assert_ok(*state, fbn_key_public(*state, key, &peer.public_key));
        assert_ok(*state, fbn_wireguard_new(*state, FBN_OPTIONS(fbn_wireguard_interface, .private_key = key), &have));
        want = written(*state, "a");
        assert_ok(*state, fbn_wireguard_add(*state, want, &peer));
        assert_failed(*state, difference_new(*state, "wg0", have, want, false, &difference), FBN_EINVAL, "is the interface itself");
}

static void the_interface_itself_is_compared(void **state)
{
        FBN_CLEANUP(fbn_secret) key = NULL;
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        FBN_CLEANUP(fbn_wireguard) nothing = written(*state, "");
        _cleanup_(difference_free) struct difference one = {0};
        _cleanup_(difference_free) struct difference other = {0};

        assert_ok(*state, fbn_key_generate(*state, &key));
        assert_ok(*state, fbn_wireguard_new(*state, FBN_OPTIONS(fbn_wireguard_interface, .listen_port = 1, .fwmark = 7), &have));
        assert_ok(*state, fbn_wireguard_new(*state, FBN_OPTIONS(fbn_wireguard_interface, .private_key = key, .listen_port = 2), &want));
        assert_ok(*state, difference_new(*state, "wg0", have, want, false, &one));
        assert_int_equal(one.update.what, INTERFACE_PRIVATE_KEY | INTERFACE_LISTEN_PORT | INTERFACE_FWMARK);
        assert_string_equal(fbn_changes_at(one.changes, 0)->after, "(secret)");
        assert_string_equal(fbn_changes_at(one.changes, 1)->before, "1");
        assert_null(fbn_changes_at(one.changes, 2)->after);
        assert_ok(*state, difference_new(*state, "wg0", want, nothing, false, &other)); /* key and port: "as it is" */
        assert_int_equal(other.update.what, 0);
}

static void preshared_keys_are_compared_and_hidden(void **state)
{
        FBN_CLEANUP(fbn_secret) key = NULL;
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        FBN_CLEANUP(fbn_wireguard) without = written(*state, "a");
        _cleanup_(difference_free) struct difference rotated = {0};
        _cleanup_(difference_free) struct difference removed = {0};
        FBN_CLEANUP(fbn_wireguard) want = NULL;

        for (fbn_wireguard **into = &have; into; into = into == &have ? &want : NULL) {
                key = fbn_secret_unref(key);
                assert_ok(*state, fbn_key_generate_preshared(*state, &key));
                assert_ok(*state, fbn_wireguard_new(*state, NULL, into));
                assert_ok(*state, fbn_wireguard_add(*state, *into,
                                                    FBN_OPTIONS(fbn_wireguard_peer, .public_key = key_of('a'), .preshared_key = key)));
        }
        assert_ok(*state, difference_new(*state, "wg0", have, want, false, &rotated));
        assert_string_equal(messages(&rotated.update), "as");
        assert_string_equal(fbn_changes_at(rotated.changes, 0)->before, "(secret)");
        assert_string_equal(fbn_changes_at(rotated.changes, 0)->object, "wg0: peer YQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        assert_ok(*state, difference_new(*state, "wg0", have, without, false, &removed));
        assert_string_equal(messages(&removed.update), "as");
        assert_null(fbn_changes_at(removed.changes, 0)->after);
}

static void wrong_peers_are_refused(void **state)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = written(*state, "a 10.0.0.0/8");
        FBN_CLEANUP(fbn_secret) short_key = NULL;
        fbn_prefix host_bits;
        fbn_wireguard_peer peer = {.size = sizeof(peer), .public_key = key_of('a')};

        assert_ok(*state, fbn_secret_new(*state, "abc", 3, &short_key));
        assert_int_equal(fbn_prefix_parse("10.0.0.1/8", &host_bits), 0);
        assert_failed(*state, fbn_wireguard_add(*state, wireguard, &peer), FBN_EEXIST, "peer YQAAA");
        peer.public_key = key_of(0);
        assert_failed(*state, fbn_wireguard_add(*state, wireguard, &peer), FBN_EINVAL, "public key is missing");
        peer.public_key = key_of('b');
        peer.allowed_ips = &host_bits;
        peer.n_allowed_ips = 1;
        assert_failed(*state, fbn_wireguard_add(*state, wireguard, &peer), FBN_EINVAL,
                      "10.0.0.1/8 has host bits set; the network is 10.0.0.0/8");
        peer.n_allowed_ips = 0;
        peer.preshared_key = short_key;
        assert_failed(*state, fbn_wireguard_add(*state, wireguard, &peer), FBN_EINVAL, "32 bytes, not 3");
        peer.preshared_key = NULL;
        peer.endpoint.address.family = 77;
        assert_failed(*state, fbn_wireguard_add(*state, wireguard, &peer), FBN_EINVAL, "neither IPv4 nor IPv6");
        peer.endpoint = (fbn_endpoint){.address.family = 2};
        assert_failed(*state, fbn_wireguard_add(*state, wireguard, &peer), FBN_EINVAL, "no port");
        peer.endpoint = (fbn_endpoint){0};
        peer.endpoint_name = "example.org";
        assert_failed(*state, fbn_wireguard_add(*state, wireguard, &peer), FBN_EINVAL, "is not HOST:PORT");
        assert_int_equal(fbn_wireguard_count(wireguard), 1);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(equal_configurations_lead_to_no_message),
                cmocka_unit_test(peers_come_and_go),
                cmocka_unit_test(only_members_that_differ_are_sent),
                cmocka_unit_test(a_zone_that_is_not_told_is_no_difference),
                cmocka_unit_test(new_allowed_ips_are_added_without_replacing),
                cmocka_unit_test(allowed_ips_that_go_are_taken_by_name_and_last),
                cmocka_unit_test(boringtun_gets_changed_peers_anew_those_that_only_lose_last),
                cmocka_unit_test(a_prefix_that_moves_is_only_given_never_taken),
                cmocka_unit_test(clashes_are_refused_by_name),
                cmocka_unit_test(the_interface_cannot_be_its_own_peer),
                cmocka_unit_test(the_interface_itself_is_compared),
                cmocka_unit_test(preshared_keys_are_compared_and_hidden),
                cmocka_unit_test(wrong_peers_are_refused),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
