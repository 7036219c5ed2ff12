/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server as a file wants it. What it leaves out stays as it is. Paths in it are beside it, unless they begin at the root. */
#include "headscale_file.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct taken {
        struct taken *next;
        max_align_t bytes[];
};

void wanted_clear(struct wanted *wanted)
{
        while (wanted->taken) {
                struct taken *next = wanted->taken->next;

                free(wanted->taken);
                wanted->taken = next;
        }
        json_decref(wanted->document);
}

void *wanted_take(struct wanted *wanted, size_t count, size_t size)
{
        struct taken *taken = calloc(1, sizeof(*taken) + (count + 1) * size);

        if (!taken)
                abort();
        taken->next = wanted->taken;
        wanted->taken = taken;
        return taken->bytes;
}

const char *wanted_path(struct wanted *wanted, const char *name, const char *suffix)
{
        const char *slash = strrchr(wanted->path, '/');
        int folder = *name == '/' || !slash ? 0 : (int)(slash + 1 - wanted->path);
        size_t size = strlen(wanted->path) + strlen(name) + strlen(suffix) + 1;
        char *path = wanted_take(wanted, size, 1);

        snprintf(path, size, "%.*s%s%s", folder, wanted->path, name, suffix);
        return path;
}

int wrong(const struct wanted *wanted, const char *pointer, const char *what)
{
        return misused("%s: %s: %s", wanted->path, pointer, what);
}

/* Unknown members are errors: a misspelt one would be taken for "as it is". */
int members_check(const struct wanted *wanted, const char *pointer, json_t *object, const char *const *known)
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
        fbn_headscale_user *users;

        if (list && !json_is_array(list))
                return wrong(wanted, "/users", "it is no list");
        users = wanted_take(wanted, json_array_size(list), sizeof(*users));
        wanted->want.users = users;
        for (size_t i = 0; i < json_array_size(list); i++) {
                fbn_headscale_user *user = &users[wanted->want.n_users++];

                *user = (fbn_headscale_user){.size = sizeof(*user), .name = json_string_value(json_array_get(list, i))};
                if (!user->name)
                        return wrong(wanted, "/users", "a user is its name, a text");
        }
        return EXIT_DONE;
}

static int routes_read(struct wanted *wanted, const char *pointer, json_t *list, fbn_headscale_node *node)
{
        fbn_prefix *routes = wanted_take(wanted, json_array_size(list), sizeof(*routes));

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

int texts_read(struct wanted *wanted, const char *pointer, const char *member, json_t *list, const char *const **ret_texts, size_t *ret_count)
{
        const char **texts = wanted_take(wanted, json_array_size(list), sizeof(*texts));

        if (list && !json_is_array(list))
                return misused("%s: %s/%s: it is no list", wanted->path, pointer, member);
        for (size_t i = 0; i < json_array_size(list); i++)
                if (!(texts[i] = json_string_value(json_array_get(list, i))))
                        return misused("%s: %s/%s: it has what is no text", wanted->path, pointer, member);
        *ret_texts = texts;
        *ret_count = json_array_size(list);
        return EXIT_DONE;
}

static int tags_read(struct wanted *wanted, const char *pointer, json_t *list, fbn_headscale_node *node)
{
        node->set |= FBN_HEADSCALE_SET_TAGS;
        return texts_read(wanted, pointer, "tags", list, &node->tags, &node->n_tags);
}

static int address_read(struct wanted *wanted, const char *pointer, const char *text, fbn_headscale_node *node)
{
        fbn_address *address = wanted_take(wanted, 1, sizeof(*address));

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
        fbn_headscale_node *list;
        const char *name;

        if (nodes && !json_is_object(nodes))
                return wrong(wanted, "/nodes", "it is no object");
        list = wanted_take(wanted, json_object_size(nodes), sizeof(*list));
        wanted->want.nodes = list;
        json_object_foreach(nodes, name, object) {
                int code = node_read(wanted, name, object, &list[wanted->want.n_nodes++]);

                if (code)
                        return code;
        }
        return EXIT_DONE;
}

/* The policy that goes is kept beside the one that comes. */
static int policy_read(struct wanted *wanted)
{
        json_t *value = json_object_get(wanted->document, "policy");
        const char *name = json_string_value(value), *path;
        size_t size = 0;
        ssize_t length = -1;
        char *text = NULL, *copy;
        FILE *file;

        if (!value)
                return EXIT_DONE;
        if (!name)
                return wrong(wanted, "/policy", "it is no path");
        path = wanted_path(wanted, name, "");
        file = fopen(path, "re");
        if (file) {
                length = getdelim(&text, &size, 0, file);
                fclose(file);
        }
        if (length >= 0) {
                copy = wanted_take(wanted, (size_t)length + 1, 1);
                memcpy(copy, text, (size_t)length);
                wanted->want.policy = copy;
                wanted->want.policy_before = wanted_path(wanted, name, ".before");
        }
        free(text);
        return length >= 0 ? EXIT_DONE : misused("%s: /policy: %s cannot be read, or is empty", wanted->path, path);
}

int wanted_read(struct wanted *wanted)
{
        static const char *const known[] = {"users", "policy", "nodes", "keys", "config", NULL};
        json_error_t error;
        int code;

        wanted->want.size = sizeof(wanted->want);
        wanted->document = json_load_file(wanted->path, JSON_REJECT_DUPLICATES, &error);
        if (!wanted->document)
                return misused("%s:%d:%d: %s", wanted->path, error.line, error.column, error.text);
        code = members_check(wanted, "", wanted->document, known);
        if (!code)
                code = users_read(wanted);
        if (!code)
                code = nodes_read(wanted);
        if (!code)
                code = keys_read(wanted);
        if (!code)
                code = config_read(wanted);
        return code ? code : policy_read(wanted);
}
