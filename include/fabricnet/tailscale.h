/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_TAILSCALE_H
#define FABRICNET_TAILSCALE_H

#include <fabricnet/changes.h>
#include <fabricnet/monitor.h>
#include <fabricnet/secret.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where tailscaled is, how long to wait, and whether to act. */
typedef struct fbn_tailscale_options {
        size_t size;
        const char *socket;  /**< NULL: /var/run/tailscale/tailscaled.sock */
        uint32_t timeout_ms; /**< for a call, and for enrolment to reach Running; 0: 10,000, enrolment 60,000 */
        bool dry_run;        /**< of apply and enrolment: say what would be done, send nothing */
        bool reauthenticate; /**< of enrolment: log in anew although the node key is good */
        bool advice;         /**< of status: look into what the daemon cannot see; asks the kernel of the context's namespace */
        void (*progress)(void *data, const char *what); /**< of enrolment: called as the state changes and at what else is worth knowing; may be NULL */
        void *progress_data;
} fbn_tailscale_options;

/** This device or a peer. */
typedef struct fbn_tailscale_node {
        size_t size;
        const char *id;
        const char *host_name;
        const char *dns_name; /**< with a final dot, "" without MagicDNS */
        const fbn_address *addresses;
        size_t n_addresses;
        const fbn_prefix *allowed_ips;
        size_t n_allowed_ips;
        const fbn_prefix *primary_routes; /**< subnet routes that it carries now */
        size_t n_primary_routes;
        bool online;
        const char *endpoint; /**< direct path in use, "" if none */
        const char *relay;    /**< DERP region */
        int64_t last_handshake; /**< nanoseconds since 1970, 0: never */
        uint64_t received, sent; /**< bytes */
        const char *user;        /**< whose it is: login name, "tagged-devices" for nobody's */
        const char *const *tags;
        size_t n_tags;
        bool exit_node;          /**< it is ours now */
        bool exit_node_option;   /**< it could be */
        int64_t key_expiry;      /**< nanoseconds since 1970, 0: never */
} fbn_tailscale_node;

/** What the daemon says of itself. */
typedef struct fbn_tailscale_state {
        size_t size;
        const char *state; /**< "NoState", "NeedsLogin", "NeedsMachineAuth", "Stopped", "Starting", "Running" */
        const char *version;
        const char *auth_url; /**< to be opened to log in, "" if none */
        const char *magic_dns_suffix;
        bool have_node_key;
        const char *const *health; /**< complaints */
        size_t n_health;
        fbn_tailscale_node self;
        /**
         * With options->advice: what is known to go wrong and why. A route accepted to the LAN that this host is on itself; ip_forward off on a
         * subnet router; rp_filter strict where packets are routed by mark; a peer reached through another tunnel, or over a path whose MTU is too
         * small for the mesh's 1280 bytes (below 1340 on IPv4, 1360 on IPv6).
         */
        const char *const *advice;
        size_t n_advice;
} fbn_tailscale_state;

/** A snapshot of state and peers. */
typedef struct fbn_tailscale_status fbn_tailscale_status;

/**
 * Ask tailscaled how it is.
 *
 * @param options     NULL for the defaults
 * @param ret_status  a snapshot, owned by the caller; untouched on failure
 * @return 0, or
 *         -FBN_EUNAVAILABLE  no daemon at that socket
 *         -FBN_EPERM, -FBN_ETIMEOUT, -FBN_EPROTOCOL
 *
 * Thread: the context's. Since 0.1. Source: tailscale ipn/localapi/localapi.go, ipn/ipnstate/ipnstate.go.
 */
FBN_PUBLIC int fbn_tailscale_status_get(fbn_context *c, const fbn_tailscale_options *options, fbn_tailscale_status **ret_status);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_tailscale_status *fbn_tailscale_status_ref(fbn_tailscale_status *status);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_tailscale_status *fbn_tailscale_status_unref(fbn_tailscale_status *status);
/** State and self, borrowed. Since 0.1. */
FBN_PUBLIC const fbn_tailscale_state *fbn_tailscale_status_state(const fbn_tailscale_status *status);
/** How many peers; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_tailscale_status_count(const fbn_tailscale_status *status);
/** A peer, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_tailscale_node *fbn_tailscale_status_at(const fbn_tailscale_status *status, size_t index);

/** Which preferences are meant when they are applied. */
typedef enum fbn_tailscale_set {
        FBN_TAILSCALE_SET_LOGIN_SERVER = 1,
        FBN_TAILSCALE_SET_HOST_NAME = 2,
        FBN_TAILSCALE_SET_ACCEPT_ROUTES = 4,
        FBN_TAILSCALE_SET_ACCEPT_DNS = 8,
        FBN_TAILSCALE_SET_ADVERTISE_ROUTES = 16,
        FBN_TAILSCALE_SET_ADVERTISE_TAGS = 32,
        FBN_TAILSCALE_SET_SNAT = 64,
        FBN_TAILSCALE_SET_WANT_RUNNING = 128,
        FBN_TAILSCALE_SET_EXIT_NODE = 256
} fbn_tailscale_set;

typedef struct fbn_tailscale_prefs {
        size_t size;
        uint32_t set; /**< fbn_tailscale_set, or-ed: the members that are wanted; all when read */
        const char *login_server;
        const char *host_name;
        bool accept_routes;
        bool accept_dns;
        bool snat; /**< hide subnet clients behind this node's address in the subnet */
        bool want_running;
        const fbn_prefix *advertise_routes;
        size_t n_advertise_routes;
        const char *const *advertise_tags;
        size_t n_advertise_tags;
        const char *exit_node; /**< mesh address of the node that all else goes through, "" for none; read: address or the node's id */
} fbn_tailscale_prefs;

/** Preferences as read. */
typedef struct fbn_tailscale_settings fbn_tailscale_settings;
/** Read the preferences. Errors as fbn_tailscale_status_get(). Since 0.1. */
FBN_PUBLIC int fbn_tailscale_settings_get(fbn_context *c, const fbn_tailscale_options *options, fbn_tailscale_settings **ret_settings);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_tailscale_settings *fbn_tailscale_settings_ref(fbn_tailscale_settings *settings);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_tailscale_settings *fbn_tailscale_settings_unref(fbn_tailscale_settings *settings);
/** The preferences, borrowed. Since 0.1. */
FBN_PUBLIC const fbn_tailscale_prefs *fbn_tailscale_settings_prefs(const fbn_tailscale_settings *settings);

/**
 * Make the preferences as wanted, patching only what differs; a second call sends nothing but the read.
 *
 * @param options      NULL for the defaults
 * @param want         its set member says which are meant; another login_server than that of a daemon which is enrolled needs enrolment
 * @param ret_changes  owned by the caller, may be NULL; untouched on failure
 * @return the number of changes, or -FBN_EINVAL (a route with host bits, a login server that differs), -FBN_EPERM,
 *         and as fbn_tailscale_status_get()
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_tailscale_apply(fbn_context *c, const fbn_tailscale_options *options, const fbn_tailscale_prefs *want,
                                   fbn_changes **ret_changes);

/**
 * Enrol this device and wait until it is Running; one that is Running under this login server is left as it is, but for
 * preferences that differ.
 *
 * @param options      NULL for the defaults
 * @param want         login_server is required; want_running need not be set, it is meant
 * @param auth_key     pre-auth key; NULL: a registration is requested and -FBN_EDENIED's message has the URL or key to approve
 * @param ret_changes  owned by the caller, may be NULL; untouched on failure
 * @return the number of changes, or
 *         -FBN_EDENIED   the control server refused: its words are in the message
 *         -FBN_ECONFLICT the device is enrolled at another login server; fbn_tailscale_logout() first if that is to end
 *         -FBN_ETIMEOUT  not Running in time; the message has the state it stayed in and the daemon's complaints
 *         and as fbn_tailscale_status_get()
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_tailscale_enrol(fbn_context *c, const fbn_tailscale_options *options, const fbn_tailscale_prefs *want,
                                   const fbn_secret *auth_key, fbn_changes **ret_changes);

/**
 * Who has a mesh address.
 *
 * @param address     of a node or behind a subnet router: then the router
 * @param ret_status  one peer: the node, its user and tags; owned by the caller
 * @return 0, -FBN_ENOENT (nobody), -FBN_EINVAL, and as fbn_tailscale_status_get()
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_tailscale_whois(fbn_context *c, const fbn_tailscale_options *options, const char *address, fbn_tailscale_status **ret_status);

/** How a ping came back. */
typedef struct fbn_tailscale_pong {
        size_t size;
        int64_t latency;   /**< nanoseconds */
        char node[64];     /**< its name */
        char endpoint[64]; /**< "192.0.2.1:41641" of a direct path, "" when it went by a relay */
        char relay[32];    /**< the relay's code, "" for a direct path */
} fbn_tailscale_pong;

/**
 * Ping a mesh address, below IP: it works whatever the policy allows.
 *
 * @param bytes  size of the packet to try, 0: the smallest
 * @return 0, -FBN_ETIMEOUT (no answer), -FBN_ENOENT (no such node), -FBN_EINVAL, and as fbn_tailscale_status_get()
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_tailscale_ping(fbn_context *c, const fbn_tailscale_options *options, const char *address, uint32_t bytes,
                                  fbn_tailscale_pong *ret_pong);

/**
 * What tailscaled's own resolver answers, by MagicDNS and split DNS as the mesh has them.
 *
 * @param type        "A", "AAAA", "CNAME", "TXT" …
 * @param ret_answer  a record a line, "name type value"; "" if there is none. Owned by the caller, fbn_free()
 * @return 0, -FBN_ENOENT (there is no such name), -FBN_EINVAL, -FBN_EUNAVAILABLE (the resolver failed), and as fbn_tailscale_status_get()
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_tailscale_resolve(fbn_context *c, const fbn_tailscale_options *options, const char *name, const char *type, char **ret_answer);

/** The daemon's counters, in Prometheus' text format; owned by the caller, fbn_free(). Errors as fbn_tailscale_status_get(). Since 0.1. */
FBN_PUBLIC int fbn_tailscale_metrics(fbn_context *c, const fbn_tailscale_options *options, char **ret_text);

/**
 * Watch the daemon. Events are of the types "state" (NoState … Running), "login" (the URL to open), "preference" (one changed), "health" (a
 * complaint that came or went) and "daemon" (it refused something, went away: FAILED, and is looked for again each second).
 *
 * @param options      NULL for the defaults; socket and timeout_ms count
 * @param ret_monitor  owned by the caller; state and complaints come first, as they are
 * @return 0, or as fbn_tailscale_status_get()
 *
 * Thread: the context's. Since 0.1. Source: tailscale ipn/backend.go, Notify.
 */
FBN_PUBLIC int fbn_tailscale_monitor_new(fbn_context *c, const fbn_tailscale_options *options, fbn_monitor **ret_monitor);

/** Log out and forget the node key. Errors as fbn_tailscale_status_get(). Since 0.1. */
FBN_PUBLIC int fbn_tailscale_logout(fbn_context *c, const fbn_tailscale_options *options);

FBN_DEFINE_CLEANUP(fbn_tailscale_status)
FBN_DEFINE_CLEANUP(fbn_tailscale_settings)

#ifdef __cplusplus
}
#endif

#endif
