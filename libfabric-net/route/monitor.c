/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "route/watch.h"

#include <linux/rtnetlink.h>
#include <net/if.h>

int route_monitor_settle(fbn_context *c, struct follow *follow)
{
        struct route_monitor *mine = (struct route_monitor *)follow;
        struct devices devices;
        int r = devices_read(c, &devices);

        if (r < 0)
                return r;
        devices_free(mine->kept ? &mine->devices : &mine->before);
        if (!mine->kept)
                mine->before = mine->devices;
        mine->kept = true;
        mine->devices = devices;
        mine->stale = false;
        return 0;
}

/* What takes IPv4 routes away without a word, and IPv6 routes too where net.ipv6.route.skip_notify_on_dev_down is set. */
static bool takes_routes(const struct nlmsghdr *message)
{
        const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);

        switch (message->nlmsg_type) {
        case RTM_NEWLINK:
                return mnl_nlmsg_get_payload_len(message) >= sizeof(*link) && !(link->ifi_flags & IFF_UP);
        case RTM_DELLINK:
        case RTM_DELADDR:
        case RTM_DELNEXTHOP:
                return true;
        default:
                return false;
        }
}

static int notice(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        struct route_monitor *mine = data;

        (void)c;
        if (message->nlmsg_type == RTM_NEWLINK || message->nlmsg_type == RTM_DELLINK)
                mine->stale = true;
        if (takes_routes(message))
                follow_dirty(&mine->follow, &route_mirror);
        return 0;
}

static int process(fbn_context *c, fbn_monitor *monitor)
{
        ((struct route_monitor *)monitor)->kept = false;
        return follow_process(c, monitor);
}

static void release(fbn_monitor *monitor)
{
        struct route_monitor *mine = (struct route_monitor *)monitor;

        follow_release(monitor);
        devices_free(&mine->devices);
        devices_free(&mine->before);
        memory_free((char *)mine->options.device);
}

static int check(fbn_context *c, struct route_monitor *mine, const fbn_route_monitor_options *given)
{
        fbn_route_monitor_options options;
        int r = OPTIONS_READ(c, fbn_route_monitor_options, given, &options);

        if (r < 0)
                return r;
        if (options.family && options.family != AF_INET && options.family != AF_INET6)
                return fail(c, FBN_EINVAL, "family %u: routes are AF_INET or AF_INET6", options.family);
        if (options.no_routes && options.no_rules && !options.neighbours)
                return fail(c, FBN_EINVAL, "neither routes nor rules nor neighbours are to be watched");
        if (options.device && (!*options.device || strlen(options.device) >= IFNAMSIZ))
                return fail(c, FBN_EINVAL, "'%s' is no name of a link", options.device);
        if (options.device && !(options.device = memory_strdup(options.device)))
                return fail_memory(c);
        mine->options = options;
        return 0;
}

/* Groups of a kernel that lacks them are not missed: Linux before 5.3 has no nexthops, and may be built without IPv6. */
static int join(fbn_context *c, struct route_monitor *mine, bool four, bool six)
{
        const struct {
                bool wanted;
                unsigned group;
        } groups[] = {
                {true, RTNLGRP_LINK},
                {!mine->options.no_routes && four, RTNLGRP_IPV4_IFADDR},
                {!mine->options.no_routes && four, RTNLGRP_IPV4_ROUTE},
                {!mine->options.no_routes && six, RTNLGRP_IPV6_IFADDR},
                {!mine->options.no_routes && six, RTNLGRP_IPV6_ROUTE},
                {!mine->options.no_routes, RTNLGRP_NEXTHOP},
                {!mine->options.no_rules && four, RTNLGRP_IPV4_RULE},
                {!mine->options.no_rules && six, RTNLGRP_IPV6_RULE},
                {mine->options.neighbours, RTNLGRP_NEIGH},
        };
        struct error_record before = c->error;

        for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
                int r = groups[i].wanted ? follow_group(c, &mine->follow, groups[i].group) : 0;

                if (r < 0 && groups[i].group != RTNLGRP_NEXTHOP)
                        return r;
        }
        c->error = before;
        return 0;
}

static int setup(fbn_context *c, struct route_monitor *mine)
{
        bool four = mine->options.family != AF_INET6, six = mine->options.family != AF_INET;
        int r;

        netlink_buffer(mine->follow.netlink, mine->options.buffer_bytes);
        r = join(c, mine, four, six);
        mine->follow.noticed = notice;
        mine->follow.settle = route_monitor_settle;
        for (unsigned i = 0; i < 2; i++) {
                uint16_t family = i ? AF_INET6 : AF_INET;

                if (!(i ? six : four))
                        continue;
                if (!mine->options.no_routes)
                        follow_kind(&mine->follow, &route_mirror, family, route_changed);
                if (!mine->options.no_rules)
                        follow_kind(&mine->follow, &rule_mirror, family, rule_changed);
                if (mine->options.neighbours)
                        follow_kind(&mine->follow, &neighbour_mirror, family, neighbour_changed);
        }
        return r < 0 ? r : follow_start(c, &mine->follow, mine->options.existing);
}

int fbn_route_monitor_new(fbn_context *c, const fbn_route_monitor_options *options, fbn_monitor **ret_monitor)
{
        static const struct monitor_class class = {process, release};
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        struct route_monitor *mine = memory_alloc(sizeof(*mine));
        int r;

        if (!mine)
                return fail_memory(c);
        monitor = &mine->follow.monitor;
        r = follow_begin(c, &mine->follow, &class, NETLINK_ROUTE);
        if (r == 0)
                r = check(c, mine, options);
        if (r == 0)
                r = setup(c, mine);
        if (r < 0)
                return r;
        *ret_monitor = TAKE_PTR(monitor);
        return 0;
}
