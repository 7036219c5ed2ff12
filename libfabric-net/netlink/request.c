/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netlink/netlink.h"

#include <errno.h>
#include <stdio.h>

#define DUMP_TRIES 5

struct extended {
        const char *text;
        uint32_t offset;
};

static int extended_attribute(const struct nlattr *attribute, void *data)
{
        struct extended *extended = data;

        if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
                extended->text = mnl_attr_get_str(attribute);
        if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_OFFS && mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
                extended->offset = mnl_attr_get_u32(attribute);
        return MNL_CB_OK;
}

/* Error messages: errno, the request's header (its payload too unless capped), then attributes. Done messages: an int, then
 * attributes; that is where a dump's text sits. Source: include/uapi/linux/netlink.h, net/netlink/af_netlink.c. */
static struct extended read_extended(const struct nlmsghdr *message)
{
        struct extended extended = {.text = ""};
        size_t offset;

        if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
                return extended;
        if (message->nlmsg_type == NLMSG_ERROR) {
                const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

                offset = sizeof(*error);
                if (!(message->nlmsg_flags & NLM_F_CAPPED))
                        offset += MNL_ALIGN(error->msg.nlmsg_len) - sizeof(error->msg);
        } else {
                offset = sizeof(int);
        }
        if (mnl_nlmsg_get_payload_len(message) > offset)
                mnl_attr_parse(message, (unsigned)offset, extended_attribute, &extended);
        return extended;
}

const char *netlink_extended_ack(const struct nlmsghdr *message)
{
        return read_extended(message).text;
}

uint32_t netlink_bad_attribute(const struct nlmsghdr *message)
{
        return read_extended(message).offset;
}

static fbn_error code_of(int os_errno)
{
        switch (os_errno) {
        case EPERM:
        case EACCES:
                return FBN_EPERM;
        case ENOMEM:
        case ENOBUFS:
                return FBN_ENOMEM;
        case ENOENT:
        case ESRCH:
        case ENODEV:
        case EADDRNOTAVAIL:
                return FBN_ENOENT;
        case EEXIST:
                return FBN_EEXIST;
        case EINVAL:
        case ERANGE:
        case ENETUNREACH: /* of a gateway */
        case EHOSTUNREACH:
                return FBN_EINVAL;
        case EOPNOTSUPP:
        case EPROTONOSUPPORT:
        case EAFNOSUPPORT:
                return FBN_EUNSUPPORTED;
        case ERESTART:
                return FBN_ESTALE;
        default:
                return FBN_ESYSTEM;
        }
}

int netlink_fail(fbn_context *c, int os_errno, const char *text)
{
        const char *words = strerrordesc_np(os_errno);
        fbn_error code = code_of(os_errno);
        int r;

        if (code == FBN_EPERM)
                r = fail(c, code, "not allowed; run as root or with CAP_NET_ADMIN%s%s", *text ? ": " : "", text);
        else
                r = fail(c, code, "%s%s%s", words ? words : "unknown error", *text ? ": " : "", text);
        c->error.os_errno = os_errno;
        return r;
}

static int error_of(const struct nlmsghdr *message)
{
        const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

        return mnl_nlmsg_get_payload_len(message) < sizeof(*error) ? EPROTO : -error->error;
}

static void stamp(struct netlink *netlink, struct nlmsghdr *request, uint16_t flags)
{
        request->nlmsg_flags |= NLM_F_REQUEST | flags;
        request->nlmsg_seq = ++netlink->sequence;
        request->nlmsg_pid = netlink->port;
}

/* What reading one datagram led to. */
enum progress { MORE, FINISHED };

struct reply {
        uint32_t sequence;
        bool dump, interrupted;
        bool refused; /* the kernel ended the reply with an error */
        netlink_callback callback;
        void *data;
};

static int read_message(fbn_context *c, struct reply *reply, const struct nlmsghdr *message)
{
        int os_errno, r;

        if (message->nlmsg_flags & NLM_F_DUMP_INTR)
                reply->interrupted = true;
        if (message->nlmsg_type == NLMSG_ERROR) {
                os_errno = error_of(message);
                reply->refused = os_errno != 0;
                return os_errno ? netlink_fail(c, os_errno, netlink_extended_ack(message)) : FINISHED;
        }
        if (message->nlmsg_type == NLMSG_DONE) {
                /* A dump that the kernel gave up carries its errno in the payload. */
                const int *result = mnl_nlmsg_get_payload(message);

                reply->refused = mnl_nlmsg_get_payload_len(message) >= sizeof(*result) && *result < 0;
                if (reply->refused)
                        return netlink_fail(c, -*result, netlink_extended_ack(message));
                return FINISHED;
        }
        if (message->nlmsg_type < NLMSG_MIN_TYPE || !reply->callback)
                return MORE;
        r = reply->callback(c, message, reply->data);
        return r < 0 ? r : MORE;
}

static int read_datagram(fbn_context *c, struct netlink *netlink, struct reply *reply)
{
        const struct nlmsghdr *message;
        size_t length;
        int left, r;

        r = reply->dump ? context_check(c) : 0;
        if (r == 0)
                r = netlink_receive(c, netlink, &length);
        if (r < 0)
                return r;
        left = (int)length;
        for (message = (const struct nlmsghdr *)netlink->buffer; netlink_message_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
                if (message->nlmsg_seq != reply->sequence)
                        continue; /* left over from an exchange that was given up */
                r = read_message(c, reply, message);
                if (r != MORE)
                        return r;
        }
        return MORE;
}

static int exchange(fbn_context *c, struct netlink *netlink, struct nlmsghdr *request, struct reply *reply)
{
        int r;

        r = netlink_renew(c, netlink);
        if (r < 0)
                return r;
        stamp(netlink, request, reply->dump ? NLM_F_DUMP : NLM_F_ACK);
        reply->sequence = request->nlmsg_seq;
        reply->interrupted = reply->refused = false;
        netlink->unfinished = true;
        r = netlink_send(c, netlink, request, request->nlmsg_len);
        while (r == MORE)
                r = read_datagram(c, netlink, reply);
        netlink->unfinished = r != FINISHED && !reply->refused;
        return r == FINISHED ? 0 : r;
}

int netlink_request(fbn_context *c, struct netlink *netlink, struct nlmsghdr *request, netlink_callback callback, void *data)
{
        struct reply reply = {.callback = callback, .data = data};

        return exchange(c, netlink, request, &reply);
}

int netlink_dump(fbn_context *c, struct netlink *netlink, struct nlmsghdr *request, netlink_callback callback, void (*restart)(void *data),
                 void *data)
{
        struct reply reply = {.dump = true, .callback = callback, .data = data};
        const struct error_record before = c->error;

        for (unsigned i = 0; i < DUMP_TRIES; i++) {
                int r = exchange(c, netlink, request, &reply);

                if (r < 0 && (reply.refused || c->error.os_errno != ENOBUFS)) /* what did not fit into the socket's buffer is lost: as good as interrupted */
                        return r;
                if (r < 0)
                        c->error = before;
                else if (!reply.interrupted)
                        return 0;
                restart(data);
        }
        return fail(c, FBN_EINTERRUPTED, "the kernel's state changed during each of %d reads; try again", DUMP_TRIES);
}
