/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NAT_BUILDER_H
#define NAT_BUILDER_H

#include "nat/nat.h"

#include <libnftnl/expr.h>

/* A kernel rule in the making: one expression after another. What one loads, the next works on in the same register. */
struct builder {
        struct nftnl_rule *rule;
        struct nftnl_expr *last;
        const struct kernel_sets *sets; /* to look into */
        bool failed;
};

void begin(struct builder *builder, const char *name);
void set_u8(struct builder *builder, uint16_t attribute, uint8_t value);
void set_u16(struct builder *builder, uint16_t attribute, uint16_t value);
void set_u32(struct builder *builder, uint16_t attribute, uint32_t value);
void set_u64(struct builder *builder, uint16_t attribute, uint64_t value);
void set_text(struct builder *builder, uint16_t attribute, const char *text);
void set_bytes(struct builder *builder, uint16_t attribute, const void *bytes, size_t length);

void load_meta(struct builder *builder, enum nft_meta_keys key);
void load_connection(struct builder *builder, enum nft_ct_keys key);
void load_payload(struct builder *builder, enum nft_payload_bases base, uint32_t offset, size_t length);
void load_value(struct builder *builder, enum nft_registers into, const void *bytes, size_t length);
void compare(struct builder *builder, enum nft_cmp_ops operation, const void *bytes, size_t length);
/* (register & bits) ^ set */
void mask(struct builder *builder, const void *bits, const void *set, size_t length);
void verdict(struct builder *builder, uint32_t value);

void match_set(struct builder *builder, const char *name, bool source);
/* Put what a map says of the destination into the first registers; set_target() hands that to the last expression, of type nat. */
void find_target(struct builder *builder, const char *map);
void set_target(struct builder *builder, const char *map);

/* What a rule looks for in a chain, and what it then does. */
void match(struct builder *builder, const fbn_nat_rule *record, enum chain chain);
void act(struct builder *builder, const fbn_nat_rule *record, enum chain chain);

#endif
