/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_EXPLAIN_H
#define FABRIC_EXPLAIN_H

#include "base/context.h"
#include "fabric/derive.h"

struct fbn_fabric_path {
        unsigned references;
        struct arena arena;
        fbn_fabric_hop *items;
        size_t count, capacity;
        const char *disposition;
};

/* One end of a packet: an address, or a host's address on the Internet, which the file does not know. */
struct end {
        fbn_address address;
        const struct host *outside;
};

enum way_kind { WAY_NONE, WAY_LOCAL, WAY_SEGMENT, WAY_TUNNEL, WAY_MESH, WAY_OUTSIDE };

/* What a host's tables say of a destination. */
struct way {
        enum way_kind kind;
        uint8_t length;                    /* of the prefix that matched */
        const struct interface *interface; /* WAY_SEGMENT, WAY_OUTSIDE; NULL: a host without interfaces */
        const struct member *member;       /* WAY_TUNNEL: this host in it */
        const struct node *node;           /* WAY_MESH: the one that takes it */
        const struct host *gateway;        /* WAY_SEGMENT: NULL: the destination itself is there */
        const char *pointer;
};

struct nat_done {
        const struct host *host;
        bool source; /* it was the source that was translated, else the destination */
        struct end before, after;
        struct nat_done *next;
};

struct packet {
        const struct host *host; /* where it is */
        const struct host *origin; /* where it started */
        struct end from, to;
        enum protocol protocol;
        uint16_t port;
        bool back;          /* it is the answer */
        struct way in;      /* how it came here; WAY_NONE: it was made here */
        uint32_t mtu;       /* the smallest on its way */
        struct nat_done *done;
};

struct explain {
        fbn_context *c;
        const fbn_fabric *fabric;
        struct arena scratch;
        fbn_fabric_path *path;
        bool failed; /* no memory */
};

/* Add a line; step and pointer are kept by reference. */
void hop_add(struct explain *e, const struct packet *p, const char *step, const char *pointer, const char *format, ...) FBN_PRINTF(5, 6);

struct way way_find(struct explain *e, const struct host *host, const struct end *to);
const char *way_device(const struct way *way);
uint32_t way_mtu(const struct way *way);
bool host_has_address(const struct host *host, const struct end *end);
/* The address of host as seen out of a way, outside if it is not known. */
struct end way_source(const struct host *host, const struct way *way);
const char *end_text(struct explain *e, const struct end *end);

/* Follow it to its end. NULL if it arrived, else what became of it. */
const char *packet_walk(struct explain *e, struct packet *packet);

/* Follow it to what an expectation names, and back. What became of it; NULL: nothing is called so. */
const char *explain_target(struct explain *e, const struct host *from, const struct expectation *what);

/* The address of a host at which it answers from the host of an expectation, else its first. False if it has none that is known. */
bool explain_address(fbn_context *c, const fbn_fabric *fabric, const struct expectation *what, const struct host *to, fbn_address *ret_address);

/* Whether the policy lets a node's packets pass. Where that hangs on what is not read here it is taken as if it did, and unread says what; else
 * that is empty. */
bool policy_passes(struct explain *e, const struct node *from, const struct packet *packet, const struct node *to, char *unread, size_t size);

#endif
