/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>

static struct nlmsghdr *put_header(struct nlmsghdr *message)
{
        struct nfgenmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

        header->nfgen_family = NFPROTO_INET;
        header->version = NFNETLINK_V0;
        return message;
}

static uint16_t full_type(uint16_t type)
{
        return (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
}

struct nlmsghdr *message_begin(struct netlink_batch *batch, uint16_t type, uint16_t flags)
{
        return put_header(netlink_batch_begin(batch, full_type(type), flags));
}

struct nlmsghdr *message_begin_long(struct netlink_batch *batch, uint16_t type, uint16_t flags, size_t room)
{
        struct nlmsghdr *message = netlink_batch_begin_long(batch, full_type(type), flags, room);

        return message ? put_header(message) : NULL;
}

struct nlmsghdr *message_new(void *buffer, uint16_t type)
{
        struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

        message->nlmsg_type = full_type(type);
        message->nlmsg_flags = NLM_F_REQUEST;
        return put_header(message);
}

struct search {
        uint16_t type;
        const struct nlattr *found;
};

static int search_attribute(const struct nlattr *attribute, void *data)
{
        struct search *search = data;

        if (mnl_attr_get_type(attribute) == search->type)
                search->found = attribute;
        return MNL_CB_OK;
}

const struct nlattr *message_attribute(const struct nlmsghdr *message, uint16_t type)
{
        struct search search = {.type = type};

        mnl_attr_parse(message, sizeof(struct nfgenmsg), search_attribute, &search);
        return search.found;
}

const struct nlattr *message_nested(const struct nlattr *nest, uint16_t type)
{
        struct search search = {.type = type};

        mnl_attr_parse_nested(nest, search_attribute, &search);
        return search.found;
}

const char *message_text(const struct nlmsghdr *message, uint16_t type)
{
        const struct nlattr *attribute = message_attribute(message, type);

        return attribute && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0 ? mnl_attr_get_str(attribute) : "";
}

uint32_t message_generation(const struct nlmsghdr *message)
{
        const struct nlattr *attribute = message_attribute(message, NFTA_GEN_ID);

        return attribute && mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0 ? ntohl(mnl_attr_get_u32(attribute)) : 0;
}
