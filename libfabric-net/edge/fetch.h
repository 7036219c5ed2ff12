/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_FETCH_H
#define EDGE_FETCH_H

#include "base/context.h"

#include <fabricnet/edge.h>

#define FETCH_MAX ((size_t)64 << 20)

/* Bring a file of another host into the backup's folder, into a place of its own; path holds PATH_MAX. */
int fetch(fbn_context *c, const fbn_backup *backup, char *ret_path);

/* Take that place away with all that is in it. */
void fetch_clear(const char *folder);

#endif
