/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The least that the kernel asks for, with nothing around it: nat_limit add FIRST COUNT: the bytes that ours sends for as many elements,
 * in one transaction, by libmnl alone | nat_limit read: a dump of the set in reads of 32 KiB, dropped. */
#include <arpa/inet.h>
#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TABLE "fabricnet"
#define SET "load"
#define NFTABLES(type) (NFNL_SUBSYS_NFTABLES << 8 | (type))
#define PER_MESSAGE 963 /* of 68 bytes: a list has at most 65,535 */
#define PER_ELEMENT 68

static struct mnl_socket *netlink;
static char buffer[32768];

static void need(long result, const char *what)
{
        if (result >= 0)
                return;
        perror(what);
        exit(1);
}

static struct nlmsghdr *put_header(char *to, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
        struct nlmsghdr *message = mnl_nlmsg_put_header(to);
        struct nfgenmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

        message->nlmsg_type = type;
        message->nlmsg_flags = NLM_F_REQUEST | flags;
        header->nfgen_family = family;
        header->res_id = htons(resource);
        return message;
}

static void put_key(struct nlmsghdr *message, uint32_t address)
{
        struct nlattr *key = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);

        mnl_attr_put_u32(message, NFTA_DATA_VALUE, htonl(address));
        mnl_attr_nest_end(message, key);
}

static void put_element(struct nlmsghdr *message, uint32_t network)
{
        struct nlattr *element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);

        put_key(message, network);
        mnl_attr_put_u64(message, NFTA_SET_ELEM_TIMEOUT, htobe64(3600000));
        mnl_attr_nest_end(message, element);
        element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
        put_key(message, network + 16);
        mnl_attr_put_u32(message, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
        mnl_attr_nest_end(message, element);
}

static size_t put_elements(char *to, uint32_t first, uint32_t count)
{
        struct nlmsghdr *message = put_header(to, NFTABLES(NFT_MSG_NEWSETELEM), NLM_F_CREATE, NFPROTO_INET, 0);
        struct nlattr *list;

        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, TABLE);
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, SET);
        list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
        for (uint32_t i = first; i < first + count; i++)
                put_element(message, 0x0a000000 + i * 32);
        mnl_attr_nest_end(message, list);
        return MNL_ALIGN(message->nlmsg_len);
}

static void add(uint32_t first, uint32_t count)
{
        char *bytes = malloc((size_t)count * PER_ELEMENT + (count / PER_MESSAGE + 3) * 64);
        const struct nlmsghdr *answer = (const void *)buffer;
        struct nlmsghdr *end;
        size_t length;
        int size;

        need(bytes ? 0 : -1, "memory");
        length = MNL_ALIGN(put_header(bytes, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES)->nlmsg_len);
        for (uint32_t i = 0; i < count; i += PER_MESSAGE)
                length += put_elements(bytes + length, first + i, count - i < PER_MESSAGE ? count - i : PER_MESSAGE);
        end = put_header(bytes + length, NFNL_MSG_BATCH_END, NLM_F_ACK, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
        length += MNL_ALIGN(end->nlmsg_len);
        size = (int)length;
        setsockopt(mnl_socket_get_fd(netlink), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
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

static void dump(void)
{
        _Alignas(8) char bytes[128];
        struct nlmsghdr *message = put_header(bytes, NFTABLES(NFT_MSG_GETSETELEM), NLM_F_DUMP, NFPROTO_INET, 0);
        ssize_t length;

        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, TABLE);
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, SET);
        need(mnl_socket_sendto(netlink, message, message->nlmsg_len), "send");
        do
                need(length = mnl_socket_recvfrom(netlink, buffer, sizeof(buffer)), "receive");
        while (mnl_cb_run(buffer, (size_t)length, 0, 0, ignore, NULL) > 0);
}

int main(int argc, char **argv)
{
        netlink = mnl_socket_open(NETLINK_NETFILTER);
        need(netlink && mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) == 0 ? 0 : -1, "netlink socket");
        if (argc == 4 && strcmp(argv[1], "add") == 0) {
                add((uint32_t)atoi(argv[2]), (uint32_t)atoi(argv[3]));
        } else if (argc == 2 && strcmp(argv[1], "read") == 0) {
                dump();
        } else {
                fprintf(stderr, "usage: nat_limit add FIRST COUNT | read\n");
                return 3;
        }
        return 0;
}
