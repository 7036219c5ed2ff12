/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "netlink/netlink.h"
#include "route/nexthop.h"

#include <stdarg.h>
#include <stdio.h>

struct item {
        fbn_nexthop nexthop;
        bool odd;
};

struct fbn_nexthops {
        unsigned references;
        struct arena arena;
        struct item *items;
        size_t count, capacity;
};

int fbn_nexthops_new(fbn_context *c, fbn_nexthops **ret_nexthops)
{
        fbn_nexthops *nexthops = memory_alloc(sizeof(*nexthops));

        if (!nexthops)
                return fail_memory(c);
        nexthops->references = 1;
        *ret_nexthops = nexthops;
        return 0;
}

fbn_nexthops *fbn_nexthops_ref(fbn_nexthops *nexthops)
{
        nexthops->references++;
        return nexthops;
}

fbn_nexthops *fbn_nexthops_unref(fbn_nexthops *nexthops)
{
        if (!nexthops || --nexthops->references > 0)
                return NULL;
        arena_free(&nexthops->arena);
        memory_free(nexthops->items);
        memory_free(nexthops);
        return NULL;
}

size_t fbn_nexthops_count(const fbn_nexthops *nexthops)
{
        return nexthops ? nexthops->count : 0;
}

const fbn_nexthop *fbn_nexthops_at(const fbn_nexthops *nexthops, size_t index)
{
        return index < fbn_nexthops_count(nexthops) ? &nexthops->items[index].nexthop : NULL;
}

bool nexthops_odd(const fbn_nexthops *nexthops, size_t index)
{
        return nexthops->items[index].odd;
}

void nexthops_clear(fbn_nexthops *nexthops)
{
        nexthops->count = 0;
}

int nexthops_append(fbn_context *c, fbn_nexthops *nexthops, const struct nexthop_parts *parts)
{
        struct item item = {parts->nexthop, parts->odd};
        size_t bytes = parts->nexthop.n_members * sizeof(*parts->members);

        if (item.nexthop.device)
                item.nexthop.device = arena_strdup(&nexthops->arena, item.nexthop.device);
        item.nexthop.members = bytes ? arena_copy(&nexthops->arena, parts->members, bytes) : NULL;
        if ((parts->nexthop.device && !item.nexthop.device) || (bytes && !item.nexthop.members) ||
            !ARRAY_RESERVE(nexthops->items, nexthops->count, nexthops->capacity))
                return fail_memory(c);
        nexthops->items[nexthops->count++] = item;
        return 0;
}

int fbn_nexthops_add(fbn_context *c, fbn_nexthops *nexthops, const fbn_nexthop *nexthop)
{
        struct nexthop_parts parts;
        int r = nexthop_take(c, nexthop, &parts);

        return r < 0 ? r : nexthops_append(c, nexthops, &parts);
}

static int check(fbn_context *c, const fbn_nexthop *nexthop)
{
        uint16_t family = nexthop->gateway.family;

        if (nexthop->n_members)
                return nexthop->gateway.family || nexthop->device || nexthop->blackhole || nexthop->onlink
                               ? fail(c, FBN_EINVAL, "members, and a gateway, device or blackhole besides: give one or the other")
                               : 0;
        if (nexthop->blackhole)
                return family || nexthop->device ? fail(c, FBN_EINVAL, "a blackhole has neither gateway nor device") : 0;
        if (!nexthop->device)
                return fail(c, FBN_EINVAL, "a device is needed, or members, or blackhole");
        if (nexthop->family && nexthop->family != AF_INET && nexthop->family != AF_INET6)
                return fail(c, FBN_EINVAL, "family %u: AF_INET or AF_INET6", nexthop->family);
        if (family && nexthop->family && family != nexthop->family)
                return fail(c, FBN_EINVAL, "the gateway is of another family");
        return nexthop->onlink && !family ? fail(c, FBN_EINVAL, "onlink needs a gateway") : 0;
}

/* The callers' array is as wide as its first element says: they may be older or newer than this. */
static int take_members(fbn_context *c, struct nexthop_parts *parts)
{
        const char *given = (const char *)parts->nexthop.members;
        size_t stride;

        if (parts->nexthop.n_members > FBN_ROUTE_HOPS)
                return fail(c, FBN_EINVAL, "%zu members: %d at most", parts->nexthop.n_members, FBN_ROUTE_HOPS);
        for (size_t i = 0; i < parts->nexthop.n_members; i++) {
                int r;

                memcpy(&stride, given, sizeof(stride));
                r = OPTIONS_READ(c, fbn_nexthop_member, given + i * stride, &parts->members[i]);
                if (r < 0)
                        return r;
                if (!parts->members[i].id || parts->members[i].weight > 256)
                        return fail(c, FBN_EINVAL, "member %zu: it needs an id, and a weight of at most 256", i + 1);
        }
        parts->nexthop.members = parts->members;
        return 0;
}

int nexthop_take(fbn_context *c, const fbn_nexthop *given, struct nexthop_parts *ret_parts)
{
        int r = OPTIONS_READ(c, fbn_nexthop, given, &ret_parts->nexthop);

        ret_parts->odd = false;
        if (r < 0)
                return r;
        if (!ret_parts->nexthop.id)
                return fail(c, FBN_EINVAL, "a nexthop needs an id");
        r = take_members(c, ret_parts);
        if (r == 0)
                r = check(c, &ret_parts->nexthop);
        return r < 0 ? fail_in(c, r, "nexthop %u", ret_parts->nexthop.id) : 0;
}

static uint16_t weight_of(const fbn_nexthop_member *member)
{
        return member->weight ? member->weight : 1;
}

static bool same_members(const fbn_nexthop *a, const fbn_nexthop *b)
{
        for (size_t i = 0; i < b->n_members; i++) {
                size_t j = 0;

                while (j < a->n_members && (a->members[j].id != b->members[i].id || weight_of(&a->members[j]) != weight_of(&b->members[i])))
                        j++;
                if (j == a->n_members)
                        return false;
        }
        return a->n_members == b->n_members;
}

static uint16_t family_of(const fbn_nexthop *nexthop)
{
        return nexthop->gateway.family ? nexthop->gateway.family : nexthop->family ? nexthop->family : AF_INET;
}

bool nexthop_satisfies(const fbn_nexthop *have, const fbn_nexthop *want)
{
        if (want->n_members || have->n_members)
                return same_members(have, want);
        return have->blackhole == want->blackhole && family_of(have) == family_of(want) && have->onlink == want->onlink &&
               address_compare(&have->gateway, &want->gateway) == 0 &&
               (want->blackhole || (have->device && want->device && streq(have->device, want->device)));
}

static void add(char *text, const char *format, ...) FBN_PRINTF(2, 3);
static void add(char *text, const char *format, ...)
{
        size_t used = strlen(text);
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(text + used, NEXTHOP_TEXT - used, format, arguments);
        va_end(arguments);
}

const char *nexthop_describe(const fbn_nexthop *nexthop, char text[static NEXTHOP_TEXT])
{
        char address[FBN_ADDRESS_TEXT];

        *text = 0;
        if (nexthop->blackhole)
                add(text, "blackhole ");
        if (nexthop->gateway.family)
                add(text, "via %s ", fbn_address_format(&nexthop->gateway, address, sizeof(address)));
        if (nexthop->device)
                add(text, "dev %s ", nexthop->device);
        if (nexthop->onlink)
                add(text, "onlink ");
        for (size_t i = 0; i < nexthop->n_members; i++)
                add(text, "%s%u,%u%s", i ? "/" : "group ", nexthop->members[i].id, weight_of(&nexthop->members[i]),
                    i + 1 == nexthop->n_members ? " " : "");
        if (*text)
                text[strlen(text) - 1] = 0;
        return text;
}
