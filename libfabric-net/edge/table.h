/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_TABLE_H
#define EDGE_TABLE_H

/* All bans of an engine in little memory: 28 bytes each, IPv6 addresses and the ids of the CDN 16 more; in slots that never move. */
#include "base/context.h"

#include <fabricnet/edge.h>

#define SLOT_NONE UINT32_MAX
#define REASON_LENGTH 40
#define CDN_ID_BYTES 16 /* 32 hexadecimal digits */

enum ban_flag {
        BAN_USED = 1,
        BAN_IPV6 = 2,
        BAN_GONE = 4,     /* lifted or over; only the CDN still has it */
        BAN_COVERED = 8,  /* lies in a larger one: the host's set has that */
        BAN_SEEN = 16,    /* met while something was compared */
        BAN_SENT = 32,    /* the child is at it */
        BAN_THERE = 64,   /* met at the CDN while its rules are compared */
        BAN_BATCHED = 128, /* is in the batch */
};

struct ban {
        union {
                uint8_t near[4]; /* IPv4 */
                uint32_t far;    /* IPv6: its place */
        } address;
        uint32_t until; /* seconds since boot; 0: for good */
        uint32_t since; /* seconds since 1970 */
        uint32_t next;  /* of the same bucket */
        uint32_t id;    /* place of the CDN's id, SLOT_NONE: none is known */
        uint16_t reason;
        uint8_t length;
        uint8_t flags;
        uint8_t cdn; /* fbn_ban_cdn */
};

/* Sixteen bytes each, at places that never change. */
struct pool {
        uint8_t (*items)[16];
        size_t count, capacity;
        uint32_t free; /* list of free ones, by their first bytes */
};

struct ban_table {
        struct ban **chunks;
        size_t n_chunks, chunks_capacity;
        uint32_t count;   /* slots in use */
        uint32_t end;     /* slots ever used */
        uint32_t free;    /* list of free ones by next */
        uint32_t *buckets, n_buckets;
        uint8_t hash_key[16];
        struct pool addresses, ids;
        char (*reasons)[REASON_LENGTH + 1];
        size_t n_reasons, reasons_capacity;
        uint32_t of_cdn[FBN_BAN_CDN_REFUSED + 1]; /* how many in each state */
        uint32_t gone, covered;
        uint32_t lengths[2][129]; /* how many prefixes of each length, of IPv4 and IPv6: what has to be looked for */
};

int ban_table_init(fbn_context *c, struct ban_table *table);
void ban_table_free(struct ban_table *table);

static inline struct ban *ban_table_at(const struct ban_table *table, uint32_t slot)
{
        enum { CHUNK = 1024 };

        return &table->chunks[slot / CHUNK][slot % CHUNK];
}

/* SLOT_NONE if there is none. The prefix has no host bits. */
uint32_t ban_table_find(const struct ban_table *table, const fbn_prefix *prefix);
/* A new one, in force; the prefix is not in the table. */
int ban_table_add(fbn_context *c, struct ban_table *table, const fbn_prefix *prefix, uint32_t *ret_slot);
void ban_table_remove(struct ban_table *table, uint32_t slot);
/* The next in use from this slot on, SLOT_NONE at the end. */
uint32_t ban_table_next(const struct ban_table *table, uint32_t slot);
/* The smallest prefix in force on the host that holds this one and is larger; SLOT_NONE. */
uint32_t ban_table_cover(const struct ban_table *table, const fbn_prefix *prefix);

fbn_prefix ban_prefix(const struct ban_table *table, const struct ban *ban);
static inline bool ban_is_host(const struct ban *ban)
{
        return ban->length == (ban->flags & BAN_IPV6 ? 128 : 32);
}

void ban_table_set_gone(struct ban_table *table, struct ban *ban, bool gone);
void ban_table_set_covered(struct ban_table *table, struct ban *ban, bool covered);
void ban_table_set_cdn(struct ban_table *table, struct ban *ban, fbn_ban_cdn cdn);
int ban_table_set_id(fbn_context *c, struct ban_table *table, struct ban *ban, const uint8_t id[CDN_ID_BYTES]);
void ban_table_drop_id(struct ban_table *table, struct ban *ban);
const uint8_t *ban_table_id(const struct ban_table *table, const struct ban *ban); /* NULL: none is known */

/* The number of a reason, made if it is new; 0 is none. */
int ban_table_reason(fbn_context *c, struct ban_table *table, const char *reason, uint16_t *ret_number);
const char *ban_table_reason_text(const struct ban_table *table, uint16_t number); /* "" for 0 */
bool reason_valid(const char *reason);

#endif
