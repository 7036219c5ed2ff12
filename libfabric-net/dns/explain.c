/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/told.h"

#include "dns/socket.h"

#include <errno.h>
#include <poll.h>

#define TIMEOUT_DEFAULT 5000
#define AGAIN (INT64_C(1000) * 1000000) /* a datagram may be lost */
#define CANCEL_CHECK 200 /* milliseconds */

/* A question to a stub of another process. */
struct asking {
        const fbn_endpoint *stub;
        const struct question *question;
        int fd;
        uint16_t id;
        uint8_t query[WIRE_QUERY];
        size_t query_length;
        uint8_t answer[WIRE_MESSAGE];
        struct message message; /* of the answer */
};

static void write_question(struct asking *asking)
{
        size_t length;

        randombytes_buf(&asking->id, sizeof(asking->id));
        length = query_write(asking->id, FLAG_RD, asking->question, true, false, asking->query);
        asking->query_length = edns_add(asking->query, length - WIRE_OPT, length, OPTION_WHY, "", 0);
}

static int nobody(fbn_context *c)
{
        return fail(c, FBN_EUNAVAILABLE, "nobody answers there; 'fabricnet dns serve' or the unit fabricnet-dnsd does");
}

/* 1: the answer is there; 0: not this time. */
static int take_answer(fbn_context *c, struct asking *asking)
{
        ssize_t length = socket_receive(asking->fd, asking->answer, sizeof(asking->answer));
        struct message *message = &asking->message;

        if (length == -ECONNREFUSED)
                return nobody(c);
        return length > 0 && message_header(asking->answer, (size_t)length, message) && message->id == asking->id && (message->flags & FLAG_QR) &&
               message_question(message) && question_equal(&message->question, asking->question) && message_records(message);
}

static int send_question(fbn_context *c, const struct asking *asking)
{
        ssize_t sent = socket_send(asking->fd, asking->query, asking->query_length);

        return sent == -ECONNREFUSED ? nobody(c) : sent < 0 ? fail_errno(c, (int)-sent, "cannot ask") : 0;
}

static int converse(fbn_context *c, struct asking *asking, int64_t deadline)
{
        int64_t again = 0;
        int r = 0;

        while (r == 0) {
                struct pollfd wait = {.fd = asking->fd, .events = POLLIN};
                int64_t now = clock_now();

                if (now >= deadline)
                        return fail(c, FBN_ETIMEOUT, "no answer in time");
                r = context_check(c);
                if (r == 0 && now >= again) {
                        again = now + AGAIN;
                        r = send_question(c, asking);
                }
                if (r == 0 && poll(&wait, 1, (int)MIN((deadline - now) / 1000000 + 1, (int64_t)CANCEL_CHECK)) > 0)
                        r = take_answer(c, asking);
        }
        return MIN(r, 0);
}

static int open_socket(fbn_context *c, struct asking *asking)
{
        NAMESPACE_GUARD guard = {-1};
        int r = namespace_enter(c, &guard);

        if (r < 0)
                return r;
        asking->fd = socket_connect(asking->stub, SOCK_DGRAM);
        return asking->fd < 0 ? fail_errno(c, -asking->fd, "cannot ask") : 0;
}

static int ask(fbn_context *c, struct asking *asking, uint32_t timeout_ms, fbn_dns_answer **ret_answer)
{
        int64_t start = clock_now();
        char suffix[ROUTE_TEXT];
        struct account account;
        _cleanup_close_ int fd = -1;
        int r = open_socket(c, asking);

        if (r < 0)
                return r;
        fd = asking->fd;
        write_question(asking);
        r = converse(c, asking, start + (int64_t)(timeout_ms ? timeout_ms : TIMEOUT_DEFAULT) * 1000000);
        if (r < 0)
                return r;
        if (!asking->message.edns.why || !told_read(asking->answer + asking->message.edns.why, asking->message.edns.why_length, &account, suffix))
                return fail(c, FBN_EUNSUPPORTED, "who answers there is no stub of fabricnet's, or takes this for a question from another host");
        return answer_new(c, asking->question, &asking->message, &account, clock_now() - start, ret_answer);
}

int fbn_dns_explain(fbn_context *c, const fbn_endpoint *stub, const char *name, const char *type, uint32_t timeout_ms, fbn_dns_answer **ret_answer)
{
        _cleanup_free_ struct asking *asking = NULL;
        struct question question;
        char text[FBN_ADDRESS_TEXT];
        int r;

        r = context_check(c);
        if (r == 0)
                r = question_read(c, name, type, &question);
        if (r < 0)
                return r;
        asking = memory_alloc(sizeof(*asking));
        if (!asking)
                return fail_memory(c);
        asking->stub = stub;
        asking->question = &question;
        return fail_in(c, ask(c, asking, timeout_ms, ret_answer), "DNS stub on %s", fbn_endpoint_format(stub, text, sizeof(text)));
}
