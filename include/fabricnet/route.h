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
        FBN_ROUTE_BLACKHOLE = 1,   /**< drops */
        FBN_ROUTE_UNREACHABLE = 2, /**< drops, and says that the host cannot be reached */
        FBN_ROUTE_PROHIBIT = 3,    /**< drops, and says that it is forbidden */
        FBN_ROUTE_THROW = 4,       /**< ends the lookup in this table: the next rule is asked */
        FBN_ROUTE_LOCAL = 5,       /**< for this host itself */
        FBN_ROUTE_BROADCAST = 6,
        FBN_ROUTE_ANYCAST = 7,
        FBN_ROUTE_MULTICAST = 8,
        FBN_ROUTE_OTHER = 9 /**< read only: what this version does not know */
} fbn_route_type;

/** How far a destination is; IPv4 only. */
typedef enum fbn_route_scope {
        FBN_ROUTE_SCOPE_FITTING = 0, /**< not given: what fits the type and the way, as ip-route(8) chooses */
        FBN_ROUTE_SCOPE_GLOBAL = 1,
        FBN_ROUTE_SCOPE_SITE = 2,
        FBN_ROUTE_SCOPE_LINK = 3,
        FBN_ROUTE_SCOPE_HOST = 4
} fbn_route_scope;

/** Ways that one route can have, at most. */
#define FBN_ROUTE_HOPS 64

/** One of several ways of a route. */
typedef struct fbn_route_hop {
        size_t size;
        fbn_address gateway;
        const char *device;
        uint16_t weight; /**< its share of the flows, 1 to 256; 0: 1 */
        bool onlink;
} fbn_route_hop;

/** A route. Zero and NULL mean "not given"; numbers are the kernel's. */
typedef struct fbn_route {
        size_t size;
        fbn_prefix destination; /**< "0.0.0.0/0" or "::/0" is the default route */
        fbn_address gateway;    /**< of IPv6 for an IPv4 destination too */
        const char *device;
        fbn_address source; /**< preferred source address */
        uint32_t table;     /**< 0: main (254); of local, broadcast and anycast routes local (255) */
        uint32_t metric;    /**< of IPv6 0 is 1024 */
        uint32_t mtu;
        uint32_t advmss;
        fbn_route_type type;
        uint8_t protocol; /**< when added or applied, 0 means ours, FBN_PROTOCOL */
        bool onlink;      /**< the gateway is reachable on the link although no address says so */
        uint8_t tos;      /**< only packets of this type of service; IPv4 */
        fbn_route_scope scope;
        const fbn_route_hop *hops; /**< several ways, instead of gateway and device; those of IPv6 have a gateway each */
        size_t n_hops;             /**< at most FBN_ROUTE_HOPS */
        uint32_t nexthop;          /**< id of a nexthop object, instead of gateway, device and hops */
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
/** One of them, borrowed from the list, which stays packed until it is asked; NULL past the end or without memory. Since 0.1. */
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

/** Add one route. Returns 0, -FBN_EEXIST, -FBN_ENOENT (no such device or nexthop), -FBN_EINVAL, -FBN_EPERM. Since 0.1. */
FBN_PUBLIC int fbn_route_add(fbn_context *c, const fbn_route *route);

/** Add one route in place of the one of its destination, table, metric and type of service, whoever made that. As fbn_route_add(). Since 0.1. */
FBN_PUBLIC int fbn_route_replace(fbn_context *c, const fbn_route *route);

/** Add one route behind those of its destination, table and metric; of IPv6 it becomes another way of theirs. As fbn_route_add(). Since 0.1. */
FBN_PUBLIC int fbn_route_append(fbn_context *c, const fbn_route *route);

/** Remove one route: the first that matches every member that is given. Returns 0, -FBN_ENOENT, -FBN_EPERM. Since 0.1. */
FBN_PUBLIC int fbn_route_delete(fbn_context *c, const fbn_route *route);

/** A packet, as far as routing looks at it. Zero and NULL mean "not given". */
typedef struct fbn_route_query {
        size_t size;
        fbn_address destination; /**< required */
        fbn_address source;      /**< required with in_device */
        const char *in_device;   /**< it came in here: where would it be forwarded; NULL: it is sent by this host */
        const char *out_device;
        uint32_t mark;
        uint8_t tos;
        uint8_t ip_protocol; /**< 6 TCP, 17 UDP, 1 ICMP, 58 ICMPv6 */
        uint16_t source_port;
        uint16_t destination_port;
        uint32_t uid; /**< of the sender */
} fbn_route_query;

/**
 * Ask the kernel where a packet would go, and by which route.
 *
 * @param query       the packet
 * @param ret_routes  first the way: link, gateway, source, table; then, where the kernel tells it, the route that it
 *                    matched; owned by the caller, untouched on failure
 * @return 0, or
 *         -FBN_ENOENT  it goes nowhere; the message says why: no route, or which blackhole, unreachable or prohibit route or rule
 *                      takes it, or that the reverse-path filter or an impossible source drops it
 *
 * Which rule chose the table: the first of fbn_rule_match() that names it.
 *
 * Thread: the context's. Since 0.1. Source: net/ipv4/route.c, inet_rtm_getroute(); net/ipv6/route.c, inet6_rtm_getroute().
 */
FBN_PUBLIC int fbn_route_get(fbn_context *c, const fbn_route_query *query, fbn_routes **ret_routes);

typedef struct fbn_route_apply_options {
        size_t size;
        const char *device; /**< only our routes through this link are compared; NULL: all of ours */
        bool dry_run;       /**< say what would be done, send nothing */
} fbn_route_apply_options;

/**
 * Make the routes of this namespace as wanted.
 *
 * Compares with the kernel's routes that carry our protocol number and sends only what differs, in one batch; a second call sends
 * nothing. Routes without our number are never touched. That one is missing is believed when a second read says so too.
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

/** One way of a group, with its share of the flows. */
typedef struct fbn_nexthop_member {
        size_t size;
        uint32_t id;
        uint16_t weight; /**< 1 to 256; 0: 1 */
} fbn_nexthop_member;

/** A nexthop object: a way with a number of its own, that many routes share and that changes for all of them at once. */
typedef struct fbn_nexthop {
        size_t size;
        uint32_t id;     /**< required */
        uint16_t family; /**< AF_INET, AF_INET6; 0: the gateway's, else IPv4 */
        fbn_address gateway;
        const char *device;
        bool onlink;
        bool blackhole;                    /**< drops: neither gateway nor device */
        const fbn_nexthop_member *members; /**< a group: of these, instead of a way of its own */
        size_t n_members;                  /**< at most FBN_ROUTE_HOPS */
        uint8_t protocol;                  /**< when added or applied, 0 means ours */
} fbn_nexthop;

/** A list of nexthop objects. */
typedef struct fbn_nexthops fbn_nexthops;

/** Make an empty list. Returns 0 or -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_nexthops_new(fbn_context *c, fbn_nexthops **ret_nexthops);
/** Append a copy. Returns 0, -FBN_EINVAL, -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_nexthops_add(fbn_context *c, fbn_nexthops *nexthops, const fbn_nexthop *nexthop);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_nexthops *fbn_nexthops_ref(fbn_nexthops *nexthops);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_nexthops *fbn_nexthops_unref(fbn_nexthops *nexthops);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_nexthops_count(const fbn_nexthops *nexthops);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_nexthop *fbn_nexthops_at(const fbn_nexthops *nexthops, size_t index);

/** Read the nexthop objects. Returns 0, -FBN_EUNSUPPORTED (Linux before 5.3). Since 0.1. */
FBN_PUBLIC int fbn_nexthop_list(fbn_context *c, fbn_nexthops **ret_nexthops);
/** Add one. Returns 0, -FBN_EEXIST, -FBN_ENOENT (no such device), -FBN_EINVAL, -FBN_EPERM. Since 0.1. */
FBN_PUBLIC int fbn_nexthop_add(fbn_context *c, const fbn_nexthop *nexthop);
/** Remove one, and with it the routes that use it. Returns 0, -FBN_ENOENT, -FBN_EPERM. Since 0.1. */
FBN_PUBLIC int fbn_nexthop_delete(fbn_context *c, uint32_t id);

typedef struct fbn_nexthop_apply_options {
        size_t size;
        bool dry_run; /**< say what would be done, send nothing */
} fbn_nexthop_apply_options;

/**
 * Make our nexthop objects as wanted, by difference; as fbn_route_apply(). One that changes is replaced in place: its routes stay.
 * Apply the routes first when nexthops go that ours still use: the kernel takes these along.
 *
 * @return the number of changes, -FBN_ECONFLICT (the id is somebody else's), -FBN_EPARTIAL
 *
 * Thread: the context's. Since 0.1. Source: net/ipv4/nexthop.c.
 */
FBN_PUBLIC int fbn_nexthop_apply(fbn_context *c, const fbn_nexthops *want, const fbn_nexthop_apply_options *options, fbn_changes **ret_changes);

typedef enum fbn_rule_action {
        FBN_RULE_LOOKUP = 0, /**< look in the table */
        FBN_RULE_GOTO = 1,   /**< go on at the rule of priority target */
        FBN_RULE_NOP = 2,
        FBN_RULE_BLACKHOLE = 3,
        FBN_RULE_UNREACHABLE = 4,
        FBN_RULE_PROHIBIT = 5
} fbn_rule_action;

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
        uint32_t table;   /**< where to look; required to look, but for l3mdev */
        int32_t suppress_prefix_length; /**< refuse results of this length or shorter, plus one: 1 is the "suppress_prefixlength 0" of ip-rule(8); 0: not given */
        uint8_t protocol; /**< when added or applied, 0 means ours */
        fbn_rule_action action;
        uint32_t target;          /**< of FBN_RULE_GOTO: a priority above this rule's */
        uint8_t tos;              /**< of IPv4 these bits only: 0x1c */
        int32_t dscp;             /**< all six bits, plus one; 0: not given. Needs Linux 6.13 */
        uint8_t ip_protocol;      /**< 6 TCP, 17 UDP … */
        uint16_t source_port;     /**< the first */
        uint16_t source_port_last; /**< 0: the first alone */
        uint16_t destination_port;
        uint16_t destination_port_last;
        uint32_t uid;       /**< the first */
        uint32_t uid_end;   /**< the one after the last; 0: not given */
        bool l3mdev;        /**< the table of the packet's VRF, instead of a table */
        int32_t suppress_group; /**< refuse results through links of this group, plus one; 0: not given */
        uint64_t tunnel;    /**< id of the tunnel that the packet came by */
        uint32_t flow_label; /**< of IPv6; needs Linux 6.14 */
        uint32_t flow_label_mask; /**< 0 with a label: all 20 bits */
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
/** Add one rule. Returns 0, -FBN_EEXIST, -FBN_EUNSUPPORTED (the kernel lacks a selector; it is named), -FBN_EINVAL, -FBN_EPERM. Since 0.1. */
FBN_PUBLIC int fbn_rule_add(fbn_context *c, const fbn_rule *rule);
/** Remove one rule: the first that has all that is given; only the family is required. Returns 0, -FBN_ENOENT, -FBN_EPERM. Since 0.1. */
FBN_PUBLIC int fbn_rule_delete(fbn_context *c, const fbn_rule *rule);

/**
 * The rules that look at a packet, in their order: those whose selectors all fit it. A rule over a tunnel or a flow label, which a query
 * does not say, fits no packet.
 *
 * @param query      the packet
 * @param ret_rules  owned by the caller; untouched on failure
 * @return 0, -FBN_EINVAL (no destination), -FBN_ENOENT (no such device)
 *
 * Thread: the context's. Since 0.1. Source: net/core/fib_rules.c, fib_rule_match().
 */
FBN_PUBLIC int fbn_rule_match(fbn_context *c, const fbn_route_query *query, fbn_rules **ret_rules);

typedef struct fbn_rule_apply_options {
        size_t size;
        bool dry_run; /**< say what would be done, send nothing */
} fbn_rule_apply_options;

/**
 * Make our rules as wanted, by difference; as fbn_route_apply(), or -FBN_EUNSUPPORTED (the kernel lacks a selector; it is named). An absence is
 * confirmed by a second read. Since 0.1.
 */
FBN_PUBLIC int fbn_rule_apply(fbn_context *c, const fbn_rules *want, const fbn_rule_apply_options *options, fbn_changes **ret_changes);

/** Who is behind an address on a link: an entry of the kernel's neighbour table (ARP, neighbour discovery). */
typedef struct fbn_neighbour {
        size_t size;
        fbn_address address;
        const char *device;
        const char *link_address; /**< "02:00:00:00:00:01"; required unless it is a proxy entry */
        const char *state;        /**< read only: "permanent", "reachable", "stale" … as ip-neighbour(8) has it; NULL of proxy entries */
        bool proxy;               /**< answer for this address on the link */
        bool router;              /**< it is an IPv6 router */
        uint8_t protocol;         /**< when added or applied, 0 means ours */
} fbn_neighbour;

/** A list of neighbours. */
typedef struct fbn_neighbours fbn_neighbours;

/** Make an empty list. Returns 0 or -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_neighbours_new(fbn_context *c, fbn_neighbours **ret_neighbours);
/** Append a copy. Returns 0, -FBN_EINVAL, -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_neighbours_add(fbn_context *c, fbn_neighbours *neighbours, const fbn_neighbour *neighbour);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_neighbours *fbn_neighbours_ref(fbn_neighbours *neighbours);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_neighbours *fbn_neighbours_unref(fbn_neighbours *neighbours);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_neighbours_count(const fbn_neighbours *neighbours);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_neighbour *fbn_neighbours_at(const fbn_neighbours *neighbours, size_t index);

/** Read the neighbours of a link, or with a NULL device of all, proxy entries last. Returns 0, -FBN_ENOENT (no such device). Since 0.1. */
FBN_PUBLIC int fbn_neighbour_list(fbn_context *c, const char *device, fbn_neighbours **ret_neighbours);
/** Add a permanent entry or a proxy one. Returns 0, -FBN_EEXIST, -FBN_ENOENT (no such device), -FBN_EINVAL, -FBN_EPERM. Since 0.1. */
FBN_PUBLIC int fbn_neighbour_add(fbn_context *c, const fbn_neighbour *neighbour);
/** Remove an entry, by address, device and proxy. Returns 0, -FBN_ENOENT, -FBN_EPERM. Since 0.1. */
FBN_PUBLIC int fbn_neighbour_delete(fbn_context *c, const fbn_neighbour *neighbour);

typedef struct fbn_neighbour_apply_options {
        size_t size;
        bool dry_run; /**< say what would be done, send nothing */
} fbn_neighbour_apply_options;

/**
 * Make our neighbour entries as wanted, by difference; as fbn_route_apply(). What the kernel learnt by itself gives way; an entry that
 * somebody else made is a conflict.
 *
 * @return the number of changes, -FBN_ECONFLICT, -FBN_EPARTIAL
 *
 * Thread: the context's. Since 0.1. Source: net/core/neighbour.c.
 */
FBN_PUBLIC int fbn_neighbour_apply(fbn_context *c, const fbn_neighbours *want, const fbn_neighbour_apply_options *options,
                                   fbn_changes **ret_changes);

typedef struct fbn_route_monitor_options {
        size_t size;
        uint16_t family;       /**< AF_INET, AF_INET6; 0: both */
        uint32_t table;        /**< only routes of this one; 0: all but "local" */
        uint8_t protocol;      /**< only what carries it; 0: all */
        const char *device;    /**< only routes through this link and neighbours on it; NULL: all */
        bool no_routes;        /**< without routes, */
        bool no_rules;         /**< without rules, */
        bool neighbours;       /**< with neighbours, of which there may be many events; proxy entries make none */
        bool existing;         /**< begin with what is there, as added */
        uint32_t buffer_bytes; /**< room in the kernel for what was not yet read; 0: 1 MiB. More takes the privilege, else less is given */
} fbn_route_monitor_options;

/**
 * Watch routes, rules and neighbours.
 *
 * Types of events: "route", "rule" and "neighbour"; a CHANGED route or neighbour has before and after in words. The kernel takes IPv4 routes away without a word
 * when a link goes down, an address is removed or a nexthop object is deleted: the monitor reads them anew then and tells them as
 * REMOVED. When notifications had to be dropped, RESYNC is followed by what differs since: whoever keeps a copy by ADDED, CHANGED and
 * REMOVED has the kernel's state again after each fbn_monitor_process(). It keeps a copy itself, about 100 bytes a route.
 *
 * @param options      NULL for the defaults
 * @param ret_monitor  tells what happens from now on; owned by the caller, fbn_monitor_unref(); untouched on failure
 * @return 0, -FBN_EINVAL, -FBN_EINTERRUPTED, -FBN_ESYSTEM, -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1. Source: rtnetlink(7); net/ipv4/fib_frontend.c, fib_disable_ip().
 */
FBN_PUBLIC int fbn_route_monitor_new(fbn_context *c, const fbn_route_monitor_options *options, fbn_monitor **ret_monitor);

FBN_DEFINE_CLEANUP(fbn_routes)
FBN_DEFINE_CLEANUP(fbn_nexthops)
FBN_DEFINE_CLEANUP(fbn_rules)
FBN_DEFINE_CLEANUP(fbn_neighbours)

#ifdef __cplusplus
}
#endif

#endif
