/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "netlink/netlink.h"
#include "route/route.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>

int route_query_take(fbn_context *c, const fbn_route_query *given, fbn_route_query *ret_query)
{
        fbn_route_query query;
        int r = OPTIONS_READ(c, fbn_route_query, given, &query);

        if (r < 0)
                return r;
        if (!family_bits(query.destination.family))
                return fail(c, FBN_EINVAL, "a destination is an IPv4 or IPv6 address");
        if (query.source.family && query.source.family != query.destination.family)
                return fail(c, FBN_EINVAL, "the source address is of another family");
        if (query.in_device && !query.source.family)
                return fail(c, FBN_EINVAL, "a packet that comes in by '%s' has a source: say which", query.in_device);
        if ((query.source_port || query.destination_port) && !query.ip_protocol)
                return fail(c, FBN_EINVAL, "ports are of a protocol: ip_protocol says which");
        *ret_query = query;
        return 0;
}

static void put_number(struct nlmsghdr *message, uint16_t attribute, uint32_t number)
{
        if (number)
                mnl_attr_put_u32(message, attribute, number);
}

static void put_port(struct nlmsghdr *message, uint16_t attribute, uint16_t port)
{
        if (port)
                mnl_attr_put_u16(message, attribute, htons(port));
}

static int put_query(fbn_context *c, struct nlmsghdr *message, const fbn_route_query *query, const struct devices *devices)
{
        struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
        uint32_t in = 0, out = 0;
        int r;

        r = devices_index(c, devices, query->in_device, &in);
        if (r == 0)
                r = devices_index(c, devices, query->out_device, &out);
        if (r < 0)
                return r;
        message->nlmsg_type = RTM_GETROUTE;
        header->rtm_family = (uint8_t)query->destination.family;
        header->rtm_dst_len = (uint8_t)family_bits(query->destination.family);
        header->rtm_src_len = (uint8_t)family_bits(query->source.family);
        header->rtm_tos = query->tos;
        route_put_address(message, RTA_DST, &query->destination);
        route_put_address(message, RTA_SRC, &query->source);
        put_number(message, RTA_IIF, in);
        put_number(message, RTA_OIF, out);
        put_number(message, RTA_MARK, query->mark);
        put_number(message, RTA_UID, query->uid);
        if (query->ip_protocol)
                mnl_attr_put_u8(message, RTA_IP_PROTO, query->ip_protocol);
        put_port(message, RTA_SPORT, query->source_port);
        put_port(message, RTA_DPORT, query->destination_port);
        return 0;
}

struct answer {
        const struct devices *devices;
        fbn_routes *routes;
        bool way; /* not the route that was matched */
};

static int read_answer(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        const struct answer *answer = data;
        struct route_parts parts;

        if (!route_parse(message, answer->devices, &parts))
                return 0;
        if (!answer->way && ((const struct rtmsg *)mnl_nlmsg_get_payload(message))->rtm_flags & RTM_F_CLONED)
                return 0; /* a kernel that does not tell the match */
        return routes_append(c, answer->routes, &parts.entry);
}

static int ask(fbn_context *c, const fbn_route_query *query, struct answer *answer)
{
        _Alignas(8) char bytes[512];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
        struct rtmsg *header;
        struct netlink *netlink;
        int r = put_query(c, message, query, answer->devices);

        if (r == 0)
                r = netlink_get(c, NETLINK_ROUTE, &netlink);
        if (r < 0)
                return r;
        header = mnl_nlmsg_get_payload(message);
        if (query->destination.family == AF_INET) /* IPv6 tells the table unasked, and refuses the flag */
                header->rtm_flags = RTM_F_LOOKUP_TABLE;
        if (!answer->way)
                header->rtm_flags |= RTM_F_FIB_MATCH;
        return netlink_request(c, netlink, message, read_answer, answer);
}

static int ask_both(fbn_context *c, const fbn_route_query *query, const struct devices *devices, fbn_routes *routes)
{
        struct answer answer = {devices, routes, true};
        struct error_record before = c->error;
        int r = ask(c, query, &answer);

        if (r < 0)
                return r;
        if (fbn_routes_count(routes) == 0)
                return fail(c, FBN_EPROTOCOL, "the kernel's answer holds no route");
        answer.way = false;
        if (ask(c, query, &answer) < 0)
                c->error = before; /* it is told where it can be */
        return 0;
}

int fbn_route_get(fbn_context *c, const fbn_route_query *query, fbn_routes **ret_routes)
{
        _cleanup_(fbn_routes_unrefp) fbn_routes *routes = NULL;
        _cleanup_(devices_free) struct devices devices = {0};
        char text[FBN_ADDRESS_TEXT];
        fbn_route_query mine;
        int r;

        r = route_query_take(c, query, &mine);
        if (r == 0)
                r = fbn_routes_new(c, &routes);
        if (r == 0)
                r = devices_read(c, &devices);
        if (r < 0)
                return r;
        r = ask_both(c, &mine, &devices, routes);
        if (r < 0 && c->error.os_errno)
                r = route_explain(c, &mine, r);
        if (r < 0)
                return fail_in(c, r, "%s", fbn_address_format(&mine.destination, text, sizeof(text)));
        *ret_routes = TAKE_PTR(routes);
        return 0;
}
