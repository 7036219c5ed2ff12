/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "netlink/netlink.h"
#include "route/route.h"

/* Eight bytes a route: 100,000 of them by a few gateways take less than 1 MiB. */
struct item {
        uint32_t shape;
        union {
                uint8_t four[4];
                uint32_t six; /* place in addresses */
        };
};

#define UNPACKED ((size_t)64) /* records that are made at once when a caller looks at one */

struct fbn_routes {
        unsigned references;
        struct arena arena; /* of the shapes */
        struct route_entry **shapes;
        size_t shape_count, shape_capacity;
        uint32_t *buckets; /* shapes by hash, their number plus one; 0 is free. A power of two, at most half full */
        size_t bucket_count;
        uint32_t last_shape; /* lists mostly repeat themselves */
        struct item *items;
        size_t count, capacity;
        uint8_t (*addresses)[16];
        size_t address_count, address_capacity;
        fbn_route **unpacked; /* by index / UNPACKED; NULL until somebody looks */
        size_t unpacked_count;
};

int fbn_routes_new(fbn_context *c, fbn_routes **ret_routes)
{
        fbn_routes *routes = memory_alloc(sizeof(*routes));

        if (!routes)
                return fail_memory(c);
        routes->references = 1;
        *ret_routes = routes;
        return 0;
}

fbn_routes *fbn_routes_ref(fbn_routes *routes)
{
        routes->references++;
        return routes;
}

static void forget_unpacked(fbn_routes *routes)
{
        for (size_t i = 0; i < routes->unpacked_count; i++)
                memory_free(routes->unpacked[i]);
        memory_free(routes->unpacked);
        routes->unpacked = NULL;
        routes->unpacked_count = 0;
}

fbn_routes *fbn_routes_unref(fbn_routes *routes)
{
        if (!routes || --routes->references > 0)
                return NULL;
        forget_unpacked(routes);
        arena_free(&routes->arena);
        memory_free(routes->shapes);
        memory_free(routes->buckets);
        memory_free(routes->items);
        memory_free(routes->addresses);
        memory_free(routes);
        return NULL;
}

size_t fbn_routes_count(const fbn_routes *routes)
{
        return routes ? routes->count : 0;
}

struct route_entry *routes_shape(const fbn_routes *routes, size_t index)
{
        return routes->shapes[routes->items[index].shape];
}

struct route_key routes_key(const fbn_routes *routes, size_t index)
{
        const struct item *item = &routes->items[index];
        const struct route_entry *shape = routes->shapes[item->shape];

        return (struct route_key){shape, shape->route.destination.address.family == AF_INET ? item->four : routes->addresses[item->six]};
}

void routes_unpack(const fbn_routes *routes, size_t index, struct route_entry *ret_entry)
{
        struct route_key key = routes_key(routes, index);
        fbn_address *address = &ret_entry->route.destination.address;

        *ret_entry = *key.entry;
        memcpy(address->bytes, key.address, family_bytes(address->family));
}

/* The pointers to earlier records must stay good when the list grows: pieces of a fixed size, and a table of them that may move. */
static const fbn_route *unpack_piece(fbn_routes *routes, size_t piece)
{
        size_t first = piece * UNPACKED;
        fbn_route *records = memory_alloc(UNPACKED * sizeof(*records));

        for (size_t i = 0; records && i < UNPACKED && first + i < routes->count; i++) {
                struct route_entry entry;

                routes_unpack(routes, first + i, &entry);
                records[i] = entry.route;
        }
        routes->unpacked[piece] = records;
        return records;
}

const fbn_route *fbn_routes_at(const fbn_routes *routes, size_t index)
{
        fbn_routes *mine = (fbn_routes *)routes; /* what was packed is the same as before */
        size_t piece = index / UNPACKED, pieces = (fbn_routes_count(routes) + UNPACKED - 1) / UNPACKED;
        fbn_route *record;

        if (index >= fbn_routes_count(routes))
                return NULL;
        if (pieces > mine->unpacked_count) {
                fbn_route **more = memory_realloc(mine->unpacked, pieces * sizeof(*more));

                if (!more)
                        return NULL;
                memset(more + mine->unpacked_count, 0, (pieces - mine->unpacked_count) * sizeof(*more));
                mine->unpacked = more;
                mine->unpacked_count = pieces;
        }
        if (!mine->unpacked[piece] && !unpack_piece(mine, piece))
                return NULL;
        record = &mine->unpacked[piece][index % UNPACKED];
        if (!record->size) { /* added since its piece was made */
                struct route_entry entry;

                routes_unpack(routes, index, &entry);
                *record = entry.route;
        }
        return record;
}

static bool same_text(const char *a, const char *b)
{
        return a == b || (a && b && streq(a, b));
}

static bool same_address(const fbn_address *a, const fbn_address *b)
{
        return address_compare(a, b) == 0;
}

static bool same_hops(const fbn_route *a, const fbn_route *b)
{
        for (size_t i = 0; i < a->n_hops; i++) {
                const fbn_route_hop *first = &a->hops[i], *second = &b->hops[i];

                if (!same_address(&first->gateway, &second->gateway) || !same_text(first->device, second->device) ||
                    first->weight != second->weight || first->onlink != second->onlink)
                        return false;
        }
        return true;
}

/* All but the destination's address. */
static bool same_shape(const struct route_entry *one, const struct route_entry *other)
{
        const fbn_route *a = &one->route, *b = &other->route;

        return a->destination.address.family == b->destination.address.family && a->destination.length == b->destination.length &&
               one->table == other->table && one->metric == other->metric && a->mtu == b->mtu && a->advmss == b->advmss && a->type == b->type &&
               a->protocol == b->protocol && a->onlink == b->onlink && a->tos == b->tos && a->scope == b->scope && a->n_hops == b->n_hops &&
               a->nexthop == b->nexthop && a->table == b->table && a->metric == b->metric && one->device == other->device &&
               one->kernel_scope == other->kernel_scope && one->source_length == other->source_length && one->odd == other->odd &&
               same_address(&a->gateway, &b->gateway) && same_address(&a->source, &b->source) && same_text(a->device, b->device) && same_hops(a, b);
}

/* FNV-1a */
static uint32_t mix(uint32_t hash, const void *bytes, size_t length)
{
        for (size_t i = 0; i < length; i++)
                hash = (hash ^ ((const uint8_t *)bytes)[i]) * 16777619u;
        return hash;
}

static uint32_t mix_way(uint32_t hash, const fbn_address *gateway, const char *device)
{
        hash = mix(hash, gateway->bytes, family_bytes(gateway->family));
        return device ? mix(hash, device, strlen(device)) : hash;
}

/* Of what differs most; the rest is left to same_shape(). */
static uint32_t hash_of(const struct route_entry *entry)
{
        const fbn_route *route = &entry->route;
        const uint32_t numbers[] = {route->destination.address.family, route->destination.length, entry->table, entry->metric, route->mtu, route->type,
                                    route->protocol, route->nexthop, route->tos};
        uint32_t hash = mix_way(mix(2166136261u, numbers, sizeof(numbers)), &route->gateway, route->device);

        for (size_t i = 0; i < route->n_hops; i++)
                hash = mix_way(hash, &route->hops[i].gateway, route->hops[i].device);
        return mix(hash, route->source.bytes, family_bytes(route->source.family));
}

static bool grow_buckets(fbn_routes *routes)
{
        size_t count = routes->bucket_count ? routes->bucket_count * 2 : 16;
        uint32_t *buckets = memory_alloc(count * sizeof(*buckets));

        if (!buckets)
                return false;
        for (uint32_t i = 0; i < routes->shape_count; i++) {
                size_t place = hash_of(routes->shapes[i]) & (count - 1);

                while (buckets[place])
                        place = (place + 1) & (count - 1);
                buckets[place] = i + 1;
        }
        memory_free(routes->buckets);
        routes->buckets = buckets;
        routes->bucket_count = count;
        return true;
}

static bool keep_text(struct arena *arena, const char **text)
{
        if (*text)
                *text = arena_strdup(arena, *text);
        return *text;
}

/* Devices are often named alike in shapes that follow one another. */
static bool keep_device(fbn_routes *routes, const char **device)
{
        const char *last = routes->shape_count ? routes->shapes[routes->shape_count - 1]->route.device : NULL;

        if (!*device)
                return true;
        if (!last || !streq(last, *device))
                return keep_text(&routes->arena, device);
        *device = last;
        return true;
}

static bool keep_hops(fbn_routes *routes, struct route_entry *shape)
{
        fbn_route_hop *hops = arena_copy(&routes->arena, shape->route.hops, shape->route.n_hops * sizeof(*hops));
        uint32_t *devices = arena_alloc(&routes->arena, shape->route.n_hops * sizeof(*devices));

        if (!hops || !devices)
                return false;
        for (size_t i = 0; i < shape->route.n_hops; i++) {
                if (hops[i].device && !keep_text(&routes->arena, &hops[i].device))
                        return false;
                devices[i] = shape->hop_devices[i];
        }
        shape->route.hops = hops;
        shape->hop_devices = devices;
        return true;
}

static bool add_shape(fbn_routes *routes, const struct route_entry *entry, size_t place)
{
        struct route_entry *shape = arena_copy(&routes->arena, entry, sizeof(*entry));

        if (!shape || !keep_device(routes, &shape->route.device) || (shape->route.n_hops && !keep_hops(routes, shape)) ||
            !ARRAY_RESERVE(routes->shapes, routes->shape_count, routes->shape_capacity))
                return false;
        memset(shape->route.destination.address.bytes, 0, sizeof(shape->route.destination.address.bytes));
        routes->shapes[routes->shape_count++] = shape;
        routes->buckets[place] = (uint32_t)routes->shape_count;
        return true;
}

static bool find_shape(fbn_routes *routes, const struct route_entry *entry, uint32_t *ret_shape)
{
        size_t place;

        if (routes->shape_count && same_shape(routes->shapes[routes->last_shape], entry)) {
                *ret_shape = routes->last_shape;
                return true;
        }
        if (routes->shape_count * 2 >= routes->bucket_count && !grow_buckets(routes))
                return false;
        place = hash_of(entry) & (routes->bucket_count - 1);
        while (routes->buckets[place] && !same_shape(routes->shapes[routes->buckets[place] - 1], entry))
                place = (place + 1) & (routes->bucket_count - 1);
        if (!routes->buckets[place] && !add_shape(routes, entry, place))
                return false;
        *ret_shape = routes->last_shape = routes->buckets[place] - 1;
        return true;
}

int routes_append(fbn_context *c, fbn_routes *routes, const struct route_entry *entry)
{
        const uint8_t *address = entry->route.destination.address.bytes;
        struct item item = {0};

        if (!find_shape(routes, entry, &item.shape) || !ARRAY_RESERVE(routes->items, routes->count, routes->capacity))
                return fail_memory(c);
        if (entry->route.destination.address.family == AF_INET) {
                memcpy(item.four, address, sizeof(item.four));
        } else {
                if (!ARRAY_RESERVE(routes->addresses, routes->address_count, routes->address_capacity))
                        return fail_memory(c);
                memcpy(routes->addresses[routes->address_count], address, sizeof(routes->addresses[0]));
                item.six = (uint32_t)routes->address_count++;
        }
        routes->items[routes->count++] = item;
        return 0;
}

/* Only lists that nobody has looked at yet are cut. The addresses of what is dropped are not used again. */
void routes_cut(fbn_routes *routes, size_t count)
{
        routes->count = count;
}

int routes_resolve(fbn_context *c, const struct devices *devices, fbn_routes *routes)
{
        size_t i = 0, place = 0;
        char text[ROUTE_TEXT];
        struct route_entry entry;
        int r = 0;

        while (r == 0 && routes && i < routes->shape_count)
                r = route_resolve(c, devices, routes->shapes[i++]);
        if (r == 0)
                return 0;
        while (routes->items[place].shape != i - 1)
                place++;
        routes_unpack(routes, place, &entry);
        return fail_in(c, r, "%s", route_name(&entry.route, text));
}

int fbn_routes_add(fbn_context *c, fbn_routes *routes, const fbn_route *route)
{
        struct route_parts parts;
        int r = route_take(c, route, &parts);

        return r < 0 ? r : routes_append(c, routes, &parts.entry);
}
