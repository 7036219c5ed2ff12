/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/stub.h"
#include "dns/answer.h"
#include "dns/reverse.h"

#include "base/address.h"

#include <errno.h>
#include <poll.h>

#define TIMEOUT_DEFAULT 5000
#define CANCEL_CHECK 200 /* milliseconds */

void inquiry_answer(fbn_dns_stub *stub, struct inquiry *inquiry, const uint8_t *bytes, size_t length)
{
        inquiry->bytes = memory_alloc(length);
        if (inquiry->bytes)
                memcpy(inquiry->bytes, bytes, length);
        inquiry->length = length;
        inquiry->done = true;
        if (inquiry->finished)
                inquiry->finished(stub, inquiry);
}

/* An address is asked for by its reverse name. */
int question_read(fbn_context *c, const char *name, const char *type, struct question *ret_question)
{
        char quoted[NAME_TEXT];
        fbn_prefix host;

        ret_question->class = CLASS_IN;
        if (!type_parse(type, &ret_question->type))
                return fail(c, FBN_EINVAL, "'%s' is no type of DNS records; 'A', 'AAAA', 'PTR' or 'TYPE65', for instance", name_quote(type, quoted));
        if (ret_question->type == TYPE_PTR && fbn_address_parse(name, &host.address) == 0) {
                host.length = (uint8_t)family_bits(host.address.family);
                reverse_zone(&host, 0, &ret_question->name);
                return 0;
        }
        if (!name_parse(name, &ret_question->name))
                return fail(c, FBN_EINVAL, "'%s' is no domain name", name_quote(name, quoted));
        return 0;
}

/* Serves whoever else asks the stub meanwhile. */
static int await(fbn_context *c, fbn_dns_stub *stub, const struct inquiry *inquiry, int64_t deadline)
{
        int r = 0;

        while (r == 0 && !inquiry->done) {
                struct pollfd wait = {.fd = fbn_dns_stub_fd(stub), .events = POLLIN};
                int64_t left = (deadline - clock_now() + 999999) / 1000000;
                int timeout = fbn_dns_stub_timeout(stub);

                if (left <= 0)
                        return fail(c, FBN_ETIMEOUT, "no answer in time");
                left = MIN(left, (int64_t)CANCEL_CHECK);
                if (poll(&wait, 1, timeout < 0 ? (int)left : (int)MIN(left, (int64_t)timeout)) < 0 && errno != EINTR)
                        return fail_errno(c, errno, "cannot wait for an answer");
                r = fbn_dns_stub_process(c, stub);
        }
        return r;
}

/* Sockets towards upstreams belong to the context's namespace. */
static int take(fbn_context *c, fbn_dns_stub *stub, const struct question *question, struct inquiry *inquiry)
{
        struct query origin = {.inquiry = inquiry};
        NAMESPACE_GUARD guard = {-1};
        uint8_t bytes[WIRE_QUERY];
        int r;

        r = namespace_enter(c, &guard);
        stub_clock(stub);
        if (r == 0 && query_read(stub, &origin, bytes, query_write(0, FLAG_RD, question, true, false, bytes)))
                query_resolve(stub, &origin);
        upstream_send(stub);
        return r;
}

static int ask(fbn_context *c, fbn_dns_stub *stub, const struct question *question, uint32_t timeout_ms, struct inquiry *inquiry)
{
        int64_t deadline = clock_now() + (int64_t)(timeout_ms ? timeout_ms : TIMEOUT_DEFAULT) * 1000000;
        int r;

        r = take(c, stub, question, inquiry);
        if (r == 0)
                r = await(c, stub, inquiry, deadline);
        if (inquiry->query)
                query_cancel(stub, inquiry->query);
        return r;
}

/* Its answer as records, and why it is so. */
static int read_answer(fbn_context *c, const struct question *question, const struct inquiry *inquiry, int64_t took, fbn_dns_answer **ret_answer)
{
        struct account account;
        struct message message;

        if (!inquiry->bytes)
                return fail_memory(c);
        if (!message_header(inquiry->bytes, inquiry->length, &message) || !message_question(&message) || !message_records(&message))
                return fail(c, FBN_EPROTOCOL, "the answer is malformed");
        account = inquiry_account(inquiry, &message);
        return answer_new(c, question, &message, &account, took, ret_answer);
}

int fbn_dns_query(fbn_context *c, fbn_dns_stub *stub, const char *name, const char *type, uint32_t timeout_ms, fbn_dns_answer **ret_answer)
{
        struct question question;
        struct inquiry inquiry = {0};
        int64_t start = clock_now();
        char text[NAME_TEXT];
        int r;

        r = context_check(c);
        if (r == 0)
                r = question_read(c, name, type, &question);
        if (r < 0)
                return r;
        r = ask(c, stub, &question, timeout_ms, &inquiry);
        if (r == 0)
                r = read_answer(c, &question, &inquiry, clock_now() - start, ret_answer);
        memory_free(inquiry.bytes);
        return fail_in(c, r, "%s %s", name_format(&question.name, text), type);
}
