/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METRICS_H
#define METRICS_H

#include "command.h"

#include <poll.h>
#include <sys/types.h>

#define LOOKS_MAX 4      /* at work at a time; whoever wants a fifth is told to come again */
#define LOOK_SECONDS 40  /* then it is ended; what it asks over ssh has 30 */
#define LOOK_FRESH 5     /* seconds for which an answer is given again */
#define LOOK_BYTES ((size_t)16 << 20)
#define CLIENTS_MAX 16   /* further ones wait in the kernel's queue */
#define CLIENT_SECONDS 10 /* to ask, and again to take the answer */

/* A host's metrics as they were seen last: a child looks, so that what that takes is not kept. */
struct look {
        const char *host; /* NULL: this one */
        char *text;       /* what it said; NULL: nothing */
        size_t length, capacity;
        bool good;        /* text is whole; otherwise trouble says why not */
        char trouble[512];
        double ended;     /* when, on the clock that never steps; 0: never */
        pid_t child;      /* 0: not at work */
        int output, errors, process; /* descriptors while it is */
        double deadline;
};

struct looks {
        const struct command *command;
        const char *program;
        struct look *items; /* the first is this host's */
        size_t n;
        size_t working;
};

double seconds_now(void);

bool looks_new(struct looks *looks, struct command *command, const fbn_fabric *fabric);
void looks_free(struct looks *looks);
struct look *looks_find(struct looks *looks, const char *host); /* NULL for host: this one's. NULL: no such host */
bool look_is_fresh(const struct look *look);
/* See to it that one is at work; false: too many are, or it cannot be started, which trouble says. */
bool look_start(struct looks *looks, struct look *look);
/* Add what is to be polled, at most two; returns how many. */
size_t look_poll(const struct look *look, struct pollfd *polled);
/* After the poll: read, reap, end what is late. True once it has ended. */
bool look_process(struct looks *looks, struct look *look);

/* Answer until the command is interrupted. Returns an exit code. */
int metrics_answer(struct looks *looks, int listener);

#endif
