/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/probe.h"
#include "fabric/status.h"

#include <stdio.h>

/* Two expectations of the same target are one to a reader of metrics. */
static bool is_repeated(const fbn_fabric *f, size_t index)
{
        for (size_t i = 0; i < index; i++)
                if (f->expectations[i].from == f->expectations[index].from && streq(f->expectations[i].to, f->expectations[index].to))
                        return true;
        return false;
}

int observe_expectations(struct observation *o)
{
        const fbn_fabric *f = o->run.fabric;
        int r = 0;

        for (size_t i = 0; r == 0 && i < f->n_expectations; i++) {
                const struct expectation *expectation = &f->expectations[i];
                struct probe probe;
                char text[200];

                if (expectation->from != o->run.desired->host || is_repeated(f, i))
                        continue;
                r = probe_run(o->run.c, f, expectation, PROBE_MS, &probe);
                if (r < 0)
                        return r;
                snprintf(text, sizeof(text), "%s%s", probe.text, probe.holds ? "" : expectation->delivered ? "; it should be delivered" : "; it should be dropped");
                r = status_add(o, "expect", expectation->to, probe.holds ? FBN_HEALTH_OK : FBN_HEALTH_DOWN, text);
                if (probe.microseconds)
                        metric_add(o->status, METRIC_PROBE, probe.microseconds / 1e6, "from", expectation->from->name, "to", expectation->to, NULL);
        }
        return r;
}
