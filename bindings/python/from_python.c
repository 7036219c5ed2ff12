/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "classes.h"

#include <string.h>

/* Where a value stands, for messages: "Route.gateway", or a bare name outside of records. */
struct place {
        const char *record;
        const char *name;
};

static int refuse(PyObject *exception, const struct place *place, PyObject *value, const char *why)
{
        const char *dot = place->record ? "." : "", *record = place->record ? place->record : "";

        if (exception == PyExc_TypeError)
                PyErr_Format(exception, "%s%s%s: expected %s, not %s", record, dot, place->name, why, Py_TYPE(value)->tp_name);
        else
                PyErr_Format(exception, "%s%s%s: %R: %s", record, dot, place->name, value, why);
        return -1;
}

static const char *utf8(const struct place *place, PyObject *value)
{
        Py_ssize_t length;
        const char *text;

        if (!PyUnicode_Check(value)) {
                refuse(PyExc_TypeError, place, value, "str");
                return NULL;
        }
        text = PyUnicode_AsUTF8AndSize(value, &length);
        if (text && strlen(text) != (size_t)length) {
                refuse(PyExc_ValueError, place, value, "has a zero byte");
                return NULL;
        }
        return text;
}

const char *text_from_python(const char *name, PyObject *value)
{
        return utf8(&(struct place){NULL, name}, value);
}

static int memory(const void *got)
{
        if (got)
                return 0;
        PyErr_NoMemory();
        return -1;
}

static int copy_text(struct room *room, const struct place *place, PyObject *value, const char **element)
{
        const char *text = utf8(place, value);

        if (!text)
                return -1;
        *element = room_text(room, text);
        return memory(*element);
}

static int store_bool(const struct place *place, PyObject *value, bool *element)
{
        if (!PyBool_Check(value))
                return refuse(PyExc_TypeError, place, value, "bool");
        *element = value == Py_True;
        return 0;
}

static int store_integer(const struct field *field, const struct place *place, PyObject *value, void *element)
{
        unsigned long long magnitude;
        const char *wrong;
        PyObject *absolute;
        int negative;

        if (!PyLong_Check(value) || PyBool_Check(value))
                return refuse(PyExc_TypeError, place, value, "int");
        negative = _PyLong_Sign(value) < 0;
        absolute = PyNumber_Absolute(value);
        if (!absolute)
                return -1;
        magnitude = PyLong_AsUnsignedLongLong(absolute);
        Py_DECREF(absolute);
        if (PyErr_Occurred()) {
                PyErr_Clear();
                return refuse(PyExc_ValueError, place, value, "too large");
        }
        wrong = store_number(field, negative, magnitude, element);
        return wrong ? refuse(PyExc_ValueError, place, value, wrong) : 0;
}

/* Classes of ipaddress that a type takes beside str. An interface is an address for isinstance() as well. */
static int is_address_object(enum field_type type, PyObject *value)
{
        PyObject *addresses[] = {classes.ipv4_address, classes.ipv6_address};
        PyObject *networks[] = {classes.ipv4_network, classes.ipv6_network};
        int is = 0;

        if (type == FIELD_ENDPOINT)
                return PyObject_IsInstance(value, classes.endpoint);
        if (type == FIELD_KEY || type == FIELD_ENUM)
                return 0;
        for (size_t i = 0; i < 2 && !is; i++)
                is = PyObject_IsInstance(value, addresses[i]);
        for (size_t i = 0; i < 2 && !is && type != FIELD_ADDRESS; i++)
                is = PyObject_IsInstance(value, networks[i]);
        return is;
}

static const char *expected(enum field_type type)
{
        switch (type) {
        case FIELD_ADDRESS:
                return "str or IPv4Address or IPv6Address";
        case FIELD_PREFIX:
        case FIELD_INTERFACE:
                return "str or a network of ipaddress";
        case FIELD_ENDPOINT:
                return "str or Endpoint";
        default:
                return "str";
        }
}

static int store_parsed(const struct field *field, const struct place *place, PyObject *value, void *element)
{
        char why[256], names[200];
        const char *text, *wrong;
        PyObject *string;

        if (PyUnicode_Check(value)) {
                string = Py_NewRef(value);
        } else {
                int is = is_address_object(field->type, value);

                if (is < 0)
                        return -1;
                if (!is)
                        return refuse(PyExc_TypeError, place, value, expected(field->type));
                string = PyObject_Str(value);
        }
        text = string ? utf8(place, string) : NULL;
        wrong = text ? store_text(field, text, element) : NULL;
        Py_XDECREF(string);
        if (!text)
                return -1;
        if (!wrong)
                return 0;
        snprintf(why, sizeof(why), "%s", wrong);
        if (field->type == FIELD_ENUM)
                snprintf(why, sizeof(why), "one of %s", enum_names(field, names, sizeof(names)));
        return refuse(PyExc_ValueError, place, value, why);
}

static int store_secret(struct room *room, const struct place *place, PyObject *value, fbn_secret **element)
{
        fbn_secret *secret = secret_of_python(value);

        if (!secret)
                return refuse(PyExc_TypeError, place, value, "fabricnet.Secret");
        if (!room_keep(room, secret))
                return memory(NULL);
        *element = secret;
        return 0;
}

/* Called by the library without the GIL, in the thread that made the call. The package wraps the function so that it raises nothing. */
static void progress(void *data, const char *step)
{
        PyGILState_STATE state = PyGILState_Ensure();
        PyObject *result = PyObject_CallFunction(data, "s", step);

        if (!result)
                PyErr_WriteUnraisable(data);
        Py_XDECREF(result);
        PyGILState_Release(state);
}

static int store_progress(const struct place *place, PyObject *value, void *element)
{
        void (*function)(void *, const char *) = progress;

        if (!PyCallable_Check(value))
                return refuse(PyExc_TypeError, place, value, "a function");
        memcpy(element, &function, sizeof(function));
        memcpy((char *)element + sizeof(function), &value, sizeof(value)); /* the caller's options hold it */
        return 0;
}

static int store_element(struct room *room, const struct field *field, const struct place *place, PyObject *value, void *element)
{
        switch (field->type) {
        case FIELD_TEXT:
                return copy_text(room, place, value, element);
        case FIELD_BOOL:
                return store_bool(place, value, element);
        case FIELD_UNSIGNED:
        case FIELD_SIGNED:
        case FIELD_ONE_MORE:
                return store_integer(field, place, value, element);
        case FIELD_SECRET:
                return store_secret(room, place, value, element);
        case FIELD_PROGRESS:
                return store_progress(place, value, element);
        case FIELD_RECORD: {
                void *inner = record_from_python(room, field->more, value);

                if (inner)
                        memcpy(element, inner, element_size(field));
                return inner ? 0 : -1;
        }
        case FIELD_RECORD_AT:
                return (*(void **)element = record_from_python(room, field->more, value)) ? 0 : -1;
        default:
                return store_parsed(field, place, value, element);
        }
}

static int store_list(struct room *room, const struct field *field, const struct place *place, PyObject *value, const void **ret_elements,
                      size_t *ret_count)
{
        size_t size = element_size(field), count;
        PyObject *items;
        char *elements;
        int r = 0;

        if (PyUnicode_Check(value) || PyBytes_Check(value) || PyDict_Check(value))
                return refuse(PyExc_TypeError, place, value, "a list");
        items = PySequence_Tuple(value); /* a copy: converting an item may run code that changes the list */
        if (!items) {
                if (PyErr_ExceptionMatches(PyExc_TypeError))
                        refuse(PyExc_TypeError, place, value, "a list");
                return -1;
        }
        count = (size_t)PyTuple_GET_SIZE(items);
        elements = room_alloc(room, count * size);
        r = memory(elements);
        for (size_t i = 0; r == 0 && i < count; i++)
                r = store_element(room, field, place, PyTuple_GET_ITEM(items, (Py_ssize_t)i), elements + i * size);
        Py_DECREF(items);
        if (r < 0)
                return r;
        *ret_elements = elements;
        *ret_count = count;
        return 0;
}

static int store_field(struct room *room, const struct record *record, const struct field *field, PyObject *value, char *base)
{
        struct place place = {record->name, field->name};
        int r;

        if (value == Py_None)
                return 0;
        if (field->list)
                r = store_list(room, field, &place, value, (const void **)(base + field->offset), (size_t *)(base + field->count));
        else
                r = store_element(room, field, &place, value, base + field->offset);
        if (r == 0 && field->bit)
                *(uint32_t *)(base + record->set) |= field->bit;
        return r;
}

static int store_item(struct room *room, const struct record *record, PyObject *item, char *base)
{
        const struct field *field;
        const char *name;

        if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 2 || !PyUnicode_Check(PyTuple_GET_ITEM(item, 0))) {
                PyErr_Format(PyExc_TypeError, "%s: names of members are str", record->name);
                return -1;
        }
        name = PyUnicode_AsUTF8(PyTuple_GET_ITEM(item, 0));
        if (!name)
                return -1;
        field = record_field(record, strcmp(name, "from_") == 0 ? "from" : name);
        if (!field) {
                PyErr_Format(PyExc_TypeError, "%s has no member '%s'", record->name, name);
                return -1;
        }
        return store_field(room, record, field, PyTuple_GET_ITEM(item, 1), base);
}

static int from_mapping(struct room *room, const struct record *record, PyObject *mapping, char *base)
{
        PyObject *items = PyMapping_Items(mapping);
        int r = items ? 0 : -1;

        for (Py_ssize_t i = 0; r == 0 && i < PyList_GET_SIZE(items); i++)
                r = store_item(room, record, PyList_GET_ITEM(items, i), base);
        Py_XDECREF(items);
        return r;
}

static int from_instance(struct room *room, const struct record *record, PyObject *instance, char *base)
{
        const struct record_class *class = class_of(record);
        int r = 0;

        for (size_t i = 0; r == 0 && i < record->n_fields; i++) {
                PyObject *value = PyObject_GetAttr(instance, class->names[i]);

                r = value ? store_field(room, record, &record->fields[i], value, base) : -1;
                Py_XDECREF(value);
        }
        return r;
}

void *record_from_python(struct room *room, const struct record *record, PyObject *value)
{
        const struct record_class *class = class_of(record);
        char *base = record_new(room, record);
        int is, r;

        if (memory(base) < 0)
                return NULL;
        is = class->type ? PyObject_IsInstance(value, class->type) : 0;
        if (is < 0)
                return NULL;
        if (is) {
                r = from_instance(room, record, value, base);
        } else if (PyMapping_Check(value) && PyObject_HasAttrString(value, "items")) {
                r = from_mapping(room, record, value, base);
        } else {
                PyErr_Format(PyExc_TypeError, "expected %s or a mapping of its members, not %s", record->name, Py_TYPE(value)->tp_name);
                r = -1;
        }
        return r < 0 ? NULL : base;
}

static struct field bare_field(enum field_type type)
{
        return (struct field){.type = type, .size = type == FIELD_KEY ? sizeof(fbn_key) : 0};
}

int element_from_python(enum field_type type, const char *name, PyObject *value, void *element)
{
        struct field field = bare_field(type);

        return store_element(NULL, &field, &(struct place){NULL, name}, value, element);
}

int elements_from_python(struct room *room, enum field_type type, const char *name, PyObject *value, const void **ret_elements,
                         size_t *ret_count)
{
        struct field field = bare_field(type);

        return store_list(room, &field, &(struct place){NULL, name}, value, ret_elements, ret_count);
}

int enum_from_python(const struct enum_name *names, const char *name, PyObject *value)
{
        struct field field = {.type = FIELD_ENUM, .size = sizeof(int), .more = names};
        int element = -1;

        return store_parsed(&field, &(struct place){NULL, name}, value, &element) < 0 ? -1 : element;
}

int records_from_python(const struct record *record, fbn_context *c, void *handle, add_function add, PyObject *items)
{
        PyObject *copy = PySequence_Tuple(items);
        int r = copy ? 0 : -1;

        for (Py_ssize_t i = 0; r == 0 && i < PyTuple_GET_SIZE(copy); i++) {
                struct room room = {0};
                void *base = record_from_python(&room, record, PyTuple_GET_ITEM(copy, i));
                int code = base ? add(c, handle, base) : 0;

                if (code < 0)
                        raise_error(c, code);
                r = base && code >= 0 ? 0 : -1;
                room_free(&room);
        }
        Py_XDECREF(copy);
        return r;
}
