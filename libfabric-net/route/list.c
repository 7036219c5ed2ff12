/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "netlink/netlink.h"
#include "route/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>

/* The route that was read last. A dump mostly repeats itself but for the destination: then only that is read anew. */
struct last {
        char bytes[256]; /* the message from its struct rtmsg on */
        size_t length;   /* 0: there is none */
        size_t address;  /* where the destination lies in it; 0: it is a default route */
        bool matches;
        struct route_parts parts;
};

struct reading {
        const struct devices *devices;
        const fbn_route_filter *filter;
        uint32_t device;
        uint16_t family;
        size_t before; /* routes of an earlier dump, which stay if this one is repeated */
        const struct routes_visitor *visitor;
        fbn_routes *routes;
        struct last last;
};

static bool goes_through(const struct route_entry *entry, uint32_t device)
{
        for (size_t i = 0; i < entry->route.n_hops; i++)
                if (entry->hop_devices[i] == device)
                        return true;
        return entry->device == device;
}

/* All is compared again: old kernels do not filter, and without IPv6 the kernel answers with IPv4. */
static bool matches(const struct reading *reading, const struct nlmsghdr *message)
{
        const struct rtmsg *header = mnl_nlmsg_get_payload(message);
        const struct route_entry *entry = &reading->last.parts.entry;
        const fbn_route_filter *filter = reading->filter;

        return entry->route.destination.address.family == reading->family && !(header->rtm_flags & RTM_F_CLONED) &&
               (!filter->table || entry->table == filter->table) && (!filter->protocol || entry->route.protocol == filter->protocol) &&
               (!reading->device || goes_through(entry, reading->device));
}

static bool is_like_last(const struct nlmsghdr *message, const struct last *last)
{
        const char *bytes = mnl_nlmsg_get_payload(message);
        size_t behind = last->address + family_bytes(last->parts.entry.route.destination.address.family);

        if (!last->length || mnl_nlmsg_get_payload_len(message) != last->length)
                return false;
        if (!last->address)
                return memcmp(bytes, last->bytes, last->length) == 0;
        return memcmp(bytes, last->bytes, last->address) == 0 && memcmp(bytes + behind, last->bytes + behind, last->length - behind) == 0;
}

static void remember(const struct nlmsghdr *message, struct last *last)
{
        const char *bytes = mnl_nlmsg_get_payload(message);
        const struct nlattr *attribute;

        last->length = mnl_nlmsg_get_payload_len(message);
        last->address = 0;
        if (last->length > sizeof(last->bytes)) {
                last->length = 0;
                return;
        }
        memcpy(last->bytes, bytes, last->length);
        for (attribute = mnl_nlmsg_get_payload_offset(message, sizeof(struct rtmsg)); mnl_attr_ok(attribute, (int)((const char *)mnl_nlmsg_get_payload_tail(message) - (const char *)attribute));
             attribute = mnl_attr_next(attribute)) {
                if (mnl_attr_get_type(attribute) != RTA_DST)
                        continue;
                last->address = (size_t)((const char *)mnl_attr_get_payload(attribute) - bytes);
                if (mnl_attr_get_payload_len(attribute) != family_bytes(last->parts.entry.route.destination.address.family))
                        last->length = 0;
        }
}

static int read_route(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        struct reading *reading = data;
        struct last *last = &reading->last;
        bool same = is_like_last(message, last);

        if (same && last->address) {
                fbn_address *destination = &last->parts.entry.route.destination.address;

                memcpy(destination->bytes, (const char *)mnl_nlmsg_get_payload(message) + last->address, family_bytes(destination->family));
        } else if (!same) {
                last->length = 0;
                if (!route_parse(message, reading->devices, &last->parts))
                        return 0;
                remember(message, last);
                last->matches = matches(reading, message);
        }
        if (!last->matches || (reading->visitor && !reading->visitor->accept(&last->parts.entry, same, reading->visitor->data)))
                return 0;
        return routes_append(c, reading->routes, &last->parts.entry);
}

static void restart(void *data)
{
        struct reading *reading = data;
        const struct routes_visitor *visitor = reading->visitor;

        reading->last.length = 0;
        routes_cut(reading->routes, reading->before);
        if (visitor && visitor->again)
                visitor->again(reading->family, visitor->data);
}

static int dump_once(fbn_context *c, struct netlink *netlink, struct reading *reading)
{
        _Alignas(8) char bytes[128];
        struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
        struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

        message->nlmsg_type = RTM_GETROUTE;
        header->rtm_family = (uint8_t)reading->family;
        if (netlink->strict) {
                header->rtm_protocol = reading->filter->protocol;
                if (reading->filter->table)
                        mnl_attr_put_u32(message, RTA_TABLE, reading->filter->table);
                if (reading->device)
                        mnl_attr_put_u32(message, RTA_OIF, reading->device);
        }
        return netlink_dump(c, netlink, message, read_route, restart, reading);
}

/* A kernel may know strict dumps and yet refuse a filter: then it is asked for everything, and all that is left out is left out here. */
static int dump(fbn_context *c, struct reading *reading)
{
        struct error_record before = c->error;
        struct netlink *netlink;
        int r;

        r = netlink_get(c, NETLINK_ROUTE, &netlink);
        if (r < 0)
                return r;
        r = dump_once(c, netlink, reading);
        if (r < 0 && netlink->strict && (c->error.os_errno == EINVAL || c->error.os_errno == EOPNOTSUPP)) {
                netlink_not_strict(netlink);
                restart(reading);
                r = dump_once(c, netlink, reading);
                if (r == 0)
                        c->error = before;
        }
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
                reading.last.length = 0;
                r = dump(c, &reading);
        }
        return r;
}

static bool not_local(const struct route_entry *entry, bool same, void *data)
{
        (void)same;
        (void)data;
        return entry->table != RT_TABLE_LOCAL;
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
        if (r == 0)
                r = routes_read(c, &devices, &mine, mine.table ? NULL : &(struct routes_visitor){.accept = not_local}, routes);
        if (r < 0)
                return r;
        *ret_routes = TAKE_PTR(routes);
        return 0;
}
