/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_LINK_H
#define FABRICNET_LINK_H

#include <fabricnet/changes.h>
#include <fabricnet/monitor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Our number in the protocol field of routes, rules and addresses: what carries it is ours. */
#define FBN_PROTOCOL 251

/** Whether a link is administratively up. */
typedef enum fbn_link_state { FBN_LINK_ANY = 0, FBN_LINK_UP = 1, FBN_LINK_DOWN = 2 } fbn_link_state;

/** A setting that is on or off, or not given. */
typedef enum fbn_link_switch { FBN_LINK_AS_IT_IS = 0, FBN_LINK_ON = 1, FBN_LINK_OFF = 2 } fbn_link_switch;

/** A network interface. In a wanted one, zero and NULL mean "as it is"; an empty alias or master means none. */
typedef struct fbn_link {
        size_t size;
        const char *name;
        const char *kind; /**< "wireguard", "veth", "bridge", "vlan", "dummy", "vrf", "tun", "tap"; NULL for hardware */
        uint32_t index;   /**< read only */
        uint32_t mtu;
        fbn_link_state state;
        const char *alias;  /**< ours is "fabricnet:FABRIC" */
        const char *master; /**< bridge or VRF this link is a port of */
        const char *peer;   /**< veth: name of the other end, when created */
        const char *parent; /**< VLAN: the link below */
        uint16_t vlan;      /**< VLAN: the tag, 1 to 4094 */
        uint16_t vlan_protocol; /**< VLAN: EtherType of the tag, 0x8100 (802.1Q) or 0x88a8 (802.1ad); when made, 0 means 0x8100 */
        uint32_t table;     /**< VRF: its routing table */
        fbn_link_switch vlan_filtering; /**< bridge: heed VLAN tags */
        fbn_link_switch stp;            /**< bridge: spanning tree */
        const char *const *altnames;    /**< names beside name, up to 127 bytes each; wanted ones are added, others stay */
        size_t n_altnames;
        bool running;       /**< read only: carrier is there */
} fbn_link;

/** A list of links. */
typedef struct fbn_links fbn_links;

/**
 * Read the links of the namespace.
 *
 * @param name       only this one; NULL: all
 * @param ret_links  a snapshot, owned by the caller; untouched on failure
 * @return 0, -FBN_ENOENT if name is given and not there
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_link_list(fbn_context *c, const char *name, fbn_links **ret_links);

/**
 * Make a link.
 *
 * @param link  name and kind are required; of a VLAN parent and vlan, of a VRF table
 * @return 0, -FBN_EEXIST, -FBN_EUNSUPPORTED (the kernel lacks the kind; the message names its module), -FBN_EINVAL, -FBN_EPERM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_link_create(fbn_context *c, const fbn_link *link);

/**
 * Change an existing link: mtu, state, alias, master, of a bridge vlan_filtering and stp, whatever is given; altnames are added.
 *
 * @return 0, -FBN_ENOENT (no such link or master), -FBN_EEXIST (a link has that altname already), -FBN_EINVAL (also: the link is no
 *         bridge), -FBN_EPERM. The altnames come last: when one is refused, the settings stand.
 *
 * Thread: the context's. Since 0.1. Source: rtnetlink(7).
 */
FBN_PUBLIC int fbn_link_set(fbn_context *c, const fbn_link *link);

/** Take an altname from a link. Returns 0, -FBN_ENOENT (no such link, or it has no such altname), -FBN_EINVAL, -FBN_EPERM. Since 0.1. */
FBN_PUBLIC int fbn_link_altname_delete(fbn_context *c, const char *name, const char *altname);

/** Delete a link. Returns 0, -FBN_ENOENT, -FBN_EPERM. Since 0.1. */
FBN_PUBLIC int fbn_link_delete(fbn_context *c, const char *name);

/**
 * Move a link to another namespace. It arrives down and without addresses.
 *
 * @param netns  a name of ip-netns(8), a path, the id of a process in it as text ("4711"), or an open file descriptor of it ("fd:7")
 * @return 0, -FBN_ENOENT (no such link, no such namespace), -FBN_EEXIST (a link of that name is there), -FBN_EINVAL (not a namespace;
 *         this kind stays where it was made), -FBN_EPERM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_link_move(fbn_context *c, const char *name, const char *netns);

typedef struct fbn_link_apply_options {
        size_t size;
        bool adopt;   /**< also change a link that does not carry the wanted alias */
        bool dry_run; /**< say what would be done, send nothing */
} fbn_link_apply_options;

/**
 * Make one link as wanted: create it if it is missing, change what differs. WireGuard links without kernel support are for
 * fbn_wireguard_create().
 *
 * @param link         what is wanted
 * @param options      NULL for the defaults
 * @param ret_changes  owned by the caller, may be NULL; untouched on failure
 * @return the number of changes, or -FBN_ECONFLICT if a link of that name is somebody else's (its alias is not the wanted one) or of
 *         another kind; nothing was changed
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_link_apply(fbn_context *c, const fbn_link *link, const fbn_link_apply_options *options, fbn_changes **ret_changes);

/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_links *fbn_links_ref(fbn_links *links);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_links *fbn_links_unref(fbn_links *links);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_links_count(const fbn_links *links);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_link *fbn_links_at(const fbn_links *links, size_t index);

/** Where an address is valid. Source: rtnetlink(7), rtm_scope. */
typedef enum fbn_link_scope {
        FBN_LINK_SCOPE_GLOBAL = 0,
        FBN_LINK_SCOPE_SITE = 200,
        FBN_LINK_SCOPE_LINK = 253,
        FBN_LINK_SCOPE_HOST = 254
} fbn_link_scope;

/** An address of a link. Zero means "not given" or "no". */
typedef struct fbn_link_address {
        size_t size;
        const char *device;
        fbn_prefix address;    /**< with its host bits */
        fbn_address peer;      /**< the other end of a point-to-point link; the prefix length is then the peer's */
        fbn_address broadcast; /**< IPv4 only */
        fbn_link_scope scope;  /**< IPv6: the address itself decides */
        uint32_t valid;        /**< seconds until the kernel removes it, as far as they are left when read; 0: for ever */
        uint32_t preferred;    /**< seconds until new connections no longer use it, at most valid; 0: as long as it is valid */
        bool deprecated;       /**< new connections do not use it from now on: a preferred time of none */
        uint8_t protocol;      /**< IFA_PROTO; FBN_PROTOCOL is ours. When added, 0 means ours. Kernels before 5.18 keep none: 0, nobody's */
        bool no_prefix_route;  /**< the kernel adds no route for the prefix */
        bool no_dad;           /**< IPv6: usable at once, without duplicate address detection */
        bool tentative;        /**< read only: IPv6, detection has not ended yet */
        bool dad_failed;       /**< read only: IPv6, somebody else has the address */
        bool secondary;        /**< read only: IPv4, goes when its primary goes; IPv6, temporary */
} fbn_link_address;

/** A list of addresses. */
typedef struct fbn_link_addresses fbn_link_addresses;

/** Make an empty list. Returns 0 or -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_link_addresses_new(fbn_context *c, fbn_link_addresses **ret_addresses);
/** Append a copy. Returns 0, -FBN_EINVAL, -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_link_addresses_add(fbn_context *c, fbn_link_addresses *addresses, const fbn_link_address *address);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_link_addresses *fbn_link_addresses_ref(fbn_link_addresses *addresses);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_link_addresses *fbn_link_addresses_unref(fbn_link_addresses *addresses);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_link_addresses_count(const fbn_link_addresses *addresses);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_link_address *fbn_link_addresses_at(const fbn_link_addresses *addresses, size_t index);

/**
 * Read addresses.
 *
 * @param device         only of this link; NULL: all
 * @param ret_addresses  a snapshot, owned by the caller; untouched on failure
 * @return 0, -FBN_ENOENT if device is given and not there
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_link_address_list(fbn_context *c, const char *device, fbn_link_addresses **ret_addresses);

/**
 * Add an address.
 *
 * @return 0, -FBN_EEXIST, -FBN_ENOENT (no such link), -FBN_EINVAL (a peer or broadcast of the other family, preferred longer than valid),
 *         -FBN_EPERM
 *
 * Thread: the context's. Since 0.1. Source: rtnetlink(7), ip-address(8).
 */
FBN_PUBLIC int fbn_link_address_add(fbn_context *c, const fbn_link_address *address);

/** Remove an address. Returns 0, -FBN_ENOENT, -FBN_EPERM. Since 0.1. */
FBN_PUBLIC int fbn_link_address_delete(fbn_context *c, const fbn_link_address *address);

typedef struct fbn_link_address_apply_options {
        size_t size;
        bool dry_run; /**< say what would be done, send nothing */
} fbn_link_address_apply_options;

/**
 * Make our addresses on one link as wanted. Addresses without our protocol number are never removed; a wanted one that is there
 * already as somebody else's is left as it is and counts as done. A lifetime is renewed once less than half of it is left, or more of it
 * than wanted; what the kernel cannot change in place (peer, broadcast, scope …) is removed and added. On kernels before 5.18, which do not keep the number, ours are
 * somebody else's from then on: they are found in place, but it is up to the caller to remove them.
 *
 * @param device       the link
 * @param want         borrowed; members of other devices are refused with -FBN_EINVAL
 * @param options      NULL for the defaults
 * @param ret_changes  owned by the caller, may be NULL; untouched on failure
 * @return the number of changes, or -FBN_ENOENT, -FBN_EPERM, -FBN_EPARTIAL
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_link_address_apply(fbn_context *c, const char *device, const fbn_link_addresses *want,
                                      const fbn_link_address_apply_options *options, fbn_changes **ret_changes);

typedef struct fbn_link_monitor_options {
        size_t size;
        const char *device;    /**< only this link and its addresses; NULL: all */
        bool existing;         /**< begin with what is there, as added */
        uint32_t buffer_bytes; /**< room in the kernel for what was not yet read; 0: 1 MiB. More takes the privilege, else less is given */
} fbn_link_monitor_options;

/**
 * Watch links and their addresses.
 *
 * Types of events: "link" and "address"; field of a link's CHANGED: "name", "mtu", "state", "running", "alias", "master", "altnames"; of
 * an address's it is NULL. The kernel says nothing of alias and altnames while a link is down: they are told when it comes up. When the kernel had to drop notifications, RESYNC is followed by what differs since: whoever keeps a copy by
 * ADDED, CHANGED and REMOVED has the kernel's state again after each fbn_monitor_process().
 *
 * @param options      NULL for the defaults
 * @param ret_monitor  tells what happens from now on; owned by the caller, fbn_monitor_unref(); untouched on failure
 * @return 0, -FBN_EINVAL (no name for a link), -FBN_EINTERRUPTED, -FBN_ESYSTEM, -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1. Source: rtnetlink(7), netlink(7).
 */
FBN_PUBLIC int fbn_link_monitor_new(fbn_context *c, const fbn_link_monitor_options *options, fbn_monitor **ret_monitor);

FBN_DEFINE_CLEANUP(fbn_links)
FBN_DEFINE_CLEANUP(fbn_link_addresses)

#ifdef __cplusplus
}
#endif

#endif
