/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DNS_REVERSE_H
#define DNS_REVERSE_H

#include "dns/name.h"

#include <fabricnet/types.h>

/* The zones of in-addr.arpa and ip6.arpa that hold a prefix without host bits: one if it ends where a label does, else as many as it takes, 128 at most. */
size_t reverse_zones(const fbn_prefix *prefix);
void reverse_zone(const fbn_prefix *prefix, size_t index, struct name *ret_zone);

#endif
