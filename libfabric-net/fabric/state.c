/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/state.h"
#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DIRECTORY "/var/lib/fabricnet"
#define PAUSE 50 /* milliseconds between two tries for the lock */

static int64_t now(clockid_t clock)
{
        struct timespec time;

        clock_gettime(clock, &time);
        return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t boottime_now(void) { return now(CLOCK_BOOTTIME); }
int64_t realtime_now(void) { return now(CLOCK_REALTIME); }

static bool read_line(const char *path, char *buffer, size_t size)
{
        _cleanup_close_ int fd = sys()->open(path, O_RDONLY | O_CLOEXEC, 0);
        ssize_t n = fd < 0 ? -1 : sys()->read(fd, buffer, size - 1);

        buffer[MAX(n, 0)] = 0;
        buffer[strcspn(buffer, "\n")] = 0;
        return n > 0;
}

const char *state_boot(void)
{
        static _Thread_local char boot[64];

        read_line("/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
        return boot;
}

/* Behind sudo and su the login's user is still the one who acts. Source: proc(5), /proc/PID/loginuid; 4294967295 is nobody. */
const char *state_author(void)
{
        static _Thread_local char author[64];
        char text[24];
        uint64_t uid = getuid();
        const struct passwd *user;

        if (*author)
                return author;
        if (read_line("/proc/self/loginuid", text, sizeof(text)))
                text_to_u64(text, 0, UINT32_MAX - 1, &uid);
        user = getpwuid((uid_t)uid);
        if (user)
                snprintf(author, sizeof(author), "%s", user->pw_name);
        else
                snprintf(author, sizeof(author), "uid %u", (unsigned)uid);
        return author;
}

/* What others could write into would be undone into whatever they like. */
static int check_directory(fbn_context *c, const char *path)
{
        struct stat status;

        if (lstat(path, &status) < 0)
                return errno == ENOENT ? -FBN_ENOENT : fail_errno(c, errno, "%s", path);
        if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || status.st_mode & (S_IWGRP | S_IWOTH))
                return fail(c, FBN_EPERM, "%s: must be a folder of one's own that nobody else can write to; chmod 755, chown", path);
        return 0;
}

static int make_directory(fbn_context *c, char *path)
{
        for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
                if (slash)
                        *slash = 0;
                if (mkdir(path, 0755) < 0 && errno != EEXIST)
                        return fail_errno(c, errno, "%s", path);
                if (!slash)
                        return check_directory(c, path);
                *slash = '/';
        }
}

int state_open(fbn_context *c, const char *directory, bool make, struct state *state)
{
        size_t length;
        int r;

        *state = (struct state)STATE_CLOSED;
        r = snprintf(state->path, sizeof(state->path), "%s%s%s", directory ? directory : DIRECTORY, c->netns_name ? "/netns/" : "",
                     c->netns_name ? c->netns_name : "");
        if (r >= (int)sizeof(state->path))
                return fail(c, FBN_EINVAL, "%s: the path is too long", directory ? directory : c->netns_name);
        length = strlen(directory ? directory : DIRECTORY) + strlen("/netns/");
        for (char *name = state->path + MIN(length, strlen(state->path)); c->netns_name && *name; name++)
                *name = *name == '/' ? '%' : *name;
        r = check_directory(c, state->path);
        if (r == -FBN_ENOENT && make)
                return make_directory(c, state->path);
        state->absent = r == -FBN_ENOENT;
        return state->absent ? 0 : r;
}

void state_reopen(const char *path, struct state *state)
{
        *state = (struct state)STATE_CLOSED;
        snprintf(state->path, sizeof(state->path), "%s", path);
}

void state_unlock(struct state *state)
{
        if (state->lock >= 0)
                close(state->lock);
        state->lock = -1;
}

void state_close(struct state *state)
{
        state_unlock(state);
}

static void say_who(int fd, const char *verb)
{
        char text[160], when[32];
        time_t seconds = time(NULL);
        struct tm local;
        int length;

        strftime(when, sizeof(when), "%F %T", localtime_r(&seconds, &local));
        length = snprintf(text, sizeof(text), "process %d, '%s' by %s since %s\n", (int)getpid(), verb, state_author(), when);
        if (ftruncate(fd, 0) == 0)
                fd_write_all(fd, text, (size_t)length);
}

static int fail_held(fbn_context *c, int fd)
{
        char text[160];
        ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

        text[MAX(n, 0)] = 0;
        text[strcspn(text, "\n")] = 0;
        return fail(c, FBN_ECONFLICT, "another one is at work on this host: %s; wait for it to end", *text ? text : "a process that is just starting");
}

int state_lock(fbn_context *c, struct state *state, const char *verb, int wait)
{
        _cleanup_close_ int fd = -1;
        char path[PATH_MAX];

        snprintf(path, sizeof(path), "%s/lock", state->path);
        fd = sys()->open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return fail_errno(c, errno, "%s", path);
        for (; flock(fd, LOCK_EX | LOCK_NB) < 0; wait -= PAUSE) {
                int r = errno != EWOULDBLOCK && errno != EINTR ? fail_errno(c, errno, "%s", path) : wait <= 0 ? fail_held(c, fd) : context_check(c);

                if (r < 0)
                        return r;
                poll(NULL, 0, PAUSE);
        }
        say_who(fd, verb);
        state->lock = TAKE_FD(fd);
        return 0;
}

const char *state_file(const struct state *state, uint64_t generation, const char *kind, char *buffer, size_t size)
{
        snprintf(buffer, size, "%s/%llu.%s", state->path, (unsigned long long)generation, kind);
        return buffer;
}

static uint64_t number_of(const char *name)
{
        char digits[24];
        size_t length = strspn(name, "0123456789");
        uint64_t number;

        if (length == 0 || length >= sizeof(digits) || !streq(name + length, ".journal"))
                return 0;
        memcpy(digits, name, length);
        digits[length] = 0;
        return text_to_u64(digits, 1, INT64_MAX, &number) ? number : 0;
}

int state_last(fbn_context *c, const struct state *state, uint64_t below, uint64_t *ret_generation)
{
        const struct dirent *entry;
        uint64_t last = 0;
        DIR *folder;

        *ret_generation = 0;
        if (state->absent)
                return 0;
        folder = opendir(state->path);
        if (!folder)
                return fail_errno(c, errno, "%s", state->path);
        while ((entry = readdir(folder))) {
                uint64_t number = number_of(entry->d_name);

                if (number < below)
                        last = MAX(last, number);
        }
        closedir(folder);
        *ret_generation = last;
        return 0;
}

void state_remove(const struct state *state, uint64_t generation)
{
        static const char *const kinds[] = {"keys", "journal"};
        char path[PATH_MAX];

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (access(state_file(state, generation, kinds[i], path, sizeof(path)), F_OK) == 0)
                        sys()->unlink(path);
}

int state_sync(fbn_context *c, const struct state *state)
{
        _cleanup_close_ int fd = sys()->open(state->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

        return fd < 0 || sys()->fsync(fd) < 0 ? fail_errno(c, errno, "%s", state->path) : 0;
}
