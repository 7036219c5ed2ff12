/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/members.h"
#include "fabric/snapshot.h"

/* What a list gives, one after another; NULL past the end. */
static const void *address_at(const void *list, size_t i) { return fbn_link_addresses_at(list, i); }
static const void *route_at(const void *list, size_t i) { return fbn_routes_at(list, i); }
static const void *rule_at(const void *list, size_t i) { return fbn_rules_at(list, i); }
static const void *nat_rule_at(const void *list, size_t i) { return fbn_nat_at(list, i); }
static const void *nat_set_at(const void *list, size_t i) { return fbn_nat_set_at(list, i); }

static json_t *list_to_json(const struct record_type *type, const void *list, const void *(*at)(const void *list, size_t i))
{
        json_t *json = json_array();
        const void *record;

        for (size_t i = 0; json && (record = at(list, i)); i++)
                if (json_array_append_new(json, record_to_json(type, record)) < 0) {
                        json_decref(json);
                        return NULL;
                }
        return json;
}

json_t *sysctls_to_json(const fbn_sysctls *sysctls)
{
        json_t *json = json_array();

        for (size_t i = 0; json && i < fbn_sysctls_count(sysctls); i++) {
                const fbn_sysctl *sysctl = fbn_sysctls_at(sysctls, i);

                if (json_array_append_new(json, json_pack("{s:s, s:I}", "key", sysctl->key, "value", (json_int_t)sysctl->value)) < 0) {
                        json_decref(json);
                        return NULL;
                }
        }
        return json;
}

int sysctls_from_json(fbn_context *c, const json_t *json, fbn_sysctls **ret_sysctls)
{
        FBN_CLEANUP(fbn_sysctls) sysctls = NULL;
        int r = fbn_sysctls_new(c, &sysctls);

        for (size_t i = 0; r == 0 && i < json_array_size(json); i++) {
                const json_t *item = json_array_get(json, i);

                r = fbn_sysctls_add(c, sysctls,
                                    FBN_OPTIONS(fbn_sysctl, .key = json_string_value(json_object_get(item, "key")),
                                                .value = json_integer_value(json_object_get(item, "value"))));
        }
        if (r == 0)
                *ret_sysctls = TAKE_PTR(sysctls);
        return r;
}

static int put_key(fbn_context *c, struct keyring *keyring, json_t *object, const char *name, const fbn_secret *key)
{
        size_t place;
        int r;

        if (!key)
                return 0;
        r = keyring_put(c, keyring, key, &place);
        if (r < 0)
                return r;
        return json_object_set_new(object, name, json_integer((json_int_t)place)) < 0 ? fail_memory(c) : 0;
}

static int peers_to_json(fbn_context *c, const fbn_wireguard *wireguard, struct keyring *keyring, json_t *list)
{
        for (size_t i = 0; i < fbn_wireguard_count(wireguard); i++) {
                const fbn_wireguard_peer *peer = fbn_wireguard_at(wireguard, i);
                json_t *object = record_to_json(&peer_record, peer);
                int r;

                if (json_array_append_new(list, object) < 0)
                        return fail_memory(c);
                r = put_key(c, keyring, object, "preshared_key", peer->preshared_key);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int wireguard_to_json(fbn_context *c, const fbn_wireguard *wireguard, struct keyring *keyring, json_t *link)
{
        const fbn_wireguard_interface *interface = fbn_wireguard_interface_of(wireguard);
        json_t *peers = json_array();
        json_t *object = json_pack("{s:i, s:I, s:o}", "listen_port", interface->listen_port, "fwmark", (json_int_t)interface->fwmark, "peers", peers);
        int r;

        if (json_object_set_new(link, "wireguard", object) < 0)
                return fail_memory(c);
        r = put_key(c, keyring, object, "private_key", interface->private_key);
        return r < 0 ? r : peers_to_json(c, wireguard, keyring, peers);
}

static int links_to_json(fbn_context *c, const struct snapshot *snapshot, struct keyring *keyring, json_t *list)
{
        int r = list ? 0 : fail_memory(c);

        for (size_t i = 0; r == 0 && i < snapshot->n_links; i++) {
                json_t *link = record_to_json(&link_record, &snapshot->links[i]);

                if (json_array_append_new(list, link) < 0)
                        return fail_memory(c);
                if (snapshot->wireguard[i])
                        r = wireguard_to_json(c, snapshot->wireguard[i], keyring, link);
        }
        return r;
}

int snapshot_to_json(fbn_context *c, const struct snapshot *snapshot, struct keyring *keyring, json_t **ret_json)
{
        json_t *links = json_array();
        json_t *json = json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "names", snapshot->names, "links", links, "addresses",
                                 list_to_json(&address_record, snapshot->addresses, address_at), "routes",
                                 list_to_json(&route_record, snapshot->routes, route_at), "strangers",
                                 list_to_json(&route_record, snapshot->strangers, route_at), "rules",
                                 list_to_json(&rule_record, snapshot->rules, rule_at), "sysctls", sysctls_to_json(snapshot->sysctls));
        int r = json ? links_to_json(c, snapshot, keyring, links) : fail_memory(c);

        if (r == 0 && snapshot->nat &&
            (json_object_set_new(json, "nat", list_to_json(&nat_rule_record, snapshot->nat, nat_rule_at)) < 0 ||
             json_object_set_new(json, "sets", list_to_json(&nat_set_record, snapshot->nat, nat_set_at)) < 0))
                r = fail_memory(c);
        if (r == 0)
                r = host_files_to_json(c, &snapshot->files, json);
        if (r < 0) {
                json_decref(json);
                return r;
        }
        *ret_json = json;
        return 0;
}

/* Of each record in a list, hand it to add(). */
static int list_from_json(fbn_context *c, struct arena *arena, const struct record_type *type, const json_t *json,
                          int (*add)(fbn_context *c, void *list, const void *record), void *list)
{
        for (size_t i = 0; i < json_array_size(json); i++) {
                void *record = arena_alloc(arena, type->size);
                int r = record ? record_from_json(c, arena, type, json_array_get(json, i), record) : fail_memory(c);

                if (r == 0)
                        r = add(c, list, record);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_address(fbn_context *c, void *list, const void *record) { return fbn_link_addresses_add(c, list, record); }
static int add_route(fbn_context *c, void *list, const void *record) { return fbn_routes_add(c, list, record); }
static int add_rule(fbn_context *c, void *list, const void *record) { return fbn_rules_add(c, list, record); }
static int add_nat_rule(fbn_context *c, void *list, const void *record) { return fbn_nat_add(c, list, record); }
static int add_nat_set(fbn_context *c, void *list, const void *record) { return fbn_nat_set_add(c, list, record); }

static int get_key(fbn_context *c, const struct keyring *keyring, const json_t *object, const char *name, const fbn_secret **ret_key)
{
        const json_t *place = json_object_get(object, name);

        if (!place)
                return 0;
        *ret_key = keyring_at(keyring, (size_t)json_integer_value(place));
        return *ret_key ? 0 : fail(c, FBN_EINVAL, "a key is missing in the file of keys");
}

static int add_peer(fbn_context *c, struct arena *arena, const struct keyring *keyring, json_t *json, fbn_wireguard *wireguard)
{
        fbn_wireguard_peer peer = {.size = sizeof(peer)};
        int r = get_key(c, keyring, json, "preshared_key", &peer.preshared_key);

        json_object_del(json, "preshared_key");
        if (r == 0)
                r = record_from_json(c, arena, &peer_record, json, &peer);
        return r < 0 ? r : fbn_wireguard_add(c, wireguard, &peer);
}

static int wireguard_from_json(fbn_context *c, struct arena *arena, const struct keyring *keyring, const json_t *json, fbn_wireguard **ret_wireguard)
{
        fbn_wireguard_interface interface = {.size = sizeof(interface),
                                             .listen_port = (uint16_t)json_integer_value(json_object_get(json, "listen_port")),
                                             .fwmark = (uint32_t)json_integer_value(json_object_get(json, "fwmark"))};
        const json_t *peers = json_object_get(json, "peers");
        int r = get_key(c, keyring, json, "private_key", &interface.private_key);

        if (r == 0)
                r = fbn_wireguard_new(c, &interface, ret_wireguard);
        for (size_t i = 0; r == 0 && i < json_array_size(peers); i++)
                r = add_peer(c, arena, keyring, json_array_get(peers, i), *ret_wireguard);
        return r;
}

static int links_from_json(fbn_context *c, const json_t *json, const struct keyring *keyring, struct snapshot *snapshot)
{
        size_t count = json_array_size(json);
        int r = 0;

        snapshot->links = arena_alloc(&snapshot->arena, count * sizeof(*snapshot->links));
        snapshot->wireguard = arena_alloc(&snapshot->arena, count * sizeof(fbn_wireguard *));
        if (!snapshot->links || !snapshot->wireguard)
                return fail_memory(c);
        for (size_t i = 0; r == 0 && i < count; i++) {
                json_t *link = json_array_get(json, i), *wireguard = json_incref(json_object_get(link, "wireguard"));

                json_object_del(link, "wireguard");
                snapshot->n_links++;
                r = record_from_json(c, &snapshot->arena, &link_record, link, &snapshot->links[i]);
                if (r == 0 && wireguard)
                        r = wireguard_from_json(c, &snapshot->arena, keyring, wireguard, &snapshot->wireguard[i]);
                json_decref(wireguard);
        }
        return r;
}

static int nat_from_json(fbn_context *c, const json_t *json, struct snapshot *snapshot)
{
        int r;

        if (!json_object_get(json, "nat"))
                return 0;
        r = fbn_nat_new(c, &snapshot->nat);
        if (r == 0)
                r = list_from_json(c, &snapshot->arena, &nat_set_record, json_object_get(json, "sets"), add_nat_set, snapshot->nat);
        return r < 0 ? r : list_from_json(c, &snapshot->arena, &nat_rule_record, json_object_get(json, "nat"), add_nat_rule, snapshot->nat);
}

int snapshot_from_json(fbn_context *c, json_t *json, const struct keyring *keyring, struct snapshot *snapshot)
{
        struct arena *arena = &snapshot->arena;
        int r;

        snapshot->json = json_deep_copy(json); /* taken apart below */
        if (!snapshot->json)
                return fail_memory(c);
        json = snapshot->json;
        snapshot->names = !json_is_false(json_object_get(json, "names"));
        r = links_from_json(c, json_object_get(json, "links"), keyring, snapshot);
        if (r == 0)
                r = fbn_link_addresses_new(c, &snapshot->addresses);
        if (r == 0)
                r = list_from_json(c, arena, &address_record, json_object_get(json, "addresses"), add_address, snapshot->addresses);
        if (r == 0)
                r = fbn_routes_new(c, &snapshot->routes);
        if (r == 0)
                r = list_from_json(c, arena, &route_record, json_object_get(json, "routes"), add_route, snapshot->routes);
        if (r == 0)
                r = fbn_routes_new(c, &snapshot->strangers);
        if (r == 0)
                r = list_from_json(c, arena, &route_record, json_object_get(json, "strangers"), add_route, snapshot->strangers);
        if (r == 0)
                r = fbn_rules_new(c, &snapshot->rules);
        if (r == 0)
                r = list_from_json(c, arena, &rule_record, json_object_get(json, "rules"), add_rule, snapshot->rules);
        if (r == 0)
                r = sysctls_from_json(c, json_object_get(json, "sysctls"), &snapshot->sysctls);
        if (r == 0)
                r = host_files_from_json(c, arena, json, &snapshot->files);
        return r < 0 ? r : nat_from_json(c, json, snapshot);
}
