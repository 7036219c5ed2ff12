/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/altname.h"
#include "link/kind.h"
#include "link/link.h"
#include "netlink/netlink.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>

#define CARRIER 0x10000u /* IFF_LOWER_UP of linux/if.h, which cannot be included beside net/if.h */

struct entry {
        fbn_link link;
        uint32_t master, lower; /* indexes, 0 if none in this namespace */
};

struct fbn_links {
        unsigned references;
        struct arena arena;
        struct entry *items;
        size_t count, capacity;
};

fbn_links *fbn_links_ref(fbn_links *links)
{
        links->references++;
        return links;
}

fbn_links *fbn_links_unref(fbn_links *links)
{
        if (!links || --links->references > 0)
                return NULL;
        arena_free(&links->arena);
        memory_free(links->items);
        memory_free(links);
        return NULL;
}

size_t fbn_links_count(const fbn_links *links)
{
        return links ? links->count : 0;
}

const fbn_link *fbn_links_at(const fbn_links *links, size_t index)
{
        return index < fbn_links_count(links) ? &links->items[index].link : NULL;
}

static int links_new(fbn_context *c, fbn_links **ret_links)
{
        fbn_links *links = memory_alloc(sizeof(*links));

        if (!links)
                return fail_memory(c);
        links->references = 1;
        *ret_links = links;
        return 0;
}

/* Give the link copies of what it borrows from a message. */
static bool keep(struct arena *arena, fbn_link *link)
{
        const char **texts[] = {&link->name, &link->kind, &link->alias};

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                if (!*texts[i])
                        continue;
                *texts[i] = arena_strdup(arena, *texts[i]);
                if (!*texts[i])
                        return false;
        }
        return true;
}

static int read_link(fbn_context *c, const struct nlmsghdr *message, void *data)
{
        const struct nlattr *table[IFLA_PROP_LIST + 1];
        const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
        struct entry entry = {.link = {.size = sizeof(entry.link)}};
        fbn_links *links = data;

        if (message->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return 0;
        netlink_attributes(message, sizeof(*header), table, ARRAY_SIZE(table));
        entry.link.name = netlink_string(table[IFLA_IFNAME]);
        if (!entry.link.name)
                return 0;
        entry.link.alias = netlink_string(table[IFLA_IFALIAS]);
        if (entry.link.alias && !*entry.link.alias)
                entry.link.alias = NULL;
        entry.link.index = (uint32_t)header->ifi_index;
        entry.link.mtu = netlink_u32(table[IFLA_MTU]);
        entry.link.state = header->ifi_flags & IFF_UP ? FBN_LINK_UP : FBN_LINK_DOWN;
        entry.link.running = header->ifi_flags & CARRIER;
        entry.master = netlink_u32(table[IFLA_MASTER]);
        entry.lower = table[IFLA_LINK_NETNSID] ? 0 : netlink_u32(table[IFLA_LINK]);
        kind_read(table[IFLA_LINKINFO], &entry.link);
        if (!keep(&links->arena, &entry.link) || !altnames_read(&links->arena, table[IFLA_PROP_LIST], &entry.link) ||
            !ARRAY_RESERVE(links->items, links->count, links->capacity))
                return fail_memory(c);
        links->items[links->count++] = entry;
        return 0;
}

static void restart(void *data)
{
        fbn_links *links = data;

        links->count = 0;
        arena_free(&links->arena);
}

static int by_index(const void *a, const void *b)
{
        const struct entry *first = a, *second = b;

        return first->link.index < second->link.index ? -1 : first->link.index > second->link.index;
}

const fbn_link *links_by_index(const fbn_links *links, uint32_t index)
{
        struct entry key = {.link.index = index};
        struct entry *found = links->count ? bsearch(&key, links->items, links->count, sizeof(key), by_index) : NULL;

        return found ? &found->link : NULL;
}

struct nlmsghdr *link_request_begin(struct link_request *request, uint16_t type, struct ifinfomsg **ret_info)
{
        struct nlmsghdr *message = mnl_nlmsg_put_header(request->bytes);

        message->nlmsg_type = type;
        *ret_info = mnl_nlmsg_put_extra_header(message, sizeof(**ret_info));
        return message;
}

/* Its counters would be half of each answer. */
static struct nlmsghdr *question_begin(struct link_request *request, struct ifinfomsg **ret_info)
{
        struct nlmsghdr *message = link_request_begin(request, RTM_GETLINK, ret_info);

        mnl_attr_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        return message;
}

static int read_all(fbn_context *c, fbn_links *links)
{
        struct link_request request;
        struct ifinfomsg *info;
        struct nlmsghdr *message = question_begin(&request, &info);
        struct netlink *netlink;
        int r;

        r = netlink_get(c, NETLINK_ROUTE, &netlink);
        if (r < 0)
                return r;
        return netlink_dump(c, netlink, message, read_link, restart, links);
}

/* One link by name or, without one, by index. */
static int read_one(fbn_context *c, const char *name, uint32_t index, fbn_links *links)
{
        struct link_request request;
        struct ifinfomsg *info;
        struct nlmsghdr *message = question_begin(&request, &info);
        struct netlink *netlink;
        int r;

        info->ifi_index = (int)index;
        if (name)
                mnl_attr_put_strz(message, IFLA_IFNAME, name);
        r = netlink_get(c, NETLINK_ROUTE, &netlink);
        if (r < 0)
                return r;
        return netlink_request(c, netlink, message, read_link, links);
}

static void set_names(struct entry *entry, const fbn_link *master, const fbn_link *lower)
{
        entry->link.master = master ? master->name : NULL;
        if (!lower)
                return;
        if (entry->link.kind && streq(entry->link.kind, "veth"))
                entry->link.peer = lower->name;
        else
                entry->link.parent = lower->name;
}

int links_parse(fbn_context *c, const struct nlmsghdr *message, fbn_links **ret_links, uint32_t *ret_master, uint32_t *ret_lower)
{
        _cleanup_(fbn_links_unrefp) fbn_links *links = NULL;
        int r = links_new(c, &links);

        if (r == 0)
                r = read_link(c, message, links);
        if (r == 0 && links->count == 0)
                r = fail(c, FBN_EPROTOCOL, "the kernel told of a link without a name");
        if (r < 0)
                return r;
        *ret_master = links->items[0].master;
        *ret_lower = links->items[0].lower;
        *ret_links = TAKE_PTR(links);
        return 0;
}

void links_complete(fbn_links *links, const char *master, const char *lower)
{
        set_names(&links->items[0], master ? &(fbn_link){.name = master} : NULL, lower ? &(fbn_link){.name = lower} : NULL);
}

/* A link read alone names others by index; they may have gone since. */
static int read_name(fbn_context *c, fbn_links *links, uint32_t index, const char **ret_name)
{
        _cleanup_(fbn_links_unrefp) fbn_links *other = NULL;
        struct error_record before = c->error;
        int r;

        if (index == 0)
                return 0;
        r = links_new(c, &other);
        if (r == 0)
                r = read_one(c, NULL, index, other);
        if (r == -FBN_ENOENT) {
                c->error = before;
                return 0;
        }
        if (r < 0 || other->count == 0)
                return r;
        *ret_name = arena_strdup(&links->arena, other->items[0].link.name);
        return *ret_name ? 0 : fail_memory(c);
}

static int complete_one(fbn_context *c, fbn_links *links)
{
        struct entry *entry = &links->items[0];
        fbn_link master = {0}, lower = {0};
        int r;

        r = read_name(c, links, entry->master, &master.name);
        if (r == 0)
                r = read_name(c, links, entry->lower, &lower.name);
        set_names(entry, &master, lower.name ? &lower : NULL);
        return r;
}

static int list_all(fbn_context *c, fbn_links *links)
{
        int r = read_all(c, links);

        if (r < 0)
                return r;
        if (links->count)
                qsort(links->items, links->count, sizeof(*links->items), by_index);
        for (size_t i = 0; i < links->count; i++) {
                struct entry *entry = &links->items[i];

                set_names(entry, links_by_index(links, entry->master), links_by_index(links, entry->lower));
        }
        return 0;
}

static int list_one(fbn_context *c, const char *name, fbn_links *links)
{
        int r = link_check_name(c, name);

        if (r < 0)
                return r;
        r = read_one(c, name, 0, links);
        if (r == 0 && links->count == 0)
                r = fail(c, FBN_EPROTOCOL, "the kernel's answer holds no link");
        if (r == 0)
                r = complete_one(c, links);
        return link_fail(c, r, name);
}

int fbn_link_list(fbn_context *c, const char *name, fbn_links **ret_links)
{
        _cleanup_(fbn_links_unrefp) fbn_links *links = NULL;
        int r;

        r = links_new(c, &links);
        if (r == 0)
                r = name ? list_one(c, name, links) : list_all(c, links);
        if (r < 0)
                return r;
        *ret_links = TAKE_PTR(links);
        return 0;
}

int link_find(fbn_context *c, const char *name, fbn_links **ret_links)
{
        struct error_record before = c->error;
        int r = fbn_link_list(c, name, ret_links);

        if (r != -FBN_ENOENT)
                return r < 0 ? r : 1;
        c->error = before;
        return 0;
}

int link_index(fbn_context *c, const char *name, uint32_t *ret_index)
{
        _cleanup_(fbn_links_unrefp) fbn_links *links = NULL;
        int r = fbn_link_list(c, name, &links);

        if (r < 0)
                return r;
        *ret_index = links->items[0].link.index;
        return 0;
}
