/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_LINT_H
#define FABRIC_LINT_H

#include "base/context.h"
#include "fabric/model.h"

/* A check at work. Without memory, failed is set and asked at the end. */
struct lint {
        fbn_context *c;
        const fbn_fabric *fabric;
        struct fbn_findings *findings;
        struct arena scratch; /* gone after the check */
        bool failed;
};

struct fbn_findings {
        unsigned references;
        struct arena arena;
        fbn_finding *items;
        size_t count, capacity;
};

fbn_findings *findings_new(void);
/* As fbn_fabric_check(), without places and in no order. */
int fabric_check(fbn_context *c, const fbn_fabric *fabric, fbn_findings **ret_findings);
/* Lines and columns of all findings in one pass over the text; in the order of severity. False without memory. */
bool findings_complete(const fbn_fabric *fabric, fbn_findings *findings);

/* what is a format, why and fix are plain text kept by reference. */
void finding_add(struct lint *lint, fbn_severity severity, const char *code, const char *pointer, const char *why, const char *fix,
                 const char *what, ...) FBN_PRINTF(7, 8);

/* A prefix or an address for a message; lives as long as the findings. */
const char *lint_prefix_text(struct lint *lint, const fbn_prefix *prefix);
const char *lint_address_text(struct lint *lint, const fbn_address *address);

void lint_secret(struct lint *lint, const struct secret_source *secret);

void lint_prefixes(struct lint *lint);  /* overlaps, addresses twice or outside */
void lint_tunnels(struct lint *lint);   /* WireGuard */
void lint_hosts(struct lint *lint);     /* forwarding, filters, NAT, secrets */
void lint_services(struct lint *lint);  /* what is served, its certificates, and what keeps the hosts */
void lint_paths(struct lint *lint);     /* what packets meet on their way: routes, expectations, MTUs, forwards */
void lint_segments(struct lint *lint);  /* VLANs, and who may come in */
void lint_names(struct lint *lint);     /* who tells a host the zones */
void lint_mesh(struct lint *lint);      /* Headscale and Tailscale, and the two layers together */

#endif
