/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/build.h"
#include "base/address.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static int compare_names(const void *a, const void *b)
{
        return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

void *names_find(const struct names *names, const char *name)
{
        struct named wanted = {.name = name};
        const struct named *found = names->n ? bsearch(&wanted, names->items, names->n, sizeof(wanted), compare_names) : NULL;

        return found ? found->object : NULL;
}

void names_build(struct builder *b, struct names *names, json_t *map, void *objects, size_t size)
{
        const char *key;
        json_t *value;

        names->items = build_array(b, json_object_size(map), sizeof(*names->items));
        if (!names->items)
                return;
        json_object_foreach(map, key, value) {
                names->items[names->n] = (struct named){.name = key, .object = (char *)objects + names->n * size};
                names->n++;
        }
        qsort(names->items, names->n, sizeof(*names->items), compare_names);
}

void *build_array(struct builder *b, size_t n, size_t size)
{
        void *array = NULL;
        size_t bytes;

        if (n == 0)
                return NULL;
        if (!__builtin_mul_overflow(n, size, &bytes))
                array = arena_alloc(&b->fabric->arena, bytes);
        if (!array)
                b->failed = true;
        return array;
}

char *build_text(struct builder *b, json_t *object, const char *member)
{
        const char *text = json_string_value(json_object_get(object, member));
        char *copy = text ? arena_strdup(&b->fabric->arena, text) : NULL;

        b->failed |= text && !copy;
        return copy;
}

char *build_pointer(struct builder *b, const char *parent, const char *name)
{
        char *pointer = arena_printf(&b->fabric->arena, "%s/%s", parent, name);

        b->failed |= !pointer;
        return pointer;
}

char *build_index(struct builder *b, const char *parent, size_t index)
{
        char text[24];

        snprintf(text, sizeof(text), "%zu", index);
        return build_pointer(b, parent, text);
}

bool build_flag(json_t *object, const char *member, bool otherwise)
{
        json_t *value = json_object_get(object, member);

        return value ? json_is_true(value) : otherwise;
}

int64_t build_number(json_t *object, const char *member, int64_t otherwise)
{
        json_t *value = json_object_get(object, member);

        return value ? json_integer_value(value) : otherwise;
}

struct host *build_host(struct builder *b, json_t *object, const char *member)
{
        const char *name = json_string_value(json_object_get(object, member));

        return name ? names_find(&b->hosts, name) : NULL;
}

const struct prefix *build_prefix(struct builder *b, json_t *object, const char *member)
{
        const char *name = json_string_value(json_object_get(object, member));

        return name ? names_find(&b->prefixes, name) : NULL;
}

const struct prefix **build_prefixes(struct builder *b, json_t *list, size_t *ret_n)
{
        const struct prefix **prefixes = build_array(b, json_array_size(list), sizeof(*prefixes));
        json_t *name;
        size_t i;

        *ret_n = 0;
        if (!prefixes)
                return NULL;
        json_array_foreach(list, i, name)
                prefixes[i] = names_find(&b->prefixes, json_string_value(name));
        *ret_n = json_array_size(list);
        return prefixes;
}

void build_secret(struct builder *b, json_t *object, const char *parent, const char *member, struct secret_source *source)
{
        json_t *secret = json_object_get(object, member);

        if (!secret)
                return;
        source->pointer = build_pointer(b, parent, member);
        source->file = build_text(b, secret, "file");
        source->credential = build_text(b, secret, "credential");
}

static void build_login(struct builder *b, json_t *value, struct host *host)
{
        const char *address = json_string_value(json_object_get(value, "address"));

        if (!value)
                return;
        host->login.pointer = build_pointer(b, host->pointer, "ssh");
        host->login.system = build_text(b, value, "system");
        host->login.user = build_text(b, value, "user");
        host->login.port = (uint16_t)build_number(value, "port", 0);
        host->login.host_key = build_text(b, value, "host_key");
        build_secret(b, value, host->login.pointer ? host->login.pointer : "", "private_key", &host->login.private_key);
        if (!host->login.system)
                host->login.system = "pfsense";
        if (address)
                fbn_address_parse(address, &host->login.address);
}

static enum rp_filter rp_filter_of(json_t *object, enum rp_filter otherwise)
{
        const char *text = json_string_value(json_object_get(object, "rp_filter"));

        if (!text)
                return otherwise;
        return streq(text, "off") ? RP_FILTER_OFF : streq(text, "strict") ? RP_FILTER_STRICT : RP_FILTER_LOOSE;
}

static enum manager manager_of(json_t *host)
{
        static const char *const names[] = {
                [MANAGER_FABRICNET] = "fabricnet", [MANAGER_SSH] = "ssh", [MANAGER_NIXOS] = "nixos", [MANAGER_NONE] = "none"};
        const char *text = json_string_value(json_object_get(host, "manager"));

        for (size_t i = 0; text && i < ARRAY_SIZE(names); i++)
                if (streq(text, names[i]))
                        return (enum manager)i;
        return MANAGER_FABRICNET;
}

static enum resolver resolver_of(json_t *host)
{
        static const char *const names[] = {
                [RESOLVER_NONE] = "none",         [RESOLVER_MESH] = "mesh",       [RESOLVER_FOUND] = "found",     [RESOLVER_RESOLVED] = "systemd-resolved",
                [RESOLVER_RESOLVCONF] = "resolvconf", [RESOLVER_DNSMASQ] = "dnsmasq", [RESOLVER_UNBOUND] = "unbound", [RESOLVER_STUB] = "stub"};
        const char *text = json_string_value(json_object_get(host, "resolver"));

        for (size_t i = 1; text && i < ARRAY_SIZE(names); i++)
                if (streq(text, names[i]))
                        return (enum resolver)i;
        return RESOLVER_UNSAID;
}

static void build_interfaces(struct builder *b, json_t *map, struct host *host)
{
        char *parent = build_pointer(b, host->pointer, "interfaces");
        const char *key;
        json_t *value;

        host->interfaces = build_array(b, json_object_size(map), sizeof(*host->interfaces));
        if (!host->interfaces)
                return;
        json_object_foreach(map, key, value) {
                struct interface *interface = &host->interfaces[host->n_interfaces++];
                const char *address = json_string_value(json_object_get(value, "address"));

                interface->name = arena_strdup(&b->fabric->arena, key);
                b->failed |= !interface->name;
                interface->pointer = build_pointer(b, parent, key);
                interface->wan = build_flag(value, "wan", false);
                interface->mtu = (uint32_t)build_number(value, "mtu", 0);
                if (address)
                        fbn_address_parse(address, &interface->address);
        }
}

/* What carries the VLANs is an interface of the host as it is found there. */
static int build_trunks(struct builder *b, json_t *map, struct host *host)
{
        for (size_t i = 0; i < host->n_interfaces; i++) {
                struct interface *interface = &host->interfaces[i];
                json_t *value = json_object_get(map, interface->name);
                const char *trunk = json_string_value(json_object_get(value, "trunk"));

                for (size_t j = 0; trunk && j < host->n_interfaces; j++)
                        if (j != i && streq(host->interfaces[j].name, trunk))
                                interface->trunk = &host->interfaces[j];
                if (trunk && !interface->trunk)
                        return build_refuse_interface(b, build_pointer(b, interface->pointer, "trunk"), host, trunk);
                if (trunk && json_object_get(json_object_get(map, trunk), "trunk"))
                        return document_refuse(b->document, build_pointer(b, interface->pointer, "trunk"), false,
                                               "'%s' is a VLAN itself; expected the interface that carries both", trunk);
                if (trunk && interface->wan)
                        return document_refuse(b->document, interface->pointer, false,
                                               "'wan' and 'trunk' exclude each other: a VLAN's tag is that of the prefix which holds its address");
        }
        return 0;
}

static void build_one_prefix(struct builder *b, const char *key, json_t *value, struct prefix *prefix)
{
        json_t *text = json_is_string(value) ? value : json_object_get(value, "prefix");

        prefix->name = arena_strdup(&b->fabric->arena, key);
        b->failed |= !prefix->name;
        prefix->pointer = build_pointer(b, "/prefixes", key);
        fbn_prefix_parse(json_string_value(text), &prefix->prefix);
        prefix->vlan = (uint16_t)build_number(value, "vlan", 0);
        prefix->at = build_host(b, value, "at");
        prefix->local_to = build_host(b, value, "local_to");
        prefix->closed = json_object_get(value, "from") != NULL;
}

static int compare_prefixes(const void *a, const void *b)
{
        return prefix_compare(&(*(struct prefix *const *)a)->prefix, &(*(struct prefix *const *)b)->prefix);
}

/* Sorted by address and length, what encloses a prefix comes before it: one pass with the chain of open ones finds all parents. */
static void nest_prefixes(struct fbn_fabric *f)
{
        const struct prefix *open = NULL;

        if (f->n_prefixes == 0)
                return;
        qsort(f->prefixes_by_address, f->n_prefixes, sizeof(*f->prefixes_by_address), compare_prefixes);
        for (size_t i = 0; i < f->n_prefixes; i++) {
                struct prefix *prefix = f->prefixes_by_address[i];

                while (open && !fbn_prefix_overlaps(&open->prefix, &prefix->prefix))
                        open = open->parent;
                prefix->parent = open;
                open = prefix;
        }
}

static int build_prefix_list(struct builder *b, json_t *map)
{
        struct fbn_fabric *f = b->fabric;
        const char *key;
        json_t *value;

        f->prefixes_by_address = build_array(b, json_object_size(map), sizeof(*f->prefixes_by_address));
        json_object_foreach(map, key, value) {
                struct prefix *prefix = &f->prefixes[f->n_prefixes];
                fbn_prefix network;

                build_one_prefix(b, key, value, prefix);
                if (b->failed)
                        return fail_memory(b->document->c);
                if (fbn_prefix_network(&prefix->prefix, &network) > 0) {
                        char text[FBN_ADDRESS_TEXT];

                        return document_refuse(b->document, prefix->pointer, false, "expected a prefix without host bits: '%s'",
                                               fbn_prefix_format(&network, text, sizeof(text)));
                }
                f->prefixes_by_address[f->n_prefixes++] = prefix;
        }
        nest_prefixes(f);
        return 0;
}

int build_hosts(struct builder *b)
{
        json_t *hosts = json_object_get(b->document->root, "hosts"), *prefixes = json_object_get(b->document->root, "prefixes"), *value;
        struct fbn_fabric *f = b->fabric;
        const char *key;
        int r;

        f->hosts = build_array(b, json_object_size(hosts), sizeof(*f->hosts));
        f->prefixes = build_array(b, json_object_size(prefixes), sizeof(*f->prefixes));
        names_build(b, &b->hosts, hosts, f->hosts, sizeof(*f->hosts));
        names_build(b, &b->prefixes, prefixes, f->prefixes, sizeof(*f->prefixes));
        if (b->failed)
                return fail_memory(b->document->c);
        r = build_prefix_list(b, prefixes);
        if (r < 0)
                return r;
        json_object_foreach(hosts, key, value) {
                struct host *host = &f->hosts[f->n_hosts++];

                host->name = arena_strdup(&f->arena, key);
                b->failed |= !host->name;
                host->pointer = build_pointer(b, "/hosts", key);
                host->manager = manager_of(value);
                host->resolver = resolver_of(value);
                host->forwarding = build_flag(value, "forwarding", false);
                host->rp_filter = rp_filter_of(value, f->default_rp_filter);
                build_login(b, json_object_get(value, "ssh"), host);
                build_settings(b, value, host);
                build_interfaces(b, json_object_get(value, "interfaces"), host);
                for (size_t i = 0; i < host->n_interfaces; i++)
                        host->interfaces[i].prefix = fabric_segment_of(f, &host->interfaces[i].address);
                r = b->failed ? fail_memory(b->document->c) : build_trunks(b, json_object_get(value, "interfaces"), host);
                if (r < 0)
                        return r;
        }
        return b->failed ? fail_memory(b->document->c) : 0;
}

static int build_start(struct builder *b)
{
        json_t *root = b->document->root, *defaults = json_object_get(root, "defaults");
        struct fbn_fabric *f = b->fabric;
        const char *keepalive;

        f->name = build_text(b, root, "name");
        f->default_mtu = (uint32_t)build_number(defaults, "mtu", 1420); /* as wg-quick(8) has it on 1500 bytes */
        f->default_rp_filter = rp_filter_of(defaults, RP_FILTER_LOOSE);
        keepalive = json_string_value(json_object_get(defaults, "keepalive"));
        f->default_keepalive = keepalive ? (uint16_t)strtoul(keepalive, NULL, 10) : 0;
        return b->failed ? fail_memory(b->document->c) : 0;
}

static int build_tunnel_names(struct builder *b)
{
        json_t *tunnels = json_object_get(b->document->root, "wireguard");
        struct fbn_fabric *f = b->fabric;

        f->tunnels = build_array(b, json_object_size(tunnels), sizeof(*f->tunnels));
        names_build(b, &b->tunnels, tunnels, f->tunnels, sizeof(*f->tunnels));
        return b->failed ? fail_memory(b->document->c) : build_tunnels(b);
}

int fabric_build(const struct document *document, struct fbn_fabric *fabric)
{
        static int (*const sections[])(struct builder *b) = {build_start, build_hosts, build_tunnel_names, build_routes,
                                                             build_nat,   build_mesh,  build_policies,    build_services,
                                                             build_names, build_backups, build_monitoring};
        struct builder b = {.document = document, .fabric = fabric};

        for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
                int r = sections[i](&b);

                if (r < 0)
                        return r;
        }
        return 0;
}
