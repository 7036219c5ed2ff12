/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netlink/netlink.h"
#include "route/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>

struct reading {
        const struct devices *devices;
        const fbn_route_filter *filter;
        uint32_t device;
        uint16_t family;
        size_t before; /* routes of an earlier dump, which stay if this one is repeated */
        const struct routes_visitor *visitor;
        fbn_routes *routes;
};

/* All is compared again: old kernels do not filter, and without IPv6 the kernel answers with IPv4. */
static bool matches(const struct reading *reading, const struct route_entry *entry)
{
        const fbn_route_filter *filter = reading->filter;

        return entry->route.destination.address.family == reading->family && (!filter->table || entry->route.table == filter->table) &&
               (!filter->protocol || entry->route.protocol == filter->protocol) && (!reading->device || entry->device == reading->device);
}

static int read_route(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        const struct rtmsg *header = mnl_nlmsg_get_payload(message);
        const struct reading *reading = data;
        struct route_entry entry;

        if (!route_parse(message, reading->devices, &entry) || header->rtm_flags & RTM_F_CLONED || !matches(reading, &entry))
                return 0;
        if (reading->visitor && !reading->visitor->accept(&entry, reading->visitor->data))
                return 0;
        return routes_append(c, reading->routes, &entry);
}

static void restart(void *data)
{
        struct reading *reading = data;
        const struct routes_visitor *visitor = reading->visitor;

        routes_cut(reading->routes, reading->before);
        if (visitor && visitor->again)
                visitor->again(reading->family, visitor->data);
}

static int dump(fbn_context *c, struct reading *reading)
{
        _Alignas(8) char bytes[128];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
        struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
        struct error_record before = c->error;
        struct netlink *netlink;
        int r;

        r = netlink_get(c, NETLINK_ROUTE, &netlink);
        if (r < 0)
                return r;
        message->nlmsg_type = RTM_GETROUTE;
        header->rtm_family = (uint8_t)reading->family;
        if (netlink->strict) {
                header->rtm_protocol = reading->filter->protocol;
                if (reading->filter->table)
                        mnl_attr_put_u32(message, RTA_TABLE, reading->filter->table);
                if (reading->device)
                        mnl_attr_put_u32(message, RTA_OIF, reading->device);
        }
        r = netlink_dump(c, netlink, message, read_route, restart, reading);
        if (r == -FBN_ENOENT && c->error.os_errno == ENOENT) { /* a table that was never used does not exist: no routes */
                c->error = before;
                return 0;
        }
        return r;
}

int routes_read(fbn_context *c, const struct devices *devices, const fbn_route_filter *filter, const struct routes_visitor *visitor,
                fbn_routes *routes)
{
        static const uint16_t families[] = {AF_INET, AF_INET6};
        struct reading reading = {.devices = devices, .filter = filter, .visitor = visitor, .routes = routes};
        int r;

        r = devices_index(c, devices, filter->device, &reading.device);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++) {
                if (filter->family && filter->family != families[i])
                        continue;
                reading.family = families[i];
                reading.before = fbn_routes_count(routes);
                r = dump(c, &reading);
        }
        return r;
}

static bool not_local(const struct route_entry *entry, void *data)
{
        (void)data;
        return entry->route.table != RT_TABLE_LOCAL;
}

int fbn_route_list(fbn_context *c, const fbn_route_filter *filter, fbn_routes **ret_routes)
{
        _cleanup_(fbn_routes_unrefp) fbn_routes *routes = NULL;
        _cleanup_(devices_free) struct devices devices = {0};
        fbn_route_filter mine;
        int r;

        r = OPTIONS_READ(c, fbn_route_filter, filter, &mine);
        if (r == 0 && mine.family && mine.family != AF_INET && mine.family != AF_INET6)
                r = fail(c, FBN_EINVAL, "family %u: routes are AF_INET or AF_INET6", mine.family);
        if (r == 0)
                r = fbn_routes_new(c, &routes);
        if (r == 0)
                r = devices_read(c, &devices);
        if (r < 0)
                return r;
        routes_keep(routes, devices.links);
        r = routes_read(c, &devices, &mine, mine.table ? NULL : &(struct routes_visitor){.accept = not_local}, routes);
        if (r < 0)
                return r;
        *ret_routes = TAKE_PTR(routes);
        return 0;
}
