/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert.h"

static void push_text(lua_State *L, const char *value)
{
        if (value)
                lua_pushstring(L, value);
        else
                lua_pushnil(L);
}

static void push_word(lua_State *L, const struct field *field, const void *element)
{
        char buffer[FBN_ADDRESS_TEXT];
        const char *value = element_text(field, element, buffer);

        push_text(L, *value ? value : NULL);
}

static void push_number(lua_State *L, const struct field *field, const void *element)
{
        uint64_t value;

        element_negative(field, element, &value);
        lua_pushinteger(L, (lua_Integer)value);
}

static void push_one_more(lua_State *L, int32_t value)
{
        if (value)
                lua_pushinteger(L, value - 1);
        else
                lua_pushnil(L);
}

static void push_secret(lua_State *L, fbn_secret *value)
{
        if (value)
                secret_to_lua(L, fbn_secret_ref(value));
        else
                lua_pushnil(L);
}

static void push(lua_State *L, const struct field *field, const void *element)
{
        switch (field->type) {
        case FIELD_TEXT:
                push_text(L, *(const char *const *)element);
                break;
        case FIELD_CHARS:
                push_text(L, element);
                break;
        case FIELD_BOOL:
                lua_pushboolean(L, *(const bool *)element);
                break;
        case FIELD_UNSIGNED:
        case FIELD_SIGNED:
                push_number(L, field, element);
                break;
        case FIELD_ONE_MORE:
                push_one_more(L, *(const int32_t *)element);
                break;
        case FIELD_SECRET:
                push_secret(L, *(fbn_secret *const *)element);
                break;
        case FIELD_RECORD:
                record_to_lua(L, field->more, element);
                break;
        case FIELD_RECORD_AT:
                record_to_lua(L, field->more, *(const void *const *)element);
                break;
        case FIELD_PROGRESS:
                lua_pushnil(L);
                break;
        default:
                push_word(L, field, element);
        }
}

static void push_list(lua_State *L, const struct field *field, const char *elements, size_t count)
{
        lua_createtable(L, (int)count, 0);
        for (size_t i = 0; i < count; i++) {
                push(L, field, elements + i * element_size(field));
                lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
}

static void push_field(lua_State *L, const struct record *record, const struct field *field, const char *base)
{
        if (field->bit && !(*(const uint32_t *)(base + record->set) & field->bit))
                lua_pushnil(L);
        else if (field->list)
                push_list(L, field, *(const char *const *)(base + field->offset), *(const size_t *)(base + field->count));
        else
                push(L, field, base + field->offset);
}

void record_to_lua(lua_State *L, const struct record *record, const void *base)
{
        if (!base) {
                lua_pushnil(L);
                return;
        }
        lua_createtable(L, 0, (int)record->n_fields);
        for (size_t i = 0; i < record->n_fields; i++) {
                push_field(L, record, &record->fields[i], base);
                lua_setfield(L, -2, record->fields[i].name);
        }
}

void element_to_lua(lua_State *L, enum field_type type, const void *element)
{
        struct field field = {.type = type, .size = type == FIELD_KEY ? sizeof(fbn_key) : 0};

        push(L, &field, element);
}

int records_to_lua(lua_State *L, const struct record *record, const void *handle, count_function count, at_function at)
{
        size_t n = count(handle);

        lua_createtable(L, (int)n, 0);
        for (size_t i = 0; i < n; i++) {
                record_to_lua(L, record, at(handle, i));
                lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        return 1;
}

static int failure(lua_State *L, const char *message, int code)
{
        lua_pushnil(L);
        lua_pushstring(L, message);
        lua_pushinteger(L, -code);
        return 3;
}

int push_failure(lua_State *L, const fbn_context *c, int code)
{
        return failure(L, c && fbn_context_error_code(c) == -code ? fbn_context_error(c) : fbn_strerror(code), code);
}

int push_context_failure(lua_State *L, int code)
{
        return failure(L, fbn_context_error(NULL), code);
}
