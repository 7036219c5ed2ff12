/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include <fabricnet/wireguard.h>

#undef fail

#include "fault/memory.h"

#define SECRET "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
#define PEER "H88rV2d42pzqQEpEWb6BjNtlZFRkkGn5pMe9eE4SsgQ="

static const char text[] = "# head\n[Interface]\nPrivateKey = " SECRET "\nAddress = 10.0.0.1/24\nDNS = 10.0.0.53, x.org\nPostUp = true # why\nOdd = key\n"
                           "[Peer] # one\nAllowedIPs = 10.0.0.2/32\nPublicKey = " PEER "\nPresharedKey = " SECRET "\nEndpoint = a.b:1\n";

static int format_each(fbn_context *c, const fbn_wireguard *wireguard)
{
        static const char *const formats[] = {"wg-quick", "qr-text", "qr-svg", "qr-png"};
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(formats) && r >= 0; i++) {
                FBN_CLEANUP(fbn_secret) written = NULL;

                r = fbn_wireguard_format(c, wireguard, formats[i], &written);
        }
        return r;
}

static int files(fbn_context *c)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        int r = fbn_wireguard_parse(c, "wg0.conf", text, &wireguard);

        return r < 0 ? r : format_each(c, wireguard);
}
SCENARIO(files)

static int add(fbn_context *c, fbn_wireguard_network *network, const char *name, uint8_t last, bool relay)
{
        const fbn_prefix own = {.address = {.family = 2, .bytes = {10, 0, 0, last}}, .length = 24};
        const char *dns[] = {"10.0.0.53"};

        return fbn_wireguard_network_add(c, network, FBN_OPTIONS(fbn_wireguard_member, .name = name, .public_key = {{last}}, .addresses = &own,
                                                                 .n_addresses = 1, .dns = dns, .n_dns = 1, .relay = relay,
                                                                 .endpoint = relay ? "a.b:1" : NULL));
}

static int derive(fbn_context *c)
{
        const fbn_prefix whole = {.address = {.family = 2, .bytes = {10}}, .length = 24};
        FBN_CLEANUP(fbn_wireguard_network) network = NULL;
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        FBN_CLEANUP(fbn_secret) master = NULL;
        fbn_prefix next;
        int r = fbn_key_generate_preshared(c, &master);

        if (r == 0)
                r = fbn_wireguard_network_new(c, FBN_OPTIONS(fbn_wireguard_network_options, .prefixes = &whole, .n_prefixes = 1, .preshared = master),
                                              &network);
        if (r == 0)
                r = add(c, network, "hub", 1, true);
        if (r == 0)
                r = add(c, network, "a", 2, false);
        if (r == 0)
                r = fbn_wireguard_network_next_address(c, network, &whole, &next);
        return r < 0 ? r : fbn_wireguard_network_derive(c, network, "a", &wireguard);
}
SCENARIO(derive)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(files_survive),
                cmocka_unit_test(derive_survive),
        };

        memory_tables();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
