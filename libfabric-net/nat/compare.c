/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include <stdlib.h>

#define NONE SIZE_MAX

static int compare_userdata(const struct userdata *a, const struct userdata *b)
{
        int order = memcmp(a->bytes, b->bytes, MIN(a->length, b->length));

        return order ? order : (a->length > b->length) - (a->length < b->length);
}

static int compare_pointed(const void *a, const void *b)
{
        return compare_userdata(&(*(struct kernel_rule *const *)a)->userdata, &(*(struct kernel_rule *const *)b)->userdata);
}

/* For each rule wanted, the one that stands with the same userdata and the same expressions. */
static int find_same(fbn_context *c, struct kernel_rules *want, struct kernel_rules *have)
{
        _cleanup_free_ struct kernel_rule **sorted = memory_alloc(have->count * sizeof(*sorted));

        if (!sorted)
                return fail_memory(c);
        for (size_t i = 0; i < have->count; i++)
                sorted[i] = &have->items[i];
        qsort(sorted, have->count, sizeof(*sorted), compare_pointed);
        for (size_t i = 0; i < want->count; i++) {
                struct kernel_rule *rule = &want->items[i], **found;

                found = bsearch(&rule, sorted, have->count, sizeof(*sorted), compare_pointed);
                if (found && expressions_equal(rule->nftnl, (*found)->nftnl))
                        rule->same = *found;
        }
        return 0;
}

/* The first of the sequence ends whose rule stands behind this one. */
static size_t lower_bound(const struct kernel_rules *want, const size_t *ends, size_t count, const struct kernel_rule *same)
{
        size_t low = 0;

        while (low < count) {
                size_t middle = low + (count - low) / 2;

                if (want->items[ends[middle]].same < same)
                        low = middle + 1;
                else
                        count = middle;
        }
        return low;
}

/* Keep the most rules whose order need not change: the longest increasing subsequence of their places. ends[n] is the last rule of
 * the best sequence of n + 1 rules so far, previous[] leads back through it. */
static int keep_longest(fbn_context *c, struct kernel_rules *want)
{
        _cleanup_free_ size_t *ends = memory_alloc(want->count * sizeof(*ends));
        _cleanup_free_ size_t *previous = memory_alloc(want->count * sizeof(*previous));
        size_t count = 0;

        if (!ends || !previous)
                return fail_memory(c);
        for (size_t i = 0; i < want->count; i++) {
                size_t n;

                if (!want->items[i].same)
                        continue;
                n = lower_bound(want, ends, count, want->items[i].same);
                previous[i] = n ? ends[n - 1] : NONE;
                ends[n] = i;
                count = MAX(count, n + 1);
        }
        for (size_t i = count ? ends[count - 1] : NONE; i != NONE; i = previous[i])
                want->items[i].kept = want->items[i].same->kept = true;
        return 0;
}

/* What must be made again although nothing about it changed goes on counting where it was. */
static void carry_counters(struct kernel_rules *want)
{
        for (size_t i = 0; i < want->count; i++) {
                uint64_t packets, bytes;

                if (!want->items[i].same)
                        continue;
                expressions_read_counter(want->items[i].same->nftnl, &packets, &bytes);
                expressions_write_counter(want->items[i].nftnl, packets, bytes);
        }
}

int ruleset_compare(fbn_context *c, struct ruleset *want, struct ruleset *have)
{
        sets_compare(want, have);
        flowtable_compare(want, have);
        for (size_t chain = 0; chain < CHAIN_COUNT; chain++) {
                int r;

                r = find_same(c, &want->chains[chain], &have->chains[chain]);
                if (r == 0 && !have->bent && !have->reshaped)
                        r = keep_longest(c, &want->chains[chain]);
                if (r < 0)
                        return r;
                carry_counters(&want->chains[chain]);
        }
        return 0;
}
