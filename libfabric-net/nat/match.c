/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/builder.h"

#include "base/address.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#define TCP_FLAGS_OFFSET 13
#define TCP_FLAG_SYN 0x02
#define TCP_FLAG_RST 0x04

static const uint8_t zero[16];

static void match_device(struct builder *builder, enum nft_meta_keys key, const char *name)
{
        char padded[IFNAMSIZ] = {0};

        if (!name)
                return;
        memcpy(padded, name, strnlen(name, IFNAMSIZ - 1));
        load_meta(builder, key);
        compare(builder, NFT_CMP_EQ, padded, sizeof(padded));
}

static void match_family(struct builder *builder, uint16_t family)
{
        uint8_t number = family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;

        if (!family)
                return;
        load_meta(builder, NFT_META_NFPROTO);
        compare(builder, NFT_CMP_EQ, &number, sizeof(number));
}

/* Offsets of the addresses: RFC 791, 3.1 and RFC 8200, 3. */
static void match_prefix(struct builder *builder, const fbn_prefix *prefix, bool source)
{
        uint8_t bits[16] = {0};
        fbn_prefix network;
        size_t length;

        if (!prefix || prefix->length == 0)
                return;
        fbn_prefix_network(prefix, &network);
        length = family_bytes(prefix->address.family);
        for (unsigned i = 0; i < prefix->length; i++)
                bits[i / 8] |= (uint8_t)(0x80 >> i % 8);
        load_payload(builder, NFT_PAYLOAD_NETWORK_HEADER, (length == 4 ? 12 : 8) + (source ? 0 : (uint32_t)length), length);
        if (prefix->length < family_bits(prefix->address.family))
                mask(builder, bits, zero, length);
        compare(builder, NFT_CMP_EQ, network.address.bytes, length);
}

static void match_protocol(struct builder *builder, const char *name)
{
        uint8_t number;

        if (!name || !protocol_number(name, &number))
                return;
        load_meta(builder, NFT_META_L4PROTO);
        compare(builder, NFT_CMP_EQ, &number, sizeof(number));
}

static void match_ports(struct builder *builder, uint16_t first, uint16_t last, bool source)
{
        uint16_t from = htons(first), to = htons(last);

        if (!first)
                return;
        load_payload(builder, NFT_PAYLOAD_TRANSPORT_HEADER, source ? 0 : 2, sizeof(from));
        if (!last || last == first) {
                compare(builder, NFT_CMP_EQ, &from, sizeof(from));
                return;
        }
        compare(builder, NFT_CMP_GTE, &from, sizeof(from));
        compare(builder, NFT_CMP_LTE, &to, sizeof(to));
}

/* Of the mark that was loaded. */
static void match_mark(struct builder *builder, uint32_t mark, uint32_t bits)
{
        if (bits != UINT32_MAX)
                mask(builder, &bits, zero, sizeof(bits));
        compare(builder, NFT_CMP_EQ, &mark, sizeof(mark));
}

static void match_marks(struct builder *builder, const fbn_nat_rule *record)
{
        uint32_t bits = full_mask(record->mark, record->mark_mask);

        if (bits) {
                load_meta(builder, NFT_META_MARK);
                match_mark(builder, record->mark, bits);
        }
        bits = full_mask(record->connection_mark, record->connection_mark_mask);
        if (bits) {
                load_connection(builder, NFT_CT_MARK);
                match_mark(builder, record->connection_mark, bits);
        }
}

static void match_bits(struct builder *builder, enum nft_ct_keys key, uint32_t bits)
{
        load_connection(builder, key);
        mask(builder, &bits, zero, sizeof(bits));
        compare(builder, NFT_CMP_NEQ, zero, sizeof(bits));
}

static void match_connection(struct builder *builder, const fbn_nat_rule *record)
{
        uint32_t states;

        if (record->kind == FBN_NAT_OFFLOAD)
                match_bits(builder, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_ESTABLISHED));
        if (record->states && states_parse(record->states, &states))
                match_bits(builder, NFT_CT_STATE, states);
        if (record->dnat)
                match_bits(builder, NFT_CT_STATUS, IPS_DST_NAT);
}

static void match_local(struct builder *builder)
{
        static const uint32_t local = RTN_LOCAL;

        begin(builder, "fib");
        set_u32(builder, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
        set_u32(builder, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
        set_u32(builder, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
        compare(builder, NFT_CMP_EQ, &local, sizeof(local));
}

static void match_syn(struct builder *builder)
{
        static const uint8_t both = TCP_FLAG_SYN | TCP_FLAG_RST, syn = TCP_FLAG_SYN;

        load_payload(builder, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS_OFFSET, sizeof(both));
        mask(builder, &both, zero, sizeof(both));
        compare(builder, NFT_CMP_EQ, &syn, sizeof(syn));
}

static void match_rate(struct builder *builder, const fbn_nat_rule *record)
{
        if (!record->rate)
                return;
        begin(builder, "limit");
        set_u64(builder, NFTNL_EXPR_LIMIT_RATE, record->rate);
        set_u64(builder, NFTNL_EXPR_LIMIT_UNIT, record->rate_seconds ? record->rate_seconds : 1);
        set_u32(builder, NFTNL_EXPR_LIMIT_BURST, record->burst ? record->burst : 5);
        set_u32(builder, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
        set_u32(builder, NFTNL_EXPR_LIMIT_FLAGS, 0);
}

/* Connections of the target's neighbours that this rule sent to it. */
static void match_hairpin(struct builder *builder, const fbn_nat_rule *record)
{
        fbn_prefix around = {record->to, record->hairpin}, target = {record->to, (uint8_t)family_bits(record->to.family)};
        uint16_t first = record->to_port ? record->to_port : record->destination_port, last = record->to_port_last;

        if (!last && record->destination_port_last)
                last = (uint16_t)(first + record->destination_port_last - record->destination_port);
        match_family(builder, record->to.family);
        match_prefix(builder, &around, true);
        match_prefix(builder, &target, false);
        match_protocol(builder, record->protocol);
        match_ports(builder, first, last, false);
        match_bits(builder, NFT_CT_STATUS, IPS_DST_NAT);
}

void match(struct builder *builder, const fbn_nat_rule *record, enum chain chain)
{
        const fbn_prefix *source = record->n_sources ? record->sources : NULL, *destination = record->n_destinations ? record->destinations : NULL;
        const fbn_prefix *prefix = source ? source : destination;

        if (record->kind == FBN_NAT_DNAT && chain == CHAIN_POSTROUTING) {
                match_hairpin(builder, record);
                return;
        }
        match_device(builder, NFT_META_IIFNAME, record->in_device);
        match_device(builder, NFT_META_OIFNAME, record->out_device);
        match_family(builder, prefix ? prefix->address.family : record->to.family ? record->to.family : sets_family(builder->sets, record));
        match_prefix(builder, source, true);
        match_prefix(builder, destination, false);
        match_set(builder, record->source_set, true);
        match_set(builder, record->destination_set, false);
        if (record->local)
                match_local(builder);
        match_protocol(builder, record->kind == FBN_NAT_CLAMP_MSS ? "tcp" : record->protocol);
        match_ports(builder, record->source_port, record->source_port_last, true);
        match_ports(builder, record->destination_port, record->destination_port_last, false);
        match_marks(builder, record);
        match_connection(builder, record);
        if (record->kind == FBN_NAT_CLAMP_MSS)
                match_syn(builder);
        find_target(builder, record->to_map);
        match_rate(builder, record);
}
