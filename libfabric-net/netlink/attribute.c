/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netlink/netlink.h"

struct table {
        const struct nlattr **attributes;
        size_t count;
};

static int collect(const struct nlattr *attribute, void *data)
{
        struct table *table = data;
        uint16_t type = mnl_attr_get_type(attribute);

        if (type < table->count)
                table->attributes[type] = attribute;
        return MNL_CB_OK;
}

void netlink_attributes(const struct nlmsghdr *message, size_t header, const struct nlattr **table, size_t count)
{
        memset(table, 0, count * sizeof(*table));
        if (mnl_nlmsg_get_payload_len(message) > MNL_ALIGN(header))
                mnl_attr_parse(message, (unsigned)header, collect, &(struct table){table, count});
}

void netlink_nested(const struct nlattr *nest, const struct nlattr **table, size_t count)
{
        memset(table, 0, count * sizeof(*table));
        if (nest)
                mnl_attr_parse_nested(nest, collect, &(struct table){table, count});
}

static bool holds(const struct nlattr *attribute, size_t size)
{
        return attribute && mnl_attr_get_payload_len(attribute) >= size;
}

uint8_t netlink_u8(const struct nlattr *attribute)
{
        return holds(attribute, 1) ? mnl_attr_get_u8(attribute) : 0;
}

uint16_t netlink_u16(const struct nlattr *attribute)
{
        return holds(attribute, 2) ? mnl_attr_get_u16(attribute) : 0;
}

uint32_t netlink_u32(const struct nlattr *attribute)
{
        return holds(attribute, 4) ? mnl_attr_get_u32(attribute) : 0;
}

const char *netlink_string(const struct nlattr *attribute)
{
        return attribute && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0 ? mnl_attr_get_str(attribute) : NULL;
}
