/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NAT_TRACE_H
#define NAT_TRACE_H

#include "nat/nat.h"

/* Chains of the trace's table: the first and the last of each hook. They tell where a packet is and whether it left the hook. */
#define TRACE_END "-end"

/* Make the table that marks packets; it is the socket's. */
int trace_table_make(fbn_context *c, struct netlink *owner, const fbn_nat_trace_options *options);

/* What the kernel says of a packet, its texts borrowed from the message. Devices are indexes. */
struct trace_message {
        fbn_nat_trace trace; /* hook, rule, devices, addresses of later messages are not in it */
        uint8_t family;
        uint32_t in, out; /* 0: none */
        bool has_headers;
};

/* False if the message is no trace, or broken. */
bool trace_read(const struct nlmsghdr *message, struct trace_message *ret_message);

#endif
