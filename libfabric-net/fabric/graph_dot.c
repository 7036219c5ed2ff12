/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/graph.h"

#include <stdio.h>

/* Names in the file hold nothing that quotes of DOT would need escaped; host names are labels of DNS. */

static const char *color(const fbn_findings *findings, const struct host *host)
{
        fbn_severity severity = graph_severity(findings, host);

        return severity == FBN_SEVERITY_ERROR ? ", color=\"#c22b2b\", penwidth=3" : severity == FBN_SEVERITY_WARNING ? ", color=\"#c98a00\", penwidth=3" : "";
}

static void hosts(const fbn_fabric *f, const fbn_findings *findings, struct text *out)
{
        for (size_t i = 0; i < f->n_hosts; i++)
                text_add(out, "  \"%s\" [shape=%s%s%s];\n", f->hosts[i].name, graph_is_router(f, &f->hosts[i]) ? "box3d" : "box",
                         f->hosts[i].manager == MANAGER_NONE ? ", style=dashed" : "", color(findings, &f->hosts[i]));
}

static const char *vlan_text(const struct prefix *segment, char *buffer, size_t size)
{
        *buffer = 0;
        if (segment->vlan)
                snprintf(buffer, size, "\\nVLAN %u", segment->vlan);
        return buffer;
}

static void segments(const fbn_fabric *f, struct text *out)
{
        char prefix[FBN_ADDRESS_TEXT], address[FBN_ADDRESS_TEXT], vlan[24];

        for (size_t i = 0; i < f->n_prefixes; i++)
                if (f->prefixes[i].at)
                        text_add(out, "  \"net %s\" [label=\"%s\\n%s%s\", shape=ellipse, style=filled, fillcolor=\"#f6ecd9\"];\n",
                                 f->prefixes[i].name, f->prefixes[i].name,
                                 fbn_prefix_format(&f->prefixes[i].prefix, prefix, sizeof(prefix)), vlan_text(&f->prefixes[i], vlan, sizeof(vlan)));
        for (size_t i = 0; i < f->n_hosts; i++)
                for (size_t j = 0; j < f->hosts[i].n_interfaces; j++) {
                        const struct interface *interface = &f->hosts[i].interfaces[j];

                        if (interface->wan)
                                text_add(out, "  \"%s\" -- \"Internet\" [label=\"%s\", style=dotted];\n", f->hosts[i].name,
                                         interface->name);
                        else if (interface->prefix && interface->prefix->at)
                                text_add(out, "  \"%s\" -- \"net %s\" [label=\"%s\"];\n", f->hosts[i].name, interface->prefix->name,
                                         fbn_address_format(&interface->address, address, sizeof(address)));
                }
}

static void tunnels(const fbn_fabric *f, struct text *out)
{
        char prefix[FBN_ADDRESS_TEXT], address[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < f->n_tunnels; i++) {
                const struct tunnel *tunnel = &f->tunnels[i];

                text_add(out, "  \"tunnel %s\" [label=\"WireGuard %s\\n%s\", shape=hexagon, style=filled, fillcolor=\"#d5efe2\"];\n",
                         tunnel->name, tunnel->name, fbn_prefix_format(&tunnel->prefix->prefix, prefix, sizeof(prefix)));
                for (size_t j = 0; j < tunnel->n_members; j++)
                        text_add(out, "  \"%s\" -- \"tunnel %s\" [label=\"%s\", color=\"#1b8a5a\", penwidth=2];\n",
                                 tunnel->members[j].host->name, tunnel->name,
                                 fbn_address_format(&tunnel->members[j].address, address, sizeof(address)));
        }
}

static void mesh(const fbn_fabric *f, struct text *out)
{
        char text[FBN_ADDRESS_TEXT];

        if (!f->mesh.pointer)
                return;
        text_add(out, "  \"mesh\" [label=\"mesh\\n%s\", shape=hexagon, style=filled, fillcolor=\"#e6dcf5\"];\n",
                 fbn_prefix_format(&f->mesh.prefix->prefix, text, sizeof(text)));
        for (size_t i = 0; i < f->mesh.n_nodes; i++)
                text_add(out, "  \"%s\" -- \"mesh\" [label=\"%s\", color=\"#7247b3\", style=dashed];\n", f->mesh.nodes[i].host->name,
                         fbn_address_format(&f->mesh.nodes[i].address, text, sizeof(text)));
}

void graph_dot(const fbn_fabric *fabric, const fbn_findings *findings, struct text *out)
{
        text_add(out,
                 "graph \"%s\" {\n  layout=neato; overlap=false; splines=true;\n  node [fontname=\"sans-serif\"]; edge "
                 "[fontname=\"sans-serif\", fontsize=10];\n",
                 fabric->name);
        hosts(fabric, findings, out);
        segments(fabric, out);
        tunnels(fabric, out);
        mesh(fabric, out);
        text_add(out, "}\n");
}
