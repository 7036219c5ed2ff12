/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "classes.h"

#include <pthread.h>

static void raise_with(int code, const char *message, int error, const char *object)
{
        PyObject *exception = PyObject_CallFunction(classes.make_error, "isis", -code, message, error, object);

        if (exception)
                PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
        Py_XDECREF(exception);
}

void raise_error(const fbn_context *c, int code)
{
        if (c && fbn_context_error_code(c) == -code)
                raise_with(code, fbn_context_error(c), fbn_context_error_errno(c), fbn_context_error_object(c));
        else
                raise_with(code, fbn_strerror(code), 0, "");
}

void raise_context_error(int code)
{
        raise_with(code, fbn_context_error(NULL), fbn_context_error_errno(NULL), fbn_context_error_object(NULL));
}

/* Contexts that a thread is inside of, with the depth: a callback may call again. The GIL guards the list. */
struct inside {
        struct inside *next;
        const fbn_context *c;
        pthread_t thread;
        unsigned depth;
};

static struct inside *all_inside;

int context_enter(const fbn_context *c)
{
        struct inside *each;

        for (each = all_inside; each && each->c != c; each = each->next)
                continue;
        if (each && !pthread_equal(each->thread, pthread_self())) {
                PyErr_SetString(PyExc_RuntimeError, "another thread is inside this context; make one context for each thread");
                return -1;
        }
        if (!each) {
                each = PyMem_Calloc(1, sizeof(*each));
                if (!each) {
                        PyErr_NoMemory();
                        return -1;
                }
                *each = (struct inside){all_inside, c, pthread_self(), 0};
                all_inside = each;
        }
        each->depth++;
        return 0;
}

void context_leave(const fbn_context *c)
{
        for (struct inside **each = &all_inside; *each; each = &(*each)->next) {
                struct inside *found = *each;

                if (found->c != c || --found->depth > 0)
                        continue;
                *each = found->next;
                PyMem_Free(found);
                return;
        }
}
