/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS_MAX 64
#define IDLE_MS 30000
#define ANSWER_ROOM 1024 /* what a line of ours may take */

static int make_folder(fbn_context *c, const char *path)
{
        char folder[PATH_MAX];
        const char *slash = strrchr(path, '/');

        if (!slash || slash == path)
                return 0;
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
        return mkdir(folder, 0755) < 0 && errno != EEXIST ? fail_errno(c, errno, "%s", folder) : 0;
}

/* Left behind by one that died, or somebody's who lives? */
static int clear(fbn_context *c, const struct sockaddr_un *address)
{
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct stat status;

        if (lstat(address->sun_path, &status) < 0)
                return errno == ENOENT ? 0 : fail_errno(c, errno, "%s", address->sun_path);
        if (!S_ISSOCK(status.st_mode))
                return fail(c, FBN_EEXIST, "%s is there and is no socket", address->sun_path);
        if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
                return fail(c, FBN_EEXIST, "%s: an engine listens there already", address->sun_path);
        sys()->unlink(address->sun_path);
        return 0;
}

int server_open(fbn_context *c, fbn_ban_engine *engine)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        mode_t mask;
        int r;

        if (strlen(engine->options.socket) >= sizeof(address.sun_path))
                return fail(c, FBN_EINVAL, "%.64s…: too long for the path of a socket", engine->options.socket);
        strcpy(address.sun_path, engine->options.socket);
        r = make_folder(c, address.sun_path);
        if (r == 0)
                r = clear(c, &address);
        if (r < 0)
                return r;
        engine->listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        mask = umask(0177);
        r = engine->listener.fd < 0 || bind(engine->listener.fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
        umask(mask);
        if (r == 0 && listen(engine->listener.fd, SOMAXCONN) < 0)
                r = -errno;
        if (r < 0)
                return fail_errno(c, -r, "%s", address.sun_path);
        return engine_poll(c, engine, &engine->listener, EPOLLIN, false);
}

static void client_close(fbn_ban_engine *engine, struct client *client)
{
        struct client **link = &engine->clients;

        while (*link != client)
                link = &(*link)->next;
        *link = client->next;
        for (size_t i = 0; i < engine->n_batch; i++)
                if (engine->batch[i].client == client)
                        engine->batch[i].client = NULL;
        engine_close(engine, &client->source);
        memory_free(client);
        engine->n_clients--;
}

void server_close(fbn_ban_engine *engine)
{
        while (engine->clients)
                client_close(engine, engine->clients);
        if (engine->listener.fd >= 0) {
                close(engine->listener.fd);
                sys()->unlink(engine->options.socket);
        }
        engine->listener.fd = -1;
}

/* When there are too many the next ones wait in the backlog. */
static void listen_again(fbn_context *c, fbn_ban_engine *engine)
{
        engine_poll(c, engine, &engine->listener, engine->n_clients < CLIENTS_MAX ? EPOLLIN : 0, true);
}

void server_accept(fbn_context *c, fbn_ban_engine *engine)
{
        while (engine->n_clients < CLIENTS_MAX) {
                int fd = accept4(engine->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                struct client *client = fd < 0 ? NULL : memory_alloc(sizeof(*client));

                if (fd < 0)
                        break;
                if (!client) {
                        close(fd);
                        break;
                }
                client->source = (struct source){.kind = SOURCE_CLIENT, .fd = fd};
                client->listing = SLOT_NONE;
                client->last = clock_ms();
                client->next = engine->clients;
                engine->clients = client;
                engine->n_clients++;
                if (engine_poll(c, engine, &client->source, EPOLLIN, false) < 0)
                        client_close(engine, client);
        }
        listen_again(c, engine);
}

static size_t room(const struct client *client)
{
        return sizeof(client->out) - client->out_length;
}

static void flush_out(struct client *client)
{
        while (client->out_sent < client->out_length) {
                ssize_t n = send(client->source.fd, client->out + client->out_sent, client->out_length - client->out_sent, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno != EAGAIN) {
                        client->finishing = true;
                        client->listing = SLOT_NONE;
                        client->out_sent = client->out_length;
                }
                if (n < 0)
                        break;
                client->out_sent += (size_t)n;
        }
        if (client->out_sent == client->out_length)
                client->out_sent = client->out_length = 0;
}

void server_answer(struct client *client, int r, const char *words)
{
        int length;

        if (room(client) < ANSWER_ROOM)
                flush_out(client);
        if (room(client) < ANSWER_ROOM) { /* asks and does not listen */
                client->finishing = true;
                return;
        }
        if (r < 0)
                length = snprintf(client->out + client->out_length, room(client), "error %d %.500s\n", -r, *words ? words : fbn_strerror(r));
        else
                length = snprintf(client->out + client->out_length, room(client), "ok %d\n", r);
        client->out_length += (size_t)length;
}

static uint64_t resident_kib(void)
{
        char text[64] = "";
        int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
        unsigned long long size, resident = 0;

        if (fd < 0)
                return 0;
        if (read(fd, text, sizeof(text) - 1) > 0)
                sscanf(text, "%llu %llu", &size, &resident);
        close(fd);
        return resident * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

static void say_state(const fbn_ban_engine *engine, struct client *client)
{
        const struct ban_table *table = &engine->table;
        const char *trouble = fbn_ban_engine_trouble(engine);

        client->out_length += (size_t)snprintf(client->out + client->out_length, room(client), "state %u %u %u %u %" PRIu64 " %d %.600s\n",
                                               table->count - table->gone, table->of_cdn[FBN_BAN_CDN_WAITING], table->gone,
                                               table->of_cdn[FBN_BAN_CDN_REFUSED], resident_kib(), !engine->store.broken, *trouble ? trouble : "-");
}

/* As much of the list as there is room for; the rest when that has been read. */
static void say_more(const fbn_ban_engine *engine, struct client *client)
{
        uint32_t now = clock_now().boot;

        while (client->listing != SLOT_NONE && room(client) > ANSWER_ROOM) {
                uint32_t slot = ban_table_next(&engine->table, client->listing);

                if (slot == SLOT_NONE) {
                        client->listing = SLOT_NONE;
                        say_state(engine, client);
                        server_answer(client, (int)client->listed, "");
                        break;
                }
                client->listing = slot + 1;
                client->listed++;
                client->out_length += (size_t)answer_ban_format(&engine->table, ban_table_at(&engine->table, slot), now, client->out + client->out_length,
                                                                room(client));
        }
}

static int reconcile(fbn_context *c, fbn_ban_engine *engine)
{
        int r = never_load(c, engine), differences;

        if (r < 0)
                return r;
        differences = reconcile_host(c, engine);
        if (differences < 0)
                return differences;
        for (uint32_t i = ban_table_next(&engine->table, 0); i != SLOT_NONE; i = ban_table_next(&engine->table, i + 1)) {
                struct ban *ban = ban_table_at(&engine->table, i);

                if (ban->cdn == FBN_BAN_CDN_REFUSED && !(ban->flags & BAN_GONE))
                        ban_table_set_cdn(&engine->table, ban, FBN_BAN_CDN_WAITING);
        }
        engine->queue.compare = engine_has_cdn(engine);
        engine_due(engine, DUE_QUEUE, 0);
        engine_due(engine, DUE_MAP, 0);
        return differences;
}

/* BANS_BATCHED: the answer comes with the batch, or at the end of a list. */
static int act(fbn_context *c, fbn_ban_engine *engine, struct client *client, const struct request *request)
{
        switch (request->verb) {
        case VERB_ADD:
                return bans_add(c, engine, client, request);
        case VERB_DELETE:
                return bans_delete(c, engine, client, &request->prefix);
        case VERB_FLUSH:
                return bans_flush(c, engine);
        case VERB_RECONCILE:
                return reconcile(c, engine);
        case VERB_LIST:
                client->listing = client->listed = 0;
                say_more(engine, client);
                return BANS_BATCHED;
        case VERB_STATUS:
                say_state(engine, client);
                break;
        }
        return 0;
}

/* Answers come in the order of the questions: before one that is known at once the batch goes out. */
static void take_line(fbn_context *c, fbn_ban_engine *engine, struct client *client, char *line)
{
        struct request request;
        const char *wrong = request_parse(line, &request);
        char words[512] = "";
        int result;

        if (wrong || request.verb > VERB_DELETE)
                bans_commit(c, engine);
        result = wrong ? -FBN_EINVAL : act(c, engine, client, &request);
        if (result == BANS_BATCHED)
                return;
        if (result < 0)
                snprintf(words, sizeof(words), "%s", wrong ? wrong : fbn_context_error(c));
        bans_commit(c, engine);
        server_answer(client, result, words);
}

/* Whole lines, as long as their answers have room. */
static void take_lines(fbn_context *c, fbn_ban_engine *engine, struct client *client)
{
        char *start = client->in, *end;

        while (!client->finishing && client->listing == SLOT_NONE && room(client) > ANSWER_ROOM + 8 * client->batched &&
               (end = memchr(start, '\n', client->length - (size_t)(start - client->in)))) {
                *end = 0;
                if (end - start >= LINE_MAX_BYTES || memchr(start, 0, (size_t)(end - start))) {
                        bans_commit(c, engine);
                        server_answer(client, -FBN_EINVAL, "the line is too long or no text");
                        client->finishing = true;
                } else {
                        take_line(c, engine, client, start);
                }
                start = end + 1;
        }
        client->length -= (size_t)(start - client->in);
        memmove(client->in, start, client->length);
        if (client->length >= LINE_MAX_BYTES && !memchr(client->in, '\n', client->length)) {
                bans_commit(c, engine);
                server_answer(client, -FBN_EINVAL, "the line is too long");
                client->finishing = true;
        }
}

static void read_in(struct client *client)
{
        ssize_t n = recv(client->source.fd, client->in + client->length, sizeof(client->in) - client->length, 0);

        if (n > 0) {
                client->length += (size_t)n;
                client->last = clock_ms();
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
                client->ended = true;
        }
}

void server_event(fbn_context *c, fbn_ban_engine *engine, struct client *client, uint32_t events)
{
        if (events & EPOLLOUT)
                flush_out(client);
        if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && client->length < sizeof(client->in)) /* who left may have asked before */
                read_in(client);
        take_lines(c, engine, client);
}

static void serve_on(fbn_context *c, fbn_ban_engine *engine, struct client *client)
{
        flush_out(client);
        for (;;) {
                if (client->out_length == 0 && client->listing != SLOT_NONE)
                        say_more(engine, client);
                else if (client->out_length == 0 && memchr(client->in, '\n', client->length) && !client->finishing)
                        take_lines(c, engine, client);
                else
                        break;
                bans_commit(c, engine);
                flush_out(client);
        }
        engine_poll(c, engine, &client->source, (client->out_length ? EPOLLOUT : 0u) | (client->length < sizeof(client->in) && !client->ended ? EPOLLIN : 0u), true);
}

void server_sweep(fbn_context *c, fbn_ban_engine *engine)
{
        int64_t now = clock_ms();
        unsigned before = engine->n_clients;

        for (struct client *client = engine->clients, *next; client; client = next) {
                next = client->next;
                serve_on(c, engine, client);
                if (((client->finishing || client->ended) && client->out_length == 0 && client->listing == SLOT_NONE) || now - client->last > IDLE_MS)
                        client_close(engine, client);
        }
        if (engine->n_clients != before)
                listen_again(c, engine);
}
