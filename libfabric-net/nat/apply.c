/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include <inttypes.h>

#define APPLY_TRIES 5

static int netfilter(fbn_context *c, struct netlink **ret_netlink)
{
        int r = netlink_get(c, NETLINK_NETFILTER, ret_netlink);

        return r < 0 ? fail_in(c, r, "nat") : 0;
}

int fbn_nat_get(fbn_context *c, fbn_nat **ret_nat)
{
        _cleanup_(ruleset_free) struct ruleset have = {0};
        struct netlink *netlink;
        int r;

        r = netfilter(c, &netlink);
        if (r < 0)
                return r;
        r = ruleset_read(c, netlink, &have);
        if (r < 0)
                return fail_in(c, r, "nat");
        if (!have.ours)
                return fail_in(c, fail(c, FBN_ENOENT, "there is no table inet " FBN_NAT_TABLE "%s", have.exists ? " of ours" : ""), "nat");
        return ruleset_collect(c, &have, ret_nat);
}

int fbn_nat_generation(fbn_context *c, uint32_t *ret_generation)
{
        struct netlink *netlink;
        int r;

        r = netfilter(c, &netlink);
        if (r < 0)
                return r;
        r = generation_read(c, netlink, ret_generation);
        return r < 0 ? fail_in(c, r, "nat") : 0;
}

/* What differs now. Nothing is to be done about a table of somebody else's as long as we want none. */
static int compare(fbn_context *c, const fbn_nat *want, struct ruleset *wanted, struct ruleset *have, fbn_changes **ret_changes)
{
        int r;

        r = ruleset_expand(c, want, wanted);
        if (r < 0)
                return r;
        if (have->exists && !have->ours && (want->count > 0 || want->n_sets > 0))
                return fail(c, FBN_ECONFLICT, "table inet " FBN_NAT_TABLE " is not ours (it lacks our mark); rename or remove it: "
                                              "nft delete table inet " FBN_NAT_TABLE);
        if (have->exists && !have->ours)
                ruleset_free(have);
        r = ruleset_compare(c, wanted, have);
        return r < 0 ? r : ruleset_changes(c, want, wanted, have, ret_changes);
}

static int wake(fbn_context *c, struct netlink *netlink, const fbn_nat *want)
{
        _cleanup_(netlink_batch_free) struct netlink_batch batch = {0};

        transaction_build_waking(&batch);
        return transaction_send(c, netlink, &batch, want);
}

/* One round: 0 when all is as wanted, with *changes what was or would be done; -FBN_ESTALE and 1 as transaction_send(). What an earlier
 * round sent without an answer counts as done if there is nothing left to do. */
static int try(fbn_context *c, struct netlink *netlink, const fbn_nat *want, const fbn_nat_apply_options *options, fbn_changes **changes)
{
        _cleanup_(fbn_nat_unrefp) fbn_nat *both = NULL; /* the rulesets borrow of it */
        _cleanup_(ruleset_free) struct ruleset wanted = {0}, have = {0};
        _cleanup_(fbn_changes_unrefp) fbn_changes *found = NULL;
        _cleanup_(netlink_batch_free) struct netlink_batch batch = {0};
        int r;

        r = ruleset_read(c, netlink, &have);
        if (r == 0 && options->keep_sets && have.ours)
                r = nat_with_standing_sets(c, want, &have, &both);
        if (r < 0)
                return r;
        r = compare(c, both ? both : want, &wanted, &have, &found);
        if (r < 0)
                return r;
        if (*changes && fbn_changes_count(found) == 0)
                return 0;
        if (options->generation && have.generation != options->generation)
                return -FBN_ESTALE;
        fbn_changes_unref(*changes);
        *changes = TAKE_PTR(found);
        if (options->dry_run || fbn_changes_count(*changes) == 0)
                return 0;
        transaction_build(&batch, &wanted, &have);
        r = transaction_send(c, netlink, &batch, want);
        return r == 0 && transaction_wakes(&wanted, &have) ? wake(c, netlink, want) : r;
}

static int apply(fbn_context *c, const fbn_nat *want, const fbn_nat_apply_options *options, fbn_changes **ret_changes)
{
        _cleanup_(fbn_changes_unrefp) fbn_changes *changes = NULL;
        struct netlink *netlink;
        int r;

        r = netlink_get(c, NETLINK_NETFILTER, &netlink);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < APPLY_TRIES; i++) {
                r = try(c, netlink, want, options, &changes);
                if (r == 0) {
                        *ret_changes = TAKE_PTR(changes);
                        return 0;
                }
                if (r == -FBN_ESTALE && options->generation)
                        return fail(c, FBN_ESTALE, "somebody else changed the ruleset since its generation %" PRIu32 "; read it again", options->generation);
                if (r == -FBN_ESTALE) /* nothing was done */
                        changes = fbn_changes_unref(changes);
                else if (r < 0)
                        return r;
        }
        if (r == -FBN_ESTALE)
                return fail(c, FBN_ESTALE, "somebody else changed the ruleset before each of %d tries; try again", APPLY_TRIES);
        return fail(c, FBN_ESYSTEM, "the kernel's answers were lost %d times and the ruleset is not as wanted; nothing changed", APPLY_TRIES);
}

int fbn_nat_apply(fbn_context *c, const fbn_nat *want, const fbn_nat_apply_options *options, fbn_changes **ret_changes)
{
        _cleanup_(fbn_changes_unrefp) fbn_changes *changes = NULL;
        fbn_nat_apply_options mine;
        int r;

        r = OPTIONS_READ(c, fbn_nat_apply_options, options, &mine);
        if (r == 0)
                r = apply(c, want, &mine, &changes);
        if (r < 0)
                return *c->error.object ? r : fail_in(c, r, "nat");
        r = (int)fbn_changes_count(changes);
        if (ret_changes)
                *ret_changes = TAKE_PTR(changes);
        return r;
}
