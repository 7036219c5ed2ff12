/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <fabricnet/context.h>

struct error_record {
        int code;
        int os_errno;
        char object[256];
        char what[768];
        char message[1280]; /* object and what, joined */
};

/* Each of these records a failure and returns its negative code, so that a function can end with: return fail(c, FBN_ENOENT, "…"). */
int fail(fbn_context *c, fbn_error code, const char *format, ...) FBN_PRINTF(3, 4);

/* The same for a system call: adds ": strerror", keeps the errno. The code is derived: EPERM and EACCES are FBN_EPERM, ENOMEM is
 * FBN_ENOMEM, all else FBN_ESYSTEM. */
int fail_errno(fbn_context *c, int os_errno, const char *format, ...) FBN_PRINTF(3, 4);

int fail_memory(fbn_context *c);

/* On the way out: says whose failure it was by putting "NAME: " before the object, and returns r. Does nothing if r is not negative. */
int fail_in(fbn_context *c, int r, const char *format, ...) FBN_PRINTF(3, 4);

/* See OPTIONS_READ. given may be NULL: all zero. */
int options_read(fbn_context *c, const void *given, void *mine, size_t size, const char *type);

#endif
