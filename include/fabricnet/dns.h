/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_DNS_H
#define FABRICNET_DNS_H

#include <fabricnet/changes.h>
#include <fabricnet/monitor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What is done with the names of a suffix: upstreams are asked, or addresses are answered, or there are no such names. */
typedef struct fbn_dns_route {
        size_t size;
        const char *suffix; /**< "local.example": this name and all below; "*.local.example": those below; "=nas.local.example": this name
                                 alone, and with addresses their reverse names too; "." is the default; "\." and "\065" are escapes (RFC
                                 1035 5.1) */
        const fbn_endpoint *upstreams; /**< asked in order; port 0: 53, which is what fbn_dns_routes_at() then gives */
        size_t n_upstreams;
        const fbn_address *addresses; /**< instead: answered with authority for A and AAAA, nothing else is there; TTL 60 */
        size_t n_addresses;
        bool blocked; /**< instead: NXDOMAIN, to be kept for 60 seconds */
        const fbn_prefix *reverse; /**< the reverse names of these prefixes go the same way; host bits do not matter */
        size_t n_reverse;
        bool system; /**< instead: the upstreams are the servers that this host had, as fbn_dns_host_get() finds them when the route is added */
} fbn_dns_route;

/** A table of routes; the longest suffix wins, and "=x" and "*.x" before "x". */
typedef struct fbn_dns_routes fbn_dns_routes;

/** Make an empty table. Returns 0 or -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_dns_routes_new(fbn_context *c, fbn_dns_routes **ret_routes);

/**
 * Add a route.
 *
 * @param route  copied; the suffix is lower-cased and loses a final dot
 * @return 0, or
 *         -FBN_EINVAL  no valid name; not one of upstreams, addresses and blocked; an upstream that is no server's address (unspecified,
 *                      multicast, IPv4-mapped)
 *         -FBN_EEXIST  the suffix, or one of the reverse prefixes, has a route
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_dns_routes_add(fbn_context *c, fbn_dns_routes *routes, const fbn_dns_route *route);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_dns_routes *fbn_dns_routes_ref(fbn_dns_routes *routes);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_dns_routes *fbn_dns_routes_unref(fbn_dns_routes *routes);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_dns_routes_count(const fbn_dns_routes *routes);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_dns_route *fbn_dns_routes_at(const fbn_dns_routes *routes, size_t index);
/** The route that a name takes, borrowed; NULL if there is none, not even a default, or if it is no name. Since 0.1. */
FBN_PUBLIC const fbn_dns_route *fbn_dns_routes_match(const fbn_dns_routes *routes, const char *name);

/** For fbn_dns_stub_options.cache_bytes: no cache. */
#define FBN_DNS_CACHE_OFF 0xffffffffu

typedef struct fbn_dns_stub_options {
        size_t size;
        const fbn_endpoint *listen; /**< NULL: 127.0.0.1:53; port 0 takes a free one */
        size_t n_listen;
        uint32_t timeout_ms; /**< for one upstream to answer before the next is asked; 0: 1,500 */
        uint32_t max_pending; /**< queries in flight, then SERVFAIL; 0: 1,024 */
        bool strict; /**< a socket, so a port, for each question, instead of 64 towards each server that are renewed by use and age */
        bool in_process; /**< listens nowhere: fbn_dns_query() alone asks it */
        uint32_t cache_bytes; /**< memory for answers that were given before, never exceeded; 0: 4 MiB; FBN_DNS_CACHE_OFF: nothing is kept;
                                   else at least 4,096 */
        const fbn_prefix *allow; /**< who may ask, this host always; NULL: private addresses (RFC 1918, 6598, 4193) and links; others are
                                      refused. "0.0.0.0/0" and "::/0" are everybody */
        size_t n_allow;
        bool allow_private; /**< the default route may answer with private addresses; else such answers become empty, because a page on the
                                 internet whose name leads home is an attack (DNS rebinding). Other routes may always */
        bool shared; /**< several stubs, one a thread with a context of its own, share the addresses of listen (SO_REUSEPORT) */
        const int *sockets; /**< bound already, such as by systemd: UDP, or TCP that listens; duplicated. listen may then be NULL for nothing
                                 else */
        size_t n_sockets;
        int log_fd; /**< a line there for each answer: time, client, name, type, status, and how it came about; duplicated; 0: none */
        bool log_names; /**< names as they are in the log, instead of hashes that nobody can look up and that are others in each log */
} fbn_dns_stub_options;

/**
 * A forwarding server that sends each name to the upstreams of its route, over UDP and TCP.
 *
 * Upstreams are asked in order, each once (a lone one twice), until one answers; SERVFAIL, REFUSED and NOTIMP count as no answer while
 * there is another. When one takes twice as long as it usually does (16 ms at least, 64 ms before its first answer) the next is asked
 * as well and the first answer counts. One that was silent for a whole time-out, or three times slower than the next, comes last for a
 * second, then one question tries whether it answers again. What is asked has an id and letters in a case of its own, and comes from
 * one of 64 ports; answers that change the case are asked for again over TCP, which tells whether the server does so.
 * To a server there is one TCP connection, kept for five seconds after its last answer; questions share it and are answered in any
 * order. One that leads nowhere is replaced; what waits on one that the server closes is asked once more on a connection of its own.
 * A name never goes to another route than its own, also if none of its upstreams answers: then SERVFAIL. Without a
 * route: REFUSED. An alias whose target has another route is followed there, whatever the first said about it. Unless a route for them or below was added, localhost, invalid, onion and the reverse names of private addresses are
 * answered here. DS records are asked of the parent's route. Nothing is validated: AD is cleared, CD passed.
 *
 * Answers are kept by route and question for as long as the shortest-lived of their records, a day at most; that nothing is there as
 * long as the SOA says, three hours at most, and not without an SOA; failures for two seconds. An answer with a record outside of its
 * route's suffix is passed on and never kept. For a day more they are stale: given, with a TTL of 30 seconds, when the upstreams fail or
 * take longer than 1.8 seconds. Of max_pending, three quarters are for one route and a half for one client that is not this host.
 * Cookies are sent to upstreams and given to clients; why an answer is what it is, is told by extended errors.
 */
typedef struct fbn_dns_stub fbn_dns_stub;

/**
 * Make a stub and bind its sockets in the context's namespace. It works inside the caller's event loop: poll the fd, or wait for
 * the time-out, then call fbn_dns_stub_process().
 *
 * @param routes    borrowed; kept by reference, not to be changed any more
 * @param options   NULL for the defaults
 * @param ret_stub  owned by the caller, fbn_dns_stub_unref(); untouched on failure
 * @return 0, or
 *         -FBN_EEXIST  the address is in use
 *         -FBN_EINVAL  a route's upstream is the stub itself, cache_bytes is too small, or listen is not loopback and not an address of the host
 *         -FBN_EPERM   a port below 1024 without the privilege
 *
 * Thread: the context's. Since 0.1. Source: RFC 1035, RFC 2308, RFC 5452, RFC 7766, RFC 7873,
 * RFC 8767, RFC 8914, RFC 9018, RFC 9520, draft-vixie-dnsext-dns0x20.
 */
FBN_PUBLIC int fbn_dns_stub_new(fbn_context *c, const fbn_dns_routes *routes, const fbn_dns_stub_options *options, fbn_dns_stub **ret_stub);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_dns_stub *fbn_dns_stub_ref(fbn_dns_stub *stub);
/** Drop a reference; the last closes the sockets. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_dns_stub *fbn_dns_stub_unref(fbn_dns_stub *stub);
/** A descriptor to poll (an epoll descriptor). Since 0.1. */
FBN_PUBLIC int fbn_dns_stub_fd(const fbn_dns_stub *stub);
/** The events of poll(2) to wait for on it. Since 0.1. */
FBN_PUBLIC short fbn_dns_stub_events(const fbn_dns_stub *stub);
/** Milliseconds until fbn_dns_stub_process() is due without an event; -1: never. Since 0.1. */
FBN_PUBLIC int fbn_dns_stub_timeout(const fbn_dns_stub *stub);
/**
 * Do what is due, without blocking.
 *
 * @param c  the context that the stub was made with, or another of the same namespace: sockets towards upstreams are opened in it
 * @return 0, or -FBN_ECANCELED or another failure, which ends the stub; what cannot be asked for want of memory or descriptors is
 *         answered with SERVFAIL and is no failure
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_dns_stub_process(fbn_context *c, fbn_dns_stub *stub);
/** Serve until fbn_context_cancel(): a loop of the above. Returns -FBN_ECANCELED or a failure. Since 0.1. */
FBN_PUBLIC int fbn_dns_stub_run(fbn_context *c, fbn_dns_stub *stub);
/**
 * Take other routes. Answers kept stay where a route's suffix and upstreams are the same; questions that wait are asked anew.
 *
 * @param routes  borrowed; kept by reference, not to be changed any more
 * @return 0, or as fbn_dns_stub_new(); on failure the stub goes on as before
 *
 * Thread: the context's, not while fbn_dns_stub_run() runs. Since 0.1.
 */
FBN_PUBLIC int fbn_dns_stub_reload(fbn_context *c, fbn_dns_stub *stub, const fbn_dns_routes *routes);
/** A bound address; family 0 past the end. Since 0.1. */
FBN_PUBLIC fbn_endpoint fbn_dns_stub_address(const fbn_dns_stub *stub, size_t index);

/** What a stub did since it was made. */
typedef struct fbn_dns_counters {
        size_t size;
        uint64_t queries;       /**< taken from clients */
        uint64_t answers;       /**< given to clients, failures included */
        uint64_t failures;      /**< SERVFAIL because no upstream answered */
        uint64_t refused;       /**< malformed, not a query or not allowed: FORMERR, NOTIMP, BADVERS, REFUSED, or dropped */
        uint64_t retries;       /**< a further upstream or TCP asked */
        uint64_t mismatches;    /**< datagrams from upstreams that answer no question of ours: dropped */
        uint64_t cache_hits;    /**< answered from the cache */
        uint64_t cache_misses;  /**< not in the cache: asked, or being asked already */
        uint64_t cache_entries; /**< answers kept now */
        uint64_t cache_bytes;   /**< memory that they take, the index included */
        uint64_t stale;         /**< of the answers, those that were given although their time was over */
        uint64_t filtered;      /**< answers of the default route with private addresses, made empty */
} fbn_dns_counters;

/** Copy the counters; size is filled in. Since 0.1. */
FBN_PUBLIC void fbn_dns_stub_counters(const fbn_dns_stub *stub, fbn_dns_counters *ret_counters);

/**
 * Forget all answers kept and what is known of the upstreams, such as after the network changed.
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC void fbn_dns_stub_flush(fbn_dns_stub *stub);

/**
 * Forget what is known of the upstreams: round trips, who was silent, cookies, and the sockets towards them. The cache stays. For after a
 * link or an address changed.
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC void fbn_dns_stub_reconnect(fbn_dns_stub *stub);

/** Where an answer came from. */
typedef enum fbn_dns_source {
        FBN_DNS_SOURCE_NONE = 0,     /**< from nowhere: no route, or none of its upstreams answered */
        FBN_DNS_SOURCE_UPSTREAM = 1, /**< an upstream was asked */
        FBN_DNS_SOURCE_CACHE = 2,    /**< an upstream was asked earlier */
        FBN_DNS_SOURCE_ROUTE = 3,    /**< the route says it itself: addresses, or blocked */
        FBN_DNS_SOURCE_LOCAL = 4     /**< names that are answered here whatever the routes are: localhost, invalid, onion, private reverse names */
} fbn_dns_source;

typedef enum fbn_dns_section { FBN_DNS_SECTION_ANSWER = 1, FBN_DNS_SECTION_AUTHORITY = 2, FBN_DNS_SECTION_ADDITIONAL = 3 } fbn_dns_section;

/** A record of an answer. */
typedef struct fbn_dns_record {
        size_t size;
        fbn_dns_section section;
        const char *name; /**< without the final dot; "." is the root */
        const char *type; /**< "A", "AAAA", "TYPE65" */
        uint32_t ttl; /**< seconds */
        const char *data; /**< as in a zone file; of types that this library does not read "\# LENGTH HEX" (RFC 3597) */
        fbn_address address; /**< of A and AAAA; else family 0 */
} fbn_dns_record;

/** Why an answer is what it is. */
typedef struct fbn_dns_explanation {
        size_t size;
        const char *name, *type; /**< what was asked */
        const char *status; /**< "NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED" … */
        const char *route; /**< suffix of the route that it took, as in fbn_dns_route; "" if none */
        fbn_dns_source source;
        fbn_endpoint upstream; /**< who answered; family 0 unless source is FBN_DNS_SOURCE_UPSTREAM */
        bool authoritative; /**< the answer says so, as those of a route's own addresses do */
        uint32_t kept_s; /**< seconds that it is kept from now on; 0: not at all */
        uint64_t microseconds; /**< that it took */
} fbn_dns_explanation;

/** Records in the order of the answer. */
typedef struct fbn_dns_answer fbn_dns_answer;

/**
 * Ask by the routes of a stub, as one of its clients would: cache, upstreams, and every check are the same. Serves the stub's other
 * clients while it waits.
 *
 * @param stub        made with in_process, or any other that no fbn_dns_stub_run() is at work on
 * @param name        a domain name; for PTR also an address
 * @param type        "A", "AAAA", "PTR", "MX", "TYPE65" …
 * @param timeout_ms  for all of it; 0: 5,000
 * @param ret_answer  owned by the caller, fbn_dns_answer_unref(); untouched on failure
 * @return 0 whatever the answer says, also that there is no such name or that no upstream answered, or
 *         -FBN_EINVAL    no name or no type
 *         -FBN_ETIMEOUT  no answer in time
 *         -FBN_ECANCELED
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_dns_query(fbn_context *c, fbn_dns_stub *stub, const char *name, const char *type, uint32_t timeout_ms,
                             fbn_dns_answer **ret_answer);
/**
 * Ask a stub that another process of this host serves, such as fabricnet-dnsd, and be told by it why its answer is what it is: with its cache,
 * not one of this process. The stub tells this to questions from loopback addresses alone.
 *
 * @param stub        its address; IPv4 or IPv6 loopback
 * @param name        as of fbn_dns_query()
 * @param type        the same
 * @param timeout_ms  for all of it; 0: 5,000
 * @param ret_answer  as many records as a datagram holds; owned by the caller, fbn_dns_answer_unref(); untouched on failure
 * @return 0 whatever the answer says, or
 *         -FBN_EINVAL       no name or no type
 *         -FBN_EUNAVAILABLE nobody answers there
 *         -FBN_EUNSUPPORTED who answers is no such stub
 *         -FBN_ETIMEOUT     no answer in time
 *         -FBN_ECANCELED
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_dns_explain(fbn_context *c, const fbn_endpoint *stub, const char *name, const char *type, uint32_t timeout_ms,
                               fbn_dns_answer **ret_answer);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_dns_answer *fbn_dns_answer_ref(fbn_dns_answer *answer);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_dns_answer *fbn_dns_answer_unref(fbn_dns_answer *answer);
/** How many records; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_dns_answer_count(const fbn_dns_answer *answer);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_dns_record *fbn_dns_answer_at(const fbn_dns_answer *answer, size_t index);
/** Why it is so, borrowed. Since 0.1. */
FBN_PUBLIC const fbn_dns_explanation *fbn_dns_answer_explain(const fbn_dns_answer *answer);

/** Who resolves the names of a host. */
typedef enum fbn_dns_manager {
        FBN_DNS_MANAGER_RESOLVED = 1,   /**< systemd-resolved */
        FBN_DNS_MANAGER_RESOLVCONF = 2, /**< openresolv, or Debian's resolvconf */
        FBN_DNS_MANAGER_DNSMASQ = 3,
        FBN_DNS_MANAGER_UNBOUND = 4,
        FBN_DNS_MANAGER_FILE = 5        /**< the C library by /etc/resolv.conf, which knows no split */
} fbn_dns_manager;

typedef struct fbn_dns_host_options {
        size_t size;
        fbn_dns_manager manager; /**< 0: as found */
        const char *device; /**< systemd-resolved: the link that leads to the upstreams, which carries the setting; required there */
        fbn_endpoint stub; /**< family 0: none; else the host sends all names that have a route to this stub, which must answer already;
                                with a plain resolv.conf or resolvconf all names, and its port is 53 */
        const char *const *search; /**< search domains; there are none unasked */
        size_t n_search;
        const char *const *restart; /**< dnsmasq: the command that restarts it; NULL: systemctl, where systemd runs */
        size_t n_restart;
        bool dry_run; /**< only say what would be done */
} fbn_dns_host_options;

/** What was found of a host's resolver. */
typedef struct fbn_dns_host_state {
        size_t size;
        fbn_dns_manager manager;
        const char *reason; /**< what told so */
        bool ours; /**< it has a setting of ours */
        const fbn_endpoint *servers; /**< what the host asked, or would ask, without us; the stub of the options is never among them */
        size_t n_servers;
        const char *const *search; /**< the same of search domains */
        size_t n_search;
} fbn_dns_host_state;

/** A look at the resolver of the host that this process is on: its mount and network namespace. */
typedef struct fbn_dns_host fbn_dns_host;

/**
 * Find out who resolves the names of this host. Changes nothing.
 *
 * In this order: a resolv.conf of ours; systemd-resolved if it answers on D-Bus and resolv.conf or nsswitch.conf leads to it; resolvconf if
 * it wrote resolv.conf; dnsmasq or unbound if resolv.conf names this host alone and it runs; else the file itself. What NetworkManager does
 * about names is asked of it over D-Bus and stands in the reason; a dnsmasq that it runs is told in its own folder.
 *
 * @param options   manager overrides what is found; stub is left out of the servers; NULL for the defaults
 * @param ret_host  owned by the caller, fbn_dns_host_unref(); untouched on failure
 * @return 0, or -FBN_EINVAL if the context is bound to another network namespace than this thread's
 *
 * Thread: the context's. Since 0.1. Source: resolv.conf(5), org.freedesktop.resolve1(5), resolvconf(8).
 */
FBN_PUBLIC int fbn_dns_host_get(fbn_context *c, const fbn_dns_host_options *options, fbn_dns_host **ret_host);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_dns_host *fbn_dns_host_ref(fbn_dns_host *host);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_dns_host *fbn_dns_host_unref(fbn_dns_host *host);
/** What was found, borrowed. Since 0.1. */
FBN_PUBLIC const fbn_dns_host_state *fbn_dns_host_state_get(const fbn_dns_host *host);

/**
 * Make this host's own resolver follow the routes; a second call does nothing.
 *
 * Only a part of ours is written: the settings of one link in systemd-resolved, an entry "fabricnet" of resolvconf, a file fabricnet.conf
 * of dnsmasq or unbound, or resolv.conf itself, the one before kept beside it. Without routes that part is taken away and the host is as it
 * was. What a manager has no word for is refused before anything is done; with a stub it can be said to all of them.
 *
 * @param routes       borrowed; NULL or none: take our part away
 * @param options      NULL for the defaults
 * @param ret_changes  what was done, owned by the caller, may be NULL; untouched on failure
 * @return the number of changes, or
 *         -FBN_EUNSUPPORTED  the manager cannot say a route, or lacks what it needs: the message names both and what to do
 *         -FBN_ECONFLICT     there are settings of somebody else in our place
 *         -FBN_EUNAVAILABLE  the manager or the stub does not answer
 *         -FBN_EPARTIAL      the manager refused what had been written and could not be put back: the message says what stands
 *         -FBN_EINVAL, -FBN_EPERM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_dns_host_apply(fbn_context *c, const fbn_dns_routes *routes, const fbn_dns_host_options *options, fbn_changes **ret_changes);

/**
 * Keep it so: the same as fbn_dns_host_apply() now and again whenever the service has restarted or somebody else has written over our part.
 * Events of type "resolver": CHANGED when it had to be said again, FAILED when that does not work, each with the manager as object.
 *
 * @param routes       borrowed; kept by reference
 * @param ret_monitor  owned by the caller, fbn_monitor_unref(); what was said stays; untouched on failure
 * @return 0, or as fbn_dns_host_apply() the first time
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_dns_host_monitor_new(fbn_context *c, const fbn_dns_routes *routes, const fbn_dns_host_options *options, fbn_monitor **ret_monitor);

FBN_DEFINE_CLEANUP(fbn_dns_answer)
FBN_DEFINE_CLEANUP(fbn_dns_host)
FBN_DEFINE_CLEANUP(fbn_dns_routes)
FBN_DEFINE_CLEANUP(fbn_dns_stub)

#ifdef __cplusplus
}
#endif

#endif
