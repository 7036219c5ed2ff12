/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROUTE_ROUTE_H
#define ROUTE_ROUTE_H

#include "base/context.h"

#include <fabricnet/route.h>

/* What this room's files share. */

struct nlattr;
struct nlmsghdr;

/* The links of the namespace, found by name and by index; read anew in every call. */
struct devices {
        fbn_links *links;
        const fbn_link **by_name, **by_index;
};

int devices_read(fbn_context *c, struct devices *ret_devices);
void devices_free(struct devices *devices);
const char *devices_name(const struct devices *devices, uint32_t index); /* NULL if there is none */
int devices_index(fbn_context *c, const struct devices *devices, const char *name, uint32_t *ret_index); /* a NULL name is index 0 */

/* A route with what the public record leaves out. */
struct route_entry {
        fbn_route route;
        uint32_t table, metric; /* the kernel's: never "not given" */
        uint32_t device;        /* index */
        uint32_t *hop_devices;  /* indexes */
        uint8_t kernel_scope, source_length; /* read */
        bool odd; /* read: has what fbn_route cannot say (an encapsulation, a metric of TCP …) */
};

/* An entry and the memory of its ways, while it is not in a list. */
struct route_parts {
        struct route_entry entry;
        fbn_route_hop hops[FBN_ROUTE_HOPS];
        uint32_t hop_devices[FBN_ROUTE_HOPS];
};

/* A caller's record as this version knows it, checked; borrows its texts. */
int route_take(fbn_context *c, const fbn_route *given, struct route_parts *ret_parts);

/* The same for deletion, where less need be given. */
int route_take_match(fbn_context *c, const fbn_route *given, struct route_parts *ret_parts);

/* Fill in table and metric: 0 means "not given" in the record, the table is then main or local, the metric 1024 for IPv6. Source:
 * net/ipv6/route.c, ip6_route_info_create(). */
void route_complete(struct route_entry *entry);

/* Find the indexes of its devices. */
int route_resolve(fbn_context *c, const struct devices *devices, struct route_entry *entry);

/* What the kernel takes for the same route: destination, table, metric, type of service. The address may lie outside of the entry. */
struct route_key {
        const struct route_entry *entry;
        const uint8_t *address;
};

int route_compare_keys(struct route_key a, struct route_key b);
struct route_key route_key_of(const struct route_entry *entry);

/* Whether the one that was read is as wanted, the keys being equal. */
bool route_satisfies(const struct route_entry *have, const struct route_entry *want);

bool route_fits_hops(const fbn_route *have, const fbn_route *want); /* in any order */

#define ROUTE_TEXT 512
const char *route_name(const fbn_route *route, char text[static ROUTE_TEXT]);     /* "route 10.0.0.0/8 table 100 metric 5" */
const char *route_describe(const fbn_route *route, char text[static ROUTE_TEXT]); /* "via 10.0.0.1 dev wg0 mtu 1280" */

/* A list holds its routes packed: all that many routes have in common once, as a shape, and eight bytes for each. The entry's
 * destination has no address then; the key has. */
struct route_entry *routes_shape(const fbn_routes *routes, size_t index);
struct route_key routes_key(const fbn_routes *routes, size_t index);
void routes_unpack(const fbn_routes *routes, size_t index, struct route_entry *ret_entry); /* pointers are the list's */
int routes_append(fbn_context *c, fbn_routes *routes, const struct route_entry *entry);    /* a copy */
void routes_cut(fbn_routes *routes, size_t count);
int routes_resolve(fbn_context *c, const struct devices *devices, fbn_routes *routes); /* the devices of all */

void route_put(struct nlmsghdr *message, const struct route_entry *entry);
void route_put_deletion(struct nlmsghdr *message, const struct route_entry *entry);
void route_put_address(struct nlmsghdr *message, uint16_t attribute, const fbn_address *address);
void route_put_gateway(struct nlmsghdr *message, uint16_t family, const fbn_address *gateway);

/* false: not a route of a unicast family */
bool route_parse(const struct nlmsghdr *message, const struct devices *devices, struct route_parts *ret_parts);
bool route_parse_address(const struct nlattr *attribute, uint16_t family, fbn_address *ret_address);

/* Asked about each route that is read. When the kernel interrupts, a family is read again, from its first route on. */
struct routes_visitor {
        bool (*accept)(const struct route_entry *entry, bool same, void *data); /* whether the list takes it; same: as the last but for its address */
        void (*again)(uint16_t family, void *data); /* NULL: accept remembers nothing */
        void *data;
};

/* Read the routes that match the filter and that the visitor (NULL: all) accepts; the table "local" too. */
int routes_read(fbn_context *c, const struct devices *devices, const fbn_route_filter *filter, const struct routes_visitor *visitor,
                fbn_routes *routes);

/* A caller's query as this version knows it, checked. */
int route_query_take(fbn_context *c, const fbn_route_query *given, fbn_route_query *ret_query);

/* The failure of a lookup as an error that says why. r is what the kernel's refusal led to; its errno is in the record. */
int route_explain(fbn_context *c, const fbn_route_query *query, int r);

#endif
