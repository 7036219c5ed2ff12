/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/system.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int system_open(const char *path, int flags, mode_t mode)
{
        return open(path, flags, mode);
}

static struct tables state = {
        .allocator = {sizeof(fbn_allocator), malloc, realloc, free},
        .calls = {
                .size = sizeof(fbn_system_calls),
                .socket = socket,
                .connect = connect,
                .sendmsg = sendmsg,
                .recvmsg = recvmsg,
                .sendmmsg = sendmmsg,
                .recvmmsg = recvmmsg,
                .open = system_open,
                .read = read,
                .write = write,
                .fsync = fsync,
                .rename = rename,
                .unlink = unlink,
                .fdatasync = fdatasync,
        },
};
static atomic_bool frozen;

const struct tables *fbn_private_tables(void)
{
        return &state;
}

void tables_freeze(void)
{
        atomic_store(&frozen, true);
}

#define REPLACE(member)                                \
        do {                                           \
                if (calls->member)                     \
                        state.calls.member = calls->member; \
        } while (0)

int fbn_set_tables(const fbn_allocator *allocator, const fbn_system_calls *calls)
{
        if (atomic_load(&frozen))
                return -FBN_EINVAL;
        if (allocator && (allocator->size < sizeof(*allocator) || !allocator->allocate || !allocator->reallocate || !allocator->release))
                return -FBN_EINVAL;
        if (calls && calls->size < sizeof(*calls))
                return -FBN_EINVAL;
        if (allocator)
                state.allocator = *allocator;
        if (calls) {
                REPLACE(socket);
                REPLACE(connect);
                REPLACE(sendmsg);
                REPLACE(recvmsg);
                REPLACE(sendmmsg);
                REPLACE(recvmmsg);
                REPLACE(open);
                REPLACE(read);
                REPLACE(write);
                REPLACE(fsync);
                REPLACE(rename);
                REPLACE(unlink);
                REPLACE(fdatasync);
        }
        return 0;
}
