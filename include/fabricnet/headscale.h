/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_HEADSCALE_H
#define FABRICNET_HEADSCALE_H

#include <fabricnet/changes.h>
#include <fabricnet/monitor.h>
#include <fabricnet/secret.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A connection to one Headscale server's API, kept open between calls. */
typedef struct fbn_headscale fbn_headscale;

typedef struct fbn_headscale_options {
        size_t size;
        const char *url;           /**< "https://headscale.example"; plain http only to loopback addresses and with socket */
        const fbn_secret *api_key; /**< NULL: only health and version can be asked */
        const char *ca_file;       /**< PEM file of the authorities to trust; NULL: the system's. TLS is always verified */
        uint32_t timeout_ms;       /**< for each call, of a list for each wait for more of it; 0: 10,000 */
        const char *pinned_key;    /**< also wanted of the server's certificate: "sha256//BASE64" of its public key, several parted by ';' */
        const char *proxy;         /**< "http://proxy:3128"; NULL: what the environment's https_proxy says, "": none */
        const char *socket;        /**< the server's unix socket instead of TCP; servers up to 0.29 speak something else there */
        size_t reply_limit;        /**< bytes of an answer; 0: 64 MiB. What fbn_headscale_reader reads may be longer */
        uint32_t tries;            /**< of what only reads, when the connection broke or the server is overloaded; 0: 3, 1: never again */
        bool http2;                /**< offer HTTP/2 to https servers; false: HTTP/1.1, with which one request at a time takes a third of the work */
} fbn_headscale_options;

/**
 * Prepare a connection; nothing is sent yet.
 *
 * @return 0, -FBN_EINVAL (url, pinned_key), -FBN_EUNSUPPORTED (libcurl is not installed)
 *
 * All calls below also return: -FBN_EUNAVAILABLE (no connection, TLS not verified; the message says which), -FBN_EDENIED (the key is
 * wrong), -FBN_ETIMEOUT, -FBN_EPROTOCOL (not Headscale, or an answer of another shape), -FBN_EUNSUPPORTED (this version of the server
 * cannot; nothing was sent), -FBN_ECANCELED. A refusal of the server carries its HTTP status and text. What changes something is sent
 * once: after -FBN_ETIMEOUT or a broken connection nobody knows whether the server did it.
 *
 * Servers from 0.26 on. Thread: the context's. Since 0.1. Source: Headscale's gen/openapiv2/headscale/v1/headscale.swagger.json.
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

/** What only some versions of the server can. */
typedef enum fbn_headscale_ability {
        FBN_HEADSCALE_CAN_SET_EXPIRY = 1,   /**< a node's expiry at a time that is told, or never; 0.26 only knows "now" */
        FBN_HEADSCALE_CAN_MOVE_NODES = 2,   /**< give a node to another user; up to 0.27 */
        FBN_HEADSCALE_CAN_UNTAG = 3,        /**< take a node's last tag; up to 0.27 */
        FBN_HEADSCALE_CAN_CHECK_POLICY = 4, /**< without putting it in force; from 0.29 on */
        FBN_HEADSCALE_CAN_DELETE_KEYS = 5,  /**< pre-auth keys; from 0.28 on */
        FBN_HEADSCALE_CAN_MINT_TAGGED = 6,  /**< pre-auth keys with tags and without a user; from 0.28 on */
        FBN_HEADSCALE_CAN_JUDGE_LOGINS = 7  /**< fbn_headscale_login_judge(); from 0.29 on */
} fbn_headscale_ability;

/** Whether the server can: 1 or 0, or a failure to ask for its version, which is asked for once. Needs no key. Since 0.1. */
FBN_PUBLIC int fbn_headscale_can(fbn_context *c, fbn_headscale *headscale, fbn_headscale_ability ability);

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
/** Give a user another name. Returns 0, -FBN_ENOENT, -FBN_EEXIST (another user has it), -FBN_EINVAL. Since 0.1. */
FBN_PUBLIC int fbn_headscale_user_rename(fbn_context *c, fbn_headscale *headscale, uint64_t id, const char *name);
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

/** Two kinds of keys: what lets a device in, and what lets a program ask this API. */
typedef enum fbn_headscale_key_kind { FBN_HEADSCALE_KEY_PRE_AUTH = 1, FBN_HEADSCALE_KEY_API = 2 } fbn_headscale_key_kind;

typedef struct fbn_headscale_key_options {
        size_t size;
        uint64_t user;              /**< id of the user whose node it will be; 0: a tagged key of nobody, or an API key */
        bool reusable, ephemeral;
        int64_t valid_for;          /**< nanoseconds; 0: one hour, of an API key 90 days */
        const char *const *tags;    /**< "tag:router" */
        size_t n_tags;
        fbn_headscale_key_kind kind; /**< 0: pre-auth */
} fbn_headscale_key_options;

/**
 * Mint a key.
 *
 * @param options  user is required, unless a pre-auth key has tags (0.28) or it is an API key
 * @param ret_key  the key, owned by the caller; it cannot be asked for again
 * @return 0, -FBN_ENOENT (no such user), -FBN_EINVAL (the server refuses a tag)
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_headscale_key_mint(fbn_context *c, fbn_headscale *headscale, const fbn_headscale_key_options *options, fbn_secret **ret_key);

/** What may be known of a key. The secret is not in it. */
typedef struct fbn_headscale_key {
        size_t size;
        fbn_headscale_key_kind kind;
        uint64_t id;
        const char *prefix; /**< what the secret begins with, enough to tell keys apart */
        const char *user;   /**< pre-auth: whose nodes it makes, "" for nobody's */
        bool reusable, ephemeral, used;
        bool own;           /**< the API key of this connection */
        int64_t expiry;     /**< nanoseconds since 1970, 0: never */
        int64_t created;    /**< the same */
        int64_t last_seen;  /**< API: the same, 0: never used or not told */
        const char *const *tags;
        size_t n_tags;
} fbn_headscale_key;

/** A list of keys. */
typedef struct fbn_headscale_keys fbn_headscale_keys;
/** Read all keys of a kind, expired ones too. Up to 0.27 each user's pre-auth keys are asked for apart. Since 0.1. */
FBN_PUBLIC int fbn_headscale_key_list(fbn_context *c, fbn_headscale *headscale, fbn_headscale_key_kind kind, fbn_headscale_keys **ret_keys);
/** End a key now; it stays in the list. Returns 0, -FBN_ENOENT. Since 0.1. */
FBN_PUBLIC int fbn_headscale_key_expire(fbn_context *c, fbn_headscale *headscale, fbn_headscale_key_kind kind, uint64_t id);
/** Take a key out of the list. Returns 0, -FBN_ENOENT, -FBN_EUNSUPPORTED (pre-auth keys up to 0.27). Since 0.1. */
FBN_PUBLIC int fbn_headscale_key_delete(fbn_context *c, fbn_headscale *headscale, fbn_headscale_key_kind kind, uint64_t id);
/**
 * Change this connection's API key: mint another, ask something with it, and go on with it. The old one still works, until whoever has
 * stored the new one ends it with fbn_headscale_key_expire(); before, the list says by "own" which one it is.
 *
 * @param valid_for  nanoseconds; 0: 90 days
 * @param ret_key    the new key, owned by the caller
 * @return 0; on failure the connection goes on with the old key, and no new one is left behind
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_headscale_key_rotate(fbn_context *c, fbn_headscale *headscale, int64_t valid_for, fbn_secret **ret_key);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_headscale_keys *fbn_headscale_keys_ref(fbn_headscale_keys *keys);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_headscale_keys *fbn_headscale_keys_unref(fbn_headscale_keys *keys);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_headscale_keys_count(const fbn_headscale_keys *keys);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_headscale_key *fbn_headscale_keys_at(const fbn_headscale_keys *keys, size_t index);

/** Which members are meant when a node is changed. */
typedef enum fbn_headscale_set {
        FBN_HEADSCALE_SET_GIVEN_NAME = 1,
        FBN_HEADSCALE_SET_USER = 2,
        FBN_HEADSCALE_SET_TAGS = 4,
        FBN_HEADSCALE_SET_APPROVED_ROUTES = 8,
        FBN_HEADSCALE_SET_EXPIRY = 16
} fbn_headscale_set;

typedef struct fbn_headscale_node {
        size_t size;
        uint64_t id;
        const char *name;       /**< as the device calls itself */
        const char *given_name; /**< as the mesh calls it */
        const char *user;       /**< of tagged devices from 0.28 on: "tagged-devices" */
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
        int64_t created;   /**< nanoseconds since 1970 */
        uint32_t set;      /**< fbn_headscale_set, or-ed: the members that are wanted; all when read */
} fbn_headscale_node;

/** A list of nodes. */
typedef struct fbn_headscale_nodes fbn_headscale_nodes;
/** Read all nodes, while they come. Since 0.1. */
FBN_PUBLIC int fbn_headscale_node_list(fbn_context *c, fbn_headscale *headscale, fbn_headscale_nodes **ret_nodes);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_headscale_nodes *fbn_headscale_nodes_ref(fbn_headscale_nodes *nodes);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_headscale_nodes *fbn_headscale_nodes_unref(fbn_headscale_nodes *nodes);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_headscale_nodes_count(const fbn_headscale_nodes *nodes);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_headscale_node *fbn_headscale_nodes_at(const fbn_headscale_nodes *nodes, size_t index);

/** The nodes one by one, of which only one is held: for lists without end. */
typedef struct fbn_headscale_reader fbn_headscale_reader;
/**
 * Begin to read all nodes, on a connection of its own.
 *
 * @param ret_reader  owned by the caller; untouched on failure
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_headscale_reader_new(fbn_context *c, fbn_headscale *headscale, fbn_headscale_reader **ret_reader);
/**
 * The next node, in the server's order.
 *
 * @param ret_node  borrowed until the next call; untouched at the end and on failure
 * @return 1, 0 at the end, or a failure: what was read may be incomplete
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_headscale_reader_next(fbn_context *c, fbn_headscale_reader *reader, const fbn_headscale_node **ret_node);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_headscale_reader *fbn_headscale_reader_ref(fbn_headscale_reader *reader);
/** Drop a reference; the last closes the connection. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_headscale_reader *fbn_headscale_reader_unref(fbn_headscale_reader *reader);

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

typedef struct fbn_headscale_change_options {
        size_t size;
        bool dry_run;              /**< say what would be done, send nothing */
        uint32_t wait_ms;          /**< how long approved routes that the node offers may take until one of the nodes that offer them serves; 0: do not wait */
        const fbn_prefix *add;     /**< routes to approve beside those that are */
        size_t n_add;
        const fbn_prefix *remove;  /**< routes to approve no longer; the others stay */
        size_t n_remove;
} fbn_headscale_change_options;

/**
 * Change a node, sending only what differs: name, user, tags, routes, expiry.
 *
 * The server replaces sets as a whole and knows no condition: routes that are added or removed (options) are read, changed, written and,
 * after a moment, read again, and once more if somebody else wrote meanwhile. Two who change a node's routes this way lose nothing of each other.
 *
 * @param want         its id says which node, its set member what is meant; expiry 0: never, in the past: now. NULL members are empty
 * @param options      NULL for the defaults
 * @param ret_changes  owned by the caller, may be NULL; untouched on failure, but for -FBN_EPARTIAL and -FBN_ETIMEOUT
 * @return the number of changes, or
 *         -FBN_ENOENT       no such node, or user
 *         -FBN_EUNSUPPORTED this server cannot (see fbn_headscale_can()); nothing was sent
 *         -FBN_EINVAL, -FBN_EEXIST  the server refused the first change
 *         -FBN_EPARTIAL     it refused a later one; the changes say what stands
 *         -FBN_ETIMEOUT     done, but a route is not served yet
 *         -FBN_ECONFLICT    somebody else kept changing the routes
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_headscale_node_change(fbn_context *c, fbn_headscale *headscale, const fbn_headscale_node *want,
                                         const fbn_headscale_change_options *options, fbn_changes **ret_changes);
/** Let a node in that waits with this registration id. Returns 0, -FBN_ENOENT, -FBN_EINVAL (not of an id's form). Since 0.1. */
FBN_PUBLIC int fbn_headscale_node_register(fbn_context *c, fbn_headscale *headscale, const char *user, const char *registration);
/** Say yes or no to a login that waits (of a device that is known, or an SSH session). Returns 0, -FBN_ENOENT, -FBN_EUNSUPPORTED (up to 0.28). Since 0.1. */
FBN_PUBLIC int fbn_headscale_login_judge(fbn_context *c, fbn_headscale *headscale, const char *id, bool yes);
/** Give addresses to nodes that lack one of a family, after the server's prefixes changed. Returns how many it gave. Since 0.1. */
FBN_PUBLIC int fbn_headscale_node_backfill(fbn_context *c, fbn_headscale *headscale);
/** Change the mesh's name of a node. Returns 0, -FBN_ENOENT, -FBN_EINVAL, -FBN_EEXIST (another node has it). Since 0.1. */
FBN_PUBLIC int fbn_headscale_node_rename(fbn_context *c, fbn_headscale *headscale, uint64_t node, const char *name);
/** Delete a node. Returns 0, -FBN_ENOENT. Since 0.1. */
FBN_PUBLIC int fbn_headscale_node_delete(fbn_context *c, fbn_headscale *headscale, uint64_t node);

/**
 * Watch the nodes: they are read at an interval, since the server tells nobody, and compared. Events are of the type "node": it came, went, or
 * one of "online", "name", "user", "tags", "available routes", "approved routes", "serving routes" and "expiry" changed. A server that does
 * not answer is one FAILED event, until it does.
 *
 * @param interval_ms  0: 5,000
 * @param ret_monitor  owned by the caller; the nodes that are there come first, as added. Its processing takes as long as the list
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_headscale_monitor_new(fbn_context *c, fbn_headscale *headscale, uint32_t interval_ms, fbn_monitor **ret_monitor);

/** Read the policy, the HuJSON text as it was put; "" if there is none. Owned by the caller, fbn_free(). Since 0.1. */
FBN_PUBLIC int fbn_headscale_policy_get(fbn_context *c, fbn_headscale *headscale, char **ret_policy);
/** Ask whether a policy would be taken, without putting it in force. Returns 0, -FBN_EINVAL (the server's reason), -FBN_EUNSUPPORTED (up to 0.28). Since 0.1. */
FBN_PUBLIC int fbn_headscale_policy_check(fbn_context *c, fbn_headscale *headscale, const char *policy);
/**
 * Put a policy in force, after it was checked. The text is sent as it is. What the server refuses changes nothing: the policy before is put
 * again, because some versions take one into use before they find it wrong.
 *
 * @param policy      "": everything is allowed, as without one. No server takes an empty text: it gets one that says so, which
 *                    fbn_headscale_policy_get() reads as ""
 * @param ret_before  the policy until now, "" if there was none, to go back to; owned by the caller, fbn_free(); may be NULL
 * @return 0, -FBN_EINVAL (the server's reason), -FBN_EUNSUPPORTED (policy.mode is not "database")
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_headscale_policy_set(fbn_context *c, fbn_headscale *headscale, const char *policy, char **ret_before);

/**
 * Hold a server's config.yaml against what the server refuses, or takes and silently ignores: DNS rules in the wrong place or with '*', resolvers
 * with a port, overriding without global resolvers, a base domain above the server's own name, prefixes outside of the mesh's, and more.
 *
 * Every change of that file needs a restart of the server; at SIGHUP it reads the policy's file anew (policy.mode "file"), and the extra
 * records' file is watched.
 *
 * @param path        the file
 * @param ret_report  a line for each finding, "" if there is none; owned by the caller, fbn_free()
 * @return the number of findings, or -FBN_ENOENT, -FBN_EINVAL (no YAML; line and column are told), -FBN_EUNSUPPORTED (libyaml is not installed)
 *
 * Thread: the context's. Since 0.1. Source: headscale hscontrol/types/config.go.
 */
FBN_PUBLIC int fbn_headscale_config_check(fbn_context *c, const char *path, char **ret_report);

/** A domain that has resolvers of its own. */
typedef struct fbn_headscale_domain {
        size_t size;
        const char *suffix;           /**< "local.example": it and all below. "*." before it, a final dot and capitals are taken off: they would never match */
        const char *const *resolvers; /**< addresses, or "https://…" of DNS over HTTPS; there is no place for a port */
        size_t n_resolvers;
} fbn_headscale_domain;

/** An address of one name, given to all nodes of the mesh. */
typedef struct fbn_headscale_record {
        size_t size;
        const char *name; /**< "nas.example" */
        fbn_address address;
} fbn_headscale_record;

/** What a server reads from its config.yaml. */
typedef struct fbn_headscale_config {
        size_t size;
        const char *server_url;        /**< "https://headscale.example" */
        const char *listen;            /**< NULL: "127.0.0.1:8080", behind a proxy that has the certificate */
        const char *folder;            /**< of its database and key; NULL: "/var/lib/headscale" */
        const fbn_prefix *prefixes;    /**< one of a family; none: 100.64.0.0/10 */
        size_t n_prefixes;
        const char *base_domain;       /**< of MagicDNS; NULL: no MagicDNS */
        const char *const *resolvers;  /**< for all names that no domain below has, on all nodes; none: each node keeps its own */
        size_t n_resolvers;
        const fbn_headscale_domain *split;
        size_t n_split;
        const char *const *search_domains;
        size_t n_search_domains;
        const fbn_headscale_record *records;
        size_t n_records;
        const char *records_path;      /**< file that the records are in, which the server watches; NULL: in config.yaml */
        const char *more;              /**< an object of JSON whose members come beside ours, or over them: tls_cert_path, derp …; NULL: none */
} fbn_headscale_config;

/**
 * Write a server's config.yaml: JSON, which is YAML too, behind a first line that says who wrote it. It has no secret but what "more" has.
 *
 * @param ret_text  owned by the caller, fbn_free(); untouched on failure
 * @return 0 or -FBN_EINVAL (what the server would refuse, or drop)
 *
 * Thread: the context's. Since 0.1. Source: headscale config-example.yaml, hscontrol/types/config.go.
 */
FBN_PUBLIC int fbn_headscale_config_render(fbn_context *c, const fbn_headscale_config *config, char **ret_text);

/** A key that is kept in a file of its own: made when there is none, and made anew before it ends. */
typedef struct fbn_headscale_kept_key {
        size_t size;
        fbn_headscale_key_kind kind; /**< 0: pre-auth */
        const char *file;            /**< mode 0600, replaced as a whole; relative to the context's secrets_dir */
        const char *user;            /**< pre-auth: name of the user whose nodes it makes; NULL: a key of nobody's, with tags (0.28) */
        bool reusable, ephemeral;
        const char *const *tags;
        size_t n_tags;
        int64_t valid_for;           /**< nanoseconds; 0: 90 days */
        int64_t renew_before;        /**< nanoseconds before its end from which on it is made anew; 0: a sixth of valid_for */
} fbn_headscale_kept_key;

/** What is wanted of a server. What is not in it is nobody's business here: other users, other nodes, other keys. */
typedef struct fbn_headscale_wanted {
        size_t size;
        const fbn_headscale_user *users; /**< by name; display name and email are given to those that are made */
        size_t n_users;
        /**
         * By given name, or by id if that is given; an address that is given has to be the node's too. Their set members say what is meant.
         * Of approved routes those are approved that the node offers; the others wait for it.
         */
        const fbn_headscale_node *nodes;
        size_t n_nodes;
        const char *policy;        /**< NULL: as it is */
        const char *policy_before; /**< file that a policy which is replaced goes to, to be put again if need be; NULL: none */
        /**
         * The key in the file is left while the server knows it, it is as described and not about to end; else another is made, and the old
         * one ended once the new one is in the file. A pre-auth key for one device that was used stays. Of this connection's own API key: the
         * connection goes on with the new one.
         */
        const fbn_headscale_kept_key *keys;
        size_t n_keys;
        /**
         * Of a server on this host. The server has to be restarted for a change of config_path, and the changes say so; the file of records
         * (config->records_path) it takes at once: it is replaced in one step, always there, and "[]" without records.
         */
        const fbn_headscale_config *config;
        const char *config_path;   /**< config.yaml; NULL: only the records are written. One that has not our first line is not touched */
} fbn_headscale_wanted;

/**
 * Make a server as wanted: users, policy, keys, nodes, its files, in this order. Two or three lists are read, however many nodes there are;
 * what differs is sent, and a second call sends nothing. Nodes that have not enrolled yet are left out.
 *
 * @param want         borrowed
 * @param options      NULL for the defaults; add and remove are not for this call
 * @param ret_changes  owned by the caller, may be NULL; untouched on failure, but for -FBN_EPARTIAL and -FBN_ETIMEOUT
 * @return the number of changes, or
 *         -FBN_ECONFLICT  a node of that name has another address, or two have that name; or config_path is somebody else's; nothing was sent
 *         -FBN_EINVAL     also a configuration that the server would refuse; nothing was sent
 *         -FBN_EPARTIAL   a later change was refused; the changes say what stands
 *         and as fbn_headscale_node_change() and fbn_headscale_policy_set()
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_headscale_apply(fbn_context *c, fbn_headscale *headscale, const fbn_headscale_wanted *want,
                                   const fbn_headscale_change_options *options, fbn_changes **ret_changes);

FBN_DEFINE_CLEANUP(fbn_headscale)
FBN_DEFINE_CLEANUP(fbn_headscale_users)
FBN_DEFINE_CLEANUP(fbn_headscale_keys)
FBN_DEFINE_CLEANUP(fbn_headscale_nodes)
FBN_DEFINE_CLEANUP(fbn_headscale_reader)

#ifdef __cplusplus
}
#endif

#endif
