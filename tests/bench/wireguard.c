/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ours against wg(8): wireguard apply DEVICE FILE CHANGES | show DEVICE */
#include "bench.h"

/* As "wg setconf" and "wg syncconf": read the file, make the interface so. */
static void apply(fbn_context *c, const char *device, const char *path, const char *changes)
{
        expect_changes(checked(c, fbn_wireguard_apply_file(c, device, path, NULL, NULL)), changes);
}

/* What is to be printed. stdio would lock and unlock for each word. */
static char out[65536];
static size_t used;

static void flush(void)
{
        fwrite(out, 1, used, stdout);
        used = 0;
}

static void put(const char *text, size_t length)
{
        memcpy(out + used, text, length);
        used += length;
}

static void put_text(const char *text, char end)
{
        put(text, strlen(text));
        out[used++] = end;
}

static void put_number(uint64_t number, char end)
{
        char digits[20], *first = digits + sizeof(digits);

        do
                *--first = (char)('0' + number % 10);
        while (number /= 10);
        put(first, (size_t)(digits + sizeof(digits) - first));
        out[used++] = end;
}

static void put_key(const fbn_key *key, char end)
{
        char text[FBN_KEY_TEXT];

        put(fbn_key_format(key, text, sizeof(text)), FBN_KEY_TEXT - 1);
        out[used++] = end;
}

static void put_secret(const fbn_secret *secret, char end)
{
        fbn_key key;

        if (!secret) {
                put_text("(none)", end);
                return;
        }
        memcpy(key.bytes, fbn_secret_bytes(secret), sizeof(key.bytes)); /* as public as the next pipe */
        put_key(&key, end);
}

static void put_prefixes(const fbn_prefix *prefixes, size_t count, char end)
{
        char text[FBN_ADDRESS_TEXT];

        if (count == 0)
                put_text("(none)", end);
        for (size_t i = 0; i < count; i++) {
                if (used > sizeof(out) / 2)
                        flush();
                put_text(fbn_prefix_format(&prefixes[i], text, sizeof(text)), i + 1 < count ? ',' : end);
        }
}

static void put_peer(const fbn_wireguard_peer *peer)
{
        char text[FBN_ADDRESS_TEXT];

        put_key(&peer->public_key, '\t');
        put_secret(peer->preshared_key, '\t');
        put_text(peer->endpoint.port ? fbn_endpoint_format(&peer->endpoint, text, sizeof(text)) : "(none)", '\t');
        put_prefixes(peer->allowed_ips, peer->n_allowed_ips, '\t');
        put_number((uint64_t)(peer->last_handshake / 1000000000), '\t');
        put_number(peer->received, '\t');
        put_number(peer->sent, '\t');
        if (peer->keepalive)
                put_number(peer->keepalive, '\n');
        else
                put_text("off", '\n');
        if (used > sizeof(out) / 2)
                flush();
}

/* As "wg show DEVICE dump", line by line the same. */
static void show(fbn_context *c, const char *device)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        const fbn_wireguard_interface *interface;
        char mark[16];

        checked(c, fbn_wireguard_get(c, device, &have));
        interface = fbn_wireguard_interface_of(have);
        put_secret(interface->private_key, '\t');
        put_key(&interface->public_key, '\t');
        put_number(interface->listen_port, '\t');
        snprintf(mark, sizeof(mark), interface->fwmark ? "0x%x" : "off", interface->fwmark);
        put_text(mark, '\n');
        for (size_t i = 0; i < fbn_wireguard_count(have); i++)
                put_peer(fbn_wireguard_at(have, i));
        flush();
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
