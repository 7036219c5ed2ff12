/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "wireguard/resolver.h"

/* Daemons do not tell the zone of a link-local address. */
static bool same(const fbn_endpoint *have, const fbn_endpoint *found)
{
        fbn_endpoint mine = *have;

        if (mine.scope == 0)
                mine.scope = found->scope;
        return endpoint_equal(&mine, found);
}

static size_t position(const fbn_endpoint *have, const fbn_endpoint *found, size_t count)
{
        size_t i = 0;

        while (i < count && !same(have, &found[i]))
                i++;
        return i;
}

const fbn_endpoint *endpoint_among(const fbn_endpoint *have, const fbn_endpoint *found, size_t count)
{
        size_t at = position(have, found, count);

        if (at < count)
                return &found[at];
        for (size_t i = 0; i < count; i++)
                if (found[i].address.family == have->address.family)
                        return &found[i];
        return &found[0];
}

const fbn_endpoint *named_choose(const struct named *named, const fbn_endpoint *have, const fbn_endpoint *found, size_t count)
{
        size_t at = position(have, found, count);

        if (count == 0)
                return NULL;
        if (at < count)
                return named->stale && count > 1 ? &found[(at + 1) % count] : NULL;
        if (!have->address.family || named->stale || position(have, named->found, named->count) < named->count)
                return endpoint_among(have, found, count);
        return NULL;
}
