/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ROUTE_RPFILTER_H
#define ROUTE_RPFILTER_H

#include <fabricnet/rpfilter.h>

/* The model's clauses. Tests leave out each in turn, to show that the kernel has it. */
enum rpfilter_part {
        PART_MAX = 1 << 0,            /* the larger of "all" and the link's rp_filter */
        PART_MARK = 1 << 1,           /* the mark counts only with src_valid_mark */
        PART_MARK_ALL = 1 << 2,       /* src_valid_mark of "all" counts for each link */
        PART_REVERSE_SOURCE = 1 << 3, /* the lookup back is from the destination */
        PART_REVERSE_IN = 1 << 4,     /* it comes in by the link that the packet leaves by */
        PART_ACCEPT_LOCAL = 1 << 5,
        PART_ACCEPT_LOCAL_ALL = 1 << 6, /* accept_local of "all" counts for each link */
        PART_NO_ADDRESS = 1 << 7,
        PART_POLICY_RULES = 1 << 8,   /* with rules of somebody's even rp_filter 0 looks at the route back */
        PART_POLICY_LOCAL = 1 << 9,   /* with local routes of somebody's too */
        PART_OWN_SOURCE = 1 << 10,    /* rp_filter 0 refuses this host's own addresses */
        PART_STRICT = 1 << 11,
        PART_LOOSE = 1 << 12,
        PART_ALL_WAYS = 1 << 13,      /* of several ways back any one may be the link */
        PART_NO_ROUTE = 1 << 14,
        PART_SOURCE_TYPE = 1 << 15,
        PART_MARTIAN = 1 << 16,
        PART_REDIRECTS = 1 << 17,
        PART_MERGED = 1 << 18,        /* without rules of somebody's the tables local and main are one */
        PART_PORTS = 1 << 19,         /* the lookup back has the ports the other way round */
};

/* Both without the parts in the mask. */
void rpfilter_decide(const fbn_rpfilter_state *state, unsigned without, fbn_rpfilter_result *ret_result);
int rpfilter_observe(fbn_context *c, const fbn_rpfilter_packet *packet, unsigned without, fbn_rpfilter_state *ret_state);

int rpfilter_check_addresses(fbn_context *c, const fbn_address *source, const fbn_address *destination);

#endif
