/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRICNET_FABRIC_H
#define FABRICNET_FABRIC_H

#include <fabricnet/changes.h>
#include <fabricnet/dns.h>
#include <fabricnet/headscale.h>
#include <fabricnet/router.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A fabric file, read and valid: every name in it leads somewhere. */
typedef struct fbn_fabric fbn_fabric;

/**
 * Read and validate a fabric file.
 *
 * @param path        the file; secrets and other files that it names are relative to its folder
 * @param ret_fabric  owned by the caller, fbn_fabric_unref(); untouched on failure
 * @return 0, or
 *         -FBN_EINVAL  "FILE:LINE:COLUMN: /json/pointer: …": not JSON, an unknown member, a wrong type or value, a dangling name
 *         -FBN_ENOENT, -FBN_EPERM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_fabric_load_file(fbn_context *c, const char *path, fbn_fabric **ret_fabric);

/** The same from text; name stands for the file in errors, and its folder for relative files. Since 0.1. */
FBN_PUBLIC int fbn_fabric_load(fbn_context *c, const char *name, const char *text, fbn_fabric **ret_fabric);

/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_fabric *fbn_fabric_ref(fbn_fabric *fabric);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_fabric *fbn_fabric_unref(fbn_fabric *fabric);
/** The fabric's name, borrowed. Since 0.1. */
FBN_PUBLIC const char *fbn_fabric_name(const fbn_fabric *fabric);
/** How many hosts. Since 0.1. */
FBN_PUBLIC size_t fbn_fabric_host_count(const fbn_fabric *fabric);
/** A host's name in the order of the file, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const char *fbn_fabric_host_at(const fbn_fabric *fabric, size_t index);

typedef enum fbn_severity { FBN_SEVERITY_ERROR = 1, FBN_SEVERITY_WARNING = 2, FBN_SEVERITY_NOTE = 3 } fbn_severity;

/** What a check found. */
typedef struct fbn_finding {
        size_t size;
        const char *code; /**< stable, "prefix-overlap" */
        fbn_severity severity;
        const char *pointer; /**< JSON pointer */
        uint32_t line, column; /**< in the file, from 1 */
        const char *what;
        const char *why; /**< how it breaks */
        const char *fix;
        const char *file;    /**< the fabric's, or one that it includes; goes with the fabric */
        const char *allowed; /**< the reason that the file gives for it in "allow"; NULL: none, it counts */
} fbn_finding;

/** A list of findings. */
typedef struct fbn_findings fbn_findings;
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_findings *fbn_findings_ref(fbn_findings *findings);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_findings *fbn_findings_unref(fbn_findings *findings);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_findings_count(const fbn_findings *findings);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_finding *fbn_findings_at(const fbn_findings *findings, size_t index);

/**
 * Look for what is valid but would not work.
 *
 * @param ret_findings  owned by the caller; untouched on failure
 * @return the number of findings that are errors and not allowed by the file, or -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_fabric_check(fbn_context *c, const fbn_fabric *fabric, fbn_findings **ret_findings);

/** One step on a packet's way. */
typedef struct fbn_fabric_hop {
        size_t size;
        const char *host; /**< where it is taken */
        const char *step; /**< "dns", "route", "nat", "rp-filter", "forward", "filter", "wireguard", "mesh", "segment", "internet", "proxy", "input" */
        const char *text; /**< what decides it, and how */
        const char *pointer; /**< JSON pointer of that; NULL: nothing in the file */
        bool back;           /**< it is the answer's */
} fbn_fabric_hop;

/** A packet's way through the declared network, there and back. */
typedef struct fbn_fabric_path fbn_fabric_path;
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_fabric_path *fbn_fabric_path_ref(fbn_fabric_path *path);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_fabric_path *fbn_fabric_path_unref(fbn_fabric_path *path);
/** How many steps; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_fabric_path_count(const fbn_fabric_path *path);
/** A step, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_fabric_hop *fbn_fabric_path_at(const fbn_fabric_path *path, size_t index);
/**
 * What became of the packet, borrowed: "ACCEPTED" (and the answer came back), "DELIVERED_TO_SUBNET", "EXITS_NETWORK"; or why not: "DENIED_OUT",
 * "NO_ROUTE", "LOOP", "NEIGHBOR_UNREACHABLE", "RPF_DROP", "MARTIAN", "FORWARDING_OFF", "WG_NO_PEER", "WG_NO_ENDPOINT", "WG_SRC_NOT_ALLOWED",
 * "MESH_ACL", "DNS_FAIL". Since 0.1.
 */
FBN_PUBLIC const char *fbn_fabric_path_disposition(const fbn_fabric_path *path);

/**
 * Follow a packet through the network as it is declared, and its answer back. Nothing live is asked; rules of other people's tables are not
 * known.
 *
 * @param from      a host
 * @param to        a host, a name of a zone, a service or an address; with ":PORT" or ":PORT/tcp", ":PORT/udp" if a rule looks at ports, else
 *                  a ping is followed; "NAME/dns" asks for the name alone
 * @param ret_path  owned by the caller; untouched on failure
 * @return 1 if it arrives or leaves the declared network on its way there, 0 if not, or -FBN_EINVAL (nothing is called so), -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_fabric_explain(fbn_context *c, const fbn_fabric *fabric, const char *from, const char *to, fbn_fabric_path **ret_path);

typedef struct fbn_fabric_options {
        size_t size;
        const char *host;             /**< required: which of the fabric's hosts this one is */
        const char *tailscale_socket; /**< NULL: /var/run/tailscale/tailscaled.sock */
        const char *ca_file;          /**< authorities for the Headscale API; NULL: the system's */
        const char *auth_key_file;    /**< pre-auth key to enrol with; NULL: a Running node needs none, the Headscale host mints its own */
        bool local_only;              /**< leave out the mesh: links, routes, rules, sysctls, WireGuard and nftables only */
        bool ignore_errors;           /**< go on although fbn_fabric_check() finds errors */
        const char *management;       /**< address that whoever asks comes from: a plan says which steps touch the way to it; NULL: none */
        bool probe;                   /**< of fbn_fabric_status_get(): try what the file expects from this host, in "expect"; takes seconds */
        const char *plan_digest;      /**< apply only what a plan with this digest said, else -FBN_ESTALE; NULL: whatever differs */
        const char *state_directory;  /**< where generations are kept; NULL: /var/lib/fabricnet, for root's eyes only */
        uint32_t confirm_within;      /**< apply, rollback: seconds after which all is put back unless fbn_fabric_confirm() was called; 0: at once
                                           confirmed */
        bool adopt;                   /**< apply: take over links of declared tunnels that others made, and their routes to where ours go */
        bool unchanged;               /**< apply: only the file that was confirmed last, else -FBN_ESTALE; for a boot unit */
        const char *command;          /**< path of fabricnet(1), which systemd is to start at that deadline; NULL: a process of our own waits */
        void (*progress)(void *data, const char *step); /**< called before each step, and with what else is worth knowing; may be NULL */
        void *progress_data;
        bool unverified;              /**< apply: do not try, before and after it, whether the host's paths work */
} fbn_fabric_options;

/** A step towards the declared state, or a difference from it. */
typedef struct fbn_plan_step {
        size_t size;
        const char *domain; /**< "link", "address", "route", "rule", "sysctl", "wireguard", "nat", "dns", "headscale", "tailscale" */
        fbn_change_kind kind;
        const char *object;
        const char *field;
        const char *before;
        const char *after;
        const char *reason;  /**< what in the file asks for it */
        const char *pointer; /**< JSON pointer of that */
        uint32_t line;       /**< in the file, from 1 */
        const char *file;    /**< the fabric's, or one that it includes; goes with the fabric */
        const char *disruption; /**< what happens to traffic meanwhile; NULL: nothing that is known of */
        uint32_t needs;         /**< which step must come before, from 1; 0: none */
        bool replaces;          /**< the same object goes and comes: one of a pair of delete and create */
        bool drift;             /**< of a plan and a status: it brings back what was applied last and somebody has changed since, on the host itself; else
                                     the file asks for something new. Only who may read the state directory learns of it */
} fbn_plan_step;

/** Steps in the order in which they are taken. */
typedef struct fbn_plan fbn_plan;
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_plan *fbn_plan_ref(fbn_plan *plan);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_plan *fbn_plan_unref(fbn_plan *plan);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_plan_count(const fbn_plan *plan);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_plan_step *fbn_plan_at(const fbn_plan *plan, size_t index);
/** What is live on the host, is not ours, and would get in the way; borrowed. NULL for what fbn_fabric_apply() did. Since 0.1. */
FBN_PUBLIC const fbn_findings *fbn_plan_findings(const fbn_plan *plan);
/**
 * The fabric's text and what differs from it, in 64 digits: the same again only while neither changes. Borrowed, empty for what
 * fbn_fabric_apply() did. Since 0.1.
 */
FBN_PUBLIC const char *fbn_plan_digest(const fbn_plan *plan);

/**
 * Say what fbn_fabric_apply() would do on this host now. Changes nothing. What is live there and would get in the way, such as other
 * people's nftables rules, is in fbn_plan_findings().
 *
 * @param options   host is required
 * @param ret_plan  owned by the caller; untouched on failure
 * @return the number of steps, 0 if the host is as declared, or -FBN_EINVAL (no such host, the check finds errors) or a failure of a
 *         domain, which names it
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_fabric_plan(fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *options, fbn_plan **ret_plan);

/**
 * Make this host as declared, step by step in the order of the plan; a second call does nothing.
 *
 * What stands is written down before the first step, with the WireGuard keys that an undo needs in a file that only root reads. Every step
 * is announced in a journal and verified by reading back. A failure undoes all; so does the next call of any of these functions, or
 * fbn_fabric_recover() at boot, after a kill or a power cut: the host is then as it was, or as declared, and never between. One at a time.
 *
 * What works before the first step has to work after the last one: what the file expects of this host, and the tunnels' peers that have a session
 * and answer a ping. Both together take some seconds at most where something is silent, and a name as long as the host's resolver. Changes at the
 * Headscale server and in tailscaled come last; each has an inverse in the journal, which an undo tries where nobody else has changed the same since.
 *
 * @param options   host is required; with confirm_within it is undone unless fbn_fabric_confirm() is called in time, even if this process,
 *                  its terminal and its connection have died: a watchdog is armed before the first step. A boot counts as not confirmed.
 * @param ret_done  the steps that were taken, owned by the caller, may be NULL; untouched on failure
 * @return the number of steps, or
 *         -FBN_EINVAL, and every code of the domains: nothing was changed
 *         -FBN_ESTALE    options->plan_digest is that of another plan; nothing was changed
 *         -FBN_ECONFLICT  also: another one is at work, or a generation waits to be confirmed; the message says whose
 *         -FBN_EUNDONE    failed, and all was put back
 *         -FBN_EPARTIAL   failed, and not all could be put back; the message says what stands, here or in the mesh
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_fabric_apply(fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *options, fbn_plan **ret_done);

/**
 * Keep what was applied with confirm_within. Of confirming and undoing the first wins; this waits for whoever is at work.
 *
 * @param options  state_directory; NULL for the defaults
 * @return 0, or
 *         -FBN_ENOENT    nothing waits to be confirmed
 *         -FBN_EUNDONE   too late: it was put back, or is now because its time has passed
 *         -FBN_EPARTIAL  too late, and not all could be put back
 *         -FBN_EPERM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_fabric_confirm(fbn_context *c, const fbn_fabric_options *options);

/**
 * Go back to what a generation left behind: a new generation, itself applied as fbn_fabric_apply() does. For the host itself it needs no fabric
 * file, no secret file, no name and no network. What the generations since did in the mesh is taken back too, unless local_only is set.
 *
 * @param generation  its number; 0: undo what waits to be confirmed, else go back to what was before the last generation
 * @param options     state_directory, confirm_within, command, progress; NULL for the defaults
 * @param ret_done    the steps that were taken, owned by the caller, may be NULL; untouched on failure
 * @return the number of steps, or -FBN_ENOENT (no such generation, or it never stood whole), -FBN_EPARTIAL (also: the host is as it was, and in
 *         the mesh stands what the message says) and as fbn_fabric_apply()
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_fabric_rollback(fbn_context *c, uint64_t generation, const fbn_fabric_options *options, fbn_plan **ret_done);

/**
 * Put back what a kill, a power cut or the end of its time left open, try again what an undo left in the mesh, and after a boot bring back what
 * was confirmed last. For a boot unit;
 * fbn_fabric_apply() and fbn_fabric_rollback() do the former by themselves.
 *
 * @param options   state_directory, progress; NULL for the defaults
 * @param ret_done  the steps that brought it back, owned by the caller, may be NULL; untouched on failure
 * @return 1 if something was done, 0 if there was nothing to do, -FBN_EPARTIAL (not all could be put back), -FBN_EPERM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_fabric_recover(fbn_context *c, const fbn_fabric_options *options, fbn_plan **ret_done);

/** What became of a generation. */
typedef enum fbn_outcome {
        FBN_OUTCOME_OPEN = 1,      /**< applied, and waiting to be confirmed; or interrupted */
        FBN_OUTCOME_CONFIRMED = 2,
        FBN_OUTCOME_UNDONE = 3,    /**< put back */
        FBN_OUTCOME_FAILED = 4     /**< not all could be put back */
} fbn_outcome;

/** One change of this host. Times are nanoseconds since 1970. */
typedef struct fbn_generation {
        size_t size;
        uint64_t number;
        fbn_outcome outcome;
        const char *verb; /**< "apply", "adopt", "rollback", "boot" */
        uint64_t of;      /**< of rollback and boot: the generation gone back to; 0: the state before the last */
        int64_t begun;
        int64_t ended;    /**< 0: it is open */
        const char *by;   /**< login name */
        const char *fabric;
        const char *host;
        const char *file;
        const char *why;  /**< of what was undone or failed; else NULL */
        const char *const *changes; /**< "create route 192.168.8.0/24", in the order of the steps */
        size_t n_changes;
        const char *stands; /**< of what was undone or failed: what is still there, on this host or in the mesh; NULL: nothing */
} fbn_generation;

/** The generations of a host, the last one first. */
typedef struct fbn_generations fbn_generations;
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_generations *fbn_generations_ref(fbn_generations *generations);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_generations *fbn_generations_unref(fbn_generations *generations);
/** How many; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_generations_count(const fbn_generations *generations);
/** One of them, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_generation *fbn_generations_at(const fbn_generations *generations, size_t index);

/**
 * Read what was changed on this host, when and by whom. The last thirty are kept.
 *
 * @param options  state_directory; NULL for the defaults
 * @param ret_generations  a snapshot, owned by the caller; untouched on failure
 * @return how many, or -FBN_EPERM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_fabric_history(fbn_context *c, const fbn_fabric_options *options, fbn_generations **ret_generations);

typedef enum fbn_health { FBN_HEALTH_OK = 1, FBN_HEALTH_WARNING = 2, FBN_HEALTH_DOWN = 3 } fbn_health;

/** One line of a host's status. */
typedef struct fbn_fabric_fact {
        size_t size;
        const char *domain; /**< as in fbn_plan_step, or "expect" */
        const char *object;
        fbn_health health;
        const char *text; /**< "handshake 12 s ago, received 1.2 MB" */
} fbn_fabric_fact;

/** What is live on a host, and how it differs from what is declared. */
typedef struct fbn_fabric_status fbn_fabric_status;
/** Take another reference. Returns its argument. Since 0.1. */
FBN_PUBLIC fbn_fabric_status *fbn_fabric_status_ref(fbn_fabric_status *status);
/** Drop a reference. NULL is allowed. Returns NULL. Since 0.1. */
FBN_PUBLIC fbn_fabric_status *fbn_fabric_status_unref(fbn_fabric_status *status);
/** How many facts; 0 for NULL. Since 0.1. */
FBN_PUBLIC size_t fbn_fabric_status_count(const fbn_fabric_status *status);
/** A fact, borrowed; NULL past the end. Since 0.1. */
FBN_PUBLIC const fbn_fabric_fact *fbn_fabric_status_at(const fbn_fabric_status *status, size_t index);
/** The differences from the declared state as a plan, borrowed. Since 0.1. */
FBN_PUBLIC const fbn_plan *fbn_fabric_status_plan(const fbn_fabric_status *status);

/** Where Prometheus looks for a host's metrics, on loopback. */
#define FBN_METRICS_PORT 9586

/**
 * The same for Prometheus, borrowed: OpenMetrics text. wireguard_sent_bytes_total, wireguard_received_bytes_total and
 * wireguard_latest_handshake_seconds of each peer have the names and labels of other exporters; fabricnet_… are of the mesh, routes, names,
 * bans, backups, facts and differences. Every sample has the label "host" first. Since 0.1.
 */
FBN_PUBLIC const char *fbn_fabric_status_metrics(const fbn_fabric_status *status);

/** Observe a host. Returns the number of differences and of facts that are not OK, or as fbn_fabric_plan(). Since 0.1. */
FBN_PUBLIC int fbn_fabric_status_get(fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *options,
                                     fbn_fabric_status **ret_status);

/**
 * A connection to the fabric's Headscale server, with the API key that the file names.
 *
 * @param ca_file        authorities to trust; NULL: the system's
 * @param ret_headscale  owned by the caller; untouched on failure
 * @return 0, or -FBN_ENOENT (the fabric has no mesh, or the key's file is missing) and as fbn_secret_read_file(), fbn_headscale_new()
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_fabric_headscale(fbn_context *c, const fbn_fabric *fabric, const char *ca_file, fbn_headscale **ret_headscale);

/**
 * Mint a pre-auth key for a declared node: single use, valid for an hour, for the node's user and tags.
 *
 * @param node     name of the node in the fabric
 * @param ret_key  owned by the caller; untouched on failure
 * @return 0, or -FBN_ENOENT (no such node, or its user is not on the server yet) and as fbn_headscale_key_mint()
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_fabric_mint(fbn_context *c, const fbn_fabric *fabric, fbn_headscale *headscale, const char *node, fbn_secret **ret_key);

/**
 * Where names go on a host: declared zones and split domains to the hosts that answer for them, reverse prefixes with them. There is no
 * default in it.
 *
 * @param host        name of the host in the fabric
 * @param records     also what is answered with authority: the records of the host's own zones, and the nodes below the mesh's base domain; a
 *                    stub, unbound and dnsmasq can, other resolvers know servers of domains only
 * @param ret_routes  owned by the caller, fbn_dns_routes_unref(); untouched on failure
 * @return 0, or -FBN_EINVAL (no such host) or -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_fabric_dns(fbn_context *c, const fbn_fabric *fabric, const char *host, bool records, fbn_dns_routes **ret_routes);

/**
 * Tell this host's resolver the names that the file declares for it, as fbn_fabric_apply() does, and keep it so: fbn_dns_host_monitor_new()
 * with what "resolver" of the host says.
 *
 * @param host         name of this host in the fabric
 * @param ret_monitor  owned by the caller, fbn_monitor_unref(); what was said stays; untouched on failure
 * @return 0, or -FBN_EINVAL (no such host), -FBN_ENOENT (nobody is told names there) and as fbn_dns_host_apply()
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_fabric_dns_keep(fbn_context *c, const fbn_fabric *fabric, const char *host, fbn_monitor **ret_monitor);

/**
 * The section "dns" of Headscale's configuration as JSON, which is YAML: split domains by the addresses of the hosts that answer for them
 * (nameservers.split), and the records of zones that no split domain covers (extra_records, which is also what the file of
 * extra_records_path holds).
 *
 * @param ret_text  owned by the caller, fbn_free(); untouched on failure
 * @return 0, or
 *         -FBN_EINVAL        a split domain's host has no declared address
 *         -FBN_ENOENT        the fabric has no mesh
 *         -FBN_EUNSUPPORTED  Headscale has no words for it
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_fabric_headscale_dns(fbn_context *c, const fbn_fabric *fabric, char **ret_text);

/**
 * Fetch the files of other hosts that the fabric backs up to this one; see fbn_backup_run().
 *
 * @param options      host is required
 * @param name         of one of its backups; NULL: all of this host's
 * @param ret_changes  the new generations, owned by the caller; may be NULL; untouched on failure
 * @return the number of new generations, -FBN_ENOENT (there is no such backup here), or as fbn_backup_run() for the first that failed: the
 *         others were fetched all the same, further failures are told by options->progress
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_fabric_backup(fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *options, const char *name,
                                 fbn_changes **ret_changes);

/**
 * Ask another host for its metrics over ssh, as the file's "monitoring" says: what fbn_fabric_status_metrics() is there. A host without fabricnet
 * may print 'wg show all transfer', 'wg show all latest-handshakes' and 'wg show all allowed-ips' instead, which is translated. All it takes is a
 * key that is restricted to that one command.
 *
 * @param options   host is required: the one that collects
 * @param of        the host that is asked
 * @param ret_text  OpenMetrics, owned by the caller, fbn_free(); untouched on failure
 * @return 0, or
 *         -FBN_EINVAL        the file does not say that this host collects from that one
 *         -FBN_EUNAVAILABLE  it does not answer, has another key, or refuses ours: the message says what it said
 *         -FBN_EPROTOCOL     what it says is no metrics, or of another host
 *         -FBN_ETIMEOUT (30 s), -FBN_ECANCELED, -FBN_EUNSUPPORTED (no ssh) and as fbn_secret_read_file() for the key
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_fabric_collect(fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *options, const char *of, char **ret_text);

/**
 * Get the certificates of this host's services that are not there, lack a name or are due: from an ACME authority by certbot, whose challenge
 * nginx answers once the fabric was applied, or made with the key of an authority of one's own. nginx is told to read what is new. One that was
 * not there yet is served from the next apply on. certbot renews what it got by its own timer.
 *
 * @param options      host is required
 * @param ret_changes  their files, owned by the caller; may be NULL; untouched on failure
 * @return how many came or changed, or, for the first that failed, the others were got all the same and further failures are told by
 *         options->progress,
 *         -FBN_ENOENT        no service here has a certificate that is to be got, or nginx does not answer challenges yet
 *         -FBN_EUNAVAILABLE  certbot or openssl failed: the message is theirs
 *         -FBN_EUNSUPPORTED (not installed), -FBN_ETIMEOUT, -FBN_ECANCELED, -FBN_EINVAL, -FBN_EPERM, -FBN_ESYSTEM
 *
 * Thread: the context's. Since 0.1. Source: certbot(1); RFC 8555, section 8.3.
 */
FBN_PUBLIC int fbn_fabric_certificates(fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *options, fbn_changes **ret_changes);

/**
 * A router that the fabric declares with "ssh", and what it should have: for fbn_router_apply(), run where its ssh key is. Of pfSense all of its part
 * as objects, of Linux the file and the secrets of that host. Secrets that are not here are left as they are there.
 *
 * @param options     host is this one, by whose part of the network the router is found; auth_key_file: of pfSense, for the login of its
 *                    package Tailscale, which is then ours to write
 * @param name        the router's, among the hosts
 * @param ret_router  owned by the caller, fbn_router_unref(); untouched on failure
 * @return 0, or
 *         -FBN_EINVAL        no such host, or it has no "ssh", or no address that could be found from here
 *         -FBN_ENOENT        the ssh key is missing
 *         -FBN_EUNSUPPORTED  pfSense has no words for something that is declared: the message has its pointer
 *         and as fbn_router_new()
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_fabric_router(fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *options, const char *name, fbn_router **ret_router);

typedef enum fbn_graph_format { FBN_GRAPH_SVG = 0, FBN_GRAPH_DOT = 1 } fbn_graph_format;

/** Draw the topology; owned by the caller, fbn_free(). Returns 0 or -FBN_ENOMEM. Since 0.1. */
FBN_PUBLIC int fbn_fabric_graph(fbn_context *c, const fbn_fabric *fabric, fbn_graph_format format, char **ret_text);

typedef struct fbn_fabric_import_options {
        size_t size;
        const char *host;   /**< required: how this host is to be called */
        const char *name;   /**< of the fabric; NULL: "imported" */
        const char *folder; /**< where the fabric file will be: keys go to secrets/ there, mode 0600, a policy beside it; NULL: "." */
        const char *const *files; /**< wg-quick files, whose names are the interfaces' */
        size_t n_files;
        bool live;                /**< what stands in the context's namespace: links, addresses, settings, WireGuard, the rules of our own table */
        const char *url;          /**< of a Headscale server; NULL: none */
        const char *api_key_file; /**< of that server; as fbn_secret_read_file() takes it */
        const char *ca_file;      /**< authorities for it; NULL: the system's */
} fbn_fabric_import_options;

/**
 * Write a fabric file from what is there, so that this host's plan finds nothing to do but to take over what lacks our mark. What others have
 * configured is not known here: their names are made of addresses, and how they reach this host, "HOST.invalid", is for a person to fill in.
 *
 * @param ret_text  JSON, owned by the caller, fbn_free(); untouched on failure. Keys and a policy may have been written before it
 * @return 0, or -FBN_EINVAL (a file's name, an interface without address), -FBN_EEXIST (another key is in the way), -FBN_EPERM, and as
 *         fbn_wireguard_parse_file(), fbn_wireguard_get(), fbn_headscale_new()
 *
 * Thread: the context's. Since 0.1.
 */
FBN_PUBLIC int fbn_fabric_import(fbn_context *c, const fbn_fabric_import_options *options, char **ret_text);

/**
 * Write a host's part for a manager or a device that is not ours to apply on. No secret is opened: keys are named by the paths of their files.
 *
 * @param host      one of the fabric's
 * @param format    "wg-quick"; "netdev" and "network" for systemd-networkd; "headscale", its configuration; "nixos", a module;
 *                  "prometheus", what to scrape, and "alerts", its rules, both of the host that collects
 * @param tunnel    for the first three: which; NULL: the host's only one. For "netdev" and "network" also an interface that is a VLAN ("trunk")
 * @param ret_text  owned by the caller, fbn_free(); untouched on failure
 * @return 0, -FBN_EINVAL (no such host or format), -FBN_ENOENT (not in that tunnel, no such VLAN, not the Headscale host, not the one that
 *         collects), -FBN_ENOMEM
 *
 * Thread: the context's. Since 0.1. Source: wg-quick(8), systemd.netdev(5), systemd.network(5), the NixOS manual.
 */
FBN_PUBLIC int fbn_fabric_render(fbn_context *c, const fbn_fabric *fabric, const char *host, const char *format, const char *tunnel,
                                 char **ret_text);

FBN_DEFINE_CLEANUP(fbn_fabric)
FBN_DEFINE_CLEANUP(fbn_fabric_path)
FBN_DEFINE_CLEANUP(fbn_findings)
FBN_DEFINE_CLEANUP(fbn_plan)
FBN_DEFINE_CLEANUP(fbn_generations)
FBN_DEFINE_CLEANUP(fbn_fabric_status)

#ifdef __cplusplus
}
#endif

#endif
