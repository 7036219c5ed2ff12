/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One node changed: read, difference, write. */
#include "headscale/change.h"

#include "base/address.h"

#include <inttypes.h>
#include <stdio.h>

#define ROUNDS 12
/* Servers collect writes for half a second (hscontrol/state/node_store.go): who read before our write may be heard that much later. */
#define SETTLE_MS 700
#define CHANCE_MS 300

static int node_read(struct work *work, uint64_t id, fbn_headscale_nodes **nodes, const fbn_headscale_node **ret_node)
{
        int r;

        fbn_headscale_nodes_unref(*nodes);
        *nodes = NULL;
        r = fbn_headscale_node_list(work->c, work->headscale, nodes);
        for (size_t i = 0; r == 0 && i < (*nodes)->count; i++)
                if ((*nodes)->items[i].id == id) {
                        *ret_node = &(*nodes)->items[i];
                        return 0;
                }
        return r < 0 ? r : fail_in(work->c, fail(work->c, FBN_ENOENT, "there is none"), "node %" PRIu64, id);
}

/* What is approved and what is to be added, without what is to be removed. */
static size_t routes_merge(const fbn_headscale_node *have, const fbn_headscale_change_options *options, fbn_prefix *routes)
{
        size_t count = 0;

        for (size_t i = 0; i < have->n_approved_routes + options->n_add; i++) {
                const fbn_prefix *route = i < have->n_approved_routes ? &have->approved_routes[i] : &options->add[i - have->n_approved_routes];

                if (!has_prefix(options->remove, options->n_remove, route) && !has_prefix(routes, count, route))
                        routes[count++] = *route;
        }
        return count;
}

static int merge_send(struct work *work, const fbn_headscale_node *have)
{
        _cleanup_free_ fbn_prefix *routes = memory_alloc((have->n_approved_routes + work->options.n_add) * sizeof(*routes));
        fbn_headscale_node want = {.size = sizeof(want), .set = FBN_HEADSCALE_SET_APPROVED_ROUTES, .approved_routes = routes};

        if (!routes)
                return fail_memory(work->c);
        want.n_approved_routes = routes_merge(have, &work->options, routes);
        return node_send(work, have, &want, false);
}

/* The API has no condition "if it is still as I read it". Whoever writes between another's reading and writing loses; but both read again
 * after a moment that is longer than that, and make it good. */
static int routes_edit(struct work *work, uint64_t id)
{
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        const fbn_headscale_node *have = NULL;

        for (unsigned round = 0; round < ROUNDS; round++) {
                size_t before = fbn_changes_count(work->changes);
                int64_t start = http_clock_ms();
                int r = node_read(work, id, &nodes, &have);

                if (r == 0)
                        r = merge_send(work, have);
                if (r < 0 || work->options.dry_run || fbn_changes_count(work->changes) == before)
                        return r;
                if (!wait_ms(work->c, SETTLE_MS + chance(CHANCE_MS) + (uint32_t)(http_clock_ms() - start)))
                        return context_check(work->c);
        }
        return fail_in(work->c, fail(work->c, FBN_ECONFLICT, "somebody else keeps changing its routes"), "node %s", have->given_name);
}

static int work_do(struct work *work, const fbn_headscale_node *want)
{
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        const fbn_headscale_node *have;
        bool edits = work->options.n_add + work->options.n_remove > 0;
        int r = 0;

        if (edits && want->set & FBN_HEADSCALE_SET_APPROVED_ROUTES)
                return fail(work->c, FBN_EINVAL, "node %" PRIu64 ": the approved routes are given both whole and by difference", want->id);
        if (want->set || !edits) {
                r = node_read(work, want->id, &nodes, &have);
                if (r == 0)
                        r = node_check(work, have, want);
                if (r == 0)
                        r = node_send(work, have, want, false);
        }
        if (r == 0 && edits)
                r = routes_edit(work, want->id);
        if (r == 0 && work->options.wait_ms && !work->options.dry_run)
                r = serving_wait(work, &want->id, 1);
        return r;
}

int fbn_headscale_node_change(fbn_context *c, fbn_headscale *headscale, const fbn_headscale_node *want,
                              const fbn_headscale_change_options *options, fbn_changes **ret_changes)
{
        _cleanup_(work_end) struct work work = {0};
        fbn_headscale_node mine;
        int r = OPTIONS_READ(c, fbn_headscale_node, want, &mine);

        if (r == 0)
                r = work_begin(c, headscale, options, &work);
        if (r < 0)
                return r;
        return work_result(&work, work_do(&work, &mine), ret_changes);
}
