/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/builder.h"

void begin(struct builder *builder, const char *name)
{
        builder->last = nftnl_expr_alloc(name);
        if (builder->last)
                nftnl_rule_add_expr(builder->rule, builder->last);
        else
                builder->failed = true;
}

void set_u8(struct builder *builder, uint16_t attribute, uint8_t value)
{
        if (builder->last)
                nftnl_expr_set_u8(builder->last, attribute, value);
}

void set_u16(struct builder *builder, uint16_t attribute, uint16_t value)
{
        if (builder->last)
                nftnl_expr_set_u16(builder->last, attribute, value);
}

void set_u32(struct builder *builder, uint16_t attribute, uint32_t value)
{
        if (builder->last)
                nftnl_expr_set_u32(builder->last, attribute, value);
}

void set_u64(struct builder *builder, uint16_t attribute, uint64_t value)
{
        if (builder->last)
                nftnl_expr_set_u64(builder->last, attribute, value);
}

void set_text(struct builder *builder, uint16_t attribute, const char *text)
{
        if (builder->last && nftnl_expr_set_str(builder->last, attribute, text) < 0)
                builder->failed = true;
}

void set_bytes(struct builder *builder, uint16_t attribute, const void *bytes, size_t length)
{
        if (builder->last && nftnl_expr_set(builder->last, attribute, bytes, (uint32_t)length) < 0)
                builder->failed = true;
}

void load_meta(struct builder *builder, enum nft_meta_keys key)
{
        begin(builder, "meta");
        set_u32(builder, NFTNL_EXPR_META_KEY, key);
        set_u32(builder, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

void load_connection(struct builder *builder, enum nft_ct_keys key)
{
        begin(builder, "ct");
        set_u32(builder, NFTNL_EXPR_CT_KEY, key);
        set_u32(builder, NFTNL_EXPR_CT_DREG, NFT_REG_1);
}

void load_payload(struct builder *builder, enum nft_payload_bases base, uint32_t offset, size_t length)
{
        begin(builder, "payload");
        set_u32(builder, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
        set_u32(builder, NFTNL_EXPR_PAYLOAD_BASE, base);
        set_u32(builder, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
        set_u32(builder, NFTNL_EXPR_PAYLOAD_LEN, (uint32_t)length);
}

void load_value(struct builder *builder, enum nft_registers into, const void *bytes, size_t length)
{
        begin(builder, "immediate");
        set_u32(builder, NFTNL_EXPR_IMM_DREG, into);
        set_bytes(builder, NFTNL_EXPR_IMM_DATA, bytes, length);
}

void compare(struct builder *builder, enum nft_cmp_ops operation, const void *bytes, size_t length)
{
        begin(builder, "cmp");
        set_u32(builder, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
        set_u32(builder, NFTNL_EXPR_CMP_OP, operation);
        set_bytes(builder, NFTNL_EXPR_CMP_DATA, bytes, length);
}

void mask(struct builder *builder, const void *bits, const void *set, size_t length)
{
        begin(builder, "bitwise");
        set_u32(builder, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
        set_u32(builder, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
        set_u32(builder, NFTNL_EXPR_BITWISE_LEN, (uint32_t)length);
        set_bytes(builder, NFTNL_EXPR_BITWISE_MASK, bits, length);
        set_bytes(builder, NFTNL_EXPR_BITWISE_XOR, set, length);
}

void verdict(struct builder *builder, uint32_t value)
{
        begin(builder, "immediate");
        set_u32(builder, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
        set_u32(builder, NFTNL_EXPR_IMM_VERDICT, value);
}
