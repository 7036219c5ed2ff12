/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_ROUTER_PLAYBACK_H
#define EDGE_ROUTER_PLAYBACK_H

#include "edge/router/difference.h"

#define ROUTER_FOLDER "/conf/fabricnet"
#define ROUTER_CONFIG "/conf/config.xml"
#define ROUTER_PLAYER "/usr/local/sbin/pfSsh.php"

/* What pfSsh.php(8) is to execute: put the file of our folder in the place of config.xml and let the router follow. Of a change config.xml must
 * have the digest have and the file new, and undo.sh is started before anything is changed, to undo after so many seconds. NULL: it is the undo. */
struct playback {
        const char *have, *new; /* SHA-256 in hex */
        const char *token;      /* of the change */
};
int playback_write(const struct difference *difference, const char *file, const struct playback *playback, unsigned seconds, struct text *out);

/* The shell script that undoes: "undo.sh SECONDS CHANGE", CHANGE being its token. Whoever takes "pending.CHANGE" away first has decided. */
extern const char playback_undo[];

/* What it answered, among all that pfSsh.php writes: 0, -FBN_ECONFLICT (somebody changed it meanwhile), -FBN_EPROTOCOL (no answer),
 * -FBN_EUNAVAILABLE (the router's own words). */
int playback_read(fbn_context *c, const char *bytes, size_t length);

#endif
