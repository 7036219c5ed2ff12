/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/desired.h"
#include "fabric/model.h"

int fbn_fabric_headscale(fbn_context *c, const fbn_fabric *fabric, const char *ca_file, fbn_headscale **ret_headscale)
{
        FBN_CLEANUP(fbn_secret) api_key = NULL;
        const struct mesh *mesh = &fabric->mesh;
        fbn_headscale_options options = {.size = sizeof(options), .url = mesh->url, .ca_file = ca_file};
        int r;

        if (!mesh->pointer)
                return fail(c, FBN_ENOENT, "%s: this fabric has no \"mesh\"", fabric->file);
        if (!mesh->api_key.pointer)
                return fail(c, FBN_ENOENT, "/mesh/headscale: \"api_key\" is missing; 'headscale apikeys create' makes one");
        r = secret_open(c, fabric, &mesh->api_key, &api_key);
        if (r < 0)
                return r;
        options.api_key = api_key;
        return fbn_headscale_new(c, &options, ret_headscale);
}

static const struct node *find_node(const fbn_fabric *fabric, const char *name)
{
        for (size_t i = 0; i < fabric->mesh.n_nodes; i++)
                if (streq(fabric->mesh.nodes[i].host->name, name))
                        return &fabric->mesh.nodes[i];
        return NULL;
}

static int find_user(fbn_context *c, const fbn_headscale_users *users, const char *name, uint64_t *ret_id)
{
        for (size_t i = 0; i < fbn_headscale_users_count(users); i++) {
                const fbn_headscale_user *user = fbn_headscale_users_at(users, i);

                if (streq(user->name, name)) {
                        *ret_id = user->id;
                        return 0;
                }
        }
        return fail(c, FBN_ENOENT, "user '%s' is not on the server yet; apply the fabric on the Headscale host first", name);
}

int fbn_fabric_mint(fbn_context *c, const fbn_fabric *fabric, fbn_headscale *headscale, const char *node, fbn_secret **ret_key)
{
        FBN_CLEANUP(fbn_headscale_users) users = NULL;
        const struct node *declared = find_node(fabric, node);
        fbn_headscale_key_options options = {.size = sizeof(options)};
        int r;

        if (!declared)
                return fail(c, FBN_ENOENT, "/mesh/nodes: no node is called '%s'", node);
        r = fbn_headscale_user_list(c, headscale, &users);
        if (r == 0)
                r = find_user(c, users, declared->user, &options.user);
        if (r < 0)
                return fail_in(c, r, "node %s", node);
        options.tags = declared->tags;
        options.n_tags = declared->n_tags;
        return fail_in(c, fbn_headscale_key_mint(c, headscale, &options, ret_key), "node %s", node);
}
