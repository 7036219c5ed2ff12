/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LINK_KIND_H
#define LINK_KIND_H

#include <fabricnet/link.h>

/* What is particular to a kind of link: its attributes in both directions, and the module that brings it. */

struct nlattr;
struct nlmsghdr;

/* What a new link of this kind needs, and what it must not have. */
int kind_check(fbn_context *c, const fbn_link *link);

/* The attribute IFLA_LINKINFO of a new link, or of a change to a bridge. */
void kind_put(struct nlmsghdr *message, const fbn_link *link);

/* From IFLA_LINKINFO: kind (borrowed from the message) and the kind's own members. */
void kind_read(const struct nlattr *info, fbn_link *ret_link);

/* "this kernel has no link kind 'vlan': modprobe 8021q" */
int kind_missing(fbn_context *c, const char *kind);

/* What the kernel's refusal of kind_put() means, if it is that something is missing; else r. */
int kind_refused(fbn_context *c, int r, const fbn_link *link);

/* Whether a setting is given that only bridges have. */
static inline bool kind_sets_bridge(const fbn_link *link)
{
        return link->vlan_filtering != FBN_LINK_AS_IT_IS || link->stp != FBN_LINK_AS_IT_IS;
}

#endif
