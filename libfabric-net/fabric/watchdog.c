/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool run(char *const *arguments)
{
        posix_spawn_file_actions_t actions;
        int status = -1;
        pid_t child;
        int r = posix_spawn_file_actions_init(&actions);

        if (r == 0) {
                for (int fd = 0; fd <= 2 && r == 0; fd++)
                        r = posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
                if (r == 0)
                        r = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ);
                posix_spawn_file_actions_destroy(&actions);
        }
        while (r == 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
                continue;
        return r == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Rounded up: systemd's monotonic clock stands still while the machine sleeps, ours does not, so it can only be late. */
static bool arm_systemd(const struct state *state, uint64_t generation, int64_t deadline, const char *command, const char *netns)
{
        char unit[64], after[48];
        char *arguments[] = {(char *)"systemd-run", (char *)"--quiet", (char *)"--collect", unit, after, (char *)"--timer-property=AccuracySec=100ms",
                             (char *)"--description=undo of a change of the network that nobody confirmed", (char *)"--", (char *)command,
                             (char *)"recover", (char *)"--state", (char *)state->path, NULL};

        if (!command || netns || access("/run/systemd/system", F_OK) < 0)
                return false;
        snprintf(unit, sizeof(unit), "--unit=fabricnet-undo-%llu", (unsigned long long)generation);
        snprintf(after, sizeof(after), "--on-active=%llds", (long long)((deadline - boottime_now()) / 1000000000 + 1));
        return run(arguments);
}

/* Nothing of the caller's stays open: a lock, a pipe or a terminal held here would be held for others. The namespace alone goes along. */
static void detach(int *netns, int *armed)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        setsid();
        signal(SIGHUP, SIG_IGN);
        signal(SIGINT, SIG_IGN);
        signal(SIGPIPE, SIG_IGN);
        signal(SIGTERM, SIG_DFL);
        prctl(PR_SET_NAME, "fabricnet-undo");
        for (int fd = 0; fd <= 2; fd++)
                dup2(null, fd);
        *armed = fcntl(*armed, F_DUPFD_CLOEXEC, 64);
        if (*netns >= 0)
                *netns = fcntl(*netns, F_DUPFD_CLOEXEC, 64);
        syscall(SYS_close_range, 3, 63, 0);
        for (int fd = 64; fd < sysconf(_SC_OPEN_MAX) && fd < 65536; fd++)
                if (fd != *armed && fd != *netns)
                        close(fd);
        if (chdir("/") < 0)
                return;
}

static void wait_deadline(int64_t deadline, int armed)
{
        const struct itimerspec when = {.it_value = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000}};
        struct pollfd timer = {.fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC), .events = POLLIN};

        if (timer.fd < 0 || timerfd_settime(timer.fd, TFD_TIMER_ABSTIME, &when, NULL) < 0)
                _exit(1); /* never said to be armed */
        if (write(armed, "1", 1) != 1)
                _exit(1);
        close(armed);
        while (poll(&timer, 1, -1) < 0 && errno == EINTR)
                continue;
        close(timer.fd);
}

static void guard(int netns, const char *directory, uint64_t generation, int64_t deadline, int armed)
{
        fbn_context_options options = {.size = sizeof(options)};
        fbn_context *c = NULL;
        char path[64];

        wait_deadline(deadline, armed);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", netns);
        options.netns = netns >= 0 ? path : NULL;
        if (fbn_context_new(&options, &c) == 0)
                watchdog_bark(c, directory, generation);
        fbn_context_unref(c);
}

static int arm_process(fbn_context *c, const struct state *state, uint64_t generation, int64_t deadline)
{
        int pipes[2], netns = c->netns;
        char byte;
        ssize_t n;
        pid_t child;

        if (pipe2(pipes, O_CLOEXEC) < 0)
                return fail_errno(c, errno, "cannot make a watchdog");
        child = fork();
        if (child == 0) {
                pid_t grandchild = fork();

                if (grandchild != 0)
                        _exit(grandchild < 0);
                detach(&netns, &pipes[1]);
                guard(netns, state->path, generation, deadline, pipes[1]);
                _exit(0);
        }
        close(pipes[1]);
        while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
                continue;
        do
                n = read(pipes[0], &byte, 1);
        while (n < 0 && errno == EINTR);
        close(pipes[0]);
        return child > 0 && n == 1 ? 0 : fail(c, FBN_ESYSTEM, "the watchdog did not start; nothing is changed without one");
}

int watchdog_arm(fbn_context *c, const struct state *state, uint64_t generation, int64_t deadline, const char *command)
{
        return arm_systemd(state, generation, deadline, command, c->netns_name) ? 0 : arm_process(c, state, generation, deadline);
}
