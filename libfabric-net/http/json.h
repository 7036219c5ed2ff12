/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HTTP_JSON_H
#define HTTP_JSON_H

/* Readers of an answer's members, straight into records that live in an arena. A member that is missing or null reads as empty or zero;
 * one of another type is -FBN_EPROTOCOL with its name. */
#include "base/context.h"
#include "http/http.h"

#include <jansson.h>

/* The answer's object; -FBN_EPROTOCOL unless it says that it is JSON and is an object. */
int json_reply(fbn_context *c, const struct http *http, const struct http_reply *reply, json_t **ret_object);

/* -FBN_EPROTOCOL unless the answer says that it is JSON. */
int json_check(fbn_context *c, const struct http *http, const struct http_reply *reply);

int json_read_text(fbn_context *c, struct arena *arena, const json_t *object, const char *member, const char **ret_text);
int json_read_flag(fbn_context *c, const json_t *object, const char *member, bool *ret_flag);
int json_read_number(fbn_context *c, const json_t *object, const char *member, uint64_t *ret_number); /* also "12": 64 bits as text */
int json_read_time(fbn_context *c, const json_t *object, const char *member, int64_t *ret_nanoseconds); /* year 1 is 0: never */

/* NULL if the member is missing or null. Borrowed. */
int json_read_array(fbn_context *c, const json_t *object, const char *member, json_t **ret_array);
int json_read_object(fbn_context *c, const json_t *object, const char *member, json_t **ret_object);

int json_read_texts(fbn_context *c, struct arena *arena, const json_t *object, const char *member, const char *const **ret_texts,
                    size_t *ret_count);
int json_read_addresses(fbn_context *c, struct arena *arena, const json_t *object, const char *member, const fbn_address **ret_addresses,
                        size_t *ret_count);
int json_read_prefixes(fbn_context *c, struct arena *arena, const json_t *object, const char *member, const fbn_prefix **ret_prefixes,
                       size_t *ret_count);

/* RFC 3339 as nanoseconds since 1970, held within what 64 bits can say; false if it is no such text. */
bool json_time_parse(const char *text, int64_t *ret_nanoseconds);
/* "2026-11-22T18:34:25Z"; buffer of at least 32 bytes. */
const char *json_time_format(int64_t nanoseconds, char *buffer, size_t size);

static inline void json_freep(json_t **json)
{
        json_decref(*json);
}


#endif
