/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/cache.h"

#include "base/memory.h"

#include <sodium.h>

#define CHANCES 8  /* entries moved to the front for one that comes, at most */
#define SHARE 8    /* of the ring, for one entry at most: one in so many */
#define ENTRY 48   /* bytes of the cache for each slot of the index: less than a small entry takes, so that few lines are full */
#define LINE 64    /* bytes of the processor's */
#define SLOTS (LINE / sizeof(uint32_t))

#define STALE_TTL 30u      /* seconds: RFC 8767 4 */
#define STALE_MAX 86400u   /* how long an answer is stale before it is none: RFC 8767 5 says one to three days */
#define STALE_UNASKED 2   /* seconds after a failure in which it is answered without asking, as long as a failure is kept */

enum { KEY_CD = 1, KEY_RD = 2, KEY_DO = 4, KEY = 7, REPLACED = 8, USED = 16, MIXED = 32 };

/* Of the message's header the id and the number of questions, which is one, are not needed: length and flags are in their places. */
struct entry {
        uint32_t hash; /* its lower half, which says in which line its slot is */
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

static size_t index_bytes(const struct cache *cache)
{
        return (cache->n_lines + 1) * LINE;
}

static size_t touched_bytes(const struct cache *cache)
{
        return (cache->n_lines + 7) / 8;
}

static bool make_index(struct cache *cache, size_t bytes)
{
        cache->n_lines = MAX(bytes / ENTRY / SLOTS, (size_t)1);
        cache->touched = memory_alloc(touched_bytes(cache));
        cache->index = memory_realloc(NULL, index_bytes(cache)); /* as the ring, not zeroed */
        if (!cache->touched || !cache->index)
                return false;
        cache->lines = (uint32_t *)(((uintptr_t)cache->index + LINE - 1) & ~(uintptr_t)(LINE - 1));
        cache->capacity = (bytes - index_bytes(cache) - touched_bytes(cache)) & ~(_Alignof(struct entry) - 1);
        while (cache->capacity / _Alignof(struct entry) >> cache->place_bits)
                cache->place_bits++;
        return true;
}

bool cache_init(struct cache *cache, size_t bytes)
{
        *cache = (struct cache){0};
        randombytes_buf(cache->hash_key, sizeof(cache->hash_key));
        if (bytes < CACHE_MINIMUM)
                return true;
        if (!make_index(cache, bytes))
                return false;
        cache->ring = memory_realloc(NULL, cache->capacity); /* not zeroed, so that it takes no memory before it is used */
        return cache->ring;
}

void cache_free(struct cache *cache)
{
        memory_free(cache->ring);
        memory_free(cache->index);
        memory_free(cache->touched);
        *cache = (struct cache){0};
}

void cache_flush(struct cache *cache)
{
        if (!cache->ring)
                return;
        memset(cache->touched, 0, touched_bytes(cache));
        cache->tail = cache->head = cache->in_ring = cache->entries = 0;
        cache->wrapped = false;
}

size_t cache_bytes(const struct cache *cache)
{
        size_t used = cache->wrapped ? cache->end - cache->tail + cache->head : cache->head - cache->tail;

        return used + (cache->ring ? index_bytes(cache) + touched_bytes(cache) : 0);
}

static uint8_t key_flags(const struct cache_key *key)
{
        return (uint8_t)((key->flags & FLAG_CD ? KEY_CD : 0) | (key->flags & FLAG_RD ? KEY_RD : 0) | (key->dnssec_ok ? KEY_DO : 0));
}

struct sip {
        uint64_t a, b, c, d;
};

static inline uint64_t rotate(uint64_t word, unsigned bits)
{
        return word << bits | word >> (64 - bits);
}

static inline __attribute__((always_inline)) void sip_round(struct sip *v)
{
        v->a += v->b;
        v->c += v->d;
        v->b = rotate(v->b, 13) ^ v->a;
        v->d = rotate(v->d, 16) ^ v->c;
        v->a = rotate(v->a, 32) + v->d;
        v->c += v->b;
        v->b = rotate(v->b, 17) ^ v->c;
        v->d = rotate(v->d, 21) ^ v->a;
        v->c = rotate(v->c, 32);
}

static inline __attribute__((always_inline)) void sip_take(struct sip *v, uint64_t word)
{
        v->d ^= word;
        sip_round(v);
        v->a ^= word;
}

/* SipHash-1-3, as hash tables of whole languages have it: of the name in lower case, then of all the rest in one word. */
uint64_t cache_hash(const struct cache *cache, const struct question *question, uint16_t flags, bool dnssec_ok)
{
        const struct cache_key key = {.flags = flags, .dnssec_ok = dnssec_ok};
        const uint64_t *k = cache->hash_key;
        struct sip v = {k[0] ^ UINT64_C(0x736f6d6570736575), k[1] ^ UINT64_C(0x646f72616e646f6d), k[0] ^ UINT64_C(0x6c7967656e657261),
                        k[1] ^ UINT64_C(0x7465646279746573)};
        size_t length = question->name.length, whole = length & ~(size_t)7;
        uint64_t last = 0;

        for (size_t i = 0; i < whole; i += 8)
                sip_take(&v, bytes8_lower(bytes8_read(question->name.bytes + i)));
        memcpy(&last, question->name.bytes + whole, length - whole);
        sip_take(&v, bytes8_lower(last));
        sip_take(&v, (uint64_t)question->type << 48 | (uint64_t)question->class << 32 | (uint64_t)key_flags(&key) << 8 | length);
        v.c ^= 0xff;
        for (unsigned i = 0; i < 3; i++)
                sip_round(&v);
        return v.a ^ v.b ^ v.c ^ v.d;
}

static size_t line_of(const struct cache *cache, uint32_t hash)
{
        return (size_t)((uint64_t)hash * cache->n_lines >> 32);
}

static bool touched(const struct cache *cache, size_t line)
{
        return cache->touched[line / 8] >> line % 8 & 1;
}

void cache_prefetch(const struct cache *cache, uint64_t hash)
{
        if (cache->ring)
                __builtin_prefetch(cache->lines + line_of(cache, (uint32_t)hash) * SLOTS);
}

/* A slot is nothing, or a place and above it what there is room for of the hash's upper half. */
static uint32_t place_at(size_t offset)
{
        return (uint32_t)(offset / _Alignof(struct entry)) + 1;
}

static uint32_t place_of(const struct cache *cache, uint32_t slot)
{
        return slot & ((UINT32_C(1) << cache->place_bits) - 1);
}

static struct entry *entry_of(const struct cache *cache, uint32_t slot)
{
        return entry_at(cache, (size_t)(place_of(cache, slot) - 1) * _Alignof(struct entry));
}

/* What leads to the entry. */
static uint32_t *slot_of(const struct cache *cache, const struct entry *entry)
{
        uint32_t place = place_at((size_t)((const uint8_t *)entry - cache->ring));
        uint32_t *slot = cache->lines + line_of(cache, entry->hash) * SLOTS;

        while (place_of(cache, *slot) != place)
                slot++;
        return slot;
}

/* It stays in the ring, unfindable, until its turn to be overwritten comes. */
static void forget(struct cache *cache, struct entry *entry)
{
        *slot_of(cache, entry) = 0;
        entry->bytes[FLAGS_AT] = REPLACED;
        cache->entries--;
}

/* How long it has been there, in bytes that came since; whatever was used is younger than what was not. */
static size_t age_of(const struct cache *cache, const struct entry *entry)
{
        size_t offset = (size_t)((const uint8_t *)entry - cache->ring);
        size_t behind = offset >= cache->tail ? offset - cache->tail : offset + cache->capacity - cache->tail;

        return (entry->bytes[FLAGS_AT] & USED ? 1 : 2) * cache->capacity - behind;
}

/* One that nothing is in; where there is none, the oldest of the line's entries makes room. */
static uint32_t *take_slot(struct cache *cache, uint32_t hash)
{
        size_t line = line_of(cache, hash), most = 0;
        uint32_t *slots = cache->lines + line * SLOTS, *oldest = slots;

        if (!touched(cache, line)) {
                memset(slots, 0, LINE);
                cache->touched[line / 8] |= (uint8_t)(1 << line % 8);
        }
        for (size_t i = 0; i < SLOTS; i++)
                if (slots[(hash + i) % SLOTS] == 0) /* where the search begins */
                        return &slots[(hash + i) % SLOTS];
        for (size_t i = 0; i < SLOTS; i++) {
                size_t age = age_of(cache, entry_of(cache, slots[i]));

                if (age > most) {
                        most = age;
                        oldest = &slots[i];
                }
        }
        forget(cache, entry_of(cache, *oldest));
        return oldest;
}

/* Name, type and class as they stand in an entry, the name in lower case. */
static bool same_question(const uint8_t *bytes, const struct question *question)
{
        size_t length = question->name.length;

        return bytes_equal(bytes, question->name.bytes, length) && wire_read16(bytes + length) == question->type &&
               wire_read16(bytes + length + 2) == question->class;
}

static bool matches(const struct entry *entry, const struct cache_key *key)
{
        return entry->hash == (uint32_t)key->hash && (entry->bytes[FLAGS_AT] & KEY) == key_flags(key) &&
               length_of(entry) >= WIRE_HEADER + key->question->name.length + 4 && same_question(entry->bytes + WIRE_HEADER, key->question);
}

static struct entry *find(const struct cache *cache, const struct cache_key *key)
{
        size_t line = line_of(cache, (uint32_t)key->hash);
        const uint32_t *slots = cache->lines + line * SLOTS;
        unsigned place_bits = cache->place_bits;
        uint32_t first = (uint32_t)key->hash, upper = (uint32_t)(key->hash >> 32) << place_bits;

        if (!touched(cache, line))
                return NULL;
        for (size_t i = 0; i < SLOTS; i++) {
                uint32_t slot = slots[(first + i) % SLOTS];

                if ((slot ^ upper) >> place_bits == 0 && slot && matches(entry_of(cache, slot), key))
                        return entry_of(cache, slot);
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
        struct entry *entry;

        if (!cache->ring)
                return CACHE_NOTHING;
        entry = find(cache, key);
        if (!entry)
                return CACHE_NOTHING;
        read_entry(entry, WIRE_HEADER + key->question->name.length + 4, ret_message);
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
                *slot_of(cache, entry) += place_at(cache->head) - place_at(cache->tail);
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
static bool pack(struct entry *entry, const struct message *message, const struct cache_key *key, size_t length, uint32_t lifetime)
{
        const struct question *question = key->question;
        uint8_t *behind = entry->bytes + WIRE_HEADER + question->name.length;
        struct message kept;
        struct record record;
        size_t offset;

        memcpy(entry->bytes, message->bytes, length);
        bytes_lower(entry->bytes + WIRE_HEADER, question->name.bytes, question->name.length);
        wire_write16(behind, question->type);
        wire_write16(behind + 2, question->class);
        wire_write16(entry->bytes + LENGTH_AT, (uint16_t)length);
        wire_write16(entry->bytes + FLAGS_AT, 0);
        entry->bytes[FLAGS_AT] = key_flags(key);
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
        struct entry *entry;

        if (!cache->ring || lifetime == 0 || length > UINT16_MAX || size_of(length) > cache->capacity / SHARE)
                return;
        entry = find(cache, key);
        if (entry)
                forget(cache, entry);
        entry = reserve(cache, size_of(length), now);
        *entry = (struct entry){.hash = (uint32_t)key->hash, .counted = now, .expires = now + lifetime};
        if (!pack(entry, message, key, length, lifetime))
                return;
        if (mixed)
                entry->bytes[FLAGS_AT] |= MIXED;
        *take_slot(cache, entry->hash) = (uint32_t)(key->hash >> 32) << cache->place_bits | place_at(cache->head);
        cache->head += size_of(length);
        cache->in_ring++;
        cache->entries++;
}

void cache_sift(struct cache *cache, bool (*stays)(const void *data, const struct question *question), const void *data)
{
        for (size_t i = 0; cache->ring && i < cache->n_lines * SLOTS; i++) {
                struct entry *entry = touched(cache, i / SLOTS) && cache->lines[i] ? entry_of(cache, cache->lines[i]) : NULL;
                struct message message;

                if (!entry)
                        continue;
                read_entry(entry, 0, &message);
                if ((entry->bytes[FLAGS_AT] & MIXED) || !message_question(&message) || !stays(data, &message.question))
                        forget(cache, entry);
        }
}
