/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_ROUTER_CONFIG_H
#define EDGE_ROUTER_CONFIG_H

#include "base/context.h"
#include "base/text.h"

#include <jansson.h>

/* pfSense's config.xml as a tree over its bytes: every element knows where it begins and ends, so that one can be replaced and all others stay as
 * they are to the byte. Names and texts are borrowed from the bytes and not decoded: there are secrets among them. */
struct element {
        const char *name; /* not zero-terminated */
        size_t name_length;
        size_t start, end;             /* with its tags */
        size_t inner_start, inner_end; /* between them; both 0 of <x/> */
        struct element *parent, *first, *last, *next;
};

struct config {
        const char *bytes; /* borrowed */
        size_t length;
        struct element *root;
};

/* All of it lives in the arena. 0, or -FBN_EINVAL with "line N: …". The bytes should have passed xml_check(): what is no XML is not always found. */
int config_parse(fbn_context *c, struct arena *arena, const char *bytes, size_t length, struct config *ret_config);

bool element_is(const struct element *element, const char *name);
/* The first child of that name, or the next sibling of the same; NULL: there is none. */
struct element *element_child(const struct element *element, const char *name);
struct element *element_again(const struct element *element);

/* "installedpackages/wireguard/tunnels" from the root; NULL: not there. */
struct element *config_find(const struct config *config, const char *path);

/* The text of an element without children, decoded as pfSense does it. */
void element_text(const struct config *config, const struct element *element, struct text *text);
bool element_text_is(const struct config *config, const struct element *element, const char *text);
/* Whether the text begins so, and what comes after that; rest may be NULL. */
bool element_text_begins(const struct config *config, const struct element *element, const char *beginning, struct text *rest);

/* Whether an element holds what a JSON value says: text, members of exactly these names, or for a list what one of them is. What pfSense adds
 * to some objects by itself ("created", "updated") is no difference. */
bool element_holds(const struct config *config, const struct element *element, const json_t *value);
/* The same of one member, all of its name together. */
bool element_member_holds(const struct config *config, const struct element *element, const char *name, const json_t *value);
bool element_is_pfsenses_own(const struct element *element);

/* Whether two have the same names and texts below them, but for pfSense's own note of its last change. */
bool config_equal(const struct config *a, const struct config *b);

/* "<name>…</name>" for a value, or for each of a list, with tabs as pfSense writes it. Of a text that is secret only that it is one is known: it comes
 * as bytes. */
void config_write(struct text *out, const char *name, const json_t *value, int depth);
void config_write_text(struct text *out, const char *name, const char *bytes, size_t length, int depth);

#endif
