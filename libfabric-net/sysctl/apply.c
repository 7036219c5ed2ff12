/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/changes.h"
#include "sysctl/setting.h"

#include <stdio.h>

struct entry {
        fbn_sysctl sysctl;
        struct setting_path path;
};

struct fbn_sysctls {
        unsigned references;
        struct arena arena;
        struct entry *items;
        size_t count, capacity;
};

int fbn_sysctls_new(fbn_context *c, fbn_sysctls **ret_sysctls)
{
        fbn_sysctls *sysctls = memory_alloc(sizeof(*sysctls));

        if (!sysctls)
                return fail_memory(c);
        sysctls->references = 1;
        *ret_sysctls = sysctls;
        return 0;
}

fbn_sysctls *fbn_sysctls_ref(fbn_sysctls *sysctls)
{
        sysctls->references++;
        return sysctls;
}

fbn_sysctls *fbn_sysctls_unref(fbn_sysctls *sysctls)
{
        if (!sysctls || --sysctls->references > 0)
                return NULL;
        arena_free(&sysctls->arena);
        memory_free(sysctls->items);
        memory_free(sysctls);
        return NULL;
}

size_t fbn_sysctls_count(const fbn_sysctls *sysctls)
{
        return sysctls ? sysctls->count : 0;
}

const fbn_sysctl *fbn_sysctls_at(const fbn_sysctls *sysctls, size_t index)
{
        return index < fbn_sysctls_count(sysctls) ? &sysctls->items[index].sysctl : NULL;
}

int fbn_sysctls_add(fbn_context *c, fbn_sysctls *sysctls, const fbn_sysctl *sysctl)
{
        struct entry entry = {0};
        int r;

        r = OPTIONS_READ(c, fbn_sysctl, sysctl, &entry.sysctl);
        if (r == 0)
                r = setting_path(c, entry.sysctl.key, &entry.path);
        if (r < 0)
                return r;
        for (size_t i = 0; i < sysctls->count; i++)
                if (streq(sysctls->items[i].path.text, entry.path.text))
                        return fail(c, FBN_EEXIST, "%s: named twice", entry.sysctl.key);
        entry.sysctl.key = arena_strdup(&sysctls->arena, entry.sysctl.key);
        if (!entry.sysctl.key || !ARRAY_RESERVE(sysctls->items, sysctls->count, sysctls->capacity))
                return fail_memory(c);
        sysctls->items[sysctls->count++] = entry;
        return 0;
}

struct step {
        const struct entry *want;
        int64_t before;
};

struct apply {
        fbn_context *c;
        bool dry_run;
        struct step *steps;
        size_t count;
        fbn_changes *changes;
};

/* Writing ip_forward or a setting of "all" writes that of every link as well: the links' own come after, or they would be lost.
 * Source: net/ipv4/devinet.c, inet_forward_change(); net/ipv6/addrconf.c, addrconf_forward_change(). */
static unsigned rank(const struct entry *entry)
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
                for (size_t i = 0; i < fbn_sysctls_count(want); i++) {
                        struct step *step = &apply->steps[apply->count];
                        int r;

                        if (rank(&want->items[i]) != now)
                                continue;
                        r = setting_read(apply->c, &want->items[i].path, &step->before);
                        if (r < 0)
                                return r;
                        step->want = &want->items[i];
                        apply->count++;
                }
        return 0;
}

static int record(struct apply *apply, const struct step *step, int64_t before)
{
        char before_text[24], after_text[24];

        snprintf(before_text, sizeof(before_text), "%lld", (long long)before);
        snprintf(after_text, sizeof(after_text), "%lld", (long long)step->want->sysctl.value);
        return changes_add(apply->c, apply->changes, FBN_CHANGE_UPDATE, step->want->sysctl.key, "value", before_text, after_text);
}

static int make(struct apply *apply, const struct step *step)
{
        int64_t now;
        int r;

        r = setting_read(apply->c, &step->want->path, &now); /* a write before this one may have changed it */
        if (r < 0 || now == step->want->sysctl.value)
                return r;
        r = record(apply, step, now);
        return r < 0 || apply->dry_run ? r : setting_write(apply->c, &step->want->path, step->want->sysctl.value);
}

/* Put all back as it was and return the failure that led here, or that this failed too. */
static int restore(struct apply *apply, int failure)
{
        char reason[sizeof(apply->c->error.message)];
        struct error_record first = apply->c->error;

        for (size_t i = 0; i < apply->count; i++) {
                const struct step *step = &apply->steps[i];
                int64_t now;
                int r = setting_read(apply->c, &step->want->path, &now);

                if (r == 0 && now != step->before)
                        r = setting_write(apply->c, &step->want->path, step->before);
                if (r < 0) {
                        snprintf(reason, sizeof(reason), "%s", apply->c->error.message);
                        return fail(apply->c, FBN_EPARTIAL, "%.300s; then it could not be put back: %.300s", first.message, reason);
                }
        }
        apply->c->error = first;
        return failure;
}

static int carry_out(struct apply *apply, const fbn_sysctls *want)
{
        int r = prepare(apply, want);

        if (r < 0)
                return r;
        for (size_t i = 0; r == 0 && i < apply->count; i++)
                r = make(apply, &apply->steps[i]);
        return r < 0 && !apply->dry_run ? restore(apply, r) : r;
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
