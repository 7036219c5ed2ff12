/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_EDGE_H
#define FABRICNET_EDGE_H

#include <fabricnet/changes.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where the ban engine listens unless told otherwise. */
#define FBN_BAN_SOCKET "/run/fabricnet/ban.sock"

/** The first line of every file that we write for other programs; behind "#!", the second. A file without it is never changed. */
#define FBN_FILE_MARKER "# fabricnet: made by libfabricnet; changes by hand are undone"

/** What the CDN knows of a ban. */
typedef enum fbn_ban_cdn {
        FBN_BAN_CDN_NONE = 0,    /**< there is no CDN */
        FBN_BAN_CDN_WAITING = 1, /**< in the queue, to be blocked there */
        FBN_BAN_CDN_BLOCKED = 2, /**< blocked there as well */
        FBN_BAN_CDN_LIFTING = 3, /**< no longer banned here; in the queue, to be lifted there */
        FBN_BAN_CDN_REFUSED = 4  /**< the CDN will not have it, such as a prefix length that its rules do not know; not tried again before a
                                      reconcile */
} fbn_ban_cdn;

/** A ban. */
typedef struct fbn_ban {
        size_t size;
        fbn_prefix prefix;    /**< an address or a prefix; without host bits when it is read */
        uint64_t duration_ms; /**< how long from now on, rounded up to seconds; read: what is left; 0: for good, or the engine's default when it
                                   is added */
        bool for_good;        /**< added: until somebody lifts it, whatever the engine's default */
        const char *reason;   /**< who wanted it, such as the jail: up to 40 letters, digits, "_", "-", "." ; may be NULL */
        int64_t since;        /**< read only: nanoseconds since 1970 */
        fbn_ban_cdn cdn;      /**< read only */
} fbn_ban;

/** What a ban engine is to do. */
typedef struct fbn_ban_engine_options {
        size_t size;
        const char *socket;     /**< NULL: FBN_BAN_SOCKET; its folder is made, 0755, and the socket is root's alone */
        const char *state_dir;  /**< NULL: /var/lib/fabricnet/ban; made, 0700 */
        const char *name;       /**< what the sets of nftables begin with and the CDN's notes have; NULL: "ban"; see fbn_nat_ban */
        uint64_t duration_ms;   /**< of a ban that does not say; 0: an hour */
        const fbn_prefix *never; /**< nobody in there is banned, whoever asks: own networks */
        size_t n_never;
        const char *never_file; /**< more of them, one a line; NULL: none. The CDN's ranges as fbn_cdn_refresh() keeps them. Read at the start
                                     and by fbn_ban_reconcile(); a file that is missing or wrong leaves what was read before */
        const char *const *trusted; /**< links that are never looked at, beside "lo": tunnels */
        size_t n_trusted;
        const char *nginx_map;  /**< a file of the banned for nginx's geo, written anew a moment after a change; NULL: none */
        const char *nginx_pid;  /**< file with the number of the nginx process that is told to read it again; NULL: nobody is */
        const char *cdn_zone;   /**< Cloudflare's zone whose IP access rules are used; NULL: none */
        const char *cdn_account; /**< instead of a zone, with cdn_list: many bans a request, no prefix beyond IPv4 /8, IPv6 /4 */
        const char *cdn_list;   /**< the list's id; a rule that blocks it is the account's own */
        const char *cdn_token;  /**< file with the API token, opened only by the child that speaks to the CDN; needed with a zone or list */
        const char *cdn_url;    /**< NULL: https://api.cloudflare.com/client/v4 */
        const char *cdn_ca_file; /**< authorities for it; NULL: the system's */
        uint32_t cdn_timeout_ms; /**< for one answer; 0: 15,000 */
} fbn_ban_engine_options;

/**
 * Bans of addresses that hold: in nftables first, then in a map for nginx, then at the CDN.
 *
 * A ban is in force on the host, and stored, before its asker has an answer; many that come at once are one transaction and one write. Hosts and
 * prefixes are apart, both end by themselves. The CDN is spoken to by a child process that is there only while the queue has something: at most
 * four requests a second, again later after failures (429 with its retry-after, 403, 5xx, silence), and what it knows is kept by its ids.
 * Bans survive a restart, a crash and steps of the clock; while the disk is full they hold all the same and are stored as soon as it
 * can be. Whoever flushes the ruleset has them back within a second.
 */
typedef struct fbn_ban_engine fbn_ban_engine;

/**
 * Make an engine: reads its state, puts its sets and rules beside those of the table "fabricnet", makes them hold what it knows, listens.
 * It works inside the caller's event loop: poll the fd, or wait for the time-out, then call fbn_ban_engine_process().
 *
 * @param options     NULL for the defaults; copied
 * @param ret_engine  owned by the caller, fbn_ban_engine_unref(); untouched on failure
 * @return 0, or
 *         -FBN_EEXIST     an engine runs with this state or on this socket
 *         -FBN_ECONFLICT  the table "fabricnet" is somebody else's
 *         -FBN_EINVAL     an option is wrong
 *         -FBN_EPERM, -FBN_ESYSTEM, -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_ban_engine_new(fbn_context *c, const fbn_ban_engine_options *options, fbn_ban_engine **ret_engine);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_ban_engine *fbn_ban_engine_ref(fbn_ban_engine *engine);
/** Drop a reference; the last ends its child and closes the socket. What is banned stays so. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_ban_engine *fbn_ban_engine_unref(fbn_ban_engine *engine);
/** A descriptor to poll (an epoll descriptor). Since 0.1. */
FBN_PUBLIC int fbn_ban_engine_fd(const fbn_ban_engine *engine);
/** The events of poll(2) to wait for on it. Since 0.1. */
FBN_PUBLIC short fbn_ban_engine_events(const fbn_ban_engine *engine);
/** Milliseconds until fbn_ban_engine_process() is due without an event; -1: never. Since 0.1. */
FBN_PUBLIC int fbn_ban_engine_timeout(const fbn_ban_engine *engine);
/**
 * Do what is due, without waiting for anybody but the kernel and the disk.
 *
 * @return 0, or -FBN_ECANCELED; failures of a request are its asker's, those of the host, the disk and the CDN are tried again and told by
 *         fbn_ban_engine_trouble()
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_ban_engine_process(fbn_context *c, fbn_ban_engine *engine);
/** What does not work now: the last failure of the host, the disk or the CDN; "" if all does. Borrowed until the next process(). Since 0.1. */
FBN_PUBLIC const char *fbn_ban_engine_trouble(const fbn_ban_engine *engine);
/** Serve until fbn_context_cancel(): a loop of the above. Returns -FBN_ECANCELED or a failure. Since 0.1. */
FBN_PUBLIC int fbn_ban_engine_run(fbn_context *c, fbn_ban_engine *engine);

/**
 * Ban: asks the engine.
 *
 * @param socket  where it listens; NULL: FBN_BAN_SOCKET
 * @param ban     borrowed
 * @return 1, 0 if it was banned at least as long already, or
 *         -FBN_EDENIED       it must never be banned: the message says why
 *         -FBN_EINVAL        it is no address or prefix, or its reason is no word
 *         -FBN_EPARTIAL      it is in force, but could not be stored: the message says why
 *         -FBN_EUNAVAILABLE  there is no engine; -FBN_EPERM (not allowed to speak to it), -FBN_ETIMEOUT (30 s), -FBN_ESYSTEM (the kernel
 *                            refused; nothing changed)
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_ban_add(fbn_context *c, const char *socket, const fbn_ban *ban);
/** Lift one ban: exactly this address or prefix. Returns 1, 0 if there is none, or as fbn_ban_add(). Since 0.1. */
FBN_PUBLIC int fbn_ban_delete(fbn_context *c, const char *socket, const fbn_prefix *prefix);
/** Lift all bans. Returns how many, or as fbn_ban_add(). Since 0.1. */
FBN_PUBLIC int fbn_ban_flush(fbn_context *c, const char *socket);
/**
 * Compare with what the host's sets have now, put right what differs, read never_file again, and let the CDN's rules be compared as well,
 * which is done when this returns only if the CDN needed no time for it.
 *
 * @return how many differences the host had, or as fbn_ban_add()
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_ban_reconcile(fbn_context *c, const char *socket);

/** Bans: a list. */
typedef struct fbn_bans fbn_bans;

/**
 * What is banned now, and what still has to be lifted at the CDN; and how the engine fares: fbn_bans_state().
 *
 * @param ret_bans  owned by the caller, fbn_bans_unref(); untouched on failure
 * @return how many, or as fbn_ban_add()
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_ban_list(fbn_context *c, const char *socket, fbn_bans **ret_bans);
/** As fbn_ban_list(), but only how the engine fares: the list is empty. Returns 0 or as fbn_ban_add(). Since 0.1. */
FBN_PUBLIC int fbn_ban_status(fbn_context *c, const char *socket, fbn_bans **ret_bans);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_bans *fbn_bans_ref(fbn_bans *bans);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_bans *fbn_bans_unref(fbn_bans *bans);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_bans_count(const fbn_bans *bans);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_ban *fbn_bans_at(const fbn_bans *bans, size_t index);

/** How an engine fares. */
typedef struct fbn_ban_state {
        size_t size;
        uint64_t bans;         /**< in force */
        uint64_t waiting;      /**< of those, not yet at the CDN */
        uint64_t lifting;      /**< to be lifted at the CDN */
        uint64_t refused;      /**< that the CDN will not have */
        uint64_t resident_kib; /**< memory of the engine's process */
        bool stored;           /**< all of it is on the disk */
        const char *trouble;   /**< as fbn_ban_engine_trouble() */
} fbn_ban_state;

/** How the engine fared when it was asked, borrowed from the list. Since 0.1. */
FBN_PUBLIC const fbn_ban_state *fbn_bans_state(const fbn_bans *bans);

typedef struct fbn_cdn_options {
        size_t size;
        const char *file;    /**< where the ranges are kept, a prefix a line; required */
        const char *url;     /**< NULL: https://api.cloudflare.com/client/v4/ips */
        const char *ca_file; /**< NULL: the system's authorities */
        uint32_t timeout_ms; /**< 0: 15,000 */
        bool dry_run;        /**< ask and compare, write nothing */
} fbn_cdn_options;

/**
 * Fetch the CDN's ranges and keep them, if they can be true: an answer of the API with prefixes of both families, none wider than IPv4 /8 or
 * IPv6 /16, none that holds a private, loopback, link-local or multicast address. Anything else leaves the file as it was.
 *
 * @param ret_changes  prefixes that came and went; owned by the caller, may be NULL; untouched on failure
 * @return how many came and went, or
 *         -FBN_EPROTOCOL     what was answered cannot be: the message says what
 *         -FBN_ECONFLICT     the file is not ours (it lacks our first line)
 *         -FBN_EUNAVAILABLE, -FBN_ETIMEOUT, -FBN_EINVAL, -FBN_ESYSTEM, -FBN_EUNSUPPORTED (no libcurl)
 *
 * Thread: the context's. Since 0.1. Source: Cloudflare's API, "Cloudflare IP details".
 */
FBN_PUBLIC int fbn_cdn_refresh(fbn_context *c, const fbn_cdn_options *options, fbn_changes **ret_changes);

/** A service that nginx on this host passes on. */
typedef struct fbn_service {
        size_t size;
        const char *name;            /**< 1 to 200 letters, digits, "-", "_", ".", the first a letter or digit: of its file */
        const char *const *names;    /**< host names that visitors ask for, "photos.example.net", "*.example.net" */
        size_t n_names;
        fbn_address upstream;        /**< who really serves it */
        uint16_t port;
        bool upstream_tls;           /**< it is spoken to by https */
        const char *device;          /**< the link that leads there: refused if the kernel would send it elsewhere; NULL: any */
        const char *certificate;     /**< PEM files; both NULL: plain http */
        const char *certificate_key;
        bool websocket;              /**< pass upgrades on */
        bool cdn;                    /**< visitors come through the CDN only: whoever does not gets no answer */
        uint64_t body_bytes;         /**< the largest request; 0: nginx's own, 1 MiB */
        uint32_t timeout_ms;         /**< for the upstream to say something; 0: nginx's own, 60 s */
        const fbn_prefix *allow;     /**< visitors' addresses; none: everybody */
        size_t n_allow;
        uint64_t hsts_s;             /**< Strict-Transport-Security for so long; 0: none */
        bool pending;                /**< its certificate is yet to come: until then there is nothing but the authority's challenges */
} fbn_service;

/** Services: a list. */
typedef struct fbn_services fbn_services;

/** Make an empty one. Returns 0 or -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_services_new(fbn_context *c, fbn_services **ret_services);
/** Append a copy. Returns 0, -FBN_EINVAL (and why), -FBN_EEXIST (the name is taken), -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_services_add(fbn_context *c, fbn_services *services, const fbn_service *service);
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_services *fbn_services_ref(fbn_services *services);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_services *fbn_services_unref(fbn_services *services);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_services_count(const fbn_services *services);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_service *fbn_services_at(const fbn_services *services, size_t index);

typedef struct fbn_services_options {
        size_t size;
        const char *directory;   /**< NULL: /etc/nginx/conf.d, which nginx.conf includes */
        const char *nginx;       /**< the program; NULL: "nginx" */
        const char *nginx_conf;  /**< its main file; NULL: its own */
        const char *nginx_pid;   /**< NULL: /run/nginx.pid; who does not run is not started */
        const char *log;         /**< NULL: /var/log/nginx/fabricnet.log */
        const char *ranges_file; /**< of fbn_cdn_refresh(): who may say whose request it is, in CF-Connecting-IP; needed by services with cdn */
        const char *origin_ca;   /**< the authority of the certificate that the CDN shows us (Authenticated Origin Pulls); NULL: none is asked for */
        const char *ban_map;     /**< nginx_map of the ban engine; NULL: none */
        bool dry_run;            /**< say what would be done, write nothing */
        const char *acme_root;   /**< folder whose .well-known/acme-challenge is served, as certbot's --webroot-path; made; NULL: none */
} fbn_services_options;

/**
 * Make nginx serve these and no other name: a readable file each, fabricnet-NAME.conf, and fabricnet-0-common.conf for what they share. Names that
 * are not declared get no answer, and no certificate.
 *
 * nginx checks its configuration before anything is written and after; if it then refuses, the old files are back. It is told to reload,
 * which ends no connection. A second call changes nothing. Files without our first line are never touched; those with it that are no
 * longer wanted are removed. The log has the visitor's address and that of who brought the request.
 *
 * @param services     borrowed
 * @param options      NULL for the defaults
 * @param ret_changes  files that came, changed and went; owned by the caller, may be NULL; untouched on failure
 * @return how many, or
 *         -FBN_EINVAL     nginx refuses the new files: the message is nginx's, the old ones are back; or something needed is missing
 *         -FBN_ECONFLICT  nginx's configuration was broken before, a file of that name is not ours, or an upstream would be reached by another
 *                         link than its device; nothing changed
 *         -FBN_EUNSUPPORTED (no nginx), -FBN_EPERM, -FBN_ESYSTEM, -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1. Source: nginx's ngx_http_realip_module, ngx_http_geo_module.
 */
FBN_PUBLIC int fbn_services_apply(fbn_context *c, const fbn_services *services, const fbn_services_options *options, fbn_changes **ret_changes);

typedef struct fbn_fail2ban_options {
        size_t size;
        const char *directory;   /**< NULL: /etc/fail2ban */
        const char *command;     /**< NULL: /usr/bin/fabricnet */
        const char *socket;      /**< of the ban engine; NULL: FBN_BAN_SOCKET */
        const char *log;         /**< of nginx, as fbn_services_apply() writes it; NULL: /var/log/nginx/fabricnet.log */
        bool sshd, nginx;        /**< which jails */
        uint32_t max_retry;      /**< failures before a ban; 0: 5 */
        uint64_t find_ms;        /**< within this time; 0: 10 min */
        uint64_t ban_ms;         /**< 0: an hour */
        const fbn_prefix *ignore; /**< who is never looked at */
        size_t n_ignore;
        const char *ranges_file; /**< nor who is in there: the CDN's; NULL: none */
        bool dry_run;            /**< say what would be done, write nothing */
} fbn_fail2ban_options;

/**
 * Make fail2ban ask the ban engine: action.d/fabricnet.conf, filter.d/fabricnet-nginx.conf, jail.d/fabricnet.conf. fail2ban checks them; if
 * it refuses, the old files are back. One that runs is told to reload. Failures of nginx are answers 401 and 403.
 *
 * @param ret_changes  files that came, changed and went; owned by the caller, may be NULL; untouched on failure
 * @return how many, or as fbn_services_apply()
 *
 * Thread: the context's. Since 0.1. Source: jail.conf(5).
 */
FBN_PUBLIC int fbn_fail2ban_apply(fbn_context *c, const fbn_fail2ban_options *options, fbn_changes **ret_changes);

/** A file of another host, such as a router's configuration, that is fetched by rsync over ssh and kept in generations. */
typedef struct fbn_backup {
        size_t size;
        const char *host;        /**< a name or an address */
        uint16_t port;           /**< of its sshd; 0: 22 */
        const char *user;        /**< NULL: root */
        const char *path;        /**< the file there; below the folder that a restricted key is held to, relative to it. What ends in ".xml" has to be
                                      well-formed XML, else it is not kept */
        const char *private_key; /**< file of the ssh key, checked as fbn_secret_read_file() does */
        const char *host_key;    /**< "ssh-ed25519 AAAA…": whoever has another one is not spoken to */
        const char *folder;      /**< where the generations are; it is made, 0700, and what is above it, 0755 */
        uint32_t keep;           /**< generations; 0: 30 */
        uint32_t timeout_s;      /**< for all of it; 0: 60 */
} fbn_backup;

/** How a backup fares. */
typedef struct fbn_backup_state {
        size_t size;
        uint32_t generations;
        char newest[128];     /**< file in the folder, "20261129T031500Z-config.xml"; "" if there is none */
        int64_t newest_at;    /**< when it came, seconds since 1970; 0: never */
        int64_t succeeded_at; /**< the last run that fetched the file, changed or not; 0: never */
        int64_t failed_at;    /**< the last run that did not; 0: never */
        char failure[512];    /**< its message; "" once a later one succeeded */
} fbn_backup_state;

/**
 * Fetch the file and keep it as a new generation if it differs from the newest.
 *
 * Only what came whole and is no damaged XML becomes a generation, in one step; the oldest beyond those to keep are deleted after that.
 * How it went is written down for fbn_backup_state_get(). What else is in the folder is left alone. Files are readable by root alone: a
 * router's configuration has its secrets in it.
 *
 * @param backup  host, path, private_key, host_key and folder are required; borrowed
 * @return 1 if there is a new generation, 0 if nothing has changed, or
 *         -FBN_EINVAL        a member is missing or wrong, or what came is empty, larger than 64 MiB or damaged
 *         -FBN_EEXIST        another run is at work on this folder
 *         -FBN_EUNAVAILABLE  the host does not answer, has another key, refuses ours, or has no such file: the message says what it said
 *         -FBN_ETIMEOUT, -FBN_ECANCELED, -FBN_EUNSUPPORTED (rsync, ssh or libxml2 is not installed)
 *         and as fbn_secret_read_file() for the key. Nothing of an earlier generation is changed by any of them.
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_backup_run(fbn_context *c, const fbn_backup *backup);

/**
 * Say how a backup fares, from its folder.
 *
 * @param ret_state  filled in; its size is set by the caller; untouched on failure
 * @return 0, -FBN_ENOENT (no such folder: it has never run), -FBN_EINVAL (what is written there is not ours), -FBN_EPERM, -FBN_ESYSTEM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_backup_state_get(fbn_context *c, const char *folder, fbn_backup_state *ret_state);

FBN_DEFINE_CLEANUP(fbn_services)
FBN_DEFINE_CLEANUP(fbn_ban_engine)
FBN_DEFINE_CLEANUP(fbn_bans)

#ifdef __cplusplus
}
#endif

#endif
