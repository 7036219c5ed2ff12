/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROUTE_FIB_H
#define ROUTE_FIB_H

#include "base/context.h"

/* The IPv4 rules and routes of a namespace, read once, and lookups in them as the kernel does them. Addresses are in host byte order. */

struct fib_way {
        uint32_t device;
        bool dead;
};

struct fib_route {
        uint32_t table;
        uint32_t destination;
        uint8_t length, tos, type, protocol;
        uint32_t metric;
        struct fib_way *ways;
        size_t n_ways;
        size_t order; /* of the dump: routes of one prefix are in the kernel's order there */
};

struct fib_rule {
        uint32_t priority, table, target;
        uint8_t action, tos;
        bool invert, l3mdev;
        uint32_t from, to;
        uint8_t from_length, to_length;
        char in_device[16], out_device[16];
        uint32_t mark, mask;
        uint8_t ip_protocol;
        uint16_t source_ports[2], destination_ports[2]; /* first and last, 0: any */
        uint32_t uids[2];                                /* first and last */
        bool uid_given, tunnel;
        int32_t suppress_length, suppress_group; /* -1: not given */
};

struct fib {
        struct arena arena;
        struct fib_route *routes;
        size_t n_routes, routes_capacity;
        struct fib_rule *rules;
        size_t n_rules, rules_capacity;
        bool custom_rules;  /* besides the kernel's three */
        bool custom_local;  /* local routes that the kernel did not make */
};

/* A packet, as the lookup sees it. */
struct fib_query {
        uint32_t to, from;
        const char *in_device;
        uint32_t vrf_table; /* of the VRF that the packet is in, 0: none */
        uint32_t mark;
        uint8_t tos, ip_protocol;
        uint16_t source_port, destination_port;
};

int fib_read(fbn_context *c, struct fib *fib);
void fib_free(struct fib *fib);

/* The route, NULL if there is none or it refuses (blackhole, unreachable, prohibit). */
const struct fib_route *fib_lookup(const struct fib *fib, const struct fib_query *query);

#endif
