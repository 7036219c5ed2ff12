/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "route/route.h"

#include <linux/rtnetlink.h>
#include <stdio.h>

const char *route_name(const fbn_route *route, char text[static ROUTE_TEXT])
{
        char prefix[FBN_ADDRESS_TEXT], table[24] = "", metric[24] = "", tos[16] = "";

        if (route->table && route->table != RT_TABLE_MAIN)
                snprintf(table, sizeof(table), " table %u", route->table);
        if (route->metric && !(route->metric == 1024 && route->destination.address.family == AF_INET6))
                snprintf(metric, sizeof(metric), " metric %u", route->metric);
        if (route->tos)
                snprintf(tos, sizeof(tos), " tos 0x%02x", route->tos);
        snprintf(text, ROUTE_TEXT, "route %s%s%s%s", fbn_prefix_format(&route->destination, prefix, sizeof(prefix)), table, metric, tos);
        return text;
}

static void add_word(char *text, const char *word, const char *value)
{
        size_t used = strlen(text);

        if (*value)
                snprintf(text + used, ROUTE_TEXT - used, "%s%s %s", used ? " " : "", word, value);
}

static void add_number(char *text, const char *word, uint32_t value)
{
        char digits[16] = "";

        if (value)
                snprintf(digits, sizeof(digits), "%u", value);
        add_word(text, word, digits);
}

static void add_way(char *text, const fbn_address *gateway, const char *device, bool onlink)
{
        char address[FBN_ADDRESS_TEXT];

        add_word(text, "via", fbn_address_format(gateway, address, sizeof(address)));
        add_word(text, "dev", device ? device : "");
        if (onlink)
                add_word(text, "onlink", "yes");
}

const char *route_describe(const fbn_route *route, char text[static ROUTE_TEXT])
{
        static const char *const types[] = {"", "blackhole", "unreachable", "prohibit", "throw", "local", "broadcast", "anycast", "multicast", "other"};
        char address[FBN_ADDRESS_TEXT];

        snprintf(text, ROUTE_TEXT, "%s", types[route->type]);
        add_way(text, &route->gateway, route->device, false);
        add_number(text, "nexthop", route->nexthop);
        add_word(text, "src", fbn_address_format(&route->source, address, sizeof(address)));
        add_number(text, "mtu", route->mtu);
        add_number(text, "advmss", route->advmss);
        if (route->onlink)
                add_word(text, "onlink", "yes");
        for (size_t i = 0; i < route->n_hops; i++) {
                add_number(text, "hop", (uint32_t)i + 1);
                add_way(text, &route->hops[i].gateway, route->hops[i].device, route->hops[i].onlink);
                add_number(text, "weight", route->hops[i].weight);
        }
        return text;
}
