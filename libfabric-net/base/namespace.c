/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/context.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

int context_check(fbn_context *c)
{
        return atomic_load(&c->canceled) ? fail(c, FBN_ECANCELED, "cancelled") : 0;
}

struct undoing undo_begin(fbn_context *c)
{
        return (struct undoing){c->error, atomic_exchange(&c->canceled, false)};
}

void undo_end(fbn_context *c, const struct undoing *undoing)
{
        if (undoing->canceled)
                atomic_store(&c->canceled, true);
        c->error = undoing->error;
}

int namespace_enter(fbn_context *c, struct namespace_guard *ret_guard)
{
        _cleanup_close_ int previous = -1;

        ret_guard->previous = -1;
        if (c->netns < 0)
                return 0;
        previous = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        if (previous < 0)
                return fail_errno(c, errno, "/proc/thread-self/ns/net");
        /* Entering one's own namespace changes nothing but asks for the privilege that the way back will need. A process in a user
         * namespace may have it for the other side only. */
        if (setns(previous, CLONE_NEWNET) < 0)
                return fail_errno(c, errno, "cannot enter network namespace '%s': there would be no way back", c->netns_name);
        if (setns(c->netns, CLONE_NEWNET) < 0)
                return fail_errno(c, errno, "cannot enter network namespace '%s'", c->netns_name);
        ret_guard->previous = TAKE_FD(previous);
        return 0;
}

void namespace_leave(struct namespace_guard *guard)
{
        if (guard->previous < 0)
                return;
        /* A thread left in the wrong namespace would act on the wrong host without a word: nothing is safer than to stop. It cannot
         * happen to a thread that was able to enter: namespace_enter() has tried the way back. */
        if (setns(guard->previous, CLONE_NEWNET) < 0)
                abort();
        close(guard->previous);
        guard->previous = -1;
}
