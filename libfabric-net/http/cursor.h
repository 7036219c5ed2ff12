/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HTTP_CURSOR_H
#define HTTP_CURSOR_H

/* JSON read from left to right, straight into records, without a tree: jansson's of a long list costs ten times the text in memory and
 * most of the time. The text may be cut anywhere, the rest being still on its way. */
#include "base/context.h"
#include "base/text.h"

struct json_cursor {
        const char *start, *next, *end;
        size_t before; /* bytes of the answer that lie before start, for messages */
        bool open;     /* what follows end is still to come */
};

/* Beside 0 and failures: the text ended within the value, and there will be more. Begin it again then. */
#define JSON_CUT 2

enum json_kind {
        JSON_TEXT,        /* const char *, "" if missing or null */
        JSON_SHARED_TEXT, /* the same, often equal to the one of the record before, whose copy then serves for both */
        JSON_BEGINNING,   /* a text whose rest may be secret and is not copied: what stands before "***", else the first eight bytes */
        JSON_WHOLE,       /* uint64_t, from a number or from digits in a text: 64 bits do not fit JavaScript's numbers */
        JSON_FLAG,        /* bool */
        JSON_TIME,        /* int64_t nanoseconds since 1970, 0 for Go's zero time of year 1 */
        JSON_TEXTS,       /* const char *const * and its count */
        JSON_ADDRESSES,   /* const fbn_address * and its count */
        JSON_PREFIXES,    /* const fbn_prefix * and its count */
        JSON_INSIDE,      /* an object whose members belong to the same record */
};

struct json_field {
        const char *name;
        enum json_kind kind;
        size_t offset;
        size_t count;                    /* lists: offset of their length */
        const struct json_field *inside; /* up to a field without a name */
};

#define JSON_ONE(type, member, name, kind) {name, JSON_##kind, offsetof(type, member), 0, NULL}
#define JSON_MANY(type, member, name, kind) {name, JSON_##kind, offsetof(type, member), offsetof(type, n_##member), NULL}
#define JSON_IN(name, fields) {name, JSON_INSIDE, 0, 0, fields}

/* What records are read with. */
struct json_reader {
        struct arena *arena;
        const char *shared;
        struct text items; /* of the list at hand */
};
void json_reader_clear(struct json_reader *reader);

/* Read the object that begins at the cursor into a record that is all zero. A member of another type is -FBN_EPROTOCOL with its name;
 * what is inside members that no field names is not looked at. */
int json_record_read(fbn_context *c, struct json_cursor *at, struct json_reader *reader, const struct json_field *fields, void *record);

/* The answer's list: {"MEMBER": [{…}, …]}, element by element. */
struct json_list {
        const char *member;
        enum { JSON_LIST_START, JSON_LIST_FIRST_MEMBER, JSON_LIST_MEMBER, JSON_LIST_MEMBER_END, JSON_LIST_FIRST, JSON_LIST_ELEMENT, JSON_LIST_ELEMENT_END, JSON_LIST_OVER } state;
        size_t index; /* of the element at the cursor */
};

/* Go on to the next element: 1 and the cursor is at its brace, 0 at the end of the answer, JSON_CUT or a failure. Whoever read the
 * element, and was not cut, says so by json_list_taken(). */
int json_list_next(fbn_context *c, struct json_cursor *at, struct json_list *list);
void json_list_taken(struct json_list *list);

#endif
