/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netlink/netlink.h"

#include <linux/genetlink.h>

static int family_number(const struct nlattr *attribute, void *data)
{
        if (mnl_attr_get_type(attribute) == CTRL_ATTR_FAMILY_ID && mnl_attr_validate(attribute, MNL_TYPE_U16) >= 0)
                *(uint16_t *)data = mnl_attr_get_u16(attribute);
        return MNL_CB_OK;
}

static int read_family(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        (void)c;
        mnl_attr_parse(message, sizeof(struct genlmsghdr), family_number, data);
        return 0;
}

int netlink_family(fbn_context *c, const char *name, uint16_t *ret_family)
{
        _Alignas(struct nlmsghdr) char bytes[256] = {0};
        struct nlmsghdr *request = mnl_nlmsg_put_header(bytes);
        struct genlmsghdr *header;
        struct netlink *netlink;
        uint16_t family = 0;
        int r;

        request->nlmsg_type = GENL_ID_CTRL;
        header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
        header->cmd = CTRL_CMD_GETFAMILY;
        header->version = 1;
        mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, name);
        r = netlink_get(c, NETLINK_GENERIC, &netlink);
        if (r < 0)
                return r;
        r = netlink_request(c, netlink, request, read_family, &family);
        if (r == -FBN_ENOENT || (r == 0 && family == 0))
                return fail(c, FBN_EUNSUPPORTED, "this kernel has no '%s' generic netlink family", name);
        if (r < 0)
                return r;
        *ret_family = family;
        return 0;
}
