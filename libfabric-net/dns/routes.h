/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_ROUTES_H
#define DNS_ROUTES_H

#include "dns/suffix.h"

#include <fabricnet/dns.h>

struct route {
        struct suffix suffix;
        uint32_t number; /* in the table; what the cache knows it by */
        size_t first_upstream; /* how many all routes before have together */
        fbn_dns_route record;
};

struct fbn_dns_routes {
        unsigned references;
        struct arena arena;
        struct route **items; /* in the order of adding */
        size_t n_upstreams;   /* of all routes */
        size_t count, capacity;
        struct suffix_table table;
};

/* The route of a name in lower case, its first labels skipped; NULL if there is none. */
const struct route *routes_find(const fbn_dns_routes *routes, const struct name *name, size_t skip);

#endif
