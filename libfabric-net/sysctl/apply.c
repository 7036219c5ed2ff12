/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/changes.h"
#include "sysctl/list.h"

#include <stdio.h>

struct apply {
        fbn_context *c;
        bool dry_run;
        const struct sysctl_entry **steps; /* in the order of writing */
        size_t count;
        fbn_changes *changes;
};

/* Writing ip_forward or a setting of "all" writes that of every link as well: the links' own come after, or they would be lost.
 * Source: net/ipv4/devinet.c, inet_forward_change(); net/ipv6/addrconf.c, addrconf_forward_change(). */
static unsigned rank(const struct sysctl_entry *entry)
{
        const char *path = entry->path.text;

        if (streq(path, "net/ipv4/ip_forward") || strstr(path, "/conf/all/"))
                return 0;
        return strstr(path, "/conf/default/") ? 1 : 2;
}

static int prepare(struct apply *apply, const fbn_sysctls *want)
{
        apply->steps = memory_alloc(fbn_sysctls_count(want) * sizeof(*apply->steps));
        if (!apply->steps)
                return fail_memory(apply->c);
        for (unsigned now = 0; now < 3; now++)
                for (size_t i = 0; i < fbn_sysctls_count(want); i++)
                        if (rank(&want->items[i]) == now)
                                apply->steps[apply->count++] = &want->items[i];
        return 0;
}

static int record(struct apply *apply, const struct sysctl_entry *step, int64_t before)
{
        char before_text[24], after_text[24];

        snprintf(before_text, sizeof(before_text), "%lld", (long long)before);
        snprintf(after_text, sizeof(after_text), "%lld", (long long)step->sysctl.value);
        return changes_add(apply->c, apply->changes, FBN_CHANGE_UPDATE, step->sysctl.key, "value", before_text, after_text);
}

static int make(struct apply *apply, const struct sysctl_entry *step)
{
        int64_t now;
        int r;

        r = setting_read(apply->c, &step->path, &now); /* a write before this one may have changed it */
        if (r < 0 || now == step->sysctl.value)
                return r;
        r = record(apply, step, now);
        return r < 0 || apply->dry_run ? r : setting_write(apply->c, &step->path, step->sysctl.value);
}

/* Put all back as it was and return the failure that led here, or that this failed too. */
static int restore(struct apply *apply, const fbn_sysctls *before, int failure)
{
        struct error_record first = apply->c->error;
        struct apply back = {.c = apply->c, .changes = apply->changes};
        int r = prepare(&back, before);

        for (size_t i = 0; r == 0 && i < back.count; i++)
                r = make(&back, back.steps[i]);
        memory_free(back.steps);
        if (r < 0) {
                char reason[sizeof(apply->c->error.message)];

                snprintf(reason, sizeof(reason), "%s", apply->c->error.message);
                return fail(apply->c, FBN_EPARTIAL, "%.300s; then it could not be put back: %.300s", first.message, reason);
        }
        apply->c->error = first;
        return failure;
}

static int carry_out(struct apply *apply, const fbn_sysctls *want)
{
        _cleanup_(fbn_sysctls_unrefp) fbn_sysctls *before = NULL;
        int r = prepare(apply, want);

        if (r == 0 && !apply->dry_run)
                r = fbn_sysctl_snapshot(apply->c, want, &before); /* finds that one is missing before any is written */
        if (r < 0)
                return r;
        for (size_t i = 0; r == 0 && i < apply->count; i++)
                r = make(apply, apply->steps[i]);
        return r < 0 && before ? restore(apply, before, r) : r;
}

static void apply_clear(struct apply *apply)
{
        fbn_changes_unref(apply->changes);
        memory_free(apply->steps);
}

int fbn_sysctl_apply(fbn_context *c, const fbn_sysctls *want, const fbn_sysctl_apply_options *options, fbn_changes **ret_changes)
{
        _cleanup_(apply_clear) struct apply apply = {.c = c, .changes = changes_new()};
        fbn_sysctl_apply_options how;
        int r;

        if (!apply.changes)
                return fail_memory(c);
        r = OPTIONS_READ(c, fbn_sysctl_apply_options, options, &how);
        if (r < 0)
                return r;
        apply.dry_run = how.dry_run;
        r = carry_out(&apply, want);
        if (r < 0)
                return r;
        r = (int)fbn_changes_count(apply.changes);
        if (ret_changes)
                *ret_changes = TAKE_PTR(apply.changes);
        return r;
}
