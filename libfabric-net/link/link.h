/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LINK_LINK_H
#define LINK_LINK_H

#include "base/context.h"

#include <fabricnet/link.h>

/* What this room's files share. A name becomes an index anew in every call: a link may be replaced by another between two. */

/* 1 to 15 bytes, none of which the kernel refuses or expands. Source: net/core/dev.c, dev_valid_name(), __dev_alloc_name(). */
int link_check_name(fbn_context *c, const char *name);

/* The name and what fbn_link_set() would use. */
int link_check_settings(fbn_context *c, const fbn_link *link);

/* The name and what fbn_link_create() needs. */
int link_check_new(fbn_context *c, const fbn_link *link);

/* Send the settings that are given, checked before; nothing if none is. */
int link_set(fbn_context *c, const fbn_link *link);

/* 0, or -FBN_ENOENT: "NAME: no such link". */
int link_index(fbn_context *c, const char *name, uint32_t *ret_index);

/* 1 and the link, or 0 without an error in the context if there is none of that name. */
int link_find(fbn_context *c, const char *name, fbn_links **ret_links);

/* The link of an index, NULL if there is none in the list. */
const fbn_link *links_by_index(const fbn_links *links, uint32_t index);

/* The one link of a notification. Its master and what is below it come as indexes, and get their names, borrowed, by links_complete(). */
struct nlmsghdr;
int links_parse(fbn_context *c, const struct nlmsghdr *message, fbn_links **ret_links, uint32_t *ret_master, uint32_t *ret_lower);
void links_complete(fbn_links *links, const char *master, const char *lower);

/* A netlink refusal that concerns a link, said in its terms. */
int link_fail(fbn_context *c, int r, const char *name);

/* A request's bytes and its beginning: type, and the link it is about (0: an attribute will say). */
struct link_request {
        _Alignas(8) char bytes[2048];
};

struct ifinfomsg;
struct nlmsghdr;
struct nlmsghdr *link_request_begin(struct link_request *request, uint16_t type, struct ifinfomsg **ret_info);

/* Send a request whose answer is yes or no. */
int link_send(fbn_context *c, struct nlmsghdr *message);

/* Make a persistent device of kind "tun" or "tap"; the kernel has no netlink request for it. */
int tun_create(fbn_context *c, const char *name, const char *kind);

#endif
