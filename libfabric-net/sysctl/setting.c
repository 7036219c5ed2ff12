/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"
#include "sysctl/setting.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_step(const char *begin, size_t length)
{
        return length > 0 && !(length == 1 && begin[0] == '.') && !(length == 2 && begin[0] == '.' && begin[1] == '.');
}

/* As sysctl(8): the first separator is the key's; in a key with dots a slash stands for a dot within a name. */
int setting_path(fbn_context *c, const char *key, struct setting_path *ret_path)
{
        struct setting_path path = {0};
        size_t length = key ? strlen(key) : 0;
        bool dots = length > 0 && key[strcspn(key, "./")] == '.';

        if (length == 0 || length >= sizeof(path.text))
                return fail(c, FBN_EINVAL, "'%.64s' is no key of a setting", key ? key : "");
        for (size_t i = 0; i < length; i++)
                path.text[i] = !dots ? key[i] : key[i] == '.' ? '/' : key[i] == '/' ? '.' : key[i];
        if (strncmp(path.text, "net/", 4) != 0)
                return fail(c, FBN_EINVAL, "'%s' is no key below net", key);
        for (const char *step = path.text; step; step = strchr(step, '/')) {
                step += *step == '/';
                if (!is_step(step, strcspn(step, "/")))
                        return fail(c, FBN_EINVAL, "'%s' is no key of a setting", key);
        }
        *ret_path = path;
        return 0;
}

/* /proc/sys/net is that of the namespace in which a file is opened. */
static int open_setting(fbn_context *c, const struct setting_path *path, int flags)
{
        NAMESPACE_GUARD guard = {-1};
        char name[sizeof("/proc/sys/") + sizeof(path->text)];
        int fd, r;

        r = namespace_enter(c, &guard);
        if (r < 0)
                return r;
        snprintf(name, sizeof(name), "/proc/sys/%s", path->text);
        fd = sys()->open(name, flags | O_CLOEXEC | O_NOFOLLOW, 0);
        if (fd >= 0)
                return fd;
        if (errno == ENOENT || errno == ENOTDIR)
                return fail(c, FBN_ENOENT, "no such setting; is its module or link there?");
        if (errno == EISDIR)
                return fail(c, FBN_EINVAL, "a group of settings, not one");
        if (errno == EROFS)
                return fail(c, FBN_EPERM, "/proc/sys is read-only here");
        return fail_errno(c, errno, "cannot open the setting");
}

static int parse(fbn_context *c, const char *text, int64_t *ret_value)
{
        char *end;
        int64_t value;

        errno = 0;
        value = strtoll(text, &end, 10);
        if (errno || end == text || end[strspn(end, "\n")])
                return fail(c, FBN_EINVAL, "its value is no number");
        *ret_value = value;
        return 0;
}

static int read_fd(fbn_context *c, int fd, int64_t *ret_value)
{
        char text[64];
        ssize_t n;

        do
                n = sys()->read(fd, text, sizeof(text) - 1);
        while (n < 0 && errno == EINTR);
        if (n < 0 && errno == EISDIR)
                return fail(c, FBN_EINVAL, "a group of settings, not one");
        if (n < 0)
                return fail_errno(c, errno, "cannot read the setting");
        text[n] = 0;
        return parse(c, text, ret_value);
}

int setting_read(fbn_context *c, const struct setting_path *path, int64_t *ret_value)
{
        _cleanup_close_ int fd = open_setting(c, path, O_RDONLY);

        return fail_in(c, fd < 0 ? fd : read_fd(c, fd, ret_value), "%s", path->text);
}

int setting_write(fbn_context *c, const struct setting_path *path, int64_t value)
{
        _cleanup_close_ int fd = open_setting(c, path, O_WRONLY);
        char text[32];
        int length = snprintf(text, sizeof(text), "%lld\n", (long long)value);
        int r;

        if (fd < 0)
                return fail_in(c, fd, "%s", path->text);
        r = fd_write_all(fd, text, (size_t)length);
        if (r == -EINVAL || r == -ERANGE)
                r = fail(c, FBN_EINVAL, "the kernel refuses the value %lld", (long long)value);
        else if (r < 0)
                r = fail_errno(c, -r, "cannot write the setting");
        return fail_in(c, r, "%s", path->text);
}

int fbn_sysctl_get(fbn_context *c, const char *key, int64_t *ret_value)
{
        struct setting_path path;
        int r = setting_path(c, key, &path);

        return r < 0 ? r : setting_read(c, &path, ret_value);
}

int fbn_sysctl_set(fbn_context *c, const char *key, int64_t value)
{
        struct setting_path path;
        int r = setting_path(c, key, &path);

        return r < 0 ? r : setting_write(c, &path, value);
}

static int read_rp_filter(fbn_context *c, const char *name, int64_t *ret_value)
{
        struct setting_path path;

        snprintf(path.text, sizeof(path.text), "net/ipv4/conf/%s/rp_filter", name);
        return setting_read(c, &path, ret_value);
}

int fbn_sysctl_rp_filter(fbn_context *c, const char *device, int64_t *ret_value)
{
        int64_t own, all;
        int r;

        if (!device || strchr(device, '/') || strlen(device) > 15 || !is_step(device, strlen(device)))
                return fail(c, FBN_EINVAL, "'%s' is no name of a link", device ? device : "");
        r = read_rp_filter(c, device, &own);
        if (r == -FBN_ENOENT)
                return fail_in(c, fail(c, FBN_ENOENT, "no such link"), "%s", device);
        if (r == 0)
                r = read_rp_filter(c, "all", &all);
        if (r == 0)
                *ret_value = MAX(own, all);
        return r;
}
