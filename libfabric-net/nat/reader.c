/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include <arpa/inet.h>
#include <endian.h>

struct fbn_nat_reader {
        unsigned references;
        struct set_shape shape;
        struct netlink *netlink;
        char *name;
        /* Where the reading is: the rest of a datagram, and of the elements in its current message. */
        const struct nlmsghdr *message;
        int left;
        const struct nlattr *list, *element;
        bool finished, interrupted;
        /* Ranges come from the highest to the lowest, the end before the start. Source: nft_rbtree_gc() in net/netfilter/nft_set_rbtree.c */
        uint8_t end[LAYOUT_BYTES];
        bool have_end, begun;
        char key[VALUE_TEXT], data[VALUE_TEXT]; /* of the record that was handed out */
        fbn_nat_element record;
};

int reader_make(fbn_context *c, const struct set_shape *shape, fbn_nat_reader **ret_reader)
{
        fbn_nat_reader *reader = memory_alloc(sizeof(*reader));

        if (!reader)
                return fail_memory(c);
        reader->references = 1;
        reader->shape = *shape;
        *ret_reader = reader;
        return 0;
}

fbn_nat_reader *fbn_nat_reader_ref(fbn_nat_reader *reader)
{
        reader->references++;
        return reader;
}

fbn_nat_reader *fbn_nat_reader_unref(fbn_nat_reader *reader)
{
        if (!reader || --reader->references > 0)
                return NULL;
        netlink_free(reader->netlink);
        memory_free(reader->name);
        memory_free(reader);
        return NULL;
}

static int ask(fbn_context *c, fbn_nat_reader *reader)
{
        char buffer[NETLINK_MESSAGE];
        struct nlmsghdr *request = message_new(buffer, NFT_MSG_GETSETELEM);

        request->nlmsg_flags |= NLM_F_DUMP;
        request->nlmsg_seq = ++reader->netlink->sequence;
        request->nlmsg_pid = reader->netlink->port;
        mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, FBN_NAT_TABLE);
        mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, reader->name);
        return netlink_send(c, reader->netlink, request, request->nlmsg_len);
}

static int start(fbn_context *c, const char *set, fbn_nat_reader **reader)
{
        struct set_shape shape;
        struct netlink *netlink;
        int r;

        r = netlink_get(c, NETLINK_NETFILTER, &netlink);
        if (r == 0)
                r = set_read(c, netlink, set, &shape);
        if (r == 0)
                r = reader_make(c, &shape, reader);
        if (r < 0)
                return r;
        (*reader)->name = memory_strdup(set);
        if (!(*reader)->name)
                return fail_memory(c);
        r = netlink_new(c, NETLINK_NETFILTER, &(*reader)->netlink);
        return r < 0 ? r : ask(c, *reader);
}

int fbn_nat_reader_new(fbn_context *c, const char *set, fbn_nat_reader **ret_reader)
{
        FBN_CLEANUP(fbn_nat_reader) reader = NULL;
        int r;

        r = start(c, set, &reader);
        if (r < 0)
                return fail_in(c, r, "nat set '%.31s'", set ? set : "");
        *ret_reader = TAKE_PTR(reader);
        return 0;
}

void reader_feed(fbn_nat_reader *reader, const struct nlmsghdr *message)
{
        reader->list = message_attribute(message, NFTA_SET_ELEM_LIST_ELEMENTS);
        reader->element = reader->list ? mnl_attr_get_payload(reader->list) : NULL;
}

static int fail_interrupted(fbn_context *c)
{
        return fail(c, FBN_EINTERRUPTED, "the ruleset changed while the set was read; read it again");
}

static uint64_t u64_of(const struct nlattr *attribute)
{
        uint64_t value = 0;

        if (attribute && mnl_attr_get_payload_len(attribute) >= sizeof(value))
                memcpy(&value, mnl_attr_get_payload(attribute), sizeof(value));
        return be64toh(value);
}

static bool copy_value(const struct nlattr *nest, size_t length, uint8_t *to)
{
        const struct nlattr *values[NFTA_DATA_MAX + 1];

        netlink_nested(nest, values, ARRAY_SIZE(values));
        if (!values[NFTA_DATA_VALUE] || mnl_attr_get_payload_len(values[NFTA_DATA_VALUE]) != length)
                return false;
        memcpy(to, mnl_attr_get_payload(values[NFTA_DATA_VALUE]), length);
        return true;
}

static bool copy_data(const struct layout *layout, const struct nlattr *nest, uint8_t *to)
{
        const struct nlattr *values[NFTA_DATA_MAX + 1], *verdict[NFTA_VERDICT_MAX + 1];
        uint32_t code;

        if (!layout->verdict)
                return copy_value(nest, layout->bytes, to);
        netlink_nested(nest, values, ARRAY_SIZE(values));
        netlink_nested(values[NFTA_DATA_VERDICT], verdict, ARRAY_SIZE(verdict));
        code = ntohl(netlink_u32(verdict[NFTA_VERDICT_CODE]));
        memcpy(to, &code, sizeof(code));
        return verdict[NFTA_VERDICT_CODE];
}

static void copy_counter(const struct nlattr *expression, struct element *element)
{
        const struct nlattr *parts[NFTA_EXPR_MAX + 1], *counter[NFTA_COUNTER_MAX + 1];
        const char *name;

        netlink_nested(expression, parts, ARRAY_SIZE(parts));
        name = netlink_string(parts[NFTA_EXPR_NAME]);
        if (!name || !streq(name, "counter"))
                return;
        netlink_nested(parts[NFTA_EXPR_DATA], counter, ARRAY_SIZE(counter));
        element->packets = u64_of(counter[NFTA_COUNTER_PACKETS]);
        element->bytes = u64_of(counter[NFTA_COUNTER_BYTES]);
}

/* The key before one: where a range ends whose end is the first key behind it. */
static void step_back(uint8_t *key, size_t length)
{
        for (size_t i = length; i > 0 && key[i - 1]-- == 0; i--)
                ;
}

/* Give a start its end. An open one is the last of all, that is the first that is read; anywhere else an element has expired and gone
 * while the kernel counted its way through the set. */
static int close_interval(fbn_context *c, fbn_nat_reader *reader, struct element *element)
{
        size_t length = reader->shape.key.bytes;

        if (!reader->have_end && reader->begun)
                return fail_interrupted(c);
        memcpy(element->last, reader->end, length);
        if (reader->have_end)
                step_back(element->last, length);
        else
                memset(element->last, 0xff, length);
        reader->have_end = false;
        reader->begun = true;
        return memcmp(element->first, element->last, length) <= 0 ? 1 : fail_interrupted(c);
}

static int fail_element(fbn_context *c)
{
        return fail(c, FBN_EPROTOCOL, "the kernel describes an element in a way that this library does not know");
}

/* 1: an element; 0: the end of one. */
static int decode(fbn_context *c, fbn_nat_reader *reader, const struct nlattr *nest, struct element *element)
{
        const struct nlattr *attributes[NFTA_SET_ELEM_MAX + 1];
        const struct set_shape *shape = &reader->shape;
        size_t length = shape->key.bytes;

        netlink_nested(nest, attributes, ARRAY_SIZE(attributes));
        if (!attributes[NFTA_SET_ELEM_KEY] || !copy_value(attributes[NFTA_SET_ELEM_KEY], length, element->first))
                return fail_element(c);
        if (ntohl(netlink_u32(attributes[NFTA_SET_ELEM_FLAGS])) & NFT_SET_ELEM_INTERVAL_END) {
                memcpy(reader->end, element->first, length);
                reader->have_end = reader->begun = true;
                return 0;
        }
        if (!attributes[NFTA_SET_ELEM_KEY_END])
                memcpy(element->last, element->first, length);
        else if (!copy_value(attributes[NFTA_SET_ELEM_KEY_END], length, element->last))
                return fail_element(c);
        if ((shape->flags & NFT_SET_MAP) && !copy_data(&shape->data, attributes[NFTA_SET_ELEM_DATA], element->data))
                return fail_element(c);
        element->timeout_ms = attributes[NFTA_SET_ELEM_TIMEOUT] ? u64_of(attributes[NFTA_SET_ELEM_TIMEOUT]) : shape->timeout_ms;
        element->expires_ms = u64_of(attributes[NFTA_SET_ELEM_EXPIRATION]);
        element->packets = element->bytes = 0;
        if (attributes[NFTA_SET_ELEM_EXPR])
                copy_counter(attributes[NFTA_SET_ELEM_EXPR], element);
        return shape_is_ranges(shape) ? close_interval(c, reader, element) : 1;
}

int reader_take(fbn_context *c, fbn_nat_reader *reader, struct element *ret_element)
{
        int r = 0;

        while (r == 0 && reader->list) {
                const struct nlattr *element = reader->element;
                int left = (int)((const char *)reader->list + reader->list->nla_len - (const char *)element);

                if (left <= 0 || !mnl_attr_ok(element, left)) {
                        reader->list = NULL;
                        break;
                }
                reader->element = mnl_attr_next(element);
                r = decode(c, reader, element, ret_element);
        }
        return r;
}

static int receive(fbn_context *c, fbn_nat_reader *reader)
{
        size_t length;
        int r;

        r = context_check(c);
        if (r == 0)
                r = netlink_receive(c, reader->netlink, &length);
        if (r < 0)
                return r;
        reader->message = (const struct nlmsghdr *)reader->netlink->buffer;
        reader->left = (int)length;
        return 0;
}

/* The next message of the dump: 0, or 1 when there are no more. */
static int next_message(fbn_context *c, fbn_nat_reader *reader)
{
        const struct nlmsghdr *message;
        int r;

        while (!reader->message || !netlink_message_ok(reader->message, reader->left)) {
                r = receive(c, reader);
                if (r < 0)
                        return r;
        }
        message = reader->message;
        reader->message = mnl_nlmsg_next(message, &reader->left);
        reader->interrupted |= (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
        if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) {
                const int *result = mnl_nlmsg_get_payload(message);

                reader->finished = true;
                if (mnl_nlmsg_get_payload_len(message) >= sizeof(*result) && *result < 0)
                        return netlink_fail(c, -*result, netlink_extended_ack(message));
                return reader->interrupted ? fail_interrupted(c) : 1;
        }
        reader_feed(reader, message);
        return 0;
}

int reader_next(fbn_context *c, fbn_nat_reader *reader, struct element *ret_element)
{
        int r;

        while (!reader->finished) {
                r = reader_take(c, reader, ret_element);
                if (r == 0)
                        r = next_message(c, reader);
                else
                        return r;
                if (r < 0)
                        return r;
        }
        return 0;
}

int fbn_nat_reader_next(fbn_context *c, fbn_nat_reader *reader, const fbn_nat_element **ret_element)
{
        const struct set_shape *shape = &reader->shape;
        struct element element;
        int r;

        r = reader_next(c, reader, &element);
        if (r < 0)
                reader->finished = true;
        if (r <= 0)
                return fail_in(c, r, "nat set '%s'", reader->name);
        value_format(&shape->key, element.first, element.last, reader->key);
        if (shape->flags & NFT_SET_MAP)
                value_format(&shape->data, element.data, element.data, reader->data);
        reader->record = (fbn_nat_element){
                .size = sizeof(reader->record),
                .key = reader->key,
                .data = shape->flags & NFT_SET_MAP ? reader->data : NULL,
                .timeout_ms = element.timeout_ms,
                .expires_ms = element.expires_ms,
                .packets = element.packets,
                .bytes = element.bytes,
        };
        *ret_element = &reader->record;
        return 1;
}
