/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "base/text.h"
#include "fabric/status.h"

#include <stdio.h>
#include <time.h>

#define EXPIRY_WARNING_DAYS 14

static int64_t days_left(int64_t expiry)
{
        return (expiry / 1000000000 - (int64_t)time(NULL)) / 86400;
}

/* A node whose key has expired is off the mesh until somebody logs it in again. */
static void add_expiry(struct text *text, int64_t expiry)
{
        if (expiry / 1000000000 <= (int64_t)time(NULL))
                text_add(text, ", its key has expired");
        else
                text_add(text, ", its key expires in %lld days", (long long)days_left(expiry));
}

static bool serves(const fbn_headscale_node *have, const fbn_prefix *prefix)
{
        for (size_t i = 0; have && i < have->n_serving_routes; i++)
                if (prefix_equal(&have->serving_routes[i], prefix))
                        return true;
        return false;
}

static void add_metrics(fbn_fabric_status *status, const struct node *node, const fbn_headscale_node *have)
{
        const char *name = node->host->name;
        char prefix[FBN_ADDRESS_TEXT];

        metric_add(status, METRIC_NODE_ENROLLED, have != NULL, "node", name, NULL);
        metric_add(status, METRIC_NODE_ONLINE, have && have->online, "node", name, NULL);
        if (have)
                metric_add(status, METRIC_NODE_EXPIRY, metric_seconds(have->expiry), "node", name, NULL);
        for (size_t i = 0; i < node->n_advertises; i++)
                metric_add(status, METRIC_ROUTE_SERVING, serves(have, &node->advertises[i]->prefix), "node", name, "route",
                           fbn_prefix_format(&node->advertises[i]->prefix, prefix, sizeof(prefix)), NULL);
}

static int observe_node(struct observation *o, const fbn_headscale_nodes *nodes, const struct node *node)
{
        _cleanup_(text_free) struct text text = {0};
        char object[96], buffer[FBN_ADDRESS_TEXT];
        const fbn_headscale_node *have;
        bool mismatch;

        snprintf(object, sizeof(object), "node %s", node->host->name);
        have = mesh_find_node(nodes, node, &mismatch);
        add_metrics(o->status, node, have);
        if (!have && mismatch)
                return status_add(o, "headscale", object, FBN_HEALTH_DOWN, "enrolled at another address than the declared one");
        if (!have)
                return status_add(o, "headscale", object, FBN_HEALTH_WARNING, "not enrolled");
        text_add(&text, "%s", have->n_addresses ? fbn_address_format(&have->addresses[0], buffer, sizeof(buffer)) : "no address");
        if (have->online)
                text_add(&text, ", online");
        else if (have->last_seen)
                text_add(&text, ", seen %s", status_ago(have->last_seen, buffer, sizeof(buffer)));
        else
                text_add(&text, ", never seen");
        for (size_t i = 0; i < have->n_serving_routes; i++)
                text_add(&text, "%s%s", i ? ", " : ", serves ", fbn_prefix_format(&have->serving_routes[i], buffer, sizeof(buffer)));
        if (node->n_advertises && !have->n_serving_routes)
                text_add(&text, ", stands by");
        if (have->expiry)
                add_expiry(&text, have->expiry);
        if (text.failed)
                return fail_memory(o->run.c);
        if (have->expiry && days_left(have->expiry) < EXPIRY_WARNING_DAYS)
                return status_add(o, "headscale", object, FBN_HEALTH_WARNING, text.bytes);
        /* Clients come and go; a subnet router that is away is missed. */
        return status_add(o, "headscale", object, have->online || !node->n_advertises ? FBN_HEALTH_OK : FBN_HEALTH_WARNING, text.bytes);
}

/* Without its key nobody here can change the mesh any more. What an older server does not tell is not known. */
static int observe_api_key(struct observation *o)
{
        FBN_CLEANUP(fbn_headscale_keys) keys = NULL;
        struct error_record before = o->run.c->error;
        int r = fbn_headscale_key_list(o->run.c, o->run.headscale, FBN_HEADSCALE_KEY_API, &keys);
        char text[96];

        for (size_t i = 0; r == 0 && i < fbn_headscale_keys_count(keys); i++) {
                const fbn_headscale_key *key = fbn_headscale_keys_at(keys, i);

                if (!key->own || !key->expiry)
                        continue;
                snprintf(text, sizeof(text), "expires in %lld days%s", (long long)days_left(key->expiry),
                         days_left(key->expiry) < EXPIRY_WARNING_DAYS ? "; 'fabricnet headscale keys rotate' makes another" : "");
                return status_add(o, "headscale", "API key", days_left(key->expiry) < EXPIRY_WARNING_DAYS ? FBN_HEALTH_WARNING : FBN_HEALTH_OK, text);
        }
        if (r == -FBN_ENOMEM || r == -FBN_ECANCELED)
                return r;
        o->run.c->error = before;
        return 0;
}

static int observe_headscale(struct observation *o)
{
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        const struct mesh *mesh = &o->run.fabric->mesh;
        _cleanup_free_ char *version = NULL;
        char text[96];
        int r;

        r = mesh_connect(&o->run);
        if (r == 0)
                r = fbn_headscale_health(o->run.c, o->run.headscale);
        if (r == 0)
                r = fbn_headscale_version(o->run.c, o->run.headscale, &version);
        if (r == 0)
                r = fbn_headscale_node_list(o->run.c, o->run.headscale, &nodes);
        if (r < 0)
                return r == -FBN_ENOMEM ? r : status_add(o, "headscale", mesh->url, FBN_HEALTH_DOWN, fbn_context_error(o->run.c));
        snprintf(text, sizeof(text), "version %s, healthy", version);
        r = status_add(o, "headscale", mesh->url, FBN_HEALTH_OK, text);
        if (r == 0)
                r = observe_api_key(o);
        for (size_t i = 0; r == 0 && i < mesh->n_nodes; i++)
                r = observe_node(o, nodes, &mesh->nodes[i]);
        return r;
}

int observe_mesh(struct observation *o)
{
        int r = 0;

        if (host_is_headscale(&o->run))
                r = observe_headscale(o);
        return r < 0 || !o->run.desired->host->node ? r : observe_tailscale(o);
}
