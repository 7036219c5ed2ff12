/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/host/host.h"

#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static bool has_mark(const char *text)
{
        return strncmp(text, OUR_MARK, strlen(OUR_MARK)) == 0;
}

bool snippet_is_ours(fbn_context *c, const char *path)
{
        _cleanup_free_ char *text = NULL;
        struct undoing undoing = undo_begin(c);
        bool ours = file_read_if(c, path, &text) == 0 && text && has_mark(text);

        undo_end(c, &undoing);
        return ours;
}

/* As it was; text NULL: there was none. */
static int put(fbn_context *c, const char *path, const char *text)
{
        if (text)
                return file_replace(c, path, text, strlen(text), 0644);
        return unlink(path) < 0 && errno != ENOENT ? fail_errno(c, errno, "%s", path) : 0;
}

/* The service goes on with what it had; if it does not even start with that, this is said instead. */
static int undo(struct work *work, const struct snippet *snippet, const char *before, int r)
{
        char first[sizeof(work->c->error.what)];
        struct undoing undoing = undo_begin(work->c);
        int undone;

        snprintf(first, sizeof(first), "%s", fbn_context_error(work->c));
        undone = put(work->c, snippet->path, before);
        if (undone == 0 && r != -FBN_EUNSUPPORTED)
                undone = snippet->reload(work->c, work->options);
        if (undone < 0) {
                snprintf(work->c->error.what, sizeof(work->c->error.what), "%s", fbn_context_error(work->c));
                return fail(work->c, FBN_EPARTIAL, "%.300s; and %s is back as it was but not in force: %.300s", first, snippet->path, undoing.error.what);
        }
        undo_end(work->c, &undoing);
        return r;
}

static int change(struct work *work, const struct snippet *snippet, const char *before, const char *after)
{
        int r = put(work->c, snippet->path, after);

        if (r < 0)
                return r;
        if (after) {
                r = snippet->check(work->c, snippet->path);
                if (r < 0) { /* nobody has read it yet */
                        struct undoing undoing = undo_begin(work->c);

                        put(work->c, snippet->path, before);
                        undo_end(work->c, &undoing);
                        return r;
                }
        }
        r = snippet->reload(work->c, work->options);
        return r < 0 ? undo(work, snippet, before, r) : 0;
}

int snippet_apply(struct work *work, const struct snippet *snippet, const char *text)
{
        _cleanup_(text_free) struct text after = {0};
        _cleanup_free_ char *now = NULL;
        int r;

        r = file_read_if(work->c, snippet->path, &now);
        if (r < 0)
                return r;
        if (now && !has_mark(now))
                return fail(work->c, FBN_ECONFLICT, "%s is not ours: it does not begin with '" OUR_MARK "'; move it out of the way", snippet->path);
        if (!text && !now)
                return 0;
        if (text)
                text_add(&after, OUR_MARK "; changes here are lost\n%s", text);
        if (after.failed)
                return fail_memory(work->c);
        if (now && text && streq(now, after.bytes))
                return 0;
        r = work_add(work, !text ? FBN_CHANGE_DELETE : now ? FBN_CHANGE_UPDATE : FBN_CHANGE_CREATE, snippet->path, now, after.bytes);
        return r < 0 || work->options->dry_run ? r : change(work, snippet, now, after.bytes);
}
