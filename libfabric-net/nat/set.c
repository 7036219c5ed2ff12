/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <endian.h>
#include <inttypes.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>

#define NAME_MAX_LENGTH 31
#define SET_COUNT 20 /* NFTA_SET_COUNT, newer than our headers: how many elements there are. Source: linux/netfilter/nf_tables.h of 6.17 */
_Static_assert(SET_COUNT > NFTA_SET_EXPRESSIONS, "headers that know it");

bool shape_is_ranges(const struct set_shape *shape)
{
        return (shape->flags & NFT_SET_INTERVAL) && shape->key.count == 1;
}

bool shape_is_boxes(const struct set_shape *shape)
{
        return (shape->flags & NFT_SET_INTERVAL) && shape->key.count > 1;
}

bool shape_has_timeouts(const struct set_shape *shape)
{
        return shape->flags & NFT_SET_TIMEOUT;
}

/* What nft(8) takes without quotes. Source: its scanner's "string". */
static int validate_name(fbn_context *c, const char *name)
{
        size_t length = name ? strnlen(name, NAME_MAX_LENGTH + 1) : 0;
        bool good = length > 0 && length <= NAME_MAX_LENGTH && isalpha((unsigned char)*name);

        for (size_t i = 0; good && i < length; i++)
                good = isalnum((unsigned char)name[i]) || strchr("_-./", name[i]);
        if (!good)
                return fail(c, FBN_EINVAL, "a set needs a name of 1 to %d bytes: a letter, then letters, digits, '_', '-', '.' or '/'", NAME_MAX_LENGTH);
        return 0;
}

static int fail_types(fbn_context *c, const char *member, const char *given)
{
        return fail(c, FBN_EINVAL, "%s '%.64s' is not one of ipv4_addr, ipv6_addr, inet_service, inet_proto, ifname, mark, nor up to %d of them "
                                   "joined with \" . \" in at most %d bytes", member, given ? given : "", LAYOUT_FIELDS, LAYOUT_BYTES);
}

int set_validate(fbn_context *c, const fbn_nat_set *set, struct set_shape *ret_shape)
{
        struct set_shape shape = {.limit = set->limit, .timeout_ms = set->timeout_ms, .counters = set->counters, .marked = true};
        int r;

        r = validate_name(c, set->name);
        if (r < 0)
                return r;
        if (!set->key || !layout_parse(set->key, false, &shape.key))
                return fail_types(c, "key", set->key);
        if (set->data && !layout_parse(set->data, true, &shape.data))
                return fail_types(c, "data", set->data);
        if (set->intervals && shape.key.count == 1 && !field_types[shape.key.fields[0]].ordered)
                return fail(c, FBN_EINVAL, "intervals: a key of type %s has no ranges", set->key);
        shape.flags = (set->data ? NFT_SET_MAP : 0u) | (set->intervals ? NFT_SET_INTERVAL : 0u) |
                      (set->timeouts || set->timeout_ms ? NFT_SET_TIMEOUT : 0u) | (shape.key.count > 1 ? NFT_SET_CONCAT : 0u);
        *ret_shape = shape;
        return 0;
}

void set_describe(const struct set_shape *shape, struct text *text)
{
        char types[LAYOUT_TEXT];

        layout_format(&shape->key, types);
        text_add(text, "%s", types);
        if (shape->flags & NFT_SET_MAP) {
                layout_format(&shape->data, types);
                text_add(text, " : %s", types);
        }
        if (shape->flags & NFT_SET_INTERVAL)
                text_add(text, ", intervals");
        if (shape_has_timeouts(shape))
                text_add(text, ", timeouts");
        if (shape->timeout_ms)
                text_add(text, " of %" PRIu64 " ms", shape->timeout_ms);
        if (shape->limit)
                text_add(text, ", at most %" PRIu32, shape->limit);
        if (shape->counters)
                text_add(text, ", counters");
}

static void put_description(struct nlmsghdr *message, const struct set_shape *shape)
{
        struct nlattr *description, *fields, *field;

        if (!shape->limit && shape->key.count < 2)
                return;
        description = mnl_attr_nest_start(message, NFTA_SET_DESC);
        if (shape->limit)
                mnl_attr_put_u32(message, NFTA_SET_DESC_SIZE, htonl(shape->limit));
        if (shape->key.count > 1) {
                fields = mnl_attr_nest_start(message, NFTA_SET_DESC_CONCAT);
                for (size_t i = 0; i < shape->key.count; i++) {
                        field = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
                        mnl_attr_put_u32(message, NFTA_SET_FIELD_LEN, htonl(field_types[shape->key.fields[i]].length));
                        mnl_attr_nest_end(message, field);
                }
                mnl_attr_nest_end(message, fields);
        }
        mnl_attr_nest_end(message, description);
}

static void put_shape(struct nlmsghdr *message, const struct set_shape *shape, uint32_t id)
{
        struct userdata userdata;

        mnl_attr_put_u32(message, NFTA_SET_FLAGS, htonl(shape->flags));
        mnl_attr_put_u32(message, NFTA_SET_KEY_TYPE, htonl(layout_id(&shape->key)));
        mnl_attr_put_u32(message, NFTA_SET_KEY_LEN, htonl(shape->key.bytes));
        if (shape->flags & NFT_SET_MAP) {
                mnl_attr_put_u32(message, NFTA_SET_DATA_TYPE, htonl(layout_id(&shape->data)));
                if (!shape->data.verdict)
                        mnl_attr_put_u32(message, NFTA_SET_DATA_LEN, htonl(shape->data.bytes));
        }
        put_description(message, shape);
        if (shape->timeout_ms)
                mnl_attr_put_u64(message, NFTA_SET_TIMEOUT, htobe64(shape->timeout_ms));
        mnl_attr_put_u32(message, NFTA_SET_ID, htonl(id));
        sets_mark(shape, &userdata);
        mnl_attr_put(message, NFTA_SET_USERDATA, userdata.length, userdata.bytes);
        if (shape->counters) {
                struct nlattr *expression = mnl_attr_nest_start(message, NFTA_SET_EXPR);

                mnl_attr_put_strz(message, NFTA_EXPR_NAME, "counter");
                mnl_attr_nest_end(message, expression);
        }
}

void set_put(struct netlink_batch *batch, uint16_t type, const char *name, const struct set_shape *shape, uint32_t id)
{
        struct nlmsghdr *message = message_begin(batch, type, type == NFT_MSG_NEWSET ? NLM_F_CREATE | NLM_F_EXCL : 0);

        mnl_attr_put_strz(message, NFTA_SET_TABLE, FBN_NAT_TABLE);
        mnl_attr_put_strz(message, NFTA_SET_NAME, name);
        if (type == NFT_MSG_NEWSET)
                put_shape(message, shape, id);
        netlink_batch_end(batch, message);
}

static uint32_t u32_of(const struct nlattr *attribute)
{
        return ntohl(netlink_u32(attribute));
}

static bool has_counter(const struct nlattr *const *set)
{
        const struct nlattr *expression[NFTA_EXPR_MAX + 1] = {0};

        if (!set[NFTA_SET_EXPR])
                return false;
        netlink_nested(set[NFTA_SET_EXPR], expression, ARRAY_SIZE(expression));
        return streq(netlink_string(expression[NFTA_EXPR_NAME]) ? netlink_string(expression[NFTA_EXPR_NAME]) : "", "counter");
}

static void decode_shape(const struct nlattr *const *set, struct set_shape *shape)
{
        const struct nlattr *description[NFTA_SET_DESC_MAX + 1] = {0};

        if (set[NFTA_SET_DESC])
                netlink_nested(set[NFTA_SET_DESC], description, ARRAY_SIZE(description));
        shape->limit = u32_of(description[NFTA_SET_DESC_SIZE]);
        if (set[NFTA_SET_TIMEOUT] && mnl_attr_validate(set[NFTA_SET_TIMEOUT], MNL_TYPE_U64) >= 0)
                shape->timeout_ms = be64toh(mnl_attr_get_u64(set[NFTA_SET_TIMEOUT]));
        shape->counters = has_counter(set);
        shape->tells_count = set[SET_COUNT];
        shape->count = u32_of(set[SET_COUNT]);
        shape->marked = set[NFTA_SET_USERDATA] && table_is_marked(mnl_attr_get_payload(set[NFTA_SET_USERDATA]),
                                                                  mnl_attr_get_payload_len(set[NFTA_SET_USERDATA]));
}

int set_decode(const struct nlmsghdr *message, const char **ret_name, struct set_shape *ret_shape)
{
        const struct nlattr *set[SET_COUNT + 1] = {0};
        struct set_shape shape = {0};

        netlink_attributes(message, sizeof(struct nfgenmsg), set, ARRAY_SIZE(set));
        if (!set[NFTA_SET_TABLE] || !set[NFTA_SET_NAME] || !streq(message_text(message, NFTA_SET_TABLE), FBN_NAT_TABLE))
                return 0;
        shape.flags = u32_of(set[NFTA_SET_FLAGS]);
        if (!layout_of_id(u32_of(set[NFTA_SET_KEY_TYPE]), &shape.key) || u32_of(set[NFTA_SET_KEY_LEN]) != shape.key.bytes)
                return 0;
        if ((shape.flags & NFT_SET_MAP) && !layout_of_id(u32_of(set[NFTA_SET_DATA_TYPE]), &shape.data))
                return 0;
        if ((shape.flags & NFT_SET_MAP) && !shape.data.verdict && u32_of(set[NFTA_SET_DATA_LEN]) != shape.data.bytes)
                return 0;
        decode_shape(set, &shape);
        *ret_name = message_text(message, NFTA_SET_NAME);
        *ret_shape = shape;
        return 1;
}

struct asked {
        struct set_shape shape;
        bool found;
};

static int read_set_message(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        struct asked *asked = data;
        const char *name;

        (void)c;
        if (set_decode(message, &name, &asked->shape))
                asked->found = true;
        return 0;
}

int set_read(fbn_context *c, struct netlink *netlink, const char *name, struct set_shape *ret_shape)
{
        char buffer[NETLINK_MESSAGE];
        struct nlmsghdr *request = message_new(buffer, NFT_MSG_GETSET);
        struct asked asked = {.found = false};
        int r;

        r = validate_name(c, name);
        if (r < 0)
                return r;
        mnl_attr_put_strz(request, NFTA_SET_TABLE, FBN_NAT_TABLE);
        mnl_attr_put_strz(request, NFTA_SET_NAME, name);
        r = netlink_request(c, netlink, request, read_set_message, &asked);
        if (r == -FBN_ENOENT)
                return fail(c, FBN_ENOENT, "there is no such set in table inet " FBN_NAT_TABLE "; declare it and apply first");
        if (r < 0)
                return r;
        if (!asked.found)
                return fail(c, FBN_EUNSUPPORTED, "its keys are of a type that this library does not know");
        *ret_shape = asked.shape;
        return 0;
}
