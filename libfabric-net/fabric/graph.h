/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_GRAPH_H
#define FABRIC_GRAPH_H

#include "base/text.h"
#include "fabric/model.h"

bool graph_svg(const fbn_fabric *fabric, const fbn_findings *findings, struct text *out);
void graph_dot(const fbn_fabric *fabric, const fbn_findings *findings, struct text *out);

/* The worst of what check found at a host, its memberships, its node and its rules, and the file does not allow; 0: nothing. */
fbn_severity graph_severity(const fbn_findings *findings, const struct host *host);

/* "lan, storage"; at most so many bytes, then "…". */
void graph_names(const struct prefix *const *prefixes, size_t n, char *buffer, size_t size);

/* A host that is the router of some segment. */
bool graph_is_router(const fbn_fabric *fabric, const struct host *host);
/* Where a host is drawn: the first segment it is on. NULL: outside. */
const struct prefix *graph_segment(const struct host *host);

#endif
