/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_PRIVATE_H
#define DNS_PRIVATE_H

#include "dns/wire.h"

#include <fabricnet/types.h>

/* Addresses that are never somebody's on the internet: of this host, a private network (RFC 1918, RFC 4193), a carrier's or a mesh
 * (RFC 6598), a link; the same in IPv6's clothes (v4-mapped, NAT64 of RFC 6052 and RFC 8215). */
bool address_private(const fbn_address *address);

/* Whether an answer leads to such an address, as the answer to a public name never should: whoever says so wants a browser to talk to
 * somebody at home (DNS rebinding). HTTPS and SVCB records hold addresses too (RFC 9460 7.3). */
bool answer_private(const struct message *message);

#endif
