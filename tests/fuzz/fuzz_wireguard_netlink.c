/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as the messages of the kernel's dump: a configuration that keeps its own rules, or a refusal in words. */
#include "base/address.h"
#include "netlink/netlink.h"
#include "wireguard/configuration.h"
#include "wireguard/kernel.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FAMILY 0x22

static const uint8_t *dump;
static size_t dump_size, delivered;
static struct nlmsghdr request; /* the last one */
static unsigned answered;       /* datagrams since */

static void check(bool good, const char *what)
{
        if (good)
                return;
        fprintf(stderr, "%s\n", what);
        abort();
}

static ssize_t swallow(int fd, const struct msghdr *message, int flags)
{
        (void)fd, (void)flags;
        memcpy(&request, message->msg_iov->iov_base, sizeof(request));
        answered = 0;
        delivered = 0;
        return (ssize_t)message->msg_iov->iov_len;
}

static size_t end_message(char *bytes, uint16_t type, size_t payload)
{
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);

        message->nlmsg_type = type;
        message->nlmsg_seq = request.nlmsg_seq;
        memset(mnl_nlmsg_put_extra_header(message, payload), 0, payload);
        return message->nlmsg_len;
}

static size_t family_message(char *bytes)
{
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);

        message->nlmsg_type = GENL_ID_CTRL;
        message->nlmsg_seq = request.nlmsg_seq;
        mnl_nlmsg_put_extra_header(message, sizeof(struct genlmsghdr));
        mnl_attr_put_u16(message, CTRL_ATTR_FAMILY_ID, FAMILY);
        return message->nlmsg_len;
}

/* The next messages of the input that fit a read, as answers to the request; what is no message is the tail of the last. */
static size_t dump_messages(char *bytes, size_t room)
{
        size_t length = 0;

        while (delivered + length + sizeof(struct nlmsghdr) <= dump_size) {
                struct nlmsghdr header;
                size_t next;

                memcpy(&header, dump + delivered + length, sizeof(header));
                next = MIN(MAX(MNL_ALIGN((size_t)header.nlmsg_len), sizeof(header)), dump_size - delivered - length);
                if (length + next > room)
                        break;
                memcpy(bytes + length, dump + delivered + length, next);
                ((struct nlmsghdr *)(bytes + length))->nlmsg_seq = request.nlmsg_seq;
                length += next;
        }
        delivered += length;
        return length;
}

static ssize_t deliver(int fd, struct msghdr *message, int flags)
{
        char *bytes = message->msg_iov->iov_base;
        bool family = request.nlmsg_type == GENL_ID_CTRL;
        size_t length = 0;

        (void)fd, (void)flags;
        *(struct sockaddr_nl *)message->msg_name = (struct sockaddr_nl){.nl_family = AF_NETLINK};
        if (answered++ == 0 && family)
                length = family_message(bytes);
        else if (!family)
                length = dump_messages(bytes, message->msg_iov->iov_len);
        if (length == 0)
                length = end_message(bytes, family ? NLMSG_ERROR : NLMSG_DONE, family ? sizeof(struct nlmsgerr) : sizeof(int));
        return (ssize_t)length;
}

static void check_peer(const fbn_wireguard_peer *peer)
{
        check(!key_is_zero(peer->public_key.bytes), "a peer without a key");
        for (size_t i = 0; i < peer->n_allowed_ips; i++) {
                fbn_prefix network;

                check(fbn_prefix_network(&peer->allowed_ips[i], &network) == 0, "an allowed IP that is no network");
                check(i == 0 || prefix_compare(&peer->allowed_ips[i - 1], &peer->allowed_ips[i]) < 0, "allowed IPs out of order");
        }
}

static fbn_context *context(void)
{
        static fbn_context *c;
        const fbn_system_calls calls = {.size = sizeof(calls), .sendmsg = swallow, .recvmsg = deliver};

        if (!c) {
                check(fbn_set_tables(NULL, &calls) == 0, "no tables");
                check(fbn_context_new(NULL, &c) == 0, "no context");
        }
        return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        fbn_context *c = context();
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        int r;

        check(fbn_wireguard_new(c, NULL, &have) == 0, "no configuration");
        dump = data;
        dump_size = size;
        r = kernel_get(c, "wg0", have);
        check(r == 0 || *fbn_context_error(c), "a failure without words");
        for (size_t i = 0; r == 0 && i < fbn_wireguard_count(have); i++) {
                check_peer(fbn_wireguard_at(have, i));
                check(configuration_find(have, &fbn_wireguard_at(have, i)->public_key) == fbn_wireguard_at(have, i), "a peer that is not found");
        }
        return 0;
}

#include "replay.h"
