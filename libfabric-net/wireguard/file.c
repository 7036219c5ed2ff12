/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)64 << 20)
#define CHUNK ((size_t)16384)

/* What is to be read at least; as a rule all of it. */
static size_t expected(int fd)
{
        struct stat status;

        return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size < (off_t)FILE_MAX ? (size_t)status.st_size + 2 : CHUNK;
}

static int read_all(fbn_context *c, int fd, const char *path, struct wiped *text)
{
        if (!wiped_reserve(text, expected(fd)))
                return fail_memory(c);
        for (;;) {
                ssize_t n;

                if (!wiped_reserve(text, 2))
                        return fail_memory(c);
                n = sys()->read(fd, text->bytes + text->length, text->capacity - text->length - 1);
                if (n < 0 && errno == EINTR && context_check(c) == 0)
                        continue;
                if (n < 0)
                        return errno == EINTR ? -FBN_ECANCELED : fail_errno(c, errno, "%s", path);
                text->length += (size_t)n;
                if (text->length > FILE_MAX)
                        return fail(c, FBN_EINVAL, "%s: larger than %zu bytes", path, FILE_MAX);
                if (n == 0)
                        break;
        }
        text->bytes[text->length] = 0;
        return 0;
}

static int check_content(fbn_context *c, const char *path, const struct wiped *text)
{
        static const char locked[] = "\0GITCRYPT";
        const char *zero = memchr(text->bytes, 0, text->length);
        size_t line = 1;

        if (text->length >= sizeof(locked) && memcmp(text->bytes, locked, sizeof(locked)) == 0)
                return fail(c, FBN_ELOCKED, "%s: locked by git-crypt; run 'git-crypt unlock' in its repository", path);
        if (!zero)
                return 0;
        for (const char *byte = text->bytes; byte < zero; byte++)
                line += *byte == '\n';
        return fail(c, FBN_EINVAL, "%s:%zu:1: a zero byte; this is not a text file", path, line);
}

static bool holds_secrets(const fbn_wireguard *wireguard)
{
        if (wireguard->interface.private_key)
                return true;
        for (size_t i = 0; i < wireguard->count; i++)
                if (wireguard->peers[i].preshared_key)
                        return true;
        return false;
}

static int check_mode(fbn_context *c, int fd, const char *path, const fbn_wireguard *wireguard)
{
        struct stat status;

        if (fstat(fd, &status) < 0)
                return fail_errno(c, errno, "%s", path);
        if (S_ISREG(status.st_mode) && status.st_mode & (S_IROTH | S_IWOTH) && holds_secrets(wireguard))
                return fail(c, FBN_EPERM, "%s: everybody can read or write this file and it holds keys; chmod 600 %s", path, path);
        return 0;
}

int source_read(fbn_context *c, const char *path, struct source *ret_source)
{
        _cleanup_(source_free) struct source source = {.path = path, .fd = sys()->open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0)};
        int r;

        if (source.fd < 0 && errno == ENOENT)
                return fail(c, FBN_ENOENT, "%s: no such file", path);
        if (source.fd < 0)
                return fail_errno(c, errno, "%s", path);
        r = read_all(c, source.fd, path, &source.text);
        if (r < 0)
                return r;
        r = check_content(c, path, &source.text);
        if (r < 0)
                return r;
        *ret_source = source;
        source = (struct source){.fd = -1};
        return 0;
}

int source_parse(fbn_context *c, const struct source *source, fbn_wireguard **ret_wireguard)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = NULL;
        int r;

        r = fbn_wireguard_parse(c, source->path, source->text.bytes, &wireguard);
        if (r < 0)
                return r;
        r = check_mode(c, source->fd, source->path, wireguard);
        if (r < 0)
                return r;
        *ret_wireguard = TAKE_PTR(wireguard);
        return 0;
}

void source_free(struct source *source)
{
        wiped_free(&source->text);
        if (source->fd >= 0)
                close(source->fd);
        source->fd = -1;
}

int fbn_wireguard_parse_file(fbn_context *c, const char *path, fbn_wireguard **ret_wireguard)
{
        _cleanup_(source_free) struct source source = {.fd = -1};
        int r;

        r = source_read(c, path, &source);
        return r < 0 ? r : source_parse(c, &source, ret_wireguard);
}
