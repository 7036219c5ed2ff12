/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_SCHEMA_H
#define FABRIC_SCHEMA_H

#include "base/context.h"
#include "fabric/place.h"

#include <jansson.h>

/* What a value of the file may be. The whole language is one table of these, in language.c; the published fabric.schema.json is
 * written from the same table by its test. */
enum shape_kind {
        SHAPE_TEXT,
        SHAPE_NUMBER,
        SHAPE_BOOLEAN,
        SHAPE_OBJECT, /* known members */
        SHAPE_MAP,    /* names of the user's own */
        SHAPE_LIST,
        SHAPE_EITHER /* chosen by the JSON type */
};

struct shape {
        enum shape_kind kind;
        const char *expected; /* completes "expected …" */
        /* SHAPE_TEXT */
        bool (*fits)(const char *text);
        const char *pattern; /* what fits() accepts as a regular expression, for the published schema */
        const char *const *choices;
        const char *names; /* it is a name in this map of the file, "hosts" */
        const char *or_names; /* or in this one */
        /* SHAPE_NUMBER; minimum also is the least length of a list */
        int64_t minimum, maximum;
        /* SHAPE_OBJECT */
        const struct property *properties; /* ends with one without name */
        const char *const *exactly_one;    /* of these members must be there */
        /* SHAPE_MAP, SHAPE_LIST */
        const struct shape *keys; /* what the names of a map are */
        const struct shape *item;
        /* SHAPE_EITHER */
        const struct shape *const *either;
};

struct property {
        const char *name;
        const struct shape *shape;
        const char *about;
        bool required;
};

extern const struct shape fabric_language;

/* Texts and what jansson made of them. */
struct document {
        fbn_context *c;
        const struct source *sources;
        size_t n_sources;
        json_t *root;
};

/* Record "FILE:LINE:COLUMN: POINTER: …" and return -FBN_EINVAL. at_key: the place of the member's name, not of its value. */
int document_refuse(const struct document *document, const char *pointer, bool at_key, const char *format, ...) FBN_PRINTF(4, 5);

/* 0, or -FBN_EINVAL for the first value that is not as described, or that names what is not there. */
int document_check(const struct document *document, const struct shape *shape);

/* The better of two guesses at what was meant, if it is near at all: a third of the word may be wrong. */
void nearest_consider(const char *wanted, const char *candidate, const char **best, size_t *best_distance);

/* The member of an object, or of any list of names, that the user may have meant; NULL if none is near. */
const char *nearest_key(json_t *object, const char *wanted);

#endif
