/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/changes.h"
#include "netlink/netlink.h"
#include "route/rule.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>

static fbn_rule as_ours(const fbn_rule *rule)
{
        fbn_rule ours = *rule;

        ours.protocol = rule->protocol ? rule->protocol : FBN_PROTOCOL;
        return ours;
}

static int send_one(fbn_context *c, uint16_t type, uint16_t flags, const fbn_rule *rule)
{
        _Alignas(8) char bytes[1024];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
        char text[RULE_TEXT];
        struct netlink *netlink;
        int r;

        message->nlmsg_type = type;
        message->nlmsg_flags = flags;
        rule_put(message, rule);
        r = rule_check_support(c, rule);
        if (r == 0)
                r = netlink_get(c, NETLINK_ROUTE, &netlink);
        if (r == 0)
                r = netlink_request(c, netlink, message, NULL, NULL);
        return fail_in(c, r, "%s", rule_name(rule, text));
}

int fbn_rule_add(fbn_context *c, const fbn_rule *rule)
{
        fbn_rule mine;
        int r;

        r = OPTIONS_READ(c, fbn_rule, rule, &mine);
        if (r == 0)
                r = rule_check(c, &mine);
        if (r < 0)
                return r;
        mine = as_ours(&mine);
        return send_one(c, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, &mine);
}

int fbn_rule_delete(fbn_context *c, const fbn_rule *rule)
{
        fbn_rule mine;
        int r;

        r = OPTIONS_READ(c, fbn_rule, rule, &mine);
        if (r == 0 && mine.family != AF_INET && mine.family != AF_INET6)
                r = fail(c, FBN_EINVAL, "a rule needs a family, AF_INET or AF_INET6");
        return r < 0 ? r : send_one(c, RTM_DELRULE, 0, &mine);
}

struct apply {
        fbn_context *c;
        const struct rule_entry **want, **have; /* sorted */
        size_t want_count, have_count;
        fbn_changes *changes;
        struct netlink_batch batch;
};

static int compare_entries(const void *a, const void *b)
{
        return rule_compare(&(*(const struct rule_entry *const *)a)->rule, &(*(const struct rule_entry *const *)b)->rule);
}

static int sort(fbn_context *c, const fbn_rules *rules, const struct rule_entry ***ret_sorted, size_t *ret_count)
{
        size_t count = fbn_rules_count(rules);
        const struct rule_entry **sorted = memory_alloc(count * sizeof(*sorted));

        if (!sorted)
                return fail_memory(c);
        for (size_t i = 0; i < count; i++)
                sorted[i] = rules_entry(rules, i);
        qsort(sorted, count, sizeof(*sorted), compare_entries);
        memory_free(*ret_sorted);
        *ret_sorted = sorted;
        *ret_count = count;
        return 0;
}

static int record(struct apply *apply, fbn_change_kind kind, const fbn_rule *rule)
{
        char name[RULE_TEXT], text[RULE_TEXT];
        bool comes = kind == FBN_CHANGE_CREATE;

        rule_in_words(rule, text);
        return changes_add(apply->c, apply->changes, kind, rule_name(rule, name), NULL, comes ? NULL : text, comes ? text : NULL);
}

static int add(struct apply *apply, const fbn_rule *rule)
{
        struct nlmsghdr *message = netlink_batch_begin(&apply->batch, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
        fbn_rule ours = as_ours(rule);

        rule_put(message, &ours);
        netlink_batch_end(&apply->batch, message);
        return record(apply, FBN_CHANGE_CREATE, rule);
}

static int delete(struct apply *apply, const struct rule_entry *have)
{
        struct nlmsghdr *message = netlink_batch_begin(&apply->batch, RTM_DELRULE, 0);

        rule_put_deletion(message, have);
        netlink_batch_end(&apply->batch, message);
        return record(apply, FBN_CHANGE_DELETE, &have->rule);
}

static bool is_ours(const struct rule_entry *entry)
{
        return entry->rule.protocol == FBN_PROTOCOL;
}

static size_t first_not_before(const struct apply *apply, const struct rule_entry *want)
{
        size_t low = 0, high = apply->have_count;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (rule_compare(&apply->have[middle]->rule, &want->rule) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* The kernel refuses the same rule twice, whoever made it: one of somebody else that is equal stands in the way. */
static int add_missing(struct apply *apply, const struct rule_entry *want)
{
        char name[RULE_TEXT], text[RULE_TEXT];
        bool there = false;

        for (size_t i = first_not_before(apply, want); i < apply->have_count; i++) {
                const struct rule_entry *have = apply->have[i];

                if (rule_compare(&have->rule, &want->rule) != 0)
                        break;
                if (have->odd)
                        continue;
                if (!is_ours(have))
                        return fail_in(apply->c,
                                       fail(apply->c, FBN_ECONFLICT, "somebody else (protocol %u) has the same rule, %s; remove it or give ours another priority",
                                            have->rule.protocol, rule_in_words(&have->rule, text)),
                                       "%s", rule_name(&want->rule, name));
                there = true;
        }
        return there ? 0 : add(apply, &want->rule);
}

static bool is_wanted(const struct apply *apply, const struct rule_entry *have)
{
        return !have->odd && bsearch(&have, apply->want, apply->want_count, sizeof(*apply->want), compare_entries);
}

/* Both dumps see most rules. */
static bool is_first(const struct rule_entry **sorted, size_t i)
{
        return i == 0 || compare_entries(&sorted[i - 1], &sorted[i]) != 0;
}

/* New ones first: while both are there, no packet falls through. */
static int compare(struct apply *apply)
{
        int r = 0;

        fbn_changes_unref(apply->changes);
        netlink_batch_free(&apply->batch);
        apply->changes = changes_new();
        if (!apply->changes)
                return fail_memory(apply->c);
        for (size_t i = 0; r == 0 && i < apply->want_count; i++)
                if (is_first(apply->want, i))
                        r = add_missing(apply, apply->want[i]);
        for (size_t i = 0; r == 0 && i < apply->have_count; i++)
                if (is_ours(apply->have[i]) && !is_wanted(apply, apply->have[i]) && is_first(apply->have, i))
                        r = delete(apply, apply->have[i]);
        return r;
}

static int append_all(fbn_context *c, fbn_rules *rules, const fbn_rules *more)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < fbn_rules_count(more); i++)
                r = rules_append(c, rules, *rules_entry(more, i));
        return r;
}

/* Under churn a dump of rules misses some that are there all the time, without NLM_F_DUMP_INTR (measured): a rule is absent when two
 * dumps say so. What either of them saw is there. */
static int read_and_compare(struct apply *apply, fbn_rules **have)
{
        _cleanup_(fbn_rules_unrefp) fbn_rules *again = NULL;
        int r;

        r = fbn_rule_list(apply->c, 0, have);
        if (r == 0)
                r = sort(apply->c, *have, &apply->have, &apply->have_count);
        if (r == 0)
                r = compare(apply);
        if (r < 0 || apply->batch.count == 0)
                return r;
        r = fbn_rule_list(apply->c, 0, &again);
        if (r == 0)
                r = append_all(apply->c, *have, again);
        if (r == 0)
                r = sort(apply->c, *have, &apply->have, &apply->have_count);
        return r == 0 ? compare(apply) : r;
}

struct sending {
        const fbn_changes *changes;
        bool *needless;
        size_t needless_count;
};

/* A rule that another process took away in between is gone, as wanted; one that both dumps missed is there: the refusal is the only
 * word of the kernel on it that can be trusted. */
static int refused(fbn_context *c, size_t index, int os_errno, const char *text, void *data)
{
        struct sending *sending = data;
        const fbn_change *change = fbn_changes_at(sending->changes, index);

        if (os_errno != (change->kind == FBN_CHANGE_DELETE ? ENOENT : EEXIST))
                return fail_in(c, netlink_fail(c, os_errno, text), "%s", change->object);
        sending->needless[index] = true;
        sending->needless_count++;
        return 0;
}

/* Leave only what was really done. */
static int drop_needless(struct apply *apply, const struct sending *sending)
{
        _cleanup_(fbn_changes_unrefp) fbn_changes *all = apply->changes;
        int r = 0;

        apply->changes = changes_new();
        if (!apply->changes)
                return fail_memory(apply->c);
        for (size_t i = 0; r == 0 && i < fbn_changes_count(all); i++) {
                const fbn_change *change = fbn_changes_at(all, i);

                if (!sending->needless[i])
                        r = changes_add(apply->c, apply->changes, change->kind, change->object, change->field, change->before, change->after);
        }
        return r;
}

static int carry_out(struct apply *apply)
{
        char reason[sizeof(apply->c->error.message)];
        size_t done = 0, count = apply->batch.count;
        _cleanup_free_ bool *needless = memory_alloc(count * sizeof(*needless));
        struct sending sending = {apply->changes, needless, 0};
        struct netlink *netlink;
        int r;

        if (!needless)
                return fail_memory(apply->c);
        r = netlink_get(apply->c, NETLINK_ROUTE, &netlink);
        if (r == 0)
                r = netlink_batch_send(apply->c, netlink, &apply->batch, refused, &sending, &done);
        if (r == 0 && sending.needless_count > 0)
                return drop_needless(apply, &sending);
        if (r == 0 || done == 0)
                return r;
        snprintf(reason, sizeof(reason), "%s", apply->c->error.message);
        return fail(apply->c, FBN_EPARTIAL, "%zu of %zu rule changes were made, then: %s", done, count, reason);
}

static int prepare_wanted(struct apply *apply, const fbn_rules *want)
{
        char text[RULE_TEXT];

        for (size_t i = 0; i < fbn_rules_count(want); i++) {
                const fbn_rule *rule = fbn_rules_at(want, i);
                int r = rule_check_support(apply->c, rule);

                if (r < 0)
                        return fail_in(apply->c, r, "%s", rule_name(rule, text));
                if (rule->protocol && rule->protocol != FBN_PROTOCOL)
                        return fail_in(apply->c, fail(apply->c, FBN_EINVAL, "protocol %u is not ours; leave it out", rule->protocol), "%s",
                                       rule_name(rule, text));
        }
        return sort(apply->c, want, &apply->want, &apply->want_count);
}

static void apply_clear(struct apply *apply)
{
        memory_free(apply->want);
        memory_free(apply->have);
        fbn_changes_unref(apply->changes);
        netlink_batch_free(&apply->batch);
}

int fbn_rule_apply(fbn_context *c, const fbn_rules *want, const fbn_rule_apply_options *options, fbn_changes **ret_changes)
{
        _cleanup_(apply_clear) struct apply apply = {.c = c};
        _cleanup_(fbn_rules_unrefp) fbn_rules *have = NULL;
        fbn_rule_apply_options how;
        int r;

        r = OPTIONS_READ(c, fbn_rule_apply_options, options, &how);
        if (r == 0)
                r = prepare_wanted(&apply, want);
        if (r == 0)
                r = read_and_compare(&apply, &have);
        if (r == 0 && !how.dry_run && apply.batch.count > 0)
                r = carry_out(&apply);
        if (r < 0)
                return r;
        r = (int)fbn_changes_count(apply.changes);
        if (ret_changes)
                *ret_changes = TAKE_PTR(apply.changes);
        return r;
}
