/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wg.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROTOCOL_KERNEL_MAX 3 /* what the kernel gave by itself, such as a link-local address. Source: IFAPROT_KERNEL_LL of if_addr.h */

/* Between files and interfaces: export and qr one way, import the other. */

static bool is_file(const char *word)
{
        size_t length = strlen(word);

        return strchr(word, '/') || (length > 5 && strcmp(word + length - 5, ".conf") == 0);
}

static int copy_peers(struct command *command, const fbn_wireguard *from, fbn_wireguard *to)
{
        int r = 0;

        for (size_t i = 0; i < fbn_wireguard_count(from) && r >= 0; i++)
                r = fbn_wireguard_add(command->c, to, fbn_wireguard_at(from, i));
        return r;
}

/* A device knows neither its addresses nor its MTU: they are the link's. */
static int read_device(struct command *command, const char *name, fbn_wireguard **ret_wireguard)
{
        FBN_CLEANUP(fbn_wireguard) device = NULL;
        FBN_CLEANUP(fbn_wireguard) whole = NULL;
        FBN_CLEANUP(fbn_links) links = NULL;
        FBN_CLEANUP(fbn_link_addresses) addresses = NULL;
        fbn_wireguard_interface interface;
        fbn_prefix *prefixes;
        int r = fbn_wireguard_get(command->c, name, &device);

        if (r >= 0)
                r = fbn_link_list(command->c, name, &links);
        if (r >= 0)
                r = fbn_link_address_list(command->c, name, &addresses);
        if (r < 0)
                return r;
        interface = *fbn_wireguard_interface_of(device);
        interface.name = name;
        interface.mtu = fbn_links_at(links, 0)->mtu;
        prefixes = calloc(fbn_link_addresses_count(addresses) + 1, sizeof(*prefixes));
        if (!prefixes)
                abort(); /* a program, not the library: out of memory ends it */
        for (size_t i = 0; i < fbn_link_addresses_count(addresses); i++) {
                const fbn_link_address *address = fbn_link_addresses_at(addresses, i);

                if (address->protocol == 0 || address->protocol > PROTOCOL_KERNEL_MAX)
                        prefixes[interface.n_addresses++] = address->address;
        }
        interface.addresses = prefixes;
        r = fbn_wireguard_new(command->c, &interface, &whole);
        free(prefixes);
        if (r >= 0)
                r = copy_peers(command, device, whole);
        if (r < 0)
                return r;
        *ret_wireguard = whole;
        whole = NULL;
        return 0;
}

/* The text holds keys: to the file of -o (mode 0600, never replaced) or to standard output, which is what the user asked for. */
static int write_as(struct command *command, const fbn_wireguard *wireguard, const char *format)
{
        FBN_CLEANUP(fbn_secret) text = NULL;
        int r = fbn_wireguard_format(command->c, wireguard, format, &text);

        if (r >= 0 && command->output)
                r = fbn_secret_write_file(command->c, text, command->output);
        if (r < 0)
                return failed(command, r);
        if (!command->output)
                print_secret(text, "");
        return EXIT_DONE;
}

int wg_export(struct command *command)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        int r;

        if (command->count < 1 || command->count > 2)
                return misused("usage: fabricnet wg export INTERFACE [wg-quick|netdev|network] [-o FILE]");
        r = read_device(command, command->argument[0], &wireguard);
        if (r < 0)
                return failed(command, r);
        return write_as(command, wireguard, command->count == 2 ? command->argument[1] : "wg-quick");
}

int wg_qr(struct command *command)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        const char *from = command->argument[0];
        int r;

        if (command->svg && command->png)
                return misused("--svg and --png: only one of them");
        if (command->png && !command->output && isatty(STDOUT_FILENO))
                return misused("a PNG is nothing for a terminal; name a file with -o");
        r = is_file(from) ? fbn_wireguard_parse_file(command->c, from, &wireguard) : read_device(command, from, &wireguard);
        if (r < 0)
                return failed(command, r);
        return write_as(command, wireguard, command->svg ? "qr-svg" : command->png ? "qr-png" : "qr-text");
}

/* What an import is about. */
struct import {
        struct command *command;
        const char *name;
        char own_name[16];
        fbn_wireguard *want;
        const fbn_wireguard_interface *interface;
        uint32_t table; /* for routes to the allowed IPs */
        bool routes;
        int backend, unresolved;
};

/* The interface is named as wg-quick(8) does it: after the file. */
static int choose_name(struct import *import, const char *path)
{
        const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
        size_t length = strlen(base);

        if (length > 5 && strcmp(base + length - 5, ".conf") == 0)
                length -= 5;
        if (import->command->count == 2) {
                import->name = import->command->argument[1];
                return EXIT_DONE;
        }
        if (length == 0 || length >= sizeof(import->own_name))
                return misused("%s: '%.*s' is no name for an interface (15 bytes at most); say one after the file", path, (int)length, base);
        memcpy(import->own_name, base, length);
        import->name = import->own_name;
        return EXIT_DONE;
}

static bool has_default_route(const fbn_wireguard *wireguard)
{
        for (size_t i = 0; i < fbn_wireguard_count(wireguard); i++)
                for (size_t j = 0; j < fbn_wireguard_at(wireguard, i)->n_allowed_ips; j++)
                        if (fbn_wireguard_at(wireguard, i)->allowed_ips[j].length == 0)
                                return true;
        return false;
}

/* Table as of wg-quick(8); 254 is the main one. */
static int choose_table(struct import *import, const char *path)
{
        const char *table = import->interface->table;
        uint64_t number = 254;

        import->routes = !(table && strcasecmp(table, "off") == 0);
        if (import->routes && table && strcasecmp(table, "auto") != 0 && strcmp(table, "main") != 0 &&
            (!number_of(table, UINT32_MAX, &number) || number == 0))
                return misused("%s: Table = %s: 'auto', 'off', 'main' or a number is expected", path, table);
        import->table = (uint32_t)number;
        if (import->routes && number == 254 && has_default_route(import->want))
                return misused("%s: a default route in the main table would catch the tunnel's own packets; set Table to a number and add a "
                               "rule, or to off; 'wg-quick up' does it by rules of its own", path);
        return EXIT_DONE;
}

static int set_addresses(struct import *import)
{
        int r = 0;

        for (size_t i = 0; i < import->interface->n_addresses && r >= 0; i++)
                r = fbn_link_address_add(import->command->c, &(fbn_link_address){.size = sizeof(fbn_link_address), .device = import->name,
                                                                                 .address = import->interface->addresses[i]});
        return r;
}

/* The kernel has a route to the network of each address already. */
static bool is_connected(const fbn_wireguard_interface *interface, const fbn_prefix *prefix)
{
        for (size_t i = 0; i < interface->n_addresses; i++)
                if (interface->addresses[i].address.family == prefix->address.family && interface->addresses[i].length <= prefix->length &&
                    fbn_prefix_contains(&interface->addresses[i], &prefix->address))
                        return true;
        return false;
}

/* Not under our own protocol number: the routes are no fabric's, which would take them away. */
static int add_routes(struct import *import)
{
        fbn_route route = {.size = sizeof(route), .device = import->name, .table = import->table, .protocol = 3 /* boot, as ip-route(8)'s */};
        int r = 0;

        for (size_t i = 0; i < fbn_wireguard_count(import->want); i++) {
                const fbn_wireguard_peer *peer = fbn_wireguard_at(import->want, i);

                for (size_t j = 0; j < peer->n_allowed_ips && r >= 0; j++) {
                        route.destination = peer->allowed_ips[j];
                        if (import->table != 254 || !is_connected(import->interface, &route.destination))
                                r = fbn_route_add(import->command->c, &route);
                }
        }
        return r;
}

static int configure(struct import *import)
{
        FBN_CLEANUP(fbn_wireguard) want = fbn_wireguard_ref(import->want);
        fbn_context *c = import->command->c;
        fbn_link link = {.size = sizeof(link), .name = import->name, .mtu = import->interface->mtu, .state = FBN_LINK_UP};
        int r = resolve_names(import->command, import->name, &want, &import->unresolved);

        if (r >= 0)
                r = fbn_wireguard_apply(c, import->name, want, NULL, NULL);
        if (r >= 0)
                r = set_addresses(import);
        if (r >= 0)
                r = fbn_link_set(c, &link);
        if (r >= 0 && import->routes)
                r = add_routes(import);
        return r;
}

/* What of the file is the user's to do. */
static int report(const struct import *import)
{
        const fbn_wireguard_interface *interface = import->interface;
        json_t *hooks = json_array(), *dns = json_array();

        for (size_t i = 0; i < interface->n_hooks; i++)
                json_array_append_new(hooks, json_string(interface->hooks[i]));
        for (size_t i = 0; i < interface->n_dns; i++)
                json_array_append_new(dns, json_string(interface->dns[i]));
        if (import->command->json)
                return print_json(json_pack("{s:s, s:s, s:o, s:o}", "name", import->name, "backend",
                                            import->backend == FBN_WIREGUARD_KERNEL ? "kernel" : "userspace", "hooks", hooks, "dns", dns));
        for (size_t i = 0; i < json_array_size(hooks); i++)
                fprintf(stderr, "fabricnet: not run: %s\n", interface->hooks[i]);
        for (size_t i = 0; i < json_array_size(dns); i++)
                fprintf(stderr, "fabricnet: not set: DNS = %s\n", interface->dns[i]);
        json_decref(hooks);
        json_decref(dns);
        return EXIT_DONE;
}

int wg_import(struct command *command)
{
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        struct import import = {.command = command};
        int r, code;

        if (command->count < 1 || command->count > 2)
                return misused("usage: fabricnet wg import FILE [INTERFACE]");
        code = choose_name(&import, command->argument[0]);
        if (code)
                return code;
        r = fbn_wireguard_parse_file(command->c, command->argument[0], &want);
        if (r < 0)
                return failed(command, r);
        import.want = want;
        import.interface = fbn_wireguard_interface_of(want);
        code = choose_table(&import, command->argument[0]);
        if (code)
                return code;
        import.backend = fbn_wireguard_create(command->c, import.name, NULL);
        if (import.backend < 0)
                return failed(command, import.backend);
        r = configure(&import);
        if (r >= 0)
                return report(&import) || import.unresolved ? EXIT_NOT_UNDONE : EXIT_DONE;
        code = failed(command, r);
        if (fbn_wireguard_delete(command->c, import.name) >= 0) {
                if (code != EXIT_NOT_UNDONE)
                        return code;
                fprintf(stderr, "fabricnet: %s: taken away again, nothing stands\n", import.name);
                return EXIT_FAILED;
        }
        failed(command, r);
        return EXIT_NOT_UNDONE;
}
