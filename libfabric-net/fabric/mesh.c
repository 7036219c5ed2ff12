/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "base/file.h"
#include "base/text.h"
#include "fabric/remote.h"
#include "fabric/run.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define POLICY_MAX ((size_t)1 << 20)

bool host_is_headscale(const struct run *run)
{
        return run->fabric->mesh.pointer && run->fabric->mesh.headscale == run->desired->host;
}

static int open_api_key(struct run *run)
{
        const struct mesh *mesh = &run->fabric->mesh;

        if (!mesh->api_key.pointer)
                return fail(run->c, FBN_EINVAL, "/mesh/headscale: \"api_key\" is missing; 'headscale apikeys create' makes one");
        return secret_open(run->c, run->fabric, &mesh->api_key, &run->api_key);
}

int mesh_open_secrets(struct run *run, struct bad_secrets *bad)
{
        int r = 0;

        if (run->desired->host->node && run->options.auth_key_file)
                r = bad_secrets_note(run->c, bad, fbn_secret_read_file(run->c, run->options.auth_key_file, &run->auth_key));
        if (r == 0 && host_is_headscale(run))
                r = bad_secrets_note(run->c, bad, open_api_key(run));
        return r;
}

int mesh_connect(struct run *run)
{
        const fbn_headscale_options options = {.size = sizeof(options), .url = run->fabric->mesh.url, .api_key = run->api_key,
                                               .ca_file = run->options.ca_file};

        return run->headscale ? 0 : fbn_headscale_new(run->c, &options, &run->headscale);
}

static bool has_address(const fbn_headscale_node *node, const fbn_address *address)
{
        for (size_t i = 0; i < node->n_addresses; i++)
                if (address_compare(&node->addresses[i], address) == 0)
                        return true;
        return false;
}

static bool has_tags(const fbn_headscale_node *have, const struct node *node)
{
        for (size_t i = 0; i < node->n_tags; i++) {
                size_t j = 0;

                while (j < have->n_tags && !streq(have->tags[j], node->tags[i]))
                        j++;
                if (j == have->n_tags)
                        return false;
        }
        return node->n_tags > 0;
}

/* A node gives itself its name: that of a router would get somebody else's device the router's routes approved. Who let it in, it does
 * not choose. A tagged node has no user any more: hscontrol, "tagged-devices". */
static bool is_owned(const fbn_headscale_node *have, const struct node *node)
{
        return streq(have->user, node->user) || has_tags(have, node);
}

const fbn_headscale_node *mesh_find_node(const fbn_headscale_nodes *nodes, const struct node *node, bool *ret_mismatch)
{
        bool mismatch = false;

        for (size_t i = 0; i < fbn_headscale_nodes_count(nodes); i++) {
                const fbn_headscale_node *candidate = fbn_headscale_nodes_at(nodes, i);

                if ((!streq(candidate->name, node->host->name) && !streq(candidate->given_name, node->host->name)) || !is_owned(candidate, node))
                        continue;
                if (!node->address.family || has_address(candidate, &node->address)) {
                        *ret_mismatch = false;
                        return candidate;
                }
                mismatch = true;
        }
        *ret_mismatch = mismatch;
        return NULL;
}

static int add_step(struct run *run, fbn_change_kind kind, const char *object, const char *field, const char *before, const char *after,
                    const char *reason, const char *pointer)
{
        const fbn_plan_step step = {.domain = "headscale", .kind = kind, .object = object, .field = field, .before = before, .after = after,
                                    .reason = reason, .pointer = pointer};

        return plan_add(run->c, run->plan, &step);
}

static bool has_user(const fbn_headscale_users *users, const char *name)
{
        for (size_t i = 0; i < fbn_headscale_users_count(users); i++)
                if (streq(fbn_headscale_users_at(users, i)->name, name))
                        return true;
        return false;
}

static int create_user(struct run *run, const char *name)
{
        int r = remote_intend(run, &(struct remote_step){.kind = "user", .object = name, .was = json_false(), .is = json_true()});

        return r < 0 ? r : fbn_headscale_user_create(run->c, run->headscale, name);
}

static int users(struct run *run)
{
        FBN_CLEANUP(fbn_headscale_users) have = NULL;
        const struct mesh *mesh = &run->fabric->mesh;
        int r;

        if (!host_is_headscale(run))
                return 0;
        r = mesh_connect(run);
        if (r == 0)
                r = fbn_headscale_user_list(run->c, run->headscale, &have);
        for (size_t i = 0; r == 0 && i < mesh->n_users; i++) {
                char object[96];

                if (has_user(have, mesh->users[i]))
                        continue;
                if (!run->dry_run)
                        r = create_user(run, mesh->users[i]);
                snprintf(object, sizeof(object), "user %s", mesh->users[i]);
                if (r == 0)
                        r = add_step(run, FBN_CHANGE_CREATE, object, NULL, NULL, mesh->users[i], "declared", "/mesh/users");
        }
        return fail_in(run->c, r, "headscale %s", mesh->url);
}

static int read_policy(struct run *run, char **ret_policy)
{
        char path[PATH_MAX];
        size_t length;

        if (!fabric_path(run->fabric, run->fabric->mesh.policy_file, path, sizeof(path)))
                return fail(run->c, FBN_EINVAL, "%s: the path is too long", run->fabric->mesh.policy_pointer);
        return fail_in(run->c, file_read(run->c, path, POLICY_MAX, ret_policy, &length), "%s", run->fabric->mesh.policy_pointer);
}

/* The same but for space at the end, which servers may drop. */
bool same_policy(const char *a, const char *b)
{
        size_t n = strlen(a), m = strlen(b);

        while (n && strchr(" \t\r\n", a[n - 1]))
                n--;
        while (m && strchr(" \t\r\n", b[m - 1]))
                m--;
        return n == m && memcmp(a, b, n) == 0;
}

static int put_policy(struct run *run, const char *have, const char *want)
{
        int r = remote_intend(run, &(struct remote_step){.kind = "policy", .object = "policy", .was = json_string(have), .is = json_string(want)});

        return r < 0 ? r : fbn_headscale_policy_set(run->c, run->headscale, want, NULL);
}

static int policy(struct run *run)
{
        _cleanup_free_ char *want = NULL, *have = NULL;
        const struct mesh *mesh = &run->fabric->mesh;
        char before[32], after[32];
        int r;

        if (!host_is_headscale(run) || !mesh->policy_file)
                return 0;
        r = read_policy(run, &want);
        if (r == 0)
                r = mesh_connect(run);
        if (r == 0)
                r = fbn_headscale_policy_get(run->c, run->headscale, &have);
        if (r < 0)
                return fail_in(run->c, r, "headscale %s", mesh->url);
        if (same_policy(want, have))
                return 0;
        if (!run->dry_run) {
                r = put_policy(run, have, want);
                if (r < 0)
                        return fail_in(run->c, r, "headscale %s", mesh->url);
        }
        snprintf(before, sizeof(before), "%zu bytes", strlen(have));
        snprintf(after, sizeof(after), "%zu bytes", strlen(want));
        return add_step(run, *have ? FBN_CHANGE_UPDATE : FBN_CHANGE_CREATE, "policy", *have ? "text" : NULL, *have ? before : NULL, after,
                        "the policy's file", mesh->policy_pointer);
}

static bool in_list(const fbn_prefix *list, size_t n, const fbn_prefix *prefix)
{
        for (size_t i = 0; i < n; i++)
                if (prefix_equal(&list[i], prefix))
                        return true;
        return false;
}

/* What is declared and what the node really offers, or has been approved for before. */
static size_t routes_to_approve(const struct node *node, const fbn_headscale_node *have, fbn_prefix *routes)
{
        size_t n = 0;

        for (size_t i = 0; i < node->n_advertises; i++) {
                const fbn_prefix *prefix = &node->advertises[i]->prefix;

                if (in_list(have->available_routes, have->n_available_routes, prefix) ||
                    in_list(have->approved_routes, have->n_approved_routes, prefix))
                        routes[n++] = *prefix;
        }
        return n;
}

bool same_routes(const fbn_prefix *a, size_t n, const fbn_headscale_node *have)
{
        for (size_t i = 0; i < n; i++)
                if (!in_list(have->approved_routes, have->n_approved_routes, &a[i]))
                        return false;
        return n == have->n_approved_routes;
}

static void list_routes(struct text *text, const fbn_prefix *routes, size_t n)
{
        char buffer[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < n; i++)
                text_add(text, "%s%s", i ? ", " : "", fbn_prefix_format(&routes[i], buffer, sizeof(buffer)));
}

static int add_approval(struct run *run, const struct node *node, const fbn_headscale_node *have, const fbn_prefix *routes, size_t n)
{
        _cleanup_(text_free) struct text before = {0}, after = {0};
        char object[96];

        list_routes(&before, have->approved_routes, have->n_approved_routes);
        list_routes(&after, routes, n);
        if (before.failed || after.failed)
                return fail_memory(run->c);
        snprintf(object, sizeof(object), "node %s", node->host->name);
        return add_step(run, FBN_CHANGE_UPDATE, object, "approved routes", before.bytes, after.bytes,
                        "what the node is declared to advertise", node->pointer);
}

static json_t *routes_to_json(const fbn_prefix *routes, size_t n)
{
        json_t *list = json_array();
        char buffer[FBN_ADDRESS_TEXT];

        for (size_t i = 0; list && i < n; i++)
                if (json_array_append_new(list, json_string(fbn_prefix_format(&routes[i], buffer, sizeof(buffer)))) < 0) {
                        json_decref(list);
                        return NULL;
                }
        return list;
}

static int approve(struct run *run, const struct node *node, const fbn_headscale_node *have, const fbn_prefix *routes, size_t n)
{
        char object[96];
        int r;

        snprintf(object, sizeof(object), "of node %s", node->host->name);
        r = remote_intend(run, &(struct remote_step){.kind = "routes", .object = object, .node = have->id, .is = routes_to_json(routes, n),
                                                     .was = routes_to_json(have->approved_routes, have->n_approved_routes)});
        return r < 0 ? r : fbn_headscale_node_approve(run->c, run->headscale, have->id, routes, n);
}

static int approve_node(struct run *run, const struct node *node, const fbn_headscale_nodes *nodes)
{
        _cleanup_free_ fbn_prefix *routes = NULL;
        const fbn_headscale_node *have;
        bool mismatch;
        size_t n;
        int r;

        have = mesh_find_node(nodes, node, &mismatch);
        if (!have)
                return 0; /* not enrolled yet, or somebody else of that name: status says so */
        routes = memory_alloc(node->n_advertises * sizeof(*routes));
        if (!routes)
                return fail_memory(run->c);
        n = routes_to_approve(node, have, routes);
        if (same_routes(routes, n, have))
                return 0;
        if (!run->dry_run) {
                r = approve(run, node, have, routes, n);
                if (r < 0)
                        return r;
        }
        return add_approval(run, node, have, routes, n);
}

static int approvals(struct run *run)
{
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        const struct mesh *mesh = &run->fabric->mesh;
        int r;

        if (!host_is_headscale(run))
                return 0;
        r = mesh_connect(run);
        if (r == 0)
                r = fbn_headscale_node_list(run->c, run->headscale, &nodes);
        for (size_t i = 0; r == 0 && i < mesh->n_nodes; i++)
                r = approve_node(run, &mesh->nodes[i], nodes);
        return fail_in(run->c, r, "headscale %s", mesh->url);
}

/* Users before nodes, nodes before the approval of their routes. */
const struct stage mesh_stages[] = {
        {"headscale", users},
        {"headscale", policy},
        {"tailscale", run_tailscale_stage},
        {"headscale", approvals},
        {"dns", run_mesh_names_stage},
        {0},
};
