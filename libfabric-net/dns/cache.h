/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_CACHE_H
#define DNS_CACHE_H

#include "dns/lifetime.h"
#include "dns/wire.h"

/* Answers as they came, one behind the other in a ring of fixed size, with an index by question: neither keeping nor finding one
 * allocates, and the memory never grows. The oldest makes room, but goes to the front once for having been used. */
struct cache {
        uint8_t *ring; /* NULL: nothing is kept */
        size_t capacity;
        size_t tail;  /* the oldest entry */
        size_t head;  /* where the next goes */
        size_t end;   /* wrapped: the last entry before the ring's end ends here */
        bool wrapped; /* entries are in tail…end and 0…head, else in tail…head */
        size_t in_ring; /* entries, those replaced included */
        size_t entries;
        void *index;     /* its memory, */
        uint32_t *lines; /* and the cache lines in it: whatever a question's may hold is found by looking into one */
        size_t n_lines;
        uint8_t *touched; /* a bit for each line: it has been written to. The others are not read, and take no memory. */
        unsigned place_bits; /* of a slot: where the entry is; above them some bits of its hash */
        uint64_t hash_key[2]; /* so that nobody can choose names that share a line */
};

#define CACHE_MINIMUM ((size_t)4096)

/* All that an answer may depend on beside the route, which follows from the question: whoever replaces the routes says by
 * cache_sift() what no longer follows. */
struct cache_key {
        const struct question *question; /* borrowed; its case does not matter */
        uint16_t flags; /* RD and CD */
        bool dnssec_ok;
        uint64_t hash; /* cache_hash() of these */
};

uint64_t cache_hash(const struct cache *cache, const struct question *question, uint16_t flags, bool dnssec_ok);

/* Somebody will look for it soon: its place is in memory that takes long to come. */
void cache_prefetch(const struct cache *cache, uint64_t hash);

/* Stale: its time is over, and it is better than nothing if nobody answers (RFC 8767). */
enum cache_state { CACHE_NOTHING, CACHE_FRESH, CACHE_STALE, CACHE_STALE_UNASKED /* nobody answered just now: no use to ask again */ };

/* bytes: what ring and index take together; 0 keeps nothing, and hashes. False without memory. */
bool cache_init(struct cache *cache, size_t bytes);
void cache_free(struct cache *cache);
void cache_flush(struct cache *cache);
size_t cache_bytes(const struct cache *cache); /* in use, the index included */

/* What is known, its TTLs counted down (30 seconds when it is stale), valid until the next call; its question, which is the key's, and
 * its id are not filled in. now: seconds of any steady clock. */
enum cache_state cache_find(struct cache *cache, const struct cache_key *key, uint32_t now, struct message *ret_message);

/* Keep an answer (all stages of reading passed) for so many seconds; what is too large for its share of the ring is not kept.
 * mixed: it was put together from what several routes said. */
void cache_store(struct cache *cache, const struct cache_key *key, const struct message *message, bool mixed, uint32_t now,
                 uint32_t lifetime);

/* Nobody answered: what is stale is good for a moment. False if there is nothing. */
bool cache_extend(struct cache *cache, const struct cache_key *key, uint32_t now);

/* Forget what was mixed, and every answer whose question does not stay where it was. */
void cache_sift(struct cache *cache, bool (*stays)(const void *data, const struct question *question), const void *data);

#endif
