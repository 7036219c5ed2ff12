/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/cache.h"

#include "base/memory.h"

#define CHANCES 8  /* entries moved to the front for one that comes, at most */
#define SHARE 8    /* of the ring, for one entry at most: one in so many */
#define ENTRY 128  /* bytes of a usual one: one bucket each */

enum { KEY_CD = 1, KEY_RD = 2, KEY_DO = 4, REPLACED = 8, USED = 16 };

struct entry {
        uint32_t next; /* in the bucket; as in buckets */
        uint32_t hash;
        uint32_t route;
        uint32_t counted; /* seconds: what the TTLs were last counted down to */
        uint32_t expires;
        uint16_t length;
        uint8_t flags;
        uint8_t bytes[];
};

#define ALIGN(bytes) (((bytes) + (_Alignof(struct entry) - 1)) & ~(_Alignof(struct entry) - 1))

static size_t size_of(size_t length)
{
        return ALIGN(offsetof(struct entry, bytes) + length);
}

static struct entry *entry_at(const struct cache *cache, size_t offset)
{
        return (struct entry *)(void *)(cache->ring + offset);
}

bool cache_init(struct cache *cache, size_t bytes)
{
        *cache = (struct cache){0};
        if (bytes < CACHE_MINIMUM)
                return true;
        for (cache->n_buckets = 16; cache->n_buckets * 2 <= bytes / ENTRY;)
                cache->n_buckets *= 2;
        cache->capacity = (bytes - cache->n_buckets * sizeof(uint32_t)) & ~(_Alignof(struct entry) - 1);
        cache->buckets = memory_alloc(cache->n_buckets * sizeof(uint32_t));
        cache->ring = memory_realloc(NULL, cache->capacity); /* not zeroed, so that it takes no memory before it is used */
        randombytes_buf(cache->hash_key, sizeof(cache->hash_key));
        return cache->buckets && cache->ring;
}

void cache_free(struct cache *cache)
{
        memory_free(cache->ring);
        memory_free(cache->buckets);
        *cache = (struct cache){0};
}

void cache_flush(struct cache *cache)
{
        if (!cache->ring)
                return;
        memset(cache->buckets, 0, cache->n_buckets * sizeof(uint32_t));
        cache->tail = cache->head = cache->in_ring = cache->entries = 0;
        cache->wrapped = false;
}

size_t cache_bytes(const struct cache *cache)
{
        size_t used = cache->wrapped ? cache->end - cache->tail + cache->head : cache->head - cache->tail;

        return used + cache->n_buckets * sizeof(uint32_t);
}

static uint8_t key_flags(const struct cache_key *key)
{
        return (uint8_t)((key->flags & FLAG_CD ? KEY_CD : 0) | (key->flags & FLAG_RD ? KEY_RD : 0) | (key->dnssec_ok ? KEY_DO : 0));
}

static uint32_t hash(const struct cache *cache, const struct cache_key *key)
{
        uint8_t bytes[NAME_BYTES + 9];
        size_t length = key->question->name.length;
        uint64_t result;

        for (size_t i = 0; i < length; i++)
                bytes[i] = byte_lower(key->question->name.bytes[i]);
        wire_write16(bytes + length, key->question->type);
        wire_write16(bytes + length + 2, key->question->class);
        memcpy(bytes + length + 4, &key->route, 4);
        bytes[length + 8] = key_flags(key);
        crypto_shorthash((unsigned char *)&result, bytes, length + 9, cache->hash_key);
        return (uint32_t)result;
}

static uint32_t *bucket(const struct cache *cache, uint32_t hash)
{
        return &cache->buckets[hash & (cache->n_buckets - 1)];
}

/* What leads to the entry: its bucket or the entry before. */
static uint32_t *link_to(const struct cache *cache, const struct entry *entry)
{
        uint32_t *link = bucket(cache, entry->hash);

        while (entry_at(cache, *link - 1) != entry)
                link = &entry_at(cache, *link - 1)->next;
        return link;
}

/* It stays in the ring, unfindable, until its turn to be overwritten comes. */
static void forget(struct cache *cache, struct entry *entry)
{
        *link_to(cache, entry) = entry->next;
        entry->flags = REPLACED;
        cache->entries--;
}

static bool matches(const struct entry *entry, const struct cache_key *key, uint32_t hash, struct message *ret_message)
{
        return entry->hash == hash && entry->route == key->route && (entry->flags & (KEY_CD | KEY_RD | KEY_DO)) == key_flags(key) &&
               message_header(entry->bytes, entry->length, ret_message) && message_question(ret_message) &&
               question_equal(&ret_message->question, key->question);
}

static struct entry *find(const struct cache *cache, const struct cache_key *key, uint32_t hash, struct message *ret_message)
{
        for (uint32_t at = *bucket(cache, hash); at;) {
                struct entry *entry = entry_at(cache, at - 1);

                if (matches(entry, key, hash, ret_message))
                        return entry;
                at = entry->next;
        }
        return NULL;
}

static void count_down(struct entry *entry, const struct message *message, uint32_t now)
{
        uint32_t passed = now - entry->counted;
        size_t offset = message->records;
        struct record record;

        while (offset < message->end && message_record(message, offset, &record)) {
                wire_write32(entry->bytes + record.data - 6, record.ttl > passed ? record.ttl - passed : 0);
                offset = record.end;
        }
        entry->counted = now;
}

bool cache_find(struct cache *cache, const struct cache_key *key, uint32_t now, struct message *ret_message)
{
        struct entry *entry;

        if (!cache->ring)
                return false;
        entry = find(cache, key, hash(cache, key), ret_message);
        if (!entry)
                return false;
        if (entry->expires <= now || !message_records(ret_message)) {
                forget(cache, entry);
                return false;
        }
        if (entry->counted != now)
                count_down(entry, ret_message, now);
        entry->flags |= USED;
        return true;
}

/* Where the ring is wrapped: the oldest entry goes, or to the front. */
static void take_oldest(struct cache *cache, uint32_t now, unsigned *chances)
{
        struct entry *entry = entry_at(cache, cache->tail);
        size_t size = size_of(entry->length);

        if ((entry->flags & USED) && entry->expires > now && *chances > 0) {
                (*chances)--;
                entry->flags &= (uint8_t)~USED;
                *link_to(cache, entry) = (uint32_t)cache->head + 1;
                memmove(cache->ring + cache->head, entry, size);
                cache->head += size;
        } else {
                if (!(entry->flags & REPLACED))
                        forget(cache, entry);
                cache->in_ring--;
        }
        cache->tail += size;
        if (cache->tail == cache->end) {
                cache->tail = 0;
                cache->wrapped = false;
        }
}

/* Room for so much, in one piece, at the head. */
static struct entry *reserve(struct cache *cache, size_t size, uint32_t now)
{
        unsigned chances = CHANCES;

        for (;;) {
                if (cache->in_ring == 0)
                        cache_flush(cache);
                if (!cache->wrapped && cache->capacity - cache->head >= size)
                        break;
                if (!cache->wrapped) {
                        cache->end = cache->head;
                        cache->head = 0;
                        cache->wrapped = true;
                }
                if (cache->tail - cache->head >= size)
                        break;
                take_oldest(cache, now, &chances);
        }
        return entry_at(cache, cache->head);
}

/* The bytes without what is only between us and the upstream, the OPT record and what stands behind it; TTLs as they will be told. */
static void pack(struct entry *entry, const struct message *message, uint32_t lifetime)
{
        struct message kept;
        size_t offset;
        struct record record;

        memcpy(entry->bytes, message->bytes, entry->length);
        if (message->edns.present)
                wire_write16(entry->bytes + 4 + 2 * SECTION_ADDITIONAL, message->edns.before);
        if (!message_header(entry->bytes, entry->length, &kept) || !message_question(&kept))
                return;
        for (offset = kept.records; offset < entry->length && message_record(&kept, offset, &record); offset = record.end) {
                bool negative = record.type == TYPE_SOA && kept.counts[SECTION_ANSWER] == 0;

                wire_write32(entry->bytes + record.data - 6, negative ? lifetime : MIN(record.ttl, LIFETIME_MAX));
        }
}

void cache_store(struct cache *cache, const struct cache_key *key, const struct message *message, uint32_t now, uint32_t lifetime)
{
        size_t length = message->edns.present ? message->edns.start : message->end;
        uint32_t hashed, *first;
        struct message old;
        struct entry *entry;

        if (!cache->ring || lifetime == 0 || size_of(length) > cache->capacity / SHARE)
                return;
        hashed = hash(cache, key);
        entry = find(cache, key, hashed, &old);
        if (entry)
                forget(cache, entry);
        entry = reserve(cache, size_of(length), now);
        first = bucket(cache, hashed);
        *entry = (struct entry){
                .next = *first, .hash = hashed, .route = key->route, .counted = now, .expires = now + lifetime,
                .length = (uint16_t)length, .flags = key_flags(key),
        };
        pack(entry, message, lifetime);
        *first = (uint32_t)cache->head + 1;
        cache->head += size_of(length);
        cache->in_ring++;
        cache->entries++;
}
