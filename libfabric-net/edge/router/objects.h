/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_ROUTER_OBJECTS_H
#define EDGE_ROUTER_OBJECTS_H

#include "base/context.h"
#include "edge/ssh.h"

#include <fabricnet/router.h>
#include <jansson.h>

/* What has to be done on the router once a kind has changed. */
enum work { WORK_WIREGUARD = 1, WORK_INTERFACES = 2, WORK_ROUTING = 4, WORK_FILTER = 8, WORK_DNS = 16, WORK_TAILSCALE = 32, WORK_LOGIN = 64 };

/* A kind of objects, and where they stand in config.xml. */
struct kind {
        const char *name;
        const char *parent, *item; /* "staticroutes", "route"; of interfaces the item is opt1, opt2 … */
        const char *mark;          /* the member that has it; NULL: a page, or an interface */
        const char *secret;        /* the member that is one; NULL: none */
        const char *unique[2];     /* no two of the list have the same of these */
        bool first;                /* before those of others: there the order decides */
        enum work work;
};

extern const struct kind router_kinds[];
extern const size_t n_router_kinds;

static inline bool kind_is_page(const struct kind *kind)
{
        return !kind->mark && !streq(kind->name, "interface");
}

struct object {
        const struct kind *kind; /* NULL: of Linux */
        json_t *content;         /* with what is implied by its name, but for secret and mark */
        fbn_secret *secret;
};

struct fbn_router {
        unsigned references;
        struct arena arena;
        const char *fabric, *mark; /* "fabricnet:home " */
        bool linux_host, reachable;
        struct ssh_peer peer;
        int timeout;
        fbn_router_object *items;
        struct object *objects; /* beside the items */
        size_t count, capacity, objects_capacity;
};

const struct kind *kind_find(const char *name);
/* The object of Linux that is the file, NULL: none. */
const fbn_router_object *router_fabric(const fbn_router *router);

#endif
