/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/stub.h"

#include "base/address.h"

#include <unistd.h>

/* Whether a server that listens there would hear itself. */
static bool hears(const struct listener *listener, const fbn_endpoint *upstream)
{
        fbn_endpoint anywhere = {.address = upstream->address};
        int fd;

        if (listener->address.port != upstream->port || listener->address.address.family != upstream->address.family)
                return false;
        if (!address_unspecified(&listener->address.address))
                return address_compare(&listener->address.address, &upstream->address) == 0;
        /* A wildcard has all addresses of the host: those that a socket can be bound to. */
        fd = socket_bind(&anywhere, SOCK_DGRAM, false);
        if (fd >= 0)
                close(fd);
        return fd >= 0;
}

static int check_upstreams(fbn_context *c, const fbn_dns_stub *stub, const fbn_dns_routes *routes)
{
        char text[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < routes->count; i++) {
                const fbn_dns_route *route = &routes->items[i]->record;

                for (size_t j = 0; j < route->n_upstreams; j++)
                        for (size_t k = 0; k < stub->n_listeners; k++)
                                if (hears(&stub->listeners[k], &route->upstreams[j]))
                                        return fail(c, FBN_EINVAL, "DNS route %s: its upstream %s is the stub itself", route->suffix,
                                                    fbn_endpoint_format(&route->upstreams[j], text, sizeof(text)));
        }
        return 0;
}

int table_new(fbn_context *c, fbn_dns_stub *stub, const fbn_dns_routes *routes, struct table *ret_table)
{
        struct table table = {0};
        int r;

        r = check_upstreams(c, stub, routes);
        if (r < 0)
                return r;
        table.routes = fbn_dns_routes_ref((fbn_dns_routes *)(uintptr_t)routes);
        r = servers_new(c, &table);
        table.pending = memory_alloc(MAX(routes->n_all, (size_t)1) * sizeof(uint32_t));
        if (r == 0 && !table.pending)
                r = fail_memory(c);
        if (r < 0)
                table_free(stub, &table);
        else
                *ret_table = table;
        return r;
}

static void close_channels(fbn_dns_stub *stub, struct server *server)
{
        for (unsigned i = 0; i < CHANNELS; i++)
                if (server->channels[i])
                        channel_retire(stub, server->channels[i]);
        if (server->stream)
                stream_retire(stub, server->stream);
}

/* No question may wait on its servers any more. */
void table_free(fbn_dns_stub *stub, struct table *table)
{
        for (size_t i = 0; i < table->n_servers; i++)
                close_channels(stub, &table->servers[i]);
        memory_free(table->servers);
        memory_free(table->upstreams);
        memory_free(table->pending);
        fbn_dns_routes_unref(table->routes);
        *table = (struct table){0};
}

struct change {
        const fbn_dns_routes *before, *after;
};

/* Whether an answer that was kept is what the routes of now would ask for. */
static bool stays(const void *data, const struct question *question)
{
        const struct change *change = data;
        const struct route *before = query_route(change->before, question, &question->name);
        const struct route *after = query_route(change->after, question, &question->name);

        return before && after && routes_same(change->after, before) == after;
}

int fbn_dns_stub_reload(fbn_context *c, fbn_dns_stub *stub, const fbn_dns_routes *routes)
{
        NAMESPACE_GUARD guard = {-1};
        struct table table;
        struct list waiting;
        int r;

        r = namespace_enter(c, &guard);
        if (r < 0)
                return r;
        r = table_new(c, stub, routes, &table);
        if (r < 0)
                return r;
        stub_clock(stub);
        query_detach(stub, &waiting);
        cache_sift(&stub->cache, stays, &(struct change){stub->table.routes, routes});
        table_free(stub, &stub->table);
        stub->table = table;
        query_again(stub, &waiting);
        upstream_send(stub);
        datagrams_send(&stub->answers);
        graves_free(stub);
        return 0;
}
