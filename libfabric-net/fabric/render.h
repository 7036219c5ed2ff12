/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_RENDER_H
#define FABRIC_RENDER_H

#include "base/text.h"
#include "fabric/desired.h"

#include <jansson.h>

/* One host's part for a manager that is not ours. Secrets are named by their paths; none is opened. */
struct rendering {
        fbn_context *c;
        const struct desired *desired;
        const struct desired_tunnel *tunnel; /* NULL: of all */
        const struct desired_vlan *vlan;     /* instead of a tunnel */
        struct text out;
};

int render_nixos(struct rendering *r);
int render_prometheus(struct rendering *r);
int render_alerts(struct rendering *r);
int render_headscale(struct rendering *r);

/* Headscale's configuration; the caller frees. */
int headscale_render(fbn_context *c, const fbn_fabric *fabric, char **ret_text);

/* Where a secret will be found. False if there is none, or its path is too long. */
bool render_secret(const struct rendering *r, const struct secret_source *source, char *buffer, size_t size);

/* A rule of our table as lines of nft, in a chain of its kind. */
void render_nft_table(struct text *out, const fbn_nat *nat);

#endif
