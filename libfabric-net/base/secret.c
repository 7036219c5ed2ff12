/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"
#include "base/context.h"
#include "base/text.h"

#include <errno.h>
#include <fabricnet/secret.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_MAX ((size_t)64 << 20) /* a WireGuard file of 10,000 peers has about 4 MB */
#define FILE_MAX ((size_t)65536)
#define PAGE_MIN ((size_t)4096)
#define PAGE_MAX ((size_t)131072) /* each page costs ten system calls */
#define SHARED_MAX ((size_t)1024) /* up to here secrets share pages: sodium_malloc() alone ends at about 16,000, for want of mappings */

/* A guarded, undumpable piece of memory, either shared by small secrets or for one large secret, and locked as far as RLIMIT_MEMLOCK
 * goes: sodium_malloc() does not fail beyond. Lives as long as its last secret, which may outlive the context that made it. */
struct page {
        atomic_uint references;
        uint8_t *memory;
        size_t size, used;
};

struct fbn_secret {
        atomic_uint references; /* a garbage collector may drop the last one in any thread */
        struct page *page;
        uint8_t *bytes;
        size_t length;
};

static void page_unref(struct page *page)
{
        if (--page->references > 0)
                return;
        sodium_free(page->memory);
        memory_free(page);
}

static void page_release(void *data)
{
        page_unref(data);
}

static struct page *page_new(size_t size)
{
        struct page *page = sodium_init() < 0 ? NULL : memory_alloc(sizeof(*page));

        if (!page)
                return NULL;
        page->references = 1;
        page->size = size;
        page->memory = sodium_malloc(size);
        if (!page->memory) {
                memory_free(page);
                return NULL;
        }
        return page;
}

/* The page where the context puts its next small secret: each is twice as large as the one before. */
static struct page *page_current(fbn_context *c, size_t length)
{
        struct page *page = c->slots[SLOT_SECRETS].data;
        size_t size = page ? MIN(page->size * 2, PAGE_MAX) : PAGE_MIN;

        if (page && length <= page->size - page->used)
                return page;
        if (page)
                page_unref(page);
        page = page_new(size);
        c->slots[SLOT_SECRETS].data = page;
        c->slots[SLOT_SECRETS].release = page_release;
        return page;
}

static bool place(fbn_context *c, fbn_secret *secret, size_t length)
{
        size_t room = (length + 15) & ~(size_t)15;

        if (length > SHARED_MAX) {
                secret->page = page_new(length);
                if (!secret->page)
                        return false;
                secret->bytes = secret->page->memory;
                return true;
        }
        secret->page = page_current(c, room);
        if (!secret->page)
                return false;
        secret->page->references++;
        secret->bytes = secret->page->memory + secret->page->used;
        secret->page->used += room;
        return true;
}

/* One whose bytes are yet to be written. */
static int secret_reserve(fbn_context *c, size_t length, fbn_secret **ret_secret)
{
        fbn_secret *secret = memory_alloc(sizeof(*secret));

        if (!secret)
                return fail_memory(c);
        if (!place(c, secret, length)) {
                memory_free(secret);
                return fail(c, FBN_ENOMEM, "no guarded memory for a secret");
        }
        secret->references = 1;
        secret->length = length;
        *ret_secret = secret;
        return 0;
}

int fbn_secret_new(fbn_context *c, const void *bytes, size_t length, fbn_secret **ret_secret)
{
        fbn_secret *secret;
        int r;

        if (length == 0 || length > SECRET_MAX)
                return fail(c, FBN_EINVAL, "a secret has 1 to %zu bytes, this one %zu", SECRET_MAX, length);
        r = secret_reserve(c, length, &secret);
        if (r < 0)
                return r;
        memcpy(secret->bytes, bytes, length);
        *ret_secret = secret;
        return 0;
}

fbn_secret *fbn_secret_ref(fbn_secret *secret)
{
        secret->references++;
        return secret;
}

fbn_secret *fbn_secret_unref(fbn_secret *secret)
{
        if (!secret || --secret->references > 0)
                return NULL;
        sodium_memzero(secret->bytes, secret->length);
        page_unref(secret->page);
        memory_free(secret);
        return NULL;
}

const void *fbn_secret_bytes(const fbn_secret *secret)
{
        return secret->bytes;
}

size_t fbn_secret_length(const fbn_secret *secret)
{
        return secret ? secret->length : 0;
}

bool fbn_secret_equal(const fbn_secret *a, const fbn_secret *b)
{
        return a->length == b->length && sodium_memcmp(a->bytes, b->bytes, a->length) == 0;
}

/* ret_room: what its bytes need, and one more, which tells that there are more. */
static int check_file(fbn_context *c, int fd, const char *path, size_t *ret_room)
{
        char link[PATH_MAX], resolved[PATH_MAX];
        struct stat status;
        ssize_t length;

        if (fstat(fd, &status) < 0)
                return fail_errno(c, errno, "%s", path);
        if (S_ISDIR(status.st_mode))
                return fail(c, FBN_EINVAL, "%s: is a directory", path);
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        length = readlink(link, resolved, sizeof(resolved) - 1);
        resolved[MAX(length, 0)] = 0;
        if (strncmp(resolved, "/nix/store/", 11) == 0)
                return fail(c, FBN_EINVAL, "%s: lies in the Nix store, which everybody can read; name the path as text outside the store", path);
        *ret_room = MIN(status.st_size > 0 ? (size_t)status.st_size : FILE_MAX + 1, FILE_MAX + 1) + 1; /* a pipe has no size */
        return 0;
}

static int check_mode(fbn_context *c, int fd, const char *path)
{
        struct stat status;

        if (fstat(fd, &status) < 0)
                return fail_errno(c, errno, "%s", path);
        if (S_ISREG(status.st_mode) && status.st_mode & (S_IROTH | S_IWOTH))
                return fail(c, FBN_EPERM, "%s: everybody can read or write this secret; chmod 600 %s", path, path);
        return 0;
}

/* Content first, then mode: a locked file has mode 644 and "is locked" is what its owner needs to hear. */
static int read_fd(fbn_context *c, int fd, const char *path, fbn_secret *secret)
{
        static const char locked[] = "\0GITCRYPT";
        uint8_t *buffer = secret->bytes;
        size_t room = secret->length, length = 0;

        for (;;) {
                ssize_t n = sys()->read(fd, buffer + length, room - length);

                if (n < 0 && errno == EINTR && context_check(c) == 0)
                        continue;
                if (n < 0)
                        return errno == EINTR ? -FBN_ECANCELED : fail_errno(c, errno, "%s", path);
                length += (size_t)n;
                if (n == 0 || length == room)
                        break;
        }
        if (length == room && room < FILE_MAX + 2)
                return fail(c, FBN_EINVAL, "%s: grew while it was read; try again", path);
        if (length >= sizeof(locked) && memcmp(buffer, locked, sizeof(locked)) == 0)
                return fail(c, FBN_ELOCKED, "%s: locked by git-crypt; run 'git-crypt unlock' in its repository", path);
        while (length > 0 && (buffer[length - 1] == '\n' || buffer[length - 1] == '\r'))
                length--;
        if (length == 0)
                return fail(c, FBN_EINVAL, "%s: the file is empty", path);
        if (length > FILE_MAX)
                return fail(c, FBN_EINVAL, "%s: larger than %zu bytes; a file with one secret is expected", path, FILE_MAX);
        secret->length = length;
        return check_mode(c, fd, path);
}

/* From an open descriptor; path is its name in errors. */
static int read_open(fbn_context *c, int fd, const char *path, fbn_secret **ret_secret)
{
        _cleanup_(fbn_secret_unrefp) fbn_secret *secret = NULL;
        size_t room = 0;
        int r;

        r = check_file(c, fd, path, &room);
        if (r == 0)
                r = fail_in(c, secret_reserve(c, room, &secret), "%s", path);
        if (r == 0)
                r = read_fd(c, fd, path, secret);
        if (r < 0)
                return r;
        *ret_secret = TAKE_PTR(secret);
        return 0;
}

static int read_path(fbn_context *c, const char *path, fbn_secret **ret_secret)
{
        _cleanup_close_ int fd = -1;

        if (sodium_init() < 0)
                return fail(c, FBN_ESYSTEM, "libsodium cannot start");
        fd = sys()->open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
        if (fd < 0 && errno == ENOENT)
                return fail(c, FBN_ENOENT, "%s: no such secret file", path);
        if (fd < 0)
                return fail_errno(c, errno, "%s", path);
        return read_open(c, fd, path, ret_secret);
}

/* "fd:7": the caller's, which stays open. */
static int read_descriptor(fbn_context *c, const char *path, fbn_secret **ret_secret)
{
        uint64_t fd;

        if (!text_to_u64(path + 3, 0, INT_MAX, &fd) || fcntl((int)fd, F_GETFD) < 0)
                return fail(c, FBN_EINVAL, "%s: is no open file descriptor", path);
        if (sodium_init() < 0)
                return fail(c, FBN_ESYSTEM, "libsodium cannot start");
        return read_open(c, (int)fd, path, ret_secret);
}

int fbn_secret_read_file(fbn_context *c, const char *path, fbn_secret **ret_secret)
{
        char joined[PATH_MAX];

        if (strncmp(path, "fd:", 3) == 0)
                return read_descriptor(c, path, ret_secret);
        if (strncmp(path, "credential:", 11) == 0)
                return fbn_secret_read_credential(c, path + 11, ret_secret);
        if (*path == '/' || !c->secrets_dir)
                return read_path(c, path, ret_secret);
        if (snprintf(joined, sizeof(joined), "%s/%s", c->secrets_dir, path) >= (int)sizeof(joined))
                return fail(c, FBN_EINVAL, "%s: the path is too long", path);
        return read_path(c, joined, ret_secret);
}

int fbn_secret_read_credential(fbn_context *c, const char *name, fbn_secret **ret_secret)
{
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        char path[PATH_MAX];

        if (!*name || strchr(name, '/') || streq(name, "..") || streq(name, "."))
                return fail(c, FBN_EINVAL, "credential '%s': not a file name", name);
        if (!directory)
                return fail(c, FBN_ENOENT, "credential '%s': no $CREDENTIALS_DIRECTORY; add LoadCredential=%s:PATH to the unit", name, name);
        if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
                return fail(c, FBN_EINVAL, "credential '%s': the path is too long", name);
        return read_path(c, path, ret_secret);
}

/* What holds a zero byte is no text. */
static bool wants_newline(const fbn_secret *secret)
{
        return secret->bytes[secret->length - 1] != '\n' && !memchr(secret->bytes, 0, secret->length);
}

int fbn_secret_write_file(fbn_context *c, const fbn_secret *secret, const char *path)
{
        _cleanup_close_ int fd = sys()->open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        int r;

        if (fd < 0 && errno == EEXIST)
                return fail(c, FBN_EEXIST, "%s: exists already; it is left as it is", path);
        if (fd < 0)
                return fail_errno(c, errno, "%s", path);
        r = fd_write_all(fd, secret->bytes, secret->length);
        if (r == 0 && wants_newline(secret))
                r = fd_write_all(fd, "\n", 1);
        if (r == 0 && sys()->fsync(fd) < 0)
                r = -errno;
        if (r < 0) {
                sys()->unlink(path);
                return fail_errno(c, -r, "%s", path);
        }
        return 0;
}
