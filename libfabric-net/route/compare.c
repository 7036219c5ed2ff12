/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "route/route.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>

void route_complete(struct route_entry *entry)
{
        const fbn_route *route = &entry->route;
        bool local = route->type == FBN_ROUTE_LOCAL || route->type == FBN_ROUTE_BROADCAST || route->type == FBN_ROUTE_ANYCAST;

        entry->table = route->table ? route->table : local ? RT_TABLE_LOCAL : RT_TABLE_MAIN;
        entry->metric = route->metric == 0 && route->destination.address.family == AF_INET6 ? 1024 : route->metric;
}

int route_resolve(fbn_context *c, const struct devices *devices, struct route_entry *entry)
{
        int r = devices_index(c, devices, entry->route.device, &entry->device);

        for (size_t i = 0; r == 0 && i < entry->route.n_hops; i++)
                r = devices_index(c, devices, entry->route.hops[i].device, &entry->hop_devices[i]);
        return r;
}

struct route_key route_key_of(const struct route_entry *entry)
{
        return (struct route_key){entry, entry->route.destination.address.bytes};
}

static int compare_numbers(uint32_t a, uint32_t b)
{
        return a < b ? -1 : a > b;
}

static int compare_addresses(uint16_t family, const uint8_t *a, const uint8_t *b)
{
        uint32_t first, second;

        if (family != AF_INET)
                return memcmp(a, b, family_bytes(family));
        memcpy(&first, a, sizeof(first)); /* by the hundred thousand this is felt */
        memcpy(&second, b, sizeof(second));
        return first == second ? 0 : compare_numbers(ntohl(first), ntohl(second));
}

/* Tables one after another, addresses ascending, as the kernel dumps them. */
int route_compare_keys(struct route_key a, struct route_key b)
{
        const fbn_prefix *first = &a.entry->route.destination, *second = &b.entry->route.destination;
        int order;

        if (a.entry != b.entry) {
                order = compare_numbers(first->address.family, second->address.family);
                if (!order)
                        order = compare_numbers(a.entry->table, b.entry->table);
                if (order)
                        return order;
        }
        order = compare_addresses(first->address.family, a.address, b.address);
        if (order || a.entry == b.entry)
                return order;
        order = compare_numbers(first->length, second->length);
        if (!order)
                order = compare_numbers(a.entry->metric, b.entry->metric);
        if (!order)
                order = compare_numbers(a.entry->route.tos, b.entry->route.tos);
        return order ? order : compare_numbers(a.entry->source_length, b.entry->source_length);
}

/* What the kernel chose by itself was not asked for. */
static bool fits_device(const char *have, const char *want)
{
        return !want || (have && streq(have, want));
}

static uint16_t weight_of(const fbn_route_hop *hop)
{
        return hop->weight ? hop->weight : 1;
}

static bool fits_hop(const fbn_route_hop *have, const fbn_route_hop *want)
{
        return fits_device(have->device, want->device) && address_compare(&have->gateway, &want->gateway) == 0 &&
               weight_of(have) == weight_of(want) && have->onlink == want->onlink;
}

bool route_fits_hops(const fbn_route *have, const fbn_route *want)
{
        uint64_t taken = 0;

        for (size_t i = 0; i < want->n_hops; i++) {
                size_t j = 0;

                while (j < have->n_hops && (taken >> j & 1 || !fits_hop(&have->hops[j], &want->hops[i])))
                        j++;
                if (j == have->n_hops)
                        return false;
                taken |= UINT64_C(1) << j;
        }
        return have->n_hops == want->n_hops;
}

bool route_satisfies(const struct route_entry *have_entry, const struct route_entry *want_entry)
{
        const fbn_route *have = &have_entry->route, *want = &want_entry->route;

        return !have_entry->odd && have->type == want->type && fits_device(have->device, want->device) &&
               address_compare(&have->gateway, &want->gateway) == 0 && address_compare(&have->source, &want->source) == 0 && have->mtu == want->mtu &&
               have->advmss == want->advmss && have->onlink == want->onlink && have->nexthop == want->nexthop &&
               (!want->scope || have->scope == want->scope) && route_fits_hops(have, want);
}
