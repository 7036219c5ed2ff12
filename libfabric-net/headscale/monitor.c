/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/change.h"

#include "base/monitor.h"

#include <stdio.h>
#include <stdlib.h>

#define INTERVAL_MS 5000U

struct node_monitor {
        fbn_monitor monitor; /* first member */
        fbn_headscale *headscale;
        fbn_headscale_nodes *nodes; /* as they were last, sorted by id; NULL: not read yet */
        int64_t interval;
        bool failing;
};

static int tell(fbn_context *c, struct node_monitor *mine, fbn_event_kind kind, const fbn_headscale_node *node, const char *field,
                const char *before, const char *after)
{
        char object[96];

        snprintf(object, sizeof(object), "node %s", node->given_name);
        return monitor_add(c, &mine->monitor,
                           &(fbn_event){.size = sizeof(fbn_event), .kind = kind, .type = "node", .object = object, .field = field, .before = before,
                                        .after = after});
}

static int text_compare(fbn_context *c, struct node_monitor *mine, const fbn_headscale_node *now, const char *field, const char *before, const char *after)
{
        return streq(before, after) ? 0 : tell(c, mine, FBN_EVENT_CHANGED, now, field, before, after);
}

static int routes_compare(fbn_context *c, struct node_monitor *mine, const fbn_headscale_node *now, const char *field, const fbn_prefix *before,
                          size_t n_before, const fbn_prefix *after, size_t n_after)
{
        _cleanup_(text_free) struct text old = {0}, new = {0};

        if (n_before == n_after && (n_after == 0 || memcmp(before, after, n_after * sizeof(*after)) == 0))
                return 0;
        routes_show(before, n_before, &old);
        routes_show(after, n_after, &new);
        return old.failed || new.failed ? fail_memory(c) : text_compare(c, mine, now, field, old.bytes, new.bytes);
}

static int tags_compare(fbn_context *c, struct node_monitor *mine, const fbn_headscale_node *before, const fbn_headscale_node *now)
{
        _cleanup_(text_free) struct text old = {0}, new = {0};

        tags_show(before, &old);
        tags_show(now, &new);
        return old.failed || new.failed ? fail_memory(c) : text_compare(c, mine, now, "tags", old.bytes, new.bytes);
}

static int node_compare(fbn_context *c, struct node_monitor *mine, const fbn_headscale_node *before, const fbn_headscale_node *now)
{
        char old[32], new[32];
        int r = text_compare(c, mine, now, "online", before->online ? "yes" : "no", now->online ? "yes" : "no");

        if (r == 0)
                r = text_compare(c, mine, now, "name", before->given_name, now->given_name);
        if (r == 0)
                r = text_compare(c, mine, now, "user", before->user, now->user);
        if (r == 0)
                r = tags_compare(c, mine, before, now);
        if (r == 0)
                r = routes_compare(c, mine, now, "available routes", before->available_routes, before->n_available_routes, now->available_routes,
                                   now->n_available_routes);
        if (r == 0)
                r = routes_compare(c, mine, now, "approved routes", before->approved_routes, before->n_approved_routes, now->approved_routes,
                                   now->n_approved_routes);
        if (r == 0)
                r = routes_compare(c, mine, now, "serving routes", before->serving_routes, before->n_serving_routes, now->serving_routes,
                                   now->n_serving_routes);
        if (r == 0)
                r = text_compare(c, mine, now, "expiry", expiry_show(before->expiry, old, sizeof(old)), expiry_show(now->expiry, new, sizeof(new)));
        return r;
}

static int compare_ids(const void *a, const void *b)
{
        uint64_t one = ((const fbn_headscale_node *)a)->id, other = ((const fbn_headscale_node *)b)->id;

        return (one > other) - (one < other);
}

/* Both are sorted: one walk. */
static int compare(fbn_context *c, struct node_monitor *mine, const fbn_headscale_nodes *before, const fbn_headscale_nodes *now)
{
        size_t i = 0, j = 0, n = fbn_headscale_nodes_count(before), m = now->count;
        int r = 0;

        while (r == 0 && (i < n || j < m)) {
                const fbn_headscale_node *old = i < n ? &before->items[i] : NULL, *new = j < m ? &now->items[j] : NULL;

                if (!new || (old && old->id < new->id))
                        r = tell(c, mine, FBN_EVENT_REMOVED, old, NULL, NULL, NULL), i++;
                else if (!old || new->id < old->id)
                        r = tell(c, mine, FBN_EVENT_ADDED, new, NULL, NULL, new->online ? "online" : "offline"), j++;
                else
                        r = node_compare(c, mine, old, new), i++, j++;
        }
        return r;
}

/* Once, until it answers again. */
static int tell_failure(fbn_context *c, struct node_monitor *mine, int r)
{
        char words[512];

        if (r == -FBN_ECANCELED || r == -FBN_ENOMEM || mine->failing)
                return mine->failing && r != -FBN_ECANCELED ? 0 : r;
        mine->failing = true;
        snprintf(words, sizeof(words), "%s", fbn_context_error(c));
        return monitor_add(c, &mine->monitor,
                           &(fbn_event){.size = sizeof(fbn_event), .kind = FBN_EVENT_FAILED, .type = "server", .object = http_name(mine->headscale->http),
                                        .after = words});
}

static int look(fbn_context *c, struct node_monitor *mine)
{
        FBN_CLEANUP(fbn_headscale_nodes) now = NULL;
        int r = fbn_headscale_node_list(c, mine->headscale, &now);

        if (r < 0)
                return mine->nodes ? tell_failure(c, mine, r) : r;
        mine->failing = false;
        if (now->count > 0)
                qsort(now->items, now->count, sizeof(*now->items), compare_ids);
        r = compare(c, mine, mine->nodes, now);
        fbn_headscale_nodes_unref(mine->nodes);
        mine->nodes = TAKE_PTR(now);
        return r;
}

static int process(fbn_context *c, fbn_monitor *monitor)
{
        struct node_monitor *mine = (struct node_monitor *)monitor;
        int64_t now = monitor_now();

        if (now < monitor->due)
                return 0;
        monitor_due(monitor, now + mine->interval);
        return look(c, mine);
}

static void release(fbn_monitor *monitor)
{
        struct node_monitor *mine = (struct node_monitor *)monitor;

        fbn_headscale_nodes_unref(mine->nodes);
        fbn_headscale_unref(mine->headscale);
}

int fbn_headscale_monitor_new(fbn_context *c, fbn_headscale *headscale, uint32_t interval_ms, fbn_monitor **ret_monitor)
{
        static const struct monitor_class class = {process, release};
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        struct node_monitor *mine = memory_alloc(sizeof(*mine));
        int r;

        if (!mine)
                return fail_memory(c);
        monitor = &mine->monitor;
        r = monitor_begin(c, monitor, &class);
        mine->headscale = fbn_headscale_ref(headscale);
        mine->interval = (int64_t)(interval_ms ? interval_ms : INTERVAL_MS) * 1000000;
        if (r == 0)
                r = process(c, monitor);
        if (r < 0)
                return r;
        if (monitor->count > 0)
                monitor_due(monitor, monitor_now()); /* there are events to take */
        *ret_monitor = TAKE_PTR(monitor);
        return 0;
}
