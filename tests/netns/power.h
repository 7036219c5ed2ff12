/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETNS_POWER_H
#define NETNS_POWER_H

/* A power cut, for the files of the state directory: of each one what was written since its last fdatasync or fsync is gone, and a new one whose
 * folder was not synced since either is not there at all or empty (a disk may do both). Include after netns/fabric_host.h; power_set_tables() wraps its
 * calls. */

#include <limits.h>

#define POWER_FOLDER "/var/lib/fabricnet"

static struct {
        size_t count, at; /* file calls; before number at the power goes; 0: never */
        bool keep_names;  /* new files stay, empty, although their folder was not synced */
        struct {
                char path[128];
                off_t synced;
                bool named; /* its folder knows it for good */
        } files[16];
        size_t n_files;
} power;

/* What a descriptor is of the state directory, or NULL. */
static const char *power_path(int fd)
{
        static char path[PATH_MAX];
        char link[64];
        ssize_t length;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        length = readlink(link, path, sizeof(path) - 1);
        path[length < 0 ? 0 : length] = 0;
        return strncmp(path, POWER_FOLDER, strlen(POWER_FOLDER)) == 0 && !strstr(path, "/lock") ? path : NULL;
}

static void power_lose(void)
{
        for (size_t i = 0; i < power.n_files; i++)
                if (power.files[i].named || power.keep_names)
                        (void)!truncate(power.files[i].path, power.files[i].synced);
                else
                        unlink(power.files[i].path);
}

/* Before each call that changes files. */
static void power_call(const char *call)
{
        snprintf(seen->call, sizeof(seen->call), "%s", call);
        if (!power.at || ++power.count != power.at)
                return;
        power_lose();
        raise(SIGKILL);
}

static void power_know(const char *path, off_t synced, bool named)
{
        for (size_t i = 0; i < power.n_files; i++)
                if (streq(power.files[i].path, path))
                        return;
        if (power.n_files == ARRAY_SIZE(power.files))
                _exit(98);
        snprintf(power.files[power.n_files].path, sizeof(power.files[0].path), "%s", path);
        power.files[power.n_files].synced = synced;
        power.files[power.n_files++].named = named;
}

static int power_open(const char *path, int flags, mode_t mode)
{
        bool ours = strncmp(path, POWER_FOLDER "/", strlen(POWER_FOLDER "/")) == 0 && !strstr(path, "/lock"), writes = flags & (O_WRONLY | O_RDWR);
        struct stat status;
        bool there = stat(path, &status) == 0;

        if (ours && writes && !there)
                power_call("open");
        if (ours && writes)
                power_know(path, there ? status.st_size : 0, there);
        return open(path, flags, mode);
}

static ssize_t power_write(int fd, const void *buffer, size_t count)
{
        if (power_path(fd))
                power_call("write");
        return acted_write(fd, buffer, count);
}

static int power_synced(int fd, int (*sync)(int fd), const char *call)
{
        const char *path = power_path(fd);
        struct stat status;
        int r;

        if (!path)
                return sync(fd);
        power_call(call);
        r = sync(fd);
        path = power_path(fd);
        for (size_t i = 0; r == 0 && i < power.n_files; i++)
                if (streq(path, POWER_FOLDER))
                        power.files[i].named = true;
                else if (streq(power.files[i].path, path) && fstat(fd, &status) == 0)
                        power.files[i].synced = status.st_size;
        return r;
}

static int power_fsync(int fd) { return power_synced(fd, fsync, "fsync"); }
static int power_fdatasync(int fd) { return power_synced(fd, fdatasync, "fdatasync"); }

/* Of a file that is removed and comes back nothing is missing: that is another one's business. */
static int power_unlink(const char *path)
{
        power_call("unlink");
        for (size_t i = 0; i < power.n_files; i++)
                if (streq(power.files[i].path, path))
                        power.files[i] = power.files[--power.n_files];
        return unlink(path);
}

#endif
