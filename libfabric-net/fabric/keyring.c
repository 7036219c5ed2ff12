/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/keyring.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define KEY_BYTES ((size_t)32)
#define CHUNK 64 /* keys a write or read */

static int append(fbn_context *c, struct keyring *keyring, fbn_secret *key)
{
        if (!ARRAY_RESERVE(keyring->items, keyring->count, keyring->capacity))
                return fail_memory(c);
        keyring->items[keyring->count++] = key;
        return 0;
}

int keyring_put(fbn_context *c, struct keyring *keyring, const fbn_secret *key, size_t *ret_place)
{
        int r;

        if (fbn_secret_length(key) != KEY_BYTES)
                return fail(c, FBN_EINVAL, "a WireGuard key has %zu bytes, this one %zu", KEY_BYTES, fbn_secret_length(key));
        for (size_t i = 0; i < keyring->count; i++)
                if (fbn_secret_equal(keyring->items[i], key)) {
                        *ret_place = i;
                        return 0;
                }
        r = append(c, keyring, (fbn_secret *)key);
        if (r < 0)
                return r;
        fbn_secret_ref((fbn_secret *)key);
        *ret_place = keyring->count - 1;
        return 0;
}

const fbn_secret *keyring_at(const struct keyring *keyring, size_t place)
{
        return place < keyring->count ? keyring->items[place] : NULL;
}

static int write_keys(struct keyring *keyring, int fd)
{
        uint8_t bytes[CHUNK * KEY_BYTES];
        int r = 0;

        while (r == 0 && keyring->saved < keyring->count) {
                size_t n = MIN(keyring->count - keyring->saved, (size_t)CHUNK);

                for (size_t i = 0; i < n; i++)
                        memcpy(bytes + i * KEY_BYTES, fbn_secret_bytes(keyring->items[keyring->saved + i]), KEY_BYTES);
                r = fd_write_all(fd, bytes, n * KEY_BYTES);
                if (r == 0)
                        keyring->saved += n;
        }
        explicit_bzero(bytes, sizeof(bytes));
        return r == 0 && sys()->fsync(fd) < 0 ? -errno : r;
}

int keyring_save(fbn_context *c, struct keyring *keyring, const char *path)
{
        _cleanup_close_ int fd = -1;
        int r;

        if (keyring->saved == keyring->count)
                return 0;
        fd = sys()->open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return fail_errno(c, errno, "%s", path);
        r = lseek(fd, (off_t)(keyring->saved * KEY_BYTES), SEEK_SET) < 0 ? -errno : write_keys(keyring, fd);
        return r < 0 ? fail_errno(c, -r, "%s", path) : 0;
}

static int take_keys(fbn_context *c, struct keyring *keyring, const uint8_t *bytes, size_t count)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < count; i++) {
                fbn_secret *key = NULL;

                r = fbn_secret_new(c, bytes + i * KEY_BYTES, KEY_BYTES, &key);
                if (r == 0)
                        r = append(c, keyring, key);
                if (r < 0)
                        fbn_secret_unref(key);
        }
        keyring->saved = keyring->count;
        return r;
}

/* A key that was cut off at the end is one that no journal names. */
static int read_keys(fbn_context *c, struct keyring *keyring, int fd, const char *path)
{
        uint8_t bytes[CHUNK * KEY_BYTES];
        size_t length = 0;
        ssize_t n;
        int r = 0;

        do {
                n = sys()->read(fd, bytes + length, sizeof(bytes) - length);
                if (n < 0 && errno == EINTR)
                        continue;
                length += n > 0 ? (size_t)n : 0;
                if (n <= 0 || length == sizeof(bytes)) {
                        r = n < 0 ? fail_errno(c, errno, "%s", path) : take_keys(c, keyring, bytes, length / KEY_BYTES);
                        length = 0;
                }
        } while (r == 0 && n != 0);
        explicit_bzero(bytes, sizeof(bytes));
        return r;
}

int keyring_load(fbn_context *c, struct keyring *keyring, const char *path)
{
        _cleanup_close_ int fd = sys()->open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);

        if (fd < 0)
                return errno == ENOENT ? 0 : fail_errno(c, errno, "%s", path);
        return read_keys(c, keyring, fd, path);
}

void keyring_clear(struct keyring *keyring)
{
        for (size_t i = 0; i < keyring->count; i++)
                fbn_secret_unref(keyring->items[i]);
        memory_free(keyring->items);
        *keyring = (struct keyring){0};
}
