/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETNS_NAMESPACE_H
#define NETNS_NAMESPACE_H

/* A world of a test program's own. Call namespace_sandbox() first in main(): what follows runs in fresh network, mount and PID
 * namespaces with an empty /run and a /var/lib of its own, so that no name can clash, the machine's network is out of reach, and everything (namespaces,
 * daemons, sockets, mounts) is gone when the program ends, however it ends. Include after unit/test.h. */

#include "unit/test.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SANDBOX_SECONDS
#define SANDBOX_SECONDS 290 /* below the 300 of tests/CMakeLists.txt, to end with a message */
#endif

static inline void sandbox_need(int result, const char *what)
{
        if (result >= 0)
                return;
        fprintf(stderr, "%s: %s%s\n", what, strerror(errno), errno == EPERM ? "; run as root" : "");
        _exit(1);
}

/* The status of a child as an exit code; others' children are reaped on the way. */
static inline int sandbox_wait(pid_t child)
{
        int status = 0;
        pid_t pid;

        do
                pid = wait(&status);
        while (pid != child && (pid > 0 || errno == EINTR));
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline void sandbox_too_slow(int signal)
{
        static const char words[] = "the test took too long and was ended\n";

        (void)signal;
        (void)!write(2, words, sizeof(words) - 1);
        _exit(124);
}

static inline void sandbox_furnish(void)
{
        sandbox_need(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "mount namespace");
        sandbox_need(mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"), "/run");
        sandbox_need(mkdir("/run/var-lib", 0700) < 0 || mkdir("/run/var-lib/upper", 0755) < 0 || mkdir("/run/var-lib/work", 0755) < 0 ? -1 : 0,
                     "/run/var-lib");
        sandbox_need(mount("overlay", "/var/lib", "overlay", MS_NOSUID | MS_NODEV,
                           "lowerdir=/var/lib,upperdir=/run/var-lib/upper,workdir=/run/var-lib/work"),
                     "/var/lib");
        sandbox_need(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "/proc");
        sandbox_need(mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "/sys");
}

static inline void namespace_sandbox(void)
{
        pid_t child;

        setvbuf(stdout, NULL, _IOLBF, 0);
        sandbox_need(unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID), "cannot make namespaces");
        child = fork();
        sandbox_need(child, "fork");
        if (child > 0) { /* outside: if this process dies, so does all inside */
                signal(SIGALRM, sandbox_too_slow);
                alarm(SANDBOX_SECONDS);
                _exit(sandbox_wait(child));
        }
        sandbox_need(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
        sandbox_furnish();
        child = fork();
        sandbox_need(child, "fork");
        if (child > 0) /* process 1: when it ends, the kernel ends all others */
                _exit(sandbox_wait(child));
        sandbox_need(system("ip link set lo up"), "loopback");
}

/* Run a shell command; returns its exit code. */
static inline int command_try(const char *format, ...) FBN_PRINTF(1, 2);
static inline int command_try(const char *format, ...)
{
        char command[8192];
        va_list arguments;
        int status;

        va_start(arguments, format);
        vsnprintf(command, sizeof(command), format, arguments);
        va_end(arguments);
        fflush(NULL);
        status = system(command);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The same, failing the test unless the command succeeds. */
#define command(...)                                                                     \
        do {                                                                             \
                char shown_[512];                                                        \
                int code_;                                                               \
                snprintf(shown_, sizeof(shown_), __VA_ARGS__);                           \
                code_ = command_try(__VA_ARGS__);                                        \
                if (code_ != 0)                                                          \
                        fail_msg("exit code %d: %s", code_, shown_);                     \
        } while (0)

/* What a shell command prints; the caller frees. */
static inline char *command_output(const char *format, ...) FBN_PRINTF(1, 2);
static inline char *command_output(const char *format, ...)
{
        char command[8192];
        va_list arguments;
        char *output = NULL;
        size_t length = 0;
        FILE *from, *to;
        int byte;

        va_start(arguments, format);
        vsnprintf(command, sizeof(command), format, arguments);
        va_end(arguments);
        fflush(NULL);
        from = popen(command, "r");
        assert_non_null(from);
        to = open_memstream(&output, &length);
        while ((byte = getc(from)) != EOF)
                putc(byte, to);
        fclose(to);
        if (pclose(from) != 0)
                fail_msg("failed: %s", command);
        return output;
}

/* A network namespace as of ip-netns(8), loopback up. In commands: "ip netns exec NAME …" or "ip -n NAME …". */
static inline void namespace_new(const char *name)
{
        command("ip netns add %s && ip -n %s link set lo up", name, name);
}

static inline void namespace_delete(const char *name)
{
        command("ip netns pids %s | xargs -r kill -9; ip netns delete %s", name, name);
}

/* IPv6 addresses are usable at once without duplicate address detection. */
static inline const char *sandbox_no_dad(const char *address)
{
        return strchr(address, ':') ? "nodad" : "";
}

/* A cable between two namespaces: devices with one address ("192.0.2.1/24") each, up. */
static inline void namespace_join(const char *a, const char *a_device, const char *a_address, const char *b, const char *b_device,
                                  const char *b_address)
{
        command("ip link add %s netns %s type veth peer name %s netns %s", a_device, a, b_device, b);
        command("ip -n %s address add %s dev %s %s && ip -n %s link set %s up", a, a_address, a_device, sandbox_no_dad(a_address), a,
                a_device);
        command("ip -n %s address add %s dev %s %s && ip -n %s link set %s up", b, b_address, b_device, sandbox_no_dad(b_address), b,
                b_device);
}

/* A context whose namespace is the named one; fails the test if there is none. */
static inline fbn_context *namespace_context(const char *name)
{
        fbn_context *c = NULL;

        if (fbn_context_new(FBN_OPTIONS(fbn_context_options, .netns = name), &c) < 0)
                fail_msg("%s", fbn_context_error(NULL));
        return c;
}

/* Wait until a shell command succeeds; fails the test if it does not within a time that no slow machine needs. */
#define command_until(...)                                                       \
        do {                                                                     \
                time_t end_ = time(NULL) + 60;                                   \
                while (command_try(__VA_ARGS__) != 0) {                          \
                        if (time(NULL) >= end_)                                  \
                                fail_msg("not within a minute: %s", #__VA_ARGS__); \
                        poll(NULL, 0, 50);                                       \
                }                                                                \
        } while (0)

#endif
