/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/configuration.h"
#include "wireguard/uapi.h"

#include <fabricnet/link.h>

struct fbn_wireguards {
        unsigned references;
        struct arena arena;
        fbn_wireguard_interface *items;
        size_t count, capacity;
};

fbn_wireguards *fbn_wireguards_ref(fbn_wireguards *wireguards)
{
        wireguards->references++;
        return wireguards;
}

fbn_wireguards *fbn_wireguards_unref(fbn_wireguards *wireguards)
{
        if (!wireguards || --wireguards->references > 0)
                return NULL;
        arena_free(&wireguards->arena);
        memory_free(wireguards->items);
        memory_free(wireguards);
        return NULL;
}

size_t fbn_wireguards_count(const fbn_wireguards *wireguards)
{
        return wireguards ? wireguards->count : 0;
}

const fbn_wireguard_interface *fbn_wireguards_at(const fbn_wireguards *wireguards, size_t index)
{
        return index < fbn_wireguards_count(wireguards) ? &wireguards->items[index] : NULL;
}

/* The backend of a link: 0 if it is not WireGuard. A socket that nobody listens on is what a daemon left that was killed. */
static int backend_of_link(fbn_context *c, const fbn_link *link)
{
        _cleanup_(uapi_close) struct uapi uapi = {.fd = -1};
        int r;

        if (link->kind && streq(link->kind, "wireguard"))
                return FBN_WIREGUARD_KERNEL;
        if (!link->kind || !streq(link->kind, "tun"))
                return 0;
        r = uapi_open(c, link->name, &uapi);
        if (r == -FBN_ENOENT || r == -FBN_EUNAVAILABLE)
                return 0;
        return r < 0 ? fail_in(c, r, "%s", link->name) : FBN_WIREGUARD_USERSPACE;
}

static int add(fbn_context *c, fbn_wireguards *wireguards, const char *name, fbn_wireguard_backend backend)
{
        const char *copy = arena_strdup(&wireguards->arena, name);

        if (!copy || !ARRAY_RESERVE(wireguards->items, wireguards->count, wireguards->capacity))
                return fail_memory(c);
        wireguards->items[wireguards->count++] =
                (fbn_wireguard_interface){.size = sizeof(fbn_wireguard_interface), .name = copy, .backend = backend};
        return 0;
}

static int add_links(fbn_context *c, fbn_wireguards *wireguards, const fbn_links *links)
{
        for (size_t i = 0; i < fbn_links_count(links); i++) {
                const fbn_link *link = fbn_links_at(links, i);
                int r = backend_of_link(c, link);

                if (r > 0)
                        r = add(c, wireguards, link->name, (fbn_wireguard_backend)r);
                if (r < 0)
                        return r;
        }
        return 0;
}

int fbn_wireguard_list(fbn_context *c, fbn_wireguards **ret_wireguards)
{
        FBN_CLEANUP(fbn_links) links = NULL;
        FBN_CLEANUP(fbn_wireguards) wireguards = NULL;
        int r;

        r = fbn_link_list(c, NULL, &links);
        if (r < 0)
                return r;
        wireguards = memory_alloc(sizeof(*wireguards));
        if (!wireguards)
                return fail_memory(c);
        wireguards->references = 1;
        r = add_links(c, wireguards, links);
        if (r < 0)
                return r;
        *ret_wireguards = TAKE_PTR(wireguards);
        return 0;
}
