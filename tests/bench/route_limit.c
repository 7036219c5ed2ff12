/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The least that the kernel asks for, with nothing around it: route_limit load DEVICE GATEWAY COUNT (the messages that ours sends, 256 at a
 * time, an answer for the last of each) | route_limit dump [TIMES] (read our protocol's routes of both families and drop them). */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PER_SEND 256
#define PROTOCOL 251

static struct mnl_socket *netlink;
static char buffer[65536];

static void need(long result, const char *what)
{
        if (result >= 0)
                return;
        perror(what);
        exit(1);
}

static size_t put(char *to, uint32_t number, uint32_t network, uint32_t gateway, uint32_t device)
{
        struct nlmsghdr *message = mnl_nlmsg_put_header(to);
        struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

        message->nlmsg_type = RTM_NEWROUTE;
        message->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL;
        message->nlmsg_seq = number;
        header->rtm_family = AF_INET;
        header->rtm_dst_len = 24;
        header->rtm_protocol = PROTOCOL;
        header->rtm_type = RTN_UNICAST;
        mnl_attr_put_u32(message, RTA_DST, network);
        mnl_attr_put_u32(message, RTA_TABLE, RT_TABLE_MAIN);
        mnl_attr_put_u32(message, RTA_OIF, device);
        mnl_attr_put_u32(message, RTA_GATEWAY, gateway);
        return MNL_ALIGN(message->nlmsg_len);
}

static void send_some(uint32_t first, uint32_t count, uint32_t gateway, uint32_t device)
{
        static _Alignas(8) char bytes[PER_SEND * 64];
        struct nlmsghdr *last = NULL;
        const struct nlmsghdr *answer = (const void *)buffer;
        size_t length = 0;

        for (uint32_t i = 0; i < count; i++) {
                last = (void *)(bytes + length);
                length += put(bytes + length, i + 1, htonl(0x14000000 + (first + i) * 256), gateway, device);
        }
        last->nlmsg_flags |= NLM_F_ACK;
        need(mnl_socket_sendto(netlink, bytes, length), "send");
        need(mnl_socket_recvfrom(netlink, buffer, sizeof(buffer)), "receive");
        if (((const struct nlmsgerr *)mnl_nlmsg_get_payload(answer))->error != 0) {
                fprintf(stderr, "refused: %s\n", strerror(-((const struct nlmsgerr *)mnl_nlmsg_get_payload(answer))->error));
                exit(1);
        }
}

static int ignore(const struct nlmsghdr *message, void *data)
{
        (void)message;
        (void)data;
        return MNL_CB_OK;
}

static void dump(uint8_t family)
{
        _Alignas(8) char bytes[64];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
        struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
        ssize_t length;

        message->nlmsg_type = RTM_GETROUTE;
        message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        header->rtm_family = family;
        header->rtm_protocol = PROTOCOL;
        need(mnl_socket_sendto(netlink, message, message->nlmsg_len), "send");
        do
                need(length = mnl_socket_recvfrom(netlink, buffer, sizeof(buffer)), "receive");
        while (mnl_cb_run(buffer, (size_t)length, 0, 0, ignore, NULL) > 0);
}

int main(int argc, char **argv)
{
        struct in_addr gateway;
        uint32_t device, count;
        int one = 1;

        netlink = mnl_socket_open(NETLINK_ROUTE);
        need(netlink && mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) == 0 ? 0 : -1, "netlink socket");
        need(mnl_socket_setsockopt(netlink, NETLINK_GET_STRICT_CHK, &one, sizeof(one)), "strict checking");
        if ((argc == 2 || argc == 3) && strcmp(argv[1], "dump") == 0) {
                for (int times = argc == 3 ? atoi(argv[2]) : 1; times > 0; times--) {
                        dump(AF_INET);
                        dump(AF_INET6);
                }
                return 0;
        }
        if (argc != 5 || strcmp(argv[1], "load") != 0 || !inet_aton(argv[3], &gateway) || !(device = if_nametoindex(argv[2]))) {
                fprintf(stderr, "usage: route_limit load DEVICE GATEWAY COUNT | dump [TIMES]\n");
                return 3;
        }
        count = (uint32_t)atoi(argv[4]);
        for (uint32_t i = 0; i < count; i += PER_SEND)
                send_some(i, count - i < PER_SEND ? count - i : PER_SEND, gateway.s_addr, device);
        return 0;
}
