/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_SYSTEM_H
#define BASE_SYSTEM_H

#include "base/macro.h"

#include <fabricnet/context.h>

/* The process's memory functions and system calls, every member set. The one state that both libraries share: it lives in the
 * core and is reached through its private symbol fbn_private_tables(). */
struct tables {
        fbn_allocator allocator;
        fbn_system_calls calls;
};

FBN_PUBLIC const struct tables *fbn_private_tables(void);

static inline const struct tables *tables(void)
{
        return fbn_private_tables();
}

static inline const fbn_system_calls *sys(void)
{
        return &fbn_private_tables()->calls;
}

/* From now on fbn_set_tables() is refused. */
void tables_freeze(void);

static inline void fd_closep(const int *fd)
{
        extern int close(int);

        if (*fd >= 0)
                close(*fd);
}

#endif
