/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/difference.h"

#include <stdio.h>

#define DIFFERENCE _cleanup_(difference_free) struct difference

struct apply {
        fbn_context *c;
        const char *name;
        const fbn_wireguard *want;
        const struct backend *backend;
        fbn_wireguard_apply_options options;
};

/* how: 0 or DIFFERENCE_COUNT. */
static int compare_with(const struct apply *apply, const fbn_wireguard *have, unsigned how, struct difference *ret_difference)
{
        if (apply->options.keep_peers)
                how |= DIFFERENCE_KEEP_PEERS;
        return difference_new(apply->c, apply->name, have, apply->want, how, ret_difference);
}

static bool same_changes(const fbn_changes *a, const fbn_changes *b)
{
        if (fbn_changes_count(a) != fbn_changes_count(b))
                return false;
        for (size_t i = 0; i < fbn_changes_count(a); i++)
                if (fbn_changes_at(a, i)->kind != fbn_changes_at(b, i)->kind ||
                    !streq(fbn_changes_at(a, i)->object, fbn_changes_at(b, i)->object))
                        return false;
        return true;
}

/* A set is not atomic: after a refusal only reading tells what stands. r is the refusal's, its error still in the context. Nothing is
 * missing where only the answer was lost. */
static int explain_refusal(const struct apply *apply, int r, const fbn_wireguard *before)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        DIFFERENCE meant = {0};
        DIFFERENCE left = {0};
        fbn_context *c = apply->c;
        struct error_record refusal = c->error;
        const fbn_change *first;

        if (backend_get(c, apply->backend, apply->name, &have) < 0 || compare_with(apply, have, 0, &left) < 0 ||
            compare_with(apply, before, 0, &meant) < 0)
                return fail(c, FBN_EPARTIAL, "%.256s; what stands is unknown, reading it failed too", refusal.message);
        if (left.count == 0)
                return 0;
        if (same_changes(left.changes, meant.changes)) {
                c->error = refusal;
                return r;
        }
        first = fbn_changes_at(left.changes, 0);
        r = fail(c, FBN_EPARTIAL, "%.256s; of %zu changes %zu are missing%s%s%s%s", refusal.message, meant.count, left.count,
                 first ? ", first: " : "", first ? first->object : "", first && first->field ? " " : "",
                 first && first->field ? first->field : "");
        c->error.os_errno = refusal.os_errno;
        return r;
}

static int send_update(const struct apply *apply, const fbn_wireguard *have, const struct difference *difference)
{
        int r = apply->backend->set(apply->c, apply->name, &difference->update);

        if (r >= 0)
                return 0;
        return explain_refusal(apply, fail_in(apply->c, r, "%s", apply->name), have);
}

static int run(const struct apply *apply, fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        DIFFERENCE difference = {0};
        int r;

        r = backend_get(apply->c, apply->backend, apply->name, &have);
        if (r < 0)
                return r;
        r = compare_with(apply, have, ret_changes ? 0 : DIFFERENCE_COUNT, &difference);
        if (r < 0)
                return r;
        if (difference.count > 0 && !apply->options.dry_run) {
                r = send_update(apply, have, &difference);
                if (r < 0)
                        return r;
        }
        if (ret_changes)
                *ret_changes = TAKE_PTR(difference.changes);
        return (int)difference.count;
}

int fbn_wireguard_apply(fbn_context *c, const char *name, const fbn_wireguard *want, const fbn_wireguard_apply_options *options,
                        fbn_changes **ret_changes)
{
        struct apply apply = {.c = c, .name = name, .want = want};
        int r;

        r = OPTIONS_READ(c, fbn_wireguard_apply_options, options, &apply.options);
        if (r < 0)
                return r;
        r = backend_of(c, name, &apply.backend);
        return r < 0 ? r : run(&apply, ret_changes);
}
