/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/builder.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>

#define REGISTER ((size_t)16) /* of the old numbering, which the kernel gives back wherever a register begins one of those */

const struct kernel_set *sets_find(const struct kernel_sets *sets, const char *name)
{
        for (size_t i = 0; i < sets->count; i++)
                if (streq(sets->items[i].name, name))
                        return &sets->items[i];
        return NULL;
}

static bool has_field(const struct layout *layout, size_t field)
{
        return memchr(layout->fields, (int)field, layout->count);
}

uint16_t layout_family(const struct layout *layout)
{
        return has_field(layout, FIELD_IPV4) ? AF_INET : has_field(layout, FIELD_IPV6) ? AF_INET6 : AF_UNSPEC;
}

static int check_set(fbn_context *c, const struct kernel_sets *sets, const fbn_nat_rule *rule, const char *name, const char *member)
{
        const struct kernel_set *set = name ? sets_find(sets, name) : NULL;
        const struct layout *key = set ? &set->shape.key : NULL;

        if (!name)
                return 0;
        if (!set)
                return fail(c, FBN_EINVAL, "%s: no set '%.31s' is declared beside the rules", member, name);
        if (set->shape.flags & NFT_SET_MAP)
                return fail(c, FBN_EINVAL, "%s: '%s' is a map", member, name);
        if (has_field(key, FIELD_IPV4) && has_field(key, FIELD_IPV6))
                return fail(c, FBN_EINVAL, "%s: '%s' has addresses of both families in one key: no packet matches", member, name);
        if (has_field(key, FIELD_PORT) && !has_field(key, FIELD_PROTOCOL) && !rule->protocol)
                return fail(c, FBN_EINVAL, "%s: '%s' has ports: the rule needs the protocol tcp or udp, or the set inet_proto", member, name);
        return 0;
}

static bool same_family(uint16_t a, uint16_t b)
{
        return !a || !b || a == b;
}

static int check_map(fbn_context *c, const struct kernel_sets *sets, const fbn_nat_rule *rule)
{
        const struct kernel_set *map = sets_find(sets, rule->to_map);
        const struct layout *key, *data;
        uint16_t family;

        if (!map || !(map->shape.flags & NFT_SET_MAP))
                return fail(c, FBN_EINVAL, "to_map: no map '%.31s' is declared beside the rules", rule->to_map);
        key = &map->shape.key;
        data = &map->shape.data;
        family = layout_family(data);
        if (data->verdict || data->count > 2 || (data->fields[0] != FIELD_IPV4 && data->fields[0] != FIELD_IPV6) ||
            (data->count == 2 && data->fields[1] != FIELD_PORT))
                return fail(c, FBN_EINVAL, "to_map: '%s' gives no address, nor address . inet_service", rule->to_map);
        if (!same_family(family, layout_family(key)) || !same_family(family, sets_family(sets, rule)))
                return fail(c, FBN_EINVAL, "to_map: an address is translated within its family only, '%s' has both", rule->to_map);
        if ((data->count == 2 || has_field(key, FIELD_PORT)) && !has_field(key, FIELD_PROTOCOL) && !rule->protocol)
                return fail(c, FBN_EINVAL, "to_map: '%s' has ports: the rule needs the protocol tcp or udp, or the map inet_proto", rule->to_map);
        return 0;
}

int sets_check(fbn_context *c, const struct kernel_sets *sets, const fbn_nat_rule *rule)
{
        int r;

        r = check_set(c, sets, rule, rule->source_set, "source_set");
        if (r == 0)
                r = check_set(c, sets, rule, rule->destination_set, "destination_set");
        if (r == 0 && rule->source_set && rule->destination_set &&
            !same_family(layout_family(&sets_find(sets, rule->source_set)->shape.key), layout_family(&sets_find(sets, rule->destination_set)->shape.key)))
                r = fail(c, FBN_EINVAL, "source_set and destination_set are of different families: no packet matches");
        return r == 0 && rule->to_map ? check_map(c, sets, rule) : r;
}

uint16_t sets_family(const struct kernel_sets *sets, const fbn_nat_rule *rule)
{
        const struct kernel_set *source = rule->source_set ? sets_find(sets, rule->source_set) : NULL;
        const struct kernel_set *destination = rule->destination_set ? sets_find(sets, rule->destination_set) : NULL;
        const struct kernel_set *map = rule->to_map ? sets_find(sets, rule->to_map) : NULL;
        uint16_t family = source ? layout_family(&source->shape.key) : AF_UNSPEC;

        if (!family && destination)
                family = layout_family(&destination->shape.key);
        return family || !map ? family : layout_family(&map->shape.data);
}

static uint32_t register_at(size_t offset)
{
        return (uint32_t)(offset % REGISTER ? NFT_REG32_00 + offset / sizeof(uint32_t) : NFT_REG_1 + offset / REGISTER);
}

static void load_into(struct builder *builder, uint16_t attribute, size_t offset)
{
        if (offset)
                set_u32(builder, attribute, register_at(offset));
}

/* Offsets of addresses: RFC 791, 3.1 and RFC 8200, 3. source: this side of the packet. */
static void load_field(struct builder *builder, size_t field, bool source, size_t offset)
{
        switch (field) {
        case FIELD_IPV4:
                load_payload(builder, NFT_PAYLOAD_NETWORK_HEADER, source ? 12 : 16, 4);
                break;
        case FIELD_IPV6:
                load_payload(builder, NFT_PAYLOAD_NETWORK_HEADER, source ? 8 : 24, 16);
                break;
        case FIELD_PORT:
                load_payload(builder, NFT_PAYLOAD_TRANSPORT_HEADER, source ? 0 : 2, 2);
                break;
        case FIELD_PROTOCOL:
                load_meta(builder, NFT_META_L4PROTO);
                break;
        case FIELD_DEVICE:
                load_meta(builder, source ? NFT_META_IIFNAME : NFT_META_OIFNAME);
                break;
        default:
                load_meta(builder, NFT_META_MARK);
        }
        if (field == FIELD_IPV4 || field == FIELD_IPV6 || field == FIELD_PORT)
                load_into(builder, NFTNL_EXPR_PAYLOAD_DREG, offset);
        else
                load_into(builder, NFTNL_EXPR_META_DREG, offset);
}

/* A second address, port or link in one key is the other side's. */
static bool look_up(struct builder *builder, const char *name, bool source)
{
        const struct kernel_set *set = name ? sets_find(builder->sets, name) : NULL;
        const struct layout *key = set ? &set->shape.key : NULL;

        if (!set)
                return false;
        for (size_t i = 0, offset = 0; i < key->count; offset += layout_step(key, i++))
                load_field(builder, key->fields[i], source ^ (memchr(key->fields, key->fields[i], i) != NULL), offset);
        begin(builder, "lookup");
        set_u32(builder, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
        set_u32(builder, NFTNL_EXPR_LOOKUP_FLAGS, 0);
        set_text(builder, NFTNL_EXPR_LOOKUP_SET, name);
        return true;
}

void match_set(struct builder *builder, const char *name, bool source)
{
        look_up(builder, name, source);
}

void find_target(struct builder *builder, const char *map)
{
        if (look_up(builder, map, false))
                set_u32(builder, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_1);
}

void set_target(struct builder *builder, const char *map)
{
        const struct kernel_set *set = sets_find(builder->sets, map);
        const struct layout *data = set ? &set->shape.data : NULL;

        if (!set)
                return;
        set_u32(builder, NFTNL_EXPR_NAT_FAMILY, layout_family(data) == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6);
        set_u32(builder, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
        set_u32(builder, NFTNL_EXPR_NAT_REG_ADDR_MAX, NFT_REG_1);
        if (data->count == 2) {
                set_u32(builder, NFTNL_EXPR_NAT_REG_PROTO_MIN, register_at(layout_step(data, 0)));
                set_u32(builder, NFTNL_EXPR_NAT_REG_PROTO_MAX, register_at(layout_step(data, 0)));
        }
        set_u32(builder, NFTNL_EXPR_NAT_FLAGS, NF_NAT_RANGE_MAP_IPS | (data->count == 2 ? NF_NAT_RANGE_PROTO_SPECIFIED : 0));
}
