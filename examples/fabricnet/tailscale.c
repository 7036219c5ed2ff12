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
        json_t *peers = json_array(), *health = json_array(), *advice = json_array();

        for (size_t i = 0; i < state->n_advice; i++)
                json_array_append_new(advice, json_string(state->advice[i]));

        for (size_t i = 0; i < state->n_health; i++)
                json_array_append_new(health, json_string(state->health[i]));
        for (size_t i = 0; i < fbn_tailscale_status_count(status); i++)
                json_array_append_new(peers, node_json(fbn_tailscale_status_at(status, i)));
        return json_pack("{s:s?, s:s?, s:b, s:o, s:o, s:o, s:o}", "state", state->state, "version", state->version, "have_node_key",
                         (int)state->have_node_key, "health", health, "advice", advice, "self", node_json(&state->self), "peers", peers);
}

static void add_node(struct table *table, const fbn_tailscale_node *node, bool self)
{
        char address[FBN_ADDRESS_TEXT] = "";

        if (node->n_addresses > 0)
                fbn_address_format(&node->addresses[0], address, sizeof(address));
        table_add(table, address);
        table_add(table, node->host_name);
        table_add(table, self ? "this device" : node->online ? "online" : "offline");
        table_add(table, node->user);
        table_add(table, node->endpoint && *node->endpoint ? node->endpoint : node->relay && *node->relay && !self ? node->relay : "");
}

static int status(struct command *command)
{
        FBN_CLEANUP(fbn_tailscale_status) snapshot = NULL;
        fbn_tailscale_options options = options_of(command);
        const fbn_tailscale_state *state;
        struct table table = {0};
        int r;

        options.advice = true;
        r = fbn_tailscale_status_get(command->c, &options, &snapshot);

        if (r < 0)
                return failed(command, r);
        if (command->json)
                return print_json(status_json(snapshot));
        state = fbn_tailscale_status_state(snapshot);
        printf("%s, tailscaled %s\n", state->state, state->version);
        for (size_t i = 0; i < state->n_health; i++)
                printf("health: %s\n", state->health[i]);
        for (size_t i = 0; i < state->n_advice; i++)
                printf("advice: %s\n", state->advice[i]);
        add_node(&table, &state->self, true);
        for (size_t i = 0; i < fbn_tailscale_status_count(snapshot); i++)
                add_node(&table, fbn_tailscale_status_at(snapshot, i), false);
        table_print(&table, 5, stdout);
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

/* Preferences as a file of JSON has them: {"accept_routes": true, "advertise_routes": ["192.168.8.0/24"], …}. */
struct wanted {
        const char *path;
        json_t *document;
        fbn_tailscale_prefs prefs;
        fbn_prefix routes[64];
        const char *tags[64];
};

static int wrong(const struct wanted *wanted, const char *member, const char *what)
{
        return misused("%s: /%s: it is no %s", wanted->path, member, what);
}

static int flag_read(struct wanted *wanted, const char *member, fbn_tailscale_set set, bool *flag)
{
        json_t *value = json_object_get(wanted->document, member);

        if (!value)
                return EXIT_DONE;
        *flag = json_is_true(value);
        wanted->prefs.set |= set;
        return json_is_boolean(value) ? EXIT_DONE : wrong(wanted, member, "true or false");
}

static int text_read(struct wanted *wanted, const char *member, fbn_tailscale_set set, const char **text)
{
        json_t *value = json_object_get(wanted->document, member);

        if (!value)
                return EXIT_DONE;
        *text = json_string_value(value);
        wanted->prefs.set |= set;
        return *text ? EXIT_DONE : wrong(wanted, member, "text");
}

static int routes_read(struct wanted *wanted)
{
        json_t *list = json_object_get(wanted->document, "advertise_routes");

        if (!list)
                return EXIT_DONE;
        if (!json_is_array(list) || json_array_size(list) > sizeof(wanted->routes) / sizeof(wanted->routes[0]))
                return wrong(wanted, "advertise_routes", "list of prefixes, 64 at most");
        wanted->prefs.set |= FBN_TAILSCALE_SET_ADVERTISE_ROUTES;
        wanted->prefs.advertise_routes = wanted->routes;
        for (size_t i = 0; i < json_array_size(list); i++) {
                const char *text = json_string_value(json_array_get(list, i));

                if (!text || fbn_prefix_parse(text, &wanted->routes[wanted->prefs.n_advertise_routes++]) < 0)
                        return wrong(wanted, "advertise_routes", "list of prefixes");
        }
        return EXIT_DONE;
}

static int tags_read(struct wanted *wanted)
{
        json_t *list = json_object_get(wanted->document, "advertise_tags");

        if (!list)
                return EXIT_DONE;
        if (!json_is_array(list) || json_array_size(list) > sizeof(wanted->tags) / sizeof(wanted->tags[0]))
                return wrong(wanted, "advertise_tags", "list of tags, 64 at most");
        wanted->prefs.set |= FBN_TAILSCALE_SET_ADVERTISE_TAGS;
        wanted->prefs.advertise_tags = wanted->tags;
        for (size_t i = 0; i < json_array_size(list); i++) {
                wanted->tags[i] = json_string_value(json_array_get(list, i));
                if (!wanted->tags[i])
                        return wrong(wanted, "advertise_tags", "list of tags");
                wanted->prefs.n_advertise_tags++;
        }
        return EXIT_DONE;
}

static int members_check(const struct wanted *wanted)
{
        static const char *const known[] = {"login_server", "host_name", "accept_routes", "accept_dns", "snat", "want_running", "advertise_routes",
                                            "advertise_tags", "exit_node", NULL};
        const char *name;
        json_t *value;

        json_object_foreach(wanted->document, name, value) {
                const char *const *one = known;

                while (*one && strcmp(*one, name) != 0)
                        one++;
                if (!*one)
                        return misused("%s: /%s: there is no such preference", wanted->path, name);
        }
        return EXIT_DONE;
}

static int wanted_read(struct wanted *wanted)
{
        fbn_tailscale_prefs *prefs = &wanted->prefs;
        json_error_t error;
        int code;

        wanted->document = json_load_file(wanted->path, JSON_REJECT_DUPLICATES, &error);
        if (!wanted->document)
                return misused("%s:%d:%d: %s", wanted->path, error.line, error.column, error.text);
        code = members_check(wanted);
        if (!code)
                code = text_read(wanted, "login_server", FBN_TAILSCALE_SET_LOGIN_SERVER, &prefs->login_server);
        if (!code)
                code = text_read(wanted, "host_name", FBN_TAILSCALE_SET_HOST_NAME, &prefs->host_name);
        if (!code)
                code = text_read(wanted, "exit_node", FBN_TAILSCALE_SET_EXIT_NODE, &prefs->exit_node);
        if (!code)
                code = flag_read(wanted, "accept_routes", FBN_TAILSCALE_SET_ACCEPT_ROUTES, &prefs->accept_routes);
        if (!code)
                code = flag_read(wanted, "accept_dns", FBN_TAILSCALE_SET_ACCEPT_DNS, &prefs->accept_dns);
        if (!code)
                code = flag_read(wanted, "snat", FBN_TAILSCALE_SET_SNAT, &prefs->snat);
        if (!code)
                code = flag_read(wanted, "want_running", FBN_TAILSCALE_SET_WANT_RUNNING, &prefs->want_running);
        if (!code)
                code = routes_read(wanted);
        return code ? code : tags_read(wanted);
}

static int apply(struct command *command)
{
        struct wanted wanted = {.path = command->argument[0], .prefs.size = sizeof(fbn_tailscale_prefs)};
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_tailscale_options options = options_of(command);
        int code = wanted_read(&wanted), r = 0;

        options.dry_run = command->dry_run;
        if (!code)
                r = fbn_tailscale_apply(command->c, &options, &wanted.prefs, &changes);
        json_decref(wanted.document);
        return code ? code : changed(command, r, changes);
}

static void tell(void *data, const char *what)
{
        (void)data;
        fprintf(stderr, "%s\n", what);
}

static int enrol_with(struct command *command, fbn_tailscale_prefs *want)
{
        FBN_CLEANUP(fbn_secret) key = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_tailscale_options options = options_of(command);
        int r = 0;

        if (command->url) {
                want->set |= FBN_TAILSCALE_SET_LOGIN_SERVER;
                want->login_server = command->url;
        }
        if (!want->login_server)
                return misused("tailscale: name the login server with --url, or as login_server in the file");
        if (command->host) {
                want->set |= FBN_TAILSCALE_SET_HOST_NAME;
                want->host_name = command->host;
        }
        options.dry_run = command->dry_run;
        options.reauthenticate = command->force;
        options.progress = command->verbose ? tell : NULL;
        if (command->auth_key)
                r = secret_of(command, command->auth_key, "Auth key", &key);
        if (r >= 0)
                r = fbn_tailscale_enrol(command->c, &options, want, key, &changes);
        return changed(command, r, changes);
}

/* Enrolled and Running, with the preferences of a file if one is given. */
static int up(struct command *command)
{
        struct wanted wanted = {.path = command->count ? command->argument[0] : NULL, .prefs.size = sizeof(fbn_tailscale_prefs)};
        int code = EXIT_DONE;

        if (command->count > 1)
                return misused("usage: fabricnet tailscale up [FILE] [--url LOGIN-SERVER] [--auth-key FILE] [--host NAME] [--force]");
        if (wanted.path)
                code = wanted_read(&wanted);
        if (!code)
                code = enrol_with(command, &wanted.prefs);
        json_decref(wanted.document);
        return code;
}

static int down(struct command *command)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_tailscale_options options = options_of(command);
        const fbn_tailscale_prefs want = {.size = sizeof(want), .set = FBN_TAILSCALE_SET_WANT_RUNNING};
        int r = fbn_tailscale_apply(command->c, &options, &want, &changes);

        return changed(command, r, changes);
}

static int watch_daemon(struct command *command)
{
        fbn_tailscale_options options = options_of(command);
        fbn_monitor *monitor = NULL;
        int r = fbn_tailscale_monitor_new(command->c, &options, &monitor);

        return r < 0 ? failed(command, r) : watch(command, monitor);
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
                {"up", -1, up, "up [FILE] [--url LOGIN-SERVER] [--auth-key FILE] [--host NAME] [--force]"},
                {"down", 0, down, "down"},
                {"apply", 1, apply, "apply FILE"},
                {"watch", 0, watch_daemon, "watch"},
                {"logout", 0, logout, "logout"},
        };

        return verb_run(command, "tailscale", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
