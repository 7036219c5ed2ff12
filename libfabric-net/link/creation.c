/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/kind.h"
#include "link/link.h"
#include "netlink/netlink.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

int link_check_new(fbn_context *c, const fbn_link *link)
{
        int r = link_check_settings(c, link);

        return r < 0 ? r : kind_check(c, link);
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
        kind_put(message, link);
        return kind_refused(c, link_send(c, message), link);
}

/* What a new link does not take on its way into being (alias, and state only once it carries the alias) is set right after; a link
 * that does not take it is removed again. */
static int create_and_set(fbn_context *c, const fbn_link *link)
{
        fbn_link settings = *link;
        struct undoing undoing;
        bool tun = streq(link->kind, "tun") || streq(link->kind, "tap");
        int r;

        r = tun ? tun_create(c, link->name, link->kind) : create(c, link);
        settings.mtu = tun ? link->mtu : 0;
        settings.vlan_filtering = settings.stp = FBN_LINK_AS_IT_IS; /* taken on the way */
        if (r < 0)
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
