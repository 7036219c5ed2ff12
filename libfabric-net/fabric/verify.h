/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_VERIFY_H
#define FABRIC_VERIFY_H

#include "fabric/run.h"

/* The paths of this host that work before a change: expectations of the file that hold, and peers of its tunnels with a session that answer
 * a ping. They have to work after it too. */
struct paths {
        struct path *items;
        size_t n;
};

/* Try them all, for some seconds at most; what cannot be tried in that time is not asked for afterwards. */
int paths_find(struct run *run, struct paths *paths);
/* Try those that worked until they do, for some seconds: 0, or -FBN_EINTERRUPTED names the first that does not. */
int paths_verify(struct run *run, const struct paths *paths);
void paths_free(struct paths *paths);

#endif
