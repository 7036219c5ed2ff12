/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/status.h"

#include <fabricnet/edge.h>
#include <stdio.h>
#include <unistd.h>

static void add_metrics(fbn_fabric_status *status, const fbn_ban_state *state)
{
        metric_add(status, METRIC_BANS, (double)state->bans, NULL);
        metric_add(status, METRIC_BANS_WAITING, (double)state->waiting, NULL);
        metric_add(status, METRIC_BANS_LIFTING, (double)state->lifting, NULL);
        metric_add(status, METRIC_BANS_REFUSED, (double)state->refused, NULL);
        metric_add(status, METRIC_BANS_STORED, state->stored, NULL);
        metric_add(status, METRIC_BANS_RESIDENT, (double)state->resident_kib * 1024, NULL);
}

int observe_bans(struct observation *o)
{
        FBN_CLEANUP(fbn_bans) bans = NULL;
        const struct host *host = o->run.desired->host;
        const fbn_ban_state *state;
        char text[640];
        int r;

        if (!(host->edge && host->edge->bans) && access(FBN_BAN_SOCKET, F_OK) < 0)
                return 0; /* none is declared, and none was ever started here */
        r = fbn_ban_status(o->run.c, NULL, &bans);
        if (r == -FBN_ENOMEM || r == -FBN_ECANCELED)
                return r;
        if (r < 0)
                return status_add(o, "ban", "engine", FBN_HEALTH_DOWN, fbn_context_error(o->run.c));
        state = fbn_bans_state(bans);
        add_metrics(o->status, state);
        snprintf(text, sizeof(text), "%llu in force, %llu wait for the CDN%s%s", (unsigned long long)state->bans,
                 (unsigned long long)(state->waiting + state->lifting), *state->trouble ? "; " : "", state->trouble);
        return status_add(o, "ban", "engine", *state->trouble || !state->stored ? FBN_HEALTH_WARNING : FBN_HEALTH_OK, text);
}
