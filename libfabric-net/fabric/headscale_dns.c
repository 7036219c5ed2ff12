/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/names.h"
#include "base/context.h"
#include "base/memory.h"
#include "fabric/render.h"

#include <fabricnet/headscale.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* What Headscale can say of a table: a domain and its servers as bare addresses (dns.nameservers.split), and addresses of single names
 * (dns.extra_records). Source: headscale hscontrol/types/config.go; tailscale drops a server that is written with a port. */

struct names {
        struct arena arena;
        fbn_headscale_domain *split;
        size_t n_split, split_capacity;
        fbn_headscale_record *records;
        size_t n_records, records_capacity;
};

static void names_clear(struct names *names)
{
        arena_free(&names->arena);
        memory_free(names->split);
        memory_free(names->records);
}

static int refuse(fbn_context *c, const fbn_dns_route *route, const char *why)
{
        return fail(c, FBN_EUNSUPPORTED, "DNS route %s: Headscale %s", route->suffix, why);
}

static int add_split(fbn_context *c, const fbn_dns_route *route, struct names *names)
{
        const char **resolvers = arena_alloc(&names->arena, route->n_upstreams * sizeof(*resolvers));
        char text[FBN_ADDRESS_TEXT];

        if (*route->suffix == '=' || *route->suffix == '*')
                return refuse(c, route, "knows servers of whole domains only");
        if (!resolvers || !ARRAY_RESERVE(names->split, names->n_split, names->split_capacity))
                return fail_memory(c);
        for (size_t i = 0; i < route->n_upstreams; i++) {
                if (route->upstreams[i].port != 53)
                        return refuse(c, route, "has no place for a port: the server must listen on port 53");
                resolvers[i] = arena_strdup(&names->arena, fbn_address_format(&route->upstreams[i].address, text, sizeof(text)));
                if (!resolvers[i])
                        return fail_memory(c);
        }
        names->split[names->n_split++] = (fbn_headscale_domain){sizeof(*names->split), route->suffix, resolvers, route->n_upstreams};
        return 0;
}

static int add_records(fbn_context *c, const fbn_dns_route *route, struct names *names)
{
        if (*route->suffix != '=')
                return refuse(c, route, "gives addresses to single names only");
        for (size_t i = 0; i < route->n_addresses; i++) {
                if (!ARRAY_RESERVE(names->records, names->n_records, names->records_capacity))
                        return fail_memory(c);
                names->records[names->n_records++] = (fbn_headscale_record){sizeof(*names->records), route->suffix + 1, route->addresses[i]};
        }
        return 0;
}

/* That there is nothing else in a zone it cannot say, and need not: nobody else has it either. */
static int add_route(fbn_context *c, const fbn_dns_route *route, struct names *names)
{
        if (route->n_upstreams > 0)
                return add_split(c, route, names);
        return route->blocked ? 0 : add_records(c, route, names);
}

int headscale_render(fbn_context *c, const fbn_fabric *fabric, char **ret_text)
{
        _cleanup_(names_clear) struct names names = {0};
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        int r = names_mesh_routes(c, fabric, &routes);

        for (size_t i = 0; r == 0 && i < fbn_dns_routes_count(routes); i++)
                r = add_route(c, fbn_dns_routes_at(routes, i), &names);
        if (r < 0)
                return r;
        return fbn_headscale_config_render(c,
                                           FBN_OPTIONS(fbn_headscale_config, .server_url = fabric->mesh.url, .prefixes = &fabric->mesh.prefix->prefix, .n_prefixes = 1,
                                                       .base_domain = fabric->mesh.dns_base, .split = names.split, .n_split = names.n_split,
                                                       .records = names.records, .n_records = names.n_records),
                                           ret_text);
}

static char *dump(const json_t *json)
{
        char *theirs = json_dumps(json, JSON_INDENT(2)), *mine = theirs ? memory_strdup(theirs) : NULL;

        free(theirs);
        return mine;
}

int fbn_fabric_headscale_dns(fbn_context *c, const fbn_fabric *fabric, char **ret_text)
{
        _cleanup_free_ char *whole = NULL;
        json_t *settings;
        char *text;
        int r;

        if (!fabric->mesh.pointer)
                return fail(c, FBN_ENOENT, "fabric '%s' has no mesh", fabric->name);
        r = headscale_render(c, fabric, &whole);
        if (r < 0)
                return r;
        settings = json_loads(strchr(whole, '\n'), 0, NULL);
        text = dump(json_object_get(settings, "dns"));
        json_decref(settings);
        if (!text)
                return fail_memory(c);
        *ret_text = text;
        return 0;
}
