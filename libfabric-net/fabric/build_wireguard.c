/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fabric/build.h"

#include <stdlib.h>

static void build_member(struct builder *b, const char *parent, const char *key, json_t *value, struct member *member)
{
        const char *interface = json_string_value(json_object_get(value, "interface"));
        const char *keepalive = json_string_value(json_object_get(value, "keepalive"));

        member->host = names_find(&b->hosts, key);
        member->pointer = build_pointer(b, parent, key);
        fbn_address_parse(json_string_value(json_object_get(value, "address")), &member->address);
        fbn_key_parse(json_string_value(json_object_get(value, "public_key")), &member->public_key);
        member->interface = interface ? build_text(b, value, "interface") : "wg0";
        member->listen = (uint16_t)build_number(value, "listen", 0);
        member->endpoint = build_text(b, value, "endpoint");
        if (!member->listen && member->endpoint)
                member->listen = (uint16_t)strtoul(strrchr(member->endpoint, ':') + 1, NULL, 10);
        member->announces = build_prefixes(b, json_object_get(value, "announces"), &member->n_announces);
        member->road_warrior = build_flag(value, "road_warrior", false);
        member->keepalive = keepalive          ? (uint16_t)strtoul(keepalive, NULL, 10)
                            : member->endpoint ? 0
                                               : b->fabric->default_keepalive;
        build_secret(b, value, member->pointer, "private_key", &member->private_key);
        build_secret(b, value, member->pointer, "preshared_key", &member->preshared_key);
}

static void build_members(struct builder *b, struct tunnel *tunnel, json_t *map)
{
        char *parent = build_pointer(b, tunnel->pointer, "members");
        const char *key;
        json_t *value;

        tunnel->members = build_array(b, json_object_size(map), sizeof(*tunnel->members));
        tunnel->reachable = build_array(b, json_object_size(map), sizeof(*tunnel->reachable));
        tunnel->announcers = build_array(b, json_object_size(map), sizeof(*tunnel->announcers));
        if (b->failed)
                return;
        json_object_foreach(map, key, value) {
                struct member *member = &tunnel->members[tunnel->n_members];

                build_member(b, parent, key, value, member);
                member->tunnel = tunnel;
                member->mtu = (uint32_t)build_number(value, "mtu", tunnel->mtu);
                member->index = tunnel->n_members++;
                if (member->endpoint)
                        tunnel->reachable[tunnel->n_reachable++] = member;
                if (member->n_announces)
                        tunnel->announcers[tunnel->n_announcers++] = member;
        }
}

/* Each host's memberships, in the order of the tunnels: walked backwards because each goes in front. */
static void link_memberships(struct fbn_fabric *f)
{
        for (size_t i = f->n_tunnels; i-- > 0;)
                for (size_t j = 0; j < f->tunnels[i].n_members; j++) {
                        struct member *member = &f->tunnels[i].members[j];

                        member->next_of_host = member->host->memberships;
                        member->host->memberships = member;
                }
}

int build_tunnels(struct builder *b)
{
        json_t *tunnels = json_object_get(b->document->root, "wireguard"), *value;
        struct fbn_fabric *f = b->fabric;
        const char *key;

        json_object_foreach(tunnels, key, value) {
                struct tunnel *tunnel = &f->tunnels[f->n_tunnels++];

                tunnel->name = arena_strdup(&f->arena, key);
                b->failed |= !tunnel->name;
                tunnel->pointer = build_pointer(b, "/wireguard", key);
                tunnel->prefix = build_prefix(b, value, "prefix");
                tunnel->mtu = (uint32_t)build_number(value, "mtu", f->default_mtu);
                build_members(b, tunnel, json_object_get(value, "members"));
        }
        if (b->failed)
                return fail_memory(b->document->c);
        link_memberships(f);
        return 0;
}
