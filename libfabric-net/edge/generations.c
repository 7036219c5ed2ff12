/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/generations.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define STAMP_LENGTH 16 /* of "20261129T031500Z" */

int64_t generation_time(const char *name)
{
        struct tm time = {0};
        const char *rest = strlen(name) > STAMP_LENGTH ? strptime(name, "%Y%m%dT%H%M%SZ", &time) : NULL;

        return rest == name + STAMP_LENGTH && *rest == '-' ? (int64_t)timegm(&time) : -1;
}

static int compare(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static int take_name(fbn_context *c, struct generations *generations, const char *name)
{
        char *copy;

        if (generation_time(name) < 0)
                return 0;
        copy = memory_strdup(name);
        if (!copy || !ARRAY_RESERVE(generations->names, generations->n, generations->capacity)) {
                memory_free(copy);
                return fail_memory(c);
        }
        generations->names[generations->n++] = copy;
        return 0;
}

int generations_read(fbn_context *c, const char *folder, struct generations *ret_generations)
{
        _cleanup_(generations_free) struct generations generations = {0};
        DIR *directory = opendir(folder);
        struct dirent *entry;
        int r = 0;

        if (!directory)
                return errno == ENOENT ? fail(c, FBN_ENOENT, "%s: no such folder", folder) : fail_errno(c, errno, "%s", folder);
        while (r == 0 && (entry = readdir(directory)))
                r = take_name(c, &generations, entry->d_name);
        closedir(directory);
        if (r < 0)
                return r;
        if (generations.n > 0)
                qsort(generations.names, generations.n, sizeof(*generations.names), compare);
        *ret_generations = generations;
        generations = (struct generations){0};
        return 0;
}

void generations_free(struct generations *generations)
{
        for (size_t i = 0; i < generations->n; i++)
                memory_free(generations->names[i]);
        memory_free(generations->names);
        *generations = (struct generations){0};
}

static int sync_path(fbn_context *c, const char *path)
{
        _cleanup_close_ int fd = sys()->open(path, O_RDONLY | O_CLOEXEC, 0);

        return fd < 0 || sys()->fsync(fd) < 0 ? fail_errno(c, errno, "%s", path) : 0;
}

/* Never older than the newest: a clock that was set back must not make an old file of it. */
static bool name_next(const struct generations *generations, const char *name, char *buffer, size_t size)
{
        int64_t newest = generations->n > 0 ? generation_time(generations->names[generations->n - 1]) : 0;
        time_t now = (time_t)MAX((int64_t)time(NULL), newest + 1);
        struct tm broken;
        size_t length;

        gmtime_r(&now, &broken);
        length = strftime(buffer, size, "%Y%m%dT%H%M%SZ", &broken);
        return length == STAMP_LENGTH && snprintf(buffer + length, size - length, "-%s", name) < (int)(size - length);
}

int generation_add(fbn_context *c, const char *folder, const struct generations *generations, const char *from, const char *name)
{
        char base[NAME_MAX + 1], path[PATH_MAX];
        int r;

        if (!name_next(generations, name, base, sizeof(base)) || snprintf(path, sizeof(path), "%s/%s", folder, base) >= (int)sizeof(path))
                return fail(c, FBN_EINVAL, "%s: the path is too long", folder);
        r = sync_path(c, from);
        if (r == 0 && sys()->rename(from, path) < 0)
                r = fail_errno(c, errno, "%s", path);
        return r < 0 ? r : sync_path(c, folder);
}

int generations_prune(fbn_context *c, const char *folder, size_t keep)
{
        _cleanup_(generations_free) struct generations generations = {0};
        int r = generations_read(c, folder, &generations);

        for (size_t i = 0; r == 0 && i + keep < generations.n; i++) {
                char path[PATH_MAX];

                snprintf(path, sizeof(path), "%s/%s", folder, generations.names[i]);
                if (sys()->unlink(path) < 0 && errno != ENOENT)
                        r = fail_errno(c, errno, "%s", path);
        }
        return r;
}
