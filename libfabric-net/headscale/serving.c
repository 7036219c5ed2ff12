/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/change.h"

#include <stdlib.h>

#define POLL_MS 200

static int compare(const void *a, const void *b)
{
        const fbn_prefix *const *one = a, *const *other = b;

        return memcmp(*one, *other, sizeof(**one));
}

/* All routes that some node serves, sorted. */
static const fbn_prefix **served(const fbn_headscale_nodes *nodes, size_t *ret_count)
{
        const fbn_prefix **all;
        size_t count = 0;

        for (size_t i = 0; i < nodes->count; i++)
                count += nodes->items[i].n_serving_routes;
        all = memory_alloc(count * sizeof(*all));
        for (size_t i = 0, n = 0; all && i < nodes->count; i++)
                for (size_t j = 0; j < nodes->items[i].n_serving_routes; j++)
                        all[n++] = &nodes->items[i].serving_routes[j];
        if (all)
                qsort(all, count, sizeof(*all), compare);
        *ret_count = count;
        return all;
}

/* A route of the node that is approved and offered and nobody serves; NULL: none. */
static const fbn_prefix *unserved(const fbn_headscale_node *node, const fbn_prefix **all, size_t count)
{
        for (size_t i = 0; i < node->n_approved_routes; i++) {
                const fbn_prefix *route = &node->approved_routes[i];

                if (route->length > 0 && has_prefix(node->available_routes, node->n_available_routes, route) &&
                    !bsearch(&route, all, count, sizeof(*all), compare))
                        return route;
        }
        return NULL;
}

static int compare_ids(const void *a, const void *b)
{
        uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

        return (one > other) - (one < other);
}

static int look(struct work *work, const uint64_t *ids, size_t n_ids, fbn_headscale_nodes **nodes, const fbn_headscale_node **ret_node,
                const fbn_prefix **ret_route)
{
        _cleanup_free_ const fbn_prefix **all = NULL;
        size_t count;
        int r;

        fbn_headscale_nodes_unref(*nodes);
        *nodes = NULL;
        r = fbn_headscale_node_list(work->c, work->headscale, nodes);
        if (r < 0)
                return r;
        all = served(*nodes, &count);
        if (!all)
                return fail_memory(work->c);
        *ret_route = NULL;
        for (size_t i = 0; !*ret_route && i < (*nodes)->count; i++) {
                *ret_node = &(*nodes)->items[i];
                if (bsearch(&(*ret_node)->id, ids, n_ids, sizeof(*ids), compare_ids))
                        *ret_route = unserved(*ret_node, all, count);
        }
        return 0;
}

int serving_wait(struct work *work, const uint64_t *ids, size_t n_ids)
{
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        int64_t deadline = http_clock_ms() + work->options.wait_ms;
        const fbn_headscale_node *node = NULL;
        const fbn_prefix *route = NULL;
        char text[FBN_ADDRESS_TEXT];

        for (;;) {
                int r = look(work, ids, n_ids, &nodes, &node, &route);

                if (r < 0 || !route)
                        return r;
                if (http_clock_ms() >= deadline)
                        break;
                if (!wait_ms(work->c, POLL_MS))
                        return context_check(work->c);
        }
        return fail_in(work->c,
                       fail(work->c, FBN_ETIMEOUT, "nobody serves %s after %u ms; %s", fbn_prefix_format(route, text, sizeof(text)), work->options.wait_ms,
                            node->online ? "the node is online" : "the node is offline"),
                       "node %s", node->given_name);
}
