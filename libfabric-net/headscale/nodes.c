/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/headscale.h"

struct fbn_headscale_nodes {
        unsigned references;
        struct arena arena;
        fbn_headscale_node *items;
        size_t count, capacity;
};

/* Up to 0.27: forced by the administrator, and asked for by the node and allowed. */
static int old_tags_read(fbn_context *c, struct arena *arena, const json_t *object, fbn_headscale_node *node)
{
        const char *const *forced, *const *valid;
        const char **both;
        size_t n_forced, n_valid;
        int r;

        r = json_read_texts(c, arena, object, "forcedTags", &forced, &n_forced);
        if (r == 0)
                r = json_read_texts(c, arena, object, "validTags", &valid, &n_valid);
        if (r < 0 || n_forced + n_valid == 0)
                return r;
        both = arena_alloc(arena, (n_forced + n_valid) * sizeof(*both));
        if (!both)
                return fail_memory(c);
        for (size_t i = 0; i < n_forced + n_valid; i++)
                both[i] = i < n_forced ? forced[i] : valid[i - n_forced];
        node->tags = both;
        node->n_tags = n_forced + n_valid;
        return 0;
}

static int tags_read(fbn_context *c, struct arena *arena, const json_t *object, fbn_headscale_node *node)
{
        if (!json_object_get(object, "tags"))
                return old_tags_read(c, arena, object, node);
        return json_read_texts(c, arena, object, "tags", &node->tags, &node->n_tags);
}

static int routes_read(fbn_context *c, struct arena *arena, const json_t *object, fbn_headscale_node *node)
{
        int r = json_read_prefixes(c, arena, object, "availableRoutes", &node->available_routes, &node->n_available_routes);

        if (r == 0)
                r = json_read_prefixes(c, arena, object, "approvedRoutes", &node->approved_routes, &node->n_approved_routes);
        if (r == 0)
                r = json_read_prefixes(c, arena, object, "subnetRoutes", &node->serving_routes, &node->n_serving_routes);
        return r;
}

static int names_read(fbn_context *c, struct arena *arena, const json_t *object, fbn_headscale_node *node)
{
        json_t *user;
        int r = json_read_number(c, object, "id", &node->id);

        if (r == 0)
                r = json_read_text(c, arena, object, "name", &node->name);
        if (r == 0)
                r = json_read_text(c, arena, object, "givenName", &node->given_name);
        if (r == 0)
                r = json_read_object(c, object, "user", &user);
        if (r == 0)
                r = json_read_text(c, arena, user, "name", &node->user);
        return r;
}

static int node_read(fbn_context *c, struct arena *arena, const json_t *object, fbn_headscale_node *node)
{
        int r;

        r = names_read(c, arena, object, node);
        if (r == 0)
                r = json_read_addresses(c, arena, object, "ipAddresses", &node->addresses, &node->n_addresses);
        if (r == 0)
                r = routes_read(c, arena, object, node);
        if (r == 0)
                r = tags_read(c, arena, object, node);
        if (r == 0)
                r = json_read_flag(c, object, "online", &node->online);
        if (r == 0)
                r = json_read_time(c, object, "lastSeen", &node->last_seen);
        if (r == 0)
                r = json_read_time(c, object, "expiry", &node->expiry);
        return r;
}

static int item_read(fbn_context *c, const json_t *element, size_t index, void *data)
{
        fbn_headscale_nodes *nodes = data;
        fbn_headscale_node *item;
        int r;

        if (!ARRAY_RESERVE(nodes->items, nodes->count, nodes->capacity))
                return fail_memory(c);
        item = &nodes->items[nodes->count];
        *item = (fbn_headscale_node){.size = sizeof(*item)};
        r = node_read(c, &nodes->arena, element, item);
        if (r < 0)
                return fail_in(c, r, "node %zu", index + 1);
        nodes->count++;
        return 0;
}

int headscale_nodes_read(fbn_context *c, const char *text, size_t length, fbn_headscale_nodes **ret_nodes)
{
        static const char *const members[] = {"id", "name", "givenName", "user", "ipAddresses", "availableRoutes", "approvedRoutes", "subnetRoutes",
                                              "tags", "forcedTags", "validTags", "online", "lastSeen", "expiry", NULL};
        FBN_CLEANUP(fbn_headscale_nodes) nodes = memory_alloc(sizeof(*nodes));
        int r;

        if (!nodes)
                return fail_memory(c);
        nodes->references = 1;
        r = json_each(c, text, length, "nodes", members, item_read, nodes);
        if (r < 0)
                return r;
        *ret_nodes = TAKE_PTR(nodes);
        return 0;
}

/* The list, never GET node/{id}: only here do the servers fill in which routes are serving. */
int fbn_headscale_node_list(fbn_context *c, fbn_headscale *headscale, fbn_headscale_nodes **ret_nodes)
{
        HTTP_REPLY reply = {0};
        int r = headscale_list(c, headscale, "/api/v1/node", &reply);

        return r < 0 ? r : fail_in(c, headscale_nodes_read(c, reply.body, reply.length, ret_nodes), "%s", http_name(headscale->http));
}

fbn_headscale_nodes *fbn_headscale_nodes_ref(fbn_headscale_nodes *nodes)
{
        nodes->references++;
        return nodes;
}

fbn_headscale_nodes *fbn_headscale_nodes_unref(fbn_headscale_nodes *nodes)
{
        if (!nodes || --nodes->references > 0)
                return NULL;
        arena_free(&nodes->arena);
        memory_free(nodes->items);
        memory_free(nodes);
        return NULL;
}

size_t fbn_headscale_nodes_count(const fbn_headscale_nodes *nodes)
{
        return nodes ? nodes->count : 0;
}

const fbn_headscale_node *fbn_headscale_nodes_at(const fbn_headscale_nodes *nodes, size_t index)
{
        return index < fbn_headscale_nodes_count(nodes) ? &nodes->items[index] : NULL;
}
