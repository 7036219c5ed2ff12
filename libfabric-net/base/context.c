/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/context.h"

#include <errno.h>
#include <fabricnet/version.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static _Thread_local struct error_record new_error; /* of this thread's last failed fbn_context_new() */

const char *fbn_version(void)
{
        return FBN_VERSION;
}

static int open_netns(fbn_context *c, const char *name)
{
        char path[4096];

        if (strchr(name, '/'))
                snprintf(path, sizeof(path), "%s", name);
        else
                snprintf(path, sizeof(path), "/run/netns/%s", name);
        c->netns = open(path, O_RDONLY | O_CLOEXEC);
        if (c->netns >= 0)
                return 0;
        if (errno == ENOENT)
                return fail(c, FBN_ENOENT, "network namespace '%s': no such namespace; 'ip netns list' shows the names", name);
        return fail_errno(c, errno, "network namespace '%s'", name);
}

static int setup(fbn_context *c, const fbn_context_options *options)
{
        fbn_context_options mine;
        int r;

        r = OPTIONS_READ(c, fbn_context_options, options, &mine);
        if (r < 0)
                return r;
        if (mine.secrets_dir) {
                c->secrets_dir = memory_strdup(mine.secrets_dir);
                if (!c->secrets_dir)
                        return fail_memory(c);
        }
        if (!mine.netns)
                return 0;
        c->netns_name = memory_strdup(mine.netns);
        if (!c->netns_name)
                return fail_memory(c);
        return open_netns(c, mine.netns);
}

int fbn_context_new(const fbn_context_options *options, fbn_context **ret_context)
{
        fbn_context *c;
        int r;

        tables_freeze();
        c = memory_alloc(sizeof(*c));
        if (!c) {
                new_error = (struct error_record){.code = FBN_ENOMEM, .what = "out of memory", .message = "out of memory"};
                return -FBN_ENOMEM;
        }
        c->references = 1;
        c->netns = -1;
        r = setup(c, options);
        if (r < 0) {
                new_error = c->error;
                fbn_context_unref(c);
                return r;
        }
        *ret_context = c;
        return 0;
}

fbn_context *fbn_context_ref(fbn_context *c)
{
        c->references++;
        return c;
}

fbn_context *fbn_context_unref(fbn_context *c)
{
        if (!c || --c->references > 0)
                return NULL;
        for (size_t i = 0; i < SLOT_COUNT; i++)
                if (c->slots[i].data)
                        c->slots[i].release(c->slots[i].data);
        if (c->netns >= 0)
                close(c->netns);
        memory_free(c->netns_name);
        memory_free(c->secrets_dir);
        memory_free(c);
        return NULL;
}

const char *fbn_context_error(const fbn_context *c)
{
        return c ? c->error.message : new_error.message;
}

int fbn_context_error_code(const fbn_context *c)
{
        return c ? c->error.code : new_error.code;
}

int fbn_context_error_errno(const fbn_context *c)
{
        return c ? c->error.os_errno : new_error.os_errno;
}

const char *fbn_context_error_object(const fbn_context *c)
{
        return c ? c->error.object : new_error.object;
}

void fbn_free(void *memory)
{
        memory_free(memory);
}

void fbn_context_cancel(fbn_context *c)
{
        atomic_store(&c->canceled, true);
}

void fbn_context_resume(fbn_context *c)
{
        atomic_store(&c->canceled, false);
}

const char *fbn_strerror(int code)
{
        static const char *const text[] = {
                [0] = "success",
                [FBN_EINVAL] = "invalid value",
                [FBN_ENOMEM] = "out of memory",
                [FBN_ENOENT] = "no such object",
                [FBN_EEXIST] = "the object exists already",
                [FBN_EPERM] = "not allowed",
                [FBN_EUNSUPPORTED] = "not supported by this kernel, daemon or build",
                [FBN_ECONFLICT] = "an object of somebody else stands in the way",
                [FBN_EPARTIAL] = "failed midway",
                [FBN_ESYSTEM] = "a system call failed",
                [FBN_EPROTOCOL] = "unexpected answer",
                [FBN_EUNAVAILABLE] = "cannot be reached",
                [FBN_EDENIED] = "refused by the server",
                [FBN_ETIMEOUT] = "the deadline passed",
                [FBN_ECANCELED] = "cancelled",
                [FBN_ELOCKED] = "the secret file is locked by git-crypt",
                [FBN_EINTERRUPTED] = "the state kept changing while it was read",
                [FBN_ESTALE] = "the state changed since it was read",
                [FBN_EUNDONE] = "put back as it was",
        };

        if (code < 0)
                code = -code;
        return code >= 0 && (size_t)code < ARRAY_SIZE(text) ? text[code] : "unknown error code";
}
