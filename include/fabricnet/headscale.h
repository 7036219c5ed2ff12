/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_HEADSCALE_H
#define FABRICNET_HEADSCALE_H

#include <fabricnet/changes.h>
#include <fabricnet/secret.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A connection to one Headscale server's API, kept open between calls. */
typedef struct fbn_headscale fbn_headscale;

typedef struct fbn_headscale_options {
        size_t size;
        const char *url;           /**< "https://headscale.example"; plain http only to loopback addresses */
        const fbn_secret *api_key; /**< NULL: only health and version can be asked */
        const char *ca_file;       /**< PEM file of the authorities to trust; NULL: the system's. TLS is always verified */
        uint32_t timeout_ms;       /**< for each call; 0: 10,000 */
} fbn_headscale_options;

/**
 * Prepare a connection; nothing is sent yet.
 *
 * @return 0, -FBN_EINVAL (url), -FBN_EUNSUPPORTED (libcurl is not installed)
 *
 * All calls below also return: -FBN_EUNAVAILABLE (no connection, TLS not verified; the message says which), -FBN_EDENIED (the key is
 * wrong), -FBN_ETIMEOUT, -FBN_EPROTOCOL (not Headscale, or an answer of another shape), -FBN_ECANCELED. A refusal of the server
 * carries its HTTP status and text.
 *
 * Thread: the context's. Since 0.1. Source: Headscale's gen/openapiv2/headscale/v1/headscale.swagger.json.
 */
FBN_PUBLIC int fbn_headscale_new(fbn_context *c, const fbn_headscale_options *options, fbn_headscale **ret_headscale);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_headscale *fbn_headscale_ref(fbn_headscale *headscale);
/** Drop a reference; the last closes the connection. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_headscale *fbn_headscale_unref(fbn_headscale *headscale);

/** Whether the server says that it is well: 0, or -FBN_EUNAVAILABLE. Needs no key. Since 0.1. */
FBN_PUBLIC int fbn_headscale_health(fbn_context *c, fbn_headscale *headscale);

/** The server's version, "0.28.0" ("0.26" for servers that do not tell); owned by the caller, fbn_free(). Needs no key. Since 0.1. */
FBN_PUBLIC int fbn_headscale_version(fbn_context *c, fbn_headscale *headscale, char **ret_version);

typedef struct fbn_headscale_user {
        size_t size;
        uint64_t id;
        const char *name;
        const char *display_name;
        const char *email;
        int64_t created; /**< nanoseconds since 1970 */
} fbn_headscale_user;

/** A list of users. */
typedef struct fbn_headscale_users fbn_headscale_users;
/** Read the users. Since 0.1. */
FBN_PUBLIC int fbn_headscale_user_list(fbn_context *c, fbn_headscale *headscale, fbn_headscale_users **ret_users);
/** Make a user. Returns 0 or -FBN_EEXIST. Since 0.1. */
FBN_PUBLIC int fbn_headscale_user_create(fbn_context *c, fbn_headscale *headscale, const char *name);
/** Delete a user. Returns 0, -FBN_ENOENT or -FBN_ECONFLICT (it still has nodes). Since 0.1. */
FBN_PUBLIC int fbn_headscale_user_delete(fbn_context *c, fbn_headscale *headscale, uint64_t id);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_headscale_users *fbn_headscale_users_ref(fbn_headscale_users *users);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_headscale_users *fbn_headscale_users_unref(fbn_headscale_users *users);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_headscale_users_count(const fbn_headscale_users *users);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_headscale_user *fbn_headscale_users_at(const fbn_headscale_users *users, size_t index);

typedef struct fbn_headscale_key_options {
        size_t size;
        uint64_t user;              /**< id of the user whose node it will be */
        bool reusable, ephemeral;
        int64_t valid_for;          /**< nanoseconds; 0: one hour */
        const char *const *tags;    /**< "tag:router" */
        size_t n_tags;
} fbn_headscale_key_options;

/**
 * Mint a pre-auth key.
 *
 * @param options  user is required
 * @param ret_key  the key, owned by the caller; it cannot be asked for again
 * @return 0, -FBN_ENOENT (no such user), -FBN_EINVAL (the server refuses a tag)
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_headscale_key_mint(fbn_context *c, fbn_headscale *headscale, const fbn_headscale_key_options *options, fbn_secret **ret_key);

typedef struct fbn_headscale_node {
        size_t size;
        uint64_t id;
        const char *name;       /**< as the device calls itself */
        const char *given_name; /**< as the mesh calls it */
        const char *user;
        const fbn_address *addresses;
        size_t n_addresses;
        const fbn_prefix *available_routes; /**< what it advertises */
        size_t n_available_routes;
        const fbn_prefix *approved_routes;
        size_t n_approved_routes;
        const fbn_prefix *serving_routes; /**< what it carries now; others stand by */
        size_t n_serving_routes;
        const char *const *tags;
        size_t n_tags;
        bool online;
        int64_t last_seen; /**< nanoseconds since 1970, 0: never */
        int64_t expiry;    /**< nanoseconds since 1970, 0: never */
} fbn_headscale_node;

/** A list of nodes. */
typedef struct fbn_headscale_nodes fbn_headscale_nodes;
/** Read all nodes. Since 0.1. */
FBN_PUBLIC int fbn_headscale_node_list(fbn_context *c, fbn_headscale *headscale, fbn_headscale_nodes **ret_nodes);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_headscale_nodes *fbn_headscale_nodes_ref(fbn_headscale_nodes *nodes);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_headscale_nodes *fbn_headscale_nodes_unref(fbn_headscale_nodes *nodes);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_headscale_nodes_count(const fbn_headscale_nodes *nodes);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_headscale_node *fbn_headscale_nodes_at(const fbn_headscale_nodes *nodes, size_t index);

/**
 * Approve exactly these routes of a node.
 *
 * @param routes    replaces the set that was approved before; may be empty
 * @param n_routes  how many
 * @return 0, -FBN_ENOENT (no such node)
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_headscale_node_approve(fbn_context *c, fbn_headscale *headscale, uint64_t node, const fbn_prefix *routes, size_t n_routes);
/** Let a node in that waits with this registration id. Returns 0, -FBN_ENOENT, -FBN_EINVAL (not of an id's form). Since 0.1. */
FBN_PUBLIC int fbn_headscale_node_register(fbn_context *c, fbn_headscale *headscale, const char *user, const char *registration);
/** Change the mesh's name of a node. Returns 0, -FBN_ENOENT, -FBN_EINVAL, -FBN_EEXIST (another node has it). Since 0.1. */
FBN_PUBLIC int fbn_headscale_node_rename(fbn_context *c, fbn_headscale *headscale, uint64_t node, const char *name);
/** Delete a node. Returns 0, -FBN_ENOENT. Since 0.1. */
FBN_PUBLIC int fbn_headscale_node_delete(fbn_context *c, fbn_headscale *headscale, uint64_t node);

/** Read the policy, the HuJSON text as it was put; "" if there is none. Owned by the caller, fbn_free(). Since 0.1. */
FBN_PUBLIC int fbn_headscale_policy_get(fbn_context *c, fbn_headscale *headscale, char **ret_policy);
/** Put a policy. Returns 0, -FBN_EINVAL (the server's reason), -FBN_EUNSUPPORTED (policy.mode is not "database"). Since 0.1. */
FBN_PUBLIC int fbn_headscale_policy_set(fbn_context *c, fbn_headscale *headscale, const char *policy);

FBN_DEFINE_CLEANUP(fbn_headscale)
FBN_DEFINE_CLEANUP(fbn_headscale_users)
FBN_DEFINE_CLEANUP(fbn_headscale_nodes)

#ifdef __cplusplus
}
#endif

#endif
