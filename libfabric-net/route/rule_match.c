/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "route/route.h"
#include "route/rule.h"

/* "from all" holds for packets without a source too. */
static bool in_prefix(const fbn_prefix *prefix, const fbn_address *address)
{
        return !prefix->length || (address->family && fbn_prefix_contains(prefix, address));
}

static bool in_ports(uint16_t first, uint16_t last, uint16_t port)
{
        return !first || (port >= first && port <= (last ? last : first));
}

static const fbn_link *link_named(const struct devices *devices, const char *name)
{
        for (size_t i = 0; name && i < fbn_links_count(devices->links); i++)
                if (streq(fbn_links_at(devices->links, i)->name, name))
                        return fbn_links_at(devices->links, i);
        return NULL;
}

static bool is_vrf(const fbn_link *link)
{
        return link && link->kind && streq(link->kind, "vrf");
}

static bool in_vrf(const struct devices *devices, const char *device)
{
        const fbn_link *link = link_named(devices, device);

        return is_vrf(link) || (link && is_vrf(link_named(devices, link->master)));
}

static bool fits_numbers(const fbn_rule *rule, const fbn_route_query *query)
{
        return ((rule->fwmark ^ query->mark) & rule_mask(rule)) == 0 && (!rule->tos || rule->tos == query->tos) &&
               (!rule->dscp || rule->dscp - 1 == query->tos >> 2) && (!rule->ip_protocol || rule->ip_protocol == query->ip_protocol) &&
               in_ports(rule->source_port, rule->source_port_last, query->source_port) &&
               in_ports(rule->destination_port, rule->destination_port_last, query->destination_port) &&
               (!rule->uid_end || (query->uid >= rule->uid && query->uid < rule->uid_end)) && !rule->tunnel && !rule_label_mask(rule);
}

/* What this host sends comes from its loopback link: net/ipv4/route.c, inet_rtm_getroute(). */
bool rule_fits(const fbn_rule *rule, const fbn_route_query *query, const struct devices *devices)
{
        const char *in = query->in_device ? query->in_device : "lo", *out = query->out_device ? query->out_device : "";
        bool fits = in_prefix(&rule->from, &query->source) && in_prefix(&rule->to, &query->destination) &&
                    (!rule->in_device || streq(rule->in_device, in)) && (!rule->out_device || streq(rule->out_device, out)) &&
                    (!rule->l3mdev || in_vrf(devices, query->in_device) || in_vrf(devices, query->out_device)) && fits_numbers(rule, query);

        return rule->family == query->destination.family && fits != rule->invert;
}

static int match(fbn_context *c, const fbn_route_query *query, fbn_rules **ret_rules)
{
        _cleanup_(fbn_rules_unrefp) fbn_rules *all = NULL, *fitting = NULL;
        _cleanup_(devices_free) struct devices devices = {0};
        uint32_t index;
        int r;

        r = devices_read(c, &devices);
        if (r == 0)
                r = devices_index(c, &devices, query->in_device, &index);
        if (r == 0)
                r = devices_index(c, &devices, query->out_device, &index);
        if (r == 0)
                r = fbn_rule_list(c, query->destination.family, &all);
        if (r == 0)
                r = fbn_rules_new(c, &fitting);
        for (size_t i = 0; r == 0 && i < fbn_rules_count(all); i++)
                if (rule_fits(fbn_rules_at(all, i), query, &devices))
                        r = rules_append(c, fitting, *rules_entry(all, i));
        if (r == 0)
                *ret_rules = TAKE_PTR(fitting);
        return r;
}

int fbn_rule_match(fbn_context *c, const fbn_route_query *query, fbn_rules **ret_rules)
{
        fbn_route_query mine;
        int r = route_query_take(c, query, &mine);

        return r < 0 ? r : match(c, &mine, ret_rules);
}
