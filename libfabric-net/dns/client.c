/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/stub.h"

#include <errno.h>
#include <sys/epoll.h>

#define CLIENTS 128                 /* connections at once */
#define CLIENT_PENDING 64           /* questions of one connection on their way: then it is not read from */
#define CLIENT_BACKLOG ((size_t)65536) /* bytes that it has not taken: the same */

static bool wants_more(const struct client *client)
{
        return client->pending < CLIENT_PENDING && client->out_length - client->out_sent < CLIENT_BACKLOG;
}

static void update_events(fbn_dns_stub *stub, struct client *client)
{
        bool room = client->in_length < sizeof(client->in);
        uint32_t events = (!client->ended && room && wants_more(client) ? EPOLLIN : 0) | (client->out_length ? EPOLLOUT : 0);

        if (events != client->events)
                source_change(stub, &client->grave.source, events);
        client->events = events;
}

/* False if the connection is gone. */
static bool write_out(fbn_dns_stub *stub, struct client *client)
{
        while (client->out_sent < client->out_length) {
                ssize_t sent = socket_send(client->grave.source.fd, client->out + client->out_sent, client->out_length - client->out_sent);

                if (sent == -EAGAIN)
                        return true;
                if (sent < 0)
                        return false;
                client->out_sent += (size_t)sent;
                timer_start(&stub->idle, &client->idle, stub->now);
        }
        client->out_sent = client->out_length = 0;
        return true;
}

/* Take the whole queries out of what was read, several in one segment too (RFC 7766 6.2.1.1). False if there cannot be one. */
static bool take_queries(fbn_dns_stub *stub, struct client *client)
{
        struct query origin = {.listener = client->listener, .client = client};
        size_t taken = 0;

        while (client->in_length - taken >= 2 && wants_more(client)) {
                size_t length = wire_read16(client->in + taken);

                if (length < WIRE_HEADER || length > CLIENT_QUERY)
                        return false;
                if (client->in_length - taken - 2 < length)
                        break;
                if (query_read(stub, &origin, client->in + taken + 2, length))
                        query_resolve(stub, &origin);
                taken += 2 + length;
                timer_start(&stub->idle, &client->idle, stub->now);
        }
        client->in_length -= taken;
        memmove(client->in, client->in + taken, client->in_length);
        return true;
}

static bool read_in(struct client *client)
{
        ssize_t received;

        if (client->ended || client->in_length == sizeof(client->in) || !wants_more(client))
                return true;
        received = socket_receive(client->grave.source.fd, client->in + client->in_length, sizeof(client->in) - client->in_length);
        if (received == -EAGAIN)
                return true;
        if (received < 0)
                return false;
        client->ended = received == 0;
        client->in_length += (size_t)received;
        return true;
}

/* All that was asked is answered and the client sends no more. */
static bool finished(const struct client *client)
{
        return client->ended && client->pending == 0 && client->out_length == 0;
}

static void client_ready(fbn_dns_stub *stub, struct source *source, uint32_t events)
{
        struct client *client = (struct client *)source;

        /* Queries left over from an earlier reading come first: answers may have made room for them. */
        if ((events & (EPOLLERR | EPOLLHUP)) || !write_out(stub, client) || !take_queries(stub, client) || !read_in(client) ||
            !take_queries(stub, client) || finished(client))
                client_close(stub, client);
        else
                update_events(stub, client);
}

void client_new(fbn_dns_stub *stub, struct listener *listener, int fd, const union socket_address *peer)
{
        struct client *client = stub->n_clients < CLIENTS || client_evict(stub) ? memory_alloc(sizeof(*client)) : NULL;
        struct source mine = {.fd = fd, .ready = client_ready};

        if (!client) {
                source_close(&mine);
                return;
        }
        client->grave.source = mine;
        client->listener = listener;
        client->peer = *peer;
        client->events = EPOLLIN;
        list_init(&client->queries);
        stub->n_clients++;
        timer_start(&stub->idle, &client->idle, stub->now);
        if (source_add(stub, &client->grave.source, client->events) < 0)
                client_close(stub, client);
}

bool client_evict(fbn_dns_stub *stub)
{
        for (struct list *at = stub->idle.timers.next; at != &stub->idle.timers; at = at->next) {
                struct client *client = CONTAINER_OF(at, struct client, idle.entry);

                if (client->pending == 0 && client->out_length == 0) {
                        client_close(stub, client);
                        return true;
                }
        }
        return false;
}

/* What was sent makes room first: a client that always leaves something to be sent would make it grow for ever. */
static bool out_reserve(struct client *client, size_t more)
{
        size_t capacity = MAX(client->out_capacity, (size_t)2048);
        uint8_t *grown;

        if (client->out_sent > 0 && client->out_capacity < client->out_length + more) {
                client->out_length -= client->out_sent;
                memmove(client->out, client->out + client->out_sent, client->out_length);
                client->out_sent = 0;
        }
        while (capacity < client->out_length + more)
                capacity *= 2;
        if (capacity == client->out_capacity)
                return true;
        grown = memory_realloc(client->out, capacity);
        if (!grown)
                return false;
        client->out = grown;
        client->out_capacity = capacity;
        return true;
}

/* Only queues: whoever calls is in the middle of something else, and a connection that turns out to be gone would take its queries
 * with it. */
void client_send(fbn_dns_stub *stub, struct client *client, const uint8_t *bytes, size_t length)
{
        if (!out_reserve(client, 2 + length))
                return;
        wire_write16(client->out + client->out_length, (uint16_t)length);
        memcpy(client->out + client->out_length + 2, bytes, length);
        client->out_length += 2 + length;
        update_events(stub, client);
}

void client_idle(fbn_dns_stub *stub, struct client *client)
{
        /* Its questions are answered in bounded time. A client that takes no answers is idle too. */
        if (client->pending > 0 && client->out_length == 0)
                timer_start(&stub->idle, &client->idle, stub->now);
        else
                client_close(stub, client);
}

void client_close(fbn_dns_stub *stub, struct client *client)
{
        while (!list_empty(&client->queries))
                query_cancel(stub, CONTAINER_OF(client->queries.next, struct query, in_client));
        timer_stop(&client->idle);
        source_close(&client->grave.source);
        memory_free(client->out);
        client->out = NULL;
        stub->n_clients--;
        grave_add(stub, &client->grave);
}
