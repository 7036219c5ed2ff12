/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_ROUTE_H
#define FABRICNET_ROUTE_H

#include <fabricnet/changes.h>
#include <fabricnet/link.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fbn_route_type {
        FBN_ROUTE_UNICAST = 0,
        FBN_ROUTE_BLACKHOLE = 1,
        FBN_ROUTE_UNREACHABLE = 2,
        FBN_ROUTE_PROHIBIT = 3,
        FBN_ROUTE_OTHER = 4 /**< read only: local, broadcast, multicast … */
} fbn_route_type;

/** A route. Zero and NULL mean "not given"; numbers are the kernel's. */
typedef struct fbn_route {
        size_t size;
        fbn_prefix destination; /**< "0.0.0.0/0" or "::/0" is the default route */
        fbn_address gateway;
        const char *device;
        fbn_address source; /**< preferred source address */
        uint32_t table;     /**< 0: main (254) */
        uint32_t metric;
        uint32_t mtu;
        uint32_t advmss;
        fbn_route_type type;
        uint8_t protocol; /**< when added or applied, 0 means ours, FBN_PROTOCOL */
        bool onlink;
} fbn_route;

/** A list of routes. */
typedef struct fbn_routes fbn_routes;

/** Make an empty list. Returns 0 or -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_routes_new(fbn_context *c, fbn_routes **ret_routes);
/** Append a copy. Returns 0, -FBN_EINVAL (host bits set, no gateway and no device …), -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_routes_add(fbn_context *c, fbn_routes *routes, const fbn_route *route);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_routes *fbn_routes_ref(fbn_routes *routes);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_routes *fbn_routes_unref(fbn_routes *routes);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_routes_count(const fbn_routes *routes);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_route *fbn_routes_at(const fbn_routes *routes, size_t index);

/** Which routes to read; zero means any. */
typedef struct fbn_route_filter {
        size_t size;
        uint16_t family; /**< AF_INET, AF_INET6 */
        uint32_t table;
        uint8_t protocol;
        const char *device;
} fbn_route_filter;

/**
 * Read routes; the kernel filters where it can. Without a table, those of the table "local" are left out.
 *
 * @param filter      NULL: all
 * @param ret_routes  a snapshot, owned by the caller; untouched on failure
 * @return 0, -FBN_EINTERRUPTED, -FBN_ENOENT (no such device)
 *
 * Thread: the context's. Since 0.1. Source: rtnetlink(7).
 */
FBN_PUBLIC int fbn_route_list(fbn_context *c, const fbn_route_filter *filter, fbn_routes **ret_routes);

/** Add one route. Returns 0, -FBN_EEXIST, -FBN_ENOENT (no such device), -FBN_EINVAL, -FBN_EPERM. Since 0.1. */
FBN_PUBLIC int fbn_route_add(fbn_context *c, const fbn_route *route);

/** Remove one route: the first that matches every member that is given. Returns 0, -FBN_ENOENT, -FBN_EPERM. Since 0.1. */
FBN_PUBLIC int fbn_route_delete(fbn_context *c, const fbn_route *route);

/**
 * Ask the kernel where a packet would go.
 *
 * @param destination  of the packet
 * @param ret_routes   one route, owned by the caller; untouched on failure
 * @return 0, or -FBN_ENOENT: no route
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_route_get(fbn_context *c, const fbn_address *destination, fbn_routes **ret_routes);

typedef struct fbn_route_apply_options {
        size_t size;
        const char *device; /**< only our routes through this link are compared; NULL: all of ours */
        bool dry_run;       /**< say what would be done, send nothing */
} fbn_route_apply_options;

/**
 * Make the routes of this namespace as wanted.
 *
 * Compares with the kernel's routes that carry our protocol number and sends only what differs, in one batch; a second call sends
 * nothing. Routes without our number are never touched.
 *
 * @param want         borrowed
 * @param options      NULL for the defaults
 * @param ret_changes  what was done; owned by the caller, may be NULL; untouched on failure
 * @return the number of changes, or
 *         -FBN_ECONFLICT  a route of somebody else stands in the way; nothing changed
 *         -FBN_EPARTIAL   the kernel refused one midway; the message says what stands
 *
 * Thread: the context's. Since 0.1. Source: rtnetlink(7).
 */
FBN_PUBLIC int fbn_route_apply(fbn_context *c, const fbn_routes *want, const fbn_route_apply_options *options, fbn_changes **ret_changes);

/** A rule of policy routing, as ip-rule(8) has it. Zero and NULL mean "not given". */
typedef struct fbn_rule {
        size_t size;
        uint16_t family;   /**< AF_INET or AF_INET6; required */
        uint32_t priority; /**< required */
        bool invert;       /**< "not" */
        fbn_prefix from;
        fbn_prefix to;
        const char *in_device;
        const char *out_device;
        uint32_t fwmark;
        uint32_t fwmask;  /**< 0 with a mark: all bits */
        uint32_t table;   /**< where to look; required */
        int32_t suppress_prefix_length; /**< refuse results of this length or shorter, plus one: 1 is the "suppress_prefixlength 0" of ip-rule(8); 0: not given */
        uint8_t protocol; /**< when added or applied, 0 means ours */
} fbn_rule;

/** A list of rules. */
typedef struct fbn_rules fbn_rules;

/** Make an empty list. Returns 0 or -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_rules_new(fbn_context *c, fbn_rules **ret_rules);
/** Append a copy. Returns 0, -FBN_EINVAL, -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_rules_add(fbn_context *c, fbn_rules *rules, const fbn_rule *rule);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_rules *fbn_rules_ref(fbn_rules *rules);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_rules *fbn_rules_unref(fbn_rules *rules);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_rules_count(const fbn_rules *rules);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_rule *fbn_rules_at(const fbn_rules *rules, size_t index);

/** Read the rules; family 0: both. Returns 0 or a failure of the kernel. Since 0.1. */
FBN_PUBLIC int fbn_rule_list(fbn_context *c, uint16_t family, fbn_rules **ret_rules);
/** Add one rule. Returns 0, -FBN_EEXIST, -FBN_EINVAL, -FBN_EPERM. Since 0.1. */
FBN_PUBLIC int fbn_rule_add(fbn_context *c, const fbn_rule *rule);
/** Remove one rule. Returns 0, -FBN_ENOENT, -FBN_EPERM. Since 0.1. */
FBN_PUBLIC int fbn_rule_delete(fbn_context *c, const fbn_rule *rule);

typedef struct fbn_rule_apply_options {
        size_t size;
        bool dry_run; /**< say what would be done, send nothing */
} fbn_rule_apply_options;

/** Make our rules as wanted, by difference; as fbn_route_apply(). An absence is confirmed by a second read. Since 0.1. */
FBN_PUBLIC int fbn_rule_apply(fbn_context *c, const fbn_rules *want, const fbn_rule_apply_options *options, fbn_changes **ret_changes);

FBN_DEFINE_CLEANUP(fbn_routes)
FBN_DEFINE_CLEANUP(fbn_rules)

#ifdef __cplusplus
}
#endif

#endif
