/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/desired.h"
#include "base/address.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int desired_add_cause(fbn_context *c, struct desired *desired, const char *domain, const char *key, const char *pointer, const char *reason,
                      ...)
{
        struct cause cause = {.domain = domain, .pointer = pointer};
        va_list arguments;
        char text[256];

        va_start(arguments, reason);
        vsnprintf(text, sizeof(text), reason, arguments);
        va_end(arguments);
        cause.key = arena_strdup(&desired->arena, key);
        cause.reason = arena_strdup(&desired->arena, text);
        if (!cause.key || !cause.reason || !ARRAY_RESERVE(desired->causes, desired->n_causes, desired->causes_capacity))
                return fail_memory(c);
        desired->causes[desired->n_causes++] = cause;
        return 0;
}

static int by_domain_and_key(const void *a, const void *b)
{
        const struct cause *x = a, *y = b;
        int order = strcmp(x->domain, y->domain);

        return order ? order : strcmp(x->key, y->key);
}

static const struct cause *find_cause(const struct desired *desired, const char *domain, const char *key)
{
        struct cause wanted = {.domain = domain, .key = key};

        return desired->n_causes ? bsearch(&wanted, desired->causes, desired->n_causes, sizeof(wanted), by_domain_and_key) : NULL;
}

/* The domains name what they change in words: "wg0: peer KEY", "route PREFIX", "nat rule 'NAME'". One of them is the key. */
const struct cause *desired_cause(const struct desired *desired, const char *domain, const char *object)
{
        const struct cause *cause = find_cause(desired, domain, object);

        while (!cause && *object) {
                size_t length = strcspn(object, " '");
                char word[128];

                if (length && length < sizeof(word)) {
                        memcpy(word, object, length);
                        word[length] = 0;
                        cause = find_cause(desired, domain, word);
                        if (!cause && word[length - 1] == ':') {
                                word[length - 1] = 0;
                                cause = strpbrk(object + length, " ") ? NULL : find_cause(desired, domain, word);
                        }
                }
                object += length;
                object += strspn(object, " '");
        }
        return cause;
}

int desired_rp_filter_key(const char *device, char *buffer, size_t size)
{
        return snprintf(buffer, size, "net/ipv4/conf/%s/rp_filter", device) < (int)size ? 0 : -FBN_EINVAL;
}

static int add_sysctl(fbn_context *c, struct desired *desired, const char *key, int64_t value, const char *pointer, const char *reason)
{
        int r = fbn_sysctls_add(c, desired->sysctls, FBN_OPTIONS(fbn_sysctl, .key = key, .value = value));

        return r < 0 ? r : desired_add_cause(c, desired, "sysctl", key, pointer, "%s", reason);
}

/* What the fabric sets itself comes first; check says if the file wants it otherwise. */
static int add_setting(fbn_context *c, struct desired *desired, const struct setting *setting)
{
        int r = add_sysctl(c, desired, setting->key, setting->value, setting->pointer, "declared");

        return r == -FBN_EEXIST ? 0 : fail_in(c, r, "%s", setting->pointer);
}

static int add_sysctls(fbn_context *c, struct desired *desired)
{
        static const char *const names[] = {[RP_FILTER_OFF] = "off", [RP_FILTER_STRICT] = "strict", [RP_FILTER_LOOSE] = "loose"};
        const struct host *host = desired->host;
        char reason[64];
        int r;

        snprintf(reason, sizeof(reason), "the reverse-path filter is %s", names[host->rp_filter]);
        r = fbn_sysctls_new(c, &desired->sysctls);
        if (r == 0 && host->forwarding)
                r = add_sysctl(c, desired, "net.ipv4.ip_forward", 1, host->pointer, "the host forwards");
        if (r == 0)
                r = add_sysctl(c, desired, "net.ipv4.conf.all.rp_filter", host->rp_filter, host->pointer, reason);
        if (r == 0)
                r = add_sysctl(c, desired, "net.ipv4.conf.default.rp_filter", host->rp_filter, host->pointer, reason);
        for (size_t i = 0; r == 0 && i < desired->n_tunnels; i++)
                if (desired->tunnels[i].mark) {
                        r = add_sysctl(c, desired, "net.ipv4.conf.all.src_valid_mark", 1, desired->tunnels[i].self->pointer,
                                       "routing by mark: the reverse-path filter must see the mark");
                        break;
                }
        for (size_t i = 0; r == 0 && i < host->n_settings; i++)
                r = add_setting(c, desired, &host->settings[i]);
        for (size_t i = 0; r == 0 && i < desired->n_devices; i++) {
                char key[64];

                desired_rp_filter_key(desired->devices[i].name, key, sizeof(key));
                r = desired_add_cause(c, desired, "sysctl", key, desired->devices[i].pointer, "%s", reason);
        }
        return r;
}

static int add_route(fbn_context *c, struct desired *desired, const struct desired_tunnel *tunnel, const fbn_prefix *prefix,
                     const struct peer *peer)
{
        bool by_mark = tunnel->mark && prefix->length == 0;
        char text[FBN_ADDRESS_TEXT];
        int r;

        r = fbn_routes_add(c, desired->routes,
                           FBN_OPTIONS(fbn_route, .destination = *prefix, .device = tunnel->device, .table = by_mark ? tunnel->mark : 0));
        if (r < 0)
                return r;
        return desired_add_cause(c, desired, "route", fbn_prefix_format(prefix, text, sizeof(text)), peer->member->pointer,
                                 by_mark ? "tunnel %s: all traffic goes to %s" : "tunnel %s: lies behind %s", tunnel->self->tunnel->name,
                                 peer->member->host->name);
}

static bool covers(const fbn_prefix *outer, const fbn_prefix *inner)
{
        return inner->length >= outer->length && fbn_prefix_contains(outer, &inner->address);
}

/* The interface's own prefix has a route of the kernel's already. */
static int add_routes(fbn_context *c, struct desired *desired, const struct desired_tunnel *tunnel)
{
        for (size_t i = 0; i < tunnel->peers.n; i++)
                for (size_t j = 0; j < tunnel->peers.items[i].n_allowed_ips; j++) {
                        const fbn_prefix *prefix = &tunnel->peers.items[i].allowed_ips[j];
                        int r = covers(&tunnel->address, prefix) ? 0 : add_route(c, desired, tunnel, prefix, &tunnel->peers.items[i]);

                        if (r < 0)
                                return r;
                }
        return 0;
}

static int add_rule(fbn_context *c, struct desired *desired, const struct desired_tunnel *tunnel, const fbn_rule *rule, const char *reason)
{
        char key[16];
        int r = fbn_rules_add(c, desired->rules, rule);

        snprintf(key, sizeof(key), "%u", rule->priority);
        return r < 0 ? r
                     : desired_add_cause(c, desired, "rule", key, tunnel->self->pointer, "tunnel %s: %s", tunnel->self->tunnel->name,
                                         reason);
}

/* Source: wg-quick(8), "the fwmark ... suppress_prefixlength"; two rules a tunnel. */
static int add_rules(fbn_context *c, struct desired *desired, const struct desired_tunnel *tunnel)
{
        uint32_t priority = RULE_PRIORITY_FIRST + 2 * (tunnel->mark - MARK_FIRST);
        uint16_t family = tunnel->address.address.family;
        int r;

        r = add_rule(c, desired, tunnel,
                     FBN_OPTIONS(fbn_rule, .family = family, .priority = priority, .table = 254, .suppress_prefix_length = 1),
                     "what the main table knows better than by default goes there");
        if (r < 0)
                return r;
        return add_rule(c, desired, tunnel,
                        FBN_OPTIONS(fbn_rule, .family = family, .priority = priority + 1, .invert = true, .fwmark = tunnel->mark,
                                    .table = tunnel->mark),
                        "all else but the tunnel's own packets goes into it");
}

static int has_route_to(fbn_context *c, const struct desired *desired, const fbn_prefix *prefix)
{
        for (size_t i = 0; i < fbn_routes_count(desired->routes); i++) {
                const fbn_route *route = fbn_routes_at(desired->routes, i);

                if (!route)
                        return fail_memory(c);
                if (prefix_equal(&route->destination, prefix))
                        return 1;
        }
        return 0;
}

/* A tunnel's route may follow from what its members announce already. */
static int add_static_route(fbn_context *c, struct desired *desired, const struct static_route *route)
{
        const struct member *self = route->tunnel ? host_member_of(desired->host, route->tunnel) : NULL;
        const char *device = self ? self->interface : route->interface->name;
        char text[FBN_ADDRESS_TEXT];
        int r = self ? has_route_to(c, desired, &route->to->prefix) : 0;

        if (r != 0)
                return MIN(r, 0);
        r = fbn_routes_add(c, desired->routes,
                           FBN_OPTIONS(fbn_route, .destination = route->to->prefix, .device = device, .gateway = route->gateway));
        if (r < 0)
                return fail_in(c, r, "%s", route->pointer);
        return desired_add_cause(c, desired, "route", fbn_prefix_format(&route->to->prefix, text, sizeof(text)), route->pointer,
                                 "declared: %s %s", self ? "through tunnel" : "by way of", self ? route->tunnel->name : route->via->name);
}

static bool has_default(const struct peers *peers)
{
        for (size_t i = 0; i < peers->n; i++)
                for (size_t j = 0; j < peers->items[i].n_allowed_ips; j++)
                        if (peers->items[i].allowed_ips[j].length == 0)
                                return true;
        return false;
}

static int add_link_causes(fbn_context *c, struct desired *desired, const struct desired_tunnel *tunnel)
{
        const char *host = tunnel->self->host->name, *name = tunnel->self->tunnel->name;
        char text[FBN_ADDRESS_TEXT];
        int r;

        r = desired_add_cause(c, desired, "link", tunnel->device, tunnel->self->pointer, "tunnel %s: interface of %s", name, host);
        if (r == 0)
                r = desired_add_cause(c, desired, "wireguard", tunnel->device, tunnel->self->pointer, "tunnel %s: interface of %s", name,
                                      host);
        if (r == 0)
                r = desired_add_cause(c, desired, "address", fbn_prefix_format(&tunnel->address, text, sizeof(text)), tunnel->self->pointer,
                                      "tunnel %s: address of %s", name, host);
        for (size_t i = 0; r == 0 && i < tunnel->peers.n; i++) {
                const struct member *member = tunnel->peers.items[i].member;
                char key[FBN_KEY_TEXT];

                r = desired_add_cause(c, desired, "wireguard", fbn_key_format(&member->public_key, key, sizeof(key)), member->pointer,
                                      "tunnel %s: peer %s", name, member->host->name);
        }
        return r;
}

static int add_tunnel(fbn_context *c, struct desired *desired, const struct member *self)
{
        struct desired_tunnel *tunnel = &desired->tunnels[desired->n_tunnels];
        int r;

        tunnel->self = self;
        tunnel->device = self->interface;
        tunnel->address = (fbn_prefix){.address = self->address, .length = self->tunnel->prefix->prefix.length};
        if (!member_peers(&desired->arena, self, &tunnel->peers))
                return fail_memory(c);
        tunnel->preshared_keys = arena_alloc(&desired->arena, tunnel->peers.n * sizeof(fbn_secret *));
        if (!tunnel->preshared_keys)
                return fail_memory(c);
        if (has_default(&tunnel->peers))
                tunnel->mark = MARK_FIRST + (uint32_t)desired->n_tunnels;
        desired->n_tunnels++;
        desired->devices[desired->n_devices++] = (struct desired_device){.name = self->interface, .pointer = self->pointer, .made = true};
        r = fbn_link_addresses_new(c, &tunnel->addresses);
        if (r == 0)
                r = fbn_link_addresses_add(c, tunnel->addresses,
                                           FBN_OPTIONS(fbn_link_address, .device = tunnel->device, .address = tunnel->address));
        if (r == 0)
                r = add_link_causes(c, desired, tunnel);
        if (r == 0)
                r = add_routes(c, desired, tunnel);
        return r < 0 || !tunnel->mark ? r : add_rules(c, desired, tunnel);
}

static int add_vlan(fbn_context *c, struct desired *desired, const struct interface *interface)
{
        struct desired_vlan *vlan = &desired->vlans[desired->n_vlans++];
        char text[FBN_ADDRESS_TEXT];
        int r;

        vlan->interface = interface;
        vlan->address = (fbn_prefix){.address = interface->address, .length = interface->prefix->prefix.length};
        r = fbn_link_addresses_new(c, &vlan->addresses);
        if (r == 0)
                r = fbn_link_addresses_add(c, vlan->addresses, FBN_OPTIONS(fbn_link_address, .device = interface->name, .address = vlan->address));
        if (r == 0)
                r = desired_add_cause(c, desired, "link", interface->name, interface->pointer, "VLAN %u of %s: segment %s", interface->prefix->vlan,
                                      interface->trunk->name, interface->prefix->name);
        return r < 0 ? r
                     : desired_add_cause(c, desired, "address", fbn_prefix_format(&vlan->address, text, sizeof(text)), interface->pointer,
                                         "segment %s: address of %s", interface->prefix->name, desired->host->name);
}

/* One without a tag is an error of check, and nothing that could be made. */
static int add_vlans(fbn_context *c, struct desired *desired)
{
        const struct host *host = desired->host;
        int r = 0;

        for (size_t i = 0; r == 0 && i < host->n_interfaces; i++)
                if (host->interfaces[i].trunk && host->interfaces[i].prefix && host->interfaces[i].prefix->vlan)
                        r = fail_in(c, add_vlan(c, desired, &host->interfaces[i]), "%s", host->interfaces[i].pointer);
        return r;
}

bool desired_makes(const struct desired *desired, const char *device)
{
        for (size_t i = 0; i < desired->n_devices; i++)
                if (desired->devices[i].made && streq(desired->devices[i].name, device))
                        return true;
        return false;
}

static int make_room(fbn_context *c, struct desired *desired)
{
        const struct host *host = desired->host;
        size_t n = 0;

        for (const struct member *member = host->memberships; member; member = member->next_of_host)
                n++;
        desired->alias = arena_printf(&desired->arena, "fabricnet:%s", desired->fabric->name);
        desired->tunnels = arena_alloc(&desired->arena, n * sizeof(*desired->tunnels));
        desired->devices = arena_alloc(&desired->arena, (n + host->n_interfaces) * sizeof(*desired->devices));
        desired->vlans = arena_alloc(&desired->arena, host->n_interfaces * sizeof(*desired->vlans));
        if (!desired->alias || !desired->tunnels || !desired->devices || !desired->vlans)
                return fail_memory(c);
        for (size_t i = 0; i < host->n_interfaces; i++)
                desired->devices[desired->n_devices++] =
                        (struct desired_device){.name = host->interfaces[i].name, .pointer = host->interfaces[i].pointer,
                                                .made = host->interfaces[i].trunk != NULL};
        return 0;
}

static int fill(fbn_context *c, struct desired *desired)
{
        int r;

        r = make_room(c, desired);
        if (r == 0)
                r = fbn_routes_new(c, &desired->routes);
        if (r == 0)
                r = fbn_rules_new(c, &desired->rules);
        if (r == 0)
                r = fbn_nat_new(c, &desired->nat);
        for (const struct member *member = desired->host->memberships; r == 0 && member; member = member->next_of_host)
                r = fail_in(c, add_tunnel(c, desired, member), "%s", member->pointer);
        if (r == 0)
                r = add_vlans(c, desired);
        for (size_t i = 0; r == 0 && i < desired->host->n_routes; i++)
                r = add_static_route(c, desired, &desired->host->routes[i]);
        if (r == 0)
                r = add_sysctls(c, desired);
        if (r == 0)
                r = desired_add_nat(c, desired);
        if (r == 0)
                r = desired_add_services(c, desired);
        if (r == 0 && desired->n_causes)
                qsort(desired->causes, desired->n_causes, sizeof(*desired->causes), by_domain_and_key);
        return r;
}

int desired_new(fbn_context *c, const fbn_fabric *fabric, const struct host *host, struct desired **ret_desired)
{
        _cleanup_(desired_freep) struct desired *desired = memory_alloc(sizeof(*desired));
        int r;

        if (!desired)
                return fail_memory(c);
        desired->fabric = fabric;
        desired->host = host;
        r = fill(c, desired);
        if (r < 0)
                return r;
        *ret_desired = TAKE_PTR(desired);
        return 0;
}

struct desired *desired_free(struct desired *desired)
{
        if (!desired)
                return NULL;
        for (size_t i = 0; i < desired->n_tunnels; i++) {
                struct desired_tunnel *tunnel = &desired->tunnels[i];

                for (size_t j = 0; tunnel->preshared_keys && j < tunnel->peers.n; j++)
                        fbn_secret_unref(tunnel->preshared_keys[j]);
                fbn_secret_unref(tunnel->private_key);
                fbn_link_addresses_unref(tunnel->addresses);
        }
        for (size_t i = 0; i < desired->n_vlans; i++)
                fbn_link_addresses_unref(desired->vlans[i].addresses);
        fbn_sysctls_unref(desired->sysctls);
        fbn_routes_unref(desired->routes);
        fbn_rules_unref(desired->rules);
        fbn_nat_unref(desired->nat);
        memory_free(desired->causes);
        arena_free(&desired->arena);
        memory_free(desired);
        return NULL;
}
