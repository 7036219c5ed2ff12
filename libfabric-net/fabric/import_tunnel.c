/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "fabric/import.h"

#include <stdio.h>
#include <sys/socket.h>

/* An interface as a tunnel: this host, which others reach, and its peers. What the others have configured is not known; it is declared as it must be
 * for this host's part to come out as it is. */

struct making {
        struct import *import;
        const char *device;
        json_t *members;
        fbn_prefix prefix; /* of the tunnel */
        char text[FBN_ADDRESS_TEXT];
};

static bool is_host_sized(const fbn_prefix *prefix)
{
        return prefix->length == family_bits(prefix->address.family);
}

/* Its address in the tunnel: the first allowed IP that is one. */
static const fbn_prefix *own_address(const struct making *m, const fbn_wireguard_peer *peer)
{
        for (size_t i = 0; i < peer->n_allowed_ips; i++)
                if (is_host_sized(&peer->allowed_ips[i]) && fbn_prefix_contains(&m->prefix, &peer->allowed_ips[i].address))
                        return &peer->allowed_ips[i];
        return NULL;
}

static bool is_free(const struct making *m, const fbn_address *address)
{
        char text[FBN_ADDRESS_TEXT];
        const char *key;
        json_t *member;

        fbn_address_format(address, text, sizeof(text));
        json_object_foreach(m->members, key, member)
                if (strcmp(json_string_value(json_object_get(member, "address")), text) == 0)
                        return false;
        return true;
}

/* One whose allowed IPs do not tell gets the first that nobody has. */
static fbn_address any_address(const struct making *m)
{
        fbn_address address = m->prefix.address;

        do
                for (size_t i = family_bytes(address.family); i-- > 0 && ++address.bytes[i] == 0;)
                        ;
        while (!is_free(m, &address));
        return address;
}

static int announce(struct making *m, json_t *member, const char *name, const fbn_wireguard_peer *peer, const fbn_prefix *own)
{
        json_t *list = json_array();

        for (size_t i = 0; i < peer->n_allowed_ips; i++) {
                const fbn_prefix *prefix = &peer->allowed_ips[i];

                if (prefix == own || prefix_equal(prefix, &m->prefix))
                        continue;
                if (prefix->length == 0)
                        json_object_set_new(json_object_get(m->members, m->import->host), "road_warrior", json_true());
                else
                        json_array_append_new(list, json_string(import_prefix(m->import, prefix, name)));
        }
        if (json_array_size(list) > 0 || !own)
                json_object_set_new(import_host(m->import, name), "forwarding", json_true());
        if (json_array_size(list) == 0) {
                json_decref(list);
                return 0;
        }
        m->import->failed |= json_object_set_new(member, "announces", list) < 0;
        return 0;
}

static int add_peer(struct making *m, const fbn_wireguard_peer *peer)
{
        const fbn_prefix *own = own_address(m, peer);
        const fbn_address address = own ? own->address : any_address(m);
        char name[FBN_ADDRESS_TEXT + 8], label[FBN_ADDRESS_TEXT], key[FBN_KEY_TEXT], endpoint[FBN_ADDRESS_TEXT], file[160];
        json_t *member, *source = NULL;
        int r = 0;

        fbn_address_format(&address, m->text, sizeof(m->text));
        import_label(m->text, label, sizeof(label));
        snprintf(name, sizeof(name), "peer-%s", label);
        import_host(m->import, name);
        member = json_pack("{s:s, s:s}", "address", m->text, "public_key", fbn_key_format(&peer->public_key, key, sizeof(key)));
        m->import->failed |= json_object_set_new(m->members, name, member) < 0;
        if (peer->endpoint_name || peer->endpoint.address.family)
                json_object_set_new(member, "endpoint", json_string(peer->endpoint_name ? peer->endpoint_name
                                                                                      : fbn_endpoint_format(&peer->endpoint, endpoint, sizeof(endpoint))));
        if (peer->preshared_key) {
                snprintf(file, sizeof(file), "%s-%s-%s.psk", m->import->host, m->device, label);
                r = import_secret(m->import, peer->preshared_key, file, &source);
                if (r == 0)
                        json_object_set_new(member, "preshared_key", source);
        }
        return r < 0 ? r : announce(m, member, name, peer, own);
}

static json_t *seconds(uint16_t keepalive)
{
        char text[16];

        snprintf(text, sizeof(text), "%us", keepalive);
        return json_string(text);
}

static int add_self(struct making *m, const fbn_wireguard *wireguard, const fbn_prefix *address)
{
        const fbn_wireguard_interface *interface = fbn_wireguard_interface_of(wireguard);
        char key[FBN_KEY_TEXT], endpoint[96], file[96];
        fbn_key public_key = interface->public_key;
        json_t *self, *source = NULL;
        int r;

        if (!interface->private_key)
                return fail(m->import->c, FBN_EINVAL, "%s has no private key", m->device);
        r = fbn_key_public(m->import->c, interface->private_key, &public_key);
        snprintf(file, sizeof(file), "%s-%s.key", m->import->host, m->device);
        if (r == 0)
                r = import_secret(m->import, interface->private_key, file, &source);
        if (r < 0)
                return r;
        fbn_address_format(&address->address, m->text, sizeof(m->text));
        self = json_pack("{s:s, s:s, s:s, s:o}", "address", m->text, "interface", m->device, "public_key",
                         fbn_key_format(&public_key, key, sizeof(key)), "private_key", source);
        m->import->failed |= json_object_set_new(m->members, m->import->host, self) < 0;
        if (!interface->listen_port)
                return 0;
        snprintf(endpoint, sizeof(endpoint), "%s.invalid:%u", m->import->host, interface->listen_port); /* how others call it is not known here */
        json_object_set_new(self, "listen", json_integer(interface->listen_port));
        json_object_set_new(self, "endpoint", json_string(endpoint));
        return 0;
}

int import_tunnel(struct import *import, const char *device, const fbn_wireguard *wireguard, const fbn_prefix *address, uint32_t mtu)
{
        struct making m = {.import = import, .device = device, .prefix = *address};
        uint16_t keepalive = 0;
        json_t *tunnel;
        int r;

        if (is_host_sized(address)) /* of one address no tunnel can be made */
                m.prefix.length = address->address.family == AF_INET6 ? 64 : 24;
        fbn_prefix_network(&m.prefix, &m.prefix);
        tunnel = json_pack("{s:s, s:{}}", "prefix", import_prefix(import, &m.prefix, NULL), "members");
        if (json_object_set_new(import->tunnels, device, tunnel) < 0)
                return fail_memory(import->c);
        if (mtu)
                json_object_set_new(tunnel, "mtu", json_integer(mtu));
        m.members = json_object_get(tunnel, "members");
        r = add_self(&m, wireguard, address);
        for (size_t i = 0; r == 0 && i < fbn_wireguard_count(wireguard); i++) {
                const fbn_wireguard_peer *peer = fbn_wireguard_at(wireguard, i);

                keepalive = MAX(keepalive, peer->keepalive);
                r = add_peer(&m, peer);
        }
        if (r == 0 && keepalive)
                json_object_set_new(json_object_get(m.members, import->host), "keepalive", seconds(keepalive));
        return r;
}
