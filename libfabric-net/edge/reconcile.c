/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/engine.h"

#include "edge/ranges.h"

#include <sys/socket.h>

#define TRIES 5
#define STRAYS 256
#define DRIFT 5 /* seconds that the kernel's idea of an end may be away from ours */

struct comparison {
        fbn_ban_engine *engine;
        uint32_t now;
        fbn_prefix strays[STRAYS]; /* elements to be taken out */
        size_t n_strays;
        int differences;
};

static void stray(struct comparison *comparison, const fbn_prefix *prefix)
{
        comparison->differences++;
        if (comparison->n_strays < STRAYS) /* more than that: the next round */
                comparison->strays[comparison->n_strays++] = *prefix;
}

/* In our sets, but unknown: put there by hand, or by us a moment before we died. It holds; so it is one of ours now. */
static int adopt(fbn_context *c, struct comparison *comparison, const fbn_prefix *prefix, uint32_t left)
{
        fbn_ban_engine *engine = comparison->engine;
        struct clock now = clock_now();
        struct ban *ban;
        uint32_t slot = SLOT_NONE;
        int r;

        if (never_find(&engine->never, prefix)) {
                stray(comparison, prefix);
                return 0;
        }
        r = ban_table_add(c, &engine->table, prefix, &slot);
        if (r < 0)
                return r;
        ban = ban_table_at(&engine->table, slot);
        ban->since = now.wall;
        ban->until = left ? now.boot + left : 0;
        ban->flags |= BAN_SEEN;
        r = ban_table_reason(c, &engine->table, "adopted", &ban->reason);
        bans_begin(engine, ban);
        store_put(&engine->store, &engine->table, ban);
        comparison->differences++;
        return r;
}

static bool as_long(const struct ban *ban, uint32_t left, uint32_t now)
{
        uint32_t mine = ban->until > now ? ban->until - now : 0;

        return ban->until == 0 ? left == 0 : left != 0 && left + DRIFT >= mine && left <= mine + DRIFT;
}

static int on_element(fbn_context *c, void *data, const fbn_prefix *prefix, uint32_t left)
{
        struct comparison *comparison = data;
        fbn_ban_engine *engine = comparison->engine;
        uint32_t slot = ban_table_find(&engine->table, prefix);
        struct ban *ban = slot == SLOT_NONE ? NULL : ban_table_at(&engine->table, slot);

        if (!ban)
                return adopt(c, comparison, prefix, left);
        if (ban->flags & (BAN_GONE | BAN_COVERED))
                stray(comparison, prefix);
        else if (as_long(ban, left, comparison->now))
                ban->flags |= BAN_SEEN;
        return 0;
}

static void forget_seen(fbn_ban_engine *engine)
{
        for (uint32_t i = ban_table_next(&engine->table, 0); i != SLOT_NONE; i = ban_table_next(&engine->table, i + 1))
                ban_table_at(&engine->table, i)->flags &= (uint8_t)~BAN_SEEN;
}

static int add_missing(fbn_context *c, struct comparison *comparison)
{
        const struct ban_table *table = &comparison->engine->table;
        uint32_t slots[1024], next = 0;
        int r = 0;

        while (r >= 0 && next != SLOT_NONE) {
                size_t count = 0;

                for (next = ban_table_next(table, next); next != SLOT_NONE && count < ARRAY_SIZE(slots); next = ban_table_next(table, next + 1)) {
                        const struct ban *ban = ban_table_at(table, next);

                        if (!(ban->flags & (BAN_SEEN | BAN_GONE | BAN_COVERED)) && (!ban->until || ban->until > comparison->now))
                                slots[count++] = next;
                }
                r = host_add(c, &comparison->engine->host, table, slots, count);
                comparison->differences += (int)count;
        }
        return r;
}

/* After a restart nothing is known of what lies in what. */
static void mark_covered(fbn_ban_engine *engine)
{
        struct ban_table *table = &engine->table;

        for (int length = 0; length <= 128; length++) {
                if (!table->lengths[0][length] && !table->lengths[1][length])
                        continue;
                for (uint32_t i = ban_table_next(table, 0); i != SLOT_NONE; i = ban_table_next(table, i + 1)) {
                        struct ban *ban = ban_table_at(table, i);
                        fbn_prefix prefix = ban_prefix(table, ban);

                        if (ban->length == length && !ban_is_host(ban) && !(ban->flags & BAN_GONE))
                                ban_table_set_covered(table, ban, ban_table_cover(table, &prefix) != SLOT_NONE);
                }
        }
}

static int compare(fbn_context *c, struct comparison *comparison)
{
        fbn_ban_engine *engine = comparison->engine;
        int r = -FBN_EINTERRUPTED;

        for (int i = 0; r == -FBN_EINTERRUPTED && i < TRIES; i++) {
                forget_seen(engine);
                r = host_read(c, &engine->host, on_element, comparison);
        }
        for (size_t i = 0; r >= 0 && i < comparison->n_strays; i++)
                r = host_delete_prefix(c, &engine->host, &comparison->strays[i]);
        if (r >= 0)
                mark_covered(engine);
        if (r >= 0)
                r = add_missing(c, comparison);
        forget_seen(engine);
        return r < 0 ? r : comparison->differences;
}

/* Of those never banned there may be more than before. */
static void drop_never(fbn_ban_engine *engine)
{
        for (uint32_t i = ban_table_next(&engine->table, 0); i != SLOT_NONE; i = ban_table_next(&engine->table, i + 1)) {
                struct ban *ban = ban_table_at(&engine->table, i);
                fbn_prefix prefix = ban_prefix(&engine->table, ban);

                if (!(ban->flags & BAN_GONE) && never_find(&engine->never, &prefix))
                        bans_over(engine, i);
        }
}

int reconcile_host(fbn_context *c, fbn_ban_engine *engine)
{
        struct comparison comparison = {.engine = engine, .now = clock_now().boot};
        int r = host_prepare(c, &engine->host, &engine->never);

        if (r >= 0) {
                drop_never(engine);
                r = compare(c, &comparison);
        }
        if (engine->store.unsynced)
                engine_due(engine, DUE_STORE, 0);
        return engine_trouble(c, engine, TROUBLE_HOST, r);
}

int never_load(fbn_context *c, fbn_ban_engine *engine)
{
        _cleanup_(ranges_free) struct ranges ranges = {0};
        struct never fresh = {0};
        int r;

        if (!engine->options.never_file)
                return 0;
        r = ranges_read(c, engine->options.never_file, &ranges);
        for (size_t i = 0; r == 0 && i < engine->n_never_fixed; i++)
                r = never_add(c, &fresh, &engine->never.items[i]);
        for (size_t i = 0; r == 0 && i < ranges.count; i++)
                r = never_add(c, &fresh, &ranges.items[i]);
        if (r < 0) {
                memory_free(fresh.items);
                return r;
        }
        memory_free(engine->never.items);
        engine->never = fresh;
        return 0;
}
