/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define END "# EOF\n"
#define WORDS 24

extern char **environ;

double seconds_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

bool looks_new(struct looks *looks, struct command *command, const fbn_fabric *fabric)
{
        looks->command = command;
        looks->program = command_path();
        looks->n = 1 + fbn_fabric_host_count(fabric);
        looks->items = calloc(looks->n, sizeof(*looks->items));
        for (size_t i = 1; looks->items && i < looks->n; i++) {
                looks->items[i].host = strdup(fbn_fabric_host_at(fabric, i - 1));
                if (!looks->items[i].host)
                        return false;
        }
        return looks->items && looks->program;
}

void looks_free(struct looks *looks)
{
        for (size_t i = 0; looks->items && i < looks->n; i++) {
                if (looks->items[i].child) {
                        kill(looks->items[i].child, SIGTERM);
                        waitpid(looks->items[i].child, NULL, 0);
                }
                free((char *)(uintptr_t)looks->items[i].host);
                free(looks->items[i].text);
        }
        free(looks->items);
}

struct look *looks_find(struct looks *looks, const char *host)
{
        if (!host || strcmp(host, looks->command->host) == 0)
                return &looks->items[0];
        for (size_t i = 1; i < looks->n; i++)
                if (strcmp(looks->items[i].host, host) == 0)
                        return &looks->items[i];
        return NULL;
}

bool look_is_fresh(const struct look *look)
{
        return !look->child && look->ended && seconds_now() - look->ended < LOOK_FRESH;
}

/* This program again, with the options that say where to look. */
static void fill_words(const struct looks *looks, const struct look *look, const char **words)
{
        const struct command *command = looks->command;
        const char *const options[][2] = {{"-f", command->file}, {"--host", command->host}, {"--netns", command->netns}, {"--secrets-dir", command->secrets_dir},
                                          {"--state", command->state}, {"--socket", command->socket}, {"--ca-file", command->ca_file}};
        size_t n = 0;

        words[n++] = looks->program;
        for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
                if (options[i][1]) {
                        words[n++] = options[i][0];
                        words[n++] = options[i][1];
                }
        if (command->local_only)
                words[n++] = "--local-only";
        if (command->probe)
                words[n++] = "--probe";
        words[n++] = look->host ? "metrics" : "status";
        words[n++] = look->host ? "get" : "--openmetrics";
        words[n++] = look->host;
        words[n] = NULL;
}

static int spawn(const struct looks *looks, struct look *look, int output)
{
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        const char *words[WORDS];
        sigset_t none;
        int r;

        fill_words(looks, look, words);
        sigemptyset(&none);
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, output, 1);
        posix_spawn_file_actions_adddup2(&actions, look->errors, 2);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        r = posix_spawn(&look->child, looks->program, &actions, &attributes, (char *const *)(uintptr_t)words, environ);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        return r;
}

static void close_all(struct look *look)
{
        int *const descriptors[] = {&look->output, &look->errors, &look->process};

        for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++) {
                if (*descriptors[i] > 0)
                        close(*descriptors[i]);
                *descriptors[i] = 0;
        }
}

static bool start_failed(struct look *look, int reason)
{
        snprintf(look->trouble, sizeof(look->trouble), "cannot start to look: %s", strerror(reason));
        close_all(look);
        look->child = 0;
        return false;
}

bool look_start(struct looks *looks, struct look *look)
{
        int pipes[2], r;

        if (look->child)
                return true;
        if (looks->working == LOOKS_MAX) {
                snprintf(look->trouble, sizeof(look->trouble), "%d other hosts are being looked at; ask again", LOOKS_MAX);
                return false;
        }
        if (pipe2(pipes, O_CLOEXEC) < 0)
                return start_failed(look, errno);
        look->output = pipes[0];
        look->errors = memfd_create("errors", MFD_CLOEXEC);
        r = look->errors < 0 || fcntl(look->output, F_SETFL, O_NONBLOCK) < 0 ? errno : spawn(looks, look, pipes[1]);
        close(pipes[1]);
        if (r)
                return start_failed(look, r);
        look->process = (int)syscall(SYS_pidfd_open, look->child, 0);
        if (look->process < 0) {
                r = errno;
                kill(look->child, SIGKILL);
                waitpid(look->child, NULL, 0);
                return start_failed(look, r);
        }
        look->length = 0;
        look->good = false;
        look->deadline = seconds_now() + LOOK_SECONDS;
        looks->working++;
        return true;
}

size_t look_poll(const struct look *look, struct pollfd *polled)
{
        if (!look->child)
                return 0;
        polled[0] = (struct pollfd){.fd = look->output, .events = POLLIN};
        polled[1] = (struct pollfd){.fd = look->process, .events = POLLIN};
        return 2;
}

/* Whatever is there now; false once there is more than anybody's metrics are. */
static bool read_some(struct look *look)
{
        for (;;) {
                ssize_t n;

                if (look->capacity - look->length < 4096) {
                        size_t wanted = look->capacity ? look->capacity * 2 : 16384;
                        char *more = wanted > LOOK_BYTES ? NULL : realloc(look->text, wanted);

                        if (!more)
                                return false;
                        look->text = more;
                        look->capacity = wanted;
                }
                n = read(look->output, look->text + look->length, look->capacity - look->length);
                if (n <= 0)
                        return n == 0 || errno == EAGAIN || errno == EINTR;
                look->length += (size_t)n;
        }
}

/* The last line of what it complained of. */
static void take_trouble(struct look *look)
{
        char text[sizeof(look->trouble)];
        off_t end = lseek(look->errors, 0, SEEK_END), from = end > (off_t)sizeof(text) - 1 ? end - (off_t)sizeof(text) + 1 : 0;
        ssize_t n = pread(look->errors, text, sizeof(text) - 1, from);
        char *line;

        while (n > 0 && text[n - 1] == '\n')
                n--;
        text[n > 0 ? n : 0] = 0;
        line = strrchr(text, '\n');
        snprintf(look->trouble, sizeof(look->trouble), "%s", *text ? (line ? line + 1 : text) : "the look ended without a word");
}

static bool is_whole(const struct look *look)
{
        return look->length >= strlen(END) && memcmp(look->text + look->length - strlen(END), END, strlen(END)) == 0;
}

bool look_process(struct looks *looks, struct look *look)
{
        bool fits, late;

        if (!look->child)
                return false;
        late = seconds_now() > look->deadline;
        fits = read_some(look);
        if (late || !fits)
                kill(look->child, late && seconds_now() > look->deadline + 5 ? SIGKILL : SIGTERM);
        if (waitpid(look->child, NULL, WNOHANG) != look->child)
                return false;
        fits = fits && read_some(look);
        look->good = fits && !late && is_whole(look);
        if (!look->good)
                take_trouble(look);
        if (late)
                snprintf(look->trouble, sizeof(look->trouble), "no end within %d s", LOOK_SECONDS);
        look->ended = seconds_now();
        look->child = 0;
        close_all(look);
        looks->working--;
        return true;
}
