/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLICE 100 /* milliseconds between two looks at cancellation */

int64_t milliseconds_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Nothing of ours but three ends of /dev/null goes along, and no signal is blocked or ignored. */
static int prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes)
{
        sigset_t none, all;
        int r = 0;

        sigemptyset(&none);
        sigfillset(&all);
        for (int fd = 0; fd <= 2 && r == 0; fd++)
                r = posix_spawn_file_actions_addopen(actions, fd, "/dev/null", O_RDWR, 0);
        if (r == 0)
                r = posix_spawn_file_actions_addclosefrom_np(actions, 3);
        if (r == 0)
                r = posix_spawn_file_actions_addchdir_np(actions, "/");
        if (r == 0)
                r = posix_spawnattr_setsigmask(attributes, &none);
        if (r == 0)
                r = posix_spawnattr_setsigdefault(attributes, &all);
        if (r == 0)
                r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
        return r;
}

static int spawn_prepared(const char *program, const char *name, pid_t *ret_child)
{
        const char *search = getenv("PATH");
        char path[4096] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        char *const arguments[] = {(char *)program, (char *)name, NULL};
        /* The others are boringtun's: without a login it cannot give up privileges and ends, and its log would be a known name in /tmp. */
        char *const environment[] = {path, "WG_SUDO=true", "WG_LOG_FILE=/dev/null", NULL};
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int r;

        if (search)
                snprintf(path, sizeof(path), "PATH=%s", search);
        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return r;
        r = posix_spawnattr_init(&attributes);
        if (r == 0) {
                r = prepare(&actions, &attributes);
                if (r == 0)
                        r = posix_spawnp(ret_child, program, &actions, &attributes, arguments, environment);
                posix_spawnattr_destroy(&attributes);
        }
        posix_spawn_file_actions_destroy(&actions);
        return r;
}

static int spawn(fbn_context *c, const char *program, const char *name, pid_t *ret_child)
{
        NAMESPACE_GUARD guard = {-1};
        int r;

        r = namespace_enter(c, &guard); /* a child is born in the namespace of the thread that makes it */
        if (r < 0)
                return r;
        r = spawn_prepared(program, name, ret_child);
        if (r == ENOENT)
                return fail(c, FBN_EUNSUPPORTED, "'%s' is not installed", program);
        return r ? fail_errno(c, r, "cannot start '%s'", program) : 0;
}

/* Until the child ends or the deadline passes. */
static int wait_child(fbn_context *c, int process, const char *program, int64_t deadline)
{
        struct pollfd end = {.fd = process, .events = POLLIN};

        for (;;) {
                int64_t left = deadline - milliseconds_now();
                int r;

                r = context_check(c);
                if (r < 0)
                        return r;
                if (left <= 0)
                        return fail(c, FBN_ETIMEOUT, "'%s' has not gone to the background in time", program);
                r = poll(&end, 1, (int)MIN(left, (int64_t)SLICE));
                if (r > 0)
                        return 0;
                if (r < 0 && errno != EINTR)
                        return fail_errno(c, errno, "cannot wait for '%s'", program);
        }
}

static int read_status(fbn_context *c, pid_t child, const char *program, const char *name)
{
        int status = 0;
        pid_t pid;

        do
                pid = waitpid(child, &status, 0);
        while (pid < 0 && errno == EINTR);
        if (pid < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
                return 0; /* where SIGCHLD is ignored there is no status: its socket will tell */
        if (WIFSIGNALED(status))
                return fail(c, FBN_EUNAVAILABLE, "'%s' was ended by signal %d", program, WTERMSIG(status));
        return fail(c, FBN_EUNAVAILABLE, "'%s' failed with exit code %d; 'LOG_LEVEL=verbose %s -f %s' shows why", program,
                    WEXITSTATUS(status), program, name);
}

int daemon_start(fbn_context *c, const char *program, const char *name, int64_t deadline)
{
        _cleanup_close_ int process = -1;
        pid_t child;
        int r;

        r = spawn(c, program, name, &child);
        if (r < 0)
                return r;
        process = (int)syscall(SYS_pidfd_open, child, 0);
        if (process < 0)
                return fail_errno(c, errno, "cannot wait for '%s'", program);
        r = wait_child(c, process, program, deadline);
        if (r < 0) {
                syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
                waitid(P_PIDFD, (id_t)process, NULL, WEXITED);
                return r;
        }
        return read_status(c, child, program, name);
}
