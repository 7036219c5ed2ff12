/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_MONITOR_H
#define FABRICNET_MONITOR_H

#include <fabricnet/context.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fbn_link;
struct fbn_link_address;
struct fbn_route;
struct fbn_rule;
struct fbn_neighbour;
struct fbn_wireguard_peer;
struct fbn_nat_trace;

/** What an event tells. */
typedef enum fbn_event_kind {
        FBN_EVENT_ADDED = 1,     /**< it came; or, if the monitor was asked for that, it was there when the monitor began */
        FBN_EVENT_CHANGED = 2,   /**< a field of it changed */
        FBN_EVENT_REMOVED = 3,   /**< it is gone */
        FBN_EVENT_RESYNC = 4,    /**< events were lost and all was read anew: the events that follow lead to what is there now; what came and
                                      went in between is not told */
        FBN_EVENT_HANDSHAKE = 5, /**< WireGuard: a peer's handshake succeeded */
        FBN_EVENT_STALE = 6,     /**< WireGuard: a peer's last handshake is too old for its keys to be in use */
        FBN_EVENT_COUNTERS = 7,  /**< WireGuard: a peer's counters moved */
        FBN_EVENT_FAILED = 8,    /**< something did not work and is tried again: after says why */
        FBN_EVENT_TRACED = 10    /**< nftables: a packet went by, or what became of it */
} fbn_event_kind;

/** Something that happened. Text and records are borrowed until the monitor's next fbn_monitor_process(); nothing in it is secret. */
typedef struct fbn_event {
        size_t size;
        fbn_event_kind kind;
        int64_t time;       /**< when it was seen, nanoseconds since 1970 */
        const char *type;   /**< what it is about: "interface", "peer", "link", "address", "route", "rule", "neighbour", "table", "chain", "set" … */
        const char *object; /**< which: "wg0: peer abc=", "route 192.168.8.0/24", "link eth0" */
        const char *field;  /**< CHANGED, FAILED: which property, NULL: several or the whole */
        const char *before; /**< NULL if there was none */
        const char *after;  /**< NULL if there is none now */
        const char *by;     /**< nftables: the program that did it; NULL if that is not known */
        uint32_t pid;       /**< nftables: its process, as the host's own PID namespace counts */
        /* The thing itself as it is now, or, when it is gone, as it was last; NULL where the type has no such record. */
        const struct fbn_wireguard_peer *peer;
        const struct fbn_link *link;
        const struct fbn_link_address *address;
        const struct fbn_route *route;
        const struct fbn_rule *rule;
        const struct fbn_nat_trace *trace;
        const struct fbn_neighbour *neighbour;
} fbn_event;

/**
 * Something that goes on inside the caller's event loop and tells what happens: a monitor or a resolver, made by the domain that it is
 * about (fbn_wireguard_monitor_new(), fbn_link_monitor_new() …).
 *
 * Poll the descriptor for the events, call fbn_monitor_process() when there are some, then take what happened with fbn_monitor_next()
 * until there is nothing more. The descriptor becomes ready for what is due by time too, so that a loop may leave the time-out aside.
 */
typedef struct fbn_monitor fbn_monitor;

/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_monitor *fbn_monitor_ref(fbn_monitor *monitor);
/** Drop a reference; the last closes its descriptors. NULL is allowed. Returns NULL. Never waits. Since 0.1. */
FBN_PUBLIC fbn_monitor *fbn_monitor_unref(fbn_monitor *monitor);
/** A descriptor to poll (an epoll descriptor). Since 0.1. */
FBN_PUBLIC int fbn_monitor_fd(const fbn_monitor *monitor);
/** The events of poll(2) to wait for on it. Since 0.1. */
FBN_PUBLIC short fbn_monitor_events(const fbn_monitor *monitor);
/** Milliseconds until fbn_monitor_process() is due, 0: now, -1: only when the descriptor is ready. Since 0.1. */
FBN_PUBLIC int fbn_monitor_timeout(const fbn_monitor *monitor);

/**
 * Do what is due: read what there is, without waiting for more; only a WireGuard daemon that takes questions and does not answer makes a
 * WireGuard monitor or resolver wait, 30 s at most. Events that were not taken stay; those that were are gone.
 *
 * @param c  the context that the monitor was made with, or another of the same namespace
 * @return 0, or -FBN_ECANCELED or a failure of the domain's; what it says is tried again by the next call
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_monitor_process(fbn_context *c, fbn_monitor *monitor);

/** The next event, borrowed until fbn_monitor_process(); NULL: no more now. Thread: the context's. Since 0.1. */
FBN_PUBLIC const fbn_event *fbn_monitor_next(fbn_monitor *monitor);

/**
 * Without a loop: poll and process until there are events.
 *
 * @param timeout_ms  at most so long; negative: until fbn_context_cancel()
 * @return 1 if fbn_monitor_next() has an event, 0 if the time passed, or what fbn_monitor_process() returns
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_monitor_wait(fbn_context *c, fbn_monitor *monitor, int timeout_ms);

FBN_DEFINE_CLEANUP(fbn_monitor)

#ifdef __cplusplus
}
#endif

#endif
