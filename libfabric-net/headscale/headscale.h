/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HEADSCALE_HEADSCALE_H
#define HEADSCALE_HEADSCALE_H

#include "base/changes.h"
#include "base/text.h"
#include "http/http.h"
#include "http/json.h"

#include <fabricnet/headscale.h>

struct fbn_headscale {
        unsigned references;
        struct http *http;
        fbn_secret *key; /* NULL: none */
        size_t reply_limit;
        unsigned tries;
        char *version; /* NULL until it was asked */
        unsigned minor; /* of 0.MINOR; MINOR_NEWEST for what is newer than we know */
};

#define MINOR_OLDEST 26U
#define MINOR_NEWEST 30U

/* Ask for the version once; then headscale->version and minor are set. */
int headscale_negotiate(fbn_context *c, fbn_headscale *headscale);

/* -FBN_EUNSUPPORTED in words unless the server can. */
int headscale_need(fbn_context *c, fbn_headscale *headscale, fbn_headscale_ability ability, const char *what);

/* "0.28.0-beta.1" of "v0.28.0-beta.1" is minor 28; unknown is newest. */
unsigned headscale_minor(const char *version);

/* One call of the API, with the key. body is taken (may be NULL). ret_object may be NULL; else it is the caller's. */
int headscale_call(fbn_context *c, fbn_headscale *headscale, const char *method, const char *path, json_t *body, json_t **ret_object);

/* GET, also without the key's right; whatever the status. */
int headscale_get(fbn_context *c, fbn_headscale *headscale, const char *path, struct http_reply *ret_reply);

/* Waits with ever longer pauses between the tries of what may be tried again. */
struct retry {
        unsigned tries, tried;
};
bool retry_wait(fbn_context *c, struct retry *retry); /* false: give up */
uint32_t chance(uint32_t below);
bool wait_ms(fbn_context *c, uint32_t milliseconds);  /* false: cancelled */

/* What a refusal means, by status and words, recorded. The servers up to 0.29 answer 500 for much that is the caller's fault. */
int headscale_refused(fbn_context *c, const fbn_headscale *headscale, const struct http_reply *reply);

/* Callers of another version have records of another size. */
static inline const void *item_at(const void *items, size_t index, size_t known)
{
        size_t size = *(const size_t *)items;

        return (const char *)items + index * (size ? size : known);
}

/* -FBN_EINVAL for what would be no segment of a path. */
int headscale_name_check(fbn_context *c, const char *name);

/* Lists read from an answer's text; also what the tests call on recorded answers. */
int headscale_users_read(fbn_context *c, const char *text, size_t length, fbn_headscale_users **ret_users);
int headscale_nodes_read(fbn_context *c, const char *text, size_t length, fbn_headscale_nodes **ret_nodes);

#endif
