/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIREGUARD_UAPI_H
#define WIREGUARD_UAPI_H

#include "base/context.h"

#define UAPI_DIRECTORY "/var/run/wireguard"

/* A connection to a userspace daemon and a guarded buffer, since keys pass through it. One request at a time: put, then finish, then
 * read lines. Source: www.wireguard.com/xplatform, "Configuration Protocol". */
struct uapi {
        fbn_context *c;
        int fd;
        char *buffer;
        size_t size;          /* of the buffer, which grows once */
        size_t start, length; /* what is not yet read, or not yet sent */
        unsigned patience;    /* seconds of silence before the daemon counts as gone */
        bool broken;          /* the daemon does not listen any more; its answer may say why */
};

/* -FBN_ENOENT without a socket, -FBN_EUNAVAILABLE if nobody listens on it. */
int uapi_open(fbn_context *c, const char *name, struct uapi *ret_uapi);
void uapi_close(struct uapi *uapi);

/* Whether the daemon answers within a second. */
int uapi_ping(fbn_context *c, const char *name);

int uapi_put(struct uapi *uapi, const char *format, ...) FBN_PRINTF(2, 3);
int uapi_put_key(struct uapi *uapi, const char *name, const void *key);
int uapi_finish(struct uapi *uapi); /* the empty line that ends a request */

/* A line of an answer, split at '='; both parts end with a zero byte. */
struct uapi_line {
        const char *name, *value;
        size_t name_length, value_length;
};

/* The next line of the answer, borrowed until the next call. -FBN_EPROTOCOL if there is none. */
int uapi_line(struct uapi *uapi, struct uapi_line *ret_line);

/* What the value of an "errno" line means: 0 or a failure. */
int uapi_status(struct uapi *uapi, const char *value);

#endif
