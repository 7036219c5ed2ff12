/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* measure COMMAND [ARGUMENT…]: run it and write "WALL USER SYSTEM RSS" (seconds and KiB) to descriptor 3. Ends with its exit code.
 * A small program, because a child's peak memory counts from what its parent had when it was forked. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
        return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
        struct rusage usage;
        double start = now();
        pid_t child;
        int status;

        if (argc < 2)
                return 3;
        child = fork();
        if (child == 0) {
                close(3);
                execvp(argv[1], argv + 1);
                perror(argv[1]);
                _exit(127);
        }
        if (child < 0 || wait4(child, &status, 0, &usage) != child) {
                perror("measure");
                return 1;
        }
        dprintf(3, "%.6f %.6f %.6f %ld\n", now() - start, seconds(usage.ru_utime), seconds(usage.ru_stime), usage.ru_maxrss);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
