/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/stub.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#define STREAMS_MAX 128 /* towards all servers together, before those that nobody waits on are closed */
#define MESSAGES 64     /* taken in one round */

static void update_events(fbn_dns_stub *stub, struct stream *stream)
{
        uint32_t events = EPOLLIN | (stream->out_length > 0 ? EPOLLOUT : 0);

        if (events != stream->events)
                source_change(stub, &stream->grave.source, events);
        stream->events = events;
}

/* False if the connection is gone. */
static bool write_out(struct stream *stream)
{
        size_t sent = 0;

        while (sent < stream->out_length) {
                ssize_t r = socket_send(stream->grave.source.fd, stream->out + sent, stream->out_length - sent);

                if (r < 0 && r != -EAGAIN)
                        return false;
                if (r < 0)
                        break;
                stream->connected = true;
                sent += (size_t)r;
        }
        stream->out_length -= sent;
        memmove(stream->out, stream->out + sent, stream->out_length);
        return true;
}

/* The length first, then as much as it says. Returns 1 when the answer is whole, 0 if more must come, -1 if it never will. */
static int read_in(struct stream *stream)
{
        for (;;) {
                size_t length = stream->received < 2 ? 0 : wire_read16(stream->prefix);
                ssize_t received;

                if (stream->received >= 2 && !stream->answer) {
                        stream->answer = length < WIRE_HEADER ? NULL : memory_alloc(length);
                        if (!stream->answer)
                                return -1;
                }
                if (stream->answer && stream->received == 2 + length)
                        return 1;
                if (stream->received < 2)
                        received = socket_receive(stream->grave.source.fd, stream->prefix + stream->received, 2 - stream->received);
                else
                        received = socket_receive(stream->grave.source.fd, stream->answer + (stream->received - 2), 2 + length - stream->received);
                if (received <= 0)
                        return received == -EAGAIN ? 0 : -1;
                stream->received += (size_t)received;
                stream->spoken = true;
        }
}

static void stream_ready(fbn_dns_stub *stub, struct source *source, uint32_t events)
{
        struct stream *stream = (struct stream *)source;
        bool gone = !write_out(stream);
        int r = 0;

        (void)events;
        /* What the server said before it closed the connection counts. */
        for (unsigned i = 0; r == 0 && i < MESSAGES && (r = read_in(stream)) > 0; i++) {
                _cleanup_free_ uint8_t *answer = TAKE_PTR(stream->answer);
                size_t length = stream->received - 2;

                stream->received = 0;
                upstream_message(stub, stream, answer, length);
                if (source->fd < 0)
                        return;
                r = 0;
        }
        if (r < 0 || gone)
                upstream_hung_up(stub, stream);
        else
                update_events(stub, stream);
}

static struct stream *stream_open(fbn_dns_stub *stub, struct server *server)
{
        _cleanup_free_ struct stream *stream = memory_alloc(sizeof(*stream));
        const int on = 1;

        if (!stream)
                return NULL;
        stream->grave.source = (struct source){.fd = socket_connect(&server->address, SOCK_STREAM), .ready = stream_ready};
        if (stream->grave.source.fd < 0)
                return NULL;
        /* A question does not wait until the one before has arrived. */
        setsockopt(stream->grave.source.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        stream->events = EPOLLIN | EPOLLOUT;
        if (source_add(stub, &stream->grave.source, stream->events) < 0) {
                source_close(&stream->grave.source);
                return NULL;
        }
        list_init(&stream->attempts);
        stub->n_streams++;
        return TAKE_PTR(stream);
}

static void close_if_done(fbn_dns_stub *stub, struct stream *stream)
{
        if (stream->server || !list_empty(&stream->attempts) || stream->grave.source.fd < 0)
                return;
        timer_stop(&stream->idle);
        source_close(&stream->grave.source);
        memory_free(stream->answer);
        memory_free(stream->out);
        stream->answer = stream->out = NULL;
        stub->n_streams--;
        grave_add(stub, &stream->grave);
}

void stream_retire(fbn_dns_stub *stub, struct stream *stream)
{
        if (stream->server)
                stream->server->stream = NULL;
        stream->server = NULL;
        close_if_done(stub, stream);
}

struct stream *stream_take(fbn_dns_stub *stub, struct server *server, bool alone)
{
        struct stream *stream = alone ? NULL : server->stream;

        if (stream) {
                timer_stop(&stream->idle);
                return stream;
        }
        if (stub->n_streams >= STREAMS_MAX && !list_empty(&stub->streams.timers))
                stream_retire(stub, CONTAINER_OF(stub->streams.timers.next, struct stream, idle.entry));
        stream = stream_open(stub, server);
        if (stream && !alone) {
                stream->server = server;
                server->stream = stream;
        }
        return stream;
}

bool stream_send(fbn_dns_stub *stub, struct stream *stream, const uint8_t *bytes, size_t length)
{
        uint8_t *grown = memory_realloc(stream->out, stream->out_length + length);

        if (!grown)
                return false;
        stream->out = grown;
        memcpy(stream->out + stream->out_length, bytes, length);
        stream->out_length += length;
        /* That the connection is gone is told where it is waited for. */
        if (stream->connected)
                write_out(stream);
        update_events(stub, stream);
        return true;
}

void stream_leave(fbn_dns_stub *stub, struct stream *stream)
{
        if (stream->server && list_empty(&stream->attempts))
                timer_start(&stub->streams, &stream->idle, stub->now);
        close_if_done(stub, stream);
}
