/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PYTHON_CLASSES_H
#define PYTHON_CLASSES_H

#include "convert.h"

/* A record's class, NULL for options, and its fields as interned names of attributes. */
struct record_class {
        PyObject *type;
        PyObject **names;
};

/* What the package told us at import. */
struct python_classes {
        PyObject *make_error; /* (code, message, errno, object) → exception */
        PyObject *ipv4_address, *ipv6_address;
        PyObject *ipv4_network, *ipv6_network;
        PyObject *ipv4_interface, *ipv6_interface;
        PyObject *endpoint;
};

extern struct python_classes classes;
const struct record_class *class_of(const struct record *record);

#endif
