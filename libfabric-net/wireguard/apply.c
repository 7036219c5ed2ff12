/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/difference.h"
#include "wireguard/file.h"

#include <stdio.h>

#define DIFFERENCE _cleanup_(difference_free) struct difference

struct apply {
        fbn_context *c;
        const char *name;
        const fbn_wireguard *want;
        const struct backend *backend;
        struct uapi *asked; /* what is there has been asked for already; NULL: not yet */
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

        if (backend_get(c, apply->backend, apply->name, NULL, NULL, &have) < 0 || compare_with(apply, have, 0, &left) < 0 ||
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

        r = backend_get(apply->c, apply->backend, apply->name, apply->asked, apply->want, &have);
        if (apply->asked)
                uapi_close(apply->asked);
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

static int prepare(struct apply *apply, const fbn_wireguard_apply_options *options)
{
        int r;

        r = OPTIONS_READ(apply->c, fbn_wireguard_apply_options, options, &apply->options);
        return r < 0 ? r : backend_of(apply->c, apply->name, &apply->backend);
}

int fbn_wireguard_apply(fbn_context *c, const char *name, const fbn_wireguard *want, const fbn_wireguard_apply_options *options,
                        fbn_changes **ret_changes)
{
        struct apply apply = {.c = c, .name = name, .want = want};
        int r = prepare(&apply, options);

        return r < 0 ? r : run(&apply, ret_changes);
}

/* A daemon needs as long to write down ten thousand peers as we to understand a file of them. */
int fbn_wireguard_apply_file(fbn_context *c, const char *name, const char *path, const fbn_wireguard_apply_options *options,
                             fbn_changes **ret_changes)
{
        _cleanup_(source_free) struct source source = {.fd = -1};
        _cleanup_(uapi_close) struct uapi asked = {.fd = -1};
        FBN_CLEANUP(fbn_wireguard) want = NULL;
        struct apply apply = {.c = c, .name = name};
        int r;

        r = source_read(c, path, &source);
        if (r == 0)
                r = prepare(&apply, options);
        if (r == 0 && apply.backend->ask) {
                r = fail_in(c, apply.backend->ask(c, name, &asked), "%s", name);
                apply.asked = &asked;
        }
        if (r == 0)
                r = source_parse(c, &source, &want);
        if (r < 0)
                return r;
        source_free(&source);
        apply.want = want;
        return run(&apply, ret_changes);
}
