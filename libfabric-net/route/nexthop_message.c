/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "netlink/netlink.h"
#include "route/nexthop.h"

#include <errno.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

static uint16_t family_of(const fbn_nexthop *nexthop)
{
        if (nexthop->n_members)
                return AF_UNSPEC;
        return nexthop->gateway.family ? nexthop->gateway.family : nexthop->family ? nexthop->family : AF_INET;
}

static void put_members(struct nlmsghdr *message, const fbn_nexthop *nexthop)
{
        struct nexthop_grp members[FBN_ROUTE_HOPS] = {0};

        for (size_t i = 0; i < nexthop->n_members; i++) {
                members[i].id = nexthop->members[i].id;
                members[i].weight = (uint8_t)(nexthop->members[i].weight ? nexthop->members[i].weight - 1 : 0);
        }
        mnl_attr_put(message, NHA_GROUP, nexthop->n_members * sizeof(*members), members);
}

void nexthop_put(struct nlmsghdr *message, const fbn_nexthop *nexthop, uint32_t device)
{
        struct nhmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

        header->nh_family = (uint8_t)family_of(nexthop);
        header->nh_protocol = nexthop->protocol ? nexthop->protocol : FBN_PROTOCOL;
        header->nh_flags = nexthop->onlink ? RTNH_F_ONLINK : 0;
        mnl_attr_put_u32(message, NHA_ID, nexthop->id);
        if (nexthop->n_members)
                put_members(message, nexthop);
        if (nexthop->blackhole)
                mnl_attr_put(message, NHA_BLACKHOLE, 0, NULL);
        if (device)
                mnl_attr_put_u32(message, NHA_OIF, device);
        route_put_address(message, NHA_GATEWAY, &nexthop->gateway);
}

void nexthop_put_deletion(struct nlmsghdr *message, uint32_t id)
{
        mnl_nlmsg_put_extra_header(message, sizeof(struct nhmsg));
        mnl_attr_put_u32(message, NHA_ID, id);
}

static void read_members(const struct nlattr *attribute, struct nexthop_parts *parts)
{
        size_t count = mnl_attr_get_payload_len(attribute) / sizeof(struct nexthop_grp);
        const char *bytes = mnl_attr_get_payload(attribute);

        parts->odd = parts->odd || count > FBN_ROUTE_HOPS;
        parts->nexthop.n_members = MIN(count, (size_t)FBN_ROUTE_HOPS);
        parts->nexthop.members = parts->members;
        for (size_t i = 0; i < parts->nexthop.n_members; i++) {
                struct nexthop_grp member;

                memcpy(&member, bytes + i * sizeof(member), sizeof(member));
                parts->members[i] = (fbn_nexthop_member){sizeof(fbn_nexthop_member), member.id, (uint16_t)(member.weight + 1)};
        }
}

bool nexthop_parse(const struct nlmsghdr *message, const struct devices *devices, struct nexthop_parts *ret_parts)
{
        const struct nlattr *table[NHA_MAX + 1];
        const struct nhmsg *header = mnl_nlmsg_get_payload(message);
        fbn_nexthop *nexthop = &ret_parts->nexthop;
        uint32_t device;

        if (message->nlmsg_type != RTM_NEWNEXTHOP || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return false;
        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        device = netlink_u32(table[NHA_OIF]);
        *nexthop = (fbn_nexthop){.size = sizeof(*nexthop), .id = netlink_u32(table[NHA_ID]), .family = header->nh_family, .protocol = header->nh_protocol};
        nexthop->onlink = header->nh_flags & RTNH_F_ONLINK;
        nexthop->blackhole = table[NHA_BLACKHOLE];
        nexthop->device = devices_name(devices, device);
        route_parse_address(table[NHA_GATEWAY], header->nh_family, &nexthop->gateway);
        ret_parts->odd = table[NHA_ENCAP] || table[NHA_FDB] || table[NHA_RES_GROUP] || (device && !nexthop->device && !nexthop->blackhole);
        if (table[NHA_GROUP])
                read_members(table[NHA_GROUP], ret_parts);
        if (nexthop->blackhole) /* the kernel hangs it on the loopback link */
                nexthop->device = NULL;
        return true;
}

struct reading {
        const struct devices *devices;
        fbn_nexthops *nexthops;
};

static int read_nexthop(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        const struct reading *reading = data;
        struct nexthop_parts parts;

        return nexthop_parse(message, reading->devices, &parts) ? nexthops_append(c, reading->nexthops, &parts) : 0;
}

static void restart(void *data)
{
        nexthops_clear(((struct reading *)data)->nexthops);
}

static int dump(fbn_context *c, struct reading *reading)
{
        _Alignas(8) char bytes[64];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
        struct netlink *netlink;
        int r;

        mnl_nlmsg_put_extra_header(message, sizeof(struct nhmsg));
        message->nlmsg_type = RTM_GETNEXTHOP;
        r = netlink_get(c, NETLINK_ROUTE, &netlink);
        if (r == 0)
                r = netlink_dump(c, netlink, message, read_nexthop, restart, reading);
        if (r == -FBN_EUNSUPPORTED)
                return fail(c, FBN_EUNSUPPORTED, "this kernel has no nexthop objects; Linux 5.3 and later have");
        return r;
}

int fbn_nexthop_list(fbn_context *c, fbn_nexthops **ret_nexthops)
{
        _cleanup_(fbn_nexthops_unrefp) fbn_nexthops *nexthops = NULL;
        _cleanup_(devices_free) struct devices devices = {0};
        int r;

        r = fbn_nexthops_new(c, &nexthops);
        if (r == 0)
                r = devices_read(c, &devices);
        if (r == 0)
                r = dump(c, &(struct reading){&devices, nexthops});
        if (r == 0)
                *ret_nexthops = TAKE_PTR(nexthops);
        return r;
}

static int send_one(fbn_context *c, struct nlmsghdr *message, uint16_t type, uint16_t flags)
{
        struct netlink *netlink;
        int r = netlink_get(c, NETLINK_ROUTE, &netlink);

        message->nlmsg_type = type;
        message->nlmsg_flags = flags;
        return r < 0 ? r : netlink_request(c, netlink, message, NULL, NULL);
}

static int add(fbn_context *c, const fbn_nexthop *nexthop)
{
        _cleanup_(devices_free) struct devices devices = {0};
        _Alignas(8) char bytes[NETLINK_MESSAGE];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
        uint32_t device;
        int r;

        r = devices_read(c, &devices);
        if (r == 0)
                r = devices_index(c, &devices, nexthop->device, &device);
        if (r < 0)
                return r;
        nexthop_put(message, nexthop, device);
        return send_one(c, message, RTM_NEWNEXTHOP, NLM_F_CREATE | NLM_F_EXCL);
}

int fbn_nexthop_add(fbn_context *c, const fbn_nexthop *nexthop)
{
        struct nexthop_parts parts;
        int r = nexthop_take(c, nexthop, &parts);

        return r < 0 ? r : fail_in(c, add(c, &parts.nexthop), "nexthop %u", parts.nexthop.id);
}

int fbn_nexthop_delete(fbn_context *c, uint32_t id)
{
        _Alignas(8) char bytes[64];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);

        if (!id)
                return fail(c, FBN_EINVAL, "a nexthop has an id");
        nexthop_put_deletion(message, id);
        return fail_in(c, send_one(c, message, RTM_DELNEXTHOP, 0), "nexthop %u", id);
}
