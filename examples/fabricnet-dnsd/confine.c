/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dnsd.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

bool drop_user(const char *name)
{
        const struct passwd *user;

        if (geteuid() != 0)
                return true;
        user = getpwnam(name);
        if (!user || user->pw_uid == 0) {
                fprintf(stderr, "fabricnet-dnsd: user '%s': %s; name another with 'user NAME'\n", name, user ? "is root" : "there is none");
                return false;
        }
        /* To another user than root all capabilities go, and for ever: capabilities(7). */
        if (setgroups(0, NULL) < 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 || setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0) {
                fprintf(stderr, "fabricnet-dnsd: cannot become user '%s': %s\n", name, strerror(errno));
                return false;
        }
        return true;
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
/* Their runtimes need more. */
#elif defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE
/* What serving, reading the configuration again and memory take: nothing that starts a program, opens for writing or reaches another process. */
static const int allowed[] = {
        SYS_read, SYS_write, SYS_close, SYS_recvmsg, SYS_sendmsg, SYS_recvmmsg, SYS_sendmmsg, SYS_recvfrom, SYS_sendto, SYS_readv, SYS_writev,
        SYS_socket, SYS_connect, SYS_bind, SYS_accept4, SYS_getsockname, SYS_getsockopt, SYS_setsockopt, SYS_fcntl, SYS_ioctl,
        SYS_epoll_ctl, SYS_epoll_pwait, SYS_ppoll, SYS_futex, SYS_clock_gettime, SYS_clock_nanosleep, SYS_nanosleep, SYS_getrandom,
        SYS_mmap, SYS_munmap, SYS_mremap, SYS_madvise, SYS_mprotect, SYS_brk, SYS_openat, SYS_newfstatat, SYS_fstat, SYS_lseek,
        SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_restart_syscall, SYS_gettid, SYS_getpid, SYS_tgkill, SYS_sched_yield,
        SYS_readlinkat, SYS_faccessat, SYS_getdents64, /* what the host had for servers */
        SYS_rseq, SYS_set_robust_list, SYS_exit, SYS_exit_group, /* the first two: a thread that is only just beginning */
#ifdef SYS_epoll_wait
        SYS_epoll_wait,
#endif
#ifdef SYS_poll
        SYS_poll,
#endif
#ifdef SYS_access
        SYS_access, SYS_readlink,
#endif
};

#define COUNT (sizeof(allowed) / sizeof(allowed[0]))
#endif

bool confine(void)
{
#ifdef ARCHITECTURE
        struct sock_filter filter[COUNT + 6] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        };
        struct sock_fprog program = {.len = COUNT + 6, .filter = filter};

        for (size_t i = 0; i < COUNT; i++)
                filter[4 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], (uint8_t)(COUNT - i), 0);
        filter[4 + COUNT] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
        filter[5 + COUNT] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0) {
                fprintf(stderr, "fabricnet-dnsd: cannot filter system calls: %s\n", strerror(errno));
                return false;
        }
        return true;
#else
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
#endif
}
