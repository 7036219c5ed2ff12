/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "netlink/netlink.h"
#include "route/neighbour.h"

#include <stdio.h>

struct fbn_neighbours {
        unsigned references;
        struct arena arena;
        fbn_neighbour *items;
        size_t count, capacity;
};

int fbn_neighbours_new(fbn_context *c, fbn_neighbours **ret_neighbours)
{
        fbn_neighbours *neighbours = memory_alloc(sizeof(*neighbours));

        if (!neighbours)
                return fail_memory(c);
        neighbours->references = 1;
        *ret_neighbours = neighbours;
        return 0;
}

fbn_neighbours *fbn_neighbours_ref(fbn_neighbours *neighbours)
{
        neighbours->references++;
        return neighbours;
}

fbn_neighbours *fbn_neighbours_unref(fbn_neighbours *neighbours)
{
        if (!neighbours || --neighbours->references > 0)
                return NULL;
        arena_free(&neighbours->arena);
        memory_free(neighbours->items);
        memory_free(neighbours);
        return NULL;
}

size_t fbn_neighbours_count(const fbn_neighbours *neighbours)
{
        return neighbours ? neighbours->count : 0;
}

const fbn_neighbour *fbn_neighbours_at(const fbn_neighbours *neighbours, size_t index)
{
        return index < fbn_neighbours_count(neighbours) ? &neighbours->items[index] : NULL;
}

void neighbours_cut(fbn_neighbours *neighbours, size_t count)
{
        neighbours->count = count;
}

static bool keep(struct arena *arena, const char **text)
{
        if (!*text)
                return true;
        *text = arena_strdup(arena, *text);
        return *text;
}

int neighbours_append(fbn_context *c, fbn_neighbours *neighbours, const fbn_neighbour *neighbour)
{
        fbn_neighbour mine = *neighbour;

        if (!keep(&neighbours->arena, &mine.device) || !keep(&neighbours->arena, &mine.link_address) || !keep(&neighbours->arena, &mine.state) ||
            !ARRAY_RESERVE(neighbours->items, neighbours->count, neighbours->capacity))
                return fail_memory(c);
        neighbours->items[neighbours->count++] = mine;
        return 0;
}

int fbn_neighbours_add(fbn_context *c, fbn_neighbours *neighbours, const fbn_neighbour *neighbour)
{
        fbn_neighbour mine;
        int r = neighbour_take(c, neighbour, &mine);

        return r < 0 ? r : neighbours_append(c, neighbours, &mine);
}

size_t neighbour_link_address(const char *text, uint8_t bytes[static LINK_ADDRESS_BYTES])
{
        size_t count = 0;

        while (count < LINK_ADDRESS_BYTES) {
                unsigned byte;
                int used = 0;

                if (sscanf(text, "%2x%n", &byte, &used) != 1 || used < 1 || *text == '+' || *text == '-' || *text == ' ')
                        return 0;
                bytes[count++] = (uint8_t)byte;
                text += used;
                if (!*text)
                        return count;
                if (*text++ != ':')
                        return 0;
        }
        return 0;
}

int neighbour_take_match(fbn_context *c, const fbn_neighbour *given, fbn_neighbour *ret_neighbour)
{
        fbn_neighbour mine;
        int r = OPTIONS_READ(c, fbn_neighbour, given, &mine);

        if (r < 0)
                return r;
        if (!family_bits(mine.address.family) || !mine.device)
                return fail(c, FBN_EINVAL, "a neighbour has an address and a device");
        *ret_neighbour = mine;
        return 0;
}

int neighbour_take(fbn_context *c, const fbn_neighbour *given, fbn_neighbour *ret_neighbour)
{
        uint8_t bytes[LINK_ADDRESS_BYTES];
        char text[NEIGHBOUR_TEXT];
        fbn_neighbour mine;
        int r = neighbour_take_match(c, given, &mine);

        if (r < 0)
                return r;
        if (mine.proxy && mine.link_address)
                r = fail(c, FBN_EINVAL, "a proxy entry answers with the link's own address: leave link_address out");
        else if (!mine.proxy && (!mine.link_address || !neighbour_link_address(mine.link_address, bytes)))
                r = fail(c, FBN_EINVAL, "'%s' is no address of a link, \"02:00:00:00:00:01\"", mine.link_address ? mine.link_address : "");
        if (r < 0)
                return fail_in(c, r, "%s", neighbour_name(&mine, text));
        *ret_neighbour = mine;
        return 0;
}

bool neighbour_same(const fbn_neighbour *a, const fbn_neighbour *b)
{
        return a->proxy == b->proxy && address_compare(&a->address, &b->address) == 0 && a->device && b->device && streq(a->device, b->device);
}

bool neighbour_satisfies(const fbn_neighbour *have, const fbn_neighbour *want)
{
        uint8_t first[LINK_ADDRESS_BYTES], second[LINK_ADDRESS_BYTES];
        size_t length;

        if (have->router != want->router || have->proxy)
                return have->router == want->router;
        if (!have->link_address || !have->state || !streq(have->state, "permanent"))
                return false;
        length = neighbour_link_address(have->link_address, first);
        return length && length == neighbour_link_address(want->link_address, second) && memcmp(first, second, length) == 0;
}

const char *neighbour_name(const fbn_neighbour *neighbour, char text[static NEIGHBOUR_TEXT])
{
        char address[FBN_ADDRESS_TEXT];

        snprintf(text, NEIGHBOUR_TEXT, "neighbour %s%s dev %s", neighbour->proxy ? "proxy " : "",
                 fbn_address_format(&neighbour->address, address, sizeof(address)), neighbour->device ? neighbour->device : "?");
        return text;
}
