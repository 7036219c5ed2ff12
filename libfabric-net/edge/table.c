/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/table.h"

#include "base/address.h"

#include <ctype.h>
#include <sodium.h>
#include <sys/socket.h>

#define CHUNK 1024
#define BUCKETS_START 1024
#define REASONS_MAX 1024

int ban_table_init(fbn_context *c, struct ban_table *table)
{
        *table = (struct ban_table){.free = SLOT_NONE, .addresses.free = SLOT_NONE, .ids.free = SLOT_NONE};
        table->buckets = memory_alloc(BUCKETS_START * sizeof(*table->buckets));
        if (!table->buckets)
                return fail_memory(c);
        table->n_buckets = BUCKETS_START;
        memset(table->buckets, 0xff, BUCKETS_START * sizeof(*table->buckets));
        randombytes_buf(table->hash_key, sizeof(table->hash_key)); /* addresses are chosen by whoever attacks */
        return 0;
}

void ban_table_free(struct ban_table *table)
{
        for (size_t i = 0; i < table->n_chunks; i++)
                memory_free(table->chunks[i]);
        memory_free(table->chunks);
        memory_free(table->buckets);
        memory_free(table->addresses.items);
        memory_free(table->ids.items);
        memory_free(table->reasons);
        *table = (struct ban_table){.free = SLOT_NONE, .addresses.free = SLOT_NONE, .ids.free = SLOT_NONE};
}

static int pool_take(fbn_context *c, struct pool *pool, uint32_t *ret_place)
{
        if (pool->free != SLOT_NONE) {
                *ret_place = pool->free;
                memcpy(&pool->free, pool->items[pool->free], sizeof(pool->free));
                return 0;
        }
        if (!ARRAY_RESERVE(pool->items, pool->count, pool->capacity))
                return fail_memory(c);
        *ret_place = (uint32_t)pool->count++;
        return 0;
}

static void pool_give(struct pool *pool, uint32_t place)
{
        memcpy(pool->items[place], &pool->free, sizeof(pool->free));
        pool->free = place;
}

/* An IPv4 address has twelve zero bytes behind it. */
static void address_of(const struct ban_table *table, const struct ban *ban, uint8_t address[16])
{
        memset(address, 0, 16);
        if (ban->flags & BAN_IPV6)
                memcpy(address, table->addresses.items[ban->address.far], 16);
        else
                memcpy(address, ban->address.near, 4);
}

fbn_prefix ban_prefix(const struct ban_table *table, const struct ban *ban)
{
        fbn_prefix prefix = {.address.family = ban->flags & BAN_IPV6 ? AF_INET6 : AF_INET, .length = ban->length};

        address_of(table, ban, prefix.address.bytes);
        return prefix;
}

static uint32_t bucket_of(const struct ban_table *table, const uint8_t address[16], uint8_t length)
{
        uint8_t key[17], hash[8];
        uint32_t value;

        memcpy(key, address, 16);
        key[16] = length;
        crypto_shorthash(hash, key, sizeof(key), table->hash_key);
        memcpy(&value, hash, sizeof(value));
        return value & (table->n_buckets - 1);
}

static void bytes_of(const fbn_prefix *prefix, uint8_t address[16])
{
        memset(address, 0, 16);
        memcpy(address, prefix->address.bytes, family_bytes(prefix->address.family));
}

uint32_t ban_table_find(const struct ban_table *table, const fbn_prefix *prefix)
{
        uint8_t family = prefix->address.family == AF_INET6 ? BAN_IPV6 : 0, address[16];
        uint32_t slot;

        bytes_of(prefix, address);
        slot = table->buckets[bucket_of(table, address, prefix->length)];
        while (slot != SLOT_NONE) {
                const struct ban *ban = ban_table_at(table, slot);
                uint8_t mine[16];

                address_of(table, ban, mine);
                if (ban->length == prefix->length && (ban->flags & BAN_IPV6) == family && memcmp(mine, address, 16) == 0)
                        return slot;
                slot = ban->next;
        }
        return SLOT_NONE;
}

static void link_in(struct ban_table *table, uint32_t slot)
{
        struct ban *ban = ban_table_at(table, slot);
        uint8_t address[16];
        uint32_t bucket;

        address_of(table, ban, address);
        bucket = bucket_of(table, address, ban->length);
        ban->next = table->buckets[bucket];
        table->buckets[bucket] = slot;
}

/* Without memory for more buckets the table works on, slower. */
static void widen(struct ban_table *table)
{
        uint32_t *wider = memory_alloc((size_t)table->n_buckets * 2 * sizeof(*wider));

        if (!wider)
                return;
        memory_free(table->buckets);
        table->buckets = wider;
        table->n_buckets *= 2;
        memset(wider, 0xff, table->n_buckets * sizeof(*wider));
        for (uint32_t slot = 0; slot < table->end; slot++)
                if (ban_table_at(table, slot)->flags & BAN_USED)
                        link_in(table, slot);
}

static int slot_take(fbn_context *c, struct ban_table *table, uint32_t *ret_slot)
{
        struct ban *chunk;

        if (table->free != SLOT_NONE) {
                *ret_slot = table->free;
                table->free = ban_table_at(table, table->free)->next;
                return 0;
        }
        if (table->end == table->n_chunks * CHUNK) {
                if (!ARRAY_RESERVE(table->chunks, table->n_chunks, table->chunks_capacity))
                        return fail_memory(c);
                chunk = memory_alloc(CHUNK * sizeof(*chunk));
                if (!chunk)
                        return fail_memory(c);
                table->chunks[table->n_chunks++] = chunk;
        }
        *ret_slot = table->end++;
        return 0;
}

int ban_table_add(fbn_context *c, struct ban_table *table, const fbn_prefix *prefix, uint32_t *ret_slot)
{
        bool far = prefix->address.family == AF_INET6;
        uint32_t slot = SLOT_NONE, place = SLOT_NONE;
        struct ban *ban;
        int r = 0;

        if (table->count >= table->n_buckets)
                widen(table);
        if (far)
                r = pool_take(c, &table->addresses, &place);
        if (r == 0)
                r = slot_take(c, table, &slot);
        if (r < 0) {
                if (place != SLOT_NONE)
                        pool_give(&table->addresses, place);
                return r;
        }
        ban = ban_table_at(table, slot);
        *ban = (struct ban){.id = SLOT_NONE, .length = prefix->length, .flags = (uint8_t)(BAN_USED | (far ? BAN_IPV6 : 0))};
        if (far)
                ban->address.far = place;
        memcpy(far ? table->addresses.items[place] : ban->address.near, prefix->address.bytes, far ? 16 : 4);
        link_in(table, slot);
        table->count++;
        table->of_cdn[FBN_BAN_CDN_NONE]++;
        table->lengths[ban->flags & BAN_IPV6 ? 1 : 0][ban->length]++;
        *ret_slot = slot;
        return 0;
}

void ban_table_remove(struct ban_table *table, uint32_t slot)
{
        struct ban *ban = ban_table_at(table, slot);
        uint8_t address[16];
        uint32_t *link;

        address_of(table, ban, address);
        link = &table->buckets[bucket_of(table, address, ban->length)];
        while (*link != slot)
                link = &ban_table_at(table, *link)->next;
        *link = ban->next;
        ban_table_set_gone(table, ban, false);
        ban_table_set_covered(table, ban, false);
        ban_table_drop_id(table, ban);
        table->of_cdn[ban->cdn]--;
        table->lengths[ban->flags & BAN_IPV6 ? 1 : 0][ban->length]--;
        table->count--;
        if (ban->flags & BAN_IPV6)
                pool_give(&table->addresses, ban->address.far);
        *ban = (struct ban){.next = table->free};
        table->free = slot;
}

uint32_t ban_table_next(const struct ban_table *table, uint32_t slot)
{
        for (; slot < table->end; slot++)
                if (ban_table_at(table, slot)->flags & BAN_USED)
                        return slot;
        return SLOT_NONE;
}

uint32_t ban_table_cover(const struct ban_table *table, const fbn_prefix *prefix)
{
        const uint32_t *lengths = table->lengths[prefix->address.family == AF_INET6 ? 1 : 0];

        for (int length = prefix->length - 1; length >= 0; length--) {
                fbn_prefix wider = {.address = prefix->address, .length = (uint8_t)length};
                uint32_t slot;

                if (!lengths[length])
                        continue;
                fbn_prefix_network(&wider, &wider);
                slot = ban_table_find(table, &wider);
                if (slot != SLOT_NONE && !(ban_table_at(table, slot)->flags & (BAN_GONE | BAN_COVERED)))
                        return slot;
        }
        return SLOT_NONE;
}

static void set_flag(struct ban *ban, uint8_t flag, bool on, uint32_t *count)
{
        if (on == !!(ban->flags & flag))
                return;
        ban->flags ^= flag;
        *count = on ? *count + 1 : *count - 1;
}

void ban_table_set_gone(struct ban_table *table, struct ban *ban, bool gone)
{
        set_flag(ban, BAN_GONE, gone, &table->gone);
}

void ban_table_set_covered(struct ban_table *table, struct ban *ban, bool covered)
{
        set_flag(ban, BAN_COVERED, covered, &table->covered);
}

void ban_table_set_cdn(struct ban_table *table, struct ban *ban, fbn_ban_cdn cdn)
{
        table->of_cdn[ban->cdn]--;
        ban->cdn = (uint8_t)cdn;
        table->of_cdn[ban->cdn]++;
}

int ban_table_set_id(fbn_context *c, struct ban_table *table, struct ban *ban, const uint8_t id[CDN_ID_BYTES])
{
        int r = ban->id == SLOT_NONE ? pool_take(c, &table->ids, &ban->id) : 0;

        if (r == 0)
                memcpy(table->ids.items[ban->id], id, CDN_ID_BYTES);
        return r;
}

void ban_table_drop_id(struct ban_table *table, struct ban *ban)
{
        if (ban->id != SLOT_NONE)
                pool_give(&table->ids, ban->id);
        ban->id = SLOT_NONE;
}

const uint8_t *ban_table_id(const struct ban_table *table, const struct ban *ban)
{
        return ban->id == SLOT_NONE ? NULL : table->ids.items[ban->id];
}

bool reason_valid(const char *reason)
{
        size_t length = strnlen(reason, REASON_LENGTH + 1);

        for (size_t i = 0; i < length; i++)
                if (!isalnum((unsigned char)reason[i]) && !strchr("_-.", reason[i]))
                        return false;
        return length > 0 && length <= REASON_LENGTH;
}

int ban_table_reason(fbn_context *c, struct ban_table *table, const char *reason, uint16_t *ret_number)
{
        *ret_number = 0;
        if (!*reason)
                return 0;
        for (size_t i = 0; i < table->n_reasons; i++)
                if (streq(table->reasons[i], reason)) {
                        *ret_number = (uint16_t)(i + 1);
                        return 0;
                }
        if (table->n_reasons == REASONS_MAX) /* the name is for people; the ban counts */
                return 0;
        if (!ARRAY_RESERVE(table->reasons, table->n_reasons, table->reasons_capacity))
                return fail_memory(c);
        memcpy(table->reasons[table->n_reasons], reason, strlen(reason) + 1);
        *ret_number = (uint16_t)++table->n_reasons;
        return 0;
}

const char *ban_table_reason_text(const struct ban_table *table, uint16_t number)
{
        return number && number <= table->n_reasons ? table->reasons[number - 1] : "";
}
