/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_FETCH_H
#define EDGE_FETCH_H

#include "edge/ssh.h"

#include <fabricnet/edge.h>

#define FETCH_MAX ((size_t)64 << 20)

static inline struct ssh_peer backup_peer(const fbn_backup *backup)
{
        return (struct ssh_peer){backup->host, backup->port, backup->user, backup->private_key, backup->host_key};
}

/* Bring a file of another host into the backup's folder, into a place of its own; path holds PATH_MAX. */
int fetch(fbn_context *c, const fbn_backup *backup, char *ret_path);

/* Take that place away with all that is in it. */
void fetch_clear(const char *folder);

#endif
