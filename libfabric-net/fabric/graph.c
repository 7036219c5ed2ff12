/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/graph.h"
#include "base/context.h"

#include <stdio.h>

void graph_names(const struct prefix *const *prefixes, size_t n, char *buffer, size_t size)
{
        size_t length = 0;

        *buffer = 0;
        for (size_t i = 0; i < n; i++) {
                int more;

                if (i && streq(prefixes[i]->name, prefixes[i - 1]->name)) /* the addresses of one host */
                        continue;
                more = snprintf(buffer + length, size - length, "%s%s", i ? ", " : "", prefixes[i]->name);

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

static bool names_host(const char *pointer, const char *host)
{
        size_t length = strlen(host);

        for (const char *at = pointer; (at = strchr(at, '/')); at++)
                if (strncmp(at + 1, host, length) == 0 && (!at[1 + length] || at[1 + length] == '/'))
                        return true;
        return false;
}

fbn_severity graph_severity(const fbn_findings *findings, const struct host *host)
{
        fbn_severity worst = (fbn_severity)0;

        for (size_t i = 0; i < fbn_findings_count(findings); i++) {
                const fbn_finding *finding = fbn_findings_at(findings, i);

                if (finding->allowed || finding->severity == FBN_SEVERITY_NOTE || !names_host(finding->pointer, host->name))
                        continue;
                if (!worst || finding->severity < worst)
                        worst = finding->severity;
        }
        return worst;
}

int fbn_fabric_graph(fbn_context *c, const fbn_fabric *fabric, fbn_graph_format format, char **ret_text)
{
        _cleanup_(text_free) struct text text = {0};
        FBN_CLEANUP(fbn_findings) findings = NULL;
        int r;

        if (format != FBN_GRAPH_SVG && format != FBN_GRAPH_DOT)
                return fail(c, FBN_EINVAL, "there is no graph format %d", (int)format);
        r = fbn_fabric_check(c, fabric, &findings);
        if (r < 0)
                return r;
        if (format == FBN_GRAPH_DOT)
                graph_dot(fabric, findings, &text);
        else if (!graph_svg(fabric, findings, &text))
                return fail_memory(c);
        if (text.failed)
                return fail_memory(c);
        *ret_text = TAKE_PTR(text.bytes);
        return 0;
}
