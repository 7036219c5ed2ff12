/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_NAMES_H
#define FABRIC_NAMES_H

#include "fabric/derive.h"

#include <fabricnet/dns.h>

/* How a host asks another one: at which address, out of which link. */
struct asking {
        enum via via;
        fbn_address address;
        const char *device; /* NULL: whichever the kernel takes */
};

/* False if there is no declared way, or no declared address at its end. */
bool host_asks(const fbn_fabric *fabric, const struct host *from, const struct host *to, struct asking *ret_asking);

/* The address by which a host is known to others: on its segment, else in a tunnel, else on the mesh; NULL: none is declared. */
const fbn_address *host_address(const struct host *host);

/* The table of a host, without a default: zones and split domains by the hosts that answer for them, their reverse prefixes with them; with
 * records also what the file itself knows: the zones of this host, and mesh nodes below the mesh's base domain. */
int names_routes(fbn_context *c, const fbn_fabric *fabric, const struct host *host, bool records, fbn_dns_routes **ret_routes);

/* That of the mesh's own resolver: split domains by address, zones that no split domain covers by their records. */
int names_mesh_routes(fbn_context *c, const fbn_fabric *fabric, fbn_dns_routes **ret_routes);

/* Whether a host's resolver is told the zones by us. */
static inline bool host_is_told_names(const struct host *host)
{
        return host->resolver > RESOLVER_MESH;
}

#endif
