/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail_open(fbn_context *c, const char *path)
{
        return errno == ENOENT ? fail(c, FBN_ENOENT, "%s: no such file", path) : fail_errno(c, errno, "%s", path);
}

int file_read(fbn_context *c, const char *path, size_t limit, char **ret_bytes, size_t *ret_length)
{
        _cleanup_free_ char *bytes = NULL;
        _cleanup_close_ int fd = -1;
        size_t length = 0, capacity = 0;

        fd = sys()->open(path, O_RDONLY | O_CLOEXEC, 0);
        if (fd < 0)
                return fail_open(c, path);
        for (;;) {
                ssize_t n;

                if (capacity - length < 2) {
                        size_t more = capacity ? capacity * 2 : 4096;
                        char *grown = memory_realloc(bytes, more);

                        if (!grown)
                                return fail_memory(c);
                        bytes = grown;
                        capacity = more;
                }
                n = sys()->read(fd, bytes + length, capacity - length - 1);
                if (n < 0 && errno == EINTR && context_check(c) == 0)
                        continue;
                if (n < 0)
                        return errno == EINTR ? -FBN_ECANCELED : fail_errno(c, errno, "%s", path);
                if (n == 0)
                        break;
                length += (size_t)n;
                if (length > limit)
                        return fail(c, FBN_EINVAL, "%s: larger than %zu bytes", path, limit);
        }
        bytes[length] = 0;
        *ret_bytes = TAKE_PTR(bytes);
        *ret_length = length;
        return 0;
}

int fd_write_all(int fd, const void *bytes, size_t length)
{
        const char *next = bytes;

        while (length > 0) {
                ssize_t n = sys()->write(fd, next, length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                next += n;
                length -= (size_t)n;
        }
        return 0;
}

static int sync_directory(fbn_context *c, const char *path)
{
        char copy[PATH_MAX];
        _cleanup_close_ int fd = -1;

        snprintf(copy, sizeof(copy), "%s", path);
        fd = sys()->open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
        if (fd < 0 || sys()->fsync(fd) < 0)
                return fail_errno(c, errno, "%s: its directory", path);
        return 0;
}

/* path: what it will be called in the end. */
static int write_new(fbn_context *c, const char *temporary, const char *path, const void *bytes, size_t length, mode_t mode)
{
        _cleanup_close_ int fd = sys()->open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        struct stat before;
        int r;

        if (fd < 0 && errno == ENOENT)
                return fail(c, FBN_ENOENT, "%s: its folder does not exist", path);
        if (fd < 0)
                return fail_errno(c, errno, "%s", path);
        if (stat(path, &before) == 0 && (before.st_uid != geteuid() || before.st_gid != getegid()))
                (void)!fchown(fd, before.st_uid, before.st_gid); /* only root can */
        r = fchmod(fd, mode) < 0 ? -errno : fd_write_all(fd, bytes, length);
        if (r == 0 && sys()->fsync(fd) < 0)
                r = -errno;
        return r < 0 ? fail_errno(c, -r, "%s", path) : 0;
}

int file_replace(fbn_context *c, const char *path, const void *bytes, size_t length, mode_t mode)
{
        char temporary[PATH_MAX];
        int r;

        if (snprintf(temporary, sizeof(temporary), "%s.%d.new", path, (int)getpid()) >= (int)sizeof(temporary))
                return fail(c, FBN_EINVAL, "%s: the path is too long", path);
        sys()->unlink(temporary);
        r = write_new(c, temporary, path, bytes, length, mode);
        if (r == 0 && sys()->rename(temporary, path) < 0)
                r = fail_errno(c, errno, "%s", path);
        if (r < 0) {
                sys()->unlink(temporary);
                return r;
        }
        return sync_directory(c, path);
}
