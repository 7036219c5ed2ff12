/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/altname.h"
#include "link/kind.h"
#include "link/link.h"
#include "netlink/netlink.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>

#define ALIAS_LIMIT ((size_t)255) /* IFALIASZ less its zero: include/uapi/linux/if.h */

int link_check_name(fbn_context *c, const char *name)
{
        size_t length = name ? strlen(name) : 0;

        if (length == 0)
                return fail(c, FBN_EINVAL, "a link needs a name");
        if (length >= IFNAMSIZ)
                return fail(c, FBN_EINVAL, "'%s' is no name for a link: %zu bytes, 15 at most", name, length);
        if (streq(name, ".") || streq(name, ".."))
                return fail(c, FBN_EINVAL, "'%s' is no name for a link", name);
        for (const char *byte = name; *byte; byte++)
                if (strchr("/:%", *byte) || isspace((unsigned char)*byte))
                        return fail(c, FBN_EINVAL, "'%s' is no name for a link: '%c' may not be in it", name, *byte);
        return 0;
}

int link_fail(fbn_context *c, int r, const char *name)
{
        if (r == -FBN_ENOENT && c->error.os_errno == ENODEV)
                r = fail(c, FBN_ENOENT, "no such link");
        return fail_in(c, r, "%s", name);
}

int link_send(fbn_context *c, struct nlmsghdr *message)
{
        struct netlink *netlink;
        int r = netlink_get(c, NETLINK_ROUTE, &netlink);

        return r < 0 ? r : netlink_request(c, netlink, message, NULL, NULL);
}

/* "" is a master too: none. */
static int put_master(fbn_context *c, struct nlmsghdr *message, const char *master)
{
        uint32_t index = 0;
        int r = 0;

        if (!master)
                return 0;
        if (*master)
                r = link_index(c, master, &index);
        if (r == 0)
                mnl_attr_put_u32(message, IFLA_MASTER, index);
        return r;
}

static void put_state(struct ifinfomsg *info, fbn_link_state state)
{
        if (state == FBN_LINK_ANY)
                return;
        info->ifi_change = IFF_UP;
        info->ifi_flags = state == FBN_LINK_UP ? IFF_UP : 0;
}

static int check_bridge(fbn_context *c, const char *name)
{
        _cleanup_(fbn_links_unrefp) fbn_links *links = NULL;
        int r = fbn_link_list(c, name, &links);
        const char *kind = r == 0 ? fbn_links_at(links, 0)->kind : NULL;

        if (r == 0 && (!kind || !streq(kind, "bridge")))
                return fail(c, FBN_EINVAL, "vlan_filtering and stp are for bridges, not for a link of kind '%s'", kind ? kind : "hardware");
        return r;
}

/* Only RTM_NEWLINK takes what is the kind's own; without NLM_F_CREATE it makes nothing. Source: net/core/rtnetlink.c. */
static int send_settings(fbn_context *c, const fbn_link *link)
{
        struct link_request request;
        struct ifinfomsg *info;
        struct nlmsghdr *message = link_request_begin(&request, kind_sets_bridge(link) ? RTM_NEWLINK : RTM_SETLINK, &info);
        int r;

        mnl_attr_put_strz(message, IFLA_IFNAME, link->name);
        put_state(info, link->state);
        if (link->mtu)
                mnl_attr_put_u32(message, IFLA_MTU, link->mtu);
        if (link->alias)
                mnl_attr_put_str(message, IFLA_IFALIAS, link->alias);
        r = put_master(c, message, link->master);
        if (r < 0)
                return r;
        if (!kind_sets_bridge(link))
                return link_send(c, message);
        r = check_bridge(c, link->name);
        if (r < 0)
                return r;
        kind_put(message, FBN_OPTIONS(fbn_link, .vlan_filtering = link->vlan_filtering, .stp = link->stp));
        return kind_refused(c, link_send(c, message), link);
}

int link_set(fbn_context *c, const fbn_link *link)
{
        int r = 0;

        if (link->state || link->mtu || link->alias || link->master || kind_sets_bridge(link))
                r = send_settings(c, link);
        return r < 0 ? r : altnames_add(c, link);
}

static bool is_switch(fbn_link_switch value)
{
        return value == FBN_LINK_AS_IT_IS || value == FBN_LINK_ON || value == FBN_LINK_OFF;
}

int link_check_settings(fbn_context *c, const fbn_link *link)
{
        int r = link_check_name(c, link->name);

        if (r < 0)
                return r;
        if (link->alias && strlen(link->alias) > ALIAS_LIMIT)
                return fail(c, FBN_EINVAL, "an alias has %zu bytes at most", ALIAS_LIMIT);
        if (link->state != FBN_LINK_ANY && link->state != FBN_LINK_UP && link->state != FBN_LINK_DOWN)
                return fail(c, FBN_EINVAL, "%d is no state of a link", (int)link->state);
        if (!is_switch(link->vlan_filtering) || !is_switch(link->stp))
                return fail(c, FBN_EINVAL, "vlan_filtering and stp are on or off");
        for (size_t i = 0; r == 0 && i < link->n_altnames; i++)
                r = altname_check(c, link->altnames[i]);
        return r;
}

int fbn_link_set(fbn_context *c, const fbn_link *link)
{
        fbn_link mine;
        int r;

        r = OPTIONS_READ(c, fbn_link, link, &mine);
        if (r == 0)
                r = link_check_settings(c, &mine);
        return r < 0 ? r : link_fail(c, link_set(c, &mine), mine.name);
}

int fbn_link_delete(fbn_context *c, const char *name)
{
        struct link_request request;
        struct ifinfomsg *info;
        struct nlmsghdr *message = link_request_begin(&request, RTM_DELLINK, &info);
        int r = link_check_name(c, name);

        if (r < 0)
                return r;
        mnl_attr_put_strz(message, IFLA_IFNAME, name);
        return link_fail(c, link_send(c, message), name);
}

/* "fd:7" as a path that leads to the same namespace. */
static int netns_path(fbn_context *c, const char *netns, char *path, size_t size)
{
        const char *digits = strncmp(netns, "fd:", 3) == 0 ? netns + 3 : netns;
        bool number = *digits && digits[strspn(digits, "0123456789")] == 0;

        if (digits != netns && !number)
                return fail(c, FBN_EINVAL, "network namespace '%s': 'fd:' needs the number of an open file", netns);
        if (strchr(netns, '/'))
                snprintf(path, size, "%s", netns);
        else if (number)
                snprintf(path, size, digits == netns ? "/proc/%s/ns/net" : "/proc/thread-self/fd/%s", digits);
        else
                snprintf(path, size, "/run/netns/%s", netns);
        return 0;
}

static int open_netns(fbn_context *c, const char *netns)
{
        char path[4096];
        int fd, r;

        r = netns_path(c, netns, path, sizeof(path));
        if (r < 0)
                return r;
        fd = sys()->open(path, O_RDONLY | O_CLOEXEC, 0);
        if (fd < 0 && errno == ENOENT)
                return fail(c, FBN_ENOENT, "network namespace '%s': no such namespace; 'ip netns list' shows the names", netns);
        return fd < 0 ? fail_errno(c, errno, "network namespace '%s'", netns) : fd;
}

int fbn_link_move(fbn_context *c, const char *name, const char *netns)
{
        struct link_request request;
        struct ifinfomsg *info;
        struct nlmsghdr *message = link_request_begin(&request, RTM_SETLINK, &info);
        _cleanup_close_ int fd = -1;
        int r = link_check_name(c, name);

        if (r < 0)
                return r;
        if (!netns || !*netns)
                return fail_in(c, fail(c, FBN_EINVAL, "moving it needs a network namespace"), "%s", name);
        fd = open_netns(c, netns);
        if (fd < 0)
                return fail_in(c, fd, "%s", name);
        mnl_attr_put_strz(message, IFLA_IFNAME, name);
        mnl_attr_put_u32(message, IFLA_NET_NS_FD, (uint32_t)fd);
        return link_fail(c, link_send(c, message), name);
}
