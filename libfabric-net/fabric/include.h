/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_INCLUDE_H
#define FABRIC_INCLUDE_H

#include "base/context.h"
#include "fabric/model.h"

#include <jansson.h>

#define SOURCE_MAX ((size_t)64 << 20)

/* A text as JSON, or "NAME:LINE:COLUMN: not JSON: …". */
int source_json(fbn_context *c, const char *name, const char *text, size_t length, json_t **ret_root);

/* Read what the document includes, and put its members where they belong: maps grow together, all else may stand in one file only. */
int include_all(fbn_context *c, fbn_fabric *fabric, json_t *root);

#endif
