/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_RPFILTER_H
#define FABRICNET_RPFILTER_H

#include <fabricnet/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Linux checks the source of every IPv4 packet that comes in, after the prerouting hook and the choice of its route. IPv6 has no such
 * check. Source: net/ipv4/fib_frontend.c, fib_validate_source(); net/ipv4/route.c, ip_route_input_slow(). */

typedef enum fbn_rpfilter_kind {
        FBN_RPFILTER_ACCEPT = 0,
        FBN_RPFILTER_DROP = 1,    /**< by the reverse-path filter; counted in TcpExtIPReversePathFilter */
        FBN_RPFILTER_MARTIAN = 2, /**< dropped as impossible, whatever rp_filter says; logged with log_martians, not counted there */
        FBN_RPFILTER_UNROUTED = 3 /**< never checked: no way leads on, or forwarding is off on the link */
} fbn_rpfilter_kind;

/** What decided. */
typedef enum fbn_rpfilter_clause {
        FBN_RPFILTER_CLAUSE_MARTIAN = 0,       /**< the source is multicast, broadcast, 0.0.0.0, or loopback without route_localnet */
        FBN_RPFILTER_CLAUSE_DESTINATION = 1,   /**< the destination is 0.0.0.0, or loopback without route_localnet */
        FBN_RPFILTER_CLAUSE_UNROUTED = 2,      /**< the destination is neither local nor forwarded */
        FBN_RPFILTER_CLAUSE_OFF = 3,           /**< rp_filter is 0, and nothing else asks for a check */
        FBN_RPFILTER_CLAUSE_ACCEPT_LOCAL = 4,  /**< rp_filter is 0 and accept_local is set */
        FBN_RPFILTER_CLAUSE_OWN_SOURCE = 5,    /**< the source is an address of this host, and accept_local is not set */
        FBN_RPFILTER_CLAUSE_SOURCE_TYPE = 6,   /**< the route to the source is a broadcast, multicast or anycast one */
        FBN_RPFILTER_CLAUSE_REVERSE_DEVICE = 7, /**< the route to the source leads out of the link that the packet came in by */
        FBN_RPFILTER_CLAUSE_NO_ADDRESS = 8,    /**< it does not, and the link has no IPv4 address: even loose mode drops */
        FBN_RPFILTER_CLAUSE_STRICT = 9,        /**< it does not, and rp_filter is 1 */
        FBN_RPFILTER_CLAUSE_LOOSE = 10,        /**< it does not, but rp_filter is not 1: some route is enough */
        FBN_RPFILTER_CLAUSE_NO_ROUTE = 11      /**< no route leads to the source, or a blackhole, unreachable or prohibit one */
} fbn_rpfilter_clause;

/** The route to the source. */
typedef enum fbn_rpfilter_reverse {
        FBN_RPFILTER_REVERSE_NONE = 0, /**< none, or one that refuses */
        FBN_RPFILTER_REVERSE_UNICAST = 1,
        FBN_RPFILTER_REVERSE_LOCAL = 2, /**< the source is this host's own */
        FBN_RPFILTER_REVERSE_OTHER = 3  /**< broadcast, multicast, anycast */
} fbn_rpfilter_reverse;

/** All that the verdict depends on. */
typedef struct fbn_rpfilter_state {
        size_t size;
        fbn_address source;       /**< IPv4 */
        fbn_address destination;  /**< as after DNAT */
        uint8_t rp_filter;        /**< 0 off, 1 strict, 2 loose: the larger of "all" and the link's */
        bool accept_local;        /**< in "all" or the link's */
        bool route_localnet;      /**< in "all" or the link's */
        bool unrouted;            /**< the destination is not local, and not forwarded */
        bool no_address;          /**< the link that the packet came in by has no IPv4 address */
        bool own_source;          /**< some link of this host has the source as its address */
        bool policy;              /**< there are rules besides the kernel's three, or local routes that somebody added */
        bool redirects;           /**< it leaves by the link that it came in by, with send_redirects in "all" or the link's */
        fbn_rpfilter_reverse reverse; /**< of the lookup back: to the source, from the destination, with the packet's mark if
                                           src_valid_mark (in "all" or the link's) and none else, in by the link that the packet leaves by
                                           or, if it is for this host, by lo */
        bool reverse_device;      /**< one of the ways of that route leads out of the link that the packet came in by */
} fbn_rpfilter_state;

/** A verdict. */
typedef struct fbn_rpfilter_result {
        size_t size;
        fbn_rpfilter_kind kind;
        fbn_rpfilter_clause clause;
        const char *why; /**< the clause in words, static */
        fbn_rpfilter_state state; /**< on which it was decided */
} fbn_rpfilter_result;

/**
 * Say what the kernel does with a packet, from an explicit state: nothing is read.
 *
 * @param state       borrowed
 * @param ret_result  its size set by the caller; untouched on failure
 * @return the kind, or -FBN_EINVAL (the addresses are not IPv4, rp_filter is above 2)
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_rpfilter_verdict(fbn_context *c, const fbn_rpfilter_state *state, fbn_rpfilter_result *ret_result);

/** A packet that comes in. Zero means "not given". */
typedef struct fbn_rpfilter_packet {
        size_t size;
        fbn_address source;      /**< required */
        fbn_address destination; /**< required; as after DNAT */
        const char *in_device;   /**< required: the link that it comes in by; of a port the bridge */
        uint32_t mark;           /**< as after prerouting */
        uint8_t tos;
        uint8_t ip_protocol;       /**< 6 TCP, 17 UDP …, for rules that select by it */
        uint16_t source_port;      /**< the same */
        uint16_t destination_port; /**< the same */
} fbn_rpfilter_packet;

/**
 * Say what this namespace does with a packet: reads settings, addresses, rules and routes, and finds the routes there and back as the
 * kernel does.
 *
 * Of several ways (multipath) on to the destination, the first is taken. That a namespace once had rules and has them no longer cannot be
 * seen from outside: there the kernel goes on as if it had some.
 *
 * @param packet      what comes in
 * @param ret_result  its size set by the caller; untouched on failure
 * @return the kind, -FBN_EINVAL (not IPv4), -FBN_ENOENT (no such link), -FBN_EINTERRUPTED
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_rpfilter_ask(fbn_context *c, const fbn_rpfilter_packet *packet, fbn_rpfilter_result *ret_result);

#ifdef __cplusplus
}
#endif

#endif
