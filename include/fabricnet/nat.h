/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_NAT_H
#define FABRICNET_NAT_H

#include <fabricnet/changes.h>
#include <fabricnet/monitor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The name of our table, in the family inet. */
#define FBN_NAT_TABLE "fabricnet"

/** What a rule does, and with which packets. */
typedef enum fbn_nat_kind {
        FBN_NAT_MASQUERADE = 1, /**< leave with the outgoing link's address */
        FBN_NAT_ACCEPT = 2,     /**< let pass, as far as our table decides; other tables may still drop */
        FBN_NAT_DROP = 3,       /**< drop; without conditions, added last: a policy for all that no rule before it decided */
        FBN_NAT_CLAMP_MSS = 4,  /**< forwarded: lower the MSS of TCP connections to the path's MTU, or to mss, also of what is accepted */
        FBN_NAT_KEEP_OUT = 5,   /**< drop locally made and forwarded packets alike */
        FBN_NAT_SNAT = 6,       /**< leave with the address "to" */
        FBN_NAT_DNAT = 7,       /**< port forward: go on to the address "to", and to_port if given */
        FBN_NAT_REDIRECT = 8,   /**< go to this host itself, to to_port if given */
        FBN_NAT_COUNT = 9,      /**< decide nothing: count, and log if asked to */
        FBN_NAT_SET_MARK = 10,  /**< packet mark = set_mark, for arriving and locally made packets, before they are routed */
        FBN_NAT_SAVE_MARK = 11, /**< connection mark = packet mark, at the same place */
        FBN_NAT_RESTORE_MARK = 12, /**< packet mark = connection mark, at the same place */
        FBN_NAT_NOTRACK = 13,   /**< no connection tracking for arriving and locally made packets */
        FBN_NAT_OFFLOAD = 14    /**< a flow table for established TCP and UDP connections between in_device and out_device: their packets, both
                                     ways, then pass by all chains but those of arrival; only the packets before that are counted. The links
                                     must exist. What any chain of filter priority (0) drops is never offloaded */
} fbn_nat_kind;

/** Where ACCEPT, DROP and COUNT look; DNAT and REDIRECT look at arriving packets, or at OUTPUT. */
typedef enum fbn_nat_place {
        FBN_NAT_FORWARD = 1, /**< at what this host forwards; the default */
        FBN_NAT_INPUT = 2,   /**< at what is for this host */
        FBN_NAT_OUTPUT = 3,  /**< at what this host makes */
        FBN_NAT_ARRIVAL = 4  /**< at all that arrives, before connection tracking and everybody's DNAT */
} fbn_nat_place;

/**
 * A rule of ours. What is not given matches all; of several sources (destinations) any one matches, of both families if given. Rules of
 * one place are tried in order, the first ACCEPT, DROP or KEEP_OUT that matches decides; a connection is translated by the first rule
 * that matches its first packet. Links need not exist yet, but for OFFLOAD. Matched are a packet's addresses and ports as they are at the
 * rule's place: where packets are forwarded, DNAT has been done.
 */
typedef struct fbn_nat_rule {
        size_t size;
        fbn_nat_kind kind;
        fbn_nat_place at; /**< 0: FORWARD with ACCEPT, DROP and COUNT, arriving packets with DNAT and REDIRECT; else the kind says it */
        const char *name; /**< unique, 1 to 64 bytes, no quote; how errors, changes and nft(8) call it */
        const fbn_prefix *sources;
        size_t n_sources;
        const fbn_prefix *destinations;
        size_t n_destinations;
        const char *source_set; /**< a set declared beside the rules: packets whose source is in it. Of a key of several types each is matched:
                                     ifname is in_device, mark the packet's mark; a second address or port is the destination's */
        const char *destination_set; /**< the same of the destination; ifname is out_device, a second address or port the source's */
        bool local; /**< only packets to an address of this host, whichever; for what arrives, comes in or is made here */
        const char *in_device; /**< not for locally made packets: they come from no link */
        const char *out_device; /**< not for packets that arrive or come in: they have no outgoing link yet */
        const char *protocol; /**< "tcp", "udp", "icmp" (IPv4), "icmpv6"; NULL: any, with FBN_NAT_CLAMP_MSS TCP */
        uint16_t source_port, source_port_last; /**< ports need "tcp" or "udp"; last: of a range, 0: just the one */
        uint16_t destination_port, destination_port_last;
        uint32_t mark, mark_mask; /**< packet mark; mask 0 with a mark: all bits */
        uint32_t connection_mark, connection_mark_mask; /**< the same of the connection */
        const char *states; /**< of the connection, with commas: "new", "established", "related", "invalid", "untracked" */
        bool dnat; /**< only packets of connections whose destination was translated, by whomever */
        uint32_t rate, rate_seconds, burst; /**< match at most rate packets in rate_seconds (0: 1; 60, 3600, 86400), burst (0: 5) at once */
        const char *log; /**< log what matches, with this before it: 1 to 64 bytes, no quote */
        uint16_t log_group; /**< to this group of nflog; 0: to the kernel's log */
        uint8_t log_level; /**< in the kernel's log, 1 (alert) to 7 (debug); 0: 4 (warning) */
        uint16_t mss; /**< FBN_NAT_CLAMP_MSS: bytes; 0: to the path MTU of the route; never raised */
        fbn_address to; /**< SNAT, DNAT: the new address */
        const char *to_map; /**< DNAT, in place of "to": a map declared beside the rules, its data "ipv4_addr" or "ipv6_addr", or those with
                                 " . inet_service"; its key is matched as that of destination_set, and what is not in it stays as it is */
        uint16_t to_port; /**< the new port; with DNAT and a range of destination ports the first of as many, each keeps its place */
        uint16_t to_port_last; /**< to_port begins a range that the kernel chooses from; same as to_port: all go to that one */
        bool random; /**< MASQUERADE, SNAT: choose the source port at random */
        uint8_t hairpin; /**< DNAT: length of the prefix around "to" whose hosts get to it by way of us as well: they are masqueraded, as the
                              answers would pass us by; 0: they are not */
        uint32_t set_mark; /**< SET_MARK */
        uint32_t set_mark_mask; /**< SET_MARK: only these bits; SAVE_MARK, RESTORE_MARK: these, others become 0; 0: all bits */
        uint64_t packets, bytes; /**< read only: the rule's counter */
} fbn_nat_rule;

/** The content of our table, wanted or read. */
typedef struct fbn_nat fbn_nat;

/** Make an empty one. Returns 0 or -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_nat_new(fbn_context *c, fbn_nat **ret_nat);
/**
 * Append a copy of a rule.
 *
 * The copy's prefixes have no host bits, are sorted, and each is there once. Rules that could match nothing are refused, and so are
 * members that mean nothing to the kind.
 *
 * A range of ports that DNAT shifts is shown by nft(8) as a range to choose from: its syntax has no word for the kernel's flag
 * NF_NAT_RANGE_PROTO_OFFSET.
 *
 * @return 0, -FBN_EINVAL (and why), -FBN_EEXIST (the name is taken), -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_nat_add(fbn_context *c, fbn_nat *nat, const fbn_nat_rule *rule);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_nat *fbn_nat_ref(fbn_nat *nat);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_nat *fbn_nat_unref(fbn_nat *nat);
/** How many rules; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_nat_count(const fbn_nat *nat);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_nat_rule *fbn_nat_at(const fbn_nat *nat, size_t index);

/**
 * Read our table back.
 *
 * Each rule is what its own record says, with its counter, whatever somebody changed by hand: fbn_nat_apply() finds and undoes that.
 * The order is the kernel's: what is done to leaving packets first, then forwarded and local ones, then arriving ones; of each as tried: to
 * apply what was read changes nothing.
 * Rules in our table that are not ours are left out.
 *
 * @param ret_nat  a snapshot, owned by the caller; untouched on failure
 * @return 0, -FBN_ENOENT if there is no table of ours, -FBN_EPERM, -FBN_EUNSUPPORTED (no nftables), -FBN_EINTERRUPTED (somebody else kept
 *         changing the ruleset)
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_nat_get(fbn_context *c, fbn_nat **ret_nat);

/**
 * The number of the state of the whole ruleset in this namespace: each transaction, whoever's, gives another.
 *
 * Who changes what stands, rather than declaring all of it, asks for it before reading, and applies with the option "generation": then what
 * somebody else did in between is not undone.
 *
 * @param ret_generation  never 0; untouched on failure
 * @return 0, -FBN_EPERM, -FBN_EUNSUPPORTED (no nftables)
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_nat_generation(fbn_context *c, uint32_t *ret_generation);

typedef struct fbn_nat_apply_options {
        size_t size;
        bool dry_run;   /**< say what would be done, send nothing */
        bool keep_sets; /**< leave sets that are not declared with what they hold, and the rules that look into them: bans that somebody made
                             by hand. Those rules come after the declared ones of their place */
        uint32_t generation; /**< what is wanted was made from what stood then: refuse it with -FBN_ESTALE if the ruleset has changed since; 0:
                                  whatever stands is replaced */
} fbn_nat_apply_options;

/**
 * Make our table as wanted in one transaction; other tables are not looked at. Unchanged rules keep their counters; a second call
 * sends nothing. What somebody changed by hand inside our table is undone. Wanting no rules removes the table.
 * A table that somebody made dormant is changed while it sleeps, then woken by a second transaction, because the kernel refuses both in
 * one: if that fails, it sleeps on as changed.
 *
 * @param want         borrowed
 * @param options      NULL for the defaults
 * @param ret_changes  what was done; owned by the caller, may be NULL; untouched on failure
 * @return the number of changes, or
 *         -FBN_ECONFLICT     a table of our name is not ours (it lacks our mark); nothing changed
 *         -FBN_EUNSUPPORTED  the kernel lacks an expression or flow tables; the message names the rule and the kernel's module
 *         -FBN_ENOENT        a link of a rule that offloads does not exist (before Linux 6.16; later kernels wait for it)
 *         -FBN_EPERM, -FBN_ESTALE (somebody else kept changing the ruleset, or has changed it since the generation of the options)
 *         All or nothing: on a failure the ruleset is as it was, except that after -FBN_ECANCELED or -FBN_ETIMEOUT the kernel may have
 *         taken the transaction whole; fbn_nat_get() tells.
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_nat_apply(fbn_context *c, const fbn_nat *want, const fbn_nat_apply_options *options, fbn_changes **ret_changes);

/** How somebody else's table can undo what ours allows. */
typedef enum fbn_nat_foreign_kind {
        FBN_NAT_REVERSE_PATH = 1, /**< a rule "fib saddr . mark . iif", or iptables-nft's "-m rpfilter", as the NixOS firewall and firewalld have it:
                                       drops flows that come in by one layer and leave by the other, whatever rp_filter says */
        FBN_NAT_FORWARD_POLICY = 2, /**< a chain that drops forwarded packets which none of its rules accepts, as Docker's and UFW's */
        FBN_NAT_FORWARD_RULES = 3 /**< rules that drop or reject some forwarded packets, in such a chain or below it */
} fbn_nat_foreign_kind;

/** One place outside of our table. A drop in any chain is final, an accept only ends its own: what ours accepts can still be dropped there. */
typedef struct fbn_nat_foreign {
        size_t size;
        fbn_nat_foreign_kind kind;
        const char *where; /**< "table ip filter, chain FORWARD" */
        uint32_t rules;    /**< how many; 0 for a policy */
} fbn_nat_foreign;

/** What was found: a list. */
typedef struct fbn_nat_foreigns fbn_nat_foreigns;

/**
 * Look through other people's tables for what can undo ours.
 *
 * Verdicts that come from maps, iptables-legacy, and programs of other kinds than nftables, are not looked into. In the loose form, without
 * "iif" or with "--loose", a reverse-path rule drops nothing of ours and is not told.
 *
 * @param ret_foreigns  in the kernel's order of tables and chains; owned by the caller; untouched on failure
 * @return how many, or -FBN_EPERM, -FBN_EINTERRUPTED, -FBN_EUNSUPPORTED (no nftables)
 *
 * Thread: the context's. Since 0.1. Source: nft(8), FIB EXPRESSIONS and VERDICT STATEMENT.
 */
FBN_PUBLIC int fbn_nat_foreign_list(fbn_context *c, fbn_nat_foreigns **ret_foreigns);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_nat_foreigns *fbn_nat_foreigns_ref(fbn_nat_foreigns *foreigns);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_nat_foreigns *fbn_nat_foreigns_unref(fbn_nat_foreigns *foreigns);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_nat_foreigns_count(const fbn_nat_foreigns *foreigns);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_nat_foreign *fbn_nat_foreigns_at(const fbn_nat_foreigns *foreigns, size_t index);

FBN_DEFINE_CLEANUP(fbn_nat_foreigns)
/**
 * A set of our table, or with data a map: a list of addresses and the like that grows, shrinks and expires without any rule being touched.
 * Types are nft(8)'s: "ipv4_addr", "ipv6_addr", "inet_service" (a port), "inet_proto" (a protocol), "ifname", "mark"; up to five are joined
 * as "ipv4_addr . inet_service".
 */
typedef struct fbn_nat_set {
        size_t size;
        const char *name;    /**< unique among sets, 1 to 31 bytes: a letter, then letters, digits, "_", "-", "." or "/" */
        const char *key;     /**< type of the elements */
        const char *data;    /**< NULL: a set; a map: type of what each element stands for, or "verdict" */
        bool intervals;      /**< elements may be prefixes and ranges, which must not overlap */
        bool timeouts;       /**< elements may expire */
        uint64_t timeout_ms; /**< when those expire that have no time of their own; 0: never */
        uint32_t limit;      /**< so many elements at most (before Linux 6.14 half as many ranges); 0: as many as there is memory for */
        bool counters;       /**< count the packets of each element */
} fbn_nat_set;

/**
 * Declare a set; fbn_nat_apply() makes it, and keeps the elements of one that stands already with the same properties.
 *
 * A set whose properties change is made anew, empty. A set no longer declared goes with its elements, unless the option keep_sets says
 * otherwise.
 *
 * @param set  borrowed, copied
 * @return 0, -FBN_EINVAL (and why), -FBN_EEXIST (the name is taken), -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1. Source: nft(8), SETS and MAPS.
 */
FBN_PUBLIC int fbn_nat_set_add(fbn_context *c, fbn_nat *nat, const fbn_nat_set *set);
/** How many sets; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_nat_set_count(const fbn_nat *nat);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_nat_set *fbn_nat_set_at(const fbn_nat *nat, size_t index);

/**
 * An element. Texts are nft(8)'s: "192.0.2.1", "192.0.2.0/24", "192.0.2.1-192.0.2.9", "2001:db8::/32", "443", "8000-8099", "tcp", "eth0",
 * "0x10"; of several types joined: "192.0.2.1 . tcp . 443".
 */
typedef struct fbn_nat_element {
        size_t size;
        const char *key;
        const char *data;    /**< of a map: "192.168.8.2 . 8080", of a verdict map "accept" or "drop" */
        uint64_t timeout_ms; /**< 0: the set's */
        uint64_t expires_ms; /**< read only: what is left of it; 0: it stays */
        uint64_t packets, bytes; /**< read only: the element's counter */
} fbn_nat_element;

/** Elements to add to a set, or to take from it: some hundred thousand are no burden (16 bytes each of IPv4 prefixes with timeouts). */
typedef struct fbn_nat_elements fbn_nat_elements;

/**
 * Make an empty list of elements for a set that stands.
 *
 * @param set           name; the kernel is asked for its properties
 * @param ret_elements  owned by the caller; untouched on failure
 * @return 0, -FBN_ENOENT (no such set), -FBN_EPERM, -FBN_EUNSUPPORTED (keys of a type unknown here), -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_nat_elements_new(fbn_context *c, const char *set, fbn_nat_elements **ret_elements);
/** Append one, copied. Returns 0, -FBN_EINVAL (and why), -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_nat_elements_add(fbn_context *c, fbn_nat_elements *elements, const fbn_nat_element *element);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_nat_elements *fbn_nat_elements_ref(fbn_nat_elements *elements);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_nat_elements *fbn_nat_elements_unref(fbn_nat_elements *elements);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_nat_elements_count(const fbn_nat_elements *elements);

typedef enum fbn_nat_elements_verb {
        FBN_NAT_ELEMENTS_ADD = 1,     /**< those that are there already stay as they are (since Linux 6.12 their timeout begins anew) */
        FBN_NAT_ELEMENTS_DELETE = 2,  /**< all must be there */
        FBN_NAT_ELEMENTS_REFRESH = 3  /**< add, and those that are there begin anew: their timeout, their counter; on every kernel */
} fbn_nat_elements_verb;

/**
 * Change a set in one transaction: all or nothing, and no packet sees a half of it.
 *
 * Nothing is merged: with intervals, what lies inside of another element of the list with the same timeout and data is left out of it, any
 * other overlap is refused, in the list and with what stands. Elements are read back exactly as they were added.
 *
 * @param elements  sorted in place; may be sent again
 * @return the number of elements sent, or
 *         -FBN_EEXIST   an element overlaps one that is in the set; both are named
 *         -FBN_EINVAL   two of the list overlap; both are named
 *         -FBN_ENOENT   an element to delete is not in the set, or there is no such set any more
 *         -FBN_ESYSTEM  the set is full (errno ENFILE), or the kernel's answers were lost (ENOBUFS) again and again
 *         -FBN_EPERM, -FBN_ENOMEM; after -FBN_ECANCELED or -FBN_ETIMEOUT the kernel may have taken it whole
 *
 * Thread: the context's. Since 0.1. Source: nf_tables_newsetelem() in net/netfilter/nf_tables_api.c.
 */
FBN_PUBLIC int fbn_nat_elements_send(fbn_context *c, fbn_nat_elements *elements, fbn_nat_elements_verb verb);

/**
 * Make a set have exactly these elements: only the difference is sent, in one transaction. What stands with the same timeout and data goes
 * on as it is. Without any element the set is emptied.
 *
 * What stands is read first, which takes longer than loading the set anew (see fbn_nat_reader_new()); unless it is known: from the list
 * that was sent last. A known list that turns out to be wrong, by the kernel's refusal or (since Linux 6.17) by the number of elements, is
 * not used: the set is read after all. Of a known list sent by this process elements are left out whose time has passed since.
 *
 * @param elements  sorted in place; may be the list known of the next call
 * @param known     NULL: read the set. Else what is in it: a list for the same set; sorted in place
 * @return the number of differences (0 of a set that was emptied), or as fbn_nat_elements_send(), or -FBN_ESTALE or -FBN_EINTERRUPTED
 *         (somebody else kept changing the ruleset)
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_nat_elements_replace(fbn_context *c, fbn_nat_elements *elements, fbn_nat_elements *known);

/** A set being read, element by element; nothing else reads elements. */
typedef struct fbn_nat_reader fbn_nat_reader;

/**
 * Begin to read a set's elements, on a socket of its own. The kernel's time for it grows with the square of their number: a hundred
 * thousand intervals take more than a second.
 *
 * @param ret_reader  owned by the caller; untouched on failure
 * @return 0, -FBN_ENOENT (no such set), -FBN_EPERM, -FBN_EUNSUPPORTED, -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_nat_reader_new(fbn_context *c, const char *set, fbn_nat_reader **ret_reader);
/**
 * The next element, in the kernel's order (intervals from the highest to the lowest).
 *
 * @param ret_element  borrowed until the next call; untouched at the end and on failure
 * @return 1, 0 at the end, -FBN_EINTERRUPTED (the ruleset changed meanwhile: what was read may be incomplete, read again), -FBN_ECANCELED
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_nat_reader_next(fbn_context *c, fbn_nat_reader *reader, const fbn_nat_element **ret_element);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_nat_reader *fbn_nat_reader_ref(fbn_nat_reader *reader);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_nat_reader *fbn_nat_reader_unref(fbn_nat_reader *reader);

typedef struct fbn_nat_monitor_options {
        size_t size;
        bool all;              /**< every table, not only ours */
        bool existing;         /**< begin with what is there, as added */
        uint32_t buffer_bytes; /**< room in the kernel for what was not yet read; 0: 1 MiB. More takes the privilege, else less is given */
} fbn_nat_monitor_options;

/**
 * Watch our nftables table, or all: what was done to it, and by whom, such as somebody's "nft flush ruleset".
 *
 * Types of events: "table", "chain", "rule" and "set", with by and pid of the process whose transaction it was; rules of ours have their
 * name in the object. Elements are only counted: CHANGED, "set", field "elements", once for each transaction. When notifications had to
 * be dropped, RESYNC is followed by what differs since, of which it is not known who did it; elements are not told then.
 *
 * @param options      NULL for the defaults
 * @param ret_monitor  tells what happens from now on; owned by the caller, fbn_monitor_unref(); untouched on failure
 * @return 0, -FBN_EPERM, -FBN_EUNSUPPORTED (no nftables), -FBN_EINTERRUPTED, -FBN_ESYSTEM, -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1. Source: net/netfilter/nf_tables_api.c, nf_tables_gen_notify().
 */
FBN_PUBLIC int fbn_nat_monitor_new(fbn_context *c, const fbn_nat_monitor_options *options, fbn_monitor **ret_monitor);

/**
 * A ban: packets from its addresses are dropped on arrival, before connection tracking and before anybody's DNAT, Docker's too.
 *
 * It is six sets with counters and timeouts, and a rule for each: NAME-ipv4 and NAME-ipv6 have hosts, NAME-ipv4-nets and NAME-ipv6-nets
 * prefixes (hosts apart, because those are found by their hash); what is in NAME-never-ipv4 and NAME-never-ipv6 (both take prefixes) passes
 * this and all later bans. Elements come and go by fbn_nat_elements_send().
 */
typedef struct fbn_nat_ban {
        size_t size;
        const char *name;      /**< 1 to 16 bytes, as a set's; fbn_nat_get() shows its sets and rules */
        const char *in_device; /**< only what comes in by this link; NULL: by any */
        uint64_t timeout_ms;   /**< of elements without their own; 0: they stay */
        uint32_t limit;        /**< elements in each set at most; 0: as many as there is memory for */
} fbn_nat_ban;

/** Add a ban's sets and rules. Returns 0, -FBN_EINVAL (and why), -FBN_EEXIST (a name is taken), -FBN_ENOMEM; some may then have been added. Since 0.1. */
FBN_PUBLIC int fbn_nat_ban_add(fbn_context *c, fbn_nat *nat, const fbn_nat_ban *ban);

/** The table that a trace makes, in the family inet; gone with the trace. */
#define FBN_NAT_TRACE_TABLE "fabricnet-trace"

typedef enum fbn_nat_trace_kind {
        FBN_NAT_TRACE_HOOK = 1,   /**< the packet reached a hook: "prerouting", "input", "forward", "output", "postrouting" */
        FBN_NAT_TRACE_RULE = 2,   /**< a rule matched it */
        FBN_NAT_TRACE_RETURN = 3, /**< it came back from a chain */
        FBN_NAT_TRACE_POLICY = 4, /**< it came to the end of a base chain */
        FBN_NAT_TRACE_FATE = 5    /**< no more was heard of it: verdict and why say what became of it */
} fbn_nat_trace_kind;

/** One step of a packet. Members that its messages did not have are zero or NULL. */
typedef struct fbn_nat_trace {
        size_t size;
        fbn_nat_trace_kind kind;
        uint32_t id;          /**< of the packet, the kernel's; the same in all hooks */
        const char *hook;     /**< where it is */
        const char *family;   /**< of the table: "ip", "ip6", "inet" … */
        const char *table;
        const char *chain;
        uint64_t handle;      /**< of the rule */
        const char *rule;     /**< its comment, which of ours is its name */
        const char *verdict;  /**< "accept", "drop", "continue", "jump", "goto", "return", "queue", "stolen"; of a fate "delivered", "sent",
                                   "dropped", "unrouted", "lost" */
        const char *target;   /**< chain that it jumps to */
        const char *why;      /**< FBN_NAT_TRACE_FATE: in words */
        uint32_t mark;
        const char *in_device;
        const char *out_device;
        fbn_address source;
        fbn_address destination; /**< as in this hook: after DNAT the new one, from the next hook on */
        uint8_t ip_protocol;
        uint16_t source_port;
        uint16_t destination_port;
        uint32_t length;      /**< bytes of the packet */
} fbn_nat_trace;

/** Which packets to follow; what is not given matches all. */
typedef struct fbn_nat_trace_options {
        size_t size;
        fbn_prefix source;
        fbn_prefix destination;  /**< as the packet comes in or is sent: before DNAT */
        const char *protocol;    /**< "tcp", "udp", "icmp", "icmpv6" … */
        uint16_t source_port;    /**< ports need "tcp" or "udp" */
        uint16_t destination_port;
        const char *in_device;   /**< only packets that come in there, none that this host sends */
        uint32_t rate;           /**< packets a second, at most; 0: 100 */
} fbn_nat_trace_options;

/**
 * Follow packets through the whole ruleset, everybody's tables, as nft(8) does with "monitor trace", and say what became of each.
 *
 * Makes a table of its own that marks the packets (nftrace) and sees which hooks they reach, before everybody else's chains of priority
 * -350 and above; it belongs to the trace's socket, so that the kernel removes it with the trace or with a process that dies. Events are of
 * the kind FBN_EVENT_TRACED. A packet that passes prerouting and reaches neither input nor forward was dropped by the choice of its
 * route or by the reverse-path filter, which no rule sees: "unrouted"; fbn_rpfilter_ask() tells which.
 *
 * @param options      NULL: all packets
 * @param ret_monitor  owned by the caller, fbn_monitor_unref(); untouched on failure
 * @return 0, -FBN_EINVAL, -FBN_EEXIST (another trace is running in this namespace), -FBN_ECONFLICT (a table of that name is somebody else's),
 *         -FBN_EUNSUPPORTED (needs Linux 5.12), -FBN_EPERM; fbn_monitor_process() gives -FBN_EPROTOCOL
 *
 * Thread: the context's. Since 0.1. Source: net/netfilter/nf_tables_trace.c.
 */
FBN_PUBLIC int fbn_nat_trace_new(fbn_context *c, const fbn_nat_trace_options *options, fbn_monitor **ret_monitor);

FBN_DEFINE_CLEANUP(fbn_nat)
FBN_DEFINE_CLEANUP(fbn_nat_elements)
FBN_DEFINE_CLEANUP(fbn_nat_reader)

#ifdef __cplusplus
}
#endif

#endif
