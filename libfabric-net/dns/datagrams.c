/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/datagrams.h"

#include <errno.h>

static void prepare(struct datagrams *datagrams, size_t index)
{
        datagrams->parts[index] = (struct iovec){.iov_base = datagrams->bytes[index], .iov_len = DATAGRAM_BYTES};
        datagrams->headers[index].msg_hdr = (struct msghdr){
                .msg_name = &datagrams->peers[index],
                .msg_namelen = sizeof(datagrams->peers[index]),
                .msg_iov = &datagrams->parts[index],
                .msg_iovlen = 1,
                .msg_control = datagrams->control[index],
                .msg_controllen = DATAGRAM_CONTROL,
        };
}

void datagrams_init(struct datagrams *datagrams)
{
        for (size_t i = 0; i < DATAGRAMS; i++)
                prepare(datagrams, i);
        datagrams->count = 0;
        datagrams->fd = -1;
}

int datagrams_receive(struct datagrams *datagrams, int fd)
{
        int count;

        /* Only those of the last time have changed. */
        for (size_t i = 0; i < datagrams->count; i++)
                prepare(datagrams, i);
        datagrams->count = 0;
        count = sys()->recvmmsg(fd, datagrams->headers, DATAGRAMS, MSG_DONTWAIT, NULL);
        if (count < 0)
                return -errno;
        datagrams->count = (size_t)count;
        return count;
}

size_t datagrams_length(const struct datagrams *datagrams, size_t index)
{
        return datagrams->headers[index].msg_len;
}

static void read_local(struct msghdr *message, struct datagram *datagram)
{
        for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
                if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_PKTINFO) {
                        struct in_pktinfo info;

                        memcpy(&info, CMSG_DATA(at), sizeof(info));
                        datagram->local.family = AF_INET;
                        memcpy(datagram->local.bytes, &info.ipi_spec_dst, 4);
                } else if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_PKTINFO) {
                        struct in6_pktinfo info;

                        memcpy(&info, CMSG_DATA(at), sizeof(info));
                        datagram->local.family = AF_INET6;
                        datagram->device = info.ipi6_ifindex;
                        memcpy(datagram->local.bytes, &info.ipi6_addr, 16);
                }
        }
}

void datagrams_origin(struct datagrams *datagrams, size_t index, struct datagram *ret_datagram)
{
        struct msghdr *message = &datagrams->headers[index].msg_hdr;

        *ret_datagram = (struct datagram){.peer_length = message->msg_namelen};
        memcpy(&ret_datagram->peer, &datagrams->peers[index], message->msg_namelen);
        read_local(message, ret_datagram);
}

/* The control message that makes the answer leave from the address that was asked. */
static size_t write_local(const struct datagram *datagram, struct cmsghdr *control)
{
        if (datagram->local.family == AF_INET) {
                struct in_pktinfo info = {0};

                memcpy(&info.ipi_spec_dst, datagram->local.bytes, 4);
                *control = (struct cmsghdr){.cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO, .cmsg_len = CMSG_LEN(sizeof(info))};
                memcpy(CMSG_DATA(control), &info, sizeof(info));
                return CMSG_SPACE(sizeof(info));
        } else {
                struct in6_pktinfo info = {.ipi6_ifindex = datagram->device};

                memcpy(&info.ipi6_addr, datagram->local.bytes, 16);
                *control = (struct cmsghdr){.cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_PKTINFO, .cmsg_len = CMSG_LEN(sizeof(info))};
                memcpy(CMSG_DATA(control), &info, sizeof(info));
                return CMSG_SPACE(sizeof(info));
        }
}

uint8_t *datagrams_room(struct datagrams *datagrams, int fd)
{
        if (datagrams->count == DATAGRAMS || (datagrams->count > 0 && datagrams->fd != fd))
                datagrams_send(datagrams);
        datagrams->fd = fd;
        return datagrams->bytes[datagrams->count];
}

void datagrams_put(struct datagrams *datagrams, size_t length, const struct datagram *to)
{
        size_t index = datagrams->count++;
        struct msghdr *message = &datagrams->headers[index].msg_hdr;

        datagrams->parts[index].iov_len = length;
        memcpy(&datagrams->peers[index], &to->peer, to->peer_length);
        message->msg_namelen = to->peer_length;
        message->msg_controllen = to->local.family ? write_local(to, (struct cmsghdr *)(void *)datagrams->control[index]) : 0;
}

void datagrams_send(struct datagrams *datagrams)
{
        for (size_t sent = 0; sent < datagrams->count;) {
                int r = sys()->sendmmsg(datagrams->fd, datagrams->headers + sent, (unsigned)(datagrams->count - sent), MSG_NOSIGNAL);

                /* A failure is the first one's: the others have their own fate. */
                sent += r > 0 ? (size_t)r : 1;
        }
        datagrams->count = 0;
}
