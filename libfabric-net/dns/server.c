/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/stub.h"

#include "base/address.h"

#include <errno.h>
#include <sys/epoll.h>

#define USES 64           /* of a socket, before another port takes its place */
#define CHANNELS_MAX 512  /* towards all servers together */

static int compare(const void *a, const void *b)
{
        const fbn_endpoint *x = &(*(struct server *const *)a)->address, *y = &(*(struct server *const *)b)->address;
        int r = address_compare(&x->address, &y->address);

        if (r != 0)
                return r;
        if (x->port != y->port)
                return x->port < y->port ? -1 : 1;
        return x->scope < y->scope ? -1 : x->scope > y->scope;
}

/* One server an address: its sockets, and what is known of it, are shared by all the routes that name it. */
static void merge(struct table *table, struct server **sorted)
{
        struct server *first = NULL;

        qsort(sorted, table->n_servers, sizeof(struct server *), compare);
        for (size_t i = 0; i < table->n_servers; i++) {
                if (!first || compare(&first, &sorted[i]) != 0)
                        first = sorted[i];
                table->upstreams[sorted[i] - table->servers] = first;
        }
}

int servers_new(fbn_context *c, struct table *table)
{
        const fbn_dns_routes *routes = table->routes;
        size_t count = MAX(routes->n_upstreams, (size_t)1);
        _cleanup_free_ struct server **sorted = memory_alloc(count * sizeof(struct server *));

        table->servers = memory_alloc(count * sizeof(struct server));
        table->upstreams = memory_alloc(count * sizeof(struct server *));
        if (!sorted || !table->servers || !table->upstreams)
                return fail_memory(c);
        for (size_t i = 0; i < routes->count; i++)
                for (size_t j = 0; j < routes->items[i]->record.n_upstreams; j++) {
                        struct server *server = &table->servers[table->n_servers];

                        server->address = routes->items[i]->record.upstreams[j];
                        sorted[table->n_servers++] = server;
                }
        merge(table, sorted);
        return 0;
}

static void channel_ready(fbn_dns_stub *stub, struct source *source, uint32_t events)
{
        struct channel *channel = (struct channel *)source;
        uint8_t *bytes = stub->in.bytes[0];
        unsigned taken = 0;

        (void)events;
        /* Nothing is expected where no question is left; looking would cost as much as taking it. */
        do {
                ssize_t length = socket_read(source->fd, bytes, DATAGRAM_BYTES);

                if (length < 0 && length != -EAGAIN)
                        upstream_unreachable(stub, channel);
                if (length < 0)
                        break;
                upstream_datagram(stub, channel, bytes, (size_t)length, (size_t)length < DATAGRAM_BYTES);
        } while (source->fd >= 0 && !list_empty(&channel->attempts) && ++taken < DATAGRAMS);
}

static struct channel *channel_open(fbn_dns_stub *stub, struct server *server)
{
        _cleanup_free_ struct channel *channel = memory_alloc(sizeof(*channel));

        if (!channel)
                return NULL;
        channel->grave.source = (struct source){.fd = socket_connect(&server->address, SOCK_DGRAM), .ready = channel_ready};
        if (channel->grave.source.fd < 0)
                return NULL;
        if (source_add(stub, &channel->grave.source, EPOLLIN) < 0) {
                source_close(&channel->grave.source);
                return NULL;
        }
        channel->server = server;
        channel->slot = CHANNELS;
        list_init(&channel->attempts);
        timer_start(&stub->ages, &channel->age, stub->now);
        stub->n_channels++;
        return TAKE_PTR(channel);
}

void channel_drop(fbn_dns_stub *stub, struct channel *channel)
{
        if (channel->slot < CHANNELS || !list_empty(&channel->attempts) || channel->grave.source.fd < 0)
                return;
        timer_stop(&channel->age);
        source_close(&channel->grave.source);
        stub->n_channels--;
        grave_add(stub, &channel->grave);
}

void channel_retire(fbn_dns_stub *stub, struct channel *channel)
{
        if (channel->slot < CHANNELS)
                channel->server->channels[channel->slot] = NULL;
        channel->slot = CHANNELS;
        channel_drop(stub, channel);
}

/* The oldest that nobody waits on makes room. */
static void evict(fbn_dns_stub *stub)
{
        for (struct list *at = stub->ages.timers.next; at != &stub->ages.timers; at = at->next) {
                struct channel *channel = CONTAINER_OF(at, struct channel, age.entry);

                if (list_empty(&channel->attempts)) {
                        channel_retire(stub, channel);
                        return;
                }
        }
}

static struct channel *any_channel(const struct server *server)
{
        for (unsigned i = 0; i < CHANNELS; i++)
                if (server->channels[i])
                        return server->channels[i];
        return NULL;
}

struct channel *channel_take(fbn_dns_stub *stub, struct server *server)
{
        struct channel *channel;
        uint8_t slot;

        random_take(stub, &slot, 1);
        slot %= CHANNELS;
        channel = server->channels[slot];
        if (!channel) {
                if (stub->n_channels >= CHANNELS_MAX)
                        evict(stub);
                channel = stub->n_channels < CHANNELS_MAX ? channel_open(stub, server) : NULL;
                if (channel && !stub->strict) {
                        server->channels[slot] = channel;
                        channel->slot = slot;
                }
        }
        if (!channel)
                channel = any_channel(server);
        if (channel && ++channel->uses >= USES && channel->slot < CHANNELS) {
                server->channels[channel->slot] = NULL;
                channel->slot = CHANNELS;
        }
        return channel;
}

static void forget(fbn_dns_stub *stub, struct server *server)
{
        for (unsigned i = 0; i < CHANNELS; i++)
                if (server->channels[i])
                        channel_retire(stub, server->channels[i]);
        if (server->stream)
                stream_retire(stub, server->stream);
        server->round_trip = server->silent_until = 0;
        server->missed = 0;
        server->folds = false;
        server->cookie_length = 0;
}

void servers_forget(fbn_dns_stub *stub)
{
        for (size_t i = 0; i < stub->table.n_servers; i++)
                forget(stub, &stub->table.servers[i]);
}

/* From the kernel by the block: a system call for each would be felt. */
void random_take(fbn_dns_stub *stub, void *bytes, size_t length)
{
        if (stub->n_random < length) {
                randombytes_buf(stub->random, sizeof(stub->random));
                stub->n_random = sizeof(stub->random);
        }
        stub->n_random -= length;
        memcpy(bytes, stub->random + stub->n_random, length);
}
