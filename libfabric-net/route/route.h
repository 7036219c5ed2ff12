/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROUTE_ROUTE_H
#define ROUTE_ROUTE_H

#include "base/context.h"

#include <fabricnet/route.h>

/* What this room's files share. */

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

struct route_entry {
        fbn_route route;
        uint32_t device; /* index */
        uint8_t tos, scope; /* read */
        bool odd; /* read: has what fbn_route cannot say (several next hops, a nexthop object …) */
};

int route_check(fbn_context *c, const fbn_route *route);

/* 0 means "not given" in both: the table is then main, the metric 1024 for IPv6. Source: net/ipv6/route.c, ip6_route_info_create(). */
uint32_t route_table(const fbn_route *route);
uint32_t route_metric(const fbn_route *route);

/* By what the kernel takes for the same route: destination, table, metric, type of service. */
int route_compare_keys(const struct route_entry *a, const struct route_entry *b);

/* Whether the one that was read is as wanted, the keys being equal. */
bool route_satisfies(const struct route_entry *have, const fbn_route *want);

#define ROUTE_TEXT 256
const char *route_name(const fbn_route *route, char text[static ROUTE_TEXT]);     /* "route 10.0.0.0/8 table 100 metric 5" */
const char *route_describe(const fbn_route *route, char text[static ROUTE_TEXT]); /* "via 10.0.0.1 dev wg0 mtu 1280" */

struct route_entry *routes_entry(const fbn_routes *routes, size_t index);
int routes_append(fbn_context *c, fbn_routes *routes, const struct route_entry *entry); /* its device's name must outlive the list … */
void routes_keep(fbn_routes *routes, fbn_links *links);                                 /* … as the names in these links then do */
void routes_cut(fbn_routes *routes, size_t count);

void route_put(struct nlmsghdr *message, const fbn_route *route, uint32_t device);
void route_put_deletion(struct nlmsghdr *message, const struct route_entry *entry);

/* false: not a route of a unicast family */
bool route_parse(const struct nlmsghdr *message, const struct devices *devices, struct route_entry *ret_entry);

/* Asked about each route that is read. When the kernel interrupts, a family is read again, from its first route on. */
struct routes_visitor {
        bool (*accept)(const struct route_entry *entry, void *data); /* whether the list takes it */
        void (*again)(uint16_t family, void *data); /* NULL: accept remembers nothing */
        void *data;
};

/* Read the routes that match the filter and that the visitor (NULL: all) accepts; the table "local" too. */
int routes_read(fbn_context *c, const struct devices *devices, const fbn_route_filter *filter, const struct routes_visitor *visitor,
                fbn_routes *routes);

#endif
