/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_RUN_H
#define FABRIC_RUN_H

#include "fabric/desired.h"
#include "fabric/journal.h"
#include "fabric/plan.h"

#include <fabricnet/headscale.h>
#include <fabricnet/link.h>

/* One plan or apply at work on one host. */
struct run {
        fbn_context *c;
        const fbn_fabric *fabric;
        fbn_fabric_options options;
        struct desired *desired;
        fbn_plan *plan;   /* the steps, planned or taken */
        bool dry_run;     /* say what would be done, change nothing */
        bool applying;    /* what a dry run cannot mend is no difference then, but told, */
        bool told;        /* once */
        fbn_links *links; /* as the link stage found or left them */
        fbn_sysctls *left; /* settings that were ours and are to be as they were before us; NULL: none */
        fbn_secret *api_key, *auth_key; /* NULL: not needed, or not given */
        fbn_headscale *headscale; /* connected on first use */
        struct attempt *attempt;  /* whose journal is told what is about to change elsewhere; NULL: none is */
};

/* A part of the host that is made as declared in one go. Its function appends to run->plan and returns 0 or a failure. */
struct stage {
        const char *domain;
        int (*take)(struct run *run);
};

extern const struct stage local_stages[]; /* in order; ends with one without domain */
extern const struct stage mesh_stages[];

/* On NixOS the system's own rebuild makes links, rules and settings: they are neither planned nor called different. */
bool run_is_local(const struct run *run);
int run_read_links(struct run *run);
const fbn_link *run_link(const struct run *run, const char *name); /* NULL: not there */
/* Whether a link is there and stays; with a dry run it may be yet to come. */
bool run_has_link(const struct run *run, const char *name);
/* Of ours what is not declared, or as another one: the link stage removes it. */
bool run_link_goes(const struct run *run, const fbn_link *link);

/* What a domain did or would do, as steps with their reasons; section is the pointer for what is no longer declared. */
int run_take_changes(struct run *run, const char *domain, const char *section, const fbn_changes *changes);
/* One step of the fabric's own. */
int run_add(struct run *run, const char *domain, fbn_change_kind kind, const char *object, const char *field, const char *before,
            const char *after);
void run_tell(const struct run *run, const char *format, ...) FBN_PRINTF(2, 3);

/* What in other people's nftables tables can undo what this host has declared; 0, or what found() returned. */
typedef int (*foreign_found)(void *data, const char *object, fbn_health health, const char *text);
int run_find_foreign(const struct run *run, foreign_found found, void *data);

/* Which steps only bring back what was changed since the last apply. */
int run_find_drift(struct run *run);

/* What is live here and would get in the way, as the plan's findings. */
int run_find_live(struct run *run);

int run_link_stage(struct run *run);
int run_wireguard_stage(struct run *run);
int run_tailscale_stage(struct run *run);
int run_names_stage(struct run *run);
int run_mesh_names_stage(struct run *run);
int run_services_stage(struct run *run);
int run_edge_stage(struct run *run);

/* The peers of a device by their keys. */
struct peer_index {
        const fbn_wireguard_peer **items;
        size_t n;
};

bool peer_index_build(const fbn_wireguard *wireguard, struct peer_index *ret_index); /* false without memory */
const fbn_wireguard_peer *peer_index_find(const struct peer_index *index, const fbn_key *key);
void peer_index_free(struct peer_index *index);

/* The endpoint of a declared peer as it should be now; family 0: leave it as it is. have is NULL for a new peer; unresolved is set
 * if a name gave no address. Never fails for a name that does not resolve. */
int peer_endpoint(struct run *run, const struct member *member, const fbn_wireguard_peer *have, fbn_endpoint *ret_endpoint,
                  bool *ret_unresolved);

/* Keys of the mesh that this host needs, read before anything is changed. */
int mesh_open_secrets(struct run *run, struct bad_secrets *bad);
bool host_is_headscale(const struct run *run);
/* The node of the server that is a declared one: by name and owner, and by address if one is declared. NULL: not enrolled. mismatch is set
 * if there is one of that name at another address. */
const fbn_headscale_node *mesh_find_node(const fbn_headscale_nodes *nodes, const struct node *node, bool *ret_mismatch);
int mesh_connect(struct run *run);
bool same_policy(const char *a, const char *b);
bool same_routes(const fbn_prefix *a, size_t n, const fbn_headscale_node *have); /* approved are these and no others */

/* Prepare for a host: options, checks, desired state and, with local secrets, its keys. */
int run_start(struct run *run, fbn_context *c, const fbn_fabric *fabric, const fbn_fabric_options *options);
void run_end(struct run *run);
int run_stages(struct run *run, const struct stage *stages);

/* The settings that this host declares, those of interfaces with whatever value; lasting: without those of links that we make, which go with them. */
int run_declared_sysctls(const struct run *run, bool lasting, fbn_sysctls **ret_sysctls);
/* Fill in run->left, from the last generation that was confirmed, or from one that was read already. */
int run_read_left(struct run *run);
int run_find_left(struct run *run, const struct journal *confirmed);

#endif
