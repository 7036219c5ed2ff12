/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>

#define BUFFER_BYTES ((size_t)262144)
#define ANSWER_BYTES ((size_t)1024) /* what a refusal takes of the receive buffer, its bookkeeping included */

/* The kernel takes a transaction in one send or not at all, and drops refusals that have no room. */
static void widen(const struct netlink *netlink, const struct netlink_batch *batch)
{
        int send = (int)MIN(MAX(batch->length, BUFFER_BYTES), (size_t)INT32_MAX / 2);
        int receive = (int)MIN(MAX(batch->count * ANSWER_BYTES, BUFFER_BYTES), (size_t)INT32_MAX / 2);

        if (setsockopt(netlink->fd, SOL_SOCKET, SO_SNDBUFFORCE, &send, sizeof(send)) < 0)
                setsockopt(netlink->fd, SOL_SOCKET, SO_SNDBUF, &send, sizeof(send));
        if (setsockopt(netlink->fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof(receive)) < 0)
                setsockopt(netlink->fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof(receive));
}

static struct nlmsghdr *message_after(const struct nlmsghdr *message)
{
        return (struct nlmsghdr *)((char *)message + MNL_ALIGN(message->nlmsg_len));
}

static struct nlmsghdr *message_at(const struct netlink_batch *batch, size_t index)
{
        struct nlmsghdr *message = (struct nlmsghdr *)batch->bytes;

        while (index-- > 0)
                message = message_after(message);
        return message;
}

static void number(struct netlink *netlink, const struct netlink_batch *batch)
{
        struct nlmsghdr *message = message_at(batch, 0);

        for (size_t i = 0; i < batch->count; i++, message = message_after(message)) {
                message->nlmsg_seq = ++netlink->sequence;
                message->nlmsg_pid = netlink->port;
        }
}

/* The name of the expression that the kernel disliked, NULL if it was something else. */
static const char *bad_expression(const struct nlmsghdr *message, uint32_t offset)
{
        const struct nlattr *attribute = (const struct nlattr *)((const char *)message + offset);
        const struct nlattr *name;

        if (offset == 0 || offset >= message->nlmsg_len || !mnl_attr_ok(attribute, (int)(message->nlmsg_len - offset)) ||
            !(attribute->nla_type & NLA_F_NESTED))
                return NULL;
        name = message_nested(attribute, NFTA_EXPR_NAME);
        return name ? mnl_attr_get_str(name) : NULL;
}

/* Put the rule of the caller's before the failure, or else the chain or table. */
static int name_culprit(fbn_context *c, int r, const fbn_nat *want, const struct nlmsghdr *message)
{
        const struct nlattr *userdata = message_attribute(message, NFTA_RULE_USERDATA);
        _cleanup_(arena_free) struct arena arena = {0};
        fbn_nat_rule record;
        size_t index;

        switch (NFNL_MSG_TYPE(message->nlmsg_type)) {
        case NFT_MSG_NEWRULE:
                if (userdata && record_decode(&arena, mnl_attr_get_payload(userdata), mnl_attr_get_payload_len(userdata), &record) > 0 &&
                    nat_find(want, record.name, &index))
                        return fail_in(c, r, "nat rule %zu '%s'", index + 1, record.name);
                return fail_in(c, r, "nat");
        case NFT_MSG_DELRULE:
                return fail_in(c, r, "nat chain '%s': removing a rule", message_text(message, NFTA_RULE_CHAIN));
        case NFT_MSG_NEWSET:
        case NFT_MSG_DELSET:
                return fail_in(c, r, "nat set '%s'", message_text(message, NFTA_SET_NAME));
        case NFT_MSG_NEWCHAIN:
        case NFT_MSG_DELCHAIN:
                return fail_in(c, r, "nat chain '%s'", message_text(message, NFTA_CHAIN_NAME));
        default:
                return fail_in(c, r, "nat table '" FBN_NAT_TABLE "'");
        }
}

static int explain(fbn_context *c, const struct nlmsghdr *message, int os_errno, const char *expression, const char *text)
{
        uint16_t type = NFNL_MSG_TYPE(message->nlmsg_type);
        char words[512];

        if (os_errno == ENOENT && expression && streq(expression, "log")) /* also if nothing writes the log. Source: nft_log_init() */
                return fail(c, FBN_EUNSUPPORTED, "this kernel cannot log from nftables (modules nft_log, and nf_log_syslog or for a group "
                                                 "nfnetlink_log)");
        if (os_errno == ENOENT && expression)
                return fail(c, FBN_EUNSUPPORTED, "this kernel lacks the nftables expression '%s' (module nft_%s)", expression, expression);
        /* The kernel has no kind of set that can do all of it. Source: nft_select_set_ops() in net/netfilter/nf_tables_api.c. */
        if (os_errno == EOPNOTSUPP && type == NFT_MSG_NEWSET)
                return fail(c, FBN_EUNSUPPORTED, "this kernel has no sets that can do this (intervals of several types need Linux 5.6, "
                                                 "counters 5.7)");
        if (os_errno == ENOENT && type == NFT_MSG_NEWCHAIN)
                return fail(c, FBN_EUNSUPPORTED, "this kernel lacks nftables chains of type '%s' (module nft_chain_%s)",
                            message_text(message, NFTA_CHAIN_TYPE), message_text(message, NFTA_CHAIN_TYPE));
        if (!expression)
                return netlink_fail(c, os_errno, text);
        snprintf(words, sizeof(words), "nftables expression '%s'%s%s", expression, *text ? ": " : "", text);
        return netlink_fail(c, os_errno, words);
}

static int read_rule_refusal(fbn_context *c, const struct nlmsghdr *message, const struct nlmsghdr *answer, void *data)
{
        const struct nlmsgerr *error = mnl_nlmsg_get_payload(answer);
        const char *expression = NULL;

        if (NFNL_MSG_TYPE(message->nlmsg_type) == NFT_MSG_NEWFLOWTABLE)
                return flowtable_refused(c, data, -error->error, netlink_extended_ack(answer));
        if (NFNL_MSG_TYPE(message->nlmsg_type) == NFT_MSG_NEWRULE)
                expression = bad_expression(message, netlink_bad_attribute(answer));
        return name_culprit(c, explain(c, message, -error->error, expression, netlink_extended_ack(answer)), data, message);
}

struct sending {
        const struct netlink_batch *batch;
        transaction_refused refused;
        void *data;
        uint32_t last; /* the question after it */
};

static int read_refusal(fbn_context *c, const struct sending *sending, const struct nlmsghdr *answer)
{
        const struct nlmsgerr *error = mnl_nlmsg_get_payload(answer);
        const struct nlmsghdr *message = message_at(sending->batch, answer->nlmsg_seq - message_at(sending->batch, 0)->nlmsg_seq);

        if (message->nlmsg_type == NFNL_MSG_BATCH_BEGIN || message->nlmsg_type == NFNL_MSG_BATCH_END) /* of all of it: ERESTART, EPERM, ENOMEM */
                return netlink_fail(c, -error->error, netlink_extended_ack(answer));
        return sending->refused(c, message, answer, sending->data);
}

/* Until the answer to the question. Without refusals that is the only one. */
static int read_answers(fbn_context *c, struct netlink *netlink, const struct sending *sending)
{
        uint32_t first = message_at(sending->batch, 0)->nlmsg_seq;
        int result = 0;

        for (;;) {
                const struct nlmsghdr *message;
                size_t length;
                int left, r;

                r = netlink_receive(c, netlink, &length);
                if (r < 0)
                        return r;
                left = (int)length;
                for (message = (const struct nlmsghdr *)netlink->buffer; netlink_message_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
                        if (message->nlmsg_seq == sending->last)
                                return result;
                        if (result == 0 && message->nlmsg_type == NLMSG_ERROR && message->nlmsg_seq - first < sending->batch->count &&
                            ((const struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error)
                                result = read_refusal(c, sending, message);
                }
        }
}

/* After an overrun the kernel drops all answers until the socket has been read empty. Source: netlink_attachskb() and
 * netlink_rcv_wake() in net/netlink/af_netlink.c. */
static void drain(const struct netlink *netlink)
{
        struct iovec part = {netlink->buffer, NETLINK_BUFFER};
        ssize_t n;

        do {
                struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

                n = sys()->recvmsg(netlink->fd, &message, MSG_DONTWAIT);
        } while (n >= 0 || errno == EINTR);
}

/* No acknowledgement is asked for within the transaction, so a taken one has no answer at all: a question sent after it marks the end. */
int transaction_exchange(fbn_context *c, struct netlink *netlink, struct netlink_batch *batch, transaction_refused refused, void *data)
{
        char buffer[NETLINK_MESSAGE];
        struct nlmsghdr *question = message_new(buffer, NFT_MSG_GETGEN);
        struct sending sending = {.batch = batch, .refused = refused, .data = data};
        int r;

        if (batch->failed)
                return fail_memory(c);
        widen(netlink, batch);
        number(netlink, batch);
        question->nlmsg_seq = sending.last = ++netlink->sequence;
        question->nlmsg_pid = netlink->port;
        r = netlink_send(c, netlink, batch->bytes, batch->length);
        if (r == 0)
                r = netlink_send(c, netlink, question, question->nlmsg_len);
        if (r == 0)
                r = read_answers(c, netlink, &sending);
        if (r < 0 && c->error.os_errno == ENOBUFS) {
                drain(netlink);
                return 1;
        }
        return r;
}

int transaction_send(fbn_context *c, struct netlink *netlink, struct netlink_batch *batch, const fbn_nat *want)
{
        return transaction_exchange(c, netlink, batch, read_rule_refusal, (void *)want);
}
