/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "route/neighbour.h"
#include "route/rule.h"
#include "route/watch.h"

#include <linux/rtnetlink.h>
#include <stdio.h>

static bool keep(struct arena *arena, const char **text)
{
        return !*text || (*text = arena_strdup(arena, *text));
}

static fbn_event_kind kind_of(const void *before, const void *after)
{
        return before && after ? FBN_EVENT_CHANGED : after ? FBN_EVENT_ADDED : FBN_EVENT_REMOVED;
}

/* Also of a link that went a moment ago. */
static const char *name_of(const struct route_monitor *mine, uint32_t index)
{
        const char *name = devices_name(&mine->devices, index);

        return name ? name : devices_name(&mine->before, index);
}

static bool wanted(const struct route_monitor *mine, uint8_t protocol, const char *device)
{
        const fbn_route_monitor_options *options = &mine->options;

        return (!options->protocol || protocol == options->protocol) && (!options->device || (device && streq(device, options->device)));
}

static bool through(const fbn_route *route, const char *device)
{
        for (size_t i = 0; i < route->n_hops; i++)
                if (route->hops[i].device && streq(route->hops[i].device, device))
                        return true;
        return false;
}

/* The route of a message, or NULL if it is none that is watched. */
static const fbn_route *read_route(const struct route_monitor *mine, const struct nlmsghdr *message, struct route_parts *parts)
{
        fbn_route *route = &parts->entry.route;

        if (!message || !route_parse(message, &mine->devices, parts))
                return NULL;
        if (parts->entry.device && !route->device)
                route->device = name_of(mine, parts->entry.device);
        for (size_t i = 0; i < route->n_hops; i++)
                if (!parts->hops[i].device)
                        parts->hops[i].device = name_of(mine, parts->hop_devices[i]);
        if (mine->options.device && through(route, mine->options.device))
                return wanted(mine, route->protocol, mine->options.device) ? route : NULL;
        return wanted(mine, route->protocol, route->device) ? route : NULL;
}

static const fbn_route *copy_route(struct arena *arena, const fbn_route *route)
{
        fbn_route *copy = arena_copy(arena, route, sizeof(*route));
        fbn_route_hop *hops = arena_copy(arena, route->hops, route->n_hops * sizeof(*hops));

        if (!copy || !hops || !keep(arena, &copy->device))
                return NULL;
        for (size_t i = 0; i < route->n_hops; i++)
                if (!keep(arena, &hops[i].device))
                        return NULL;
        copy->hops = hops;
        return copy;
}

int route_changed(fbn_context *c, const struct mirror_kind *kind, const struct nlmsghdr *before, const struct nlmsghdr *after, void *data)
{
        struct route_monitor *mine = data;
        fbn_monitor *monitor = &mine->follow.monitor;
        char object[ROUTE_TEXT], before_text[ROUTE_TEXT], after_text[ROUTE_TEXT];
        struct route_parts old, new;
        const fbn_route *was, *is;
        fbn_event event = {.type = "route", .object = object};
        int r = 0;

        (void)kind;
        if (mine->follow.quiet)
                return 0;
        if (mine->stale)
                r = route_monitor_settle(c, &mine->follow);
        if (r < 0)
                return r;
        was = read_route(mine, before, &old);
        is = read_route(mine, after, &new);
        if (!was && !is)
                return 0;
        event.kind = kind_of(was, is);
        route_name(is ? is : was, object);
        event.before = was ? route_describe(was, before_text) : NULL;
        event.after = is ? route_describe(is, after_text) : NULL;
        event.route = copy_route(&monitor->arena, is ? is : was);
        return event.route ? monitor_add(c, monitor, &event) : fail_memory(c);
}

int rule_changed(fbn_context *c, const struct mirror_kind *kind, const struct nlmsghdr *before, const struct nlmsghdr *after, void *data)
{
        struct route_monitor *mine = data;
        struct arena *arena = &mine->follow.monitor.arena;
        char object[RULE_TEXT], words[RULE_TEXT];
        fbn_event event = {.kind = kind_of(before, after), .type = "rule", .object = object};
        struct rule_entry entry;

        (void)kind;
        if (mine->follow.quiet || !rule_parse(after ? after : before, &entry) ||
            (mine->options.protocol && entry.rule.protocol != mine->options.protocol))
                return 0;
        rule_name(&entry.rule, object);
        *(after ? &event.after : &event.before) = rule_in_words(&entry.rule, words);
        if (!keep(arena, &entry.rule.in_device) || !keep(arena, &entry.rule.out_device) ||
            !(event.rule = arena_copy(arena, &entry.rule, sizeof(entry.rule))))
                return fail_memory(c);
        return monitor_add(c, &mine->follow.monitor, &event);
}

/* Who is behind it and how sure that is: "02:00:00:00:00:01 reachable". */
static const char *describe(const fbn_neighbour *neighbour, char *text, size_t size)
{
        snprintf(text, size, "%s%s%s", neighbour->link_address ? neighbour->link_address : "", neighbour->link_address ? " " : "",
                 neighbour->state ? neighbour->state : "unknown");
        return text;
}

static const fbn_neighbour *read_neighbour(const struct route_monitor *mine, const struct nlmsghdr *message,
                                           char text[static LINK_ADDRESS_TEXT], fbn_neighbour *neighbour)
{
        if (!message || !neighbour_parse(message, &mine->devices, text, neighbour))
                return NULL;
        if (!neighbour->device)
                neighbour->device = name_of(mine, (uint32_t)((const struct ndmsg *)mnl_nlmsg_get_payload(message))->ndm_ifindex);
        return wanted(mine, neighbour->protocol, neighbour->device) ? neighbour : NULL;
}

int neighbour_changed(fbn_context *c, const struct mirror_kind *kind, const struct nlmsghdr *before, const struct nlmsghdr *after, void *data)
{
        struct route_monitor *mine = data;
        struct arena *arena = &mine->follow.monitor.arena;
        char texts[2][LINK_ADDRESS_TEXT], words[2][LINK_ADDRESS_TEXT + 32], object[NEIGHBOUR_TEXT];
        fbn_neighbour neighbours[2], copy;
        const fbn_neighbour *was, *is;
        fbn_event event = {.type = "neighbour", .object = object};
        int r = 0;

        (void)kind;
        if (mine->follow.quiet)
                return 0;
        if (mine->stale)
                r = route_monitor_settle(c, &mine->follow);
        if (r < 0)
                return r;
        was = read_neighbour(mine, before, texts[0], &neighbours[0]);
        is = read_neighbour(mine, after, texts[1], &neighbours[1]);
        if (!was && !is)
                return 0;
        event.kind = kind_of(was, is);
        event.before = was ? describe(was, words[0], sizeof(words[0])) : NULL;
        event.after = is ? describe(is, words[1], sizeof(words[1])) : NULL;
        copy = is ? *is : *was;
        neighbour_name(&copy, object);
        if (!keep(arena, &copy.device) || !keep(arena, &copy.link_address) || !(event.neighbour = arena_copy(arena, &copy, sizeof(copy))))
                return fail_memory(c);
        return monitor_add(c, &mine->follow.monitor, &event);
}
