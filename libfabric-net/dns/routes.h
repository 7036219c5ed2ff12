/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_ROUTES_H
#define DNS_ROUTES_H

#include "dns/suffix.h"

#include <fabricnet/dns.h>

struct route {
        struct name name;      /* where it stands, in lower case */
        size_t labels;
        bool whole;            /* for the name and all below it, as a zone is */
        uint32_t number;       /* in the table */
        size_t first_upstream; /* how many all routes before have together */
        const struct name *pointer; /* the name to answer with at an address' reverse name; NULL elsewhere */
        fbn_dns_route record;
};

/* What stands at one name: for itself alone, for those below alone, and for both where nothing more precise does. */
struct place {
        struct suffix suffix;
        struct route *self, *below, *whole;
};

struct fbn_dns_routes {
        unsigned references;
        struct arena arena;
        struct route **items; /* as added */
        size_t count, capacity;
        size_t n_upstreams; /* of all */
        struct route **all; /* by number, those for reverse names included */
        size_t n_all, all_capacity;
        struct suffix_table table;
};

/* The one that asks the same servers for the same names as one of another table; NULL if there is none. */
const struct route *routes_same(const fbn_dns_routes *routes, const struct route *other);

/* The route of a name in lower case, its first labels skipped; NULL if there is none. */
const struct route *routes_find(const fbn_dns_routes *routes, const struct name *name, size_t skip);

#endif
