/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"
#include "base/text.h"
#include "sysctl/list.h"

#include <errno.h>
#include <unistd.h>

#define MARKER "# Made by fabricnet, which replaces and removes it; see sysctl.d(5).\n"
#define SIZE_LIMIT ((size_t)1 << 20)

/* With dots, as everybody writes them, unless a name has one itself: then with slashes, which both systemd-sysctl and sysctl(8) read. */
static void add_line(struct text *text, const struct sysctl_entry *entry)
{
        const char *path = entry->path.text;
        bool dotted = strchr(path, '.') != NULL;

        for (; *path; path++)
                text_add(text, "%c", *path == '/' && !dotted ? '.' : *path);
        text_add(text, " = %lld\n", (long long)entry->sysctl.value);
}

static int render(fbn_context *c, const fbn_sysctls *want, struct text *text)
{
        text_add(text, MARKER);
        for (size_t i = 0; i < want->count; i++)
                add_line(text, &want->items[i]);
        return text->failed ? fail_memory(c) : 0;
}

/* 1 and its content if there is one of ours, 0 if there is none. */
static int read_ours(fbn_context *c, const char *path, char **ret_bytes)
{
        _cleanup_free_ char *bytes = NULL;
        struct error_record before = c->error;
        size_t length;
        int r = file_read(c, path, SIZE_LIMIT, &bytes, &length);

        if (r == -FBN_ENOENT) {
                c->error = before;
                return 0;
        }
        if (r < 0)
                return r;
        if (strncmp(bytes, MARKER, strlen(MARKER)) != 0)
                return fail(c, FBN_ECONFLICT, "%s: somebody else's file: it does not begin with our line '%.*s'", path, (int)strlen(MARKER) - 1, MARKER);
        *ret_bytes = TAKE_PTR(bytes);
        return 1;
}

static int check_name(fbn_context *c, const char *path)
{
        const char *name = path ? strrchr(path, '/') : NULL;
        size_t length;

        name = name ? name + 1 : path;
        length = name ? strlen(name) : 0;
        if (length <= strlen(".conf") || !streq(name + length - strlen(".conf"), ".conf"))
                return fail(c, FBN_EINVAL, "'%s': nothing reads a file whose name does not end in .conf", path ? path : "");
        return 0;
}

int fbn_sysctl_persist(fbn_context *c, const char *path, const fbn_sysctls *want)
{
        _cleanup_(text_free) struct text text = {0};
        _cleanup_free_ char *have = NULL;
        int r = check_name(c, path), there;

        if (r < 0)
                return r;
        there = read_ours(c, path, &have);
        if (there < 0)
                return there;
        if (fbn_sysctls_count(want) == 0) {
                if (there && sys()->unlink(path) < 0)
                        return fail_errno(c, errno, "%s", path);
                return there;
        }
        r = render(c, want, &text);
        if (r < 0 || (there && streq(have, text.bytes)))
                return r;
        r = file_replace(c, path, text.bytes, text.length, 0644);
        return r < 0 ? r : 1;
}
