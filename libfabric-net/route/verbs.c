/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "netlink/netlink.h"
#include "route/route.h"

#include <linux/rtnetlink.h>

static int send_message(fbn_context *c, uint16_t type, uint16_t flags, void (*put)(struct nlmsghdr *, const struct route_entry *),
                        const struct route_entry *entry)
{
        _Alignas(8) char bytes[NETLINK_MESSAGE];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
        struct netlink *netlink;
        int r = netlink_get(c, NETLINK_ROUTE, &netlink);

        if (r < 0)
                return r;
        message->nlmsg_type = type;
        message->nlmsg_flags = flags;
        put(message, entry);
        return netlink_request(c, netlink, message, NULL, NULL);
}

static int make(fbn_context *c, struct route_entry *entry, uint16_t flags)
{
        _cleanup_(devices_free) struct devices devices = {0};
        int r;

        r = devices_read(c, &devices);
        if (r == 0)
                r = route_resolve(c, &devices, entry);
        return r < 0 ? r : send_message(c, RTM_NEWROUTE, NLM_F_CREATE | flags, route_put, entry);
}

static int take_and_make(fbn_context *c, const fbn_route *route, uint16_t flags)
{
        struct route_parts parts;
        char text[ROUTE_TEXT];
        int r = route_take(c, route, &parts);

        return r < 0 ? r : fail_in(c, make(c, &parts.entry, flags), "%s", route_name(&parts.entry.route, text));
}

int fbn_route_add(fbn_context *c, const fbn_route *route)
{
        return take_and_make(c, route, NLM_F_EXCL);
}

int fbn_route_replace(fbn_context *c, const fbn_route *route)
{
        return take_and_make(c, route, NLM_F_REPLACE);
}

int fbn_route_append(fbn_context *c, const fbn_route *route)
{
        return take_and_make(c, route, NLM_F_APPEND);
}

static bool has_way(const fbn_route *have, const fbn_route *given)
{
        return (!given->gateway.family || address_compare(&have->gateway, &given->gateway) == 0) &&
               (!given->device || (have->device && streq(have->device, given->device))) && (!given->onlink || have->onlink) &&
               (!given->nexthop || have->nexthop == given->nexthop);
}

static bool is_meant(const struct route_entry *entry, bool same, void *data)
{
        const struct route_entry *want = data;
        const fbn_route *have = &entry->route, *given = &want->route;

        (void)same;
        return prefix_equal(&have->destination, &given->destination) && entry->table == want->table && has_way(have, given) &&
               (!given->source.family || address_compare(&have->source, &given->source) == 0) &&
               (!given->metric || have->metric == given->metric) && (!given->mtu || have->mtu == given->mtu) &&
               (!given->advmss || have->advmss == given->advmss) && (!given->type || have->type == given->type) &&
               (!given->protocol || have->protocol == given->protocol) && (!given->tos || have->tos == given->tos) &&
               (!given->scope || have->scope == given->scope) && (!given->n_hops || route_fits_hops(have, given));
}

static int delete(fbn_context *c, struct route_entry *entry)
{
        const fbn_route_filter filter = {sizeof(filter), entry->route.destination.address.family, entry->table, entry->route.protocol, NULL};
        _cleanup_(fbn_routes_unrefp) fbn_routes *found = NULL;
        _cleanup_(devices_free) struct devices devices = {0};
        struct route_entry first;
        int r;

        r = fbn_routes_new(c, &found);
        if (r == 0)
                r = devices_read(c, &devices);
        if (r == 0)
                r = routes_read(c, &devices, &filter, &(struct routes_visitor){.accept = is_meant, .data = entry}, found);
        if (r < 0)
                return r;
        if (fbn_routes_count(found) == 0)
                return fail(c, FBN_ENOENT, "no such route");
        routes_unpack(found, 0, &first);
        return send_message(c, RTM_DELROUTE, 0, route_put_deletion, &first);
}

int fbn_route_delete(fbn_context *c, const fbn_route *route)
{
        struct route_parts parts;
        char text[ROUTE_TEXT];
        int r = route_take_match(c, route, &parts);

        return r < 0 ? r : fail_in(c, delete(c, &parts.entry), "%s", route_name(&parts.entry.route, text));
}
