/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/process.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLICE 100 /* milliseconds between two looks at cancellation */
#define OUTPUT_MAX ((size_t)1 << 20)

static int prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, const char *folder, int input, int output, int errors)
{
        sigset_t none, all;
        int r;

        sigemptyset(&none);
        sigfillset(&all);
        r = posix_spawn_file_actions_adddup2(actions, input, 0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(actions, output, 1);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(actions, errors, 2);
        if (r == 0)
                r = posix_spawn_file_actions_addclosefrom_np(actions, 3);
        if (r == 0 && folder)
                r = posix_spawn_file_actions_addchdir_np(actions, folder);
        if (r == 0)
                r = posix_spawnattr_setsigmask(attributes, &none);
        if (r == 0)
                r = posix_spawnattr_setsigdefault(attributes, &all);
        /* A group of its own: what it starts ends with it, and the terminal's Ctrl-C is ours to hand on. */
        if (r == 0)
                r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
        return r;
}

static int spawn_prepared(const struct process *process, int input, int output, int errors, pid_t *ret_child)
{
        static char *const environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return r;
        r = posix_spawnattr_init(&attributes);
        if (r == 0) {
                r = prepare(&actions, &attributes, process->folder, input, output, errors);
                if (r == 0)
                        r = posix_spawnp(ret_child, process->arguments[0], &actions, &attributes, (char *const *)(uintptr_t)process->arguments,
                                         environment);
                posix_spawnattr_destroy(&attributes);
        }
        posix_spawn_file_actions_destroy(&actions);
        return r;
}

static int spawn(fbn_context *c, const struct process *process, int input, int output, int errors, pid_t *ret_child)
{
        NAMESPACE_GUARD guard = {-1};
        int r;

        r = namespace_enter(c, &guard); /* a child is born in the namespace of the thread that makes it */
        if (r < 0)
                return r;
        r = spawn_prepared(process, input, output, errors, ret_child);
        if (r == ENOENT)
                return fail(c, FBN_EUNSUPPORTED, "'%s' is not installed", process->arguments[0]);
        return r ? fail_errno(c, r, "cannot start '%s'", process->arguments[0]) : 0;
}

static int64_t seconds_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec;
}

/* Until it ends; 0, or why not. */
static int await(fbn_context *c, int pidfd, const struct process *process)
{
        struct pollfd end = {.fd = pidfd, .events = POLLIN};
        int64_t deadline = seconds_now() + process->timeout;

        for (;;) {
                int r = context_check(c);

                if (r < 0)
                        return r;
                r = poll(&end, 1, SLICE);
                if (r > 0)
                        return 0;
                if (r < 0 && errno != EINTR)
                        return fail_errno(c, errno, "cannot wait for '%s'", process->arguments[0]);
                if (seconds_now() > deadline)
                        return fail(c, FBN_ETIMEOUT, "'%s' did not end within %d s", process->arguments[0], process->timeout);
        }
}

static int end_of(fbn_context *c, pid_t child, const struct process *process)
{
        _cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
        int status = 0, r;

        r = pidfd < 0 ? fail_errno(c, errno, "cannot wait for '%s'", process->arguments[0]) : await(c, pidfd, process);
        if (r < 0)
                kill(-child, SIGKILL); /* ours, and not reaped: the number is still its own */
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
                ;
        if (r < 0)
                return r;
        if (WIFSIGNALED(status))
                return fail(c, FBN_EUNAVAILABLE, "'%s' was ended by signal %d", process->arguments[0], WTERMSIG(status));
        return WEXITSTATUS(status);
}

static int read_back(fbn_context *c, int fd, size_t most, struct process_output *ret_output)
{
        size_t length = MIN((size_t)MAX(lseek(fd, 0, SEEK_END), (off_t)0), most ? most : OUTPUT_MAX);
        char *bytes = memory_alloc(length + 1);
        ssize_t n;

        if (!bytes)
                return fail_memory(c);
        n = pread(fd, bytes, length, 0);
        *ret_output = (struct process_output){bytes, (size_t)MAX(n, (ssize_t)0)};
        return 0;
}

/* Files in memory for what goes in and what comes out: no pipe can fill up. */
int process_run(fbn_context *c, const struct process *process, struct process_output *ret_output)
{
        _cleanup_close_ int input = memfd_create("input", MFD_CLOEXEC), output = memfd_create("output", MFD_CLOEXEC);
        _cleanup_close_ int errors = process->errors ? memfd_create("errors", MFD_CLOEXEC) : fcntl(output, F_DUPFD_CLOEXEC, 0);
        pid_t child;
        int code, r;

        if (input < 0 || output < 0 || errors < 0)
                return fail_errno(c, errno, "cannot make a file in memory");
        r = fd_write_all(input, process->input, process->input_length);
        if (r < 0 || lseek(input, 0, SEEK_SET) < 0)
                return fail_errno(c, r < 0 ? -r : errno, "cannot write to a file in memory");
        r = spawn(c, process, input, output, errors, &child);
        if (r < 0)
                return r;
        code = end_of(c, child, process);
        if (code >= 0 && ret_output)
                r = read_back(c, output, process->output_max, ret_output);
        if (code >= 0 && r == 0 && process->errors)
                r = read_back(c, errors, 0, process->errors);
        return r < 0 ? r : code;
}

const char *process_reason(struct process_output *output)
{
        char *line;

        while (output->length > 0 && strchr(" \r\n", output->bytes[output->length - 1]))
                output->bytes[--output->length] = 0;
        if (output->length == 0)
                return "it does not say why";
        line = strrchr(output->bytes, '\n');
        return line ? line + 1 : output->bytes;
}

void process_output_free(struct process_output *output)
{
        memory_free(output->bytes);
        *output = (struct process_output){0};
}

void process_output_wipe(struct process_output *output)
{
        if (output->bytes)
                explicit_bzero(output->bytes, output->length);
        process_output_free(output);
}
