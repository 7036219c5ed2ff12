/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_DIFFERENCE_H
#define WIREGUARD_DIFFERENCE_H

#include "wireguard/backend.h"
#include "base/changes.h"

/* What leads from one configuration to another, as messages and as changes to report. Borrows from both configurations. */
struct difference {
        struct update update;
        fbn_changes *changes; /* NULL if they are only counted */
        size_t count;
        struct arena arena; /* lists of allowed IPs */
};

enum difference_how {
        DIFFERENCE_KEEP_PEERS = 1, /* those that are not wanted stay */
        DIFFERENCE_COUNT = 2       /* do not put the changes into words: of ten thousand new peers they are two megabytes */
};

/* Compare; what have was read to be compared with, if it was, has to be want. A wanted peer that is the interface itself, or a prefix that
 * two wanted peers have, is -FBN_EINVAL. */
int difference_new(fbn_context *c, const char *name, const fbn_wireguard *have, const fbn_wireguard *want, unsigned how,
                   struct difference *ret_difference);
void difference_free(struct difference *difference);

#endif
