/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server as a file wants it:
 * {"users": ["home"], "policy": "policy.hujson", "nodes": {"nas": {"address": "100.64.0.7", "routes": ["192.168.8.0/24"], "tags": [], "user": "home",
 *  "expiry": "never"}}}. What it leaves out stays as it is. */
#include "headscale.h"

#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct wanted {
        const char *path;
        json_t *document;
        fbn_headscale_user *users;
        fbn_headscale_node *nodes;
        size_t n_users, n_nodes;
        char *policy;
};

static void wanted_clear(struct wanted *wanted)
{
        for (size_t i = 0; i < wanted->n_nodes; i++) {
                free((void *)wanted->nodes[i].addresses);
                free((void *)wanted->nodes[i].approved_routes);
                free((void *)wanted->nodes[i].tags);
        }
        free(wanted->users);
        free(wanted->nodes);
        free(wanted->policy);
        json_decref(wanted->document);
}

static int wrong(const struct wanted *wanted, const char *pointer, const char *what)
{
        return misused("%s: %s: %s", wanted->path, pointer, what);
}

/* Unknown members are errors: a misspelt one would be taken for "as it is". */
static int members_check(const struct wanted *wanted, const char *pointer, json_t *object, const char *const *known)
{
        const char *name;
        json_t *value;

        if (!json_is_object(object))
                return wrong(wanted, pointer, "it is no object");
        json_object_foreach(object, name, value) {
                const char *const *one = known;

                while (*one && strcmp(*one, name) != 0)
                        one++;
                if (!*one)
                        return misused("%s: %s/%s: there is no such member", wanted->path, pointer, name);
        }
        return EXIT_DONE;
}

static int users_read(struct wanted *wanted)
{
        json_t *list = json_object_get(wanted->document, "users");

        if (list && !json_is_array(list))
                return wrong(wanted, "/users", "it is no list");
        wanted->users = calloc(json_array_size(list) + 1, sizeof(*wanted->users));
        for (size_t i = 0; i < json_array_size(list); i++) {
                fbn_headscale_user *user = &wanted->users[wanted->n_users++];

                *user = (fbn_headscale_user){.size = sizeof(*user), .name = json_string_value(json_array_get(list, i))};
                if (!user->name)
                        return wrong(wanted, "/users", "a user is its name, a text");
        }
        return EXIT_DONE;
}

static int routes_read(const struct wanted *wanted, const char *pointer, json_t *list, fbn_headscale_node *node)
{
        fbn_prefix *routes = calloc(json_array_size(list) + 1, sizeof(*routes));

        node->approved_routes = routes;
        if (!json_is_array(list))
                return wrong(wanted, pointer, "\"routes\" is no list");
        node->set |= FBN_HEADSCALE_SET_APPROVED_ROUTES;
        for (size_t i = 0; i < json_array_size(list); i++) {
                const char *text = json_string_value(json_array_get(list, i));

                if (!text || fbn_prefix_parse(text, &routes[node->n_approved_routes++]) < 0)
                        return wrong(wanted, pointer, "\"routes\" has what is no prefix");
        }
        return EXIT_DONE;
}

static int tags_read(const struct wanted *wanted, const char *pointer, json_t *list, fbn_headscale_node *node)
{
        const char **tags = calloc(json_array_size(list) + 1, sizeof(*tags));

        node->tags = tags;
        if (!json_is_array(list))
                return wrong(wanted, pointer, "\"tags\" is no list");
        node->set |= FBN_HEADSCALE_SET_TAGS;
        for (size_t i = 0; i < json_array_size(list); i++) {
                tags[i] = json_string_value(json_array_get(list, i));
                if (!tags[i])
                        return wrong(wanted, pointer, "\"tags\" has what is no text");
                node->n_tags++;
        }
        return EXIT_DONE;
}

static int address_read(const struct wanted *wanted, const char *pointer, const char *text, fbn_headscale_node *node)
{
        fbn_address *address = calloc(1, sizeof(*address));

        node->addresses = address;
        node->n_addresses = 1;
        return text && fbn_address_parse(text, address) == 0 ? EXIT_DONE : wrong(wanted, pointer, "\"address\" is no address");
}

static int expiry_read(const struct wanted *wanted, const char *pointer, const char *text, fbn_headscale_node *node)
{
        struct tm parts = {0};
        const char *end;

        node->set |= FBN_HEADSCALE_SET_EXPIRY;
        if (text && strcmp(text, "never") == 0)
                return EXIT_DONE;
        end = text ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &parts) : NULL;
        node->expiry = (int64_t)timegm(&parts) * 1000000000;
        return end && !*end ? EXIT_DONE : wrong(wanted, pointer, "\"expiry\" is neither \"never\" nor a time like 2027-01-31T12:00:00Z");
}

static int node_read(struct wanted *wanted, const char *name, json_t *object, fbn_headscale_node *node)
{
        static const char *const known[] = {"address", "routes", "tags", "user", "expiry", NULL};
        json_t *routes = json_object_get(object, "routes"), *tags = json_object_get(object, "tags"), *address = json_object_get(object, "address");
        json_t *user = json_object_get(object, "user"), *expiry = json_object_get(object, "expiry");
        char pointer[128];
        int code;

        snprintf(pointer, sizeof(pointer), "/nodes/%s", name);
        *node = (fbn_headscale_node){.size = sizeof(*node), .given_name = name};
        code = members_check(wanted, pointer, object, known);
        if (!code && routes)
                code = routes_read(wanted, pointer, routes, node);
        if (!code && tags)
                code = tags_read(wanted, pointer, tags, node);
        if (!code && address)
                code = address_read(wanted, pointer, json_string_value(address), node);
        if (!code && expiry)
                code = expiry_read(wanted, pointer, json_string_value(expiry), node);
        if (code || !user)
                return code;
        node->set |= FBN_HEADSCALE_SET_USER;
        node->user = json_string_value(user);
        return node->user ? EXIT_DONE : wrong(wanted, pointer, "\"user\" is no text");
}

static int nodes_read(struct wanted *wanted)
{
        json_t *nodes = json_object_get(wanted->document, "nodes"), *object;
        const char *name;

        if (nodes && !json_is_object(nodes))
                return wrong(wanted, "/nodes", "it is no object");
        wanted->nodes = calloc(json_object_size(nodes) + 1, sizeof(*wanted->nodes));
        json_object_foreach(nodes, name, object) {
                int code = node_read(wanted, name, object, &wanted->nodes[wanted->n_nodes++]);

                if (code)
                        return code;
        }
        return EXIT_DONE;
}

/* Beside the file, unless the path says otherwise. */
static int policy_read(struct wanted *wanted)
{
        json_t *value = json_object_get(wanted->document, "policy");
        const char *name = json_string_value(value);
        char path[PATH_MAX], copy[PATH_MAX];
        size_t size = 0;
        FILE *file;

        if (!value)
                return EXIT_DONE;
        if (!name)
                return wrong(wanted, "/policy", "it is no path");
        snprintf(copy, sizeof(copy), "%s", wanted->path);
        snprintf(path, sizeof(path), "%s%s%s", *name == '/' ? "" : dirname(copy), *name == '/' ? "" : "/", name);
        file = fopen(path, "re");
        if (file) {
                if (getdelim(&wanted->policy, &size, 0, file) < 0) {
                        free(wanted->policy);
                        wanted->policy = NULL;
                }
                fclose(file);
        }
        return wanted->policy ? EXIT_DONE : misused("%s: /policy: %s cannot be read, or is empty", wanted->path, path);
}

static int wanted_read(struct wanted *wanted)
{
        static const char *const known[] = {"users", "policy", "nodes", NULL};
        json_error_t error;
        int code;

        wanted->document = json_load_file(wanted->path, JSON_REJECT_DUPLICATES, &error);
        if (!wanted->document)
                return misused("%s:%d:%d: %s", wanted->path, error.line, error.column, error.text);
        code = members_check(wanted, "", wanted->document, known);
        if (!code)
                code = users_read(wanted);
        if (!code)
                code = nodes_read(wanted);
        return code ? code : policy_read(wanted);
}

static int apply(struct command *command, bool dry_run)
{
        struct wanted wanted = {.path = command->argument[0]};
        fbn_headscale_change_options options = {.size = sizeof(options), .dry_run = dry_run};
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_headscale_wanted want;
        int code = wanted_read(&wanted), r = 0;

        want = (fbn_headscale_wanted){.size = sizeof(want), .users = wanted.users, .n_users = wanted.n_users, .nodes = wanted.nodes, .n_nodes = wanted.n_nodes,
                                      .policy = wanted.policy};
        if (!code)
                r = open_server(command, &headscale);
        if (!code && r >= 0)
                r = fbn_headscale_apply(command->c, headscale, &want, &options, &changes);
        wanted_clear(&wanted);
        if (code)
                return code;
        if (r == -FBN_EPARTIAL)
                print_changes(command, changes);
        if (r < 0)
                return failed(command, r);
        code = print_changes(command, changes);
        return code == EXIT_DONE && dry_run && fbn_changes_count(changes) > 0 ? EXIT_DIFFERENT : code;
}

int headscale_apply(struct command *command)
{
        return apply(command, command->dry_run);
}

int headscale_diff(struct command *command)
{
        return apply(command, true);
}
