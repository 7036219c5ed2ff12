/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wg.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What "wg show" prints, byte for byte but for the colours' exact codes, and never a key that is secret. Source: show.c of wireguard-tools. */

#define SECOND INT64_C(1000000000)

static json_t *peer_json(const fbn_wireguard_peer *peer)
{
        char key[FBN_KEY_TEXT], endpoint[FBN_ADDRESS_TEXT];

        fbn_key_format(&peer->public_key, key, sizeof(key));
        fbn_endpoint_format(&peer->endpoint, endpoint, sizeof(endpoint));
        return json_pack("{s:s, s:b, s:s?, s:i, s:o, s:I, s:I, s:I}", "public_key", key, "preshared_key", peer->preshared_key != NULL, "endpoint",
                         *endpoint ? endpoint : NULL, "keepalive", (int)peer->keepalive, "allowed_ips",
                         json_prefixes(peer->allowed_ips, peer->n_allowed_ips), "last_handshake", (json_int_t)peer->last_handshake, "received",
                         (json_int_t)peer->received, "sent", (json_int_t)peer->sent);
}

/* Of keys that are secret only whether there is one. */
static json_t *interface_json(const char *name, const fbn_wireguard *wireguard)
{
        static const fbn_key none;
        const fbn_wireguard_interface *interface = fbn_wireguard_interface_of(wireguard);
        bool has_key = memcmp(&interface->public_key, &none, sizeof(none)) != 0; /* boringtun tells no other */
        json_t *peers = json_array();
        char key[FBN_KEY_TEXT];

        for (size_t i = 0; i < fbn_wireguard_count(wireguard); i++)
                json_array_append_new(peers, peer_json(fbn_wireguard_at(wireguard, i)));
        fbn_key_format(&interface->public_key, key, sizeof(key));
        return json_pack("{s:s, s:s, s:b, s:s?, s:i, s:I, s:o}", "name", name, "backend", backend_name(interface), "private_key",
                         interface->private_key != NULL, "public_key", has_key ? key : NULL, "listen_port",
                         (int)interface->listen_port, "fwmark", (json_int_t)interface->fwmark, "peers", peers);
}

/* "NAME: " in bold, and what follows in a colour of its own for the two kinds of heads. */
static void print_label(const char *indent, const char *name)
{
        printf("%s%s%s%s: ", indent, color(stdout, COLOR_BOLD), name, color(stdout, COLOR_NONE));
}

static void print_head(const char *name, const char *value, enum color of)
{
        printf("%s%s%s%s: %s%s%s\n", color(stdout, of), color(stdout, COLOR_BOLD), name, color(stdout, COLOR_NONE), color(stdout, of), value,
               color(stdout, COLOR_NONE));
}

static void print_bytes(uint64_t bytes)
{
        static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
        double value = (double)bytes;
        size_t unit = 0;

        for (; value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
                value /= 1024;
        printf(unit ? "%.2f " : "%.0f ", value);
        printf("%s%s%s", color(stdout, COLOR_CYAN), units[unit], color(stdout, COLOR_NONE));
}

/* "2 hours, 1 minute". */
static void print_time(int64_t left)
{
        static const struct {
                const char *name;
                int64_t seconds;
        } units[] = {{"year", 365 * 86400}, {"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}};
        const char *separator = "";

        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
                int64_t count = left / units[i].seconds;

                left %= units[i].seconds;
                if (count == 0)
                        continue;
                printf("%s%" PRId64 " %s%s%s%s", separator, count, color(stdout, COLOR_CYAN), units[i].name, count == 1 ? "" : "s",
                       color(stdout, COLOR_NONE));
                separator = ", ";
        }
}

static void print_handshake(int64_t seconds)
{
        int64_t age = (int64_t)time(NULL) - seconds;

        print_label("  ", "latest handshake");
        if (age == 0)
                printf("Now\n");
        else if (age < 0)
                printf("(%sSystem clock wound backward; connection problems may ensue.%s)\n", color(stdout, COLOR_RED),
                       color(stdout, COLOR_NONE));
        else {
                print_time(age);
                printf(" ago\n");
        }
}

static void print_transfer(const fbn_wireguard_peer *peer)
{
        print_label("  ", "transfer");
        print_bytes(peer->received);
        printf(" received, ");
        print_bytes(peer->sent);
        printf(" sent\n");
}

static void print_allowed_ips(const fbn_wireguard_peer *peer)
{
        char text[FBN_ADDRESS_TEXT];

        print_label("  ", "allowed ips");
        for (size_t i = 0; i < peer->n_allowed_ips; i++) {
                char *slash;

                fbn_prefix_format(&peer->allowed_ips[i], text, sizeof(text));
                slash = strchr(text, '/');
                *slash = 0;
                printf("%s%s%s/%s%s", i ? ", " : "", text, color(stdout, COLOR_CYAN), color(stdout, COLOR_NONE), slash + 1);
        }
        printf(peer->n_allowed_ips ? "\n" : "(none)\n");
}

static void print_peer(const fbn_wireguard_peer *peer)
{
        char text[FBN_ADDRESS_TEXT];

        print_head("peer", fbn_key_format(&peer->public_key, text, sizeof(text)), COLOR_YELLOW);
        if (peer->preshared_key) {
                print_label("  ", "preshared key");
                printf("(hidden)\n");
        }
        if (peer->endpoint.address.family) {
                print_label("  ", "endpoint");
                printf("%s\n", fbn_endpoint_format(&peer->endpoint, text, sizeof(text)));
        }
        print_allowed_ips(peer);
        if (peer->last_handshake >= SECOND)
                print_handshake(peer->last_handshake / SECOND);
        if (peer->received || peer->sent)
                print_transfer(peer);
        if (peer->keepalive) {
                print_label("  ", "persistent keepalive");
                printf("every ");
                print_time(peer->keepalive);
                printf("\n");
        }
}

/* The freshest handshake first; those who never had one come last, in the device's order. */
static int by_handshake(const void *a, const void *b)
{
        const fbn_wireguard_peer *x = *(const fbn_wireguard_peer *const *)a, *y = *(const fbn_wireguard_peer *const *)b;

        if (x->last_handshake != y->last_handshake)
                return x->last_handshake < y->last_handshake ? 1 : -1;
        return x < y ? -1 : x > y;
}

static void print_peers(const fbn_wireguard *wireguard)
{
        size_t count = fbn_wireguard_count(wireguard);
        const fbn_wireguard_peer **peers = calloc(count + 1, sizeof(*peers));

        if (!peers)
                abort(); /* a program, not the library: out of memory ends it */
        for (size_t i = 0; i < count; i++)
                peers[i] = fbn_wireguard_at(wireguard, i);
        qsort(peers, count, sizeof(*peers), by_handshake);
        for (size_t i = 0; i < count; i++) {
                printf("\n");
                print_peer(peers[i]);
        }
        free(peers);
}

static void print_interface(const char *name, const fbn_wireguard *wireguard)
{
        const fbn_wireguard_interface *interface = fbn_wireguard_interface_of(wireguard);
        char key[FBN_KEY_TEXT];

        print_head("interface", name, COLOR_GREEN);
        if (interface->private_key) {
                print_label("  ", "public key");
                printf("%s\n", fbn_key_format(&interface->public_key, key, sizeof(key)));
                print_label("  ", "private key");
                printf("(hidden)\n");
        }
        if (interface->listen_port) {
                print_label("  ", "listening port");
                printf("%u\n", interface->listen_port);
        }
        if (interface->fwmark) {
                print_label("  ", "fwmark");
                printf("0x%x\n", interface->fwmark);
        }
        print_peers(wireguard);
}

static int show_one(struct command *command, const char *name)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        int r = fbn_wireguard_get(command->c, name, &wireguard);

        if (r < 0)
                return failed(command, r);
        if (command->json)
                return print_json(interface_json(name, wireguard));
        print_interface(name, wireguard);
        return EXIT_DONE;
}

static int show_all_json(struct command *command, const fbn_wireguards *names)
{
        json_t *list = json_array();

        for (size_t i = 0; i < fbn_wireguards_count(names); i++) {
                FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
                const char *name = fbn_wireguards_at(names, i)->name;
                int r = fbn_wireguard_get(command->c, name, &wireguard);

                if (r < 0) {
                        json_decref(list);
                        return failed(command, r);
                }
                json_array_append_new(list, interface_json(name, wireguard));
        }
        return print_json(list);
}

int wg_show(struct command *command)
{
        FBN_CLEANUP(fbn_wireguards) names = NULL;
        int r, code = EXIT_DONE;

        if (command->count > 1)
                return misused("usage: fabricnet wg show [INTERFACE]");
        if (command->count == 1)
                return show_one(command, command->argument[0]);
        r = fbn_wireguard_list(command->c, &names);
        if (r < 0)
                return failed(command, r);
        if (command->json)
                return show_all_json(command, names);
        for (size_t i = 0; i < fbn_wireguards_count(names) && code == EXIT_DONE; i++) {
                if (i)
                        printf("\n");
                code = show_one(command, fbn_wireguards_at(names, i)->name);
        }
        return code;
}
