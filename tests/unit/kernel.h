/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef UNIT_KERNEL_H
#define UNIT_KERNEL_H

/* A kernel of our own behind the system-call table: what is sent goes to a function of the test, which queues the answers. */
#include "unit/test.h"

#include "netlink/netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>

struct answer {
        char bytes[2048];
        size_t length;
        uint32_t from; /* sender's port; the kernel is 0 */
        int flags;     /* of the message: MSG_TRUNC */
        int os_errno;  /* instead of a datagram */
};

static struct {
        void (*answer_to)(const struct nlmsghdr *request);
        struct answer queue[64];
        size_t first, count;
        size_t sends, sockets, largest;
        size_t room; /* of the newest read */
} kernel;

static inline int kernel_socket(int domain, int type, int protocol)
{
        kernel.sockets++;
        kernel.count = kernel.first = 0;
        return socket(domain, type, protocol);
}

static inline ssize_t kernel_sendmsg(int fd, const struct msghdr *message, int flags)
{
        const struct iovec *part = message->msg_iov;
        const struct nlmsghdr *request = part->iov_base;
        int left = (int)part->iov_len;

        kernel.sends++;
        kernel.largest = MAX(kernel.largest, part->iov_len);
        for (; mnl_nlmsg_ok(request, left); request = mnl_nlmsg_next(request, &left))
                kernel.answer_to(request);
        assert_int_equal(left, 0);
        return (ssize_t)part->iov_len;
}

static inline ssize_t kernel_recvmsg(int fd, struct msghdr *message, int flags)
{
        struct answer *answer = &kernel.queue[kernel.first];

        kernel.room = message->msg_iov->iov_len;
        if (kernel.first == kernel.count) {
                errno = EAGAIN;
                return -1;
        }
        kernel.first++;
        if (answer->os_errno) {
                errno = answer->os_errno;
                return -1;
        }
        *(struct sockaddr_nl *)message->msg_name = (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_pid = answer->from};
        message->msg_flags = answer->flags;
        memcpy(message->msg_iov->iov_base, answer->bytes, answer->length);
        return (ssize_t)answer->length;
}

/* A new datagram in the queue. */
static inline struct answer *kernel_answer(void)
{
        struct answer *answer = &kernel.queue[kernel.count++];

        assert_true(kernel.count <= ARRAY_SIZE(kernel.queue));
        memset(answer, 0, sizeof(*answer));
        return answer;
}

/* One more message in the newest datagram, of payload bytes, zero. */
static inline struct nlmsghdr *kernel_message(uint32_t sequence, uint16_t type, uint16_t flags, size_t payload)
{
        struct answer *answer = &kernel.queue[kernel.count - 1];
        struct nlmsghdr *message = mnl_nlmsg_put_header(answer->bytes + answer->length);

        message->nlmsg_type = type;
        message->nlmsg_flags = flags;
        message->nlmsg_seq = sequence;
        mnl_nlmsg_put_extra_header(message, payload);
        answer->length += MNL_ALIGN(message->nlmsg_len);
        return message;
}

/* An acknowledgement or a refusal with the kernel's words. */
static inline void kernel_error(const struct nlmsghdr *request, int os_errno, const char *text)
{
        struct nlmsghdr *message = kernel_message(request->nlmsg_seq, NLMSG_ERROR, NLM_F_CAPPED | (text ? NLM_F_ACK_TLVS : 0), sizeof(struct nlmsgerr));
        struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

        error->error = -os_errno;
        error->msg = *request;
        if (text) {
                mnl_attr_put_strz(message, NLMSGERR_ATTR_MSG, text);
                kernel.queue[kernel.count - 1].length = (size_t)((char *)mnl_nlmsg_get_payload_tail(message) - kernel.queue[kernel.count - 1].bytes);
        }
}

static inline int kernel_install(void **state)
{
        const fbn_system_calls calls = {.size = sizeof(calls), .socket = kernel_socket, .sendmsg = kernel_sendmsg, .recvmsg = kernel_recvmsg};

        (void)state;
        return fbn_set_tables(NULL, &calls);
}

static inline int kernel_fresh(void **state)
{
        memset(&kernel, 0, sizeof(kernel));
        return context_setup(state);
}

#endif
