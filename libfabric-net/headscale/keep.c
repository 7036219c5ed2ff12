/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/keep.h"

#include "base/file.h"
#include "headscale/keys.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>

#define SECOND INT64_C(1000000000)
#define VALID_FOR (90 * 86400 * SECOND)

/* One key that is wanted, what its file holds, and what the server says of that. */
struct kept {
        fbn_headscale_kept_key want;
        char path[PATH_MAX];
        char object[320];
        fbn_secret *secret;     /* NULL: there is no file */
        fbn_headscale_keys *keys;
        const fbn_headscale_key *have; /* NULL: the server does not know it */
        const char *why;        /* it has to be another; NULL: it is good */
};

static void kept_clear(struct kept *kept)
{
        fbn_secret_unref(kept->secret);
        fbn_headscale_keys_unref(kept->keys);
}

/* As secrets are read: beside the others, unless the path begins at the root. */
static int path_find(struct work *work, struct kept *kept)
{
        const char *file = kept->want.file, *folder = work->c->secrets_dir;
        bool joined = *file != '/' && folder;

        if (strncmp(file, "fd:", 3) == 0 || strncmp(file, "credential:", 11) == 0)
                return fail(work->c, FBN_EINVAL, "%s: a key is kept in a file", file);
        if (snprintf(kept->path, sizeof(kept->path), "%s%s%s", joined ? folder : "", joined ? "/" : "", file) >= (int)sizeof(kept->path))
                return fail(work->c, FBN_EINVAL, "%s: the path is too long", file);
        return 0;
}

static int wanted_read(struct work *work, const fbn_headscale_wanted *want, size_t i, struct kept *kept)
{
        fbn_headscale_kept_key *mine = &kept->want;
        int r = OPTIONS_READ(work->c, fbn_headscale_kept_key, item_at(want->keys, i, sizeof(*mine)), mine);

        if (r == 0 && (!mine->file || !*mine->file))
                r = fail(work->c, FBN_EINVAL, "it has no file");
        if (r < 0)
                return fail_in(work->c, r, "wanted key %zu", i + 1);
        mine->kind = mine->kind ? mine->kind : FBN_HEADSCALE_KEY_PRE_AUTH;
        mine->valid_for = mine->valid_for ? mine->valid_for : VALID_FOR;
        mine->renew_before = mine->renew_before ? mine->renew_before : mine->valid_for / 6;
        snprintf(kept->object, sizeof(kept->object), "%s %s", headscale_key_name(mine->kind), mine->file);
        if (mine->valid_for < 0 || mine->renew_before < 0 || mine->renew_before >= mine->valid_for)
                r = fail(work->c, FBN_EINVAL, "it would be renewed before it begins");
        if (r == 0 && mine->kind == FBN_HEADSCALE_KEY_PRE_AUTH && !mine->user && mine->n_tags == 0)
                r = fail(work->c, FBN_EINVAL, "it has neither a user nor tags");
        if (r == 0)
                r = path_find(work, kept);
        return fail_in(work->c, r, "%s", kept->object);
}

int keys_check(struct work *work, const fbn_headscale_wanted *want)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < want->n_keys; i++) {
                _cleanup_(kept_clear) struct kept kept = {0};

                r = wanted_read(work, want, i, &kept);
                if (r == 0 && kept.want.kind == FBN_HEADSCALE_KEY_PRE_AUTH && !kept.want.user)
                        r = fail_in(work->c, headscale_need(work->c, work->headscale, FBN_HEADSCALE_CAN_MINT_TAGGED, "mint a key without a user"), "%s", kept.object);
        }
        return r;
}

static bool begins(const fbn_secret *secret, const char *prefix)
{
        size_t length = strlen(prefix);

        return length > 0 && fbn_secret_length(secret) > length && memcmp(fbn_secret_bytes(secret), prefix, length) == 0;
}

static bool has_tag(const char *const *tags, size_t count, const char *tag)
{
        for (size_t i = 0; i < count; i++)
                if (streq(tags[i], tag))
                        return true;
        return false;
}

static bool same_tags(const fbn_headscale_key *have, const fbn_headscale_kept_key *want)
{
        for (size_t i = 0; i < have->n_tags; i++)
                if (!has_tag(want->tags, want->n_tags, have->tags[i]))
                        return false;
        for (size_t i = 0; i < want->n_tags; i++)
                if (!has_tag(have->tags, have->n_tags, want->tags[i]))
                        return false;
        return true;
}

/* A key for one device that was used has done its work: another would let another device in, which nobody asked for. */
static const char *reason(const struct kept *kept)
{
        const fbn_headscale_kept_key *want = &kept->want;
        const fbn_headscale_key *have = kept->have;
        int64_t now = (int64_t)time(NULL) * SECOND;
        bool pre_auth = want->kind == FBN_HEADSCALE_KEY_PRE_AUTH;

        if (!kept->secret)
                return "none";
        if (!have)
                return "not known to the server";
        if (pre_auth && have->reusable != want->reusable)
                return have->reusable ? "reusable" : "for one device";
        if (pre_auth && have->ephemeral != want->ephemeral)
                return have->ephemeral ? "for ephemeral nodes" : "for nodes that stay";
        if (pre_auth && !same_tags(have, want))
                return "with other tags";
        if (pre_auth && want->user && !streq(have->user, want->user))
                return "of another user";
        if (pre_auth && have->used && !have->reusable)
                return NULL;
        if (have->expiry && have->expiry <= now)
                return "expired";
        return have->expiry && have->expiry - want->renew_before <= now ? "about to end" : NULL;
}

static int kept_read(struct work *work, struct kept *kept)
{
        int r = fbn_secret_read_file(work->c, kept->path, &kept->secret);

        if (r == -FBN_ENOENT)
                r = 0;
        if (r == 0)
                r = fbn_headscale_key_list(work->c, work->headscale, kept->want.kind, &kept->keys);
        for (size_t i = 0; r == 0 && kept->secret && i < fbn_headscale_keys_count(kept->keys); i++) {
                const fbn_headscale_key *key = fbn_headscale_keys_at(kept->keys, i);
                bool api = kept->want.kind == FBN_HEADSCALE_KEY_API;

                if (api ? headscale_key_is(kept->secret, key->prefix) : begins(kept->secret, key->prefix))
                        kept->have = key;
        }
        kept->why = r == 0 ? reason(kept) : NULL;
        return r;
}

static int user_find(struct work *work, const char *name, uint64_t *ret_id)
{
        int r = name ? work_users(work) : 0;

        for (size_t i = 0; r == 0 && name && i < fbn_headscale_users_count(work->users); i++)
                if (streq(fbn_headscale_users_at(work->users, i)->name, name)) {
                        *ret_id = fbn_headscale_users_at(work->users, i)->id;
                        return 0;
                }
        return r < 0 || !name ? r : fail(work->c, FBN_ENOENT, "there is no user '%s'", name);
}

static int mint(struct work *work, const struct kept *kept, fbn_secret **ret_key)
{
        const fbn_headscale_kept_key *want = &kept->want;
        fbn_headscale_key_options options = {.size = sizeof(options), .kind = want->kind, .reusable = want->reusable, .ephemeral = want->ephemeral,
                                             .valid_for = want->valid_for, .tags = want->tags, .n_tags = want->n_tags};
        int r = user_find(work, want->user, &options.user);

        return r < 0 ? r : fbn_headscale_key_mint(work->c, work->headscale, &options, ret_key);
}

/* The new key is in its file before the old one is ended: whatever breaks, there is one that works. */
static int own_replace(struct work *work, const struct kept *kept)
{
        FBN_CLEANUP(fbn_secret) old = fbn_secret_ref(work->headscale->key), *made = NULL;
        int r = fbn_headscale_key_rotate(work->c, work->headscale, kept->want.valid_for, &made);

        if (r < 0)
                return r;
        r = file_replace(work->c, kept->path, fbn_secret_bytes(made), fbn_secret_length(made), 0600);
        if (r < 0)
                headscale_key_back(work->c, work->headscale, old, made);
        return r;
}

/* A key that nobody will ever have is ended, as well as may be. */
static void forget(struct work *work, const struct kept *kept, const fbn_secret *made)
{
        FBN_CLEANUP(fbn_headscale_keys) keys = NULL;
        struct undoing undoing = undo_begin(work->c);

        fbn_headscale_key_list(work->c, work->headscale, kept->want.kind, &keys);
        for (size_t i = 0; i < fbn_headscale_keys_count(keys); i++) {
                const fbn_headscale_key *key = fbn_headscale_keys_at(keys, i);

                if (kept->want.kind == FBN_HEADSCALE_KEY_API ? headscale_key_is(made, key->prefix) : begins(made, key->prefix))
                        fbn_headscale_key_expire(work->c, work->headscale, kept->want.kind, key->id);
        }
        undo_end(work->c, &undoing);
}

static int other_replace(struct work *work, const struct kept *kept)
{
        FBN_CLEANUP(fbn_secret) made = NULL;
        int r = mint(work, kept, &made);

        if (r < 0)
                return r;
        r = file_replace(work->c, kept->path, fbn_secret_bytes(made), fbn_secret_length(made), 0600);
        if (r < 0)
                forget(work, kept, made);
        return r;
}

static int kept_replace(struct work *work, const struct kept *kept)
{
        int r = kept->have && kept->have->own ? own_replace(work, kept) : other_replace(work, kept);
        bool over = !kept->have || (kept->have->expiry && kept->have->expiry / SECOND <= time(NULL));

        return r < 0 || over ? r : fbn_headscale_key_expire(work->c, work->headscale, kept->want.kind, kept->have->id);
}

static int kept_apply(struct work *work, struct kept *kept)
{
        char until[32], after[64];
        int r = kept_read(work, kept);

        if (r == 0 && kept->why && !work->options.dry_run)
                r = kept_replace(work, kept);
        if (r < 0 || !kept->why)
                return r;
        json_time_format((int64_t)time(NULL) * SECOND + kept->want.valid_for, until, sizeof(until));
        snprintf(after, sizeof(after), "valid until %s", until);
        if (!kept->secret)
                return changes_add(work->c, work->changes, FBN_CHANGE_CREATE, kept->object, NULL, NULL, after);
        return changes_add(work->c, work->changes, FBN_CHANGE_UPDATE, kept->object, "key", kept->why, after);
}

int keys_apply(struct work *work, const fbn_headscale_wanted *want)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < want->n_keys; i++) {
                _cleanup_(kept_clear) struct kept kept = {0};

                r = wanted_read(work, want, i, &kept);
                if (r == 0)
                        r = fail_in(work->c, kept_apply(work, &kept), "%s", kept.object);
        }
        return r;
}
