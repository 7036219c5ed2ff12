/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_WIREGUARD_H
#define FABRICNET_WIREGUARD_H

#include <fabricnet/changes.h>
#include <fabricnet/monitor.h>
#include <fabricnet/secret.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A public key. */
typedef struct fbn_key {
        uint8_t bytes[32];
} fbn_key;

/** Room for a key as base64 with its terminating zero. */
#define FBN_KEY_TEXT 45

/**
 * Make a private key: random and clamped.
 *
 * @param ret_private  32 bytes, owned by the caller; untouched on failure
 * @return 0 or -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1. Source: RFC 7748, section 5.
 */
FBN_PUBLIC int fbn_key_generate(fbn_context *c, fbn_secret **ret_private);

/** Make a pre-shared key: 32 random bytes; as fbn_key_generate(). Since 0.1. */
FBN_PUBLIC int fbn_key_generate_preshared(fbn_context *c, fbn_secret **ret_preshared);

/**
 * The public key of a private one.
 *
 * @return 0, or -FBN_EINVAL if the secret has not 32 bytes or is not a usable key
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_key_public(fbn_context *c, const fbn_secret *private_key, fbn_key *ret_public);

/** Read a public key from base64 (44 characters, canonical). Returns 0 or -FBN_EINVAL. Thread: any. Since 0.1. */
FBN_PUBLIC int fbn_key_parse(const char *text, fbn_key *ret_key);

/** Write a public key as base64 into a buffer of FBN_KEY_TEXT bytes or more. Returns buffer. Thread: any. Since 0.1. */
FBN_PUBLIC const char *fbn_key_format(const fbn_key *key, char *buffer, size_t size);

/**
 * A private or pre-shared key from a secret that holds it as base64, decoded in constant time.
 *
 * @param text     for instance from fbn_secret_read_file()
 * @param ret_key  32 bytes, owned by the caller; untouched on failure
 * @return 0, or -FBN_EINVAL if it is not 44 characters of base64
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_key_decode(fbn_context *c, const fbn_secret *text, fbn_secret **ret_key);

/** The inverse of fbn_key_decode(): 32 bytes become 44 characters, encoded in constant time. Since 0.1. */
FBN_PUBLIC int fbn_key_encode(fbn_context *c, const fbn_secret *key, fbn_secret **ret_text);

/** fbn_secret_read_file() and fbn_key_decode() in one; errors name the file. Since 0.1. */
FBN_PUBLIC int fbn_key_read_file(fbn_context *c, const char *path, fbn_secret **ret_key);

/** Who runs an interface. */
typedef enum fbn_wireguard_backend {
        FBN_WIREGUARD_KERNEL = 1,   /**< generic netlink */
        FBN_WIREGUARD_USERSPACE = 2 /**< a daemon with a socket in /var/run/wireguard: wireguard-go, boringtun */
} fbn_wireguard_backend;

/** An interface, without its peers. In a wanted configuration zero means "as it is" for private_key, "none" for the others. */
typedef struct fbn_wireguard_interface {
        size_t size;
        const char *name;              /**< read from a device; ignored when applied */
        fbn_wireguard_backend backend; /**< read from a device; ignored when applied */
        const fbn_secret *private_key;
        fbn_key public_key; /**< read from a device; ignored when applied */
        uint16_t listen_port; /**< 0: left as it is */
        uint32_t fwmark;
        /* What wg-quick files have beyond the device; for links, routes and resolvers, not for fbn_wireguard_apply(). */
        const fbn_prefix *addresses;
        size_t n_addresses;
        const char *const *dns;
        size_t n_dns;
        uint32_t mtu;
        const char *table; /**< NULL if the file says nothing */
        const char *const *hooks; /**< "PostUp = COMMAND" and the like, in order; never run by this library */
        size_t n_hooks;
        const fbn_secret *layout; /**< from a file: its lines without the values of members; for fbn_wireguard_format() */
} fbn_wireguard_interface;

typedef struct fbn_wireguard_peer {
        size_t size;
        fbn_key public_key;
        const fbn_secret *preshared_key; /**< NULL: none */
        fbn_endpoint endpoint;           /**< family 0: unknown when read; when applied, the learned one is kept */
        const char *endpoint_name;       /**< "host:port" of a file when it is not an address; fbn_wireguard_resolve() makes it one */
        uint16_t keepalive;              /**< seconds, 0: off */
        const fbn_prefix *allowed_ips;   /**< from a handle: sorted by family, address and length, none twice */
        size_t n_allowed_ips;
        /* Read from a device; ignored when applied. */
        int64_t last_handshake; /**< nanoseconds since 1970, 0: never; of boringtun good to a second */
        uint64_t received;      /**< bytes */
        uint64_t sent;          /**< bytes */
        uint32_t protocol_version;
        const fbn_secret *layout; /**< from a file: its lines without the values of members; for fbn_wireguard_format() */
} fbn_wireguard_peer;

/** An interface with its peers: wanted, read from a device, or read from a file. */
typedef struct fbn_wireguard fbn_wireguard;

/**
 * Make a configuration.
 *
 * @param interface      copied; NULL: nothing set
 * @param ret_wireguard  owned by the caller, fbn_wireguard_unref(); untouched on failure
 * @return 0, -FBN_EINVAL, -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_wireguard_new(fbn_context *c, const fbn_wireguard_interface *interface, fbn_wireguard **ret_wireguard);

/**
 * Add a peer to a configuration.
 *
 * @param peer  copied, the secret by reference
 * @return 0, or
 *         -FBN_EEXIST   there is a peer with this key
 *         -FBN_EINVAL   host bits are set in an allowed IP, keepalive or endpoint make no sense
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_wireguard_add(fbn_context *c, fbn_wireguard *wireguard, const fbn_wireguard_peer *peer);

/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_wireguard *fbn_wireguard_ref(fbn_wireguard *wireguard);
/** Drop a reference; keys are wiped with the last. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_wireguard *fbn_wireguard_unref(fbn_wireguard *wireguard);
/** The interface, borrowed. Since 0.1. */
FBN_PUBLIC const fbn_wireguard_interface *fbn_wireguard_interface_of(const fbn_wireguard *wireguard);
/** How many peers; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_wireguard_count(const fbn_wireguard *wireguard);
/** A peer, borrowed until the next fbn_wireguard_add(); NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_wireguard_peer *fbn_wireguard_at(const fbn_wireguard *wireguard, size_t index);

/**
 * Read a file of wg(8) or wg-quick(8).
 *
 * Takes what they take, also ports by names of services(5), but for the '+' and '-' of "wg set", port 0 and ports beyond 65535, keys that
 * are all zero and peers that come twice. Host bits of allowed IPs are cleared. Hooks (PreUp …) are returned, never run. Comments and keys
 * that are not known are kept for fbn_wireguard_format(); a key that is nearly a known one, or one of the other section, is an error.
 *
 * @param path  the file
 * @param ret_wireguard  owned by the caller; untouched on failure
 * @return 0, or
 *         -FBN_EINVAL  "FILE:LINE:COLUMN: …" says what is wrong
 *         -FBN_ENOENT, -FBN_ELOCKED  as fbn_secret_read_file()
 *         -FBN_EPERM   not readable by us, or it holds keys and everybody can read or write it
 *
 * Thread: the context's. Since 0.1. Source: wg(8), wg-quick(8).
 */
FBN_PUBLIC int fbn_wireguard_parse_file(fbn_context *c, const char *path, fbn_wireguard **ret_wireguard);

/** The same from text; name stands for the file in errors. The caller wipes text. Since 0.1. */
FBN_PUBLIC int fbn_wireguard_parse(fbn_context *c, const char *name, const char *text, fbn_wireguard **ret_wireguard);

/**
 * Write a configuration as a file.
 *
 * What was read from a file keeps its order, comments and unknown keys in the format "wg-quick"; spelling, spaces and the order of
 * allowed IPs become ours.
 *
 * "netdev" and "network" are for systemd-networkd: NAME.netdev, which holds keys, and NAME.network; they cannot say hooks and comments.
 * Allowed IPs become routes as Table says: "auto" or nothing is the main table, "off" none.
 *
 * "qr-text", "qr-svg" and "qr-png" draw a QR code for the WireGuard app of a phone, which refuses hooks, Table, FwMark and unknown keys:
 * they are left out, and so are comments. The text is for a terminal with UTF-8 and 256 colours, dark on light whatever its theme. All
 * have the quiet zone of four modules; a module of the PNG has eight pixels. libqrencode is opened on first use; its own buffers are
 * freed, but not wiped.
 *
 * @param wireguard  borrowed
 * @param format     one of those names
 * @param ret_text   holds keys, drawn ones too; owned by the caller; untouched on failure
 * @return 0, or
 *         -FBN_EINVAL        no such format; netdev and network without the interface's name; a text with a line break; more than a secret
 *                            holds; for a QR code no private key, or more than 2,953 bytes
 *         -FBN_EUNSUPPORTED  netdev: a default route, and Table says neither off nor a table of its own; QR: libqrencode is not installed
 *
 * Thread: the context's. Since 0.1. Source: wg-quick(8), systemd.netdev(5), systemd.network(5), ISO/IEC 18004.
 */
FBN_PUBLIC int fbn_wireguard_format(fbn_context *c, const fbn_wireguard *wireguard, const char *format, fbn_secret **ret_text);

typedef struct fbn_wireguard_create_options {
        size_t size;
        fbn_wireguard_backend backend; /**< 0: the kernel's, else a daemon if the kernel has none */
        const char *daemon;            /**< a program that goes to the background; NULL: "wireguard-go", searched in PATH */
        uint32_t timeout_ms;           /**< for the daemon's socket to answer; 0: 5,000 */
        uint32_t mtu;                  /**< 0: what the kernel or the daemon takes: 1,420 or 1,500 */
        bool adopt;                    /**< an interface that is there already will do: see below */
} fbn_wireguard_create_options;

/**
 * Make a WireGuard interface, down and without keys.
 *
 * With adopt, one that is there is taken as it is, keys, peers and state included: it has to be WireGuard, the kernel's or a daemon's that
 * answers, and of the backend that the options name, if they name one. Only its MTU is made as wanted.
 *
 * @param name     at most 15 bytes
 * @param options  NULL for the defaults
 * @return the backend that was taken (an fbn_wireguard_backend), or
 *         -FBN_EEXIST        there is an interface of this name; with adopt: that is not WireGuard, or of the other backend
 *         -FBN_EUNSUPPORTED  neither kernel WireGuard nor the daemon is there
 *         -FBN_EUNAVAILABLE  the daemon failed
 *         -FBN_EINVAL (no name for an interface), -FBN_EPERM, -FBN_ETIMEOUT
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_wireguard_create(fbn_context *c, const char *name, const fbn_wireguard_create_options *options);

/** Interfaces of a namespace: their names and who runs them. */
typedef struct fbn_wireguards fbn_wireguards;

/**
 * Find the WireGuard interfaces of the namespace, the kernel's and the daemons'.
 *
 * @param ret_wireguards  a snapshot, owned by the caller; name and backend are set, fbn_wireguard_get() reads the rest; untouched on
 *                        failure
 * @return 0, -FBN_EPERM (a daemon's socket is not for us)
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_wireguard_list(fbn_context *c, fbn_wireguards **ret_wireguards);

/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_wireguards *fbn_wireguards_ref(fbn_wireguards *wireguards);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_wireguards *fbn_wireguards_unref(fbn_wireguards *wireguards);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_wireguards_count(const fbn_wireguards *wireguards);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_wireguard_interface *fbn_wireguards_at(const fbn_wireguards *wireguards, size_t index);

/**
 * Delete a WireGuard interface. A daemon's is gone when this returns, and so are the daemon and its socket.
 *
 * @return 0, or
 *         -FBN_ENOENT    no such interface, or it is not WireGuard: it is left as it is
 *         -FBN_ETIMEOUT  the interface is gone, its daemon has not ended within five seconds
 *         -FBN_EPERM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_wireguard_delete(fbn_context *c, const char *name);

/**
 * Read an interface and all its peers.
 *
 * @param ret_wireguard  a snapshot, owned by the caller; untouched on failure
 * @return 0, or
 *         -FBN_ENOENT        no such interface, or it is not WireGuard
 *         -FBN_EINTERRUPTED  it kept changing while it was read
 *         -FBN_EPERM, -FBN_EUNAVAILABLE (the daemon's socket does not answer)
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_wireguard_get(fbn_context *c, const char *name, fbn_wireguard **ret_wireguard);

typedef struct fbn_wireguard_apply_options {
        size_t size;
        bool keep_peers; /**< peers that are not wanted stay */
        bool dry_run;    /**< say what would be done, send nothing */
} fbn_wireguard_apply_options;

/**
 * Make an interface as wanted, sending only what differs; sessions of unchanged peers are not disturbed. A second call sends nothing.
 * An allowed IP that moves from one peer to another always has an owner. One that is taken away leaves the peer's others undisturbed:
 * by name where the kernel can (6.16), else through a peer that comes and goes with it. boringtun cannot change a peer at all: one that
 * differs is made anew, with the endpoint that was learned, and shakes hands again.
 *
 * @param name         an existing interface
 * @param want         borrowed; its endpoint_name members are ignored, see fbn_wireguard_resolve()
 * @param options      NULL for the defaults
 * @param ret_changes  what was done, one change for each peer that comes or goes, each member and each allowed IP; owned by the caller,
 *                     may be NULL; untouched on failure
 * @return the number of changes, or
 *         -FBN_EINVAL   a peer is the interface itself, or allowed IPs overlap exactly between peers; nothing was sent
 *         -FBN_ENOENT   no such interface
 *         -FBN_EPARTIAL refused midway; the message says what stands
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_wireguard_apply(fbn_context *c, const char *name, const fbn_wireguard *want,
                                   const fbn_wireguard_apply_options *options, fbn_changes **ret_changes);

/**
 * fbn_wireguard_parse_file() and fbn_wireguard_apply() in one, as "wg syncconf": the file is looked through while a daemon writes down
 * what it has, so that neither waits for the other. Endpoints by name are left as they are.
 *
 * @param path  the file
 * @return as both; the file's mistakes are found before anything is sent
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_wireguard_apply_file(fbn_context *c, const char *name, const char *path,
                                        const fbn_wireguard_apply_options *options, fbn_changes **ret_changes);

typedef struct fbn_wireguard_monitor_options {
        size_t size;
        uint32_t interval_ms;    /**< from one look to the next; 0: 1,000 */
        uint32_t stale_s;        /**< seconds after a peer's last handshake when it is told as stale; 0: 180 */
        uint32_t counters_ms;    /**< tell counters that moved, each peer's at most so often; 0: not by time */
        uint64_t counters_bytes; /**< tell them whenever so many bytes more went through the peer; 0: not by bytes */
        bool existing;           /**< begin with what is there, as added */
} fbn_wireguard_monitor_options;

/**
 * Watch an interface, or all of the namespace: peers and the interface itself that come, go and change; handshakes; endpoints that
 * roam; peers that become stale; counters. Neither the kernel nor the daemons tell any of that by themselves: the monitor reads
 * and compares, so that what lasted less than an interval is not seen. An interface that is gone is waited for.
 *
 * Types of events: "interface" and "peer"; field of CHANGED: "endpoint", "allowed IPs", "keepalive", "preshared key" of a peer,
 * "public key", "listen port", "fwmark" of an interface. A peer without traffic and keepalive becomes stale in the course of things: 180 s
 * is REJECT_AFTER_TIME, after which its session keys are used no more.
 *
 * @param name         NULL: every interface, also those that come later
 * @param options      NULL for the defaults
 * @param ret_monitor  tells what happens from now on; owned by the caller, fbn_monitor_unref(); untouched on failure
 * @return 0, -FBN_EINVAL (no name for an interface), -FBN_EPERM, -FBN_ESYSTEM (no descriptors), -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1. Source: https://www.wireguard.com/papers/wireguard.pdf, section 6.1.
 */
FBN_PUBLIC int fbn_wireguard_monitor_new(fbn_context *c, const char *name, const fbn_wireguard_monitor_options *options,
                                         fbn_monitor **ret_monitor);

/**
 * A member of a declared network. Zero and NULL mean "not given".
 *
 * Who is whose peer follows from the members: two are peers if at least one of them has an endpoint. With one for everybody that is a full
 * mesh; with a single one, at a relay, a hub, through which the others reach each other; road warriors send everything to it.
 */
typedef struct fbn_wireguard_member {
        size_t size;
        const char *name; /**< its own in the network; becomes a comment of the files */
        fbn_key public_key;            /**< not needed with a private key */
        const fbn_secret *private_key; /**< goes into the member's own configuration, which lacks it without */
        const fbn_prefix *addresses;   /**< in the tunnel, with the length that its link gets: 10.0.0.5/24 */
        size_t n_addresses;
        const char *endpoint; /**< "HOST:PORT" where others reach it; NULL: it has to begin */
        uint16_t listen_port; /**< 0: that of its endpoint */
        uint16_t keepalive;   /**< seconds, to all of its peers; 0: off */
        const fbn_prefix *announces; /**< networks behind it that the others reach through it */
        size_t n_announces;
        const fbn_prefix *connected; /**< announced networks that it is on itself and reaches without the tunnel */
        size_t n_connected;
        bool relay;        /**< it has an endpoint and passes packets on between those that are not peers */
        bool road_warrior; /**< all its traffic goes to the first relay */
        uint32_t mtu;
        const char *const *dns; /**< resolvers and search domains of its own configuration */
        size_t n_dns;
} fbn_wireguard_member;

typedef struct fbn_wireguard_network_options {
        size_t size;
        const fbn_prefix *prefixes; /**< of the members' addresses: what a member whose only peer is a relay sends to it */
        size_t n_prefixes;
        const fbn_secret *preshared; /**< 32 random bytes: each pair gets a pre-shared key derived from them; NULL: none */
} fbn_wireguard_network_options;

/** A declared network, in the order in which its members were added. */
typedef struct fbn_wireguard_network fbn_wireguard_network;

/**
 * Begin a network.
 *
 * A pair's pre-shared key is BLAKE2b-256, keyed with options->preshared, of "fabricnet preshared 1" and both public keys, the smaller first. Keyed
 * BLAKE2b is a pseudorandom function: whoever learns a pair's key learns nothing about the secret or another pair's. Both ends derive the
 * same in any order, and a new key of a member renews all of its pairs'. Whoever holds the secret has every pair's key: it belongs only
 * where configurations are derived, and never onto a member.
 *
 * @param options      NULL for the defaults
 * @param ret_network  owned by the caller, fbn_wireguard_network_unref(); untouched on failure
 * @return 0, -FBN_EINVAL (preshared has not 32 bytes, a prefix with host bits), -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1. Source: RFC 7693.
 */
FBN_PUBLIC int fbn_wireguard_network_new(fbn_context *c, const fbn_wireguard_network_options *options, fbn_wireguard_network **ret_network);

/**
 * Add a member.
 *
 * @param member  copied, its secret by reference
 * @return 0, or -FBN_EINVAL: no name or key, keys that do not belong together, no address, host bits set in a network, a relay without an
 *         endpoint, an endpoint that is not HOST:PORT
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_wireguard_network_add(fbn_context *c, fbn_wireguard_network *network, const fbn_wireguard_member *member);

/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_wireguard_network *fbn_wireguard_network_ref(fbn_wireguard_network *network);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_wireguard_network *fbn_wireguard_network_unref(fbn_wireguard_network *network);
/** How many members; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_wireguard_network_count(const fbn_wireguard_network *network);
/** A member, borrowed until the next is added; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_wireguard_member *fbn_wireguard_network_at(const fbn_wireguard_network *network, size_t index);

/**
 * The configuration of one member: its interface, and its peers in the order of the network.
 *
 * A peer's allowed IPs are its own addresses and what it announces. The first relay also carries what a member without an endpoint cannot
 * reach otherwise: the network's prefixes if it is the only peer, else each of the others and what they announce. For a road warrior it
 * carries everything.
 *
 * @param name           the member's
 * @param ret_wireguard  for fbn_wireguard_apply() and fbn_wireguard_format(); owned by the caller; untouched on failure
 * @return 0, or
 *         -FBN_ENOENT  no member of this name
 *         -FBN_EINVAL  two members have this name, this key or the same address, or two peers announce the same network
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_wireguard_network_derive(fbn_context *c, const fbn_wireguard_network *network, const char *name,
                                            fbn_wireguard **ret_wireguard);

/**
 * The lowest address of a prefix that no member has. The first address of a network is left out, and IPv4's last.
 *
 * @param prefix       in it; host bits do not matter
 * @param ret_address  with the prefix's length, for a member; untouched on failure
 * @return 0, -FBN_ENOENT if all are taken, -FBN_EINVAL
 *
 * Thread: the context's. Since 0.1. Source: RFC 4291, section 2.6.1; RFC 3021.
 */
FBN_PUBLIC int fbn_wireguard_network_next_address(fbn_context *c, const fbn_wireguard_network *network, const fbn_prefix *prefix,
                                                  fbn_prefix *ret_address);

/**
 * Ask once for the names of endpoints, before fbn_wireguard_apply(). What changes later is fbn_wireguard_resolver_new()'s.
 *
 * @param name          the interface that they are for: of several addresses a peer keeps the one in use; NULL: not known yet
 * @param want          borrowed
 * @param timeout_ms    for all of them together; 0: 10,000
 * @param ret_resolved  want with endpoints in place of names; those without an answer keep their name and no endpoint. Owned by the
 *                      caller; untouched on failure
 * @return how many names have no answer, of which fbn_context_error() then names the first and its reason; or
 *         -FBN_ESYSTEM (no thread, no descriptors), -FBN_ECANCELED, -FBN_ENOMEM, or what reading the interface gives if it is there
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_wireguard_resolve(fbn_context *c, const char *name, const fbn_wireguard *want, uint32_t timeout_ms,
                                     fbn_wireguard **ret_resolved);

typedef struct fbn_wireguard_resolver_options {
        size_t size;
        uint32_t interval_ms; /**< from one question about a name to the next; 0: 120,000 */
        uint32_t stale_s;     /**< seconds after a peer's last handshake when it counts as silent; 0: 135 */
        uint16_t family;      /**< AF_INET or AF_INET6: only such addresses; 0: both, in the order of getaddrinfo(3) */
} fbn_wireguard_resolver_options;

/**
 * Give peers the endpoints that their names stand for, now and as these change: what fbn_wireguard_apply() leaves to others.
 *
 * Names are asked for in threads of the resolver's own (16 at most), in the context's network namespace and, when that has a name, with
 * the files of /etc/netns/NAME as ip-netns(8) says; nothing waits for them, fbn_monitor_unref() neither. Each is asked for again after the
 * interval, at once when its peer becomes silent and every 30 s while it is, and after a failure in two seconds, then twice that, up to
 * the interval. Only endpoints are changed, and only of peers that are there. One that is among the addresses stays, but when the peer is
 * silent the next of them is tried; one that the peer roamed to stays until it is silent. Among several, the family in use is kept.
 *
 * Events, all of type "peer" and field "endpoint": CHANGED; FAILED, once for each reason, with the name as before and the reason as after.
 *
 * @param name         an interface; it may come later
 * @param want         its peers with an endpoint_name are resolved; kept by reference, not to be changed any more
 * @param options      NULL for the defaults
 * @param ret_monitor  owned by the caller, fbn_monitor_unref(); untouched on failure
 * @return 0, -FBN_EINVAL, -FBN_ESYSTEM (no thread, no descriptors), -FBN_ENOMEM; fbn_monitor_process() gives what reading and changing
 *         the interface give, such as -FBN_EPERM
 *
 * Thread: the context's. Since 0.1. Source: https://www.wireguard.com/papers/wireguard.pdf, section 6.2 (REKEY_AFTER_TIME 120 s,
 * REKEY_TIMEOUT 5 s); wireguard-tools, contrib/reresolve-dns.
 */
FBN_PUBLIC int fbn_wireguard_resolver_new(fbn_context *c, const char *name, const fbn_wireguard *want,
                                          const fbn_wireguard_resolver_options *options, fbn_monitor **ret_monitor);

FBN_DEFINE_CLEANUP(fbn_wireguard)
FBN_DEFINE_CLEANUP(fbn_wireguards)
FBN_DEFINE_CLEANUP(fbn_wireguard_network)

#ifdef __cplusplus
}
#endif

#endif
