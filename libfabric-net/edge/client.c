/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asking an engine. */
#include "edge/protocol.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define TIMEOUT_S 30
#define CANCEL_S 1

struct fbn_bans {
        unsigned references;
        struct arena arena;
        fbn_ban *items;
        size_t count, capacity;
        fbn_ban_state state;
};

fbn_bans *fbn_bans_ref(fbn_bans *bans)
{
        bans->references++;
        return bans;
}

fbn_bans *fbn_bans_unref(fbn_bans *bans)
{
        if (!bans || --bans->references > 0)
                return NULL;
        arena_free(&bans->arena);
        memory_free(bans->items);
        memory_free(bans);
        return NULL;
}

size_t fbn_bans_count(const fbn_bans *bans)
{
        return bans ? bans->count : 0;
}

const fbn_ban *fbn_bans_at(const fbn_bans *bans, size_t index)
{
        return bans && index < bans->count ? &bans->items[index] : NULL;
}

const fbn_ban_state *fbn_bans_state(const fbn_bans *bans)
{
        return bans ? &bans->state : NULL;
}

static int engine_connect(fbn_context *c, const char *path, int *ret_fd)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        struct timeval wait = {.tv_sec = CANCEL_S};
        _cleanup_close_ int fd = -1;

        if (strlen(path) >= sizeof(address.sun_path))
                return fail(c, FBN_EINVAL, "too long for the path of a socket");
        strcpy(address.sun_path, path);
        fd = sys()->socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return fail_errno(c, errno, "cannot make a socket");
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
        if (sys()->connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                return errno == EACCES || errno == EPERM ? fail_errno(c, errno, "not allowed to ask the ban engine")
                                                         : fail(c, FBN_EUNAVAILABLE, "no ban engine listens here (%s); start it: fabricnet ban serve",
                                                                strerror(errno));
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int say(fbn_context *c, int fd, const char *text, size_t length)
{
        while (length > 0) {
                ssize_t n = send(fd, text, length, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return fail(c, FBN_EUNAVAILABLE, "the ban engine went away: %s", strerror(errno));
                text += n;
                length -= (size_t)n;
        }
        return 0;
}

static int hear(fbn_context *c, int fd, char *buffer, size_t size, size_t *length)
{
        for (int waited = 0; waited < TIMEOUT_S; waited += CANCEL_S) {
                ssize_t n = recv(fd, buffer + *length, size - *length, 0);

                if (n > 0) {
                        *length += (size_t)n;
                        return 0;
                }
                if (n == 0)
                        return fail(c, FBN_EUNAVAILABLE, "the ban engine ended before it answered; ask again");
                if (errno != EAGAIN && errno != EINTR)
                        return fail_errno(c, errno, "reading the ban engine's answer");
                if (context_check(c) < 0)
                        return -FBN_ECANCELED;
        }
        return fail(c, FBN_ETIMEOUT, "the ban engine does not answer");
}

static int take_ban(fbn_context *c, fbn_bans *bans, const fbn_ban *given)
{
        fbn_ban *ban;

        if (!ARRAY_RESERVE(bans->items, bans->count, bans->capacity))
                return fail_memory(c);
        ban = &bans->items[bans->count];
        *ban = *given;
        ban->reason = given->reason ? arena_strdup(&bans->arena, given->reason) : NULL;
        if (given->reason && !ban->reason)
                return fail_memory(c);
        bans->count++;
        return 0;
}

/* 1 with *ret_result at the end of an answer. */
static int take_line(fbn_context *c, fbn_bans *bans, char *line, int *ret_result)
{
        struct answer answer;

        if (!answer_parse(line, &answer) || (!bans && answer.kind >= ANSWER_BAN))
                return fail(c, FBN_EPROTOCOL, "what listens here is no ban engine of this version: '%.60s'", line);
        switch (answer.kind) {
        case ANSWER_BAN:
                return take_ban(c, bans, &answer.ban);
        case ANSWER_STATE:
                bans->state = answer.state;
                bans->state.trouble = arena_strdup(&bans->arena, answer.state.trouble);
                return bans->state.trouble ? 0 : fail_memory(c);
        case ANSWER_ERROR:
                return fail(c, (fbn_error)answer.number, "%s", answer.words);
        case ANSWER_OK:
                break;
        }
        *ret_result = answer.number;
        return 1;
}

static int read_answer(fbn_context *c, int fd, fbn_bans *bans)
{
        char buffer[16384], *line, *end;
        size_t length = 0;
        int result = 0, r = 0;

        while (r == 0) {
                r = length == sizeof(buffer) ? fail(c, FBN_EPROTOCOL, "an answer's line is too long") : hear(c, fd, buffer, sizeof(buffer), &length);
                line = buffer;
                while (r == 0 && (end = memchr(line, '\n', length - (size_t)(line - buffer)))) {
                        *end = 0;
                        r = take_line(c, bans, line, &result);
                        line = end + 1;
                }
                length -= (size_t)(line - buffer);
                memmove(buffer, line, length);
        }
        return r < 0 ? r : result;
}

static int ask(fbn_context *c, const char *socket, const struct request *request, fbn_bans *bans)
{
        _cleanup_close_ int fd = -1;
        char text[LINE_MAX_BYTES];
        int length = request_format(request, text, sizeof(text)), r;

        if (!socket)
                socket = FBN_BAN_SOCKET;
        r = engine_connect(c, socket, &fd);
        if (r == 0)
                r = say(c, fd, text, (size_t)length);
        if (r == 0)
                r = read_answer(c, fd, bans);
        return fail_in(c, r, "%s", socket);
}

static int set_prefix(fbn_context *c, const fbn_prefix *prefix, struct request *request)
{
        if (fbn_prefix_network(prefix, &request->prefix) < 0)
                return fail_in(c, fail(c, FBN_EINVAL, "it has no address or prefix"), "ban");
        return 0;
}

int fbn_ban_add(fbn_context *c, const char *socket, const fbn_ban *ban)
{
        struct request request = {.verb = VERB_ADD};
        fbn_ban mine;
        int r;

        r = OPTIONS_READ(c, fbn_ban, ban, &mine);
        if (r == 0)
                r = set_prefix(c, &mine.prefix, &request);
        if (r < 0)
                return r;
        if (mine.duration_ms > (uint64_t)UINT32_MAX / 4 * 1000)
                return fail_in(c, fail(c, FBN_EINVAL, "longer than 34 years; for_good is for ever"), "ban");
        if (mine.reason && *mine.reason && !reason_valid(mine.reason))
                return fail_in(c, fail(c, FBN_EINVAL, "a reason is a word of up to 40 letters, digits, '_', '-', '.'"), "ban");
        request.seconds = (uint32_t)((mine.duration_ms + 999) / 1000);
        request.for_good = mine.for_good;
        if (mine.reason)
                snprintf(request.reason, sizeof(request.reason), "%s", mine.reason);
        return ask(c, socket, &request, NULL);
}

int fbn_ban_delete(fbn_context *c, const char *socket, const fbn_prefix *prefix)
{
        struct request request = {.verb = VERB_DELETE};
        int r = set_prefix(c, prefix, &request);

        return r < 0 ? r : ask(c, socket, &request, NULL);
}

int fbn_ban_flush(fbn_context *c, const char *socket)
{
        return ask(c, socket, &(struct request){.verb = VERB_FLUSH}, NULL);
}

int fbn_ban_reconcile(fbn_context *c, const char *socket)
{
        return ask(c, socket, &(struct request){.verb = VERB_RECONCILE}, NULL);
}

static int list(fbn_context *c, const char *socket, enum verb verb, fbn_bans **ret_bans)
{
        FBN_CLEANUP(fbn_bans) bans = memory_alloc(sizeof(*bans));
        int r;

        if (!bans)
                return fail_memory(c);
        bans->references = 1;
        bans->state = (fbn_ban_state){.size = sizeof(bans->state), .trouble = ""};
        r = ask(c, socket, &(struct request){.verb = verb}, bans);
        if (r >= 0)
                *ret_bans = TAKE_PTR(bans);
        return r;
}

int fbn_ban_list(fbn_context *c, const char *socket, fbn_bans **ret_bans)
{
        return list(c, socket, VERB_LIST, ret_bans);
}

int fbn_ban_status(fbn_context *c, const char *socket, fbn_bans **ret_bans)
{
        return list(c, socket, VERB_STATUS, ret_bans);
}
