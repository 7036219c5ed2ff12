/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/kind.h"
#include "link/link.h"
#include "netlink/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

/* Where a kernel built with modules has them; for others the name of the option is close enough to be found. */
static const struct {
        const char *kind, *module;
} modules[] = {
        {"wireguard", "wireguard"}, {"veth", "veth"}, {"bridge", "bridge"},   {"vlan", "8021q"},      {"dummy", "dummy"},     {"vrf", "vrf"},
        {"tun", "tun"},             {"tap", "tun"},   {"macvlan", "macvlan"}, {"ipvlan", "ipvlan"},   {"vxlan", "vxlan"},     {"bond", "bonding"},
        {"gre", "ip_gre"},          {"ifb", "ifb"},   {"sit", "sit"},         {"ipip", "ipip"},       {"geneve", "geneve"},   {"team", "team"},
};

int kind_missing(fbn_context *c, const char *kind)
{
        for (size_t i = 0; i < ARRAY_SIZE(modules); i++)
                if (streq(modules[i].kind, kind))
                        return fail(c, FBN_EUNSUPPORTED, "this kernel has no link kind '%s': modprobe %s", kind, modules[i].module);
        return fail(c, FBN_EUNSUPPORTED, "this kernel has no link kind '%s'", kind);
}

/* The kernel answers the same to a kind that it has not and to a setting of bridges that it was built without, but for its text.
 * Source: net/core/rtnetlink.c, rtnl_newlink_create(); net/bridge/br_private.h. */
int kind_refused(fbn_context *c, int r, const fbn_link *link)
{
        if (r != -FBN_EUNSUPPORTED || c->error.os_errno != EOPNOTSUPP)
                return r;
        if (link->vlan_filtering && !strstr(c->error.what, "Unknown device type"))
                return fail(c, FBN_EUNSUPPORTED, "this kernel's bridges do not filter VLANs: it was built without CONFIG_BRIDGE_VLAN_FILTERING");
        return link->kind ? kind_missing(c, link->kind) : r;
}

static int check_vlan(fbn_context *c, const fbn_link *link)
{
        if (!link->parent || link->vlan < 1 || link->vlan > 4094)
                return fail(c, FBN_EINVAL, "a VLAN needs a parent and a tag from 1 to 4094");
        if (link->vlan_protocol && link->vlan_protocol != ETH_P_8021Q && link->vlan_protocol != ETH_P_8021AD)
                return fail(c, FBN_EINVAL, "0x%x is no protocol of VLAN tags: 0x8100 (802.1Q) or 0x88a8 (802.1ad)", link->vlan_protocol);
        return 0;
}

int kind_check(fbn_context *c, const fbn_link *link)
{
        bool vlan;

        if (!link->kind || !*link->kind || strlen(link->kind) > 32)
                return fail(c, FBN_EINVAL, "a kind is needed to make it: wireguard, veth, bridge, vlan, dummy, vrf, tun, tap");
        vlan = streq(link->kind, "vlan");
        if (!vlan && (link->parent || link->vlan || link->vlan_protocol))
                return fail(c, FBN_EINVAL, "parent, tag and its protocol are for VLANs, not for a link of kind '%s'", link->kind);
        if (link->peer && !streq(link->kind, "veth"))
                return fail(c, FBN_EINVAL, "a peer is for veth, not for a link of kind '%s'", link->kind);
        if (streq(link->kind, "vrf") != (link->table != 0))
                return fail(c, FBN_EINVAL, link->table ? "a table is for a VRF, not for a link of kind '%s'" : "a link of kind '%s' needs a table",
                            link->kind);
        if (kind_sets_bridge(link) && !streq(link->kind, "bridge"))
                return fail(c, FBN_EINVAL, "vlan_filtering and stp are for bridges, not for a link of kind '%s'", link->kind);
        if (vlan)
                return check_vlan(c, link);
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

static void put_data(struct nlmsghdr *message, const fbn_link *link)
{
        if (link->vlan)
                mnl_attr_put_u16(message, IFLA_VLAN_ID, link->vlan);
        if (link->vlan_protocol)
                mnl_attr_put_u16(message, IFLA_VLAN_PROTOCOL, htons(link->vlan_protocol));
        if (link->peer)
                put_peer(message, link);
        if (link->table)
                mnl_attr_put_u32(message, IFLA_VRF_TABLE, link->table);
        if (link->vlan_filtering)
                mnl_attr_put_u8(message, IFLA_BR_VLAN_FILTERING, link->vlan_filtering == FBN_LINK_ON);
        if (link->stp)
                mnl_attr_put_u32(message, IFLA_BR_STP_STATE, link->stp == FBN_LINK_ON);
}

void kind_put(struct nlmsghdr *message, const fbn_link *link)
{
        struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO);
        struct nlattr *data;

        mnl_attr_put_strz(message, IFLA_INFO_KIND, link->kind ? link->kind : "bridge");
        if (link->peer || link->vlan || link->table || kind_sets_bridge(link)) {
                data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
                put_data(message, link);
                mnl_attr_nest_end(message, data);
        }
        mnl_attr_nest_end(message, info);
}

static void read_vlan(const struct nlattr *data, fbn_link *link)
{
        const struct nlattr *vlan[IFLA_VLAN_PROTOCOL + 1];

        netlink_nested(data, vlan, ARRAY_SIZE(vlan));
        link->vlan = netlink_u16(vlan[IFLA_VLAN_ID]);
        link->vlan_protocol = ntohs(netlink_u16(vlan[IFLA_VLAN_PROTOCOL]));
}

static void read_vrf(const struct nlattr *data, fbn_link *link)
{
        const struct nlattr *vrf[IFLA_VRF_TABLE + 1];

        netlink_nested(data, vrf, ARRAY_SIZE(vrf));
        link->table = netlink_u32(vrf[IFLA_VRF_TABLE]);
}

static void read_bridge(const struct nlattr *data, fbn_link *link)
{
        const struct nlattr *bridge[IFLA_BR_VLAN_FILTERING + 1];

        netlink_nested(data, bridge, ARRAY_SIZE(bridge));
        if (bridge[IFLA_BR_VLAN_FILTERING])
                link->vlan_filtering = netlink_u8(bridge[IFLA_BR_VLAN_FILTERING]) ? FBN_LINK_ON : FBN_LINK_OFF;
        if (bridge[IFLA_BR_STP_STATE])
                link->stp = netlink_u32(bridge[IFLA_BR_STP_STATE]) ? FBN_LINK_ON : FBN_LINK_OFF;
}

/* The kernel has one kind for both. */
static void read_tun(const struct nlattr *data, fbn_link *link)
{
        const struct nlattr *tun[IFLA_TUN_TYPE + 1];

        netlink_nested(data, tun, ARRAY_SIZE(tun));
        if (netlink_u8(tun[IFLA_TUN_TYPE]) == IFF_TAP)
                link->kind = "tap";
}

void kind_read(const struct nlattr *info, fbn_link *ret_link)
{
        static const struct {
                const char *kind;
                void (*read)(const struct nlattr *data, fbn_link *link);
        } readers[] = {{"vlan", read_vlan}, {"vrf", read_vrf}, {"bridge", read_bridge}, {"tun", read_tun}};
        const struct nlattr *table[IFLA_INFO_SLAVE_DATA];

        netlink_nested(info, table, ARRAY_SIZE(table));
        ret_link->kind = netlink_string(table[IFLA_INFO_KIND]);
        for (size_t i = 0; ret_link->kind && i < ARRAY_SIZE(readers); i++)
                if (streq(readers[i].kind, ret_link->kind)) {
                        readers[i].read(table[IFLA_INFO_DATA], ret_link);
                        break;
                }
}
