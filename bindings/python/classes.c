/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "classes.h"

#include <string.h>

struct python_classes classes;
static struct record_class *record_classes;

const struct record_class *class_of(const struct record *record)
{
        for (size_t i = 0; i < n_records; i++)
                if (records[i] == record)
                        return &record_classes[i];
        return NULL;
}

static int take(PyObject *module, const char *name, PyObject **target)
{
        Py_XSETREF(*target, PyObject_GetAttrString(module, name));
        return *target ? 0 : -1;
}

/* "from" is a word of Python's own: its attribute is "from_". */
static PyObject *attribute_name(const char *name)
{
        return PyUnicode_InternFromString(strcmp(name, "from") == 0 ? "from_" : name);
}

static int learn_fields(const struct record *record, struct record_class *class)
{
        class->names = PyMem_Calloc(record->n_fields, sizeof(*class->names));
        if (!class->names) {
                PyErr_NoMemory();
                return -1;
        }
        for (size_t i = 0; i < record->n_fields; i++) {
                class->names[i] = attribute_name(record->fields[i].name);
                if (!class->names[i])
                        return -1;
                if (class->type && !PyObject_HasAttr(class->type, class->names[i])) {
                        PyErr_Format(PyExc_ImportError, "fabricnet.%s has no member '%U'", record->name, class->names[i]);
                        return -1;
                }
        }
        return 0;
}

/* Options are no class: their name has a space. */
static int learn_record(PyObject *module, const struct record *record, struct record_class *class)
{
        if (!strchr(record->name, ' ') && take(module, record->name, &class->type) < 0)
                return -1;
        return class->names ? 0 : learn_fields(record, class);
}

int convert_register(PyObject *module)
{
        if (take(module, "make_error", &classes.make_error) < 0 || take(module, "IPv4Address", &classes.ipv4_address) < 0 ||
            take(module, "IPv6Address", &classes.ipv6_address) < 0 || take(module, "IPv4Network", &classes.ipv4_network) < 0 ||
            take(module, "IPv6Network", &classes.ipv6_network) < 0 || take(module, "IPv4Interface", &classes.ipv4_interface) < 0 ||
            take(module, "IPv6Interface", &classes.ipv6_interface) < 0 || take(module, "Endpoint", &classes.endpoint) < 0)
                return -1;
        if (!record_classes)
                record_classes = PyMem_Calloc(n_records, sizeof(*record_classes));
        if (!record_classes) {
                PyErr_NoMemory();
                return -1;
        }
        for (size_t i = 0; i < n_records; i++)
                if (learn_record(module, records[i], &record_classes[i]) < 0)
                        return -1;
        return 0;
}
