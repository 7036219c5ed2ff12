/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/altname.h"
#include "link/link.h"
#include "netlink/netlink.h"

#include <ctype.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#define ALTNAME_LIMIT ((size_t)127) /* ALTIFNAMSIZ less its zero: include/uapi/linux/if.h */

int altname_check(fbn_context *c, const char *altname)
{
        size_t length = altname ? strlen(altname) : 0;

        if (length == 0 || length > ALTNAME_LIMIT)
                return fail(c, FBN_EINVAL, "an altname has 1 to %zu bytes", ALTNAME_LIMIT);
        for (const char *byte = altname; *byte; byte++)
                if (strchr("/:", *byte) || isspace((unsigned char)*byte))
                        return fail(c, FBN_EINVAL, "'%s' is no altname for a link: '%c' may not be in it", altname, *byte);
        return 0;
}

static int send_one(fbn_context *c, uint16_t type, const char *name, const char *altname)
{
        struct link_request request;
        struct ifinfomsg *info;
        struct nlmsghdr *message = link_request_begin(&request, type, &info);
        struct nlattr *list;
        int r;

        if (type == RTM_NEWLINKPROP)
                message->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND;
        mnl_attr_put_strz(message, IFLA_IFNAME, name);
        list = mnl_attr_nest_start(message, IFLA_PROP_LIST);
        mnl_attr_put_strz(message, IFLA_ALT_IFNAME, altname);
        mnl_attr_nest_end(message, list);
        r = link_send(c, message);
        if (r == -FBN_EEXIST)
                r = fail(c, FBN_EEXIST, "a link has that name already");
        return fail_in(c, r, "altname '%s'", altname);
}

int altnames_add(fbn_context *c, const fbn_link *link)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < link->n_altnames; i++)
                r = send_one(c, RTM_NEWLINKPROP, link->name, link->altnames[i]);
        return r;
}

int fbn_link_altname_delete(fbn_context *c, const char *name, const char *altname)
{
        _cleanup_(fbn_links_unrefp) fbn_links *links = NULL;
        int r = link_check_name(c, name);

        if (r == 0)
                r = altname_check(c, altname);
        if (r == 0)
                r = fbn_link_list(c, name, &links);
        if (r < 0)
                return r;
        /* The kernel removes it from whichever link has it, and its answer to a name that none has is "invalid". */
        if (!altnames_has(fbn_links_at(links, 0), altname))
                return fail_in(c, fail(c, FBN_ENOENT, "it has no altname '%s'", altname), "%s", name);
        return link_fail(c, send_one(c, RTM_DELLINKPROP, name, altname), name);
}

bool altnames_has(const fbn_link *link, const char *altname)
{
        for (size_t i = 0; i < link->n_altnames; i++)
                if (streq(link->altnames[i], altname))
                        return true;
        return false;
}

struct reading {
        struct arena *arena;
        const char **names; /* NULL: only count */
        size_t count;
};

static int read_one(const struct nlattr *property, void *data)
{
        struct reading *reading = data;
        const char *name = mnl_attr_get_type(property) == IFLA_ALT_IFNAME ? netlink_string(property) : NULL;

        if (!name)
                return MNL_CB_OK;
        if (reading->names) {
                reading->names[reading->count] = arena_strdup(reading->arena, name);
                if (!reading->names[reading->count])
                        return MNL_CB_ERROR;
        }
        reading->count++;
        return MNL_CB_OK;
}

bool altnames_read(struct arena *arena, const struct nlattr *list, fbn_link *link)
{
        struct reading reading = {.arena = arena};

        if (list)
                mnl_attr_parse_nested(list, read_one, &reading);
        if (reading.count == 0)
                return true;
        reading.names = arena_alloc(arena, reading.count * sizeof(*reading.names));
        if (!reading.names)
                return false;
        link->n_altnames = reading.count;
        link->altnames = reading.names;
        reading.count = 0;
        return mnl_attr_parse_nested(list, read_one, &reading) == MNL_CB_OK;
}
