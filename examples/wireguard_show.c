/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Show the peers of a WireGuard interface, the kernel's or a daemon's.
 *
 * usage: example-wireguard_show NAME [NETNS] */
#include <fabricnet/fabricnet.h>
#include <stdio.h>
#include <time.h>

static void show_peer(const fbn_wireguard_peer *peer)
{
        char key[FBN_KEY_TEXT], text[FBN_ADDRESS_TEXT];

        printf("%s", fbn_key_format(&peer->public_key, key, sizeof(key)));
        if (peer->endpoint.address.family)
                printf(" at %s", fbn_endpoint_format(&peer->endpoint, text, sizeof(text)));
        if (peer->last_handshake)
                printf(", seen %lld s ago", (long long)(time(NULL) - peer->last_handshake / 1000000000));
        printf(", %llu B received, %llu B sent\n", (unsigned long long)peer->received, (unsigned long long)peer->sent);
        for (size_t i = 0; i < peer->n_allowed_ips; i++)
                printf("    %s\n", fbn_prefix_format(&peer->allowed_ips[i], text, sizeof(text)));
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        int r;

        if (argc < 2 || argc > 3) {
                fprintf(stderr, "usage: %s NAME [NETNS]\n", argv[0]);
                return 3;
        }
        r = fbn_context_new(FBN_OPTIONS(fbn_context_options, .netns = argc > 2 ? argv[2] : NULL), &c);
        if (r >= 0)
                r = fbn_wireguard_get(c, argv[1], &wireguard);
        if (r < 0) {
                fprintf(stderr, "%s\n", fbn_context_error(c));
                return 1;
        }
        for (size_t i = 0; i < fbn_wireguard_count(wireguard); i++)
                show_peer(fbn_wireguard_at(wireguard, i));
        return 0;
}
