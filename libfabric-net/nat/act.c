/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/builder.h"

#include "base/address.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>

#define TCP_OPTION_MSS 2 /* RFC 9293, 3.1; its value is 2 bytes after kind and length */
#define LEVEL_WARNING 4

static void load_path_mss(struct builder *builder)
{
        begin(builder, "rt");
        set_u32(builder, NFTNL_EXPR_RT_KEY, NFT_RT_TCPMSS);
        set_u32(builder, NFTNL_EXPR_RT_DREG, NFT_REG_1);
        begin(builder, "byteorder");
        set_u32(builder, NFTNL_EXPR_BYTEORDER_SREG, NFT_REG_1);
        set_u32(builder, NFTNL_EXPR_BYTEORDER_DREG, NFT_REG_1);
        set_u32(builder, NFTNL_EXPR_BYTEORDER_OP, NFT_BYTEORDER_HTON);
        set_u32(builder, NFTNL_EXPR_BYTEORDER_LEN, 2);
        set_u32(builder, NFTNL_EXPR_BYTEORDER_SIZE, 2);
}

/* The kernel itself refuses to raise an MSS. Source: nft_exthdr_tcp_set_eval() in net/netfilter/nft_exthdr.c. */
static void clamp_mss(struct builder *builder, uint16_t mss)
{
        uint16_t value = htons(mss);

        if (mss)
                load_value(builder, NFT_REG_1, &value, sizeof(value));
        else
                load_path_mss(builder);
        begin(builder, "exthdr");
        set_u32(builder, NFTNL_EXPR_EXTHDR_SREG, NFT_REG_1);
        set_u32(builder, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
        set_u8(builder, NFTNL_EXPR_EXTHDR_TYPE, TCP_OPTION_MSS);
        set_u32(builder, NFTNL_EXPR_EXTHDR_OFFSET, 2);
        set_u32(builder, NFTNL_EXPR_EXTHDR_LEN, sizeof(value));
}

/* Ports to choose from; the flags are those that the kernel reports back. */
struct choice {
        uint16_t first, last;
        uint32_t flags;
};

/*
 * Move a range of ports as a whole. The kernel then takes first + port % (last - first + 1): in nf_nat_l4proto_unique_tuple() of
 * net/netfilter/nf_nat_core.c, where nft leaves the base of the offset 0. So the choice must be so wide that port % width goes up
 * by one with each port: wider than the last one (upwards), or one width below the first one and two above the last (downwards).
 */
static struct choice shift(uint16_t from, uint16_t until, uint16_t to)
{
        uint32_t width = until + 1u, base = 0;

        if (to < from) {
                width = MIN((uint32_t)from, (65536u + from - to) / 2);
                base = width;
        }
        return (struct choice){
                .first = (uint16_t)(to - from + base),
                .last = (uint16_t)(to - from + base + width - 1),
                .flags = NF_NAT_RANGE_PROTO_SPECIFIED | NF_NAT_RANGE_PROTO_OFFSET,
        };
}

static struct choice choose(const fbn_nat_rule *record)
{
        bool many = record->kind == FBN_NAT_DNAT && record->destination_port_last > record->destination_port;
        struct choice choice = {.flags = record->random ? NF_NAT_RANGE_PROTO_RANDOM : 0};

        if (!record->to_port || (many && !record->to_port_last && record->to_port == record->destination_port))
                return choice;
        if (many && !record->to_port_last)
                return shift(record->destination_port, record->destination_port_last, record->to_port);
        choice.first = record->to_port;
        choice.last = record->to_port_last ? record->to_port_last : record->to_port;
        choice.flags |= NF_NAT_RANGE_PROTO_SPECIFIED;
        return choice;
}

/* In registers 2 and 3. */
static void load_choice(struct builder *builder, const struct choice *choice)
{
        uint16_t first = htons(choice->first), last = htons(choice->last);

        if (!(choice->flags & NF_NAT_RANGE_PROTO_SPECIFIED))
                return;
        load_value(builder, NFT_REG_2, &first, sizeof(first));
        if (last != first)
                load_value(builder, NFT_REG_3, &last, sizeof(last));
}

static void set_choice(struct builder *builder, const struct choice *choice, uint16_t minimum, uint16_t maximum, uint16_t flags)
{
        if (choice->flags & NF_NAT_RANGE_PROTO_SPECIFIED) {
                set_u32(builder, minimum, NFT_REG_2);
                set_u32(builder, maximum, choice->last == choice->first ? NFT_REG_2 : NFT_REG_3);
        }
        if (choice->flags)
                set_u32(builder, flags, choice->flags);
}

static void masquerade(struct builder *builder, const fbn_nat_rule *record)
{
        struct choice choice = choose(record);

        load_choice(builder, &choice);
        begin(builder, "masq");
        set_choice(builder, &choice, NFTNL_EXPR_MASQ_REG_PROTO_MIN, NFTNL_EXPR_MASQ_REG_PROTO_MAX, NFTNL_EXPR_MASQ_FLAGS);
}

static void redirect(struct builder *builder, const fbn_nat_rule *record)
{
        struct choice choice = choose(record);

        load_choice(builder, &choice);
        begin(builder, "redir");
        set_choice(builder, &choice, NFTNL_EXPR_REDIR_REG_PROTO_MIN, NFTNL_EXPR_REDIR_REG_PROTO_MAX, NFTNL_EXPR_REDIR_FLAGS);
}

static void translate(struct builder *builder, const fbn_nat_rule *record)
{
        struct choice choice = choose(record);

        if (record->to_map) {
                begin(builder, "nat");
                set_u32(builder, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
                set_target(builder, record->to_map);
                return;
        }
        choice.flags |= NF_NAT_RANGE_MAP_IPS;
        load_value(builder, NFT_REG_1, record->to.bytes, family_bytes(record->to.family));
        load_choice(builder, &choice);
        begin(builder, "nat");
        set_u32(builder, NFTNL_EXPR_NAT_TYPE, record->kind == FBN_NAT_SNAT ? NFT_NAT_SNAT : NFT_NAT_DNAT);
        set_u32(builder, NFTNL_EXPR_NAT_FAMILY, record->to.family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6);
        set_u32(builder, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
        set_u32(builder, NFTNL_EXPR_NAT_REG_ADDR_MAX, NFT_REG_1);
        set_choice(builder, &choice, NFTNL_EXPR_NAT_REG_PROTO_MIN, NFTNL_EXPR_NAT_REG_PROTO_MAX, NFTNL_EXPR_NAT_FLAGS);
}

static void put_packet_mark(struct builder *builder)
{
        begin(builder, "meta");
        set_u32(builder, NFTNL_EXPR_META_KEY, NFT_META_MARK);
        set_u32(builder, NFTNL_EXPR_META_SREG, NFT_REG_1);
}

static void put_connection_mark(struct builder *builder)
{
        begin(builder, "ct");
        set_u32(builder, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
        set_u32(builder, NFTNL_EXPR_CT_SREG, NFT_REG_1);
}

static void set_mark(struct builder *builder, const fbn_nat_rule *record)
{
        uint32_t others = ~record->set_mark_mask;

        if (record->set_mark_mask && record->set_mark_mask != UINT32_MAX) {
                load_meta(builder, NFT_META_MARK);
                mask(builder, &others, &record->set_mark, sizeof(others));
        } else {
                load_value(builder, NFT_REG_1, &record->set_mark, sizeof(record->set_mark));
        }
        put_packet_mark(builder);
}

static void copy_mark(struct builder *builder, const fbn_nat_rule *record, bool save)
{
        static const uint32_t none;

        if (save)
                load_meta(builder, NFT_META_MARK);
        else
                load_connection(builder, NFT_CT_MARK);
        if (record->set_mark_mask && record->set_mark_mask != UINT32_MAX)
                mask(builder, &record->set_mark_mask, &none, sizeof(none));
        if (save)
                put_connection_mark(builder);
        else
                put_packet_mark(builder);
}

static void write_log(struct builder *builder, const fbn_nat_rule *record)
{
        begin(builder, "log");
        set_text(builder, NFTNL_EXPR_LOG_PREFIX, record->log);
        if (record->log_group)
                set_u16(builder, NFTNL_EXPR_LOG_GROUP, record->log_group);
        else
                set_u32(builder, NFTNL_EXPR_LOG_LEVEL, record->log_level ? record->log_level : LEVEL_WARNING);
}

void act(struct builder *builder, const fbn_nat_rule *record, enum chain chain)
{
        if (record->kind == FBN_NAT_DNAT && chain == CHAIN_POSTROUTING) { /* the other half of a hairpin: counted where it began */
                begin(builder, "masq");
                return;
        }
        begin(builder, "counter");
        if (record->log)
                write_log(builder, record);
        switch (record->kind) {
        case FBN_NAT_MASQUERADE:
                masquerade(builder, record);
                break;
        case FBN_NAT_SNAT:
        case FBN_NAT_DNAT:
                translate(builder, record);
                break;
        case FBN_NAT_REDIRECT:
                redirect(builder, record);
                break;
        case FBN_NAT_ACCEPT:
                verdict(builder, NF_ACCEPT);
                break;
        case FBN_NAT_DROP:
        case FBN_NAT_KEEP_OUT:
                verdict(builder, NF_DROP);
                break;
        case FBN_NAT_CLAMP_MSS:
                clamp_mss(builder, record->mss);
                break;
        case FBN_NAT_COUNT:
                break;
        case FBN_NAT_SET_MARK:
                set_mark(builder, record);
                break;
        case FBN_NAT_SAVE_MARK:
        case FBN_NAT_RESTORE_MARK:
                copy_mark(builder, record, record->kind == FBN_NAT_SAVE_MARK);
                break;
        case FBN_NAT_NOTRACK:
                begin(builder, "notrack");
                break;
        case FBN_NAT_OFFLOAD:
                begin(builder, "flow_offload");
                set_text(builder, NFTNL_EXPR_FLOW_TABLE_NAME, FLOWTABLE);
                break;
        }
}
