/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HEADSCALE_LIST_H
#define HEADSCALE_LIST_H

/* The lists of the API, read while they come. */
#include "headscale/headscale.h"
#include "http/cursor.h"

struct list {
        struct http *http;
        struct json_list json;
        struct json_reader reader;
        struct http_part part;
        struct json_cursor at;
        size_t limit; /* bytes of the whole answer, 0: none */
        bool begun; /* the download is to be ended */
};

/* GET path; its elements are those of the answer's MEMBER. Again while that fails for a reason that may pass. */
int list_open(fbn_context *c, fbn_headscale *headscale, struct http *http, const char *path, const char *member, struct list *ret_list);
void list_close(struct list *list);

/* The next element into a record that is all zero: 1, or 0 at the end. */
int list_next(fbn_context *c, struct list *list, struct arena *arena, const struct json_field *fields, void *record, size_t size);

/* A text that was read before, all of it there. */
void list_of_text(const char *text, size_t length, const char *member, struct list *ret_list);

#endif
