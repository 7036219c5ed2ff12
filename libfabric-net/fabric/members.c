/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/members.h"

#include <fabricnet/link.h>
#include <fabricnet/nat.h>
#include <fabricnet/route.h>
#include <fabricnet/tailscale.h>
#include <fabricnet/wireguard.h>

#define ONE(type, name, kind) {#name, MEMBER_##kind, offsetof(type, name), 0, NULL}
#define MANY(type, name, kind, count, of) {#name, MEMBER_##kind, offsetof(type, name), offsetof(type, count), of}
#define RECORD(type, name) const struct record_type name##_record = {sizeof(type), name##_members}

static const struct member_of link_members[] = {
        ONE(fbn_link, name, TEXT), ONE(fbn_link, kind, TEXT), ONE(fbn_link, mtu, U32), ONE(fbn_link, state, U32), ONE(fbn_link, alias, TEXT),
        ONE(fbn_link, master, TEXT), ONE(fbn_link, parent, TEXT), ONE(fbn_link, vlan, U16), ONE(fbn_link, vlan_protocol, U16),
        ONE(fbn_link, table, U32), ONE(fbn_link, vlan_filtering, U32), ONE(fbn_link, stp, U32),
        MANY(fbn_link, altnames, TEXTS, n_altnames, NULL), {0},
};
RECORD(fbn_link, link);

static const struct member_of address_members[] = {
        ONE(fbn_link_address, device, TEXT), ONE(fbn_link_address, address, PREFIX), ONE(fbn_link_address, peer, ADDRESS),
        ONE(fbn_link_address, broadcast, ADDRESS), ONE(fbn_link_address, scope, U32), ONE(fbn_link_address, deprecated, BOOL),
        ONE(fbn_link_address, protocol, U8), ONE(fbn_link_address, no_prefix_route, BOOL), ONE(fbn_link_address, no_dad, BOOL), {0},
};
RECORD(fbn_link_address, address);

static const struct member_of hop_members[] = {
        ONE(fbn_route_hop, gateway, ADDRESS), ONE(fbn_route_hop, device, TEXT), ONE(fbn_route_hop, weight, U16),
        ONE(fbn_route_hop, onlink, BOOL), {0},
};
static RECORD(fbn_route_hop, hop);

static const struct member_of route_members[] = {
        ONE(fbn_route, destination, PREFIX), ONE(fbn_route, gateway, ADDRESS), ONE(fbn_route, device, TEXT), ONE(fbn_route, source, ADDRESS),
        ONE(fbn_route, table, U32), ONE(fbn_route, metric, U32), ONE(fbn_route, mtu, U32), ONE(fbn_route, advmss, U32),
        ONE(fbn_route, type, U32), ONE(fbn_route, protocol, U8), ONE(fbn_route, onlink, BOOL), ONE(fbn_route, tos, U8),
        ONE(fbn_route, scope, U32), MANY(fbn_route, hops, RECORDS, n_hops, &hop_record), ONE(fbn_route, nexthop, U32), {0},
};
RECORD(fbn_route, route);

static const struct member_of rule_members[] = {
        ONE(fbn_rule, family, U16), ONE(fbn_rule, priority, U32), ONE(fbn_rule, invert, BOOL), ONE(fbn_rule, from, PREFIX),
        ONE(fbn_rule, to, PREFIX), ONE(fbn_rule, in_device, TEXT), ONE(fbn_rule, out_device, TEXT), ONE(fbn_rule, fwmark, U32),
        ONE(fbn_rule, fwmask, U32), ONE(fbn_rule, table, U32), ONE(fbn_rule, suppress_prefix_length, I32), ONE(fbn_rule, protocol, U8),
        ONE(fbn_rule, action, U32), ONE(fbn_rule, target, U32), ONE(fbn_rule, tos, U8), ONE(fbn_rule, dscp, I32),
        ONE(fbn_rule, ip_protocol, U8), ONE(fbn_rule, source_port, U16), ONE(fbn_rule, source_port_last, U16),
        ONE(fbn_rule, destination_port, U16), ONE(fbn_rule, destination_port_last, U16), ONE(fbn_rule, uid, U32),
        ONE(fbn_rule, uid_end, U32), ONE(fbn_rule, l3mdev, BOOL), ONE(fbn_rule, suppress_group, I32), ONE(fbn_rule, tunnel, U64),
        ONE(fbn_rule, flow_label, U32), ONE(fbn_rule, flow_label_mask, U32), {0},
};
RECORD(fbn_rule, rule);

static const struct member_of nat_rule_members[] = {
        ONE(fbn_nat_rule, kind, U32), ONE(fbn_nat_rule, at, U32), ONE(fbn_nat_rule, name, TEXT),
        MANY(fbn_nat_rule, sources, PREFIXES, n_sources, NULL), MANY(fbn_nat_rule, destinations, PREFIXES, n_destinations, NULL),
        ONE(fbn_nat_rule, source_set, TEXT), ONE(fbn_nat_rule, destination_set, TEXT), ONE(fbn_nat_rule, local, BOOL),
        ONE(fbn_nat_rule, in_device, TEXT), ONE(fbn_nat_rule, out_device, TEXT), ONE(fbn_nat_rule, protocol, TEXT),
        ONE(fbn_nat_rule, source_port, U16), ONE(fbn_nat_rule, source_port_last, U16), ONE(fbn_nat_rule, destination_port, U16),
        ONE(fbn_nat_rule, destination_port_last, U16), ONE(fbn_nat_rule, mark, U32), ONE(fbn_nat_rule, mark_mask, U32),
        ONE(fbn_nat_rule, connection_mark, U32), ONE(fbn_nat_rule, connection_mark_mask, U32), ONE(fbn_nat_rule, states, TEXT),
        ONE(fbn_nat_rule, dnat, BOOL), ONE(fbn_nat_rule, rate, U32), ONE(fbn_nat_rule, rate_seconds, U32), ONE(fbn_nat_rule, burst, U32),
        ONE(fbn_nat_rule, log, TEXT), ONE(fbn_nat_rule, log_group, U16), ONE(fbn_nat_rule, log_level, U8), ONE(fbn_nat_rule, mss, U16),
        ONE(fbn_nat_rule, to, ADDRESS), ONE(fbn_nat_rule, to_map, TEXT), ONE(fbn_nat_rule, to_port, U16),
        ONE(fbn_nat_rule, to_port_last, U16), ONE(fbn_nat_rule, random, BOOL), ONE(fbn_nat_rule, hairpin, U8),
        ONE(fbn_nat_rule, set_mark, U32), ONE(fbn_nat_rule, set_mark_mask, U32), {0},
};
RECORD(fbn_nat_rule, nat_rule);

static const struct member_of nat_set_members[] = {
        ONE(fbn_nat_set, name, TEXT), ONE(fbn_nat_set, key, TEXT), ONE(fbn_nat_set, data, TEXT), ONE(fbn_nat_set, intervals, BOOL),
        ONE(fbn_nat_set, timeouts, BOOL), ONE(fbn_nat_set, timeout_ms, U64), ONE(fbn_nat_set, limit, U32), ONE(fbn_nat_set, counters, BOOL), {0},
};
RECORD(fbn_nat_set, nat_set);

static const struct member_of peer_members[] = {
        ONE(fbn_wireguard_peer, public_key, KEY), ONE(fbn_wireguard_peer, endpoint, ENDPOINT), ONE(fbn_wireguard_peer, keepalive, U16),
        MANY(fbn_wireguard_peer, allowed_ips, PREFIXES, n_allowed_ips, NULL), {0},
};
RECORD(fbn_wireguard_peer, peer);

static const struct member_of tailscale_prefs_members[] = {
        ONE(fbn_tailscale_prefs, set, U32), ONE(fbn_tailscale_prefs, login_server, TEXT), ONE(fbn_tailscale_prefs, host_name, TEXT),
        ONE(fbn_tailscale_prefs, accept_routes, BOOL), ONE(fbn_tailscale_prefs, accept_dns, BOOL), ONE(fbn_tailscale_prefs, want_running, BOOL),
        MANY(fbn_tailscale_prefs, advertise_routes, PREFIXES, n_advertise_routes, NULL),
        MANY(fbn_tailscale_prefs, advertise_tags, TEXTS, n_advertise_tags, NULL), {0},
};
RECORD(fbn_tailscale_prefs, tailscale_prefs);

/* How many bytes a member of one value has; 0 of lists. */
static size_t size_of(enum member_type type)
{
        static const size_t sizes[] = {
                [MEMBER_TEXT] = sizeof(char *), [MEMBER_BOOL] = sizeof(bool), [MEMBER_U8] = 1, [MEMBER_U16] = 2, [MEMBER_U32] = 4,
                [MEMBER_I32] = 4, [MEMBER_U64] = 8, [MEMBER_ADDRESS] = sizeof(fbn_address), [MEMBER_PREFIX] = sizeof(fbn_prefix),
                [MEMBER_ENDPOINT] = sizeof(fbn_endpoint), [MEMBER_KEY] = sizeof(fbn_key), [MEMBER_RECORDS] = 0,
        };

        return sizes[type];
}

static bool is_given(const struct member_of *member, const char *record)
{
        static const char zero[sizeof(fbn_key) + sizeof(fbn_endpoint)] = {0};

        if (member->type >= MEMBER_TEXTS)
                return *(const size_t *)(const void *)(record + member->count) > 0;
        return memcmp(record + member->offset, zero, size_of(member->type)) != 0;
}

static json_t *list_to_json(const struct member_of *member, const char *record)
{
        const void *items = *(const void *const *)(const void *)(record + member->offset);
        size_t count = *(const size_t *)(const void *)(record + member->count);
        char text[FBN_ADDRESS_TEXT];
        json_t *list = json_array();
        int r = list ? 0 : -1;

        for (size_t i = 0; r == 0 && i < count; i++) {
                json_t *item = member->type == MEMBER_TEXTS      ? json_string(((const char *const *)items)[i])
                               : member->type == MEMBER_PREFIXES ? json_string(fbn_prefix_format((const fbn_prefix *)items + i, text, sizeof(text)))
                                                                 : record_to_json(member->of, (const char *)items + i * member->of->size);
                r = json_array_append_new(list, item);
        }
        if (r < 0) {
                json_decref(list);
                return NULL;
        }
        return list;
}

static json_t *endpoint_to_json(const fbn_endpoint *endpoint)
{
        char text[FBN_ADDRESS_TEXT];

        return json_pack("{s:s, s:i, s:I}", "address", fbn_address_format(&endpoint->address, text, sizeof(text)), "port", endpoint->port, "scope",
                         (json_int_t)endpoint->scope);
}

static json_t *member_to_json(const struct member_of *member, const char *record)
{
        const void *at = record + member->offset;
        char text[FBN_ADDRESS_TEXT];

        switch (member->type) {
        case MEMBER_TEXT: return json_string(*(const char *const *)at);
        case MEMBER_BOOL: return json_boolean(*(const bool *)at);
        case MEMBER_U8: return json_integer(*(const uint8_t *)at);
        case MEMBER_U16: return json_integer(*(const uint16_t *)at);
        case MEMBER_U32: return json_integer(*(const uint32_t *)at);
        case MEMBER_I32: return json_integer(*(const int32_t *)at);
        case MEMBER_U64: return json_integer((json_int_t) * (const uint64_t *)at);
        case MEMBER_ADDRESS: return json_string(fbn_address_format(at, text, sizeof(text)));
        case MEMBER_PREFIX: return json_string(fbn_prefix_format(at, text, sizeof(text)));
        case MEMBER_ENDPOINT: return endpoint_to_json(at);
        case MEMBER_KEY: return json_string(fbn_key_format(at, text, sizeof(text)));
        case MEMBER_TEXTS:
        case MEMBER_PREFIXES:
        case MEMBER_RECORDS: return list_to_json(member, record);
        }
        return NULL;
}

json_t *record_to_json(const struct record_type *type, const void *record)
{
        json_t *object = json_object();
        int r = object ? 0 : -1;

        for (const struct member_of *member = type->members; r == 0 && member->name; member++)
                if (is_given(member, record))
                        r = json_object_set_new(object, member->name, member_to_json(member, record));
        if (r < 0) {
                json_decref(object);
                return NULL;
        }
        return object;
}

static int list_from_json(fbn_context *c, struct arena *arena, const struct member_of *member, const json_t *json, char *record)
{
        size_t count = json_array_size(json), width = member->type == MEMBER_TEXTS    ? sizeof(char *)
                                                     : member->type == MEMBER_PREFIXES ? sizeof(fbn_prefix)
                                                                                       : member->of->size;
        char *items = arena_alloc(arena, count * width);
        int r = 0;

        if (!items)
                return fail_memory(c);
        for (size_t i = 0; r == 0 && i < count; i++) {
                const json_t *item = json_array_get(json, i);
                char *at = items + i * width;

                if (member->type == MEMBER_RECORDS)
                        r = record_from_json(c, arena, member->of, item, at);
                else if (!json_is_string(item))
                        r = -FBN_EINVAL;
                else if (member->type == MEMBER_TEXTS)
                        *(const char **)(void *)at = json_string_value(item);
                else
                        r = fbn_prefix_parse(json_string_value(item), (void *)at);
        }
        *(const void **)(void *)(record + member->offset) = items;
        *(size_t *)(void *)(record + member->count) = count;
        return r;
}

static int endpoint_from_json(const json_t *json, fbn_endpoint *endpoint)
{
        const char *text = json_string_value(json_object_get(json, "address"));

        endpoint->port = (uint16_t)json_integer_value(json_object_get(json, "port"));
        endpoint->scope = (uint32_t)json_integer_value(json_object_get(json, "scope"));
        return text ? fbn_address_parse(text, &endpoint->address) : -FBN_EINVAL;
}

static int number_from_json(enum member_type type, const json_t *json, void *at)
{
        json_int_t value = json_integer_value(json);

        if (!json_is_integer(json))
                return -FBN_EINVAL;
        switch (type) {
        case MEMBER_U8: *(uint8_t *)at = (uint8_t)value; break;
        case MEMBER_U16: *(uint16_t *)at = (uint16_t)value; break;
        case MEMBER_I32: *(int32_t *)at = (int32_t)value; break;
        case MEMBER_U64: *(uint64_t *)at = (uint64_t)value; break;
        default: *(uint32_t *)at = (uint32_t)value;
        }
        return 0;
}

static int member_from_json(fbn_context *c, struct arena *arena, const struct member_of *member, const json_t *json, char *record)
{
        const char *text = json_string_value(json);
        void *at = record + member->offset;

        switch (member->type) {
        case MEMBER_TEXT: *(const char **)at = text; return text ? 0 : -FBN_EINVAL;
        case MEMBER_BOOL: *(bool *)at = json_is_true(json); return 0;
        case MEMBER_U8:
        case MEMBER_U16:
        case MEMBER_U32:
        case MEMBER_I32:
        case MEMBER_U64: return number_from_json(member->type, json, at);
        case MEMBER_ADDRESS: return text ? fbn_address_parse(text, at) : -FBN_EINVAL;
        case MEMBER_PREFIX: return text ? fbn_prefix_parse(text, at) : -FBN_EINVAL;
        case MEMBER_KEY: return text ? fbn_key_parse(text, at) : -FBN_EINVAL;
        case MEMBER_ENDPOINT: return endpoint_from_json(json, at);
        case MEMBER_TEXTS:
        case MEMBER_PREFIXES:
        case MEMBER_RECORDS: return list_from_json(c, arena, member, json, record);
        }
        return -FBN_EINVAL;
}

int record_from_json(fbn_context *c, struct arena *arena, const struct record_type *type, const json_t *json, void *record)
{
        const char *name;
        json_t *value;

        *(size_t *)record = type->size;
        json_object_foreach((json_t *)json, name, value) {
                const struct member_of *member = type->members;
                int r;

                while (member->name && !streq(member->name, name))
                        member++;
                r = member->name ? member_from_json(c, arena, member, value, record) : -FBN_EINVAL;
                if (r == -FBN_ENOMEM)
                        return r;
                if (r < 0)
                        return fail(c, FBN_EINVAL, "'%s' is not what this version can read", name);
        }
        return 0;
}
