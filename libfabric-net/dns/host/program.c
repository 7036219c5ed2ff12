/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/host/host.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 15
#define SLICE 100
#define OUTPUT_MAX ((off_t)1 << 20)

bool program_exists(const char *path)
{
        return access(path, X_OK) == 0;
}

/* Files in memory for what goes in and what comes out: no pipe can fill up. */
static int spawn(const char *const *arguments, int input, int output, pid_t *ret_child)
{
        static char *const environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, all;
        int r;

        sigemptyset(&none);
        sigfillset(&all);
        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return r;
        r = posix_spawnattr_init(&attributes);
        if (r != 0) {
                posix_spawn_file_actions_destroy(&actions);
                return r;
        }
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        r = posix_spawn_file_actions_adddup2(&actions, input, 0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, output, 1);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, output, 2);
        if (r == 0)
                r = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
        if (r == 0)
                r = posix_spawnp(ret_child, arguments[0], &actions, &attributes, (char *const *)(uintptr_t)arguments, environment);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return r;
}

static int await(fbn_context *c, pid_t child, const char *name)
{
        _cleanup_close_ int process = (int)syscall(SYS_pidfd_open, child, 0);
        struct pollfd end = {.fd = process, .events = POLLIN};
        int status = 0, r = process < 0 ? -1 : 0;

        for (int i = 0; r == 0 && i < SECONDS * 1000 / SLICE && context_check(c) == 0; i++)
                r = poll(&end, 1, SLICE) > 0;
        if (r == 0)
                kill(child, SIGKILL); /* ours, and not reaped: the number is still its own */
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
                ;
        if (r == 0)
                return context_check(c) < 0 ? -FBN_ECANCELED : fail(c, FBN_ETIMEOUT, "'%s' did not end within %d s", name, SECONDS);
        return WIFEXITED(status) ? WEXITSTATUS(status) : fail(c, FBN_EUNAVAILABLE, "'%s' was ended by signal %d", name, WTERMSIG(status));
}

static int read_back(fbn_context *c, int fd, char **ret_output)
{
        off_t length = lseek(fd, 0, SEEK_END);
        char *bytes = memory_alloc((size_t)MIN(MAX(length, (off_t)0), OUTPUT_MAX) + 1);
        ssize_t n;

        if (!bytes)
                return fail_memory(c);
        n = pread(fd, bytes, (size_t)MIN(MAX(length, (off_t)0), OUTPUT_MAX), 0);
        bytes[MAX(n, (ssize_t)0)] = 0;
        *ret_output = bytes;
        return 0;
}

int program_run(fbn_context *c, const char *const *arguments, const char *input, char **ret_output)
{
        _cleanup_close_ int in = memfd_create("input", MFD_CLOEXEC), out = memfd_create("output", MFD_CLOEXEC);
        pid_t child;
        int code, r;

        if (in < 0 || out < 0)
                return fail_errno(c, errno, "cannot make a file in memory");
        r = fd_write_all(in, input ? input : "", input ? strlen(input) : 0);
        if (r < 0 || lseek(in, 0, SEEK_SET) < 0)
                return fail_errno(c, r < 0 ? -r : errno, "cannot write to a file in memory");
        r = spawn(arguments, in, out, &child);
        if (r == ENOENT)
                return fail(c, FBN_EUNSUPPORTED, "'%s' is not installed", arguments[0]);
        if (r != 0)
                return fail_errno(c, r, "cannot start '%s'", arguments[0]);
        code = await(c, child, arguments[0]);
        if (code >= 0 && ret_output)
                r = read_back(c, out, ret_output);
        return r < 0 ? r : code;
}

const char *output_end(char *output)
{
        size_t length = output ? strlen(output) : 0;
        char *line;

        while (length > 0 && (output[length - 1] == '\n' || output[length - 1] == ' '))
                output[--length] = 0;
        line = length ? strrchr(output, '\n') : NULL;
        return line ? line + 1 : length ? output : "it does not say why";
}
