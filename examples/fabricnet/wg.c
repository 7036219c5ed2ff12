/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

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

static json_t *interface_json(const char *name, const fbn_wireguard *wireguard)
{
        const fbn_wireguard_interface *interface = fbn_wireguard_interface_of(wireguard);
        json_t *peers = json_array();
        char key[FBN_KEY_TEXT];

        for (size_t i = 0; i < fbn_wireguard_count(wireguard); i++)
                json_array_append_new(peers, peer_json(fbn_wireguard_at(wireguard, i)));
        return json_pack("{s:s, s:s, s:s, s:i, s:I, s:o}", "name", name, "backend",
                         interface->backend == FBN_WIREGUARD_KERNEL ? "kernel" : "userspace", "public_key",
                         fbn_key_format(&interface->public_key, key, sizeof(key)), "listen_port", (int)interface->listen_port, "fwmark",
                         (json_int_t)interface->fwmark, "peers", peers);
}

static void print_bytes(uint64_t bytes, const char *what)
{
        static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
        double value = (double)bytes;
        size_t unit = 0;

        for (; value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
                value /= 1024;
        printf(unit ? "%.2f %s %s" : "%.0f %s %s", value, units[unit], what);
}

static void print_peer(const fbn_wireguard_peer *peer)
{
        char text[FBN_ADDRESS_TEXT];

        printf("\n%speer%s: %s\n", color(stdout, COLOR_YELLOW), color(stdout, COLOR_NONE), fbn_key_format(&peer->public_key, text, sizeof(text)));
        if (peer->preshared_key)
                printf("  preshared key: (hidden)\n");
        if (peer->endpoint.address.family)
                printf("  endpoint: %s\n", fbn_endpoint_format(&peer->endpoint, text, sizeof(text)));
        printf("  allowed ips: ");
        for (size_t i = 0; i < peer->n_allowed_ips; i++)
                printf("%s%s", i ? ", " : "", fbn_prefix_format(&peer->allowed_ips[i], text, sizeof(text)));
        printf(peer->n_allowed_ips ? "\n" : "(none)\n");
        if (peer->last_handshake)
                printf("  latest handshake: %" PRId64 " s ago\n", (int64_t)time(NULL) - peer->last_handshake / 1000000000);
        if (peer->received || peer->sent) {
                printf("  transfer: ");
                print_bytes(peer->received, "received, ");
                print_bytes(peer->sent, "sent\n");
        }
        if (peer->keepalive)
                printf("  persistent keepalive: every %u s\n", peer->keepalive);
}

static void print_interface(const char *name, const fbn_wireguard *wireguard)
{
        const fbn_wireguard_interface *interface = fbn_wireguard_interface_of(wireguard);
        char key[FBN_KEY_TEXT];

        printf("%sinterface%s: %s (%s)\n", color(stdout, COLOR_GREEN), color(stdout, COLOR_NONE), name,
               interface->backend == FBN_WIREGUARD_KERNEL ? "kernel" : "userspace");
        if (interface->private_key)
                printf("  public key: %s\n  private key: (hidden)\n", fbn_key_format(&interface->public_key, key, sizeof(key)));
        if (interface->listen_port)
                printf("  listening port: %u\n", interface->listen_port);
        if (interface->fwmark)
                printf("  fwmark: 0x%x\n", interface->fwmark);
        for (size_t i = 0; i < fbn_wireguard_count(wireguard); i++)
                print_peer(fbn_wireguard_at(wireguard, i));
}

static int show(struct command *command)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        int r = fbn_wireguard_get(command->c, command->argument[0], &wireguard);

        if (r < 0)
                return failed(command, r);
        if (command->json)
                return print_json(interface_json(command->argument[0], wireguard));
        print_interface(command->argument[0], wireguard);
        return EXIT_DONE;
}

static const char *backend_name(const fbn_wireguard_interface *interface)
{
        return interface->backend == FBN_WIREGUARD_KERNEL ? "kernel" : "userspace";
}

static json_t *list_json(const fbn_wireguards *wireguards)
{
        json_t *list = json_array();

        for (size_t i = 0; i < fbn_wireguards_count(wireguards); i++) {
                const fbn_wireguard_interface *interface = fbn_wireguards_at(wireguards, i);

                json_array_append_new(list, json_pack("{s:s, s:s}", "name", interface->name, "backend", backend_name(interface)));
        }
        return list;
}

static int list(struct command *command)
{
        FBN_CLEANUP(fbn_wireguards) wireguards = NULL;
        struct table table = {0};
        int r = fbn_wireguard_list(command->c, &wireguards);

        if (r < 0)
                return failed(command, r);
        if (command->json)
                return print_json(list_json(wireguards));
        for (size_t i = 0; i < fbn_wireguards_count(wireguards); i++) {
                table_add(&table, fbn_wireguards_at(wireguards, i)->name);
                table_add(&table, backend_name(fbn_wireguards_at(wireguards, i)));
        }
        table_print(&table, 2, stdout);
        return EXIT_DONE;
}

static int delete(struct command *command)
{
        int r = fbn_wireguard_delete(command->c, command->argument[0]);

        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int create(struct command *command)
{
        int r = fbn_wireguard_create(command->c, command->argument[0], NULL);

        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int apply_file(struct command *command, bool dry_run, fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        fbn_wireguard_apply_options options = {.size = sizeof(options), .dry_run = dry_run};
        int r;

        r = fbn_wireguard_parse_file(command->c, command->argument[1], &want);
        if (r >= 0)
                r = fbn_wireguard_apply(command->c, command->argument[0], want, &options, ret_changes);
        return r;
}

static int apply(struct command *command)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r = apply_file(command, command->dry_run, &changes);

        return r < 0 ? failed(command, r) : print_changes(command, changes);
}

static int diff(struct command *command)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r = apply_file(command, true, &changes);

        if (r < 0)
                return failed(command, r);
        print_changes(command, changes);
        return r > 0 ? EXIT_DIFFERENT : EXIT_DONE;
}

/* The text holds keys: to the file of -o (mode 0600, never replaced) or to standard output, which is what the user asked for. */
static int export(struct command *command)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        FBN_CLEANUP(fbn_secret) text = NULL;
        int r = fbn_wireguard_get(command->c, command->argument[0], &wireguard);

        if (r >= 0)
                r = fbn_wireguard_format(command->c, wireguard, command->argument[1], &text);
        if (r >= 0 && command->output)
                r = fbn_secret_write_file(command->c, text, command->output);
        if (r < 0)
                return failed(command, r);
        if (!command->output)
                fwrite(fbn_secret_bytes(text), 1, fbn_secret_length(text), stdout);
        return EXIT_DONE;
}

static int watch_wireguard(struct command *command)
{
        fbn_wireguard_monitor_options options = {.size = sizeof(options), .interval_ms = (uint32_t)(command->interval * 1000), .existing = true};
        fbn_monitor *monitor = NULL;
        int r;

        if (command->count > 1)
                return misused("usage: fabricnet wg watch [INTERFACE] [--interval SECONDS]");
        r = fbn_wireguard_monitor_new(command->c, command->count ? command->argument[0] : NULL, &options, &monitor);
        return r < 0 ? failed(command, r) : watch(command, monitor);
}

int command_wg(struct command *command)
{
        static const struct verb verbs[] = {
                {"list", 0, list, "list"},
                {"show", 1, show, "show INTERFACE"},
                {"create", 1, create, "create INTERFACE"},
                {"delete", 1, delete, "delete INTERFACE"},
                {"apply", 2, apply, "apply INTERFACE FILE [--dry-run]"},
                {"diff", 2, diff, "diff INTERFACE FILE"},
                {"export", 2, export, "export INTERFACE wg-quick|netdev|network [-o FILE]"},
                {"watch", -1, watch_wireguard, "watch [INTERFACE] [--interval SECONDS]"},
        };

        return verb_run(command, "wg", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
