/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_RANGES_H
#define EDGE_RANGES_H

/* The CDN's ranges: as its API tells them, and as they are kept. */
#include "base/context.h"

struct ranges {
        fbn_prefix *items; /* sorted, each once */
        size_t count, capacity;
};

void ranges_free(struct ranges *ranges);
/* An answer of the API. -FBN_EPROTOCOL, and why: it cannot be true. */
int ranges_parse(fbn_context *c, const char *text, size_t length, struct ranges *ret_ranges);
/* A file, a prefix a line. -FBN_EINVAL names the line. */
int ranges_read(fbn_context *c, const char *path, struct ranges *ret_ranges);

#endif
