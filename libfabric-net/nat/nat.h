/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NAT_NAT_H
#define NAT_NAT_H

#include "nat/set.h"

#include <libnftnl/rule.h>
#include <linux/netfilter/nf_tables.h>

struct fbn_nat {
        unsigned references;
        struct arena arena;
        fbn_nat_rule *items;
        size_t count, capacity;
        fbn_nat_set *sets;
        size_t n_sets, sets_capacity;
        uint32_t *table; /* by name: places in items, from 1; 0: free */
        size_t table_size; /* a power of two */
};

/* Whether a rule can be had, and which one member spoils it. */
int rule_validate(fbn_context *c, const fbn_nat_rule *rule);
/* The number of a protocol's name; false if it is none of ours. */
bool protocol_number(const char *name, uint8_t *ret_number);
const char *protocol_name(uint8_t number); /* NULL if it is none of ours */
/* Mask 0 with a mark stands for all bits. */
uint32_t full_mask(uint32_t mark, uint32_t mask);
/* "new,established" as NF_CT_STATE_BIT()s; false if a word is none of them. */
bool states_parse(const char *text, uint32_t *ret_states);
/* In one order, each once. */
void states_format(uint32_t states, struct text *text);
/* A rule in words, for changes: "masquerade from 192.168.8.0/24 out eth0". */
void rule_describe(const fbn_nat_rule *rule, struct text *text);

/* A copy, not validated: what the kernel has may be of any kind. */
int nat_append(fbn_context *c, fbn_nat *nat, const fbn_nat_rule *rule);
const fbn_nat_rule *nat_find(const fbn_nat *nat, const char *name, size_t *ret_index);
/* Make them a copy of the arena's: without host bits, sorted, each once. The same set of addresses always gives the same kernel rules. */
bool copy_prefixes(struct arena *arena, const fbn_prefix **prefixes, size_t *count);

enum chain {
        CHAIN_POSTROUTING,
        CHAIN_FORWARD,
        CHAIN_OUTPUT,
        CHAIN_INPUT,
        CHAIN_MSS,         /* forwarded packets, whatever the rules of CHAIN_FORWARD say */
        CHAIN_OFFLOAD,     /* those that all filters let pass */
        CHAIN_ARRIVAL,     /* before connection tracking */
        CHAIN_MARK,        /* before routing and everybody's DNAT */
        CHAIN_PREROUTING,
        CHAIN_OUTPUT_RAW,  /* the same three for what is made here */
        CHAIN_OUTPUT_MARK,
        CHAIN_OUTPUT_NAT,
        CHAIN_COUNT
};

struct chain_shape {
        const char *name, *type;
        uint32_t hook;
        int32_t priority;
};

extern const struct chain_shape chain_shapes[CHAIN_COUNT];

bool rule_in_chain(const fbn_nat_rule *rule, enum chain chain);

/* What a kernel object of ours carries of ours: attributes of one byte type, one byte length, as libnftnl lays them out. */
struct userdata {
        uint8_t bytes[NFT_USERDATA_MAXLEN];
        uint32_t length;
        bool full; /* something did not fit */
};

/* One rule of the kernel's. A rule of ours becomes one for each pair of its sources and destinations, in each chain of its kind: thus
 * no sets are needed, a mixed list of families is nothing special, and the record of each fits into its userdata. */
struct kernel_rule {
        fbn_nat_rule record; /* what it was made from: one source and one destination at most; name NULL if it is not ours */
        struct userdata userdata;
        struct nftnl_rule *nftnl;
        uint64_t handle;          /* of those read */
        struct kernel_rule *same; /* of those wanted: what was read of it, where nobody changed it */
        bool kept;                /* stands as it is, where it is */
};

struct kernel_rules {
        struct kernel_rule *items;
        size_t count, capacity;
        uint64_t highest; /* handle of those that were read */
};

#define FLOWTABLE "offload"

/* Our flow table: the kernel has a link in one flow table of a table at most, so there is one for all rules. */
struct flowtable {
        const char **devices; /* sorted, each once; none: there is no flow table */
        size_t count, capacity;
        bool exists;          /* the kernel has one, maybe with other properties or without links */
        bool kept;
};

/* Our table: as the kernel has it, or as it should be. */
struct ruleset {
        struct arena arena;
        struct kernel_sets sets;
        struct flowtable flowtable;
        struct kernel_rules chains[CHAIN_COUNT];
        bool present[CHAIN_COUNT]; /* which chains the kernel has */
        uint32_t n_rules[CHAIN_COUNT]; /* by the kernel's own count */
        bool exists;               /* the kernel has a table of our name */
        bool ours;                 /* with our mark */
        bool bent;                 /* the table or its chains are not as we make them */
        bool dormant;              /* the table: its chains are off the hooks */
        bool owned;                /* the table has flags that cannot be taken back */
        bool reshaped;             /* a set or the flow table has to be made anew: rules that name it, too */
        const char **chain_names;  /* all chains of the table, whosever */
        size_t n_chain_names, chain_names_capacity;
        uint32_t generation;       /* of the whole kernel ruleset when this was read */
};

void flowtable_free(struct flowtable *flowtable);
int flowtable_expand(fbn_context *c, const fbn_nat *want, struct ruleset *ruleset);
int flowtable_read(fbn_context *c, struct netlink *netlink, struct ruleset *ruleset);
void flowtable_compare(struct ruleset *want, struct ruleset *have);
int flowtable_changes(fbn_context *c, const struct ruleset *want, const struct ruleset *have, fbn_changes *changes);
/* Made before the rules that name it, removed after them. */
void flowtable_put_new(struct netlink_batch *batch, const struct ruleset *want, const struct ruleset *have);
void flowtable_put_gone(struct netlink_batch *batch, const struct ruleset *want, const struct ruleset *have);
/* Why the kernel refused it. */
int flowtable_refused(fbn_context *c, const fbn_nat *want, int os_errno, const char *text);

void kernel_rules_free(struct kernel_rules *rules);
void ruleset_free(struct ruleset *ruleset);
int ruleset_expand(fbn_context *c, const fbn_nat *want, struct ruleset *ret_ruleset);
/* -FBN_EUNSUPPORTED where there is no nftables. */
int generation_read(fbn_context *c, struct netlink *netlink, uint32_t *ret_generation);
int ruleset_read(fbn_context *c, struct netlink *netlink, struct ruleset *ret_ruleset);
/* Put rules of the same name together again, in an order that each chain agrees with. */
int ruleset_collect(fbn_context *c, const struct ruleset *ruleset, fbn_nat **ret_nat);

/* Userdata: our mark on the table; a rule's name (as a comment, which nft shows) and record. Decoding puts texts and prefixes into the
 * arena: 1 if it is ours, 0 if not, or -FBN_ENOMEM without an error set. */
void table_mark(struct userdata *ret_userdata);
/* The mark alone, and that of a set, with what nft needs to show its elements. */
void userdata_mark(struct userdata *ret_userdata);
void sets_mark(const struct set_shape *shape, struct userdata *ret_userdata);
bool table_is_marked(const void *bytes, size_t length);
void record_encode(const fbn_nat_rule *record, struct userdata *ret_userdata);
int record_decode(struct arena *arena, const void *bytes, size_t length, fbn_nat_rule *ret_record);

/* The kernel's form of a record that looks into these sets; NULL without memory. */
struct nftnl_rule *expressions_build(const fbn_nat_rule *record, enum chain chain, const struct userdata *userdata,
                                    const struct kernel_sets *sets);
/* Counters aside. */
bool expressions_equal(const struct nftnl_rule *a, const struct nftnl_rule *b);
void expressions_read_counter(const struct nftnl_rule *rule, uint64_t *ret_packets, uint64_t *ret_bytes);
void expressions_write_counter(const struct nftnl_rule *rule, uint64_t packets, uint64_t bytes);

/* Find what stands already: sets same and kept; in a bent table nothing is kept. */
int ruleset_compare(fbn_context *c, struct ruleset *want, struct ruleset *have);
/* What is wanted, then the rules of ours that look into sets of ours which are not declared, and those sets. */
int nat_with_standing_sets(fbn_context *c, const fbn_nat *want, const struct ruleset *have, fbn_nat **ret_nat);
/* What the difference is in terms of the caller's rules. */
int ruleset_changes(fbn_context *c, const fbn_nat *want, const struct ruleset *wanted, const struct ruleset *have, fbn_changes **ret_changes);

/* The messages of one transaction that turns have into wanted, compared before. A bent table is made anew in it. */
void transaction_build(struct netlink_batch *batch, const struct ruleset *wanted, const struct ruleset *have);
/* A dormant table is changed asleep, then woken by a transaction of its own: the kernel refuses both in one. Source: __NFT_TABLE_F_UPDATE in
 * net/netfilter/nf_tables_api.c. */
bool transaction_wakes(const struct ruleset *wanted, const struct ruleset *have);
void transaction_build_waking(struct netlink_batch *batch);

/* The first and last message of a transaction; the kernel refuses it if the ruleset is not of this generation any more, unless NULL. */
void transaction_begin(struct netlink_batch *batch, const uint32_t *generation);
void transaction_end(struct netlink_batch *batch);

/* What a refusal means: message was refused by answer. Returns a failure. */
typedef int (*transaction_refused)(fbn_context *c, const struct nlmsghdr *message, const struct nlmsghdr *answer, void *data);
int transaction_exchange(fbn_context *c, struct netlink *netlink, struct netlink_batch *batch, transaction_refused refused, void *data);

/* Send it. Returns 0 when the kernel took all of it; -FBN_ESTALE when the ruleset changed since it was read; 1 when the kernel's answers
 * were lost, so that only reading again tells; on a failure nothing changed and the message names the rule of want. */
int transaction_send(fbn_context *c, struct netlink *netlink, struct netlink_batch *batch, const fbn_nat *want);

/* A message to the kernel's nftables, to be closed by netlink_batch_end(). */
struct nlmsghdr *message_begin(struct netlink_batch *batch, uint16_t type, uint16_t flags);
/* The same with room for so many bytes; NULL without memory. */
struct nlmsghdr *message_begin_long(struct netlink_batch *batch, uint16_t type, uint16_t flags, size_t room);
/* The same alone in a buffer of at least NETLINK_MESSAGE bytes. */
struct nlmsghdr *message_new(void *buffer, uint16_t type);
/* An attribute of a message, NULL if it has none of that type; as text, "" if it has none. */
const struct nlattr *message_attribute(const struct nlmsghdr *message, uint16_t type);
const struct nlattr *message_nested(const struct nlattr *nest, uint16_t type);
const char *message_text(const struct nlmsghdr *message, uint16_t type);
/* The generation in a reply to NFT_MSG_GETGEN. */
uint32_t message_generation(const struct nlmsghdr *message);

#endif
