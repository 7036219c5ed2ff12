/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/nodes.h"

struct fbn_headscale_reader {
        unsigned references;
        struct http *http; /* its own: between two nodes other calls may be made */
        struct list list;
        struct arena arena; /* of the node at hand */
        fbn_headscale_node node;
};

int fbn_headscale_reader_new(fbn_context *c, fbn_headscale *headscale, fbn_headscale_reader **ret_reader)
{
        FBN_CLEANUP(fbn_headscale_reader) reader = memory_alloc(sizeof(*reader));
        int r;

        if (!reader)
                return fail_memory(c);
        reader->references = 1;
        r = http_again(c, headscale->http, &reader->http);
        if (r == 0)
                r = list_open(c, headscale, reader->http, NODES_PATH, "nodes", &reader->list);
        if (r == 0)
                *ret_reader = TAKE_PTR(reader);
        return r;
}

int fbn_headscale_reader_next(fbn_context *c, fbn_headscale_reader *reader, const fbn_headscale_node **ret_node)
{
        int r;

        arena_free(&reader->arena);
        reader->list.reader.shared = NULL; /* it lay there */
        r = node_next(c, &reader->list, &reader->arena, &reader->node);
        if (r == 1)
                *ret_node = &reader->node;
        return r;
}

fbn_headscale_reader *fbn_headscale_reader_ref(fbn_headscale_reader *reader)
{
        reader->references++;
        return reader;
}

fbn_headscale_reader *fbn_headscale_reader_unref(fbn_headscale_reader *reader)
{
        if (!reader || --reader->references > 0)
                return NULL;
        list_close(&reader->list);
        http_free(reader->http);
        arena_free(&reader->arena);
        memory_free(reader);
        return NULL;
}
