/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PYTHON_CONVERT_H
#define PYTHON_CONVERT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "records.h"

/* All need the GIL. What returns NULL or -1 has set an exception. */

/* Learn the classes of the records and of addresses, and what makes an exception, from this module. */
int convert_register(PyObject *module);

/* A mapping, or an instance of the record's class, as a record whose memory is the room's. */
void *record_from_python(struct room *room, const struct record *record, PyObject *value);
PyObject *record_to_python(const struct record *record, const void *base);

/* One value, or a list of them, of a type that needs no more than the type: addresses, prefixes, endpoints, keys. */
int element_from_python(enum field_type type, const char *name, PyObject *value, void *element);
PyObject *element_to_python(enum field_type type, const void *element);
int elements_from_python(struct room *room, enum field_type type, const char *name, PyObject *value, const void **ret_elements,
                         size_t *ret_count);
int enum_from_python(const struct enum_name *names, const char *name, PyObject *value);
const char *text_from_python(const char *name, PyObject *value); /* borrowed from value */

/* A list of records from a handle, and the other way. */
typedef size_t (*count_function)(const void *handle);
typedef const void *(*at_function)(const void *handle, size_t index);
typedef int (*add_function)(fbn_context *c, void *handle, const void *item);
PyObject *records_to_python(const struct record *record, const void *handle, count_function count, at_function at);
int records_from_python(const struct record *record, fbn_context *c, void *handle, add_function add, PyObject *items);

/* The exception of a failed call. c NULL: fbn_strerror() is all there is to say. */
void raise_error(const fbn_context *c, int code);
void raise_context_error(int code); /* of this thread's last fbn_context_new() */

/* A context belongs to one thread at a time: -1 and RuntimeError if another one is inside. */
int context_enter(const fbn_context *c);
void context_leave(const fbn_context *c);

/* The wrapper's own: its proxies of secrets. */
fbn_secret *secret_of_python(PyObject *value); /* borrowed, NULL without an exception if it is none */
PyObject *secret_to_python(fbn_secret *secret); /* takes over a reference */

#endif
