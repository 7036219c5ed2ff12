/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/graph.h"
#include "base/context.h"

#include <stdio.h>

void graph_names(const struct prefix *const *prefixes, size_t n, char *buffer, size_t size)
{
        size_t length = 0;

        *buffer = 0;
        for (size_t i = 0; i < n; i++) {
                int more = snprintf(buffer + length, size - length, "%s%s", i ? ", " : "", prefixes[i]->name);

                if (length + (size_t)more + 4 >= size) {
                        snprintf(buffer + length, size - length, "…");
                        return;
                }
                length += (size_t)more;
        }
}

bool graph_is_router(const fbn_fabric *fabric, const struct host *host)
{
        for (size_t i = 0; i < fabric->n_prefixes; i++)
                if (fabric->prefixes[i].at == host)
                        return true;
        return false;
}

const struct prefix *graph_segment(const struct host *host)
{
        for (size_t i = 0; i < host->n_interfaces; i++)
                if (host->interfaces[i].prefix && !host->interfaces[i].wan)
                        return host->interfaces[i].prefix;
        return NULL;
}

int fbn_fabric_graph(fbn_context *c, const fbn_fabric *fabric, fbn_graph_format format, char **ret_text)
{
        _cleanup_(text_free) struct text text = {0};

        if (format != FBN_GRAPH_SVG && format != FBN_GRAPH_DOT)
                return fail(c, FBN_EINVAL, "there is no graph format %d", (int)format);
        if (format == FBN_GRAPH_DOT)
                graph_dot(fabric, &text);
        else if (!graph_svg(fabric, &text))
                return fail_memory(c);
        if (text.failed)
                return fail_memory(c);
        *ret_text = TAKE_PTR(text.bytes);
        return 0;
}
