/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/cache.h"

#include "base/memory.h"

#define CHANCES 8  /* entries moved to the front for one that comes, at most */
#define SHARE 8    /* of the ring, for one entry at most: one in so many */
#define ENTRY 64   /* bytes of a small one: one bucket each, so that most questions that are not there look at none */

#define STALE_TTL 30u      /* seconds: RFC 8767 4 */
#define STALE_MAX 86400u   /* how long an answer is stale before it is none: RFC 8767 5 says one to three days */
#define STALE_UNASKED 2   /* seconds after a failure in which it is answered without asking, as long as a failure is kept */

enum { KEY_CD = 1, KEY_RD = 2, KEY_DO = 4, KEY = 7, REPLACED = 8, USED = 16, MIXED = 32 };

/* Of the message's header the id and the number of questions, which is one, are not needed: length and flags are in their places. */
struct entry {
        uint32_t next; /* in the bucket; as in buckets */
        uint32_t hash;
        uint32_t counted; /* seconds: what the TTLs were last counted down to; past expires: when nobody answered */
        uint32_t expires;
        uint8_t bytes[];
};

#define LENGTH_AT 0
#define FLAGS_AT 4

static size_t length_of(const struct entry *entry)
{
        return wire_read16(entry->bytes + LENGTH_AT);
}

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

/* A key as it stands in the message, in lower case: name, type, class; then its flags, hashed with them. */
struct packed_key {
        uint8_t bytes[NAME_BYTES + 5];
        size_t length; /* without the flags */
        uint32_t hash;
};

static void pack_key(const struct cache *cache, const struct cache_key *key, struct packed_key *ret_packed)
{
        size_t length = key->question->name.length;
        uint8_t *bytes = ret_packed->bytes;
        uint64_t hash;

        for (size_t i = 0; i < length; i++)
                bytes[i] = byte_lower(key->question->name.bytes[i]);
        wire_write16(bytes + length, key->question->type);
        wire_write16(bytes + length + 2, key->question->class);
        bytes[length + 4] = (uint8_t)((key->flags & FLAG_CD ? KEY_CD : 0) | (key->flags & FLAG_RD ? KEY_RD : 0) | (key->dnssec_ok ? KEY_DO : 0));
        crypto_shorthash((unsigned char *)&hash, bytes, length + 5, cache->hash_key);
        ret_packed->length = length + 4;
        ret_packed->hash = (uint32_t)hash;
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
        entry->bytes[FLAGS_AT] = REPLACED;
        cache->entries--;
}

static bool matches(const struct entry *entry, const struct packed_key *key)
{
        return entry->hash == key->hash && (entry->bytes[FLAGS_AT] & KEY) == key->bytes[key->length] &&
               length_of(entry) >= WIRE_HEADER + key->length && memcmp(entry->bytes + WIRE_HEADER, key->bytes, key->length) == 0;
}

static struct entry *find(const struct cache *cache, const struct packed_key *key)
{
        for (uint32_t at = *bucket(cache, key->hash); at;) {
                struct entry *entry = entry_at(cache, at - 1);

                if (matches(entry, key))
                        return entry;
                at = entry->next;
        }
        return NULL;
}

static void read_entry(const struct entry *entry, size_t records, struct message *ret_message)
{
        ret_message->bytes = entry->bytes;
        ret_message->length = ret_message->end = length_of(entry);
        ret_message->flags = wire_read16(entry->bytes + 2);
        ret_message->counts[SECTION_QUESTION] = 1;
        for (unsigned section = SECTION_ANSWER; section < SECTIONS; section++)
                ret_message->counts[section] = wire_read16(entry->bytes + 4 + 2 * (size_t)section);
        ret_message->records = records;
        ret_message->edns.present = false;
        ret_message->edns.rcode = 0;
}

static void count_down(struct entry *entry, const struct message *message, uint32_t now, bool stale)
{
        uint32_t passed = now - entry->counted;
        size_t offset = message->records;
        struct record record;

        while (offset < message->end && message_record(message, offset, &record)) {
                wire_write32(entry->bytes + record.data - 6, stale ? STALE_TTL : record.ttl > passed ? record.ttl - passed : 0);
                offset = record.end;
        }
}

/* A failure that is over is over. */
static bool worth_keeping(const struct message *message)
{
        unsigned rcode = message->flags & FLAG_RCODE;

        return rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN;
}

static enum cache_state find_stale(struct cache *cache, struct entry *entry, const struct message *message, uint32_t now)
{
        if (now - entry->expires >= STALE_MAX || !worth_keeping(message)) {
                forget(cache, entry);
                return CACHE_NOTHING;
        }
        if (entry->counted < entry->expires) {
                count_down(entry, message, now, true);
                entry->counted = entry->expires; /* once */
        }
        return entry->counted > entry->expires && (int32_t)(now - entry->counted) < STALE_UNASKED ? CACHE_STALE_UNASKED : CACHE_STALE;
}

enum cache_state cache_find(struct cache *cache, const struct cache_key *key, uint32_t now, struct message *ret_message)
{
        struct packed_key packed;
        struct entry *entry;

        if (!cache->ring)
                return CACHE_NOTHING;
        pack_key(cache, key, &packed);
        entry = find(cache, &packed);
        if (!entry)
                return CACHE_NOTHING;
        read_entry(entry, WIRE_HEADER + packed.length, ret_message);
        if (entry->expires <= now)
                return find_stale(cache, entry, ret_message, now);
        if (entry->counted != now) {
                count_down(entry, ret_message, now, false);
                entry->counted = now;
        }
        entry->bytes[FLAGS_AT] |= USED;
        return CACHE_FRESH;
}

bool cache_extend(struct cache *cache, const struct cache_key *key, uint32_t now)
{
        struct message message;
        struct entry *entry;

        if (cache_find(cache, key, now, &message) < CACHE_STALE)
                return false;
        entry = (struct entry *)(uintptr_t)(message.bytes - offsetof(struct entry, bytes));
        entry->counted = MAX(now, entry->expires + 1);
        return true;
}

/* Where the ring is wrapped: the oldest entry goes, or to the front. */
static void take_oldest(struct cache *cache, uint32_t now, unsigned *chances)
{
        struct entry *entry = entry_at(cache, cache->tail);
        size_t size = size_of(length_of(entry));

        if ((entry->bytes[FLAGS_AT] & USED) && entry->expires > now && *chances > 0) {
                (*chances)--;
                entry->bytes[FLAGS_AT] &= (uint8_t)~USED;
                *link_to(cache, entry) = (uint32_t)cache->head + 1;
                memmove(cache->ring + cache->head, entry, size);
                cache->head += size;
        } else {
                if (!(entry->bytes[FLAGS_AT] & REPLACED))
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

/* Names can point anywhere before them: into a TTL too, which is to be changed. Such a message would become another, or none, so it is
 * not kept. TTLs of ones are no part of a name. */
static bool ttls_apart(struct entry *entry, const struct message *kept)
{
        size_t offset = kept->records;
        struct record record;

        for (; offset < kept->end && message_record(kept, offset, &record); offset = record.end)
                wire_write32(entry->bytes + record.data - 6, UINT32_MAX);
        return offset == kept->end;
}

/* The bytes without what is only between us and the upstream, the OPT record and what stands behind it; TTLs as they will be told. */
static bool pack(struct entry *entry, const struct message *message, const struct packed_key *key, size_t length, uint32_t lifetime)
{
        struct message kept;
        struct record record;
        size_t offset;

        memcpy(entry->bytes, message->bytes, length);
        memcpy(entry->bytes + WIRE_HEADER, key->bytes, key->length);
        wire_write16(entry->bytes + LENGTH_AT, (uint16_t)length);
        wire_write16(entry->bytes + FLAGS_AT, 0);
        entry->bytes[FLAGS_AT] = key->bytes[key->length];
        if (message->edns.present)
                wire_write16(entry->bytes + 4 + 2 * SECTION_ADDITIONAL, message->edns.before);
        read_entry(entry, message->records, &kept);
        if (!ttls_apart(entry, &kept))
                return false;
        /* A record that points into its own TTL fails here, one that points into an earlier one failed above. */
        for (offset = kept.records; offset < length && message_record(&kept, offset, &record); offset = record.end) {
                bool negative = record.type == TYPE_SOA && kept.counts[SECTION_ANSWER] == 0;
                uint32_t ttl = wire_read32(message->bytes + record.data - 6);

                wire_write32(entry->bytes + record.data - 6, negative ? lifetime : MIN(ttl, LIFETIME_MAX));
        }
        return offset == length;
}

void cache_store(struct cache *cache, const struct cache_key *key, const struct message *message, bool mixed, uint32_t now,
                 uint32_t lifetime)
{
        size_t length = message->edns.present ? message->edns.start : message->end;
        struct packed_key packed;
        struct entry *entry;
        uint32_t *first;

        if (!cache->ring || lifetime == 0 || length > UINT16_MAX || size_of(length) > cache->capacity / SHARE)
                return;
        pack_key(cache, key, &packed);
        entry = find(cache, &packed);
        if (entry)
                forget(cache, entry);
        entry = reserve(cache, size_of(length), now);
        first = bucket(cache, packed.hash);
        *entry = (struct entry){.next = *first, .hash = packed.hash, .counted = now, .expires = now + lifetime};
        if (!pack(entry, message, &packed, length, lifetime))
                return;
        if (mixed)
                entry->bytes[FLAGS_AT] |= MIXED;
        *first = (uint32_t)cache->head + 1;
        cache->head += size_of(length);
        cache->in_ring++;
        cache->entries++;
}

void cache_sift(struct cache *cache, bool (*stays)(const void *data, const struct question *question), const void *data)
{
        for (size_t i = 0; cache->ring && i < cache->n_buckets; i++)
                for (uint32_t at = cache->buckets[i]; at;) {
                        struct entry *entry = entry_at(cache, at - 1);
                        struct message message;

                        at = entry->next;
                        read_entry(entry, 0, &message);
                        if ((entry->bytes[FLAGS_AT] & MIXED) || !message_question(&message) || !stays(data, &message.question))
                                forget(cache, entry);
                }
}
