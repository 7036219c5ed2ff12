/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netlink/netlink.h"

#include <errno.h>

#define MESSAGES_PER_SEND ((size_t)256) /* beyond, a send saves nothing more and refusals may overrun the socket's buffer */
#define BYTES_PER_SEND ((size_t)131072) /* the kernel refuses what exceeds the socket's send buffer, 212,992 bytes by default */

struct nlmsghdr *netlink_batch_begin_long(struct netlink_batch *batch, uint16_t type, uint16_t flags, size_t room)
{
        struct nlmsghdr *message;

        if (batch->capacity - batch->length < room) {
                size_t more = MAX(batch->capacity * 2, 4 * room);
                char *bytes = batch->failed ? NULL : memory_realloc(batch->bytes, more);

                if (!bytes) {
                        batch->failed = true;
                        return NULL;
                }
                batch->bytes = bytes;
                batch->capacity = more;
        }
        message = mnl_nlmsg_put_header(batch->bytes + batch->length);
        message->nlmsg_type = type;
        message->nlmsg_flags = NLM_F_REQUEST | flags;
        return message;
}

struct nlmsghdr *netlink_batch_begin(struct netlink_batch *batch, uint16_t type, uint16_t flags)
{
        static _Thread_local _Alignas(struct nlmsghdr) char spare[NETLINK_MESSAGE]; /* written to and dropped when there is no memory */
        struct nlmsghdr *message = netlink_batch_begin_long(batch, type, flags, NETLINK_MESSAGE);

        return message ? message : mnl_nlmsg_put_header(spare);
}

void netlink_batch_end(struct netlink_batch *batch, const struct nlmsghdr *message)
{
        if (batch->failed)
                return;
        batch->length += MNL_ALIGN(message->nlmsg_len);
        batch->count++;
}

void netlink_batch_free(struct netlink_batch *batch)
{
        memory_free(batch->bytes);
        *batch = (struct netlink_batch){0};
}

struct sending {
        uint32_t first, last; /* sequence numbers of this send */
        size_t index;         /* of the batch's message that is number first */
        size_t refused_count;
        netlink_refused refused;
        void *data;
};

/* first_failure is what an earlier answer led to: the later ones are counted only. */
static int read_answer(fbn_context *c, struct sending *sending, const struct nlmsghdr *message, int first_failure)
{
        const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
        size_t index = sending->index + (message->nlmsg_seq - sending->first);
        const char *text = netlink_extended_ack(message);

        if (mnl_nlmsg_get_payload_len(message) < sizeof(*error))
                return fail(c, FBN_EPROTOCOL, "the kernel sent a short answer");
        if (error->error == 0)
                return first_failure;
        sending->refused_count++;
        if (first_failure < 0)
                return first_failure;
        if (sending->refused)
                return sending->refused(c, index, -error->error, text, sending->data);
        return fail_in(c, netlink_fail(c, -error->error, text), "message %zu", index);
}

static int read_answers(fbn_context *c, struct netlink *netlink, struct sending *sending)
{
        int first_failure = 0;

        for (;;) {
                const struct nlmsghdr *message;
                size_t length;
                int left, r;

                r = netlink_receive(c, netlink, &length);
                netlink->unfinished = r < 0; /* answers to this send may still come, or are lost */
                if (r < 0)
                        return r;
                left = (int)length;
                for (message = (const struct nlmsghdr *)netlink->buffer; netlink_message_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
                        if (message->nlmsg_type != NLMSG_ERROR || message->nlmsg_seq - sending->first > sending->last - sending->first)
                                continue;
                        first_failure = read_answer(c, sending, message, first_failure);
                        if (message->nlmsg_seq == sending->last)
                                return first_failure;
                }
        }
}

/* Number the messages from offset on, as many as go into one send; the last asks for an answer. Returns the bytes of this send. */
static size_t number(struct netlink *netlink, const struct netlink_batch *batch, size_t offset, size_t *ret_count)
{
        struct nlmsghdr *message = NULL;
        size_t end = offset;

        for (*ret_count = 0; end < batch->length && *ret_count < MESSAGES_PER_SEND && end - offset < BYTES_PER_SEND; (*ret_count)++) {
                message = (struct nlmsghdr *)(batch->bytes + end);
                message->nlmsg_seq = ++netlink->sequence;
                message->nlmsg_pid = netlink->port;
                end += MNL_ALIGN(message->nlmsg_len);
        }
        message->nlmsg_flags |= NLM_F_ACK;
        return end - offset;
}

int netlink_batch_send(fbn_context *c, struct netlink *netlink, struct netlink_batch *batch, netlink_refused refused, void *data,
                       size_t *ret_done)
{
        struct sending sending = {.refused = refused, .data = data};
        int r = 0;

        if (batch->failed)
                return fail_memory(c);
        r = netlink_renew(c, netlink);
        for (size_t offset = 0; r == 0 && offset < batch->length;) {
                size_t count;
                size_t length = number(netlink, batch, offset, &count);

                sending.last = netlink->sequence;
                sending.first = netlink->sequence - (uint32_t)count + 1;
                r = netlink_send(c, netlink, batch->bytes + offset, length);
                if (r < 0)
                        break;
                r = read_answers(c, netlink, &sending);
                sending.index += count;
                offset += length;
        }
        if (ret_done)
                *ret_done = sending.index - sending.refused_count;
        return r;
}
