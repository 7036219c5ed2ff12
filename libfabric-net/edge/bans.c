/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/engine.h"

#include <stdio.h>
#include <sys/socket.h>

#define DURATION_DEFAULT 3600
#define MAP_DELAY 1000 /* milliseconds: a burst of bans is one reload of nginx */
#define EXPIRY_PAUSE 1000
#define EXPIRY_LAZY 5000 /* the kernel has ended them already: only the CDN and the list wait for us */

static uint32_t until_of(const fbn_ban_engine *engine, const struct request *request, uint32_t now)
{
        uint32_t fallback = (uint32_t)((engine->options.duration_ms + 999) / 1000);

        if (request->for_good)
                return 0;
        return now + (request->seconds ? request->seconds : fallback ? fallback : DURATION_DEFAULT);
}

/* Whether a ban until a lasts no shorter than one until b. */
static bool outlasts(uint32_t a, uint32_t b)
{
        return a == 0 || (b != 0 && a >= b);
}

/* What the CDN has to do for a ban that is in force now. What it is at just now is settled by its answer. */
static void enqueue(fbn_ban_engine *engine, struct ban *ban)
{
        if (!engine_has_cdn(engine) || ban->flags & BAN_SENT || ban->cdn == FBN_BAN_CDN_BLOCKED || ban->cdn == FBN_BAN_CDN_REFUSED)
                return;
        if (ban->cdn == FBN_BAN_CDN_LIFTING && ban->id != SLOT_NONE)
                ban_table_set_cdn(&engine->table, ban, FBN_BAN_CDN_BLOCKED);
        else
                ban_table_set_cdn(&engine->table, ban, FBN_BAN_CDN_WAITING);
        engine_due(engine, DUE_QUEUE, 0);
}

void bans_begin(fbn_ban_engine *engine, struct ban *ban)
{
        enqueue(engine, ban);
        engine_due(engine, DUE_MAP, MAP_DELAY);
        if (!ban->until)
                return;
        if (!engine->soonest || ban->until < engine->soonest)
                engine->soonest = ban->until;
        engine_due(engine, DUE_EXPIRY, MAX(1000 * ((int64_t)engine->soonest - clock_now().boot), EXPIRY_PAUSE));
}

void bans_over(fbn_ban_engine *engine, uint32_t slot)
{
        struct ban *ban = ban_table_at(&engine->table, slot);
        bool there = ban->cdn == FBN_BAN_CDN_BLOCKED || ban->cdn == FBN_BAN_CDN_LIFTING || ban->flags & BAN_SENT;

        engine_due(engine, DUE_MAP, MAP_DELAY);
        ban_table_set_covered(&engine->table, ban, false);
        if (!there) {
                store_forget(&engine->store, &engine->table, ban);
                ban_table_remove(&engine->table, slot);
                return;
        }
        ban_table_set_gone(&engine->table, ban, true);
        if (!(ban->flags & BAN_SENT))
                ban_table_set_cdn(&engine->table, ban, FBN_BAN_CDN_LIFTING);
        store_put(&engine->store, &engine->table, ban);
        engine_due(engine, DUE_QUEUE, 0);
}

int bans_sync(fbn_context *c, fbn_ban_engine *engine)
{
        int r;

        if (engine->store.broken || store_is_stale(&engine->store, &engine->table, true))
                r = store_rewrite(c, &engine->store, &engine->table);
        else
                r = store_sync(c, &engine->store, true);
        if (r < 0)
                engine_due(engine, DUE_STORE, 1000);
        return engine_trouble(c, engine, TROUBLE_DISK, r);
}

/* Undo what an add had noted in the table before the host refused it. */
static void restore(fbn_ban_engine *engine, const struct batched *item)
{
        struct ban *ban = ban_table_at(&engine->table, item->slot);

        if (item->kind == BATCH_ADD) {
                ban_table_remove(&engine->table, item->slot);
                return;
        }
        ban->until = item->before.until;
        ban->since = item->before.since;
        ban->reason = item->before.reason;
        ban_table_set_gone(&engine->table, ban, item->before.flags & BAN_GONE);
}

static int to_host(fbn_context *c, fbn_ban_engine *engine, bool deletes, const uint32_t *slots, size_t count)
{
        int r = 0;

        for (int try = 0; try < 2; try++) {
                r = deletes ? host_delete(c, &engine->host, &engine->table, slots, count) : host_add(c, &engine->host, &engine->table, slots, count);
                if (r != -FBN_ENOENT || reconcile_host(c, engine) < 0) /* somebody took our sets away */
                        break;
        }
        return r;
}

/* All of one kind in one transaction; if that is refused, each by itself, so that one bad one is its asker's alone. */
static void commit_kind(fbn_context *c, fbn_ban_engine *engine, bool deletes)
{
        uint32_t slots[BATCH_MAX];
        size_t count = 0;
        int r;

        for (size_t i = 0; i < engine->n_batch; i++)
                if ((engine->batch[i].kind == BATCH_DELETE) == deletes)
                        slots[count++] = engine->batch[i].slot;
        if (count == 0)
                return;
        r = to_host(c, engine, deletes, slots, count);
        for (size_t i = 0; i < engine->n_batch; i++) {
                struct batched *item = &engine->batch[i];

                if ((item->kind == BATCH_DELETE) != deletes)
                        continue;
                item->result = r < 0 && count > 1 ? to_host(c, engine, deletes, &item->slot, 1) : r;
        }
        engine_trouble(c, engine, TROUBLE_HOST, r);
}

static void note(fbn_ban_engine *engine, struct batched *item)
{
        struct ban *ban = ban_table_at(&engine->table, item->slot);

        ban->flags &= (uint8_t)~BAN_BATCHED;
        if (item->result < 0 && item->kind != BATCH_DELETE) {
                restore(engine, item);
        } else if (item->result >= 0 && item->kind == BATCH_DELETE) {
                bans_over(engine, item->slot);
                item->result = 1;
        } else if (item->result >= 0) {
                bans_begin(engine, ban);
                store_put(&engine->store, &engine->table, ban);
                item->result = 1;
        }
}

void bans_commit(fbn_context *c, fbn_ban_engine *engine)
{
        char words[TROUBLE_TEXT];
        int stored;

        if (engine->n_batch == 0)
                return;
        commit_kind(c, engine, true);
        commit_kind(c, engine, false);
        snprintf(words, sizeof(words), "%s", fbn_context_error(c));
        for (size_t i = 0; i < engine->n_batch; i++)
                note(engine, &engine->batch[i]);
        stored = bans_sync(c, engine);
        if (stored < 0)
                snprintf(words, sizeof(words), "in force, but not stored: %.150s", fbn_context_error(c));
        for (size_t i = 0; i < engine->n_batch; i++) {
                struct batched *item = &engine->batch[i];

                if (item->client)
                        item->client->batched--;
                if (item->client)
                        server_answer(item->client, item->result < 0 ? item->result : stored < 0 ? -FBN_EPARTIAL : item->result, words);
        }
        engine->n_batch = 0;
}

/* The flag says, until the batch is committed, that the ban is in it. */
static void batch(fbn_ban_engine *engine, struct client *client, uint32_t slot, const struct ban *before, enum batch_kind kind)
{
        engine->batch[engine->n_batch++] = (struct batched){.client = client, .slot = slot, .before = *before, .kind = kind};
        ban_table_at(&engine->table, slot)->flags |= BAN_BATCHED;
        client->batched++;
}

static int fail_never(fbn_context *c, const fbn_prefix *prefix, const fbn_prefix *range)
{
        char text[FBN_ADDRESS_TEXT], never[FBN_ADDRESS_TEXT];

        return fail(c, FBN_EDENIED, "%s is never banned: it meets %s", fbn_prefix_format(prefix, text, sizeof(text)),
                    fbn_prefix_format(range, never, sizeof(never)));
}

/* Prefixes that lie in this one and are in the host's set: the set has no overlaps. */
static bool covers_any(const struct ban_table *table, uint32_t slot, bool mark)
{
        fbn_prefix cover = ban_prefix(table, ban_table_at(table, slot));
        bool any = false;

        for (uint32_t i = ban_table_next(table, 0); i != SLOT_NONE; i = ban_table_next(table, i + 1)) {
                struct ban *ban = ban_table_at(table, i);
                fbn_prefix prefix = ban_prefix(table, ban);

                if (i == slot || ban_is_host(ban) || ban->flags & (BAN_COVERED | BAN_GONE) || !fbn_prefix_contains(&cover, &prefix.address) ||
                    prefix.length < cover.length)
                        continue;
                any = true;
                if (!mark)
                        break;
                ban_table_set_covered((struct ban_table *)table, ban, true);
        }
        return any;
}

static int net_to_host(fbn_context *c, fbn_ban_engine *engine, uint32_t slot)
{
        struct ban *ban = ban_table_at(&engine->table, slot);
        fbn_prefix prefix = ban_prefix(&engine->table, ban);
        int r;

        if (ban_table_cover(&engine->table, &prefix) != SLOT_NONE) {
                ban_table_set_covered(&engine->table, ban, true);
                return 0;
        }
        if (!covers_any(&engine->table, slot, false))
                return to_host(c, engine, false, &slot, 1);
        r = host_cover(c, &engine->host, &engine->table, slot);
        if (r >= 0)
                covers_any(&engine->table, slot, true);
        return r;
}

/* One went: those that lay in it come back, the largest first. */
static int uncover(fbn_context *c, fbn_ban_engine *engine, const fbn_prefix *gone)
{
        struct ban_table *table = &engine->table;
        int r = 0;

        for (int length = gone->length + 1; r >= 0 && table->covered > 0 && length <= 128; length++)
                for (uint32_t i = ban_table_next(table, 0); r >= 0 && i != SLOT_NONE; i = ban_table_next(table, i + 1)) {
                        struct ban *ban = ban_table_at(table, i);
                        fbn_prefix prefix = ban_prefix(table, ban);

                        if (!(ban->flags & BAN_COVERED) || ban->length != length || !fbn_prefix_contains(gone, &prefix.address) ||
                            ban_table_cover(table, &prefix) != SLOT_NONE)
                                continue;
                        ban_table_set_covered(table, ban, false);
                        r = host_add(c, &engine->host, table, &i, 1);
                }
        return r < 0 ? r : 0;
}

static int finish_net(fbn_context *c, fbn_ban_engine *engine, int r)
{
        engine_trouble(c, engine, TROUBLE_HOST, r);
        if (r < 0)
                return r;
        r = bans_sync(c, engine);
        return r < 0 ? fail(c, FBN_EPARTIAL, "in force, but not stored: %.150s", engine->trouble[TROUBLE_DISK]) : 1;
}

static int add_net(fbn_context *c, fbn_ban_engine *engine, uint32_t slot, const struct batched *before)
{
        struct ban *ban = ban_table_at(&engine->table, slot);
        int r;

        if (ban->flags & BAN_COVERED)
                r = 0;
        else
                r = net_to_host(c, engine, slot);
        if (r < 0) {
                restore(engine, before);
                return finish_net(c, engine, r);
        }
        bans_begin(engine, ban);
        store_put(&engine->store, &engine->table, ban);
        return finish_net(c, engine, 0);
}

/* A slot with what is to be, and in *ret_item what was. 0: it lasts as long already. */
static int claim(fbn_context *c, fbn_ban_engine *engine, const struct request *request, struct batched *ret_item)
{
        struct clock now = clock_now();
        uint32_t slot = ban_table_find(&engine->table, &request->prefix), until = until_of(engine, request, now.boot);
        bool known = slot != SLOT_NONE;
        struct ban *ban;
        uint16_t reason;
        int r;

        if (known && !(ban_table_at(&engine->table, slot)->flags & BAN_GONE) && outlasts(ban_table_at(&engine->table, slot)->until, until))
                return 0;
        r = ban_table_reason(c, &engine->table, request->reason, &reason);
        if (r == 0 && !known)
                r = ban_table_add(c, &engine->table, &request->prefix, &slot);
        if (r < 0)
                return r;
        ban = ban_table_at(&engine->table, slot);
        *ret_item = (struct batched){.slot = slot, .before = *ban, .kind = known ? BATCH_RENEW : BATCH_ADD};
        if (!known || ban->flags & BAN_GONE)
                ban->since = now.wall;
        ban->until = until;
        ban->reason = reason;
        ban_table_set_gone(&engine->table, ban, false);
        return 1;
}

int bans_add(fbn_context *c, fbn_ban_engine *engine, struct client *client, const struct request *request)
{
        const fbn_prefix *range = never_find(&engine->never, &request->prefix);
        uint32_t slot = ban_table_find(&engine->table, &request->prefix);
        bool host = request->prefix.length == (request->prefix.address.family == AF_INET6 ? 128 : 32);
        struct batched item;
        int r;

        if (range)
                return fail_never(c, &request->prefix, range);
        if (!host || engine->n_batch == BATCH_MAX || (slot != SLOT_NONE && ban_table_at(&engine->table, slot)->flags & BAN_BATCHED))
                bans_commit(c, engine);
        r = claim(c, engine, request, &item);
        if (r <= 0)
                return r;
        if (!host)
                return add_net(c, engine, item.slot, &item);
        batch(engine, client, item.slot, &item.before, item.kind);
        return BANS_BATCHED;
}

static int delete_net(fbn_context *c, fbn_ban_engine *engine, uint32_t slot)
{
        fbn_prefix prefix = ban_prefix(&engine->table, ban_table_at(&engine->table, slot));
        bool covered = ban_table_at(&engine->table, slot)->flags & BAN_COVERED;
        int r = covered ? 0 : to_host(c, engine, true, &slot, 1);

        if (r >= 0) {
                bans_over(engine, slot);
                r = covered ? 0 : uncover(c, engine, &prefix);
        }
        return finish_net(c, engine, r);
}

int bans_delete(fbn_context *c, fbn_ban_engine *engine, struct client *client, const fbn_prefix *prefix)
{
        uint32_t slot = ban_table_find(&engine->table, prefix);
        struct ban *ban = slot == SLOT_NONE ? NULL : ban_table_at(&engine->table, slot);

        if (ban && (engine->n_batch == BATCH_MAX || ban->flags & BAN_BATCHED || !ban_is_host(ban))) {
                bans_commit(c, engine);
                slot = ban_table_find(&engine->table, prefix);
                ban = slot == SLOT_NONE ? NULL : ban_table_at(&engine->table, slot);
        }
        if (!ban || ban->flags & BAN_GONE)
                return 0;
        if (!ban_is_host(ban))
                return delete_net(c, engine, slot);
        batch(engine, client, slot, ban, BATCH_DELETE);
        return BANS_BATCHED;
}

int bans_flush(fbn_context *c, fbn_ban_engine *engine)
{
        struct ban_table *table = &engine->table;
        int r = host_flush(c, &engine->host), count = 0;

        engine_trouble(c, engine, TROUBLE_HOST, r);
        if (r < 0)
                return r;
        for (uint32_t i = ban_table_next(table, 0); i != SLOT_NONE; i = ban_table_next(table, i + 1)) {
                if (ban_table_at(table, i)->flags & BAN_GONE)
                        continue;
                bans_over(engine, i);
                count++;
        }
        r = bans_sync(c, engine);
        return r < 0 ? fail(c, FBN_EPARTIAL, "lifted, but not stored: %.150s", engine->trouble[TROUBLE_DISK]) : count;
}

static void expire_one(fbn_context *c, fbn_ban_engine *engine, uint32_t slot)
{
        fbn_prefix prefix = ban_prefix(&engine->table, ban_table_at(&engine->table, slot));
        bool holds = !ban_is_host(ban_table_at(&engine->table, slot)) && !(ban_table_at(&engine->table, slot)->flags & BAN_COVERED);

        if (holds) /* the kernel may be a moment behind */
                host_delete_prefix(c, &engine->host, &prefix);
        bans_over(engine, slot);
        if (holds)
                engine_trouble(c, engine, TROUBLE_HOST, uncover(c, engine, &prefix));
}

void bans_expire(fbn_context *c, fbn_ban_engine *engine)
{
        struct ban_table *table = &engine->table;
        uint32_t now = clock_now().boot, soonest = 0;

        for (uint32_t i = ban_table_next(table, 0); i != SLOT_NONE; i = ban_table_next(table, i + 1)) {
                const struct ban *ban = ban_table_at(table, i);

                if (!ban->until || ban->flags & BAN_GONE)
                        continue;
                if (ban->until <= now)
                        expire_one(c, engine, i);
                else if (!soonest || ban->until < soonest)
                        soonest = ban->until;
        }
        engine->soonest = soonest;
        if (engine->store.unsynced)
                engine_due(engine, DUE_STORE, 1000);
        if (soonest)
                engine_due(engine, DUE_EXPIRY, MAX(1000 * ((int64_t)soonest - now), table->covered ? EXPIRY_PAUSE : EXPIRY_LAZY));
}
