/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The server of --url and --api-key, else the one that the fabric file declares. */
static int open_server(struct command *command, fbn_headscale **ret_headscale)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_secret) key = NULL;
        fbn_headscale_options options = {.size = sizeof(options), .url = command->url, .ca_file = command->ca_file};
        int r;

        if (!command->url) {
                r = fbn_fabric_load_file(command->c, command->file, &fabric);
                return r < 0 ? r : fbn_fabric_headscale(command->c, fabric, command->ca_file, ret_headscale);
        }
        if (command->api_key) {
                r = fbn_secret_read_file(command->c, command->api_key, &key);
                if (r < 0)
                        return r;
        }
        options.api_key = key;
        return fbn_headscale_new(command->c, &options, ret_headscale);
}

static int health(struct command *command)
{
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        int r = open_server(command, &headscale);

        if (r >= 0)
                r = fbn_headscale_health(command->c, headscale);
        if (r < 0)
                return failed(command, r);
        printf("pass\n");
        return EXIT_DONE;
}

static int version(struct command *command)
{
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        char *text = NULL;
        int r = open_server(command, &headscale);

        if (r >= 0)
                r = fbn_headscale_version(command->c, headscale, &text);
        if (r < 0)
                return failed(command, r);
        printf("%s\n", text);
        fbn_free(text);
        return EXIT_DONE;
}

static int users(struct command *command)
{
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        FBN_CLEANUP(fbn_headscale_users) list = NULL;
        json_t *all = command->json ? json_array() : NULL;
        struct table table = {0};
        int r = open_server(command, &headscale);

        if (r >= 0)
                r = fbn_headscale_user_list(command->c, headscale, &list);
        if (r < 0) {
                json_decref(all);
                return failed(command, r);
        }
        for (size_t i = 0; i < fbn_headscale_users_count(list); i++) {
                const fbn_headscale_user *user = fbn_headscale_users_at(list, i);
                char id[24];

                snprintf(id, sizeof(id), "%" PRIu64, user->id);
                if (all)
                        json_array_append_new(all, json_pack("{s:s, s:s}", "id", id, "name", user->name));
                table_add(&table, id);
                table_add(&table, user->name);
        }
        if (all)
                return print_json(all);
        table_print(&table, 2, stdout);
        return EXIT_DONE;
}

static int user_add(struct command *command)
{
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        int r = open_server(command, &headscale);

        if (r >= 0)
                r = fbn_headscale_user_create(command->c, headscale, command->argument[0]);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static json_t *node_json(const fbn_headscale_node *node)
{
        char id[24];

        snprintf(id, sizeof(id), "%" PRIu64, node->id);
        return json_pack("{s:s, s:s, s:s, s:s?, s:o, s:o, s:o, s:o, s:b}", "id", id, "name", node->name, "given_name", node->given_name, "user",
                         node->user, "addresses", json_addresses(node->addresses, node->n_addresses), "available_routes",
                         json_prefixes(node->available_routes, node->n_available_routes), "approved_routes",
                         json_prefixes(node->approved_routes, node->n_approved_routes), "serving_routes",
                         json_prefixes(node->serving_routes, node->n_serving_routes), "online", (int)node->online);
}

static int nodes(struct command *command)
{
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        FBN_CLEANUP(fbn_headscale_nodes) list = NULL;
        json_t *all = command->json ? json_array() : NULL;
        struct table table = {0};
        int r = open_server(command, &headscale);

        if (r >= 0)
                r = fbn_headscale_node_list(command->c, headscale, &list);
        if (r < 0) {
                json_decref(all);
                return failed(command, r);
        }
        for (size_t i = 0; i < fbn_headscale_nodes_count(list); i++) {
                const fbn_headscale_node *node = fbn_headscale_nodes_at(list, i);
                char id[24], address[FBN_ADDRESS_TEXT] = "", routes[64];

                if (all) {
                        json_array_append_new(all, node_json(node));
                        continue;
                }
                snprintf(id, sizeof(id), "%" PRIu64, node->id);
                if (node->n_addresses > 0)
                        fbn_address_format(&node->addresses[0], address, sizeof(address));
                snprintf(routes, sizeof(routes), "routes: %zu offered, %zu approved, %zu serving", node->n_available_routes, node->n_approved_routes,
                         node->n_serving_routes);
                table_add(&table, id);
                table_add(&table, node->given_name);
                table_add(&table, address);
                table_add(&table, node->user);
                table_add(&table, node->online ? "online" : "offline");
                table_add(&table, node->n_available_routes + node->n_approved_routes ? routes : "");
        }
        if (all)
                return print_json(all);
        table_print(&table, 6, stdout);
        return EXIT_DONE;
}

static int approve(struct command *command)
{
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        fbn_prefix routes[64];
        size_t n_routes = 0;
        uint64_t id;
        int r;

        if (command->count < 1)
                return misused("usage: fabricnet headscale approve NODE-ID [PREFIX…]");
        if (!number_of(command->argument[0], UINT64_MAX, &id))
                return misused("'%s' is no node id; 'fabricnet headscale nodes' shows them", command->argument[0]);
        for (int i = 1; i < command->count; i++)
                if (n_routes == sizeof(routes) / sizeof(routes[0]) || fbn_prefix_parse(command->argument[i], &routes[n_routes++]) < 0)
                        return misused("'%s' is no prefix", command->argument[i]);
        r = open_server(command, &headscale);
        if (r >= 0)
                r = fbn_headscale_node_approve(command->c, headscale, id, routes, n_routes);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

/* A key for a node that the fabric declares: to the file of -o (mode 0600, never replaced), else to standard output, for a pipe. */
static int keys(struct command *command)
{
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        FBN_CLEANUP(fbn_secret) key = NULL;
        int r;

        if (strcmp(command->argument[0], "mint") != 0)
                return misused("usage: fabricnet headscale keys mint NODE [-o FILE]");
        r = fbn_fabric_load_file(command->c, command->file, &fabric);
        if (r >= 0)
                r = fbn_fabric_headscale(command->c, fabric, command->ca_file, &headscale);
        if (r >= 0)
                r = fbn_fabric_mint(command->c, fabric, headscale, command->argument[1], &key);
        if (r >= 0 && command->output)
                r = fbn_secret_write_file(command->c, key, command->output);
        if (r < 0)
                return failed(command, r);
        if (!command->output)
                print_secret(key, "\n");
        return EXIT_DONE;
}

static int policy(struct command *command)
{
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        char *text = NULL;
        int r = open_server(command, &headscale);

        if (r >= 0)
                r = fbn_headscale_policy_get(command->c, headscale, &text);
        if (r < 0)
                return failed(command, r);
        printf("%s", text);
        fbn_free(text);
        return EXIT_DONE;
}

int command_headscale(struct command *command)
{
        static const struct verb verbs[] = {
                {"health", 0, health, "health"},
                {"version", 0, version, "version"},
                {"users", 0, users, "users"},
                {"user-add", 1, user_add, "user-add NAME"},
                {"nodes", 0, nodes, "nodes"},
                {"approve", -1, approve, "approve NODE-ID [PREFIX…]"},
                {"keys", 2, keys, "keys mint NODE [-o FILE]"},
                {"policy", 0, policy, "policy"},
        };

        return verb_run(command, "headscale", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
