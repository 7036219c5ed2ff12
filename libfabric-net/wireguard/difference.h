/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_DIFFERENCE_H
#define WIREGUARD_DIFFERENCE_H

#include "wireguard/backend.h"
#include "base/changes.h"

/* What leads from one configuration to another, as messages and as changes to report. Borrows from both configurations. */
struct difference {
        struct update update;
        fbn_changes *changes;
        struct arena arena; /* lists of allowed IPs */
};

/* Compare. A wanted peer that is the interface itself, or a prefix that two wanted peers have, is -FBN_EINVAL. */
int difference_new(fbn_context *c, const char *name, const fbn_wireguard *have, const fbn_wireguard *want, bool keep_peers,
                   struct difference *ret_difference);
void difference_free(struct difference *difference);

#endif
