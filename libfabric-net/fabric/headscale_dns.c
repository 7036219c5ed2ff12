/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/names.h"
#include "base/context.h"
#include "base/memory.h"

#include <jansson.h>
#include <string.h>
#include <sys/socket.h>

/* What Headscale can say of a table: a domain and its servers as bare addresses (dns.nameservers.split), and addresses of single names
 * (dns.extra_records). Source: headscale hscontrol/types/config.go; tailscale drops a server that is written with a port. */

static int refuse(fbn_context *c, const fbn_dns_route *route, const char *why)
{
        return fail(c, FBN_EUNSUPPORTED, "DNS route %s: Headscale %s", route->suffix, why);
}

static int add_split(fbn_context *c, const fbn_dns_route *route, json_t *split)
{
        json_t *servers = json_array();
        char text[FBN_ADDRESS_TEXT];

        if (*route->suffix == '=' || *route->suffix == '*') {
                json_decref(servers);
                return refuse(c, route, "knows servers of whole domains only");
        }
        for (size_t i = 0; i < route->n_upstreams; i++) {
                if (route->upstreams[i].port != 53) {
                        json_decref(servers);
                        return refuse(c, route, "has no place for a port: the server must listen on port 53");
                }
                json_array_append_new(servers, json_string(fbn_address_format(&route->upstreams[i].address, text, sizeof(text))));
        }
        return json_object_set_new(split, route->suffix, servers) == 0 ? 0 : fail_memory(c);
}

static int add_records(fbn_context *c, const fbn_dns_route *route, json_t *records)
{
        char text[FBN_ADDRESS_TEXT];

        if (*route->suffix != '=')
                return refuse(c, route, "gives addresses to single names only");
        for (size_t i = 0; i < route->n_addresses; i++) {
                json_t *record = json_pack("{s:s, s:s, s:s}", "name", route->suffix + 1, "type", route->addresses[i].family == AF_INET ? "A" : "AAAA", "value",
                                           fbn_address_format(&route->addresses[i], text, sizeof(text)));

                if (!record || json_array_append_new(records, record) < 0)
                        return fail_memory(c);
        }
        return 0;
}

/* That there is nothing else in a zone it cannot say, and need not: nobody else has it either. */
static int add_route(fbn_context *c, const fbn_dns_route *route, json_t *split, json_t *records)
{
        if (route->n_upstreams > 0)
                return add_split(c, route, split);
        return route->blocked ? 0 : add_records(c, route, records);
}

static json_t *section_new(const fbn_fabric *fabric, json_t *split, json_t *records)
{
        const char *base = fabric->mesh.dns_base;

        return json_pack("{s:b, s:s, s:b, s:{s:[], s:O}, s:[], s:O}", "magic_dns", base != NULL, "base_domain", base ? base : "", "override_local_dns", 0,
                         "nameservers", "global", "split", split, "search_domains", "extra_records", records);
}

static char *dump(json_t *json)
{
        char *theirs = json ? json_dumps(json, JSON_INDENT(2)) : NULL, *mine = theirs ? memory_strdup(theirs) : NULL;

        free(theirs);
        json_decref(json);
        return mine;
}

int fbn_fabric_headscale_dns(fbn_context *c, const fbn_fabric *fabric, char **ret_text)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        json_t *split, *records;
        char *text = NULL;
        int r;

        if (!fabric->mesh.pointer)
                return fail(c, FBN_ENOENT, "fabric '%s' has no mesh", fabric->name);
        r = names_mesh_routes(c, fabric, &routes);
        if (r < 0)
                return r;
        split = json_object();
        records = json_array();
        for (size_t i = 0; r == 0 && i < fbn_dns_routes_count(routes); i++)
                r = add_route(c, fbn_dns_routes_at(routes, i), split, records);
        if (r == 0) {
                text = dump(section_new(fabric, split, records));
                r = text ? 0 : fail_memory(c);
        }
        json_decref(split);
        json_decref(records);
        if (r == 0)
                *ret_text = text;
        return r;
}
