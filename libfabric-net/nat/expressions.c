/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include "base/address.h"

#include <arpa/inet.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <net/if.h>
#include <stddef.h>

#define TCP_FLAGS_OFFSET 13
#define TCP_FLAG_SYN 0x02
#define TCP_FLAG_RST 0x04
#define TCP_OPTION_MSS 2 /* RFC 9293, 3.1; its value is 2 bytes after kind and length */

/* A kernel rule in the making: one expression after another, each computing in register 1. */
struct builder {
        struct nftnl_rule *rule;
        struct nftnl_expr *last;
        bool failed;
};

static void begin(struct builder *builder, const char *name)
{
        builder->last = nftnl_expr_alloc(name);
        if (builder->last)
                nftnl_rule_add_expr(builder->rule, builder->last);
        else
                builder->failed = true;
}

static void set_u32(struct builder *builder, uint16_t attribute, uint32_t value)
{
        if (builder->last)
                nftnl_expr_set_u32(builder->last, attribute, value);
}

static void set_u8(struct builder *builder, uint16_t attribute, uint8_t value)
{
        if (builder->last)
                nftnl_expr_set_u8(builder->last, attribute, value);
}

static void set_bytes(struct builder *builder, uint16_t attribute, const void *bytes, size_t length)
{
        if (builder->last && nftnl_expr_set(builder->last, attribute, bytes, (uint32_t)length) < 0)
                builder->failed = true;
}

static void load_meta(struct builder *builder, enum nft_meta_keys key)
{
        begin(builder, "meta");
        set_u32(builder, NFTNL_EXPR_META_KEY, key);
        set_u32(builder, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

static void load_payload(struct builder *builder, enum nft_payload_bases base, uint32_t offset, size_t length)
{
        begin(builder, "payload");
        set_u32(builder, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
        set_u32(builder, NFTNL_EXPR_PAYLOAD_BASE, base);
        set_u32(builder, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
        set_u32(builder, NFTNL_EXPR_PAYLOAD_LEN, (uint32_t)length);
}

static void compare(struct builder *builder, enum nft_cmp_ops operation, const void *bytes, size_t length)
{
        begin(builder, "cmp");
        set_u32(builder, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
        set_u32(builder, NFTNL_EXPR_CMP_OP, operation);
        set_bytes(builder, NFTNL_EXPR_CMP_DATA, bytes, length);
}

static void mask(struct builder *builder, const void *bytes, size_t length)
{
        static const uint8_t zero[16];

        begin(builder, "bitwise");
        set_u32(builder, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
        set_u32(builder, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
        set_u32(builder, NFTNL_EXPR_BITWISE_LEN, (uint32_t)length);
        set_bytes(builder, NFTNL_EXPR_BITWISE_MASK, bytes, length);
        set_bytes(builder, NFTNL_EXPR_BITWISE_XOR, zero, length);
}

static void match_device(struct builder *builder, enum nft_meta_keys key, const char *name)
{
        char padded[IFNAMSIZ] = {0};

        if (!name)
                return;
        memcpy(padded, name, strnlen(name, IFNAMSIZ - 1));
        load_meta(builder, key);
        compare(builder, NFT_CMP_EQ, padded, sizeof(padded));
}

static void match_family(struct builder *builder, const fbn_nat_rule *record)
{
        const fbn_prefix *prefix = record->n_sources ? record->sources : record->n_destinations ? record->destinations : NULL;
        uint8_t family;

        if (!prefix)
                return;
        family = prefix->address.family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;
        load_meta(builder, NFT_META_NFPROTO);
        compare(builder, NFT_CMP_EQ, &family, sizeof(family));
}

/* Offsets of the addresses: RFC 791, 3.1 and RFC 8200, 3. */
static void match_prefix(struct builder *builder, const fbn_prefix *prefix, size_t count, bool source)
{
        uint8_t bits[16] = {0};
        size_t length;

        if (count == 0 || prefix->length == 0)
                return;
        length = family_bytes(prefix->address.family);
        for (unsigned i = 0; i < prefix->length; i++)
                bits[i / 8] |= (uint8_t)(0x80 >> i % 8);
        load_payload(builder, NFT_PAYLOAD_NETWORK_HEADER, (length == 4 ? 12 : 8) + (source ? 0 : (uint32_t)length), length);
        if (prefix->length < family_bits(prefix->address.family))
                mask(builder, bits, length);
        compare(builder, NFT_CMP_EQ, prefix->address.bytes, length);
}

static void match_protocol(struct builder *builder, const fbn_nat_rule *record)
{
        uint8_t number;

        if (!protocol_number(record->kind == FBN_NAT_CLAMP_MSS ? "tcp" : record->protocol ? record->protocol : "", &number))
                return;
        load_meta(builder, NFT_META_L4PROTO);
        compare(builder, NFT_CMP_EQ, &number, sizeof(number));
}

static void match_port(struct builder *builder, uint16_t port, uint32_t offset)
{
        uint16_t value = htons(port);

        if (!port)
                return;
        load_payload(builder, NFT_PAYLOAD_TRANSPORT_HEADER, offset, sizeof(value));
        compare(builder, NFT_CMP_EQ, &value, sizeof(value));
}

static void match_mark(struct builder *builder, const fbn_nat_rule *record)
{
        uint32_t bits = rule_mark_mask(record);

        if (!bits)
                return;
        load_meta(builder, NFT_META_MARK);
        if (bits != UINT32_MAX)
                mask(builder, &bits, sizeof(bits));
        compare(builder, NFT_CMP_EQ, &record->mark, sizeof(record->mark));
}

static void match_established(struct builder *builder, const fbn_nat_rule *record)
{
        static const uint32_t states = NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED), none;

        if (!record->established)
                return;
        begin(builder, "ct");
        set_u32(builder, NFTNL_EXPR_CT_KEY, NFT_CT_STATE);
        set_u32(builder, NFTNL_EXPR_CT_DREG, NFT_REG_1);
        mask(builder, &states, sizeof(states));
        compare(builder, NFT_CMP_NEQ, &none, sizeof(none));
}

static void match_syn(struct builder *builder)
{
        static const uint8_t both = TCP_FLAG_SYN | TCP_FLAG_RST, syn = TCP_FLAG_SYN;

        load_payload(builder, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS_OFFSET, sizeof(both));
        mask(builder, &both, sizeof(both));
        compare(builder, NFT_CMP_EQ, &syn, sizeof(syn));
}

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

static void load_value(struct builder *builder, const void *bytes, size_t length)
{
        begin(builder, "immediate");
        set_u32(builder, NFTNL_EXPR_IMM_DREG, NFT_REG_1);
        set_bytes(builder, NFTNL_EXPR_IMM_DATA, bytes, length);
}

/* The kernel itself refuses to raise an MSS. Source: nft_exthdr_tcp_set_eval() in net/netfilter/nft_exthdr.c. */
static void clamp_mss(struct builder *builder, uint16_t mss)
{
        uint16_t value = htons(mss);

        if (mss)
                load_value(builder, &value, sizeof(value));
        else
                load_path_mss(builder);
        begin(builder, "exthdr");
        set_u32(builder, NFTNL_EXPR_EXTHDR_SREG, NFT_REG_1);
        set_u32(builder, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
        set_u8(builder, NFTNL_EXPR_EXTHDR_TYPE, TCP_OPTION_MSS);
        set_u32(builder, NFTNL_EXPR_EXTHDR_OFFSET, 2);
        set_u32(builder, NFTNL_EXPR_EXTHDR_LEN, sizeof(value));
}

static void verdict(struct builder *builder, uint32_t value)
{
        begin(builder, "immediate");
        set_u32(builder, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
        set_u32(builder, NFTNL_EXPR_IMM_VERDICT, value);
}

static void act(struct builder *builder, const fbn_nat_rule *record)
{
        begin(builder, "counter");
        switch (record->kind) {
        case FBN_NAT_MASQUERADE:
                begin(builder, "masq");
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
        }
}

static void match(struct builder *builder, const fbn_nat_rule *record)
{
        match_device(builder, NFT_META_IIFNAME, record->in_device);
        match_device(builder, NFT_META_OIFNAME, record->out_device);
        match_family(builder, record);
        match_prefix(builder, record->sources, record->n_sources, true);
        match_prefix(builder, record->destinations, record->n_destinations, false);
        match_protocol(builder, record);
        match_port(builder, record->source_port, 0);
        match_port(builder, record->destination_port, 2);
        match_mark(builder, record);
        match_established(builder, record);
        if (record->kind == FBN_NAT_CLAMP_MSS)
                match_syn(builder);
}

struct nftnl_rule *expressions_build(const fbn_nat_rule *record, enum chain chain, const struct userdata *userdata)
{
        struct builder builder = {.rule = nftnl_rule_alloc()};

        if (!builder.rule)
                return NULL;
        nftnl_rule_set_u32(builder.rule, NFTNL_RULE_FAMILY, NFPROTO_INET);
        if (nftnl_rule_set_str(builder.rule, NFTNL_RULE_TABLE, FBN_NAT_TABLE) < 0 ||
            nftnl_rule_set_str(builder.rule, NFTNL_RULE_CHAIN, chain_shapes[chain].name) < 0 ||
            nftnl_rule_set_data(builder.rule, NFTNL_RULE_USERDATA, userdata->bytes, userdata->length) < 0)
                builder.failed = true;
        match(&builder, record);
        act(&builder, record);
        if (!builder.failed)
                return builder.rule;
        nftnl_rule_free(builder.rule);
        return NULL;
}

static bool is_named(const struct nftnl_expr *expression, const char *name)
{
        return streq(nftnl_expr_get_str(expression, NFTNL_EXPR_NAME), name);
}

/* By libnftnl's own words for them: the kernel adds attributes of its own when it gives an expression back. */
static bool expression_equal(const struct nftnl_expr *a, const struct nftnl_expr *b)
{
        char a_text[512], b_text[512];

        if (!a || !b)
                return a == b;
        if (!is_named(a, nftnl_expr_get_str(b, NFTNL_EXPR_NAME)))
                return false;
        if (is_named(a, "counter"))
                return true;
        nftnl_expr_snprintf(a_text, sizeof(a_text), a, NFTNL_OUTPUT_DEFAULT, 0);
        nftnl_expr_snprintf(b_text, sizeof(b_text), b, NFTNL_OUTPUT_DEFAULT, 0);
        return streq(a_text, b_text);
}

bool expressions_equal(const struct nftnl_rule *a, const struct nftnl_rule *b)
{
        struct nftnl_expr_iter *in_a = nftnl_expr_iter_create(a), *in_b = nftnl_expr_iter_create(b);
        bool equal = in_a && in_b, more = equal;

        while (equal && more) {
                const struct nftnl_expr *from_a = nftnl_expr_iter_next(in_a);

                equal = expression_equal(from_a, nftnl_expr_iter_next(in_b));
                more = from_a;
        }
        if (in_a)
                nftnl_expr_iter_destroy(in_a);
        if (in_b)
                nftnl_expr_iter_destroy(in_b);
        return equal;
}

static int find_counter(struct nftnl_expr *expression, void *data)
{
        if (is_named(expression, "counter"))
                *(struct nftnl_expr **)data = expression;
        return 0;
}

static struct nftnl_expr *counter_of(const struct nftnl_rule *rule)
{
        struct nftnl_expr *counter = NULL;

        nftnl_expr_foreach((struct nftnl_rule *)rule, find_counter, &counter);
        return counter;
}

void expressions_read_counter(const struct nftnl_rule *rule, uint64_t *ret_packets, uint64_t *ret_bytes)
{
        const struct nftnl_expr *counter = counter_of(rule);

        *ret_packets = counter ? nftnl_expr_get_u64(counter, NFTNL_EXPR_CTR_PACKETS) : 0;
        *ret_bytes = counter ? nftnl_expr_get_u64(counter, NFTNL_EXPR_CTR_BYTES) : 0;
}

void expressions_write_counter(const struct nftnl_rule *rule, uint64_t packets, uint64_t bytes)
{
        struct nftnl_expr *counter = counter_of(rule);

        if (!counter)
                return;
        nftnl_expr_set_u64(counter, NFTNL_EXPR_CTR_PACKETS, packets);
        nftnl_expr_set_u64(counter, NFTNL_EXPR_CTR_BYTES, bytes);
}
