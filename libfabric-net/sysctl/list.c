/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sysctl/list.h"

int fbn_sysctls_new(fbn_context *c, fbn_sysctls **ret_sysctls)
{
        fbn_sysctls *sysctls = memory_alloc(sizeof(*sysctls));

        if (!sysctls)
                return fail_memory(c);
        sysctls->references = 1;
        *ret_sysctls = sysctls;
        return 0;
}

fbn_sysctls *fbn_sysctls_ref(fbn_sysctls *sysctls)
{
        sysctls->references++;
        return sysctls;
}

fbn_sysctls *fbn_sysctls_unref(fbn_sysctls *sysctls)
{
        if (!sysctls || --sysctls->references > 0)
                return NULL;
        arena_free(&sysctls->arena);
        memory_free(sysctls->items);
        memory_free(sysctls);
        return NULL;
}

size_t fbn_sysctls_count(const fbn_sysctls *sysctls)
{
        return sysctls ? sysctls->count : 0;
}

const fbn_sysctl *fbn_sysctls_at(const fbn_sysctls *sysctls, size_t index)
{
        return index < fbn_sysctls_count(sysctls) ? &sysctls->items[index].sysctl : NULL;
}

int fbn_sysctls_add(fbn_context *c, fbn_sysctls *sysctls, const fbn_sysctl *sysctl)
{
        struct sysctl_entry entry = {0};
        int r;

        r = OPTIONS_READ(c, fbn_sysctl, sysctl, &entry.sysctl);
        if (r == 0)
                r = setting_path(c, entry.sysctl.key, &entry.path);
        if (r < 0)
                return r;
        for (size_t i = 0; i < sysctls->count; i++)
                if (streq(sysctls->items[i].path.text, entry.path.text))
                        return fail(c, FBN_EEXIST, "%s: named twice", entry.sysctl.key);
        entry.sysctl.key = arena_strdup(&sysctls->arena, entry.sysctl.key);
        if (!entry.sysctl.key || !ARRAY_RESERVE(sysctls->items, sysctls->count, sysctls->capacity))
                return fail_memory(c);
        sysctls->items[sysctls->count++] = entry;
        return 0;
}
