/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

#include <string.h>

static fbn_tailscale_options options_of(const struct command *command)
{
        return (fbn_tailscale_options){.size = sizeof(fbn_tailscale_options), .socket = command->socket};
}

static json_t *node_json(const fbn_tailscale_node *node)
{
        return json_pack("{s:s?, s:s?, s:o, s:o, s:b, s:s?, s:s?, s:I}", "host_name", node->host_name, "dns_name", node->dns_name, "addresses",
                         json_addresses(node->addresses, node->n_addresses), "primary_routes",
                         json_prefixes(node->primary_routes, node->n_primary_routes), "online", (int)node->online, "endpoint", node->endpoint, "relay",
                         node->relay, "last_handshake", (json_int_t)node->last_handshake);
}

static json_t *status_json(const fbn_tailscale_status *status)
{
        const fbn_tailscale_state *state = fbn_tailscale_status_state(status);
        json_t *peers = json_array(), *health = json_array();

        for (size_t i = 0; i < state->n_health; i++)
                json_array_append_new(health, json_string(state->health[i]));
        for (size_t i = 0; i < fbn_tailscale_status_count(status); i++)
                json_array_append_new(peers, node_json(fbn_tailscale_status_at(status, i)));
        return json_pack("{s:s?, s:s?, s:b, s:o, s:o, s:o}", "state", state->state, "version", state->version, "have_node_key",
                         (int)state->have_node_key, "health", health, "self", node_json(&state->self), "peers", peers);
}

static void add_node(struct table *table, const fbn_tailscale_node *node, bool self)
{
        char address[FBN_ADDRESS_TEXT] = "";

        if (node->n_addresses > 0)
                fbn_address_format(&node->addresses[0], address, sizeof(address));
        table_add(table, address);
        table_add(table, node->host_name);
        table_add(table, self ? "this device" : node->online ? "online" : "offline");
        table_add(table, node->endpoint && *node->endpoint ? node->endpoint : "");
}

static int status(struct command *command)
{
        FBN_CLEANUP(fbn_tailscale_status) snapshot = NULL;
        fbn_tailscale_options options = options_of(command);
        const fbn_tailscale_state *state;
        struct table table = {0};
        int r = fbn_tailscale_status_get(command->c, &options, &snapshot);

        if (r < 0)
                return failed(command, r);
        if (command->json)
                return print_json(status_json(snapshot));
        state = fbn_tailscale_status_state(snapshot);
        printf("%s, tailscaled %s\n", state->state, state->version);
        for (size_t i = 0; i < state->n_health; i++)
                printf("health: %s\n", state->health[i]);
        add_node(&table, &state->self, true);
        for (size_t i = 0; i < fbn_tailscale_status_count(snapshot); i++)
                add_node(&table, fbn_tailscale_status_at(snapshot, i), false);
        table_print(&table, 4, stdout);
        return strcmp(state->state, "Running") == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int prefs(struct command *command)
{
        FBN_CLEANUP(fbn_tailscale_settings) settings = NULL;
        fbn_tailscale_options options = options_of(command);
        const fbn_tailscale_prefs *prefs;
        json_t *value;
        int r = fbn_tailscale_settings_get(command->c, &options, &settings);

        if (r < 0)
                return failed(command, r);
        prefs = fbn_tailscale_settings_prefs(settings);
        value = json_pack("{s:s?, s:s?, s:b, s:b, s:b, s:b, s:o}", "login_server", prefs->login_server, "host_name", prefs->host_name, "accept_routes",
                          (int)prefs->accept_routes, "accept_dns", (int)prefs->accept_dns, "snat", (int)prefs->snat, "want_running",
                          (int)prefs->want_running, "advertise_routes", json_prefixes(prefs->advertise_routes, prefs->n_advertise_routes));
        return print_json(value);
}

static int enrol(struct command *command)
{
        FBN_CLEANUP(fbn_secret) key = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_tailscale_options options = options_of(command);
        fbn_tailscale_prefs want = {.size = sizeof(want), .set = FBN_TAILSCALE_SET_LOGIN_SERVER | FBN_TAILSCALE_SET_WANT_RUNNING,
                                    .login_server = command->url, .want_running = true};
        int r = 0;

        if (!command->url)
                return misused("tailscale enrol: name the login server with --url");
        if (command->host) {
                want.set |= FBN_TAILSCALE_SET_HOST_NAME;
                want.host_name = command->host;
        }
        if (command->auth_key)
                r = fbn_secret_read_file(command->c, command->auth_key, &key);
        if (r >= 0)
                r = fbn_tailscale_enrol(command->c, &options, &want, key, &changes);
        return r < 0 ? failed(command, r) : print_changes(command, changes);
}

static int logout(struct command *command)
{
        fbn_tailscale_options options = options_of(command);
        int r = fbn_tailscale_logout(command->c, &options);

        return r < 0 ? failed(command, r) : EXIT_DONE;
}

int command_tailscale(struct command *command)
{
        static const struct verb verbs[] = {
                {"status", 0, status, "status [--socket FILE]"},
                {"prefs", 0, prefs, "prefs [--socket FILE]"},
                {"enrol", 0, enrol, "enrol --url LOGIN-SERVER [--auth-key FILE] [--host NAME]"},
                {"logout", 0, logout, "logout"},
        };

        return verb_run(command, "tailscale", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
