/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETLINK_NETLINK_H
#define NETLINK_NETLINK_H

#include "base/context.h"

#include <libmnl/libmnl.h>
#include <linux/netlink.h>

#define NETLINK_BUFFER ((size_t)32768) /* the largest read the kernel fills in a dump */

/* One socket on one bus, in the context's namespace. Its buffers belong to the calls below, one at a time. */
struct netlink {
        int fd;
        int bus; /* NETLINK_ROUTE, NETLINK_GENERIC, NETLINK_NETFILTER */
        uint32_t sequence;
        uint32_t port;
        bool strict; /* the kernel filters dumps as asked */
        bool unfinished; /* a reply was not read to its end: a dump may still run, and would make the next one EBUSY */
        char *buffer;
};

/* The context's own socket on a bus, opened on first use; borrowed. */
int netlink_get(fbn_context *c, int bus, struct netlink **ret_netlink);

/* A socket of the caller's own, for a monitor. */
int netlink_new(fbn_context *c, int bus, struct netlink **ret_netlink);
struct netlink *netlink_free(struct netlink *netlink);
int netlink_join(fbn_context *c, struct netlink *netlink, unsigned group);

/* Dumps are not filtered any more: for a kernel that knows how to and yet refuses. */
void netlink_not_strict(struct netlink *netlink);

static inline void netlink_freep(struct netlink **netlink)
{
        netlink_free(*netlink);
}

/* mnl_nlmsg_ok() takes lengths beyond 2^31 for negative ones, which are always small enough (libmnl 1.0.4). */
static inline bool netlink_message_ok(const struct nlmsghdr *message, int left)
{
        return mnl_nlmsg_ok(message, left) && message->nlmsg_len <= (uint32_t)left;
}

/* The attributes behind a message's own header of that many bytes, or in a nest, by type: table[0 … count - 1], NULL where there is none. */
void netlink_attributes(const struct nlmsghdr *message, size_t header, const struct nlattr **table, size_t count);
void netlink_nested(const struct nlattr *nest, const struct nlattr **table, size_t count);

/* The value of an attribute that may be missing or too short: 0 and NULL then. */
uint8_t netlink_u8(const struct nlattr *attribute);
uint16_t netlink_u16(const struct nlattr *attribute);
uint32_t netlink_u32(const struct nlattr *attribute);
const char *netlink_string(const struct nlattr *attribute);

/* Called for each message of a reply. Returns 0 to go on or a failure from fail(), which ends the reading. */
typedef int (*netlink_callback)(fbn_context *c, const struct nlmsghdr *message, void *data);

/* Send one request (flags and sequence are completed here) and read its reply up to the acknowledgement. callback may be NULL.
 * A refusal becomes an error with the kernel's own text; errno is in the record. */
int netlink_request(fbn_context *c, struct netlink *netlink, struct nlmsghdr *request, netlink_callback callback, void *data);

/* Send a dump request and read all of it. When the kernel says that the state changed meanwhile, restart() empties what was
 * collected and the dump is repeated, five times at most, then -FBN_EINTERRUPTED. */
int netlink_dump(fbn_context *c, struct netlink *netlink, struct nlmsghdr *request, netlink_callback callback, void (*restart)(void *data),
                 void *data);

/* Many requests sent in few system calls; only the last of each send is acknowledged, refusals of the others still arrive. */
struct netlink_batch {
        char *bytes;
        size_t length, capacity;
        size_t count;
        bool failed; /* no memory: reported by netlink_batch_send() */
};

/* A new message at the end of the batch, with room for NETLINK_MESSAGE bytes; to be closed before the next is begun. */
#define NETLINK_MESSAGE ((size_t)4096)
struct nlmsghdr *netlink_batch_begin(struct netlink_batch *batch, uint16_t type, uint16_t flags);
/* The same with room for so many bytes; NULL without memory. */
struct nlmsghdr *netlink_batch_begin_long(struct netlink_batch *batch, uint16_t type, uint16_t flags, size_t room);
void netlink_batch_end(struct netlink_batch *batch, const struct nlmsghdr *message);
void netlink_batch_free(struct netlink_batch *batch);

/* Called for each refused message: its index in the batch, errno, the kernel's text or "". Returns 0 to go on. */
typedef int (*netlink_refused)(fbn_context *c, size_t index, int os_errno, const char *text, void *data);

/* Send all messages, in order. Without a callback, or when it fails, no further send follows, but the kernel has then also seen
 * the rest of the send in which the refused message was. *ret_done (may be NULL) is how many were sent and not refused. */
int netlink_batch_send(fbn_context *c, struct netlink *netlink, struct netlink_batch *batch, netlink_refused refused, void *data,
                       size_t *ret_done);

/* Open the socket anew if a reply on it was not read to its end. Requests, dumps and batches do so by themselves. */
int netlink_renew(fbn_context *c, struct netlink *netlink);

/* The lower level, for buses with rules of their own. receive fills netlink->buffer; 0 bytes is never returned. Only send heeds
 * fbn_context_cancel(): what was sent has been done by the kernel, and its answer is there already. */
int netlink_send(fbn_context *c, struct netlink *netlink, const void *bytes, size_t length);
int netlink_receive(fbn_context *c, struct netlink *netlink, size_t *ret_length);

/* The kernel's text in an error or done message, "" if it gave none; borrowed from the message. */
const char *netlink_extended_ack(const struct nlmsghdr *message);

/* Where in the refused request the attribute starts that the kernel dislikes, 0 if it did not say. */
uint32_t netlink_bad_attribute(const struct nlmsghdr *message);

/* A refusal as an error: errno mapped to our codes, text appended if there is one. */
int netlink_fail(fbn_context *c, int os_errno, const char *text);

/* The number of a generic netlink family: -FBN_EUNSUPPORTED if the kernel has none of that name. */
int netlink_family(fbn_context *c, const char *name, uint16_t *ret_family);

#endif
