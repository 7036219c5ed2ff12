/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each value that wg(8) says is refused: refused here too, with its place and its word, before anything is sent. */
#include "unit/test.h"

#include <fabricnet/wireguard.h>
#include <stdio.h>

#define KEY "IlE9Iupz8AY9vD7NdnSYFaR7lUQd0sH3Krv+VznNrwo="

struct mistake {
        const char *line, *words;
        bool of_peer;
};

static void values_that_wg_refuses_are_refused_with_their_place(void **state)
{
        static const struct mistake mistakes[] = {
                {"PrivateKey = abc", "not a key", false},
                {"PrivateKey = " KEY "A", "not a key", false},
                {"ListenPort = 65536", "65536", false},
                {"ListenPort = -1", "-1", false},
                {"ListenPort = many", "many", false},
                {"FwMark = 0x100000000", "0x100000000", false},
                {"FwMark = red", "red", false},
                {"PublicKey = abc", "not a key", true},
                {"PresharedKey = abc", "not a key", true},
                {"AllowedIPs = 10.0.0.0/33", "10.0.0.0/33", true},
                {"AllowedIPs = fd00::/129", "fd00::/129", true},
                {"AllowedIPs = 10.0.0.0/-1", "10.0.0.0/-1", true},
                {"AllowedIPs = 10.0.0/8", "10.0.0/8", true},
                {"AllowedIPs = somewhere", "somewhere", true},
                {"Endpoint = 192.0.2.1", "192.0.2.1", true},
                {"Endpoint = 192.0.2.1:0x7", "192.0.2.1:0x7", true},
                {"Endpoint = 192.0.2.1:65536", "65536", true},
                {"Endpoint = [fe80::1:7", "[fe80::1:7", true},
                {"Endpoint = :7", ":7", true},
                {"PersistentKeepalive = 65536", "65536", true},
                {"PersistentKeepalive = -5", "-5", true},
                {"PersistentKeepalive = often", "often", true},
        };

        for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
                const struct mistake *mistake = &mistakes[i];
                fbn_wireguard *wireguard = (fbn_wireguard *)77;
                char text[512], place[32];
                int r;

                if (mistake->of_peer)
                        snprintf(text, sizeof(text), "[Interface]\n[Peer]\n%s%s\n",
                                 strncmp(mistake->line, "PublicKey", 9) == 0 ? "" : "PublicKey = " KEY "\n", mistake->line);
                else
                        snprintf(text, sizeof(text), "[Interface]\n%s\n", mistake->line);
                snprintf(place, sizeof(place), "wg0.conf:%d:",
                         !mistake->of_peer || strncmp(mistake->line, "PublicKey", 9) == 0 ? 2 + mistake->of_peer : 4);
                r = fbn_wireguard_parse(*state, "wg0.conf", text, &wireguard);
                if (r != -FBN_EINVAL)
                        test_failed("'%s' is taken: %d", mistake->line, r);
                assert_failed(*state, r, FBN_EINVAL, mistake->words);
                assert_failed(*state, r, FBN_EINVAL, place);
                assert_ptr_equal(wireguard, (fbn_wireguard *)77);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {cmocka_unit_test(values_that_wg_refuses_are_refused_with_their_place)};

        return cmocka_run_group_tests_name("what wg(8) refuses", tests, context_setup, context_teardown);
}
