/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TAILSCALE_ADVICE_H
#define TAILSCALE_ADVICE_H

/* What is known to go wrong with a mesh and cannot be seen by the daemon. */
#include "tailscale/tailscale.h"

struct advice {
        fbn_context *c;
        struct arena *arena; /* of the texts */
        const fbn_tailscale_status *status;
        const fbn_tailscale_prefs *prefs;
        const char **texts;
        size_t count, capacity;
};

int advice_collect(struct advice *advice);

#endif
