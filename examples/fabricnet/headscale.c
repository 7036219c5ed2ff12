/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headscale.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The server of --url and --api-key, else the one that the fabric file declares. */
int open_server(struct command *command, fbn_headscale **ret_headscale)
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
                r = secret_of(command, command->api_key, "API key", &key);
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
        if (command->json)
                return print_json(json_pack("{s:s}", "status", "pass"));
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
        r = EXIT_DONE;
        if (command->json)
                r = print_json(json_pack("{s:s}", "version", text));
        else
                printf("%s\n", text);
        fbn_free(text);
        return r;
}

static int users_list(struct command *command)
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

static json_t *node_json(const fbn_headscale_node *node)
{
        char id[24];

        snprintf(id, sizeof(id), "%" PRIu64, node->id);
        json_t *tags = json_array();

        for (size_t i = 0; i < node->n_tags; i++)
                json_array_append_new(tags, json_string(node->tags[i]));
        return json_pack("{s:s, s:s, s:s, s:s?, s:o, s:o, s:o, s:o, s:b, s:o, s:I}", "id", id, "name", node->name, "given_name", node->given_name, "user",
                         node->user, "addresses", json_addresses(node->addresses, node->n_addresses), "available_routes",
                         json_prefixes(node->available_routes, node->n_available_routes), "approved_routes",
                         json_prefixes(node->approved_routes, node->n_approved_routes), "serving_routes",
                         json_prefixes(node->serving_routes, node->n_serving_routes), "online", (int)node->online, "tags", tags, "expiry", (json_int_t)node->expiry);
}

static int nodes_list(struct command *command)
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

static int user_add(struct command *command)
{
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        int r = open_server(command, &headscale);

        if (r >= 0)
                r = fbn_headscale_user_create(command->c, headscale, command->argument[0]);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

/* The id that is the first argument, and the server. */
int open_with_id(struct command *command, fbn_headscale **ret_headscale, uint64_t *ret_id)
{
        if (!number_of(command->argument[0], UINT64_MAX, ret_id) || *ret_id == 0)
                return misused("'%s' is no id; the lists show them", command->argument[0]);
        return open_server(command, ret_headscale);
}

int finish(struct command *command, int r)
{
        return r < 0 ? failed(command, r) : r == EXIT_BAD_INPUT ? r : EXIT_DONE;
}

static int user_rename(struct command *command)
{
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        uint64_t id;
        int r = open_with_id(command, &headscale, &id);

        return finish(command, r == 0 ? fbn_headscale_user_rename(command->c, headscale, id, command->argument[1]) : r);
}

static int user_delete(struct command *command)
{
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        uint64_t id;
        int r = open_with_id(command, &headscale, &id);

        return finish(command, r == 0 ? fbn_headscale_user_delete(command->c, headscale, id) : r);
}

/* A verb below a noun; the noun alone is its list. */
int verb_or_list(struct command *command, const char *group, int (*list)(struct command *command), const struct verb *verbs, size_t count)
{
        return command->count == 0 ? list(command) : verb_run(command, group, verbs, count);
}

static int users(struct command *command)
{
        static const struct verb verbs[] = {
                {"add", 1, user_add, "add NAME"},
                {"rename", 2, user_rename, "rename ID NAME"},
                {"delete", 1, user_delete, "delete ID"},
        };

        return verb_or_list(command, "headscale users", users_list, verbs, sizeof(verbs) / sizeof(verbs[0]));
}

static int change(struct command *command, fbn_headscale_node *want, fbn_headscale_change_options *options)
{
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r = open_with_id(command, &headscale, &want->id);

        want->size = sizeof(*want);
        options->size = sizeof(*options);
        options->dry_run = command->dry_run;
        if (r == 0)
                r = fbn_headscale_node_change(command->c, headscale, want, options, &changes);
        else if (r > 0)
                return r;
        return changed(command, r, changes);
}

static int node_rename(struct command *command)
{
        fbn_headscale_node want = {.set = FBN_HEADSCALE_SET_GIVEN_NAME, .given_name = command->argument[1]};

        return change(command, &want, &(fbn_headscale_change_options){0});
}

static int node_move(struct command *command)
{
        fbn_headscale_node want = {.set = FBN_HEADSCALE_SET_USER, .user = command->argument[1]};

        return change(command, &want, &(fbn_headscale_change_options){0});
}

static int node_tag(struct command *command)
{
        fbn_headscale_node want = {.set = FBN_HEADSCALE_SET_TAGS, .tags = (const char *const *)command->argument + 1};

        if (command->count < 1)
                return misused("usage: fabricnet headscale nodes tag ID [TAG…]");
        want.n_tags = (size_t)command->count - 1;
        return change(command, &want, &(fbn_headscale_change_options){0});
}

/* "now", "never", or a date and time of UTC: "2027-01-31T12:00:00Z". */
static bool time_of(const char *text, int64_t *ret_time)
{
        struct tm time = {0};
        const char *end;

        *ret_time = strcmp(text, "now") == 0 ? 1 : 0;
        if (*ret_time || strcmp(text, "never") == 0)
                return true;
        end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &time);
        *ret_time = (int64_t)timegm(&time) * 1000000000;
        return end && !*end && *ret_time > 0;
}

static int node_expire(struct command *command)
{
        fbn_headscale_node want = {.set = FBN_HEADSCALE_SET_EXPIRY};

        if (!time_of(command->argument[1], &want.expiry))
                return misused("'%s' is no time; now, never, or one like 2027-01-31T12:00:00Z", command->argument[1]);
        return change(command, &want, &(fbn_headscale_change_options){0});
}

static int node_delete(struct command *command)
{
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        uint64_t id;
        int r = open_with_id(command, &headscale, &id);

        return finish(command, r == 0 ? fbn_headscale_node_delete(command->c, headscale, id) : r);
}

static int nodes(struct command *command)
{
        static const struct verb verbs[] = {
                {"rename", 2, node_rename, "rename ID NAME"},
                {"move", 2, node_move, "move ID USER"},
                {"tag", -1, node_tag, "tag ID [TAG…]"},
                {"expire", 2, node_expire, "expire ID now|never|TIME"},
                {"delete", 1, node_delete, "delete ID"},
        };

        return verb_or_list(command, "headscale nodes", nodes_list, verbs, sizeof(verbs) / sizeof(verbs[0]));
}

#define ROUTES_MAX 64

static int prefixes_of(struct command *command, fbn_prefix *routes, size_t *ret_count)
{
        if (command->count < 1)
                return misused("usage: fabricnet headscale routes approve|add|remove NODE-ID [PREFIX…]");
        for (int i = 1; i < command->count; i++)
                if (*ret_count == ROUTES_MAX || fbn_prefix_parse(command->argument[i], &routes[(*ret_count)++]) < 0)
                        return misused("'%s' is no prefix", command->argument[i]);
        return EXIT_DONE;
}

static int routes_approve(struct command *command)
{
        fbn_prefix routes[ROUTES_MAX];
        fbn_headscale_node want = {.set = FBN_HEADSCALE_SET_APPROVED_ROUTES, .approved_routes = routes};
        int code = prefixes_of(command, routes, &want.n_approved_routes);

        return code ? code : change(command, &want, &(fbn_headscale_change_options){0});
}

static int routes_add(struct command *command)
{
        fbn_prefix routes[ROUTES_MAX];
        fbn_headscale_change_options options = {.add = routes};
        int code = prefixes_of(command, routes, &options.n_add);

        return code ? code : change(command, &(fbn_headscale_node){0}, &options);
}

static int routes_remove(struct command *command)
{
        fbn_prefix routes[ROUTES_MAX];
        fbn_headscale_change_options options = {.remove = routes};
        int code = prefixes_of(command, routes, &options.n_remove);

        return code ? code : change(command, &(fbn_headscale_node){0}, &options);
}

static bool among(const fbn_prefix *prefixes, size_t count, const fbn_prefix *prefix)
{
        for (size_t i = 0; i < count; i++)
                if (memcmp(&prefixes[i], prefix, sizeof(*prefix)) == 0)
                        return true;
        return false;
}

static void add_route(struct table *table, json_t *all, const fbn_headscale_node *node, const fbn_prefix *route)
{
        bool approved = among(node->approved_routes, node->n_approved_routes, route), offered = among(node->available_routes, node->n_available_routes, route);
        bool serving = among(node->serving_routes, node->n_serving_routes, route);
        char id[24], text[FBN_ADDRESS_TEXT];

        snprintf(id, sizeof(id), "%" PRIu64, node->id);
        fbn_prefix_format(route, text, sizeof(text));
        if (all) {
                json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:b, s:b, s:b}", "id", id, "node", node->given_name, "route", text, "offered", (int)offered,
                                                     "approved", (int)approved, "serving", (int)serving));
                return;
        }
        table_add(table, id);
        table_add(table, node->given_name);
        table_add(table, text);
        table_add(table, serving ? "serving" : approved && offered ? "stands by" : approved ? "approved, not offered" : "offered, not approved");
}

static int routes_list(struct command *command)
{
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        FBN_CLEANUP(fbn_headscale_nodes) list = NULL;
        json_t *all = command->json ? json_array() : NULL;
        struct table table = {0};
        int r = open_server(command, &headscale);

        if (r >= 0)
                r = fbn_headscale_node_list(command->c, headscale, &list);
        for (size_t i = 0; r >= 0 && i < fbn_headscale_nodes_count(list); i++) {
                const fbn_headscale_node *node = fbn_headscale_nodes_at(list, i);

                for (size_t j = 0; j < node->n_available_routes; j++)
                        add_route(&table, all, node, &node->available_routes[j]);
                for (size_t j = 0; j < node->n_approved_routes; j++)
                        if (!among(node->available_routes, node->n_available_routes, &node->approved_routes[j]))
                                add_route(&table, all, node, &node->approved_routes[j]);
        }
        if (r < 0) {
                json_decref(all);
                return failed(command, r);
        }
        if (all)
                return print_json(all);
        table_print(&table, 4, stdout);
        return EXIT_DONE;
}

static int routes(struct command *command)
{
        static const struct verb verbs[] = {
                {"approve", -1, routes_approve, "approve NODE-ID [PREFIX…]"},
                {"add", -1, routes_add, "add NODE-ID PREFIX…"},
                {"remove", -1, routes_remove, "remove NODE-ID PREFIX…"},
        };

        return verb_or_list(command, "headscale routes", routes_list, verbs, sizeof(verbs) / sizeof(verbs[0]));
}

static int policy_get(struct command *command)
{
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        char *text = NULL;
        int r = open_server(command, &headscale);

        if (r >= 0)
                r = fbn_headscale_policy_get(command->c, headscale, &text);
        if (r < 0)
                return failed(command, r);
        r = EXIT_DONE;
        if (command->json)
                r = print_json(json_pack("{s:s}", "policy", text));
        else
                printf("%s", text);
        fbn_free(text);
        return r;
}

/* A whole small file as text; owned by the caller, NULL with the reason printed. */
static char *file_text(const char *path)
{
        FILE *file = fopen(path, "re");
        char *text = NULL;
        size_t size = 0;
        ssize_t length = file ? getdelim(&text, &size, 0, file) : -1;

        if (length < 0)
                misused("%s: %s", path, file && feof(file) ? "it is empty" : strerror(errno));
        if (file)
                fclose(file);
        if (length >= 0)
                return text;
        free(text);
        return NULL;
}

static int policy_check(struct command *command)
{
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        char *text = file_text(command->argument[0]);
        int r;

        if (!text)
                return EXIT_BAD_INPUT;
        r = open_server(command, &headscale);
        if (r >= 0)
                r = fbn_headscale_policy_check(command->c, headscale, text);
        free(text);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

/* The policy that goes is kept beside the one that comes: set it to go back. */
static void before_keep(struct command *command, const char *before)
{
        char path[4096];
        FILE *file;

        if (!*before || snprintf(path, sizeof(path), "%s.before", command->argument[0]) >= (int)sizeof(path))
                return;
        file = fopen(path, "we");
        if (!file || fputs(before, file) < 0 || fclose(file) < 0) {
                fprintf(stderr, "fabricnet: the policy is in force, but %s: %s\n", path, strerror(errno));
                return;
        }
        printf("the policy until now is in %s\n", path);
}

static int policy_set(struct command *command)
{
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        char *text = file_text(command->argument[0]), *before = NULL;
        int r;

        if (!text)
                return EXIT_BAD_INPUT;
        r = open_server(command, &headscale);
        if (r >= 0)
                r = fbn_headscale_policy_set(command->c, headscale, text, &before);
        free(text);
        if (r < 0)
                return failed(command, r);
        before_keep(command, before);
        fbn_free(before);
        return EXIT_DONE;
}

static int policy(struct command *command)
{
        static const struct verb verbs[] = {
                {"check", 1, policy_check, "check FILE"},
                {"set", 1, policy_set, "set FILE"},
        };

        return verb_or_list(command, "headscale policy", policy_get, verbs, sizeof(verbs) / sizeof(verbs[0]));
}

static int watch_nodes(struct command *command)
{
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        fbn_monitor *monitor = NULL;
        int r = open_server(command, &headscale);

        if (r >= 0)
                r = fbn_headscale_monitor_new(command->c, headscale, (uint32_t)(command->interval * 1000), &monitor);
        return r < 0 ? failed(command, r) : watch(command, monitor);
}

int command_headscale(struct command *command)
{
        static const struct verb verbs[] = {
                {"health", 0, health, "health"},
                {"version", 0, version, "version"},
                {"users", -1, users, "users [add NAME | rename ID NAME | delete ID]"},
                {"nodes", -1, nodes, "nodes [rename ID NAME | move ID USER | tag ID TAG… | expire ID now|never|TIME | delete ID]"},
                {"routes", -1, routes, "routes [approve|add|remove NODE-ID PREFIX…]"},
                {"keys", -1, headscale_keys, "keys [mint NODE | expire ID api|pre-auth | rotate -o FILE]"},
                {"policy", -1, policy, "policy [check FILE | set FILE]"},
                {"dns", 0, headscale_dns, "dns"},
                {"config", 2, headscale_config, "config check|render FILE"},
                {"apply", 1, headscale_apply, "apply FILE"},
                {"diff", 1, headscale_apply, "diff FILE"},
                {"watch", 0, watch_nodes, "watch [--interval SECONDS]"},
        };

        return verb_run(command, "headscale", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
