/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include <fabricnet/wireguard.h>

#define PRIVATE "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
#define PRESHARED "FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE="
#define PEER_1 "H88rV2d42pzqQEpEWb6BjNtlZFRkkGn5pMe9eE4SsgQ="
#define PEER_2 "IlE9Iupz8AY9vD7NdnSYFaR7lUQd0sH3Krv+VznNrwo="

static fbn_wireguard *parsed(fbn_context *c, const char *text)
{
        fbn_wireguard *wireguard = NULL;

        assert_ok(c, fbn_wireguard_parse(c, "wg0.conf", text, &wireguard));
        return wireguard;
}

static void assert_formats(fbn_context *c, const fbn_wireguard *wireguard, const char *format, const char *expected)
{
        FBN_CLEANUP(fbn_secret) secret = NULL;
        char text[4096] = "";

        assert_ok(c, fbn_wireguard_format(c, wireguard, format, &secret));
        assert_true(fbn_secret_length(secret) < sizeof(text));
        memcpy(text, fbn_secret_bytes(secret), fbn_secret_length(secret));
        assert_string_equal(text, expected);
}

static void assert_becomes(fbn_context *c, const char *text, const char *expected)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = parsed(c, text);

        assert_formats(c, wireguard, "wg-quick", expected);
}

static void what_was_read_is_written_with_order_comments_and_unknown_keys(void **state)
{
        static const char *const texts[] = {
                "[Interface]\nPrivateKey = " PRIVATE "\nListenPort = 51820\nMTU = 1280\n\n[Peer]\nPublicKey = " PEER_1 "\nAllowedIPs = 10.0.0.0/8\n",
                "# the server\n\n[Interface] # here\nAddress = 172.26.5.1/24, fd00::1/64\nPostUp = echo one; echo [Peer] # first\nTable = off\n"
                "PreUp = zero\nSaveConfig = true\nJc = 4\nPostUp = echo two\nPrivateKey = " PRIVATE "\nDNS = 192.168.8.1, example.org\n\n"
                "# laptop, was " PRESHARED "\n[Peer]\nEndpoint = vpn.example.org:443 # dynamic\nPublicKey = " PEER_1 "\n#PresharedKey = x\n"
                "PresharedKey = " PRESHARED "\nAdvancedSecurity = on\n\n[Peer]\nPublicKey = " PEER_2 "\n\n# the end\n",
                "[Peer]\nPublicKey = " PEER_1 "\n",
                "# only a comment\n",
                "[Interface]\n\nMTU = 1280\n\nTable = off\n\n\n[Peer]\nPublicKey = " PEER_1 "\n\n",
                "[Interface]\nMTU = 1280\n\n[Peer]\n# laptop\nPublicKey = " PEER_1 "\n",
                "[ interface ]\nMTU = 1280\n",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                assert_becomes(*state, texts[i], texts[i]);
}

static void spelling_becomes_ours_and_values_of_several_lines_one(void **state)
{
        assert_becomes(*state, "[INTERFACE]\r\n  listenport=51820\r\n# c\r\naddress = 10.0.0.1/24\r\nAddress=10.0.0.2/24 # more\r\nfwmark=51820\r\n",
                       "[INTERFACE]\nListenPort = 51820\n# c\nAddress = 10.0.0.1/24, 10.0.0.2/24\n# more\nFwMark = 0xca6c\n");
        assert_becomes(*state, "[Peer]\nPublicKey=" PEER_1 "\nAllowedIPs=10.2.0.0/16,10.1.0.0/16\nPersistentKeepalive = off # no\n",
                       "[Peer]\nPublicKey = " PEER_1 "\nAllowedIPs = 10.1.0.0/16, 10.2.0.0/16\n# no\n");
}

static void members_that_a_layout_lacks_come_before_its_closing_comments(void **state)
{
        FBN_CLEANUP(fbn_wireguard) from = parsed(*state, "[Interface]\n# mine\nListenPort = 1\nPostUp = one\n\n# laptop\n[Peer]\nPublicKey = " PEER_1 "\n");
        FBN_CLEANUP(fbn_wireguard) to = NULL;
        fbn_wireguard_interface interface = *fbn_wireguard_interface_of(from);
        const char *const hooks[] = {"PostUp = changed", "PreDown = new"};

        interface.mtu = 1400;
        interface.hooks = hooks;
        interface.n_hooks = 2;
        assert_ok(*state, fbn_wireguard_new(*state, &interface, &to));
        assert_ok(*state, fbn_wireguard_add(*state, to, fbn_wireguard_at(from, 0)));
        assert_formats(*state, to, "wg-quick",
                       "[Interface]\n# mine\nListenPort = 1\nPostUp = changed\nMTU = 1400\nPreDown = new\n\n# laptop\n[Peer]\nPublicKey = " PEER_1
                       "\n");
}

static void hooks_are_returned_in_order(void **state)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = parsed(*state, "[Interface]\npostup = a = b; c # no\nPreUp=d\nPostUp = e\n");
        const fbn_wireguard_interface *interface = fbn_wireguard_interface_of(wireguard);

        assert_int_equal(interface->n_hooks, 3);
        assert_string_equal(interface->hooks[0], "PostUp = a = b; c");
        assert_string_equal(interface->hooks[1], "PreUp = d");
        assert_string_equal(interface->hooks[2], "PostUp = e");
}

#define SOURCE                                                                                                                            \
        "[Interface]\nPrivateKey = " PRIVATE "\nListenPort = 1\nFwMark = 16\nAddress = 10.0.0.1/24\nDNS = 10.0.0.9, example.org\nMTU = 1280\n" \
        "[Peer]\nPublicKey = " PEER_1 "\nPresharedKey = " PRESHARED "\nAllowedIPs = 10.0.0.2, 10.1.0.0/16\nEndpoint = [fd00::1]:7\n"          \
        "PersistentKeepalive = 25\n"

static fbn_wireguard *named(fbn_context *c, const char *text, const char *table)
{
        FBN_CLEANUP(fbn_wireguard) from = parsed(c, text);
        fbn_wireguard_interface interface = *fbn_wireguard_interface_of(from);
        fbn_wireguard *to;

        interface.name = "wg0";
        interface.table = table;
        assert_ok(c, fbn_wireguard_new(c, &interface, &to));
        for (size_t i = 0; i < fbn_wireguard_count(from); i++)
                assert_ok(c, fbn_wireguard_add(c, to, fbn_wireguard_at(from, i)));
        return to;
}

static void networkd_gets_a_netdev_and_a_network(void **state)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = named(*state, SOURCE, NULL);
        FBN_CLEANUP(fbn_wireguard) off = named(*state, "[Interface]\n[Peer]\nPublicKey = " PEER_1 "\nAllowedIPs = ::/0\n", "off");

        assert_formats(*state, wireguard, "netdev",
                       "[NetDev]\nName=wg0\nKind=wireguard\nMTUBytes=1280\n\n[WireGuard]\nPrivateKey=" PRIVATE
                       "\nListenPort=1\nFirewallMark=16\nRouteTable=main\n\n[WireGuardPeer]\nPublicKey=" PEER_1 "\nPresharedKey=" PRESHARED
                       "\nAllowedIPs=10.0.0.2/32\nAllowedIPs=10.1.0.0/16\nEndpoint=[fd00::1]:7\nPersistentKeepalive=25\n");
        assert_formats(*state, wireguard, "network",
                       "[Match]\nName=wg0\n\n[Network]\nAddress=10.0.0.1/24\nDNS=10.0.0.9\nDomains=example.org\n");
        assert_formats(*state, off, "netdev",
                       "[NetDev]\nName=wg0\nKind=wireguard\n\n[WireGuard]\n\n[WireGuardPeer]\nPublicKey=" PEER_1 "\nAllowedIPs=::/0\n");
}

static void what_cannot_be_written_is_refused(void **state)
{
        FBN_CLEANUP(fbn_wireguard) nameless = parsed(*state, SOURCE);
        FBN_CLEANUP(fbn_wireguard) all = named(*state, "[Peer]\nPublicKey = " PEER_1 "\nAllowedIPs = 0.0.0.0/0\n", NULL);
        FBN_CLEANUP(fbn_wireguard) injected = named(*state, SOURCE, "off\nPostUp = rm");
        fbn_secret *text = NULL;

        assert_failed(*state, fbn_wireguard_format(*state, nameless, "ini", &text), FBN_EINVAL, "'ini' is no format");
        assert_failed(*state, fbn_wireguard_format(*state, nameless, "netdev", &text), FBN_EINVAL, "need the interface's name");
        assert_failed(*state, fbn_wireguard_format(*state, nameless, "network", &text), FBN_EINVAL, "need the interface's name");
        assert_failed(*state, fbn_wireguard_format(*state, all, "netdev", &text), FBN_EUNSUPPORTED, "set Table to a number");
        assert_failed(*state, fbn_wireguard_format(*state, injected, "wg-quick", &text), FBN_EINVAL, "goes over the end of its line");
        assert_null(text);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_read_is_written_with_order_comments_and_unknown_keys),
                cmocka_unit_test(spelling_becomes_ours_and_values_of_several_lines_one),
                cmocka_unit_test(members_that_a_layout_lacks_come_before_its_closing_comments),
                cmocka_unit_test(hooks_are_returned_in_order),
                cmocka_unit_test(networkd_gets_a_netdev_and_a_network),
                cmocka_unit_test(what_cannot_be_written_is_refused),
        };

        return cmocka_run_group_tests(tests, context_setup, context_teardown);
}
