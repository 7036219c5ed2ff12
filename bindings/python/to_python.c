/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "classes.h"

#include <string.h>
#include <sys/socket.h>

static PyObject *text(const char *value)
{
        if (!value)
                Py_RETURN_NONE;
        return PyUnicode_DecodeUTF8(value, (Py_ssize_t)strlen(value), "surrogateescape");
}

static PyObject *number(const struct field *field, const void *element)
{
        uint64_t value;

        if (element_negative(field, element, &value))
                return PyLong_FromLongLong((long long)value);
        return PyLong_FromUnsignedLongLong(value);
}

static Py_ssize_t address_bytes(const fbn_address *address)
{
        return address->family == AF_INET ? 4 : 16;
}

static PyObject *address(const fbn_address *value)
{
        if (!value->family)
                Py_RETURN_NONE;
        return PyObject_CallFunction(value->family == AF_INET ? classes.ipv4_address : classes.ipv6_address, "y#", (const char *)value->bytes,
                                     address_bytes(value));
}

/* A network, or an interface where host bits are set or always count. */
static PyObject *prefix(const fbn_prefix *value, bool host)
{
        bool four = value->address.family == AF_INET;
        fbn_prefix network;
        PyObject *class;

        if (!value->address.family)
                Py_RETURN_NONE;
        host = host || fbn_prefix_network(value, &network) != 0;
        if (host)
                class = four ? classes.ipv4_interface : classes.ipv6_interface;
        else
                class = four ? classes.ipv4_network : classes.ipv6_network;
        return PyObject_CallFunction(class, "((y#i))", (const char *)value->address.bytes, address_bytes(&value->address), (int)value->length);
}

static PyObject *endpoint(const fbn_endpoint *value)
{
        PyObject *host;

        if (!value->address.family)
                Py_RETURN_NONE;
        host = address(&value->address);
        return host ? PyObject_CallFunction(classes.endpoint, "NiI", host, (int)value->port, (unsigned)value->scope) : NULL;
}

static PyObject *one_more(int32_t value)
{
        if (value == 0)
                Py_RETURN_NONE;
        return PyLong_FromLong(value - 1);
}

static PyObject *secret(fbn_secret *value)
{
        if (!value)
                Py_RETURN_NONE;
        return secret_to_python(fbn_secret_ref(value));
}

static PyObject *word(const struct field *field, const void *element)
{
        char buffer[FBN_ADDRESS_TEXT];
        const char *value = element_text(field, element, buffer);

        return text(*value ? value : NULL);
}

static PyObject *convert(const struct field *field, const void *element)
{
        switch (field->type) {
        case FIELD_TEXT:
                return text(*(const char *const *)element);
        case FIELD_CHARS:
                return text(element);
        case FIELD_BOOL:
                return PyBool_FromLong(*(const bool *)element);
        case FIELD_UNSIGNED:
        case FIELD_SIGNED:
                return number(field, element);
        case FIELD_ONE_MORE:
                return one_more(*(const int32_t *)element);
        case FIELD_ADDRESS:
                return address(element);
        case FIELD_PREFIX:
        case FIELD_INTERFACE:
                return prefix(element, field->type == FIELD_INTERFACE);
        case FIELD_ENDPOINT:
                return endpoint(element);
        case FIELD_SECRET:
                return secret(*(fbn_secret *const *)element);
        case FIELD_RECORD:
                return record_to_python(field->more, element);
        case FIELD_RECORD_AT:
                return record_to_python(field->more, *(const void *const *)element);
        case FIELD_PROGRESS:
                Py_RETURN_NONE;
        default:
                return word(field, element);
        }
}

static PyObject *convert_list(const struct field *field, const char *elements, size_t count)
{
        PyObject *list = PyTuple_New((Py_ssize_t)count);

        for (size_t i = 0; list && i < count; i++) {
                PyObject *item = convert(field, elements + i * element_size(field));

                if (!item)
                        Py_CLEAR(list);
                else
                        PyTuple_SET_ITEM(list, (Py_ssize_t)i, item);
        }
        return list;
}

static PyObject *convert_field(const struct record *record, const struct field *field, const char *base)
{
        if (field->bit && !(*(const uint32_t *)(base + record->set) & field->bit))
                Py_RETURN_NONE;
        if (field->list)
                return convert_list(field, *(const char *const *)(base + field->offset), *(const size_t *)(base + field->count));
        return convert(field, base + field->offset);
}

/* The classes are frozen: their own __setattr__ refuses, object's does not. */
static PyObject *fill(const struct record *record, const struct record_class *class, const char *base)
{
        PyTypeObject *type = (PyTypeObject *)class->type;
        PyObject *instance = type->tp_alloc(type, 0);

        for (size_t i = 0; instance && i < record->n_fields; i++) {
                PyObject *value = convert_field(record, &record->fields[i], base);

                if (!value || PyObject_GenericSetAttr(instance, class->names[i], value) < 0)
                        Py_CLEAR(instance);
                Py_XDECREF(value);
        }
        return instance;
}

PyObject *record_to_python(const struct record *record, const void *base)
{
        if (!base)
                Py_RETURN_NONE;
        return fill(record, class_of(record), base);
}

PyObject *element_to_python(enum field_type type, const void *element)
{
        struct field field = {.type = type, .size = type == FIELD_KEY ? sizeof(fbn_key) : 0};

        return convert(&field, element);
}

PyObject *records_to_python(const struct record *record, const void *handle, count_function count, at_function at)
{
        const struct record_class *class = class_of(record);
        size_t n = count(handle);
        PyObject *list = PyList_New((Py_ssize_t)n);

        for (size_t i = 0; list && i < n; i++) {
                PyObject *item = fill(record, class, at(handle, i));

                if (!item)
                        Py_CLEAR(list);
                else
                        PyList_SET_ITEM(list, (Py_ssize_t)i, item);
        }
        return list;
}
