/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROUTE_SEND_H
#define ROUTE_SEND_H

#include "netlink/netlink.h"

#include <fabricnet/changes.h>

/* Send a batch whose messages are these changes, one each: a refusal names the object. What was to be taken away and has gone by itself is
 * no failure; when some changes stand and others do not, -FBN_EPARTIAL. */
int send_changes(fbn_context *c, struct netlink_batch *batch, const fbn_changes *changes);

#endif
