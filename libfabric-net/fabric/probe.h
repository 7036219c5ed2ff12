/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_PROBE_H
#define FABRIC_PROBE_H

#include "base/context.h"
#include "fabric/model.h"

/* What becomes of a real packet towards what an expectation names, from the host that the context is on. */
struct probe {
        bool reached;          /* it answered, be it that nobody listens there */
        bool holds;            /* as the expectation has it */
        uint32_t microseconds; /* until the answer; 0: none */
        unsigned sent, answered, timeout_ms;
        char text[160];
};

#define PROBE_MS 3000u

/* 0 with whatever came out, or -FBN_ECANCELED, -FBN_EPERM, -FBN_ESYSTEM. An answer is waited for that long, and a name for as long as the host's
 * resolver takes. */
int probe_run(fbn_context *c, const fbn_fabric *fabric, const struct expectation *expectation, unsigned timeout_ms, struct probe *ret_probe);
/* It holds if one of three is answered. */
int probe_ping(fbn_context *c, const fbn_address *address, unsigned timeout_ms, struct probe *ret_probe);

/* Whether a TCP port answers: only the connection is tried. 0, or as probe_run(). */
int probe_port(fbn_context *c, const fbn_address *address, uint16_t port, struct probe *ret_probe);

#endif
