/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_MACRO_H
#define BASE_MACRO_H

#include <stddef.h>
#include <string.h>

#define _cleanup_(function) __attribute__((cleanup(function)))
#define _cleanup_free_ _cleanup_(memory_freep)
#define _cleanup_close_ _cleanup_(fd_closep)

#define TAKE_PTR(pointer)                              \
        ({                                             \
                __typeof__(pointer) taken_ = (pointer); \
                (pointer) = NULL;                      \
                taken_;                                \
        })

#define TAKE_FD(fd)             \
        ({                      \
                int taken_ = (fd); \
                (fd) = -1;      \
                taken_;         \
        })

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* A record or options struct of the caller's as this library knows it: shorter ones are zero-filled, longer ones must be zero past
 * the end of ours. Use: OPTIONS_READ(c, fbn_route, options, &mine). */
#define OPTIONS_READ(c, type, given, mine) options_read((c), (given), (mine), sizeof(type), #type)

static inline int streq(const char *a, const char *b)
{
        return *a == *b && strcmp(a, b) == 0; /* mostly the first byte tells, without a call */
}

#endif
