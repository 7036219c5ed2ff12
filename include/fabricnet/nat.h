/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_NAT_H
#define FABRICNET_NAT_H

#include <fabricnet/changes.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The name of our table, in the family inet. */
#define FBN_NAT_TABLE "fabricnet"

typedef enum fbn_nat_kind {
        FBN_NAT_MASQUERADE = 1, /**< postrouting: leave with the outgoing link's address */
        FBN_NAT_ACCEPT = 2,     /**< forward: let pass, as far as our table decides; other tables may still drop */
        FBN_NAT_DROP = 3,       /**< forward: drop */
        FBN_NAT_CLAMP_MSS = 4,  /**< forward: lower the MSS of TCP connections to the path's MTU, or to mss */
        FBN_NAT_KEEP_OUT = 5    /**< output and forward: drop locally made and forwarded packets alike */
} fbn_nat_kind;

/**
 * A rule of ours. What is not given matches all; of several sources (destinations) any one matches, of both families if given. Rules of
 * one chain are tried in order, the first ACCEPT, DROP or KEEP_OUT that matches decides. Links need not exist yet.
 */
typedef struct fbn_nat_rule {
        size_t size;
        fbn_nat_kind kind;
        const char *name; /**< unique, 1 to 64 bytes, no quote; how errors, changes and nft(8) call it */
        const fbn_prefix *sources;
        size_t n_sources;
        const fbn_prefix *destinations;
        size_t n_destinations;
        const char *in_device; /**< not with FBN_NAT_KEEP_OUT: locally made packets come from no link */
        const char *out_device;
        const char *protocol; /**< "tcp", "udp", "icmp" (IPv4), "icmpv6"; NULL: any, with FBN_NAT_CLAMP_MSS TCP */
        uint16_t source_port; /**< ports need "tcp" or "udp" */
        uint16_t destination_port;
        uint32_t mark, mark_mask; /**< packet mark; mask 0 with a mark: all bits */
        bool established; /**< only packets of connections that are established or related */
        uint16_t mss; /**< FBN_NAT_CLAMP_MSS: bytes; 0: to the path MTU of the route; never raised */
        uint64_t packets, bytes; /**< read only: the rule's counter */
} fbn_nat_rule;

/** The content of our table, wanted or read. */
typedef struct fbn_nat fbn_nat;

/** Make an empty one. Returns 0 or -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_nat_new(fbn_context *c, fbn_nat **ret_nat);
/**
 * Append a copy of a rule.
 *
 * The copy's prefixes have no host bits, are sorted, and each is there once. Rules that could match nothing are refused.
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
 * The order is the kernel's: masquerades first, then the rest as tried. Rules in our table that are not ours are left out.
 *
 * @param ret_nat  a snapshot, owned by the caller; untouched on failure
 * @return 0, -FBN_ENOENT if there is no table of ours, -FBN_EPERM, -FBN_EUNSUPPORTED (no nftables), -FBN_EINTERRUPTED (somebody else kept
 *         changing the ruleset)
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_nat_get(fbn_context *c, fbn_nat **ret_nat);

typedef struct fbn_nat_apply_options {
        size_t size;
        bool dry_run; /**< say what would be done, send nothing */
} fbn_nat_apply_options;

/**
 * Make our table as wanted in one transaction; other tables are not looked at. Unchanged rules keep their counters; a second call
 * sends nothing. What somebody changed by hand inside our table is undone. Wanting no rules removes the table.
 *
 * @param want         borrowed
 * @param options      NULL for the defaults
 * @param ret_changes  what was done; owned by the caller, may be NULL; untouched on failure
 * @return the number of changes, or
 *         -FBN_ECONFLICT     a table of our name is not ours (it lacks our mark); nothing changed
 *         -FBN_EUNSUPPORTED  the kernel lacks an expression; the message names the rule and the kernel's module
 *         -FBN_EPERM, -FBN_ESTALE (somebody else kept changing the ruleset)
 *         All or nothing: on a failure the ruleset is as it was, except that after -FBN_ECANCELED or -FBN_ETIMEOUT the kernel may have
 *         taken the transaction whole; fbn_nat_get() tells.
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_nat_apply(fbn_context *c, const fbn_nat *want, const fbn_nat_apply_options *options, fbn_changes **ret_changes);

/**
 * Look for other people's reverse-path rules, "fib saddr . mark . iif" as the NixOS firewall and firewalld have them. Such a rule drops
 * flows that come in by one layer and leave by the other, whatever rp_filter says.
 *
 * @param ret_where  "table inet nixos-fw, chain rpfilter", several joined by "; ", "" for none; owned by the caller, fbn_free();
 *                   untouched on failure
 * @return how many rules, or -FBN_EPERM, -FBN_EINTERRUPTED
 *
 * Thread: the context's. Since 0.1. Source: nft(8), FIB EXPRESSIONS.
 */
FBN_PUBLIC int fbn_nat_reverse_path(fbn_context *c, char **ret_where);

FBN_DEFINE_CLEANUP(fbn_nat)

#ifdef __cplusplus
}
#endif

#endif
