/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "netlink/netlink.h"
#include "route/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>

struct request {
        _Alignas(8) char bytes[512];
};

static struct nlmsghdr *begin(struct request *request, uint16_t type, uint16_t flags)
{
        struct nlmsghdr *message = mnl_nlmsg_put_header(request->bytes);

        message->nlmsg_type = type;
        message->nlmsg_flags = flags;
        return message;
}

static int send_message(fbn_context *c, struct nlmsghdr *message, netlink_callback callback, void *data)
{
        struct netlink *netlink;
        int r = netlink_get(c, NETLINK_ROUTE, &netlink);

        return r < 0 ? r : netlink_request(c, netlink, message, callback, data);
}

static int add(fbn_context *c, const fbn_route *route)
{
        _cleanup_(devices_free) struct devices devices = {0};
        struct request request;
        struct nlmsghdr *message = begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
        uint32_t device;
        int r;

        r = devices_read(c, &devices);
        if (r == 0)
                r = devices_index(c, &devices, route->device, &device);
        if (r < 0)
                return r;
        route_put(message, route, device);
        return send_message(c, message, NULL, NULL);
}

int fbn_route_add(fbn_context *c, const fbn_route *route)
{
        char text[ROUTE_TEXT];
        fbn_route mine;
        int r;

        r = OPTIONS_READ(c, fbn_route, route, &mine);
        if (r == 0)
                r = route_check(c, &mine);
        return r < 0 ? r : fail_in(c, add(c, &mine), "%s", route_name(&mine, text));
}

static bool is_meant(const struct route_entry *entry, void *data)
{
        const fbn_route *have = &entry->route, *given = data;

        return prefix_equal(&have->destination, &given->destination) && have->table == route_table(given) &&
               (!given->gateway.family || address_compare(&have->gateway, &given->gateway) == 0) &&
               (!given->device || (have->device && streq(have->device, given->device))) &&
               (!given->source.family || address_compare(&have->source, &given->source) == 0) &&
               (!given->metric || have->metric == given->metric) && (!given->mtu || have->mtu == given->mtu) &&
               (!given->advmss || have->advmss == given->advmss) && (!given->type || have->type == given->type) &&
               (!given->protocol || have->protocol == given->protocol) && (!given->onlink || have->onlink);
}

static int delete(fbn_context *c, fbn_route *route)
{
        const fbn_route_filter filter = {sizeof(filter), route->destination.address.family, route_table(route), route->protocol, NULL};
        _cleanup_(fbn_routes_unrefp) fbn_routes *found = NULL;
        _cleanup_(devices_free) struct devices devices = {0};
        struct request request;
        struct nlmsghdr *message = begin(&request, RTM_DELROUTE, 0);
        int r;

        r = fbn_routes_new(c, &found);
        if (r == 0)
                r = devices_read(c, &devices);
        if (r == 0)
                r = routes_read(c, &devices, &filter, &(struct routes_visitor){.accept = is_meant, .data = route}, found);
        if (r < 0)
                return r;
        if (fbn_routes_count(found) == 0)
                return fail(c, FBN_ENOENT, "no such route");
        route_put_deletion(message, routes_entry(found, 0));
        return send_message(c, message, NULL, NULL);
}

int fbn_route_delete(fbn_context *c, const fbn_route *route)
{
        char text[ROUTE_TEXT];
        fbn_route mine;
        int r;

        r = OPTIONS_READ(c, fbn_route, route, &mine);
        if (r == 0 && !family_bits(mine.destination.address.family))
                r = fail(c, FBN_EINVAL, "a route needs a destination, IPv4 or IPv6");
        return r < 0 ? r : fail_in(c, delete(c, &mine), "%s", route_name(&mine, text));
}

struct answer {
        const struct devices *devices;
        fbn_routes *routes;
};

static int read_answer(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        const struct answer *answer = data;
        struct route_entry entry;

        return route_parse(message, answer->devices, &entry) ? routes_append(c, answer->routes, &entry) : 0;
}

static int ask(fbn_context *c, const fbn_address *destination, struct answer *answer)
{
        struct request request;
        struct nlmsghdr *message = begin(&request, RTM_GETROUTE, 0);
        struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

        header->rtm_family = (uint8_t)destination->family;
        header->rtm_dst_len = (uint8_t)family_bits(destination->family);
        if (destination->family == AF_INET) /* IPv6 tells the table unasked, and refuses the flag */
                header->rtm_flags = RTM_F_LOOKUP_TABLE;
        mnl_attr_put(message, RTA_DST, family_bytes(destination->family), destination->bytes);
        return send_message(c, message, read_answer, answer);
}

/* A route that refuses packets answers with its errno. Source: net/ipv4/fib_semantics.c, fib_props[]. */
static int no_route(fbn_context *c, int r)
{
        switch (c->error.os_errno) {
        case ENETUNREACH:
                return fail(c, FBN_ENOENT, "no route");
        case EHOSTUNREACH:
                return fail(c, FBN_ENOENT, "a route makes it unreachable");
        case EACCES:
                return fail(c, FBN_ENOENT, "a route prohibits it");
        case EINVAL:
                return fail(c, FBN_ENOENT, "a blackhole route takes it");
        default:
                return r;
        }
}

int fbn_route_get(fbn_context *c, const fbn_address *destination, fbn_routes **ret_routes)
{
        _cleanup_(fbn_routes_unrefp) fbn_routes *routes = NULL;
        _cleanup_(devices_free) struct devices devices = {0};
        char text[FBN_ADDRESS_TEXT];
        int r;

        if (!family_bits(destination->family))
                return fail(c, FBN_EINVAL, "a destination is an IPv4 or IPv6 address");
        r = fbn_routes_new(c, &routes);
        if (r == 0)
                r = devices_read(c, &devices);
        if (r < 0)
                return r;
        routes_keep(routes, devices.links);
        r = ask(c, destination, &(struct answer){&devices, routes});
        if (r < 0)
                r = no_route(c, r);
        else if (fbn_routes_count(routes) == 0)
                r = fail(c, FBN_EPROTOCOL, "the kernel's answer holds no route");
        if (r < 0)
                return fail_in(c, r, "%s", fbn_address_format(destination, text, sizeof(text)));
        *ret_routes = TAKE_PTR(routes);
        return 0;
}
