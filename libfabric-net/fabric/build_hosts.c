/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/build.h"

static void add_settings(struct builder *b, json_t *map, const char *parent, json_t *instead, struct host *host)
{
        const char *key;
        json_t *value;

        json_object_foreach(map, key, value) {
                struct setting *setting = &host->settings[host->n_settings];

                if (json_object_get(instead, key))
                        continue;
                host->n_settings++;
                setting->key = arena_strdup(&b->fabric->arena, key);
                setting->pointer = build_pointer(b, parent, key);
                setting->value = json_integer_value(value);
                b->failed |= !setting->key;
        }
}

void build_settings(struct builder *b, json_t *value, struct host *host)
{
        json_t *defaults = json_object_get(json_object_get(b->document->root, "defaults"), "sysctl");
        json_t *own = json_object_get(value, "sysctl");

        host->settings = build_array(b, json_object_size(defaults) + json_object_size(own), sizeof(*host->settings));
        if (!host->settings)
                return;
        add_settings(b, defaults, "/defaults/sysctl", own, host);
        add_settings(b, own, build_pointer(b, host->pointer, "sysctl"), NULL, host);
}

/* Where two hosts meet. */
static bool find_gateway(const struct host *host, struct static_route *route)
{
        for (size_t i = 0; i < host->n_interfaces; i++) {
                const struct prefix *segment = host->interfaces[i].prefix;
                const struct interface *there = segment ? host_interface_in(route->via, segment) : NULL;

                if (!there || !there->address.family)
                        continue;
                route->gateway = there->address;
                route->interface = &host->interfaces[i];
                return true;
        }
        return false;
}

static int build_route(struct builder *b, const struct host *host, json_t *value, struct static_route *route)
{
        const char *tunnel = json_string_value(json_object_get(value, "tunnel"));

        route->to = build_prefix(b, value, "to");
        route->via = build_host(b, value, "via");
        if (route->via && !find_gateway(host, route))
                return document_refuse(b->document, build_pointer(b, route->pointer, "via"), false,
                                       "'%s' and '%s' have addresses on no segment in common: expected a neighbour of '%s'", host->name,
                                       route->via->name, host->name);
        if (!tunnel)
                return 0;
        route->tunnel = names_find(&b->tunnels, tunnel);
        if (!host_member_of(host, route->tunnel))
                return document_refuse(b->document, build_pointer(b, route->pointer, "tunnel"), false,
                                       "host '%s' is no member of tunnel '%s'; expected one of its tunnels", host->name, tunnel);
        return 0;
}

int build_routes(struct builder *b)
{
        json_t *hosts = json_object_get(b->document->root, "hosts"), *host_value, *value;
        const char *key;
        size_t i;

        json_object_foreach(hosts, key, host_value) {
                json_t *list = json_object_get(host_value, "routes");
                struct host *host = json_array_size(list) ? names_find(&b->hosts, key) : NULL;
                char *parent;

                if (!host)
                        continue;
                parent = build_pointer(b, host->pointer, "routes");
                host->routes = build_array(b, json_array_size(list), sizeof(*host->routes));
                if (b->failed)
                        return fail_memory(b->document->c);
                json_array_foreach(list, i, value) {
                        struct static_route *route = &host->routes[host->n_routes++];
                        int r;

                        route->pointer = build_index(b, parent, i);
                        r = b->failed ? fail_memory(b->document->c) : build_route(b, host, value, route);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}
