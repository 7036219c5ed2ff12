/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"
#include "base/text.h"
#include "route/fib.h"
#include "route/rpfilter.h"

#include <arpa/inet.h>
#include <fabricnet/link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

struct asking {
        fbn_context *c;
        const fbn_rpfilter_packet *packet;
        unsigned without;
        fbn_links *links;
        const fbn_link *in;
        struct fib fib;
};

static int setting(fbn_context *c, const char *device, const char *name, uint64_t *ret_value)
{
        NAMESPACE_GUARD guard = {-1};
        _cleanup_free_ char *text = NULL;
        char path[128];
        size_t length;
        int r;

        snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", device, name);
        r = namespace_enter(c, &guard);
        if (r == 0)
                r = file_read(c, path, 64, &text, &length);
        if (r < 0)
                return r;
        text[strcspn(text, "\n")] = 0;
        return text_to_u64(text, 0, UINT32_MAX, ret_value) ? 0 : fail(c, FBN_EPROTOCOL, "%s: not a number", path);
}

/* The larger of "all" and the link's, which for those that are on or off is "in one of both". */
static int larger(struct asking *asking, const char *name, bool only_own, uint64_t *ret_value)
{
        uint64_t own, all = 0;
        int r = setting(asking->c, asking->in->name, name, &own);

        if (r == 0 && !only_own)
                r = setting(asking->c, "all", name, &all);
        if (r == 0)
                *ret_value = MAX(own, all);
        return r;
}

static int either(struct asking *asking, const char *name, bool only_own, bool *ret_value)
{
        uint64_t value;
        int r = larger(asking, name, only_own, &value);

        if (r == 0)
                *ret_value = value != 0;
        return r;
}

struct settings {
        bool valid_mark, redirects, forwarding;
};

static int read_settings(struct asking *asking, struct settings *ret_settings, fbn_rpfilter_state *state)
{
        uint64_t rp_filter;
        int r = larger(asking, "rp_filter", asking->without & PART_MAX, &rp_filter);

        if (r == 0)
                r = either(asking, "accept_local", asking->without & PART_ACCEPT_LOCAL_ALL, &state->accept_local);
        if (r == 0)
                r = either(asking, "route_localnet", false, &state->route_localnet);
        if (r == 0)
                r = either(asking, "src_valid_mark", asking->without & PART_MARK_ALL, &ret_settings->valid_mark);
        if (r == 0)
                r = either(asking, "send_redirects", false, &ret_settings->redirects);
        if (r == 0)
                r = either(asking, "forwarding", true, &ret_settings->forwarding);
        if (r == 0)
                state->rp_filter = (uint8_t)MIN(rp_filter, (uint64_t)2);
        return r;
}

static int read_addresses(struct asking *asking, fbn_rpfilter_state *state)
{
        FBN_CLEANUP(fbn_link_addresses) addresses = NULL;
        int r = fbn_link_address_list(asking->c, NULL, &addresses);

        if (r < 0)
                return r;
        state->no_address = true;
        for (size_t i = 0; i < fbn_link_addresses_count(addresses); i++) {
                const fbn_link_address *address = fbn_link_addresses_at(addresses, i);

                if (address->address.address.family != AF_INET)
                        continue;
                if (streq(address->device, asking->in->name))
                        state->no_address = false;
                if (memcmp(address->address.address.bytes, state->source.bytes, 4) == 0)
                        state->own_source = true;
        }
        return 0;
}

static uint32_t number_of(const fbn_address *address)
{
        uint32_t number;

        memcpy(&number, address->bytes, sizeof(number));
        return ntohl(number);
}

static const fbn_link *link_named(const struct asking *asking, const char *name)
{
        for (size_t i = 0; name && i < fbn_links_count(asking->links); i++)
                if (streq(fbn_links_at(asking->links, i)->name, name))
                        return fbn_links_at(asking->links, i);
        return NULL;
}

/* The table of the VRF that the link is a port of, or is itself. */
static uint32_t vrf_table(const struct asking *asking)
{
        const fbn_link *master = link_named(asking, asking->in->master);

        return master && master->table ? master->table : asking->in->table;
}

static const char *name_of(const struct asking *asking, uint32_t index)
{
        for (size_t i = 0; i < fbn_links_count(asking->links); i++)
                if (fbn_links_at(asking->links, i)->index == index)
                        return fbn_links_at(asking->links, i)->name;
        return "";
}

static uint32_t first_way(const struct fib_route *route)
{
        for (size_t i = 0; i < route->n_ways; i++)
                if (!route->ways[i].dead)
                        return route->ways[i].device;
        return 0;
}

/* To all on the link, whatever the routes say. Source: net/ipv4/route.c, ip_route_input_slow(). */
static bool limited_broadcast(const fbn_rpfilter_packet *packet)
{
        uint32_t to = number_of(&packet->destination);

        return to == INADDR_BROADCAST || (to == 0 && number_of(&packet->source) == 0);
}

/* Where the packet goes on: the index of a link, 0 for this host itself; unrouted is set if it goes nowhere. */
static uint32_t way_on(const struct asking *asking, bool forwarding, bool *ret_unrouted)
{
        const fbn_rpfilter_packet *packet = asking->packet;
        struct fib_query query = {.to = number_of(&packet->destination), .from = number_of(&packet->source), .in_device = asking->in->name,
                                  .vrf_table = vrf_table(asking), .mark = packet->mark, .tos = packet->tos, .ip_protocol = packet->ip_protocol,
                                  .source_port = packet->source_port, .destination_port = packet->destination_port};
        const struct fib_route *route;

        *ret_unrouted = false;
        if (limited_broadcast(packet))
                return 0;
        route = fib_lookup(&asking->fib, &query);
        if (route && (route->type == RTN_LOCAL || route->type == RTN_BROADCAST))
                return 0;
        *ret_unrouted = !route || !forwarding || route->type != RTN_UNICAST;
        return *ret_unrouted ? 0 : first_way(route);
}

/* A broadcast comes from nowhere in particular. Source: net/ipv4/route.c, ip_route_input_slow(), label brd_input. */
static bool to_everybody(const struct asking *asking)
{
        struct fib_query query = {.to = number_of(&asking->packet->destination), .from = number_of(&asking->packet->source),
                                  .in_device = asking->in->name, .vrf_table = vrf_table(asking), .mark = asking->packet->mark};
        const struct fib_route *route = fib_lookup(&asking->fib, &query);

        return limited_broadcast(asking->packet) || (route && route->type == RTN_BROADCAST);
}

static void way_back(const struct asking *asking, uint32_t out, bool valid_mark, fbn_rpfilter_state *state)
{
        const fbn_rpfilter_packet *packet = asking->packet;
        bool swap = !(asking->without & PART_PORTS), all = !(asking->without & PART_ALL_WAYS);
        struct fib_query query = {.to = number_of(&packet->source),
                                  .from = to_everybody(asking) || asking->without & PART_REVERSE_SOURCE ? 0 : number_of(&packet->destination),
                                  .in_device = out && !(asking->without & PART_REVERSE_IN) ? name_of(asking, out) : "lo",
                                  .vrf_table = vrf_table(asking),
                                  .mark = valid_mark || asking->without & PART_MARK ? packet->mark : 0,
                                  .tos = packet->tos,
                                  .ip_protocol = packet->ip_protocol,
                                  .source_port = swap ? packet->destination_port : packet->source_port,
                                  .destination_port = swap ? packet->source_port : packet->destination_port};
        const struct fib_route *route = fib_lookup(&asking->fib, &query);

        if (!route)
                return;
        state->reverse = route->type == RTN_UNICAST ? FBN_RPFILTER_REVERSE_UNICAST
                         : route->type == RTN_LOCAL ? FBN_RPFILTER_REVERSE_LOCAL
                                                    : FBN_RPFILTER_REVERSE_OTHER;
        for (size_t i = 0; i < (all ? route->n_ways : MIN(route->n_ways, (size_t)1)); i++)
                state->reverse_device |= route->ways[i].device == asking->in->index;
        state->reverse_device |= route->type == RTN_LOCAL && streq(asking->in->name, "lo");
}

static int observe(struct asking *asking, fbn_rpfilter_state *state)
{
        struct settings settings;
        uint32_t out;
        int r = read_settings(asking, &settings, state);

        if (r == 0)
                r = read_addresses(asking, state);
        if (r == 0)
                r = fib_read(asking->c, &asking->fib);
        if (r < 0)
                return r;
        state->policy = (asking->fib.custom_rules && !(asking->without & PART_POLICY_RULES)) ||
                        (asking->fib.custom_local && !(asking->without & PART_POLICY_LOCAL));
        asking->fib.custom_rules |= (asking->without & PART_MERGED) != 0;
        out = way_on(asking, settings.forwarding, &state->unrouted);
        state->redirects = settings.redirects && out == asking->in->index;
        way_back(asking, out, settings.valid_mark, state);
        return 0;
}

static void asking_clear(struct asking *asking)
{
        fib_free(&asking->fib);
        fbn_links_unref(asking->links);
}

int rpfilter_observe(fbn_context *c, const fbn_rpfilter_packet *packet, unsigned without, fbn_rpfilter_state *ret_state)
{
        _cleanup_(asking_clear) struct asking asking = {.c = c, .packet = packet, .without = without};
        fbn_rpfilter_state state = {.size = sizeof(state), .source = packet->source, .destination = packet->destination};
        int r = rpfilter_check_addresses(c, &packet->source, &packet->destination);

        if (r == 0 && !packet->in_device)
                r = fail(c, FBN_EINVAL, "the link that the packet comes in by is needed");
        if (r == 0)
                r = fbn_link_list(c, NULL, &asking.links);
        if (r < 0)
                return r;
        asking.in = link_named(&asking, packet->in_device);
        if (!asking.in)
                return fail_in(c, fail(c, FBN_ENOENT, "no such link"), "%s", packet->in_device);
        r = observe(&asking, &state);
        if (r == 0)
                *ret_state = state;
        return r;
}

int fbn_rpfilter_ask(fbn_context *c, const fbn_rpfilter_packet *packet, fbn_rpfilter_result *ret_result)
{
        fbn_rpfilter_packet mine;
        fbn_rpfilter_state state;
        int r;

        r = OPTIONS_READ(c, fbn_rpfilter_packet, packet, &mine);
        if (r == 0)
                r = rpfilter_observe(c, &mine, 0, &state);
        return r < 0 ? r : fbn_rpfilter_verdict(c, &state, ret_result);
}
