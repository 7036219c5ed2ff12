/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ours against wg(8): wireguard apply DEVICE FILE CHANGES | show DEVICE */
#include "bench.h"

/* As "wg setconf" and "wg syncconf": read the file, make the interface so. */
static void apply(fbn_context *c, const char *device, const char *path, const char *changes)
{
        expect_changes(checked(c, fbn_wireguard_apply_file(c, device, path, NULL, NULL)), changes);
}

static void print_secret(fbn_context *c, const fbn_secret *key)
{
        FBN_CLEANUP(fbn_secret) text = NULL;

        if (!key) {
                fputs("(none)\t", stdout);
                return;
        }
        checked(c, fbn_key_encode(c, key, &text));
        fwrite(fbn_secret_bytes(text), 1, fbn_secret_length(text), stdout);
        putchar('\t');
}

static void print_prefixes(const fbn_prefix *prefixes, size_t count)
{
        char text[FBN_ADDRESS_TEXT];

        if (count == 0)
                fputs("(none)", stdout);
        for (size_t i = 0; i < count; i++) {
                if (i > 0)
                        putchar(',');
                fputs(fbn_prefix_format(&prefixes[i], text, sizeof(text)), stdout);
        }
}

static void print_peer(fbn_context *c, const fbn_wireguard_peer *peer)
{
        char text[FBN_ADDRESS_TEXT], key[FBN_KEY_TEXT];

        fputs(fbn_key_format(&peer->public_key, key, sizeof(key)), stdout);
        putchar('\t');
        print_secret(c, peer->preshared_key);
        fputs(peer->endpoint.port ? fbn_endpoint_format(&peer->endpoint, text, sizeof(text)) : "(none)", stdout);
        putchar('\t');
        print_prefixes(peer->allowed_ips, peer->n_allowed_ips);
        printf("\t%lld\t%llu\t%llu\t", (long long)(peer->last_handshake / 1000000000), (unsigned long long)peer->received,
               (unsigned long long)peer->sent);
        if (peer->keepalive)
                printf("%u\n", peer->keepalive);
        else
                puts("off");
}

/* As "wg show DEVICE dump", line by line the same. */
static void show(fbn_context *c, const char *device)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        const fbn_wireguard_interface *interface;
        char key[FBN_KEY_TEXT];

        checked(c, fbn_wireguard_get(c, device, &have));
        interface = fbn_wireguard_interface_of(have);
        print_secret(c, interface->private_key);
        printf("%s\t%u\t", fbn_key_format(&interface->public_key, key, sizeof(key)), interface->listen_port);
        if (interface->fwmark)
                printf("0x%x\n", interface->fwmark);
        else
                printf("off\n");
        for (size_t i = 0; i < fbn_wireguard_count(have); i++)
                print_peer(c, fbn_wireguard_at(have, i));
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = bench_context();

        if (argc == 5 && strcmp(argv[1], "apply") == 0)
                apply(c, argv[2], argv[3], argv[4]);
        else if (argc == 3 && strcmp(argv[1], "show") == 0)
                show(c, argv[2]);
        else
                usage("wireguard apply DEVICE FILE CHANGES | show DEVICE");
        return 0;
}
