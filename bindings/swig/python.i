/* SPDX-License-Identifier: LGPL-2.1-or-later */
%module(threads=1) _fabricnet

%{
#include "convert.h"

#include <poll.h>
#include <string.h>

/* The context of a call is its first argument; some have none. */
#define CONTEXT_OF(argument) _Generic((argument), fbn_context *: (argument), const fbn_context *: (argument), default: NULL)
%}

/* Context: busy while a thread is inside, so that another one gets an exception and not a race. */
%define WRAP_CONTEXT
%nodefaultctor fbn_context;
%nothread fbn_context::~fbn_context;
typedef struct fbn_context {} fbn_context;
%extend fbn_context { ~fbn_context() { fbn_context_unref($self); } }
%typemap(in) fbn_context *c (int inside = 0), const fbn_context *c (int inside = 0) {
        void *pointer = NULL;
        if (!SWIG_IsOK(SWIG_ConvertPtr($input, &pointer, $descriptor(fbn_context *), 0)) || !pointer) {
                PyErr_Format(PyExc_TypeError, "$symname: expected a context, not %s", Py_TYPE($input)->tp_name);
                SWIG_fail;
        }
        if (context_enter(pointer) < 0)
                SWIG_fail;
        inside = 1;
        $1 = fbn_context_ref(pointer);
}
%typemap(freearg) fbn_context *c, const fbn_context *c {
        if (inside$argnum) {
                context_leave($1);
                fbn_context_unref((fbn_context *)$1);
        }
}
%typemap(in, numinputs=0) fbn_context **ret_context (fbn_context *made = NULL) { $1 = &made; }
%typemap(argout) fbn_context **ret_context {
        Py_XDECREF($result);
        $result = SWIG_NewPointerObj(made$argnum, $descriptor(fbn_context *), SWIG_POINTER_OWN);
}
%enddef

/* A handle: held during the call, because another thread may drop it. */
%define WRAP_HANDLE(type)
%nodefaultctor type;
%nothread type::~type;
typedef struct type {} type;
%extend type { ~type() { type##_unref($self); } }
%typemap(in) type *, const type * {
        void *pointer = NULL;
        if (!SWIG_IsOK(SWIG_ConvertPtr($input, &pointer, $descriptor(type *), 0)) || !pointer) {
                PyErr_Format(PyExc_TypeError, "$symname: expected %s, not %s", #type, Py_TYPE($input)->tp_name);
                SWIG_fail;
        }
        $1 = type##_ref(pointer);
}
%typemap(freearg) type *, const type * { type##_unref((type *)$1); }
%typemap(out) const type * { /* borrowed from another handle */
        $result = $1 ? SWIG_NewPointerObj(type##_ref((type *)$1), $descriptor(type *), SWIG_POINTER_OWN) : Py_NewRef(Py_None);
}
%typemap(in, numinputs=0) type ** (type *made = NULL) { $1 = &made; }
%typemap(argout) type ** {
        Py_XDECREF($result);
        $result = SWIG_NewPointerObj(made$argnum, $descriptor(type *), SWIG_POINTER_OWN);
}
%enddef

%define WRAP_RECORD(type)
%ignore type;
%typemap(in) const type * (struct room room = {0}) {
        $1 = record_from_python(&room, &type##_record, $input);
        if (!$1)
                SWIG_fail;
}
%typemap(freearg) const type * "room_free(&room$argnum);"
%typemap(out) const type * {
        $result = record_to_python(&type##_record, $1);
        if (!$result)
                SWIG_fail;
}
%enddef

%define WRAP_OPTIONS(type)
WRAP_RECORD(type)
%typemap(in) const type * (struct room room = {0}) {
        $1 = $input == Py_None ? NULL : record_from_python(&room, &type##_record, $input);
        if (PyErr_Occurred())
                SWIG_fail;
}
%typemap(default) const type * "$1 = NULL;"
%enddef

%define WRAP_LIST_AS(name, type, record, count, at)
%nothread name##_all;
%{
static size_t name##_count_of(const void *handle) { return count(handle); }
static const void *name##_at_of(const void *handle, size_t index) { return at(handle, index); }
%}
%inline %{
PyObject *name##_all(const type *handle)
{
        return records_to_python(&record##_record, handle, name##_count_of, name##_at_of);
}
%}
%enddef

%define WRAP_LIST(type, record, count, at)
WRAP_LIST_AS(type, type, record, count, at)
%enddef

%define WRAP_FILLED_AS(name, type, record, add)
%nothread name##_fill;
%{
static int name##_add_of(fbn_context *c, void *handle, const void *item) { return add(c, handle, item); }
%}
%inline %{
PyObject *name##_fill(fbn_context *c, type *handle, PyObject *items)
{
        if (records_from_python(&record##_record, c, handle, name##_add_of, items) < 0)
                return NULL;
        Py_RETURN_NONE;
}
%}
%enddef

%define WRAP_FILLED(type, record, add)
WRAP_FILLED_AS(type, type, record, add)
%enddef

/* Results: the wrapper has the GIL back when these run. What hands something over gives that and no number. */
%typemap(out) int {
        if ($1 < 0) {
                raise_error(CONTEXT_OF(arg1), $1);
                SWIG_fail;
        }
        $result = PyLong_FromLong($1);
}
%typemap(out) int fbn_context_new {
        if ($1 < 0) {
                raise_context_error($1);
                SWIG_fail;
        }
        $result = Py_NewRef(Py_None);
}
%typemap(out) int fbn_dns_stub_fd, int fbn_dns_stub_timeout, int fbn_ban_engine_fd, int fbn_ban_engine_timeout, int fbn_monitor_fd, int fbn_monitor_timeout, int fbn_context_error_code, int fbn_context_error_errno
        "$result = PyLong_FromLong($1);"
%typemap(in, numinputs=0) char ** (char *made = NULL) "$1 = &made;"
%typemap(argout) char ** {
        Py_XDECREF($result);
        $result = PyUnicode_DecodeUTF8(made$argnum, (Py_ssize_t)strlen(made$argnum), "surrogateescape");
        if (!$result)
                SWIG_fail;
}
%typemap(freearg) char ** "fbn_free(made$argnum);"
%typemap(in, numinputs=0) int64_t *ret_value (int64_t made = 0) "$1 = &made;"
%typemap(argout) int64_t *ret_value {
        Py_XDECREF($result);
        $result = PyLong_FromLongLong(made$argnum);
}
%typemap(in, numinputs=0) uint32_t *ret_generation (uint32_t made = 0) "$1 = &made;"
%typemap(argout) uint32_t *ret_generation {
        Py_XDECREF($result);
        $result = PyLong_FromUnsignedLong(made$argnum);
}
%typemap(in, numinputs=0) fbn_rpfilter_result *ret_result (fbn_rpfilter_result made = {0}) "made.size = sizeof(made); $1 = &made;"
%typemap(argout) fbn_rpfilter_result *ret_result {
        Py_XDECREF($result);
        $result = record_to_python(&fbn_rpfilter_result_record, &made$argnum);
        if (!$result)
                SWIG_fail;
}
%typemap(in, numinputs=0) fbn_backup_state *ret_state (fbn_backup_state made = {0}) "$1 = &made;"
%typemap(argout) fbn_backup_state *ret_state {
        Py_XDECREF($result);
        $result = record_to_python(&fbn_backup_state_record, &made$argnum);
        if (!$result)
                SWIG_fail;
}
%typemap(in, numinputs=0) fbn_tailscale_pong *ret_pong (fbn_tailscale_pong made = {0}) "made.size = sizeof(made); $1 = &made;"
%typemap(argout) fbn_tailscale_pong *ret_pong {
        Py_XDECREF($result);
        $result = record_to_python(&fbn_tailscale_pong_record, &made$argnum);
        if (!$result)
                SWIG_fail;
}
%typemap(in, numinputs=0) fbn_dns_counters *ret_counters (fbn_dns_counters made = {0}) "made.size = sizeof(made); $1 = &made;"
%typemap(argout) fbn_dns_counters *ret_counters {
        Py_XDECREF($result);
        $result = record_to_python(&fbn_dns_counters_record, &made$argnum);
        if (!$result)
                SWIG_fail;
}

/* Text: never None, but where a header says what NULL means. */
%{
static int may_be_none(const char *function)
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
        if ($input != Py_None || !may_be_none("$symname")) {
                $1 = (char *)text_from_python("$symname: $1_name", $input);
                if (!$1)
                        SWIG_fail;
        }
}
%typemap(freearg) const char * ""
%typemap(default) const char *name, const char *device, const char *ca_file "$1 = NULL;"
%typemap(in, numinputs=0) (char *buffer, size_t size) (char buffer[FBN_ADDRESS_TEXT]) "$1 = buffer; $2 = sizeof(buffer);"
%typemap(in) (const void *bytes, size_t length) (Py_buffer view = {0}) {
        if (PyObject_GetBuffer($input, &view, PyBUF_SIMPLE) < 0)
                SWIG_fail;
        $1 = view.buf;
        $2 = (size_t)view.len;
}
%typemap(freearg) (const void *bytes, size_t length) "PyBuffer_Release(&view$argnum);"

/* Addresses and the like. */
%define WRAP_ELEMENT(type, kind, output)
%typemap(in) const type * (type element = {0}) {
        if (element_from_python(kind, "$symname: $1_name", $input, &element) < 0)
                SWIG_fail;
        $1 = &element;
}
%typemap(freearg) const type * ""
%typemap(in, numinputs=0) type *output (type made = {0}) "$1 = &made;"
%typemap(argout) type *output {
        Py_XDECREF($result);
        $result = element_to_python(kind, &made$argnum);
        if (!$result)
                SWIG_fail;
}
%typemap(out) type {
        $result = element_to_python(kind, &$1);
        if (!$result)
                SWIG_fail;
}
%enddef
WRAP_ELEMENT(fbn_address, FIELD_ADDRESS, ret_address)
WRAP_ELEMENT(fbn_prefix, FIELD_INTERFACE, ret_address) /* before the others, whose arguments are meant */
WRAP_ELEMENT(fbn_prefix, FIELD_PREFIX, ret_prefix)
WRAP_ELEMENT(fbn_prefix, FIELD_PREFIX, ret_network)
WRAP_ELEMENT(fbn_endpoint, FIELD_ENDPOINT, ret_endpoint)
WRAP_ELEMENT(fbn_key, FIELD_KEY, ret_key)
WRAP_ELEMENT(fbn_key, FIELD_KEY, ret_public)
%typemap(in) (const fbn_prefix *routes, size_t n_routes) (struct room room = {0}) {
        if (elements_from_python(&room, FIELD_PREFIX, "$symname: $1_name", $input, (const void **)&$1, &$2) < 0)
                SWIG_fail;
}
%typemap(freearg) (const fbn_prefix *routes, size_t n_routes) "room_free(&room$argnum);"
%typemap(in) fbn_graph_format {
        int value = enum_from_python(graph_formats, "$symname: $1_name", $input);
        if (value < 0)
                SWIG_fail;
        $1 = (fbn_graph_format)value;
}

%typemap(in) fbn_nat_elements *known {
        void *pointer = NULL;
        if ($input != Py_None && !SWIG_IsOK(SWIG_ConvertPtr($input, &pointer, $descriptor(fbn_nat_elements *), 0))) {
                PyErr_Format(PyExc_TypeError, "$symname: expected fbn_nat_elements or None, not %s", Py_TYPE($input)->tp_name);
                SWIG_fail;
        }
        $1 = pointer ? fbn_nat_elements_ref(pointer) : NULL;
}
%typemap(in) fbn_nat_elements_verb {
        int value = enum_from_python(element_verbs, "$symname: $1_name", $input);
        if (value < 0)
                SWIG_fail;
        $1 = (fbn_nat_elements_verb)value;
}
%typemap(in) fbn_headscale_key_kind {
        int value = enum_from_python(headscale_key_kinds, "$symname: $1_name", $input);
        if (value < 0)
                SWIG_fail;
        $1 = (fbn_headscale_key_kind)value;
}
%typemap(in) fbn_headscale_ability {
        int value = enum_from_python(headscale_abilities, "$symname: $1_name", $input);
        if (value < 0)
                SWIG_fail;
        $1 = (fbn_headscale_ability)value;
}
%typemap(in, numinputs=0) const fbn_headscale_node ** (const fbn_headscale_node *made = NULL) { $1 = &made; }
%typemap(argout) const fbn_headscale_node ** {
        Py_XDECREF($result);
        $result = record_to_python(&fbn_headscale_node_record, made$argnum);
        if (!$result)
                SWIG_fail;
}
%typemap(in, numinputs=0) const fbn_nat_element ** (const fbn_nat_element *made = NULL) { $1 = &made; }
%typemap(argout) const fbn_nat_element ** {
        Py_XDECREF($result);
        $result = record_to_python(&fbn_nat_element_record, made$argnum);
        if (!$result)
                SWIG_fail;
}

%typemap(in) uint16_t family {
        $1 = 0;
        if ($input != Py_None) {
                int value = enum_from_python(families, "$symname: family", $input);
                if (value < 0)
                        SWIG_fail;
                $1 = (uint16_t)value;
        }
}

%{
static PyObject *steps_of(const fbn_plan *plan);
static PyObject *changes_of(const fbn_changes *changes);
/* A failed apply may hand over what stands: the exception carries it as its "done". */
static void attach_done(const fbn_plan *done, const fbn_changes *changes)
{
        PyObject *type, *value, *trace, *steps;

        PyErr_Fetch(&type, &value, &trace);
        PyErr_NormalizeException(&type, &value, &trace);
        steps = done ? steps_of(done) : changes_of(changes);
        if (!steps || PyObject_SetAttrString(value, "done", steps) < 0)
                PyErr_Clear();
        Py_XDECREF(steps);
        PyErr_Restore(type, value, trace);
}
%}
%typemap(freearg) fbn_plan **ret_done {
        if (PyErr_Occurred() && made$argnum) {
                attach_done(made$argnum, NULL);
                fbn_plan_unref(made$argnum);
        }
}
%typemap(freearg) fbn_changes **ret_changes {
        if (PyErr_Occurred() && made$argnum) {
                attach_done(NULL, made$argnum);
                fbn_changes_unref(made$argnum);
        }
}

/* Secrets: no representation shows them, only bytes() gives them. */
%rename(Secret) fbn_secret;
%extend fbn_secret {
%pythoncode %{
def __repr__(self) -> str:
    return f"<fabricnet.Secret of {len(self)} bytes>"
__str__ = __repr__
def __bytes__(self) -> bytes:
    return fbn_secret_bytes(self)
def __len__(self) -> int:
    return fbn_secret_length(self)
def __eq__(self, other: object) -> bool:
    return fbn_secret_equal(self, other) if isinstance(other, Secret) else NotImplemented
__hash__ = None
def __reduce__(self):
    raise TypeError("a secret is not pickled or copied; bytes(secret) gives it away explicitly")
%}
}

%include "fabricnet.i"

%nothread register_classes;
%nothread fbn_secret_bytes;
%nothread fbn_context_cancel;
%rename(fbn_dns_stub_run) run_stub;
%rename(fbn_ban_engine_run) run_engine;
%rename(fbn_secret_bytes) bytes_of_secret;
%rename(fbn_context_cancel) cancel_context;
%typemap(in) fbn_context *any_thread {
        void *pointer = NULL;
        if (!SWIG_IsOK(SWIG_ConvertPtr($input, &pointer, $descriptor(fbn_context *), 0)) || !pointer) {
                PyErr_Format(PyExc_TypeError, "$symname: expected a context, not %s", Py_TYPE($input)->tp_name);
                SWIG_fail;
        }
        $1 = pointer;
}
%{
/* fbn_dns_stub_run() in bounded steps, so that signals are seen: -FBN_ECANCELED, a failure, or 0 with an exception set. */
static int stub_step(fbn_context *c, fbn_dns_stub *stub)
{
        int due = fbn_dns_stub_timeout(stub), r;
        struct pollfd fd = {fbn_dns_stub_fd(stub), fbn_dns_stub_events(stub), 0};

        Py_BEGIN_ALLOW_THREADS
        poll(&fd, 1, due < 0 || due > 200 ? 200 : due);
        r = fbn_dns_stub_process(c, stub);
        Py_END_ALLOW_THREADS
        return r;
}

/* The same of fbn_ban_engine_run(). */
static int engine_step(fbn_context *c, fbn_ban_engine *engine)
{
        int due = fbn_ban_engine_timeout(engine), r;
        struct pollfd fd = {fbn_ban_engine_fd(engine), fbn_ban_engine_events(engine), 0};

        Py_BEGIN_ALLOW_THREADS
        poll(&fd, 1, due < 0 || due > 200 ? 200 : due);
        r = fbn_ban_engine_process(c, engine);
        Py_END_ALLOW_THREADS
        return r;
}
%}
%nothread run_stub;
%nothread run_engine;
%inline %{
PyObject *run_stub(fbn_context *c, fbn_dns_stub *stub)
{
        int r = 0;

        while (r >= 0 && PyErr_CheckSignals() == 0)
                r = stub_step(c, stub);
        if (r < 0)
                raise_error(c, r);
        return NULL;
}

PyObject *run_engine(fbn_context *c, fbn_ban_engine *engine)
{
        int r = 0;

        while (r >= 0 && PyErr_CheckSignals() == 0)
                r = engine_step(c, engine);
        if (r < 0)
                raise_error(c, r);
        return NULL;
}

PyObject *register_classes(PyObject *module)
{
        if (convert_register(module) < 0)
                return NULL;
        Py_RETURN_NONE;
}

PyObject *bytes_of_secret(const fbn_secret *secret)
{
        return PyBytes_FromStringAndSize(fbn_secret_bytes(secret), (Py_ssize_t)fbn_secret_length(secret));
}

void cancel_context(fbn_context *any_thread)
{
        fbn_context_cancel(any_thread);
}
%}

%{
static PyObject *steps_of(const fbn_plan *plan)
{
        return fbn_plan_all(plan);
}

static PyObject *changes_of(const fbn_changes *changes)
{
        return fbn_changes_all(changes);
}

fbn_secret *secret_of_python(PyObject *value)
{
        void *pointer = NULL;

        return SWIG_IsOK(SWIG_ConvertPtr(value, &pointer, SWIGTYPE_p_fbn_secret, 0)) ? pointer : NULL;
}

PyObject *secret_to_python(fbn_secret *secret)
{
        return SWIG_NewPointerObj(secret, SWIGTYPE_p_fbn_secret, SWIG_POINTER_OWN);
}
%}
