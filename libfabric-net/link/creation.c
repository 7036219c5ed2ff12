/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/link.h"
#include "netlink/netlink.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

int link_check_new(fbn_context *c, const fbn_link *link)
{
        bool vlan;
        int r = link_check_settings(c, link);

        if (r < 0)
                return r;
        if (!link->kind || !*link->kind || strlen(link->kind) > 32)
                return fail(c, FBN_EINVAL, "a kind is needed to make it: wireguard, veth, bridge, vlan, dummy, tun");
        vlan = streq(link->kind, "vlan");
        if (vlan && (!link->parent || link->vlan < 1 || link->vlan > 4094))
                return fail(c, FBN_EINVAL, "a VLAN needs a parent and a tag from 1 to 4094");
        if (!vlan && (link->parent || link->vlan))
                return fail(c, FBN_EINVAL, "parent and tag are for VLANs, not for a link of kind '%s'", link->kind);
        if (link->peer && !streq(link->kind, "veth"))
                return fail(c, FBN_EINVAL, "a peer is for veth, not for a link of kind '%s'", link->kind);
        return link->peer ? link_check_name(c, link->peer) : 0;
}

static void put_peer(struct nlmsghdr *message, const fbn_link *link)
{
        struct nlattr *peer = mnl_attr_nest_start(message, VETH_INFO_PEER);

        mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
        mnl_attr_put_strz(message, IFLA_IFNAME, link->peer);
        if (link->mtu)
                mnl_attr_put_u32(message, IFLA_MTU, link->mtu);
        mnl_attr_nest_end(message, peer);
}

static void put_kind(struct nlmsghdr *message, const fbn_link *link)
{
        struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO);
        struct nlattr *data;

        mnl_attr_put_strz(message, IFLA_INFO_KIND, link->kind);
        if (link->peer || link->vlan) {
                data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
                if (link->vlan)
                        mnl_attr_put_u16(message, IFLA_VLAN_ID, link->vlan);
                if (link->peer)
                        put_peer(message, link);
                mnl_attr_nest_end(message, data);
        }
        mnl_attr_nest_end(message, info);
}

static int create(fbn_context *c, const fbn_link *link)
{
        struct link_request request;
        struct ifinfomsg *info;
        struct nlmsghdr *message = link_request_begin(&request, RTM_NEWLINK, &info);
        uint32_t parent;
        int r = 0;

        message->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
        mnl_attr_put_strz(message, IFLA_IFNAME, link->name);
        if (link->mtu)
                mnl_attr_put_u32(message, IFLA_MTU, link->mtu);
        if (link->parent) {
                r = link_index(c, link->parent, &parent);
                if (r < 0)
                        return r;
                mnl_attr_put_u32(message, IFLA_LINK, parent);
        }
        put_kind(message, link);
        r = link_send(c, message);
        if (r == -FBN_EUNSUPPORTED)
                return fail(c, FBN_EUNSUPPORTED, "this kernel has no '%s' links", link->kind);
        return r;
}

/* What a new link does not take on its way into being (alias, and state only once it carries the alias) is set right after; a link
 * that does not take it is removed again. */
static int create_and_set(fbn_context *c, const fbn_link *link)
{
        fbn_link settings = *link;
        struct undoing undoing;
        bool tun = streq(link->kind, "tun");
        int r;

        r = tun ? tun_create(c, link->name) : create(c, link);
        settings.mtu = tun ? link->mtu : 0;
        if (r < 0 || (!settings.mtu && !link->alias && !link->master && link->state == FBN_LINK_ANY))
                return r;
        r = link_set(c, &settings);
        if (r < 0) {
                undoing = undo_begin(c);
                fbn_link_delete(c, link->name);
                undo_end(c, &undoing);
        }
        return r;
}

int fbn_link_create(fbn_context *c, const fbn_link *link)
{
        fbn_link mine;
        int r;

        r = OPTIONS_READ(c, fbn_link, link, &mine);
        if (r == 0)
                r = link_check_new(c, &mine);
        if (r == 0)
                r = create_and_set(c, &mine);
        return fail_in(c, r, "%s", mine.name ? mine.name : "link");
}
