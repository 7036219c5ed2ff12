/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define IDLE_MS 10000
#define BACKOFF_FIRST 1000
#define BACKOFF_MAX 300000

bool engine_has_cdn(const fbn_ban_engine *engine)
{
        return engine->options.cdn_zone || engine->options.cdn_list;
}

/* What is open here is none of the child's business, but for its socket and the context's namespace. */
static void close_others(int a, int b)
{
        int low = MIN(a, b), high = MAX(a, b);

        if (low > 3)
                close_range(3, (unsigned)low - 1, 0);
        if (high - low > 1)
                close_range((unsigned)MAX(low, 2) + 1, (unsigned)high - 1, 0);
        close_range((unsigned)MAX(high, 2) + 1, ~0u, 0);
}

static _Noreturn void become_child(fbn_context *c, const fbn_ban_engine *engine, int socket, pid_t parent)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(0);
        signal(SIGINT, SIG_IGN); /* a terminal's is for the engine, which ends us */
        signal(SIGTERM, SIG_DFL);
        signal(SIGHUP, SIG_DFL);
        close_others(socket, c->netns);
        worker_run(c, &engine->options, socket);
}

static int start_child(fbn_context *c, fbn_ban_engine *engine)
{
        int pair[2];
        pid_t parent = getpid(), child;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return fail_errno(c, errno, "cannot make a socket for the CDN's child");
        child = fork();
        if (child == 0) {
                close(pair[0]);
                become_child(c, engine, pair[1], parent);
        }
        close(pair[1]);
        if (child < 0) {
                close(pair[0]);
                return fail_errno(c, errno, "cannot start the CDN's child");
        }
        fcntl(pair[0], F_SETFL, O_NONBLOCK);
        engine->queue.child = child;
        engine->queue.source = (struct source){.kind = SOURCE_CHILD, .fd = pair[0]};
        return engine_poll(c, engine, &engine->queue.source, EPOLLIN, false);
}

void queue_close(fbn_ban_engine *engine)
{
        struct queue *queue = &engine->queue;

        engine_close(engine, &queue->source);
        if (queue->child > 0) {
                kill(queue->child, SIGKILL);
                waitpid(queue->child, NULL, 0);
        }
        queue->child = 0;
}

/* Where the queue stands with a ban that the child is no longer at. */
static void settle(fbn_ban_engine *engine, struct ban *ban)
{
        bool gone = ban->flags & BAN_GONE;

        ban->flags &= (uint8_t)~BAN_SENT;
        if (gone)
                ban_table_set_cdn(&engine->table, ban, FBN_BAN_CDN_LIFTING);
        else if (ban->cdn == FBN_BAN_CDN_LIFTING)
                ban_table_set_cdn(&engine->table, ban, ban->id == SLOT_NONE ? FBN_BAN_CDN_WAITING : FBN_BAN_CDN_BLOCKED);
}

static void later(fbn_ban_engine *engine, int64_t asked_ms, const char *words)
{
        struct queue *queue = &engine->queue;

        for (size_t i = 0; i < queue->n_sent; i++)
                settle(engine, ban_table_at(&engine->table, queue->sent[i]));
        queue->n_sent = 0;
        queue->compare |= queue->comparing;
        queue->comparing = false;
        queue->backoff = queue->backoff ? MIN(queue->backoff * 2, BACKOFF_MAX) : BACKOFF_FIRST;
        engine->due[DUE_QUEUE] = clock_ms() + MAX(queue->backoff, asked_ms);
        engine_trouble_words(engine, TROUBLE_CDN, words);
}

static uint32_t waiting(const fbn_ban_engine *engine)
{
        return engine->table.of_cdn[FBN_BAN_CDN_WAITING] + engine->table.of_cdn[FBN_BAN_CDN_LIFTING];
}

/* The next of these that the CDN has something to do for; from the cursor on, each once. */
static uint32_t next_waiting(fbn_ban_engine *engine, fbn_ban_cdn kind, uint32_t *steps)
{
        const struct ban_table *table = &engine->table;
        uint32_t *cursor = &engine->queue.cursor;

        for (; *steps < table->end; ++*steps) {
                uint32_t slot = *cursor < table->end ? *cursor : 0;
                const struct ban *ban = ban_table_at(table, slot);

                *cursor = slot + 1;
                if (ban->flags & BAN_USED && !(ban->flags & BAN_SENT) &&
                    (kind ? ban->cdn == kind : ban->cdn == FBN_BAN_CDN_WAITING || ban->cdn == FBN_BAN_CDN_LIFTING)) {
                        ++*steps;
                        return slot;
                }
        }
        return SLOT_NONE;
}

static void item_of(const struct ban_table *table, uint32_t slot, struct cdn_item *item)
{
        const struct ban *ban = ban_table_at(table, slot);
        const uint8_t *id = ban_table_id(table, ban);
        fbn_prefix prefix;

        *item = (struct cdn_item){.slot = slot, .length = ban->length, .ipv6 = ban->flags & BAN_IPV6, .has_id = id};
        prefix = ban_prefix(table, ban);
        memcpy(item->address, prefix.address.bytes, sizeof(item->address));
        if (id)
                memcpy(item->id, id, sizeof(item->id));
        snprintf(item->reason, sizeof(item->reason), "%s", ban_table_reason_text(table, ban->reason));
}

/* One ban, or with a list as many of its kind as go into a message. */
static void fill(fbn_ban_engine *engine, struct cdn_message *message)
{
        struct queue *queue = &engine->queue;
        uint32_t slot, steps = 0, most = engine->options.cdn_list ? CDN_TOGETHER : 1;
        fbn_ban_cdn kind = 0;

        while (message->count < most && (slot = next_waiting(engine, kind, &steps)) != SLOT_NONE) {
                struct ban *ban = ban_table_at(&engine->table, slot);

                kind = ban->cdn;
                ban->flags |= BAN_SENT;
                queue->sent[queue->n_sent++] = slot;
                item_of(&engine->table, slot, &message->items[message->count++]);
        }
        message->verb = kind == FBN_BAN_CDN_LIFTING ? CDN_LIFT : CDN_BLOCK;
}

void queue_run(fbn_context *c, fbn_ban_engine *engine)
{
        struct queue *queue = &engine->queue;
        struct cdn_message message = {0};

        if (!engine_has_cdn(engine) || queue->n_sent > 0 || queue->comparing || (!queue->compare && !waiting(engine)))
                return;
        if (queue->source.fd < 0 && start_child(c, engine) < 0) {
                later(engine, 0, fbn_context_error(c));
                return;
        }
        if (queue->compare) {
                message.verb = CDN_COMPARE;
                queue->comparing = true;
                queue->compare = false;
                for (uint32_t i = ban_table_next(&engine->table, 0); i != SLOT_NONE; i = ban_table_next(&engine->table, i + 1))
                        ban_table_at(&engine->table, i)->flags &= (uint8_t)~BAN_THERE;
        } else {
                fill(engine, &message);
        }
        engine->due[DUE_IDLE] = NEVER_DUE;
        if (send(queue->source.fd, &message, cdn_message_length(&message), MSG_NOSIGNAL) < 0) {
                queue_close(engine);
                later(engine, 0, "the CDN's child ended");
        }
}

static void on_blocked(fbn_context *c, fbn_ban_engine *engine, struct ban *ban, const struct cdn_item *item)
{
        if (item->outcome == CDN_REFUSED) {
                ban_table_set_cdn(&engine->table, ban, FBN_BAN_CDN_REFUSED);
                return;
        }
        ban_table_set_cdn(&engine->table, ban, FBN_BAN_CDN_BLOCKED);
        if (item->has_id) /* without memory for it it is looked for when it is needed */
                ban_table_set_id(c, &engine->table, ban, item->id);
}

static void on_item(fbn_context *c, fbn_ban_engine *engine, const struct cdn_message *message, const struct cdn_item *item)
{
        struct ban *ban = ban_table_at(&engine->table, item->slot);

        if (item->outcome == CDN_LATER) {
                settle(engine, ban);
                return;
        }
        if (message->verb == CDN_BLOCK) {
                on_blocked(c, engine, ban, item);
                if (ban->flags & BAN_GONE && item->outcome == CDN_REFUSED) { /* lifted meanwhile, and never there */
                        ban->flags &= (uint8_t)~BAN_SENT;
                        store_forget(&engine->store, &engine->table, ban);
                        ban_table_remove(&engine->table, item->slot);
                        return;
                }
                settle(engine, ban);
        } else {
                ban_table_drop_id(&engine->table, ban);
                ban->flags &= (uint8_t)~BAN_SENT;
                if (ban->flags & BAN_GONE) {
                        store_forget(&engine->store, &engine->table, ban);
                        ban_table_remove(&engine->table, item->slot);
                        return;
                }
                ban_table_set_cdn(&engine->table, ban, FBN_BAN_CDN_WAITING); /* banned again meanwhile */
        }
        store_put(&engine->store, &engine->table, ban);
}

static void on_answers(fbn_context *c, fbn_ban_engine *engine, const struct cdn_message *message)
{
        engine->queue.n_sent = 0;
        for (uint32_t i = 0; i < message->count; i++)
                on_item(c, engine, message, &message->items[i]);
}

/* One of the CDN's rules that has our note. */
static void on_rule(fbn_context *c, fbn_ban_engine *engine, const struct cdn_item *item)
{
        fbn_prefix prefix = {.address.family = item->ipv6 ? AF_INET6 : AF_INET, .length = item->length};
        uint32_t slot;
        struct ban *ban;

        memcpy(prefix.address.bytes, item->address, item->ipv6 ? 16 : 4);
        if (fbn_prefix_network(&prefix, &prefix) < 0)
                return;
        slot = ban_table_find(&engine->table, &prefix);
        if (slot == SLOT_NONE) { /* nobody's: to be lifted */
                if (ban_table_add(c, &engine->table, &prefix, &slot) < 0)
                        return;
                ban_table_set_gone(&engine->table, ban_table_at(&engine->table, slot), true);
                ban_table_set_cdn(&engine->table, ban_table_at(&engine->table, slot), FBN_BAN_CDN_LIFTING);
        }
        ban = ban_table_at(&engine->table, slot);
        ban->flags |= BAN_THERE;
        if (item->has_id)
                ban_table_set_id(c, &engine->table, ban, item->id);
        if (ban->cdn == FBN_BAN_CDN_WAITING || ban->cdn == FBN_BAN_CDN_REFUSED || ban->cdn == FBN_BAN_CDN_NONE)
                ban_table_set_cdn(&engine->table, ban, ban->flags & BAN_GONE ? FBN_BAN_CDN_LIFTING : FBN_BAN_CDN_BLOCKED);
        store_put(&engine->store, &engine->table, ban);
}

/* All rules were told: what was thought to be there and is not has to be made, or is lifted already. */
static void compared(fbn_ban_engine *engine)
{
        struct ban_table *table = &engine->table;

        engine->queue.comparing = false;
        for (uint32_t i = ban_table_next(table, 0); i != SLOT_NONE; i = ban_table_next(table, i + 1)) {
                struct ban *ban = ban_table_at(table, i);
                bool there = ban->flags & BAN_THERE;

                ban->flags &= (uint8_t)~BAN_THERE;
                if (there || (ban->cdn != FBN_BAN_CDN_BLOCKED && ban->cdn != FBN_BAN_CDN_LIFTING))
                        continue;
                ban_table_drop_id(table, ban);
                if (ban->flags & BAN_GONE) {
                        store_forget(&engine->store, &engine->table, ban);
                        ban_table_remove(table, i);
                } else {
                        ban_table_set_cdn(table, ban, FBN_BAN_CDN_WAITING);
                        store_put(&engine->store, table, ban);
                }
        }
}

static void on_message(fbn_context *c, fbn_ban_engine *engine, const struct cdn_message *message)
{
        if (message->outcome == CDN_LATER) {
                later(engine, message->retry_ms, message->words);
                return;
        }
        if (message->verb == CDN_COMPARE) {
                for (uint32_t i = 0; i < message->count; i++)
                        on_rule(c, engine, &message->items[i]);
                if (!message->more)
                        compared(engine);
        } else {
                on_answers(c, engine, message);
        }
        engine->queue.backoff = 0;
        engine_trouble_words(engine, TROUBLE_CDN, message->words);
        if (engine->store.unsynced)
                engine_due(engine, DUE_STORE, 1000);
        if (engine->queue.comparing)
                return;
        if (waiting(engine) || engine->queue.compare)
                engine_due(engine, DUE_QUEUE, 0);
        else
                engine_due(engine, DUE_IDLE, IDLE_MS);
}

void queue_event(fbn_context *c, fbn_ban_engine *engine)
{
        struct cdn_message message;
        ssize_t n = recv(engine->queue.source.fd, &message, sizeof(message), MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n < (ssize_t)offsetof(struct cdn_message, items) || message.count > CDN_TOGETHER || (size_t)n != cdn_message_length(&message)) {
                bool idle = engine->queue.n_sent == 0 && !engine->queue.comparing;

                queue_close(engine);
                if (!idle)
                        later(engine, 0, "the CDN's child ended");
                return;
        }
        on_message(c, engine, &message);
}

void queue_idle(fbn_ban_engine *engine)
{
        if (engine->queue.n_sent == 0 && !engine->queue.comparing)
                queue_close(engine);
}
