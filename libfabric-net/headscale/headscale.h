/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HEADSCALE_HEADSCALE_H
#define HEADSCALE_HEADSCALE_H

#include "base/text.h"
#include "http/http.h"
#include "http/json.h"

#include <fabricnet/headscale.h>

struct fbn_headscale {
        unsigned references;
        struct http *http;
        bool has_key;
        char *version; /* NULL until it was asked */
        unsigned minor; /* of 0.MINOR; MINOR_NEWEST for what is newer than we know */
};

#define MINOR_OLDEST 26U
#define MINOR_NEWEST 30U

/* Ask for the version once; then headscale->version and minor are set. */
int headscale_negotiate(fbn_context *c, fbn_headscale *headscale);

/* "0.28.0-beta.1" of "v0.28.0-beta.1" is minor 28; unknown is newest. */
unsigned headscale_minor(const char *version);

/* One call of the API, with the key. body is taken (may be NULL). ret_object may be NULL; else it is the caller's. */
int headscale_call(fbn_context *c, fbn_headscale *headscale, const char *method, const char *path, json_t *body, json_t **ret_object);

/* The same, the answer's text for a reader that needs no tree. */
int headscale_list(fbn_context *c, fbn_headscale *headscale, const char *path, struct http_reply *ret_reply);

/* What a refusal means, by status and words, recorded. The servers up to 0.29 answer 500 for much that is the caller's fault. */
int headscale_refused(fbn_context *c, const fbn_headscale *headscale, const struct http_reply *reply);

/* Lists read from an answer's text; also what the tests call on recorded answers. */
int headscale_users_read(fbn_context *c, const char *text, size_t length, fbn_headscale_users **ret_users);
int headscale_nodes_read(fbn_context *c, const char *text, size_t length, fbn_headscale_nodes **ret_nodes);

#endif
