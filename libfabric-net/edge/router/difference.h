/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_ROUTER_DIFFERENCE_H
#define EDGE_ROUTER_DIFFERENCE_H

#include "edge/router/config.h"
#include "edge/router/objects.h"

/* What pfSense does not find out by itself, of a change or of its undo: interfaces to configure and to bring down first, networks whose route goes. */
struct ways {
        json_t *interfaces, *gone, *routes;
};

/* From a config.xml to the same with our objects as wanted. */
struct difference {
        fbn_context *c;
        const fbn_router *router;
        struct text text; /* the config.xml that is wanted; secret */
        fbn_changes *changes;
        unsigned work; /* enum work */
        struct ways forth, back;
};

/* 0, or -FBN_ECONFLICT, -FBN_ENOENT, -FBN_EINVAL (also: it is no config.xml). Free the difference in either case. */
int router_difference(fbn_context *c, const fbn_router *router, const char *bytes, size_t length, struct difference *ret);
void router_difference_free(struct difference *difference);

/* Whether a list's element has our mark; what comes after that goes to name, which may be NULL. */
bool router_owns(const fbn_router *router, const struct config *config, const struct kind *kind, const struct element *element, struct text *name);

/* Edits of a text, by place; what is inserted at one place stays in order. */
struct edit {
        size_t at, length;
        struct text bytes;
};
struct edits {
        struct edit *items;
        size_t count, capacity;
        bool failed;
};
struct text *edits_add(struct edits *edits, size_t at, size_t length);
bool edits_apply(const struct edits *edits, const char *bytes, size_t length, struct text *out);
void edits_free(struct edits *edits);

/* Lines with their tabs and a final newline: where they belong below parent, which is made if it has to be; before all others, or behind the last of them. */
void edits_insert(struct edits *edits, const struct config *config, const char *parent, const char *item, bool first, const struct text *lines);
void edits_delete(struct edits *edits, const struct config *config, const struct element *element);
void edits_replace(struct edits *edits, const struct element *element, const struct text *lines);
int element_depth(const struct element *element);

#endif
