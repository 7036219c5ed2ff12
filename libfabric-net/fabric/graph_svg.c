/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/graph.h"

#include <stdarg.h>
#include <stdio.h>

/* The picture: what many share (mesh, tunnels, the Internet) are bars that stand upright at the left; each host has a row of its own
 * and a line to each bar it is on, so no two lines ever meet. Segments are boxes at the right around their hosts, below their
 * router. It grows downwards with the hosts and sideways with the tunnels only, and is the same for the same file. */

#define MARGIN 24
#define BAR_WIDTH 30
#define BAR_STEP 42
#define LABELS 262 /* room between the bars and the hosts for what stands on the lines */
#define BOX_WIDTH 150
#define BOX_HEIGHT 36
#define INDENT 64 /* of segments below their router */
#define LINE_STEP 17
#define SEGMENT_TITLE 46
#define GAP 12
#define TOP 92

struct drawing {
        const fbn_fabric *fabric;
        const fbn_findings *findings;
        struct text *out;
        struct text *names; /* of the bars, over the lines that cross them */
        int hosts_x, width;
        int y;             /* of what comes next */
        int bars_top;
};

static void escaped(struct text *out, const char *text)
{
        for (; *text; text++)
                switch (*text) {
                case '&':
                        text_add(out, "&amp;");
                        break;
                case '<':
                        text_add(out, "&lt;");
                        break;
                case '>':
                        text_add(out, "&gt;");
                        break;
                case '"':
                        text_add(out, "&quot;");
                        break;
                default: /* XML has no control characters, not even as references */
                        text_append(out, (unsigned char)*text < 0x20 ? "?" : text, 1);
                }
}

/* As much of the text as fits on a line, never the half of a character, which no reader of XML would take. */
static void escaped_format(struct text *out, const char *format, va_list arguments)
{
        char text[512];
        size_t end = sizeof(text) - 1;

        if (vsnprintf(text, sizeof(text), format, arguments) > (int)end) {
                while (((unsigned char)text[end - 1] & 0xc0) == 0x80)
                        end--;
                text[end - 1] = 0;
        }
        escaped(out, text);
}

static void label(struct drawing *d, int x, int y, const char *class, const char *format, ...) FBN_PRINTF(5, 6);

static void label(struct drawing *d, int x, int y, const char *class, const char *format, ...)
{
        va_list arguments;

        text_add(d->out, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, class);
        va_start(arguments, format);
        escaped_format(d->out, format, arguments);
        va_end(arguments);
        text_add(d->out, "</text>\n");
}

/* Bars from left to right: the mesh, each tunnel, the Internet. */
static int bar_x(const struct drawing *d, size_t index)
{
        return MARGIN + (int)(index + (d->fabric->mesh.pointer ? 1u : 0u)) * BAR_STEP;
}

static int mesh_x(const struct drawing *d)
{
        (void)d;
        return MARGIN;
}

static bool is_outside(const struct host *host)
{
        for (size_t i = 0; i < host->n_interfaces; i++)
                if (host->interfaces[i].wan)
                        return true;
        return host->n_interfaces == 0;
}

static size_t count_lines(const struct host *host)
{
        size_t n = (host->node ? 1u : 0u) + (is_outside(host) ? 1u : 0u);

        for (const struct member *member = host->memberships; member; member = member->next_of_host)
                n++;
        return n;
}

static int row_height(const struct host *host)
{
        return MAX(BOX_HEIGHT, (int)count_lines(host) * LINE_STEP + 4) + GAP;
}

/* A line from a bar to a host's box, with a dot on the bar and its label above. */
static void draw_line(struct drawing *d, int from, int to, int y, const char *class, const char *text)
{
        text_add(d->out, "<path d=\"M%d %dH%d\" class=\"line %s\"/><circle cx=\"%d\" cy=\"%d\" r=\"5\" class=\"dot %s\"/>\n",
                 from + BAR_WIDTH, y, to, class, from + BAR_WIDTH, y, class);
        label(d, d->hosts_x - LABELS, y - 4, "on-line", "%s", text);
}

static void connect_mesh(struct drawing *d, const struct host *host, int x, int y)
{
        char address[FBN_ADDRESS_TEXT], names[40], text[160];
        const struct node *node = host->node;

        fbn_address_format(&node->address, address, sizeof(address));
        graph_names((const struct prefix *const *)node->advertises, node->n_advertises, names, sizeof(names));
        snprintf(text, sizeof(text), "%s%s%s%s%s", address, node->n_advertises ? " · routes " : "", names,
                 node->accepts_routes ? " · accepts routes" : "", d->fabric->mesh.headscale == host ? " · Headscale" : "");
        draw_line(d, mesh_x(d), x, y, "mesh", text);
}

static void connect_tunnel(struct drawing *d, const struct member *member, int x, int y)
{
        char address[FBN_ADDRESS_TEXT], names[40], port[24] = "", text[160];

        fbn_address_format(&member->address, address, sizeof(address));
        graph_names((const struct prefix *const *)member->announces, member->n_announces, names, sizeof(names));
        if (member->endpoint)
                snprintf(port, sizeof(port), " · listens on %u", member->listen);
        snprintf(text, sizeof(text), "%s%s%s%s%s", address, port, member->n_announces ? " · announces " : "", names,
                 member->road_warrior ? " · road warrior" : "");
        draw_line(d, bar_x(d, (size_t)(member->tunnel - d->fabric->tunnels)), x, y, "tunnel", text);
}

/* What check found at a host, in its corner: its number below. */
static void mark(struct drawing *d, const struct host *host, int x, int y)
{
        fbn_severity severity = graph_severity(d->findings, host);

        if (!severity)
                return;
        text_add(d->out, "<circle cx=\"%d\" cy=\"%d\" r=\"9\" class=\"mark %s\"/>\n", x + BOX_WIDTH - 2, y - BOX_HEIGHT / 2 + 2,
                 severity == FBN_SEVERITY_ERROR ? "error" : "warning");
        label(d, x + BOX_WIDTH - 2, y - BOX_HEIGHT / 2 + 6, "mark-text", "!");
}

static void box(struct drawing *d, const struct host *host, int x, int y)
{
        static const char *const managers[] = {
                [MANAGER_FABRICNET] = "", [MANAGER_SSH] = "over ssh", [MANAGER_NIXOS] = "NixOS", [MANAGER_NONE] = "device"};
        const struct interface *first = NULL;
        char second[FBN_ADDRESS_TEXT + 24] = "";
        bool router = graph_is_router(d->fabric, host);

        for (size_t i = 0; !first && i < host->n_interfaces; i++)
                if (host->interfaces[i].prefix && !host->interfaces[i].wan)
                        first = &host->interfaces[i];
        if (router)
                snprintf(second, sizeof(second), "router%s%s", *managers[host->manager] ? " · " : "", managers[host->manager]);
        else if (first)
                fbn_address_format(&first->address, second, sizeof(second));
        else
                snprintf(second, sizeof(second), "%s", managers[host->manager]);
        text_add(d->out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\" class=\"host%s%s\"/>\n", x, y - BOX_HEIGHT / 2,
                 BOX_WIDTH, BOX_HEIGHT, router ? " router" : "", host->manager == MANAGER_NONE ? " device" : "");
        mark(d, host, x, y);
        label(d, x + BOX_WIDTH / 2, *second ? y - 2 : y + 5, "name", "%s", host->name);
        if (*second)
                label(d, x + BOX_WIDTH / 2, y + 13, "small middle", "%s", second);
}

/* A host's row: its lines from the bars, then its box over their ends. Returns where its middle is. */
static int row(struct drawing *d, const struct host *host, int x)
{
        int middle = d->y + row_height(host) / 2;
        int y = middle - ((int)count_lines(host) - 1) * LINE_STEP / 2;

        if (host->node) {
                connect_mesh(d, host, x, y);
                y += LINE_STEP;
        }
        for (const struct member *member = host->memberships; member; member = member->next_of_host, y += LINE_STEP)
                connect_tunnel(d, member, x, y);
        if (is_outside(host))
                draw_line(d, bar_x(d, d->fabric->n_tunnels), x, y, "wan", host->n_interfaces ? "WAN" : "anywhere");
        box(d, host, x, middle);
        d->y += row_height(host);
        return middle;
}

static bool is_in(const fbn_fabric *f, const struct host *host, const struct prefix *segment)
{
        return graph_segment(host) == segment && !graph_is_router(f, host);
}

static int segment_height(const struct drawing *d, const struct prefix *segment)
{
        int height = SEGMENT_TITLE + GAP / 2;

        for (size_t i = 0; i < d->fabric->n_hosts; i++)
                if (is_in(d->fabric, &d->fabric->hosts[i], segment))
                        height += row_height(&d->fabric->hosts[i]);
        return height;
}

/* The segment's box, its hosts, and the line down from its router. */
static void segment(struct drawing *d, const struct prefix *prefix, int router_y)
{
        const struct interface *interface = prefix->at ? host_interface_in(prefix->at, prefix) : NULL;
        int x = d->hosts_x + INDENT - 16, height = segment_height(d, prefix);
        char text[FBN_ADDRESS_TEXT], address[FBN_ADDRESS_TEXT], vlan[24] = "";

        if (prefix->at)
                text_add(d->out, "<path d=\"M%d %dV%dH%d\" class=\"line wire\"/>\n", d->hosts_x + 20, router_y + BOX_HEIGHT / 2, d->y + 18,
                         x);
        text_add(d->out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"8\" class=\"segment\"/>\n", x, d->y,
                 d->width - MARGIN - x, height);
        if (prefix->vlan)
                snprintf(vlan, sizeof(vlan), " · VLAN %u", prefix->vlan);
        label(d, x + 12, d->y + 19, "title", "%s%s", prefix->name, vlan);
        fbn_address_format(interface ? &interface->address : NULL, address, sizeof(address));
        label(d, x + 12, d->y + 37, "small", "%s%s%s", fbn_prefix_format(&prefix->prefix, text, sizeof(text)), *address ? " · router " : "",
              address);
        d->y += SEGMENT_TITLE;
        for (size_t i = 0; i < d->fabric->n_hosts; i++)
                if (is_in(d->fabric, &d->fabric->hosts[i], prefix))
                        row(d, &d->fabric->hosts[i], d->hosts_x + INDENT);
        d->y += GAP / 2 + GAP;
}

static bool is_tunnel_prefix(const fbn_fabric *f, const struct prefix *prefix)
{
        for (size_t i = 0; i < f->n_tunnels; i++)
                if (f->tunnels[i].prefix == prefix)
                        return true;
        return prefix == f->mesh.prefix;
}

static void segments_of(struct drawing *d, const struct host *router, int router_y)
{
        for (size_t i = 0; i < d->fabric->n_prefixes; i++) {
                const struct prefix *prefix = &d->fabric->prefixes[i];

                if (prefix->at == router && !prefix->local_to && !is_tunnel_prefix(d->fabric, prefix))
                        segment(d, prefix, router_y);
        }
}

static void hosts(struct drawing *d)
{
        const fbn_fabric *f = d->fabric;

        for (size_t i = 0; i < f->n_hosts; i++)
                if (!graph_segment(&f->hosts[i]) && !graph_is_router(f, &f->hosts[i]))
                        row(d, &f->hosts[i], d->hosts_x);
        d->y += GAP;
        for (size_t i = 0; i < f->n_hosts; i++)
                if (graph_is_router(f, &f->hosts[i])) {
                        int y = row(d, &f->hosts[i], d->hosts_x);

                        segments_of(d, &f->hosts[i], y);
                }
        segments_of(d, NULL, 0);
}

static void bar(struct drawing *d, int x, const char *class, const char *format, ...) FBN_PRINTF(4, 5);

static void bar(struct drawing *d, int x, const char *class, const char *format, ...)
{
        int height = d->y - d->bars_top;
        va_list arguments;

        text_add(d->out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\" class=\"bar %s\"/>\n", x, d->bars_top, BAR_WIDTH,
                 height, class);
        text_add(d->names, "<text transform=\"translate(%d %d) rotate(-90)\" class=\"bar-name %s\">", x + BAR_WIDTH / 2 + 3, d->y - 12,
                 class);
        va_start(arguments, format);
        escaped_format(d->names, format, arguments);
        va_end(arguments);
        text_add(d->names, "</text>\n");
}

static void bars(struct drawing *d)
{
        const fbn_fabric *f = d->fabric;
        char prefix[FBN_ADDRESS_TEXT];

        if (f->mesh.pointer)
                bar(d, mesh_x(d), "mesh", "layer 2 · mesh %s", fbn_prefix_format(&f->mesh.prefix->prefix, prefix, sizeof(prefix)));
        for (size_t i = 0; i < f->n_tunnels; i++)
                bar(d, bar_x(d, i), "tunnel", "layer 1 · WireGuard %s %s · MTU %u", f->tunnels[i].name,
                    fbn_prefix_format(&f->tunnels[i].prefix->prefix, prefix, sizeof(prefix)), f->tunnels[i].mtu);
        bar(d, bar_x(d, f->n_tunnels), "wan", "Internet");
}

static void note(struct drawing *d, const char *format, ...) FBN_PRINTF(2, 3);

static void note(struct drawing *d, const char *format, ...)
{
        va_list arguments;

        d->y += 20;
        text_add(d->out, "<text x=\"%d\" y=\"%d\" class=\"note\">", MARGIN, d->y);
        va_start(arguments, format);
        escaped_format(d->out, format, arguments);
        va_end(arguments);
        text_add(d->out, "</text>\n");
}

#define FOUND_MAX 12

/* Errors and warnings, as check tells them. */
static void found(struct drawing *d)
{
        size_t shown = 0, n = 0;

        for (size_t i = 0; i < fbn_findings_count(d->findings); i++) {
                const fbn_finding *finding = fbn_findings_at(d->findings, i);
                char what[96];

                if (finding->allowed || finding->severity == FBN_SEVERITY_NOTE || ++n > FOUND_MAX)
                        continue;
                text_add(d->out, "<circle cx=\"%d\" cy=\"%d\" r=\"5\" class=\"mark %s\"/>\n", MARGIN + 5, d->y + 16,
                         finding->severity == FBN_SEVERITY_ERROR ? "error" : "warning");
                d->y += 20;
                snprintf(what, sizeof(what), "%s", finding->what);
                for (size_t end = strlen(what); end == sizeof(what) - 1 && end > 0 && (what[end - 1] & 0x80); end = strlen(what))
                        what[end - 1] = 0; /* no half character at the end of the line */
                label(d, MARGIN + 18, d->y, "note", "%s: %s%s", finding->code, what, strlen(finding->what) > strlen(what) ? "…" : "");
                shown++;
        }
        if (n > shown)
                note(d, "and %zu more: 'fabricnet check' has them", n - shown);
}

/* The accept of a segment's "from" stands before its drop. */
static void note_policy(struct drawing *d, const struct host *router, const struct nat_entry *rule)
{
        const struct nat_entry *before = rule - 1;
        char names[120] = "nobody";

        if (rule->action != NAT_DROP || rule->n_sources || rule->n_destinations != 1 || !rule->destinations[0]->closed)
                return;
        if (before >= router->nat && before->action == NAT_ACCEPT && before->n_destinations == 1 && before->destinations[0] == rule->destinations[0])
                graph_names(before->sources, before->n_sources, names, sizeof(names));
        note(d, "%s lets into %s: %s", router->name, rule->destinations[0]->name, names);
}

static void notes(struct drawing *d)
{
        const fbn_fabric *f = d->fabric;
        char prefix[FBN_ADDRESS_TEXT];

        d->y += 8;
        for (size_t i = 0; i < f->n_services; i++)
                note(d, "%s → %s:%u, served at %s", f->services[i].name, f->services[i].to->name, f->services[i].port,
                     f->services[i].at->name);
        for (size_t i = 0; i < f->mesh.n_splits; i++)
                note(d, "%s and below: asked of %s through the mesh", f->mesh.splits[i].suffix, f->mesh.splits[i].host->name);
        for (size_t i = 0; i < f->n_hosts; i++)
                for (size_t j = 0; j < f->hosts[i].n_nat; j++)
                        if (f->hosts[i].nat[j].action == NAT_MASQUERADE) {
                                char names[80];

                                graph_names(f->hosts[i].nat[j].sources, f->hosts[i].nat[j].n_sources, names, sizeof(names));
                                note(d, "%s masquerades %s out of %s", f->hosts[i].name, names, f->hosts[i].nat[j].out.device);
                        }
        for (size_t i = 0; i < f->n_hosts; i++)
                for (size_t j = 0; j < f->hosts[i].n_nat; j++)
                        note_policy(d, &f->hosts[i], &f->hosts[i].nat[j]);
        for (size_t i = 0; i < f->n_prefixes; i++)
                if (f->prefixes[i].local_to)
                        note(d, "%s %s is used inside %s only", f->prefixes[i].name,
                             fbn_prefix_format(&f->prefixes[i].prefix, prefix, sizeof(prefix)), f->prefixes[i].local_to->name);
        found(d);
        d->y += 20;
}

static const char style[] =
        "text{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;fill:#1d2430}"
        ".heading{font-size:24px;font-weight:700}.sub{font-size:13px;fill:#4b5566}"
        ".name{font-size:14px;font-weight:600;text-anchor:middle}.title{font-size:14px;font-weight:600}"
        ".small,.note,.on-line{font-size:12px;fill:#3d4757}.middle{text-anchor:middle}"
        ".on-line{paint-order:stroke;stroke:#fff;stroke-width:3px}"
        ".bar-name{font-size:13px;font-weight:600;fill:#fff;paint-order:stroke;stroke-width:4px}"
        ".bar-name.mesh{stroke:#7247b3}.bar-name.tunnel{stroke:#177a4f}.bar-name.wan{stroke:#45668f}"
        ".host{fill:#fff;stroke:#3d4757;stroke-width:1.5}.router{stroke-width:3}.device{stroke-dasharray:4 3}"
        ".segment{fill:#f8f0e0;stroke:#b08a45;stroke-width:1.2}"
        ".mark.error{fill:#c22b2b}.mark.warning{fill:#e0a000}.mark-text{font-size:13px;font-weight:700;text-anchor:middle}"
        ".line{fill:none}.line.mesh{stroke:#7247b3;stroke-width:2;stroke-dasharray:7 4}.line.tunnel{stroke:#177a4f;stroke-width:3}"
        ".line.wan{stroke:#45668f;stroke-width:1.6;stroke-dasharray:2 3}.line.wire{stroke:#b08a45;stroke-width:2.4}"
        ".dot{stroke:#fff;stroke-width:1.6}.dot.mesh,.bar.mesh{fill:#7247b3}.dot.tunnel,.bar.tunnel{fill:#177a4f}.dot.wan,.bar.wan{fill:#"
        "45668f}";

static void heading(struct drawing *d)
{
        const fbn_fabric *f = d->fabric;

        label(d, MARGIN, 44, "heading", "%s", f->name);
        if (f->mesh.pointer)
                label(d, MARGIN, 68, "sub", "%zu hosts · %zu tunnel%s · mesh of %zu nodes, Headscale at %s", f->n_hosts, f->n_tunnels,
                      f->n_tunnels == 1 ? "" : "s", f->mesh.n_nodes, f->mesh.url);
        else
                label(d, MARGIN, 68, "sub", "%zu hosts · %zu tunnel%s", f->n_hosts, f->n_tunnels, f->n_tunnels == 1 ? "" : "s");
}

static void part(struct text *out, const struct text *rows)
{
        text_append(out, rows->bytes ? rows->bytes : "", rows->length);
        out->failed |= rows->failed;
}

/* The bars lie below the lines but are as high as what comes after them, so the rows are drawn aside first. */
bool graph_svg(const fbn_fabric *fabric, const fbn_findings *findings, struct text *out)
{
        _cleanup_(text_free) struct text rows = {0};
        _cleanup_(text_free) struct text below = {0};
        struct drawing d = {.fabric = fabric, .findings = findings, .out = &rows, .names = &rows, .y = TOP + GAP, .bars_top = TOP};

        d.hosts_x = bar_x(&d, fabric->n_tunnels) + BAR_WIDTH + 14 + LABELS;
        d.width = d.hosts_x + INDENT + BOX_WIDTH + 120 + MARGIN;
        hosts(&d);
        d.out = &below;
        heading(&d);
        bars(&d);
        d.out = &rows;
        notes(&d);
        text_add(out,
                 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
                 "role=\"img\" aria-label=\"",
                 d.width, d.y, d.width);
        escaped(out, fabric->name);
        text_add(out, "\">\n<style>%s</style>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", style);
        part(out, &below);
        part(out, &rows);
        text_add(out, "</svg>\n");
        return !out->failed;
}
