/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include <arpa/inet.h>
#include <endian.h>

#define LIST_BYTES ((size_t)65535)     /* a nest's length is 16 bits */
#define MESSAGE_BYTES (LIST_BYTES + 256)

/* Attributes written one behind the other. A hundred thousand elements are a million of them: no function calls to look up the end. */
static struct nlattr *open_nest(uint8_t **to, uint16_t type)
{
        struct nlattr *nest = (struct nlattr *)*to;

        nest->nla_type = NLA_F_NESTED | type;
        *to += sizeof(*nest);
        return nest;
}

static void close_nest(const uint8_t *to, struct nlattr *nest)
{
        nest->nla_len = (uint16_t)(to - (uint8_t *)nest);
}

static void put_bytes(uint8_t **to, uint16_t type, const void *bytes, size_t length)
{
        struct nlattr *attribute = (struct nlattr *)*to;

        attribute->nla_type = type;
        attribute->nla_len = (uint16_t)(sizeof(*attribute) + length);
        memcpy(attribute + 1, bytes, length);
        memset((uint8_t *)(attribute + 1) + length, 0, MNL_ALIGN(length) - length);
        *to += sizeof(*attribute) + MNL_ALIGN(length);
}

static void put_value(uint8_t **to, uint16_t type, const uint8_t *bytes, size_t length)
{
        struct nlattr *nest = open_nest(to, type);

        put_bytes(to, NFTA_DATA_VALUE, bytes, length);
        close_nest(*to, nest);
}

static void put_data(uint8_t **to, const struct layout *layout, const uint8_t *bytes)
{
        struct nlattr *nest, *verdict;
        uint32_t code;

        if (!layout->verdict) {
                put_value(to, NFTA_SET_ELEM_DATA, bytes, layout->bytes);
                return;
        }
        memcpy(&code, bytes, sizeof(code));
        code = htonl(code);
        nest = open_nest(to, NFTA_SET_ELEM_DATA);
        verdict = open_nest(to, NFTA_DATA_VERDICT);
        put_bytes(to, NFTA_VERDICT_CODE, &code, sizeof(code));
        close_nest(*to, verdict);
        close_nest(*to, nest);
}

static void put_start(uint8_t **to, uint16_t type, const fbn_nat_elements *elements, const uint8_t *packed)
{
        const struct set_shape *shape = &elements->shape;
        struct nlattr *nest = open_nest(to, NFTA_LIST_ELEM);
        uint64_t timeout = 0;

        put_value(to, NFTA_SET_ELEM_KEY, packed, shape->key.bytes);
        if (shape_is_boxes(shape))
                put_value(to, NFTA_SET_ELEM_KEY_END, packed + elements->last_at, shape->key.bytes);
        if (type == NFT_MSG_NEWSETELEM && elements->data_at)
                put_data(to, &shape->data, packed + elements->data_at);
        if (type == NFT_MSG_NEWSETELEM && elements->timeout_at)
                memcpy(&timeout, packed + elements->timeout_at, sizeof(timeout));
        if (timeout) {
                timeout = htobe64(timeout);
                put_bytes(to, NFTA_SET_ELEM_TIMEOUT, &timeout, sizeof(timeout));
        }
        close_nest(*to, nest);
}

/* The first key behind a range; false if the range ends with the last key that there is: such an element has no end. */
static bool key_after(const uint8_t *last, size_t length, uint8_t *ret_key)
{
        size_t i = length;

        memcpy(ret_key, last, length);
        while (i > 0 && ++ret_key[i - 1] == 0)
                i--;
        return i > 0;
}

static void put_end(uint8_t **to, const fbn_nat_elements *elements, const uint8_t *packed)
{
        static const uint32_t flag_value = NFT_SET_ELEM_INTERVAL_END;
        uint32_t flags = htonl(flag_value);
        uint8_t key[LAYOUT_BYTES];
        struct nlattr *nest;

        if (!key_after(packed + elements->last_at, elements->shape.key.bytes, key))
                return;
        nest = open_nest(to, NFTA_LIST_ELEM);
        put_value(to, NFTA_SET_ELEM_KEY, key, elements->shape.key.bytes);
        put_bytes(to, NFTA_SET_ELEM_FLAGS, &flags, sizeof(flags));
        close_nest(*to, nest);
}

/* What one element takes at most: two of them, with two nests for a key, one for data, a timeout, flags. */
static size_t element_room(const struct set_shape *shape)
{
        return 2 * (4 + 4 + 4 + MNL_ALIGN((size_t)shape->key.bytes)) + 4 + 4 + MNL_ALIGN((size_t)shape->key.bytes) + 12 +
               MNL_ALIGN((size_t)shape->data.bytes) + 12 + 8;
}

static struct nlmsghdr *begin(struct netlink_batch *batch, uint16_t type, const char *name, uint32_t id)
{
        struct nlmsghdr *message = message_begin_long(batch, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0, MESSAGE_BYTES);

        if (!message)
                return NULL;
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, FBN_NAT_TABLE);
        mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, name);
        if (id)
                mnl_attr_put_u32(message, NFTA_SET_ELEM_LIST_SET_ID, htonl(id));
        return message;
}

void elements_put(struct netlink_batch *batch, uint16_t type, const fbn_nat_elements *elements, uint32_t id)
{
        size_t room = element_room(&elements->shape), index = 0;
        bool ranges = shape_is_ranges(&elements->shape);

        do {
                struct nlmsghdr *message = begin(batch, type, elements->name, id);
                struct nlattr *list;
                uint8_t *to;

                if (!message)
                        return;
                to = mnl_nlmsg_get_payload_tail(message);
                list = open_nest(&to, NFTA_SET_ELEM_LIST_ELEMENTS);
                for (; index < elements->count && (size_t)(to - (uint8_t *)list) + room <= LIST_BYTES; index++) {
                        put_start(&to, type, elements, element_at(elements, index));
                        if (ranges)
                                put_end(&to, elements, element_at(elements, index));
                }
                close_nest(to, list);
                if (elements->count > 0)
                        message->nlmsg_len = (uint32_t)(to - (uint8_t *)message);
                netlink_batch_end(batch, message);
        } while (index < elements->count);
}

/* Which of the elements a refusal is about: the one that begins with this key, or ends before it. */
const uint8_t *element_refused(const fbn_nat_elements *elements, const struct nlmsghdr *message, uint32_t offset)
{
        const struct nlattr *attributes[NFTA_SET_ELEM_MAX + 1] = {0}, *element = (const struct nlattr *)((const char *)message + offset), *key;
        size_t length = elements->shape.key.bytes;
        uint8_t after[LAYOUT_BYTES];
        bool end;

        if (offset == 0 || offset >= message->nlmsg_len || !mnl_attr_ok(element, (int)(message->nlmsg_len - offset)))
                return NULL;
        netlink_nested(element, attributes, ARRAY_SIZE(attributes));
        key = attributes[NFTA_SET_ELEM_KEY] ? message_nested(attributes[NFTA_SET_ELEM_KEY], NFTA_DATA_VALUE) : NULL;
        if (!key || mnl_attr_get_payload_len(key) != length)
                return NULL;
        end = ntohl(netlink_u32(attributes[NFTA_SET_ELEM_FLAGS])) & NFT_SET_ELEM_INTERVAL_END;
        for (size_t i = 0; i < elements->count; i++) {
                const uint8_t *packed = element_at(elements, i);

                if (end && !key_after(packed + elements->last_at, length, after))
                        continue;
                if (memcmp(end ? after : packed, mnl_attr_get_payload(key), length) == 0)
                        return packed;
        }
        return NULL;
}
