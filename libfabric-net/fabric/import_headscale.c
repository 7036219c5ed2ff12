/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"
#include "fabric/import.h"

#include <fabricnet/headscale.h>
#include <limits.h>
#include <stdio.h>

/* A server's users, nodes, routes and policy as the fabric's mesh. */

static json_t *texts(const char *const *list, size_t n)
{
        json_t *array = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(array, json_string(list[i]));
        return array;
}

static bool is_user(const fbn_headscale_users *users, const char *name)
{
        for (size_t i = 0; i < fbn_headscale_users_count(users); i++)
                if (streq(fbn_headscale_users_at(users, i)->name, name))
                        return true;
        return false;
}

static void add_node(struct import *import, json_t *nodes, const fbn_headscale_users *users, const fbn_headscale_node *have)
{
        char name[64], text[FBN_ADDRESS_TEXT];
        json_t *node = json_object(), *routes;

        import_label(have->given_name && *have->given_name ? have->given_name : have->name, name, sizeof(name));
        import_host(import, name);
        if (have->n_addresses)
                json_object_set_new(node, "address", json_string(fbn_address_format(&have->addresses[0], text, sizeof(text))));
        routes = json_array();
        for (size_t i = 0; i < have->n_approved_routes; i++)
                if (have->approved_routes[i].length)
                        json_array_append_new(routes, json_string(import_prefix(import, &have->approved_routes[i], NULL)));
        if (json_array_size(routes)) {
                json_object_set(node, "advertises", routes);
                json_object_set_new(import_host(import, name), "forwarding", json_true());
        }
        json_decref(routes);
        if (have->n_tags)
                json_object_set_new(node, "tags", texts(have->tags, have->n_tags));
        else if (is_user(users, have->user))
                json_object_set_new(node, "user", json_string(have->user));
        import->failed |= json_object_set_new(nodes, name, node) < 0;
}

static int save_policy(struct import *import, json_t *mesh, const char *policy)
{
        const char *folder = import->options->folder ? import->options->folder : ".";
        char path[PATH_MAX];

        if (!*policy)
                return 0;
        if (snprintf(path, sizeof(path), "%s/policy.hujson", folder) >= (int)sizeof(path))
                return fail(import->c, FBN_EINVAL, "%s: the path is too long", folder);
        json_object_set_new(mesh, "policy", json_pack("{s:s}", "file", "policy.hujson"));
        return file_replace(import->c, path, policy, strlen(policy), 0644);
}

/* Addresses of nodes that are gone are not given again, on some servers: then what is there could not come out once more. */
static bool has_gap(const fbn_headscale_nodes *nodes)
{
        uint32_t last = 0, n = 0;

        for (size_t i = 0; i < fbn_headscale_nodes_count(nodes); i++) {
                const fbn_headscale_node *node = fbn_headscale_nodes_at(nodes, i);
                const uint8_t *bytes = node->n_addresses ? node->addresses[0].bytes : NULL;

                if (!bytes || node->addresses[0].family != AF_INET)
                        continue;
                last = MAX(last, (uint32_t)(bytes[1] - 64) << 16 | (uint32_t)bytes[2] << 8 | bytes[3]);
                n++;
        }
        return last != n;
}

static int add_mesh(struct import *import, fbn_headscale *server, json_t *mesh)
{
        FBN_CLEANUP(fbn_headscale_users) users = NULL;
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        _cleanup_free_ char *policy = NULL;
        json_t *names = json_object_get(mesh, "users");
        int r;

        r = fbn_headscale_user_list(import->c, server, &users);
        if (r == 0)
                r = fbn_headscale_node_list(import->c, server, &nodes);
        if (r == 0)
                r = fbn_headscale_policy_get(import->c, server, &policy);
        if (r < 0)
                return r;
        for (size_t i = 0; i < fbn_headscale_users_count(users); i++)
                json_array_append_new(names, json_string(fbn_headscale_users_at(users, i)->name));
        if (json_array_size(names) == 0)
                return fail(import->c, FBN_ENOENT, "the server has no user yet, and a mesh needs one");
        for (size_t i = 0; i < fbn_headscale_nodes_count(nodes); i++)
                add_node(import, json_object_get(mesh, "nodes"), users, fbn_headscale_nodes_at(nodes, i));
        if (has_gap(nodes))
                import->failed |= json_object_set_new(import->root, "allow", json_pack("[{s:s, s:s}]", "code", "enrolment-order", "reason",
                                  "these nodes have enrolled; a new server would give them other addresses")) < 0;
        return save_policy(import, mesh, policy);
}

int import_headscale(struct import *import)
{
        const fbn_fabric_import_options *o = import->options;
        FBN_CLEANUP(fbn_secret) api_key = NULL;
        FBN_CLEANUP(fbn_headscale) server = NULL;
        fbn_headscale_options options = {.size = sizeof(options), .url = o->url, .ca_file = o->ca_file};
        fbn_prefix overlay;
        json_t *mesh;
        int r;

        if (!o->api_key_file)
                return fail(import->c, FBN_EINVAL, "an API key is needed to read a Headscale server");
        r = fbn_secret_read_file(import->c, o->api_key_file, &api_key);
        options.api_key = api_key;
        if (r == 0)
                r = fbn_headscale_new(import->c, &options, &server);
        if (r < 0)
                return r;
        fbn_prefix_parse("100.64.0.0/10", &overlay); /* Headscale's default; its API does not tell */
        mesh = json_pack("{s:{s:s, s:s, s:{s:s}}, s:s, s:[], s:{}}", "headscale", "host", import->host, "url", o->url, "api_key", "file", o->api_key_file,
                         "prefix", import_prefix(import, &overlay, NULL), "users", "nodes");
        import->failed |= json_object_set_new(import->root, "mesh", mesh) < 0;
        return fail_in(import->c, add_mesh(import, server, mesh), "%s", o->url);
}
