/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NAT_SET_H
#define NAT_SET_H

#include "base/text.h"
#include "netlink/netlink.h"

#include <fabricnet/nat.h>
#include <linux/netfilter/nf_tables.h>

/* What a key, or a map's data, is made of: fields of nft(8)'s types, one behind the other. */
#define LAYOUT_FIELDS 5
#define LAYOUT_BYTES 64 /* NFT_DATA_VALUE_MAXLEN */
#define LAYOUT_TEXT 128
#define VALUE_TEXT 512 /* any key or data as text: four ranges of IPv6 addresses at most */

struct layout {
        uint8_t fields[LAYOUT_FIELDS]; /* places in field_types */
        uint8_t count;                 /* 0: no data, that is a set */
        uint8_t bytes;                 /* alone a field has its own length; of several each begins a register of four bytes */
        bool verdict;                  /* the data of a verdict map: no fields, four bytes of verdict */
};

struct field_type {
        const char *name;
        uint32_t id;    /* how nft(8) numbers its types. Source: enum datatypes in nftables' include/datatype.h */
        uint8_t length;
        bool ordered;   /* its bytes are in the order of its values: it may have ranges */
};

extern const struct field_type field_types[];
enum { FIELD_IPV4, FIELD_IPV6, FIELD_PORT, FIELD_PROTOCOL, FIELD_DEVICE, FIELD_MARK, FIELD_COUNT };

bool layout_parse(const char *text, bool may_be_verdict, struct layout *ret_layout);
bool layout_of_id(uint32_t id, struct layout *ret_layout);
uint32_t layout_id(const struct layout *layout);
void layout_format(const struct layout *layout, char buffer[LAYOUT_TEXT]);
/* Where the field after this one begins. */
size_t layout_step(const struct layout *layout, size_t field);

/* A key or data as bytes, first and last of its ranges (last may be NULL: then ranges are refused). false: text is none. */
bool value_parse(const struct layout *layout, const char *text, uint8_t *first, uint8_t *last);
void value_format(const struct layout *layout, const uint8_t *first, const uint8_t *last, char buffer[VALUE_TEXT]);

/* What of a set decides how its elements look. */
struct set_shape {
        struct layout key, data;
        uint32_t flags; /* NFT_SET_… */
        uint32_t limit;
        uint64_t timeout_ms;
        bool counters;
        bool marked; /* made by us */
        bool tells_count; /* read from a kernel that counts: */
        uint32_t count;
};

bool shape_is_ranges(const struct set_shape *shape);  /* start and end are elements of their own */
bool shape_is_boxes(const struct set_shape *shape);   /* one element has both: intervals of several fields */
bool shape_has_timeouts(const struct set_shape *shape);

/* A set of the caller's: whether it can be had, and its shape. */
int set_validate(fbn_context *c, const fbn_nat_set *set, struct set_shape *ret_shape);
/* A set in words: "ipv4_addr, intervals, timeout 3600 s". */
void set_describe(const struct set_shape *shape, struct text *text);

/* Sets of our table. */
struct kernel_set {
        const char *name;
        struct set_shape shape;
        bool kept; /* stands as it should */
};

struct kernel_sets {
        struct kernel_set *items;
        size_t count, capacity;
};

struct ruleset;

const struct kernel_set *sets_find(const struct kernel_sets *sets, const char *name);
/* Whether a rule can look into the sets that it names; and the family of their addresses, 0 if they have none. */
int sets_check(fbn_context *c, const struct kernel_sets *sets, const fbn_nat_rule *rule);
uint16_t sets_family(const struct kernel_sets *sets, const fbn_nat_rule *rule);
uint16_t layout_family(const struct layout *layout);
int sets_expand(fbn_context *c, const fbn_nat *want, struct ruleset *ruleset);
int sets_read(fbn_context *c, struct netlink *netlink, struct ruleset *ruleset);
/* Find what stands already; a set of the same name but another shape makes all chains of have be made anew. */
void sets_compare(struct ruleset *want, struct ruleset *have);
int sets_changes(fbn_context *c, const struct ruleset *want, const struct ruleset *have, fbn_changes *changes);
/* Our own as records of the caller's. */
int sets_collect(fbn_context *c, const struct ruleset *ruleset, fbn_nat *nat);
/* What goes before the rules of a transaction (sets made, made anew) and behind them (sets that go). */
void sets_put_new(struct netlink_batch *batch, const struct ruleset *want, const struct ruleset *have);
void sets_put_gone(struct netlink_batch *batch, const struct ruleset *want, const struct ruleset *have);
int sets_append(fbn_context *c, fbn_nat *nat, const fbn_nat_set *set);

int set_read(fbn_context *c, struct netlink *netlink, const char *name, struct set_shape *ret_shape);
/* A message about a set: 1 and its name and shape, 0 if it is not of our table or of no kind that we know. */
int set_decode(const struct nlmsghdr *message, const char **ret_name, struct set_shape *ret_shape);
void set_put(struct netlink_batch *batch, uint16_t type, const char *name, const struct set_shape *shape, uint32_t id);

/* Elements of one set, packed: first of the key, last if the set has intervals, data if it is a map, timeout if it has those. */
struct fbn_nat_elements {
        unsigned references;
        char *name;
        struct set_shape shape;
        uint8_t *bytes;
        size_t count, capacity, stride;
        size_t last_at, data_at, timeout_at; /* 0: has none */
        bool sorted;
        uint64_t sent_ms; /* since boot: when the kernel took them, 0: unknown */
};

#define ELEMENT_PACKED (3 * LAYOUT_BYTES + sizeof(uint64_t)) /* the largest stride */

static inline uint8_t *element_at(const fbn_nat_elements *elements, size_t index)
{
        return elements->bytes + index * elements->stride;
}

/* One element as read or to be sent. */
struct element {
        uint8_t first[LAYOUT_BYTES], last[LAYOUT_BYTES], data[LAYOUT_BYTES];
        uint64_t timeout_ms, expires_ms, packets, bytes;
};

int elements_new(fbn_context *c, const char *name, const struct set_shape *shape, fbn_nat_elements **ret_elements);
int elements_append_packed(fbn_context *c, fbn_nat_elements *elements, const uint8_t *packed);
int elements_append(fbn_context *c, fbn_nat_elements *elements, const struct element *element);
/* In order of their keys, each once; refuses overlaps unless the smaller one says nothing of its own. */
int elements_sort(fbn_context *c, fbn_nat_elements *elements, bool cover);
/* The element of the same key, NULL if there is none; sorted before. */
const uint8_t *elements_find(const fbn_nat_elements *elements, const struct element *element);
bool element_same(const fbn_nat_elements *elements, const uint8_t *packed, const struct element *element);
void element_format(const fbn_nat_elements *elements, const uint8_t *packed, char buffer[VALUE_TEXT]);

/* Their order: by key, of two that begin alike the larger one first. */
int elements_order(const fbn_nat_elements *elements, const uint8_t *a, const uint8_t *b);

/* One change of a set's elements. */
struct change {
        fbn_nat_elements *given; /* sorted */
        fbn_nat_elements_verb verb;
        struct netlink *netlink;
};

#define CHANGE_TRIES 5
/* 0, 1 when the answers were lost, or a failure that names the element. */
int change_exchange(fbn_context *c, const struct change *change, struct netlink_batch *batch);
int change_fail_lost(fbn_context *c);
uint64_t milliseconds_now(void);

/* Messages that add (NFT_MSG_NEWSETELEM), delete (NFT_MSG_DELSETELEM) or ask for (NFT_MSG_GETSETELEM) these elements; of a set that has
 * a number in this transaction, that. Without elements a deletion empties the set. */
void elements_put(struct netlink_batch *batch, uint16_t type, const fbn_nat_elements *elements, uint32_t id);

/* Which of the elements a refusal is about, by the place in the message that the kernel pointed at; NULL if it did not. */
const uint8_t *element_refused(const fbn_nat_elements *elements, const struct nlmsghdr *message, uint32_t offset);

/* The next element of a streaming read: 1, or 0 at the end. */
int reader_next(fbn_context *c, fbn_nat_reader *reader, struct element *ret_element);

/* The elements in one message of a dump. reader_feed() borrows the message until reader_take() has given all: 1, 0 if there are no more. */
void reader_feed(fbn_nat_reader *reader, const struct nlmsghdr *message);
int reader_take(fbn_context *c, fbn_nat_reader *reader, struct element *ret_element);
int reader_make(fbn_context *c, const struct set_shape *shape, fbn_nat_reader **ret_reader);

#endif
