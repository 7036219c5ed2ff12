/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/nodes.h"

/* Up to 0.27 tags that were forced and tags that the policy lets the node ask for come apart; to the mesh they are the same. */
struct raw {
        fbn_headscale_node node;
        const char *const *forced, *const *valid;
        size_t n_forced, n_valid;
};

static const struct json_field user_fields[] = {JSON_ONE(struct raw, node.user, "name", SHARED_TEXT), {0}};

#define NODE_MANY(member, name, kind) {name, JSON_##kind, offsetof(struct raw, node.member), offsetof(struct raw, node.n_##member), NULL}

/* In the servers' order. */
static const struct json_field fields[] = {
        JSON_ONE(struct raw, node.id, "id", WHOLE),
        NODE_MANY(addresses, "ipAddresses", ADDRESSES),
        JSON_ONE(struct raw, node.name, "name", TEXT),
        JSON_IN("user", user_fields),
        JSON_ONE(struct raw, node.last_seen, "lastSeen", TIME),
        JSON_ONE(struct raw, node.expiry, "expiry", TIME),
        JSON_ONE(struct raw, node.created, "createdAt", TIME),
        JSON_MANY(struct raw, forced, "forcedTags", TEXTS),
        JSON_MANY(struct raw, valid, "validTags", TEXTS),
        JSON_ONE(struct raw, node.given_name, "givenName", TEXT),
        JSON_ONE(struct raw, node.online, "online", FLAG),
        NODE_MANY(approved_routes, "approvedRoutes", PREFIXES),
        NODE_MANY(available_routes, "availableRoutes", PREFIXES),
        NODE_MANY(serving_routes, "subnetRoutes", PREFIXES),
        NODE_MANY(tags, "tags", TEXTS),
        {0},
};

static bool has_text(const char *const *texts, size_t count, const char *text)
{
        for (size_t i = 0; i < count; i++)
                if (streq(texts[i], text))
                        return true;
        return false;
}

static int tags_join(fbn_context *c, struct arena *arena, struct raw *raw)
{
        const char **both;

        if (raw->n_forced + raw->n_valid == 0)
                return 0;
        both = arena_alloc(arena, (raw->n_forced + raw->n_valid) * sizeof(*both));
        if (!both)
                return fail_memory(c);
        for (size_t i = 0; i < raw->n_forced + raw->n_valid; i++) {
                const char *tag = i < raw->n_forced ? raw->forced[i] : raw->valid[i - raw->n_forced];

                if (!has_text(both, raw->node.n_tags, tag))
                        both[raw->node.n_tags++] = tag;
        }
        raw->node.tags = both;
        return 0;
}


int node_next(fbn_context *c, struct list *list, struct arena *arena, fbn_headscale_node *ret_node)
{
        struct raw raw;
        int r = list_next(c, list, arena, fields, &raw, sizeof(raw));

        if (r == 1 && raw.node.n_tags == 0 && tags_join(c, arena, &raw) < 0)
                r = -FBN_ENOMEM;
        if (r < 0)
                return fail_in(c, r, "node %zu", list->json.index + 1);
        if (r == 1) {
                *ret_node = raw.node;
                ret_node->size = sizeof(*ret_node);
                ret_node->set = NODE_SET_ALL;
        }
        return r;
}

static int items_read(fbn_context *c, struct list *list, fbn_headscale_nodes *nodes)
{
        int r;

        do {
                if (!ARRAY_RESERVE(nodes->items, nodes->count, nodes->capacity))
                        return fail_memory(c);
                r = node_next(c, list, &nodes->arena, &nodes->items[nodes->count]);
                nodes->count += r == 1;
        } while (r == 1);
        return r;
}

static int nodes_read(fbn_context *c, struct list *list, fbn_headscale_nodes **ret_nodes)
{
        FBN_CLEANUP(fbn_headscale_nodes) nodes = memory_alloc(sizeof(*nodes));
        int r;

        if (!nodes)
                return fail_memory(c);
        nodes->references = 1;
        r = items_read(c, list, nodes);
        if (r == 0)
                *ret_nodes = TAKE_PTR(nodes);
        return r;
}

int headscale_nodes_read(fbn_context *c, const char *text, size_t length, fbn_headscale_nodes **ret_nodes)
{
        _cleanup_(list_close) struct list list = {0};

        list_of_text(text, length, "nodes", &list);
        return nodes_read(c, &list, ret_nodes);
}

/* The list, never GET node/{id}: only here do the servers fill in which routes are serving. */
int fbn_headscale_node_list(fbn_context *c, fbn_headscale *headscale, fbn_headscale_nodes **ret_nodes)
{
        struct retry retry = {.tries = headscale->tries};
        int r;

        do { /* an answer that breaks off midway is asked for again, too */
                _cleanup_(list_close) struct list list = {0};

                r = list_open(c, headscale, headscale->http, NODES_PATH, "nodes", &list);
                if (r < 0)
                        return r;
                list.limit = headscale->reply_limit;
                r = nodes_read(c, &list, ret_nodes);
        } while (r < 0 && http_transient(headscale->http, 0) && retry_wait(c, &retry));
        return r;
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
