/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_ROUTER_H
#define FABRICNET_ROUTER_H

#include <fabricnet/changes.h>
#include <fabricnet/secret.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How a router is reached: by ssh(1) with these and none of the caller's own settings. */
typedef struct fbn_router_access {
        size_t size;
        const char *system;      /**< "pfsense", or "linux": a host with this software; NULL: "pfsense" */
        const char *host;        /**< a name or an address */
        uint16_t port;           /**< of its sshd; 0: 22 */
        const char *user;        /**< NULL: root */
        const char *private_key; /**< file of the ssh key, an absolute path, checked as fbn_secret_read_file() does */
        const char *host_key;    /**< "ssh-ed25519 AAAA…": whoever has another one is not spoken to */
        uint32_t timeout_s;      /**< for each step; 0: 60 */
} fbn_router_access;

/**
 * One thing that a router should have.
 *
 * Of pfSense it is an object of its config.xml, with the members that this has there. Kinds with many objects, each found again by its mark, the
 * text "fabricnet:FABRIC NAME" in its description: "tunnel", "peer" (WireGuard package), "gateway", "route", "nat" (outbound), "rule" (filter),
 * "domain", "host", "acl" (DNS resolver). "interface" is an assignment, NAME its device, ours if the device is a tunnel of ours. "wireguard",
 * "outbound", "tailscale" and "login" are pages, of which the given members alone are ours. An interface that a member refers to is written
 * "@DEVICE".
 *
 * Of Linux: "fabric", the file that fabricnet(1) applies there, NAME its host in it, and "file", a secret beside it at the path NAME.
 */
typedef struct fbn_router_object {
        size_t size;
        const char *kind;
        const char *name;         /**< unique in its kind */
        const char *content;      /**< JSON object; NULL: none */
        const fbn_secret *secret; /**< privatekey of a tunnel, presharedkey of a peer, preauthkey of a login, content of a file; NULL: none. A
                                       login is written only if its loginserver differs: whatever is written there ends the node's identity */
} fbn_router_object;

/** A router and what it should have. */
typedef struct fbn_router fbn_router;

/**
 * Make one that should have nothing yet.
 *
 * @param fabric      name of the fabric, 1 to 63 lower-case letters, digits, "-": part of the mark
 * @param access      copied; NULL: it can only be rendered
 * @param ret_router  owned by the caller, fbn_router_unref(); untouched on failure
 * @return 0, -FBN_EINVAL (and why), -FBN_ENOMEM, and as fbn_secret_read_file() of the ssh key
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_router_new(fbn_context *c, const char *fabric, const fbn_router_access *access, fbn_router **ret_router);
/** Append a copy. Returns 0, -FBN_EINVAL (and why), -FBN_EEXIST (the kind has one of that name), -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_router_add(fbn_context *c, fbn_router *router, const fbn_router_object *object);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_router *fbn_router_ref(fbn_router *router);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_router *fbn_router_unref(fbn_router *router);
/** How many objects; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_router_count(const fbn_router *router);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_router_object *fbn_router_at(const fbn_router *router, size_t index);

/**
 * Read what of ours the router has now, whatever it should have. Secrets are left where they are.
 *
 * @param ret_have  a router with these objects, owned by the caller, fbn_router_unref(); untouched on failure
 * @return how many objects, or
 *         -FBN_EUNAVAILABLE  not reached, not let in, or it has another host key: the message says which
 *         -FBN_EPROTOCOL     what it has is no configuration
 *         -FBN_ETIMEOUT, -FBN_EUNSUPPORTED (no ssh, no libxml2), -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_router_read(fbn_context *c, const fbn_router *router, fbn_router **ret_have);

typedef struct fbn_router_options {
        size_t size;
        bool dry_run;            /**< say what would be done; the router is only read */
        uint32_t confirm_within; /**< seconds after which the router puts all back by itself unless we were there again; 0: 60 */
        const char *backups;     /**< of pfSense: folder for its configuration as it was before, in generations as fbn_backup_run() keeps them; NULL:
                                      /var/lib/fabricnet/router/HOST */
        bool local_only;         /**< of Linux: leave out the mesh */
} fbn_router_options;

/**
 * Make the router have these objects, and of ours no other; a second call changes nothing.
 *
 * What is not ours stays as it is to the byte. The configuration is kept here before it is changed. The router itself puts it back at the deadline,
 * which only a new connection to it, over which all was read again as wanted, takes away: a change that cuts us off undoes itself.
 *
 * @param options      NULL for the defaults
 * @param ret_changes  what was done, or would be; no secret is in it. Owned by the caller; may be NULL; untouched on failure
 * @return the number of changes, or
 *         -FBN_ECONFLICT  what we would add is there and not ours: the message names it; or somebody changed the router meanwhile
 *         -FBN_ENOENT     an object refers to an interface that the router does not have, or a package of it is not installed
 *         -FBN_EUNDONE    failed, and the router is as it was
 *         -FBN_EPARTIAL   failed, and nobody knows whether it is: the message says what to do
 *         and as fbn_router_read()
 *
 * Thread: the context's. Since 0.1. Source: pfSense's config.lib.inc, pfSsh.php.
 */
FBN_PUBLIC int fbn_router_apply(fbn_context *c, const fbn_router *router, const fbn_router_options *options, fbn_changes **ret_changes);

/**
 * The objects as text: of pfSense as they stand in its config.xml, of Linux the fabric file. No secret is in it.
 *
 * @param ret_text  owned by the caller, fbn_free(); untouched on failure
 * @return 0, or -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_router_render(fbn_context *c, const fbn_router *router, char **ret_text);

FBN_DEFINE_CLEANUP(fbn_router)

#ifdef __cplusplus
}
#endif

#endif
