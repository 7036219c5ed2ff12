/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_IMPORT_H
#define FABRIC_IMPORT_H

#include "base/context.h"

#include <fabricnet/fabric.h>
#include <fabricnet/wireguard.h>
#include <jansson.h>

/* A fabric file in the making, from what is there. Borrowed members of root. */
struct import {
        fbn_context *c;
        const fbn_fabric_import_options *options;
        const char *host;
        json_t *root, *prefixes, *hosts, *tunnels, *self;
        bool failed; /* no memory */
};

/* The name of a prefix, made if it is new; router: what lies at it, NULL: nobody known. */
const char *import_prefix(struct import *import, const fbn_prefix *prefix, const char *router);
/* A host of that name, made if it is new. */
json_t *import_host(struct import *import, const char *name);
/* What people call things as a label: lower case, hyphens. */
void import_label(const char *text, char *buffer, size_t size);
/* Put a secret beside the file, or find it there; ret_source is {"file": …}. */
int import_secret(struct import *import, const fbn_secret *key, const char *name, json_t **ret_source);

int import_tunnel(struct import *import, const char *device, const fbn_wireguard *wireguard, const fbn_prefix *address, uint32_t mtu);
int import_files(struct import *import);
int import_live(struct import *import);
int import_headscale(struct import *import);

#endif
