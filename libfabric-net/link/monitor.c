/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "base/text.h"
#include "link/address.h"
#include "link/link.h"
#include "netlink/follow.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

struct gone {
        uint32_t index;
        const char *name;
};

struct link_monitor {
        struct follow follow; /* first member */
        char *device;
        struct arena arena; /* of the names of */
        struct gone *gone;  /* links that went in this round: what is read anew tells of their addresses later */
        size_t n_gone, capacity;
};

static size_t link_key(const struct nlmsghdr *message, const struct mirror *mirror, uint8_t *key)
{
        const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);

        (void)mirror;
        if (header->ifi_family != AF_UNSPEC) /* a bridge's view of its port */
                return 0;
        memcpy(key, &header->ifi_index, sizeof(header->ifi_index));
        return sizeof(header->ifi_index);
}

static void ask_links(struct nlmsghdr *request, const struct mirror *mirror, bool strict)
{
        (void)mirror, (void)strict;
        request->nlmsg_type = RTM_GETLINK;
        mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
}

static size_t address_key(const struct nlmsghdr *message, const struct mirror *mirror, uint8_t *key)
{
        const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
        fbn_link_address address;

        (void)mirror;
        if (!address_parse(message, NULL, &address))
                return 0;
        memcpy(key, &header->ifa_index, 4);
        key[4] = header->ifa_family;
        key[5] = header->ifa_prefixlen;
        memcpy(key + 6, address.address.address.bytes, 16);
        memcpy(key + 22, address.peer.bytes, 16);
        return 38;
}

static void ask_addresses(struct nlmsghdr *request, const struct mirror *mirror, bool strict)
{
        (void)mirror, (void)strict;
        request->nlmsg_type = RTM_GETADDR;
        mnl_nlmsg_put_extra_header(request, sizeof(struct ifaddrmsg));
}

static const struct mirror_kind links = {
        .bus = NETLINK_ROUTE, .added = RTM_NEWLINK, .removed = RTM_DELLINK, .header = sizeof(struct ifinfomsg),
        .passing = 1u << IFLA_STATS | UINT64_C(1) << IFLA_STATS64 | UINT64_C(1) << IFLA_AF_SPEC,
        .key = link_key, .ask = ask_links};
static const struct mirror_kind addresses = {
        .bus = NETLINK_ROUTE, .added = RTM_NEWADDR, .removed = RTM_DELADDR, .header = sizeof(struct ifaddrmsg),
        .passing = 1u << IFA_CACHEINFO, .key = address_key, .ask = ask_addresses};

static const char *name_of_gone(const struct link_monitor *mine, uint32_t index)
{
        for (size_t i = mine->n_gone; i > 0; i--)
                if (mine->gone[i - 1].index == index)
                        return mine->gone[i - 1].name;
        return NULL;
}

/* The name of an index, as told last; borrowed. */
static const char *name_of(const struct link_monitor *mine, uint32_t index)
{
        const struct nlmsghdr *message = mirror_find(&mine->follow.mirrors[0], (const uint8_t *)&index, sizeof(index));
        const struct nlattr *table[IFLA_IFNAME + 1];

        if (!message)
                return name_of_gone(mine, index);
        netlink_attributes(message, sizeof(struct ifinfomsg), table, ARRAY_SIZE(table));
        return netlink_string(table[IFLA_IFNAME]);
}

static int remember_gone(fbn_context *c, struct link_monitor *mine, const fbn_link *link)
{
        const char *name = arena_strdup(&mine->arena, link->name);

        if (!name || !ARRAY_RESERVE(mine->gone, mine->n_gone, mine->capacity))
                return fail_memory(c);
        mine->gone[mine->n_gone++] = (struct gone){link->index, name};
        return 0;
}

static int parse_link(fbn_context *c, const struct link_monitor *mine, const struct nlmsghdr *message, fbn_links **ret_links)
{
        uint32_t master, lower;
        int r;

        if (!message)
                return 0;
        r = links_parse(c, message, ret_links, &master, &lower);
        if (r == 0)
                links_complete(*ret_links, master ? name_of(mine, master) : NULL, lower ? name_of(mine, lower) : NULL);
        return r;
}

static bool keep(struct arena *arena, const char **text)
{
        return !*text || (*text = arena_strdup(arena, *text));
}

static const fbn_link *copy_link(struct arena *arena, const fbn_link *link)
{
        fbn_link *copy = arena_copy(arena, link, sizeof(*link));
        const char **names = arena_alloc(arena, (link->n_altnames + 1) * sizeof(*names));

        if (!copy || !names || !keep(arena, &copy->name) || !keep(arena, &copy->kind) || !keep(arena, &copy->alias) ||
            !keep(arena, &copy->master) || !keep(arena, &copy->peer) || !keep(arena, &copy->parent))
                return NULL;
        for (size_t i = 0; i < link->n_altnames; i++)
                if (!(names[i] = arena_strdup(arena, link->altnames[i])))
                        return NULL;
        copy->altnames = names;
        return copy;
}

static bool wanted(const struct link_monitor *mine, const char *name)
{
        return !mine->device || (name && streq(mine->device, name));
}

static int tell_link(fbn_context *c, struct link_monitor *mine, fbn_event_kind kind, const fbn_link *link, const char *field,
                     const char *before, const char *after)
{
        fbn_monitor *monitor = &mine->follow.monitor;
        char object[64];
        fbn_event event = {.kind = kind, .type = "link", .object = object, .field = field, .before = before, .after = after};

        snprintf(object, sizeof(object), "link %s", link->name);
        event.link = copy_link(&monitor->arena, link);
        return event.link ? monitor_add(c, monitor, &event) : fail_memory(c);
}

static void list_altnames(const fbn_link *link, struct text *text)
{
        for (size_t i = 0; i < link->n_altnames; i++)
                text_add(text, "%s%s", i ? ", " : "", link->altnames[i]);
}

static bool same_text(const char *a, const char *b)
{
        return a && b ? streq(a, b) : a == b;
}

/* Each field that differs is an event of its own. */
static int compare_links(fbn_context *c, struct link_monitor *mine, const fbn_link *before, const fbn_link *after)
{
        static const char *const states[] = {NULL, "up", "down"};
        _cleanup_(text_free) struct text altnames_before = {0};
        _cleanup_(text_free) struct text altnames_after = {0};
        char mtu[2][16];
        int r = 0;

        snprintf(mtu[0], sizeof(mtu[0]), "%u", before->mtu);
        snprintf(mtu[1], sizeof(mtu[1]), "%u", after->mtu);
        list_altnames(before, &altnames_before);
        list_altnames(after, &altnames_after);
        if (altnames_before.failed || altnames_after.failed)
                return fail_memory(c);
        const struct {
                const char *name, *before, *after;
        } fields[] = {
                {"name", before->name, after->name},
                {"mtu", mtu[0], mtu[1]},
                {"state", states[before->state], states[after->state]},
                {"running", before->running ? "yes" : "no", after->running ? "yes" : "no"},
                {"alias", before->alias, after->alias},
                {"master", before->master, after->master},
                {"altnames", altnames_before.bytes, altnames_after.bytes},
        };
        for (size_t i = 0; i < ARRAY_SIZE(fields) && r == 0; i++)
                if (!same_text(fields[i].before, fields[i].after))
                        r = tell_link(c, mine, FBN_EVENT_CHANGED, after, fields[i].name, fields[i].before, fields[i].after);
        return r;
}

static int link_changed(fbn_context *c, const struct mirror_kind *kind, const struct nlmsghdr *before, const struct nlmsghdr *after, void *data)
{
        FBN_CLEANUP(fbn_links) old = NULL;
        FBN_CLEANUP(fbn_links) new = NULL;
        struct link_monitor *mine = data;
        const fbn_link *was, *is;
        int r;

        (void)kind;
        if (mine->follow.quiet)
                return 0;
        r = parse_link(c, mine, before, &old);
        if (r == 0)
                r = parse_link(c, mine, after, &new);
        if (r < 0)
                return r;
        was = fbn_links_at(old, 0);
        is = fbn_links_at(new, 0);
        r = is ? 0 : remember_gone(c, mine, was);
        if (r < 0)
                return r;
        if (!(was && wanted(mine, was->name)) && !(is && wanted(mine, is->name)))
                return 0;
        if (was && is)
                return compare_links(c, mine, was, is);
        return tell_link(c, mine, is ? FBN_EVENT_ADDED : FBN_EVENT_REMOVED, is ? is : was, NULL, NULL, NULL);
}

static int address_changed(fbn_context *c, const struct mirror_kind *kind, const struct nlmsghdr *before, const struct nlmsghdr *after,
                           void *data)
{
        struct link_monitor *mine = data;
        const struct nlmsghdr *message = after ? after : before;
        struct arena *arena = &mine->follow.monitor.arena;
        const char *device = name_of(mine, ((const struct ifaddrmsg *)mnl_nlmsg_get_payload(message))->ifa_index);
        char prefix[FBN_ADDRESS_TEXT], object[FBN_ADDRESS_TEXT + 64];
        fbn_event event = {.kind = before && after ? FBN_EVENT_CHANGED : after ? FBN_EVENT_ADDED : FBN_EVENT_REMOVED, .type = "address"};
        fbn_link_address address;

        (void)kind;
        if (mine->follow.quiet || !wanted(mine, device) || !address_parse(message, device, &address))
                return 0;
        snprintf(object, sizeof(object), "%s: address %s", device ? device : "a link that is gone",
                 fbn_prefix_format(&address.address, prefix, sizeof(prefix)));
        event.object = object;
        if (!keep(arena, &address.device) || !(event.address = arena_copy(arena, &address, sizeof(address))))
                return fail_memory(c);
        return monitor_add(c, &mine->follow.monitor, &event);
}

static int process(fbn_context *c, fbn_monitor *monitor)
{
        struct link_monitor *mine = (struct link_monitor *)monitor;

        mine->n_gone = 0;
        arena_free(&mine->arena);
        return follow_process(c, monitor);
}

static void release(fbn_monitor *monitor)
{
        struct link_monitor *mine = (struct link_monitor *)monitor;

        follow_release(monitor);
        arena_free(&mine->arena);
        memory_free(mine->gone);
        memory_free(mine->device);
}

static int setup(fbn_context *c, struct link_monitor *mine, const fbn_link_monitor_options *given)
{
        static const unsigned groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR};
        fbn_link_monitor_options options;
        int r = OPTIONS_READ(c, fbn_link_monitor_options, given, &options);

        if (r == 0 && options.device)
                r = link_check_name(c, options.device);
        if (r == 0 && options.device && !(mine->device = memory_strdup(options.device)))
                r = fail_memory(c);
        if (r < 0)
                return r;
        netlink_buffer(mine->follow.netlink, options.buffer_bytes);
        for (size_t i = 0; i < ARRAY_SIZE(groups) && r == 0; i++)
                r = follow_group(c, &mine->follow, groups[i]);
        follow_kind(&mine->follow, &links, AF_UNSPEC, link_changed); /* first: name_of() looks there */
        follow_kind(&mine->follow, &addresses, AF_UNSPEC, address_changed);
        return r < 0 ? r : follow_start(c, &mine->follow, options.existing);
}

int fbn_link_monitor_new(fbn_context *c, const fbn_link_monitor_options *options, fbn_monitor **ret_monitor)
{
        static const struct monitor_class class = {process, release};
        FBN_CLEANUP(fbn_monitor) monitor = NULL;
        struct link_monitor *mine = memory_alloc(sizeof(*mine));
        int r;

        if (!mine)
                return fail_memory(c);
        monitor = &mine->follow.monitor;
        r = follow_begin(c, &mine->follow, &class, NETLINK_ROUTE);
        if (r == 0)
                r = setup(c, mine, options);
        if (r < 0)
                return r;
        *ret_monitor = TAKE_PTR(monitor);
        return 0;
}
