/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "route/route.h"

#include <stdlib.h>

static int compare_names(const void *a, const void *b)
{
        return strcmp((*(const fbn_link *const *)a)->name, (*(const fbn_link *const *)b)->name);
}

static int compare_indexes(const void *a, const void *b)
{
        uint32_t first = (*(const fbn_link *const *)a)->index, second = (*(const fbn_link *const *)b)->index;

        return first < second ? -1 : first > second;
}

static const fbn_link *find(const struct devices *devices, const fbn_link **sorted, const fbn_link *key, int (*compare)(const void *, const void *))
{
        size_t count = fbn_links_count(devices->links);
        const fbn_link **found = count ? bsearch(&key, sorted, count, sizeof(*sorted), compare) : NULL;

        return found ? *found : NULL;
}

int devices_read(fbn_context *c, struct devices *ret_devices)
{
        _cleanup_(devices_free) struct devices devices = {0};
        size_t count;
        int r;

        r = fbn_link_list(c, NULL, &devices.links);
        if (r < 0)
                return r;
        count = fbn_links_count(devices.links);
        devices.by_name = memory_alloc(count * sizeof(*devices.by_name));
        devices.by_index = memory_alloc(count * sizeof(*devices.by_index));
        if (!devices.by_name || !devices.by_index)
                return fail_memory(c);
        for (size_t i = 0; i < count; i++)
                devices.by_name[i] = devices.by_index[i] = fbn_links_at(devices.links, i);
        qsort(devices.by_name, count, sizeof(*devices.by_name), compare_names);
        qsort(devices.by_index, count, sizeof(*devices.by_index), compare_indexes);
        *ret_devices = devices;
        devices = (struct devices){0};
        return 0;
}

void devices_free(struct devices *devices)
{
        fbn_links_unref(devices->links);
        memory_free(devices->by_name);
        memory_free(devices->by_index);
        *devices = (struct devices){0};
}

const char *devices_name(const struct devices *devices, uint32_t index)
{
        const fbn_link *link = index ? find(devices, devices->by_index, &(fbn_link){.index = index}, compare_indexes) : NULL;

        return link ? link->name : NULL;
}

int devices_index(fbn_context *c, const struct devices *devices, const char *name, uint32_t *ret_index)
{
        const fbn_link *link = name ? find(devices, devices->by_name, &(fbn_link){.name = name}, compare_names) : NULL;

        if (name && !link)
                return fail_in(c, fail(c, FBN_ENOENT, "no such link"), "%s", name);
        *ret_index = link ? link->index : 0;
        return 0;
}
