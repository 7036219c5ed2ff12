/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LINK_ALTNAME_H
#define LINK_ALTNAME_H

#include <fabricnet/link.h>

struct arena;
struct nlattr;

/* 1 to 127 bytes, none of which the kernel refuses. Source: net/core/rtnetlink.c, rtnl_alt_ifname(). */
int altname_check(fbn_context *c, const char *altname);

/* Give the link all of them, one request each: the kernel's answer then names the one that it refuses. */
int altnames_add(fbn_context *c, const fbn_link *link);

bool altnames_has(const fbn_link *link, const char *altname);

/* From IFLA_PROP_LIST (NULL: none), copied into the arena; false without memory. */
bool altnames_read(struct arena *arena, const struct nlattr *list, fbn_link *link);

#endif
