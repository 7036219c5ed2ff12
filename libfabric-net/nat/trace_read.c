/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/trace.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>

static uint32_t big_u32(const struct nlattr *attribute)
{
        return ntohl(netlink_u32(attribute));
}

static uint64_t big_u64(const struct nlattr *attribute)
{
        uint64_t value = 0;

        if (attribute && mnl_attr_get_payload_len(attribute) >= sizeof(value))
                memcpy(&value, mnl_attr_get_payload(attribute), sizeof(value));
        return be64toh(value);
}

static const char *family_text(uint8_t family)
{
        switch (family) {
        case NFPROTO_INET: return "inet";
        case NFPROTO_IPV4: return "ip";
        case NFPROTO_IPV6: return "ip6";
        case NFPROTO_ARP: return "arp";
        case NFPROTO_BRIDGE: return "bridge";
        case NFPROTO_NETDEV: return "netdev";
        default: return "other";
        }
}

static const char *verdict_text(int code)
{
        switch (code) {
        case NFT_CONTINUE: return "continue";
        case NFT_BREAK: return "break";
        case NFT_JUMP: return "jump";
        case NFT_GOTO: return "goto";
        case NFT_RETURN: return "return";
        default: break;
        }
        switch (code & NF_VERDICT_MASK) {
        case NF_DROP: return "drop";
        case NF_ACCEPT: return "accept";
        case NF_STOLEN: return "stolen";
        case NF_QUEUE: return "queue";
        case NF_REPEAT: return "repeat";
        default: return "other";
        }
}

static void read_verdict(const struct nlattr *nest, fbn_nat_trace *trace)
{
        const struct nlattr *table[NFTA_VERDICT_CHAIN + 1];

        netlink_nested(nest, table, ARRAY_SIZE(table));
        if (table[NFTA_VERDICT_CODE])
                trace->verdict = verdict_text((int)big_u32(table[NFTA_VERDICT_CODE]));
        trace->target = netlink_string(table[NFTA_VERDICT_CHAIN]);
}

static uint16_t read_u16(const uint8_t *bytes)
{
        return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void read_address(const uint8_t *bytes, uint16_t family, fbn_address *ret_address)
{
        ret_address->family = family;
        memcpy(ret_address->bytes, bytes, family == AF_INET ? 4 : 16);
}

/* Returns whether the transport header follows it: fragments but the first have none. RFC 791, 3.1; RFC 8200, 3. */
static bool read_network(const uint8_t *bytes, size_t length, fbn_nat_trace *trace)
{
        if (length >= 20 && bytes[0] >> 4 == 4) {
                read_address(bytes + 12, AF_INET, &trace->source);
                read_address(bytes + 16, AF_INET, &trace->destination);
                trace->ip_protocol = bytes[9];
                trace->length = read_u16(bytes + 2);
                return (read_u16(bytes + 6) & 0x1fff) == 0;
        }
        if (length < 40 || bytes[0] >> 4 != 6)
                return false;
        read_address(bytes + 8, AF_INET6, &trace->source);
        read_address(bytes + 24, AF_INET6, &trace->destination);
        trace->ip_protocol = bytes[6];
        trace->length = 40u + read_u16(bytes + 4);
        return true;
}

static void read_headers(const struct nlattr *network, const struct nlattr *transport, struct trace_message *message)
{
        bool ports;

        if (!network)
                return;
        message->has_headers = true;
        ports = read_network(mnl_attr_get_payload(network), mnl_attr_get_payload_len(network), &message->trace);
        ports &= message->trace.ip_protocol == IPPROTO_TCP || message->trace.ip_protocol == IPPROTO_UDP;
        if (!ports || !transport || mnl_attr_get_payload_len(transport) < 4)
                return;
        message->trace.source_port = read_u16(mnl_attr_get_payload(transport));
        message->trace.destination_port = read_u16((const uint8_t *)mnl_attr_get_payload(transport) + 2);
}

bool trace_read(const struct nlmsghdr *message, struct trace_message *ret_message)
{
        static const fbn_nat_trace_kind kinds[] = {[NFT_TRACETYPE_POLICY] = FBN_NAT_TRACE_POLICY, [NFT_TRACETYPE_RETURN] = FBN_NAT_TRACE_RETURN,
                                                   [NFT_TRACETYPE_RULE] = FBN_NAT_TRACE_RULE};
        const struct nlattr *table[NFTA_TRACE_POLICY + 1];
        const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
        struct trace_message read = {.trace.size = sizeof(read.trace)};
        uint32_t type;

        if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_TRACE) || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return false;
        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        type = big_u32(table[NFTA_TRACE_TYPE]);
        read.trace.table = netlink_string(table[NFTA_TRACE_TABLE]);
        read.trace.chain = netlink_string(table[NFTA_TRACE_CHAIN]);
        if (type == NFT_TRACETYPE_UNSPEC || type >= ARRAY_SIZE(kinds) || !read.trace.table || !read.trace.chain || !table[NFTA_TRACE_ID])
                return false;
        read.trace.kind = kinds[type];
        read.trace.id = big_u32(table[NFTA_TRACE_ID]);
        read.family = header->nfgen_family;
        read.trace.family = family_text(read.family);
        read.trace.handle = big_u64(table[NFTA_TRACE_RULE_HANDLE]);
        read.trace.mark = big_u32(table[NFTA_TRACE_MARK]);
        read_verdict(table[NFTA_TRACE_VERDICT], &read.trace);
        if (type == NFT_TRACETYPE_POLICY && table[NFTA_TRACE_POLICY])
                read.trace.verdict = verdict_text((int)big_u32(table[NFTA_TRACE_POLICY]));
        read.in = big_u32(table[NFTA_TRACE_IIF]);
        read.out = big_u32(table[NFTA_TRACE_OIF]);
        read_headers(table[NFTA_TRACE_NETWORK_HEADER], table[NFTA_TRACE_TRANSPORT_HEADER], &read);
        *ret_message = read;
        return true;
}
