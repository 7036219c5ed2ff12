/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LUA_CONVERT_H
#define LUA_CONVERT_H

#include "records.h"

#include <lauxlib.h>
#include <lua.h>

/* What returns false or NULL has pushed a message for lua_error(), which the caller raises once nothing is owned. */

/* Memory of one call, pushed as a value of Lua's own, so that it goes even when an error jumps over its owner. */
struct room *room_push(lua_State *L);

void *record_from_lua(lua_State *L, struct room *room, const struct record *record, int index);
void record_to_lua(lua_State *L, const struct record *record, const void *base); /* nil for NULL */

bool element_from_lua(lua_State *L, enum field_type type, const char *name, int index, void *element);
void element_to_lua(lua_State *L, enum field_type type, const void *element);
bool elements_from_lua(lua_State *L, struct room *room, enum field_type type, const char *name, int index, const void **ret_elements,
                       size_t *ret_count);
int enum_from_lua(lua_State *L, const struct enum_name *names, const char *name, int index); /* -1: a message was pushed */
const char *text_from_lua(lua_State *L, const char *name, int index);
bool integer_from_lua(lua_State *L, const char *name, int index, lua_Integer *ret_value);

/* Lists: both return how many values they pushed; filling -1 for a message, 3 for nil, message, code. */
typedef size_t (*count_function)(const void *handle);
typedef const void *(*at_function)(const void *handle, size_t index);
typedef int (*add_function)(fbn_context *c, void *handle, const void *item);
int records_to_lua(lua_State *L, const struct record *record, const void *handle, count_function count, at_function at);
int records_from_lua(lua_State *L, const struct record *record, fbn_context *c, void *handle, add_function add, int index);

/* Push nil, message, code; returns 3. c NULL: fbn_strerror() is all there is to say. */
int push_failure(lua_State *L, const fbn_context *c, int code);
int push_context_failure(lua_State *L, int code); /* of this thread's last fbn_context_new() */

/* The wrapper's own: userdata of secrets. */
fbn_secret *secret_of_lua(lua_State *L, int index); /* borrowed, NULL if it is none */
void secret_to_lua(lua_State *L, fbn_secret *secret); /* takes over a reference */

#endif
