/* SPDX-License-Identifier: LGPL-2.1-or-later */
%module core

%{
#include "convert.h"

#include <string.h>

/* The context of a call is its first argument; some have none. */
#define CONTEXT_OF(argument) _Generic((argument), fbn_context *: (argument), const fbn_context *: (argument), default: NULL)

/* Pushed values; negative: a message for lua_error(). */
typedef int pushed;
%}
typedef int pushed;

/* Handles are held during the call: a callback may close them. Typemaps push a message before SWIG_fail, which frees and then raises. */
%define WRAP_ANY_HANDLE(type, name)
%nodefaultctor type;
typedef struct type {} type;
%extend type { ~type() { type##_unref($self); } }
%typemap(in) name, const name {
        void *pointer = NULL;
        int fits = SWIG_IsOK(SWIG_ConvertPtr(L, $input, &pointer, $descriptor(type *), 0));
        if (!fits || !pointer) {
                lua_pushfstring(L, "$symname: expected %s, not %s", #type, fits && lua_isuserdata(L, $input) ? "a closed one" : luaL_typename(L, $input));
                SWIG_fail;
        }
        $1 = type##_ref(pointer);
}
%typemap(freearg) name, const name { type##_unref((type *)$1); }
%typemap(out) const type * { /* borrowed from another handle */
        if ($1)
                SWIG_NewPointerObj(L, type##_ref((type *)$1), $descriptor(type *), 1);
        else
                lua_pushnil(L);
        SWIG_arg++;
}
%typemap(in, numinputs=0) type ** (type *made = NULL) { $1 = &made; }
%typemap(argout) type ** {
        if (result >= 0) {
                SWIG_NewPointerObj(L, made$argnum, $descriptor(type *), 1);
                SWIG_arg = 1;
        }
}
%enddef

%define WRAP_CONTEXT
WRAP_ANY_HANDLE(fbn_context, fbn_context *c)
%enddef

%define WRAP_HANDLE(type)
WRAP_ANY_HANDLE(type, type *)
%enddef

%define WRAP_RECORD(type)
%ignore type;
%typemap(in) const type * (struct room *room = NULL) {
        room = room_push(L);
        $1 = record_from_lua(L, room, &type##_record, $input);
        if (!$1)
                SWIG_fail;
}
%typemap(freearg) const type * "if (room$argnum) room_free(room$argnum);"
%typemap(out) const type * { record_to_lua(L, &type##_record, $1); SWIG_arg++; }
%enddef

%define WRAP_OPTIONS(type)
WRAP_RECORD(type)
%typemap(in) const type * (struct room *room = NULL) {
        if (!lua_isnil(L, $input)) {
                room = room_push(L);
                $1 = record_from_lua(L, room, &type##_record, $input);
                if (!$1)
                        SWIG_fail;
        }
}
%typemap(default) const type * "$1 = NULL;"
%enddef

%define WRAP_LIST_AS(name, type, record, count, at)
%{
static size_t name##_count_of(const void *handle) { return count(handle); }
static const void *name##_at_of(const void *handle, size_t index) { return at(handle, index); }
%}
%inline %{
pushed name##_all(lua_State *L, const type *handle)
{
        return records_to_lua(L, &record##_record, handle, name##_count_of, name##_at_of);
}
%}
%enddef

%define WRAP_LIST(type, record, count, at)
WRAP_LIST_AS(type, type, record, count, at)
%enddef

%define WRAP_FILLED_AS(name, type, record, add)
%{
static int name##_add_of(fbn_context *c, void *handle, const void *item) { return add(c, handle, item); }
%}
%inline %{
pushed name##_fill(fbn_context *c, type *handle, lua_State *L, int items)
{
        return records_from_lua(L, &record##_record, c, handle, name##_add_of, items);
}
%}
%enddef

%define WRAP_FILLED(type, record, add)
WRAP_FILLED_AS(type, type, record, add)
%enddef
%typemap(in) int items "$1 = $input;"

/* Results: true or what was handed over; nil, message, code for a failure. */
%typemap(out) int {
        if ($1 < 0) {
                SWIG_arg = push_failure(L, CONTEXT_OF(arg1), $1);
        } else {
                lua_pushboolean(L, 1);
                SWIG_arg = 1;
        }
}
%typemap(out) int fbn_context_new { if ($1 < 0) SWIG_arg = push_context_failure(L, $1); }
%typemap(out) int fbn_wireguard_create {
        if ($1 < 0) {
                SWIG_arg = push_failure(L, arg1, $1);
        } else {
                lua_pushstring(L, $1 == FBN_WIREGUARD_KERNEL ? "kernel" : "userspace");
                SWIG_arg = 1;
        }
}
%typemap(out) int fbn_dns_stub_fd, int fbn_dns_stub_timeout, int fbn_ban_engine_fd, int fbn_ban_engine_timeout, int fbn_monitor_fd, int fbn_monitor_timeout, int fbn_context_error_code, int fbn_context_error_errno, short, size_t
        "lua_pushinteger(L, (lua_Integer)$1); SWIG_arg++;"
%typemap(out) pushed {
        SWIG_arg = $1;
        if (SWIG_arg < 0)
                SWIG_fail;
}
%typemap(out) const char * "lua_pushstring(L, $1); SWIG_arg++;"
%typemap(in, numinputs=0) char ** (char *made = NULL) "$1 = &made;"
%typemap(argout) char ** {
        if (result >= 0) {
                lua_pushstring(L, made$argnum);
                SWIG_arg = 1;
        }
}
%typemap(freearg) char ** "fbn_free(made$argnum);"
%typemap(in, numinputs=0) int64_t *ret_value (int64_t made = 0) "$1 = &made;"
%typemap(argout) int64_t *ret_value {
        if (result >= 0) {
                lua_pushinteger(L, made$argnum);
                SWIG_arg = 1;
        }
}
%typemap(in, numinputs=0) uint32_t *ret_generation (uint32_t made = 0) "$1 = &made;"
%typemap(argout) uint32_t *ret_generation {
        if (result >= 0) {
                lua_pushinteger(L, made$argnum);
                SWIG_arg = 1;
        }
}
%typemap(in, numinputs=0) fbn_rpfilter_result *ret_result (fbn_rpfilter_result made = {0}) "made.size = sizeof(made); $1 = &made;"
%typemap(argout) fbn_rpfilter_result *ret_result {
        if (result >= 0) {
                record_to_lua(L, &fbn_rpfilter_result_record, &made$argnum);
                SWIG_arg = 1;
        }
}
%typemap(in, numinputs=0) fbn_backup_state *ret_state (fbn_backup_state made = {0}) "$1 = &made;"
%typemap(argout) fbn_backup_state *ret_state {
        if (result >= 0) {
                record_to_lua(L, &fbn_backup_state_record, &made$argnum);
                SWIG_arg = 1;
        }
}
%typemap(in, numinputs=0) fbn_tailscale_pong *ret_pong (fbn_tailscale_pong made = {0}) "made.size = sizeof(made); $1 = &made;"
%typemap(argout) fbn_tailscale_pong *ret_pong {
        if (result >= 0) {
                record_to_lua(L, &fbn_tailscale_pong_record, &made$argnum);
                SWIG_arg = 1;
        }
}
%typemap(in, numinputs=0) fbn_dns_counters *ret_counters (fbn_dns_counters made = {0}) "made.size = sizeof(made); $1 = &made;"
%typemap(argout) fbn_dns_counters *ret_counters { record_to_lua(L, &fbn_dns_counters_record, &made$argnum); SWIG_arg = 1; }

/* Text: never nil, but where a header says what NULL means. */
%{
static int may_be_nil(const char *function)
{
        return strcmp(function, "fbn_link_list") == 0 || strcmp(function, "fbn_link_address_list") == 0 ||
               strcmp(function, "fbn_neighbour_list") == 0 ||
               strcmp(function, "fbn_fabric_backup") == 0 || strcmp(function, "fbn_fabric_headscale") == 0 || strcmp(function, "fbn_fabric_render") == 0 || strcmp(function, "fbn_wireguard_monitor_new") == 0 ||
               strcmp(function, "fbn_wireguard_resolve") == 0 ||
               strncmp(function, "fbn_ban_", strlen("fbn_ban_")) == 0;
}
%}
%typemap(in) const char * {
        $1 = NULL;
        if (!lua_isnil(L, $input) || !may_be_nil("$symname")) {
                $1 = (char *)text_from_lua(L, "$symname: $1_name", $input);
                if (!$1)
                        SWIG_fail;
        }
}
%typemap(freearg) const char * ""
%typemap(default) const char *name, const char *device, const char *ca_file "$1 = NULL;"
%typemap(in, numinputs=0) (char *buffer, size_t size) (char buffer[FBN_ADDRESS_TEXT]) "$1 = buffer; $2 = sizeof(buffer);"
%typemap(in) (const void *bytes, size_t length) {
        if (lua_type(L, $input) != LUA_TSTRING) {
                lua_pushliteral(L, "$symname: expected string");
                SWIG_fail;
        }
        $1 = (void *)lua_tolstring(L, $input, &$2);
}
%typemap(in) uint64_t, int64_t, size_t {
        lua_Integer value;
        if (!integer_from_lua(L, "$symname: $1_name", $input, &value))
                SWIG_fail;
        $1 = value;
}

/* Addresses and the like, as text. */
%define WRAP_ELEMENT(type, kind, output)
%typemap(in) const type * (type element = {0}) {
        if (!element_from_lua(L, kind, "$symname: $1_name", $input, &element))
                SWIG_fail;
        $1 = &element;
}
%typemap(freearg) const type * ""
%typemap(in, numinputs=0) type *output (type made = {0}) "$1 = &made;"
%typemap(argout) type *output {
        if (result >= 0) {
                element_to_lua(L, kind, &made$argnum);
                SWIG_arg = 1;
        }
}
%typemap(out) type { element_to_lua(L, kind, &$1); SWIG_arg++; }
%enddef
WRAP_ELEMENT(fbn_address, FIELD_ADDRESS, ret_address)
WRAP_ELEMENT(fbn_prefix, FIELD_INTERFACE, ret_address) /* before the others, whose arguments are meant */
WRAP_ELEMENT(fbn_prefix, FIELD_PREFIX, ret_prefix)
WRAP_ELEMENT(fbn_prefix, FIELD_PREFIX, ret_network)
WRAP_ELEMENT(fbn_endpoint, FIELD_ENDPOINT, ret_endpoint)
WRAP_ELEMENT(fbn_key, FIELD_KEY, ret_key)
WRAP_ELEMENT(fbn_key, FIELD_KEY, ret_public)
%typemap(in) (const fbn_prefix *routes, size_t n_routes) (struct room *room = NULL) {
        room = room_push(L);
        if (!elements_from_lua(L, room, FIELD_PREFIX, "$symname: $1_name", $input, (const void **)&$1, &$2))
                SWIG_fail;
}
%typemap(freearg) (const fbn_prefix *routes, size_t n_routes) "if (room$argnum) room_free(room$argnum);"
%typemap(in) fbn_graph_format {
        int value = enum_from_lua(L, graph_formats, "$symname: $1_name", $input);
        if (value < 0)
                SWIG_fail;
        $1 = (fbn_graph_format)value;
}
%typemap(in) fbn_nat_elements *known {
        void *pointer = NULL;
        if (!lua_isnil(L, $input) && !SWIG_IsOK(SWIG_ConvertPtr(L, $input, &pointer, $descriptor(fbn_nat_elements *), 0))) {
                lua_pushfstring(L, "$symname: expected fbn_nat_elements or nil, not %s", luaL_typename(L, $input));
                SWIG_fail;
        }
        $1 = pointer ? fbn_nat_elements_ref(pointer) : NULL;
}
%typemap(in) fbn_nat_elements_verb {
        int value = enum_from_lua(L, element_verbs, "$symname: $1_name", $input);
        if (value < 0)
                SWIG_fail;
        $1 = (fbn_nat_elements_verb)value;
}
%typemap(out) int fbn_nat_elements_send, int fbn_nat_elements_replace, int fbn_backup_run, int fbn_ban_add, int fbn_ban_delete, int fbn_ban_flush, int fbn_ban_reconcile {
        if ($1 < 0)
                SWIG_arg = push_failure(L, CONTEXT_OF(arg1), $1);
        else
                lua_pushinteger(L, $1), SWIG_arg = 1;
}
%typemap(in) fbn_headscale_key_kind {
        int value = enum_from_lua(L, headscale_key_kinds, "$symname: $1_name", $input);
        if (value < 0)
                SWIG_fail;
        $1 = (fbn_headscale_key_kind)value;
}
%typemap(in) fbn_headscale_ability {
        int value = enum_from_lua(L, headscale_abilities, "$symname: $1_name", $input);
        if (value < 0)
                SWIG_fail;
        $1 = (fbn_headscale_ability)value;
}
%typemap(out) int fbn_headscale_can {
        if ($1 < 0)
                SWIG_arg = push_failure(L, CONTEXT_OF(arg1), $1);
        else
                lua_pushboolean(L, $1), SWIG_arg = 1;
}
%typemap(out) int fbn_headscale_node_backfill {
        if ($1 < 0)
                SWIG_arg = push_failure(L, CONTEXT_OF(arg1), $1);
        else
                lua_pushinteger(L, $1), SWIG_arg = 1;
}
%typemap(in, numinputs=0) const fbn_headscale_node ** (const fbn_headscale_node *made = NULL) { $1 = &made; }
%typemap(argout) const fbn_headscale_node ** {
        if (result >= 0) {
                record_to_lua(L, &fbn_headscale_node_record, made$argnum);
                SWIG_arg = 1;
        }
}
%typemap(in, numinputs=0) const fbn_nat_element ** (const fbn_nat_element *made = NULL) { $1 = &made; }
%typemap(argout) const fbn_nat_element ** {
        if (result >= 0) {
                record_to_lua(L, &fbn_nat_element_record, made$argnum);
                SWIG_arg = 1;
        }
}
%typemap(in) uint16_t family {
        $1 = 0;
        if (!lua_isnil(L, $input)) {
                int value = enum_from_lua(L, families, "$symname: family", $input);
                if (value < 0)
                        SWIG_fail;
                $1 = (uint16_t)value;
        }
}

/* A failed apply may hand over what stands: a fourth value. */
%typemap(argout) fbn_plan **ret_done {
        if (result >= 0) {
                SWIG_NewPointerObj(L, made$argnum, $descriptor(fbn_plan *), 1);
                SWIG_arg = 1;
        } else if (made$argnum) {
                SWIG_arg += fbn_plan_all(L, made$argnum);
                fbn_plan_unref(made$argnum);
        }
}
%{
pushed fbn_plan_all(lua_State *L, const fbn_plan *handle);
int luaopen_core(lua_State *L);
%}

%include "fabricnet.i"

%rename(fbn_secret_bytes) bytes_of_secret;
%rename(fbn_context_cancel) cancel_context;
%rename(fbn_dns_stub_run) run_stub;
%rename(fbn_ban_engine_run) run_engine;
%inline %{
/* tostring() never shows them. */
pushed bytes_of_secret(lua_State *L, const fbn_secret *secret)
{
        lua_pushlstring(L, fbn_secret_bytes(secret), fbn_secret_length(secret));
        return 1;
}

void cancel_context(fbn_context *c)
{
        fbn_context_cancel(c);
}

int run_stub(fbn_context *c, fbn_dns_stub *stub)
{
        return fbn_dns_stub_run(c, stub);
}

int run_engine(fbn_context *c, fbn_ban_engine *engine)
{
        return fbn_ban_engine_run(c, engine);
}
%}

/* Drop a handle now, for __close; every later use of it is an error. */
%native(close) int close_handle(lua_State *L);
%{
static int close_handle(lua_State *L)
{
        swig_lua_userdata *handle = lua_touserdata(L, 1);
        swig_lua_class *class = handle ? handle->type->clientdata : NULL;
        void *pointer = handle ? handle->ptr : NULL;

        if (!handle || !pointer || !class || !class->destructor)
                return 0;
        handle->ptr = NULL;
        if (handle->own)
                class->destructor(pointer);
        handle->own = 0;
        return 0;
}

fbn_secret *secret_of_lua(lua_State *L, int index)
{
        void *pointer = NULL;

        if (lua_type(L, index) != LUA_TUSERDATA)
                return NULL;
        return SWIG_IsOK(SWIG_ConvertPtr(L, index, &pointer, SWIGTYPE_p_fbn_secret, 0)) ? pointer : NULL;
}

void secret_to_lua(lua_State *L, fbn_secret *secret)
{
        SWIG_NewPointerObj(L, secret, SWIGTYPE_p_fbn_secret, 1);
}

SWIGEXPORT int luaopen_fabricnet_core(lua_State *L)
{
        return luaopen_core(L);
}
%}
