/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert.h"

#include <string.h>

/* Where a value stands, for messages: "Route.gateway", or a bare name outside of records. */
struct place {
        const char *record;
        const char *name;
        int table; /* the record's index on the stack */
};

static bool refuse_type(lua_State *L, const struct place *place, int index, const char *expected)
{
        lua_pushfstring(L, "%s%s%s: expected %s, not %s", place->record ? place->record : "", place->record ? "." : "", place->name, expected,
                        luaL_typename(L, index));
        return false;
}

static bool refuse_value(lua_State *L, const struct place *place, int index, const char *why)
{
        const char *value;

        lua_pushvalue(L, index);
        value = lua_tostring(L, -1);
        lua_pushfstring(L, "%s%s%s: '%s': %s", place->record ? place->record : "", place->record ? "." : "", place->name,
                        value ? value : luaL_typename(L, index), why);
        return false;
}

static int room_collect(lua_State *L)
{
        room_free(lua_touserdata(L, 1));
        return 0;
}

struct room *room_push(lua_State *L)
{
        struct room *room = lua_newuserdatauv(L, sizeof(*room), 0);

        *room = (struct room){0};
        if (luaL_newmetatable(L, "fabricnet.room")) {
                lua_pushcfunction(L, room_collect);
                lua_setfield(L, -2, "__gc");
        }
        lua_setmetatable(L, -2);
        return room;
}

static const char *text_at(lua_State *L, const struct place *place, int index)
{
        size_t length;
        const char *text;

        if (lua_type(L, index) != LUA_TSTRING) {
                refuse_type(L, place, index, "string");
                return NULL;
        }
        text = lua_tolstring(L, index, &length);
        if (strlen(text) == length)
                return text;
        refuse_value(L, place, index, "has a zero byte");
        return NULL;
}

const char *text_from_lua(lua_State *L, const char *name, int index)
{
        return text_at(L, &(struct place){.name = name}, index);
}

static bool integer_at(lua_State *L, const struct place *place, int index, lua_Integer *ret_value)
{
        int exact = 0;

        if (lua_type(L, index) != LUA_TNUMBER)
                return refuse_type(L, place, index, "integer");
        *ret_value = lua_tointegerx(L, index, &exact);
        return exact || refuse_value(L, place, index, "not an integer");
}

bool integer_from_lua(lua_State *L, const char *name, int index, lua_Integer *ret_value)
{
        return integer_at(L, &(struct place){.name = name}, index, ret_value);
}

static bool out_of_memory(lua_State *L)
{
        lua_pushliteral(L, "out of memory");
        return false;
}

static bool copy_text(lua_State *L, struct room *room, const struct place *place, int index, const char **element)
{
        const char *text = text_at(L, place, index);

        if (!text)
                return false;
        *element = room_text(room, text);
        return *element || out_of_memory(L);
}

static bool store_integer(lua_State *L, const struct field *field, const struct place *place, int index, void *element)
{
        const char *wrong;
        lua_Integer value = 0;

        if (!integer_at(L, place, index, &value))
                return false;
        wrong = store_number(field, value < 0, value < 0 ? -(uint64_t)value : (uint64_t)value, element);
        return !wrong || refuse_value(L, place, index, wrong);
}

static bool store_parsed(lua_State *L, const struct field *field, const struct place *place, int index, void *element)
{
        const char *text = text_at(L, place, index), *wrong;
        char names[200];

        if (!text)
                return false;
        wrong = store_text(field, text, element);
        if (!wrong)
                return true;
        if (field->type != FIELD_ENUM)
                return refuse_value(L, place, index, wrong);
        return refuse_value(L, place, index, lua_pushfstring(L, "one of %s", enum_names(field, names, sizeof(names))));
}

static bool store_secret(lua_State *L, struct room *room, const struct place *place, int index, fbn_secret **element)
{
        fbn_secret *secret = secret_of_lua(L, index);

        if (!secret)
                return refuse_type(L, place, index, "a secret");
        *element = secret;
        return room_keep(room, secret) || out_of_memory(L);
}

/* The function stays in the table of options, which is an argument of the call. fabricnet.lua sees to it that it raises nothing. */
struct progress {
        lua_State *L;
        int table;
        const char *name;
};

static void progress(void *data, const char *step)
{
        struct progress *mine = data;

        if (!lua_checkstack(mine->L, 3))
                return;
        lua_getfield(mine->L, mine->table, mine->name);
        lua_pushstring(mine->L, step);
        if (lua_pcall(mine->L, 1, 0, 0) != LUA_OK)
                lua_pop(mine->L, 1);
}

static bool store_progress(lua_State *L, struct room *room, const struct place *place, int index, char *element)
{
        void (*function)(void *, const char *) = progress;
        struct progress *mine;

        if (lua_type(L, index) != LUA_TFUNCTION)
                return refuse_type(L, place, index, "function");
        mine = room_alloc(room, sizeof(*mine));
        if (!mine)
                return out_of_memory(L);
        *mine = (struct progress){L, place->table, place->name};
        memcpy(element, &function, sizeof(function));
        memcpy(element + sizeof(function), &mine, sizeof(mine));
        return true;
}

static bool store_element(lua_State *L, struct room *room, const struct field *field, const struct place *place, int index, void *element)
{
        switch (field->type) {
        case FIELD_TEXT:
                return copy_text(L, room, place, index, element);
        case FIELD_BOOL:
                if (lua_type(L, index) != LUA_TBOOLEAN)
                        return refuse_type(L, place, index, "boolean");
                *(bool *)element = lua_toboolean(L, index);
                return true;
        case FIELD_UNSIGNED:
        case FIELD_SIGNED:
        case FIELD_ONE_MORE:
                return store_integer(L, field, place, index, element);
        case FIELD_SECRET:
                return store_secret(L, room, place, index, element);
        case FIELD_PROGRESS:
                return store_progress(L, room, place, index, element);
        case FIELD_RECORD: {
                void *inner = record_from_lua(L, room, field->more, index);

                if (inner)
                        memcpy(element, inner, element_size(field));
                return inner;
        }
        case FIELD_RECORD_AT:
                return (*(void **)element = record_from_lua(L, room, field->more, index));
        default:
                return store_parsed(L, field, place, index, element);
        }
}

static bool store_list(lua_State *L, struct room *room, const struct field *field, const struct place *place, int index,
                       const void **ret_elements, size_t *ret_count)
{
        size_t size = element_size(field), count;
        char *elements;

        if (lua_type(L, index) != LUA_TTABLE)
                return refuse_type(L, place, index, "a list");
        count = (size_t)lua_rawlen(L, index);
        elements = room_alloc(room, count * size);
        if (!elements)
                return out_of_memory(L);
        for (size_t i = 0; i < count; i++) {
                lua_rawgeti(L, index, (lua_Integer)i + 1);
                if (!store_element(L, room, field, place, lua_gettop(L), elements + i * size))
                        return false;
                lua_pop(L, 1);
        }
        *ret_elements = elements;
        *ret_count = count;
        return true;
}

static bool store_field(lua_State *L, struct room *room, const struct record *record, const struct field *field, int table, int index,
                        char *base)
{
        struct place place = {record->name, field->name, table};
        bool done;

        if (field->list)
                done = store_list(L, room, field, &place, index, (const void **)(base + field->offset), (size_t *)(base + field->count));
        else
                done = store_element(L, room, field, &place, index, base + field->offset);
        if (done && field->bit)
                *(uint32_t *)(base + record->set) |= field->bit;
        return done;
}

/* The key and value at the top of the stack. */
static bool store_pair(lua_State *L, struct room *room, const struct record *record, int table, char *base)
{
        int value = lua_gettop(L);
        const struct field *field;
        const char *name;

        if (lua_type(L, value - 1) != LUA_TSTRING) {
                lua_pushfstring(L, "%s: names of members are strings, not %s", record->name, luaL_typename(L, value - 1));
                return false;
        }
        name = lua_tostring(L, value - 1);
        field = record_field(record, name);
        if (!field) {
                lua_pushfstring(L, "%s has no member '%s'", record->name, name);
                return false;
        }
        return store_field(L, room, record, field, table, value, base);
}

void *record_from_lua(lua_State *L, struct room *room, const struct record *record, int index)
{
        char *base = record_new(room, record);

        if (!base) {
                out_of_memory(L);
                return NULL;
        }
        if (lua_type(L, index) != LUA_TTABLE) {
                lua_pushfstring(L, "expected a table of %s, not %s", record->name, luaL_typename(L, index));
                return NULL;
        }
        for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
                if (!store_pair(L, room, record, index, base))
                        return NULL;
        return base;
}

static struct field bare_field(enum field_type type)
{
        return (struct field){.type = type, .size = type == FIELD_KEY ? sizeof(fbn_key) : 0};
}

bool element_from_lua(lua_State *L, enum field_type type, const char *name, int index, void *element)
{
        struct field field = bare_field(type);

        return store_element(L, NULL, &field, &(struct place){.name = name}, index, element);
}

bool elements_from_lua(lua_State *L, struct room *room, enum field_type type, const char *name, int index, const void **ret_elements,
                       size_t *ret_count)
{
        struct field field = bare_field(type);

        return store_list(L, room, &field, &(struct place){.name = name}, index, ret_elements, ret_count);
}

int enum_from_lua(lua_State *L, const struct enum_name *names, const char *name, int index)
{
        struct field field = {.type = FIELD_ENUM, .size = sizeof(int), .more = names};
        int element = -1;

        return store_parsed(L, &field, &(struct place){.name = name}, index, &element) ? element : -1;
}

int records_from_lua(lua_State *L, const struct record *record, fbn_context *c, void *handle, add_function add, int index)
{
        if (lua_type(L, index) != LUA_TTABLE) {
                lua_pushfstring(L, "expected a list of %s, not %s", record->name, luaL_typename(L, index));
                return -1;
        }
        for (size_t i = 1; i <= lua_rawlen(L, index); i++) {
                struct room *room = room_push(L);
                void *base;
                int r;

                lua_rawgeti(L, index, (lua_Integer)i);
                base = record_from_lua(L, room, record, lua_gettop(L));
                if (!base)
                        return -1;
                r = add(c, handle, base);
                room_free(room);
                if (r < 0)
                        return push_failure(L, c, r);
                lua_pop(L, 2);
        }
        lua_pushboolean(L, 1);
        return 1;
}
