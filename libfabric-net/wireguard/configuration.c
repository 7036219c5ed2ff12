/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/configuration.h"
#include "base/address.h"

#include <stdlib.h>

/* By words: memcmp() is a call, and sodium_is_zero() goes by volatile bytes, a tenth of what ten thousand peers take. Neither branches on
 * the key. */
bool key_equal(const fbn_key *a, const fbn_key *b)
{
        uint64_t x[4], y[4];

        memcpy(x, a->bytes, sizeof(x));
        memcpy(y, b->bytes, sizeof(y));
        return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3])) == 0;
}

bool key_is_zero(const void *key)
{
        uint64_t part[4];

        memcpy(part, key, sizeof(part));
        return (part[0] | part[1] | part[2] | part[3]) == 0;
}

/* Public keys are as good as random; the middle of a product spreads those that are not. */
static uint32_t mark_of(const fbn_key *key)
{
        uint64_t part[4];

        memcpy(part, key->bytes, sizeof(part));
        return (uint32_t)((part[0] ^ part[1] ^ part[2] ^ part[3]) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* The table's entry for a key: the peer's, or the free one where it would go. */
static struct peer_slot *slot_of(const fbn_wireguard *wireguard, const fbn_key *key, uint32_t mark)
{
        size_t i = mark & (wireguard->table_size - 1);

        for (; wireguard->table[i].place; i = (i + 1) & (wireguard->table_size - 1))
                if (wireguard->table[i].mark == mark && key_equal(&wireguard->peers[wireguard->table[i].place - 1].public_key, key))
                        break;
        return &wireguard->table[i];
}

const fbn_wireguard_peer *configuration_find(const fbn_wireguard *wireguard, const fbn_key *key)
{
        uint32_t place = wireguard->table_size ? slot_of(wireguard, key, mark_of(key))->place : 0;

        return place ? &wireguard->peers[place - 1] : NULL;
}

static void put_slot(struct peer_slot *table, size_t size, struct peer_slot slot)
{
        size_t i = slot.mark & (size - 1);

        while (table[i].place)
                i = (i + 1) & (size - 1);
        table[i] = slot;
}

/* Room in the table for one more. */
static bool table_reserve(fbn_wireguard *wireguard)
{
        size_t size = MAX(wireguard->table_size * 2, (size_t)16);
        struct peer_slot *table;

        if (wireguard->count < wireguard->table_size / 4 * 3)
                return true;
        if (wireguard->count >= UINT32_MAX / 2)
                return false;
        table = memory_alloc(size * sizeof(*table));
        if (!table)
                return false;
        for (size_t i = 0; i < wireguard->table_size; i++)
                if (wireguard->table[i].place)
                        put_slot(table, size, wireguard->table[i]);
        memory_free(wireguard->table);
        wireguard->table = table;
        wireguard->table_size = size;
        return true;
}

static int compare_prefixes(const void *a, const void *b)
{
        return prefix_compare(a, b);
}

static bool in_order(const fbn_prefix *prefixes, size_t count)
{
        for (size_t i = 1; i < count; i++)
                if (prefix_compare(&prefixes[i - 1], &prefixes[i]) >= 0)
                        return false;
        return true;
}

size_t prefixes_sort(fbn_prefix *prefixes, size_t count)
{
        size_t kept = 0;

        if (in_order(prefixes, count))
                return count;
        qsort(prefixes, count, sizeof(*prefixes), compare_prefixes);
        for (size_t i = 0; i < count; i++)
                if (kept == 0 || !prefix_equal(&prefixes[kept - 1], &prefixes[i]))
                        prefixes[kept++] = prefixes[i];
        return kept;
}

static int check_allowed_ips(fbn_context *c, const fbn_wireguard_peer *peer)
{
        char text[FBN_ADDRESS_TEXT], network_text[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < peer->n_allowed_ips; i++) {
                fbn_prefix network;
                int r = fbn_prefix_network(&peer->allowed_ips[i], &network);

                if (r < 0)
                        return fail(c, FBN_EINVAL, "allowed IP %zu is not a prefix", i + 1);
                if (r > 0)
                        return fail(c, FBN_EINVAL, "allowed IP %s has host bits set; the network is %s",
                                    fbn_prefix_format(&peer->allowed_ips[i], text, sizeof(text)),
                                    fbn_prefix_format(&network, network_text, sizeof(network_text)));
        }
        return 0;
}

static int check_peer(fbn_context *c, const fbn_wireguard_peer *peer)
{
        if (key_is_zero(peer->public_key.bytes))
                return fail(c, FBN_EINVAL, "the public key is missing");
        if (peer->preshared_key && fbn_secret_length(peer->preshared_key) != KEY_BYTES)
                return fail(c, FBN_EINVAL, "a pre-shared key has %d bytes, not %zu", KEY_BYTES, fbn_secret_length(peer->preshared_key));
        if (peer->endpoint.address.family && !family_bits(peer->endpoint.address.family))
                return fail(c, FBN_EINVAL, "the endpoint is neither IPv4 nor IPv6");
        if (peer->endpoint.address.family && peer->endpoint.port == 0)
                return fail(c, FBN_EINVAL, "the endpoint has no port");
        if (peer->endpoint_name && (!strchr(peer->endpoint_name, ':') || *peer->endpoint_name == ':'))
                return fail(c, FBN_EINVAL, "endpoint '%s' is not HOST:PORT", peer->endpoint_name);
        return check_allowed_ips(c, peer);
}

/* The peer's strings and lists become the arena's, its secret a reference. */
static bool copy_peer(fbn_wireguard *wireguard, fbn_wireguard_peer *peer)
{
        fbn_prefix *allowed_ips = arena_copy(&wireguard->arena, peer->allowed_ips, peer->n_allowed_ips * sizeof(*allowed_ips));

        if (!allowed_ips)
                return false;
        peer->n_allowed_ips = prefixes_sort(allowed_ips, peer->n_allowed_ips);
        peer->allowed_ips = allowed_ips;
        if (peer->endpoint_name && !(peer->endpoint_name = arena_strdup(&wireguard->arena, peer->endpoint_name)))
                return false;
        if (peer->preshared_key && key_is_zero(fbn_secret_bytes(peer->preshared_key)))
                peer->preshared_key = NULL; /* what the protocol takes for "none" */
        if (peer->preshared_key)
                peer->preshared_key = fbn_secret_ref((fbn_secret *)peer->preshared_key);
        if (peer->layout)
                peer->layout = fbn_secret_ref((fbn_secret *)peer->layout);
        return true;
}

static int add(fbn_context *c, fbn_wireguard *wireguard, const fbn_wireguard_peer *given)
{
        fbn_wireguard_peer peer;
        struct peer_slot *slot;
        uint32_t mark;
        int r;

        r = OPTIONS_READ(c, fbn_wireguard_peer, given, &peer);
        if (r < 0)
                return r;
        r = check_peer(c, &peer);
        if (r < 0)
                return r;
        if (!ARRAY_RESERVE(wireguard->peers, wireguard->count, wireguard->capacity) || !table_reserve(wireguard))
                return fail_memory(c);
        mark = mark_of(&peer.public_key);
        slot = slot_of(wireguard, &peer.public_key, mark);
        if (slot->place)
                return fail(c, FBN_EEXIST, "there is a peer with this public key already");
        if (!copy_peer(wireguard, &peer))
                return fail_memory(c);
        wireguard->peers[wireguard->count++] = peer;
        *slot = (struct peer_slot){mark, (uint32_t)wireguard->count};
        return 0;
}

int fbn_wireguard_add(fbn_context *c, fbn_wireguard *wireguard, const fbn_wireguard_peer *peer)
{
        char key[FBN_KEY_TEXT];
        int r = add(c, wireguard, peer);

        if (r >= 0)
                return r;
        return fail_in(c, r, "peer %s", fbn_key_format(&peer->public_key, key, sizeof(key)));
}

static bool copy_names(struct arena *arena, const char *const *names, size_t count, const char *const **ret_names)
{
        const char **copy = arena_alloc(arena, count * sizeof(*copy));

        if (!copy)
                return false;
        for (size_t i = 0; i < count; i++) {
                copy[i] = arena_strdup(arena, names[i]);
                if (!copy[i])
                        return false;
        }
        *ret_names = copy;
        return true;
}

static bool copy_interface(struct arena *arena, fbn_wireguard_interface *interface)
{
        interface->addresses = arena_copy(arena, interface->addresses, interface->n_addresses * sizeof(*interface->addresses));
        if (!interface->addresses || !copy_names(arena, interface->dns, interface->n_dns, &interface->dns) ||
            !copy_names(arena, interface->hooks, interface->n_hooks, &interface->hooks))
                return false;
        if (interface->name && !(interface->name = arena_strdup(arena, interface->name)))
                return false;
        return !interface->table || (interface->table = arena_strdup(arena, interface->table));
}

static void interface_unref(fbn_wireguard_interface *interface)
{
        fbn_secret_unref((fbn_secret *)interface->private_key);
        fbn_secret_unref((fbn_secret *)interface->layout);
}

/* Deriving it takes as long as reading twenty peers. */
static int find_public_key(fbn_context *c, const fbn_wireguard *wanted, const fbn_secret *private_key, fbn_key *ret_key)
{
        if (!wanted || !wanted->interface.private_key || !fbn_secret_equal(wanted->interface.private_key, private_key))
                return fbn_key_public(c, private_key, ret_key);
        *ret_key = wanted->interface.public_key;
        return 0;
}

int configuration_set_interface(fbn_context *c, fbn_wireguard *wireguard, const fbn_wireguard_interface *given)
{
        fbn_wireguard_interface interface;
        int r;

        r = OPTIONS_READ(c, fbn_wireguard_interface, given, &interface);
        if (r < 0)
                return r;
        if (interface.private_key) {
                r = find_public_key(c, wireguard->wanted, interface.private_key, &interface.public_key);
                if (r < 0)
                        return r;
        }
        if (!copy_interface(&wireguard->arena, &interface))
                return fail_memory(c);
        if (interface.private_key)
                fbn_secret_ref((fbn_secret *)interface.private_key);
        if (interface.layout)
                fbn_secret_ref((fbn_secret *)interface.layout);
        interface_unref(&wireguard->interface);
        wireguard->interface = interface;
        return 0;
}

int fbn_wireguard_new(fbn_context *c, const fbn_wireguard_interface *interface, fbn_wireguard **ret_wireguard)
{
        FBN_CLEANUP(fbn_wireguard) wireguard = memory_alloc(sizeof(*wireguard));
        int r;

        if (!wireguard)
                return fail_memory(c);
        wireguard->references = 1;
        r = configuration_set_interface(c, wireguard, interface);
        if (r < 0)
                return r;
        *ret_wireguard = TAKE_PTR(wireguard);
        return 0;
}

void configuration_clear(fbn_wireguard *wireguard)
{
        for (size_t i = 0; i < wireguard->count; i++) {
                fbn_secret_unref((fbn_secret *)wireguard->peers[i].preshared_key);
                fbn_secret_unref((fbn_secret *)wireguard->peers[i].layout);
        }
        wireguard->count = wireguard->n_met = 0;
        if (wireguard->met)
                memset(wireguard->met, 0, wireguard->wanted->count * sizeof(*wireguard->met));
        if (wireguard->table)
                memset(wireguard->table, 0, wireguard->table_size * sizeof(*wireguard->table));
}

int configuration_expect(fbn_context *c, fbn_wireguard *wireguard, const fbn_wireguard *wanted)
{
        wireguard->met = arena_alloc(&wireguard->arena, wanted->count * sizeof(*wireguard->met));
        if (!wireguard->met)
                return fail_memory(c);
        wireguard->wanted = wanted;
        return 0;
}

bool configuration_met(const fbn_wireguard *wireguard, const fbn_key *key)
{
        const fbn_wireguard_peer *want = wireguard->met ? configuration_find(wireguard->wanted, key) : NULL;

        return want && wireguard->met[want - wireguard->wanted->peers];
}

fbn_wireguard *fbn_wireguard_ref(fbn_wireguard *wireguard)
{
        wireguard->references++;
        return wireguard;
}

fbn_wireguard *fbn_wireguard_unref(fbn_wireguard *wireguard)
{
        if (!wireguard || --wireguard->references > 0)
                return NULL;
        wireguard->met = NULL; /* what was wanted may be gone before */
        configuration_clear(wireguard);
        interface_unref(&wireguard->interface);
        memory_free(wireguard->peers);
        memory_free(wireguard->table);
        arena_free(&wireguard->arena);
        memory_free(wireguard);
        return NULL;
}

const fbn_wireguard_interface *fbn_wireguard_interface_of(const fbn_wireguard *wireguard)
{
        return &wireguard->interface;
}

size_t fbn_wireguard_count(const fbn_wireguard *wireguard)
{
        return wireguard ? wireguard->count : 0;
}

const fbn_wireguard_peer *fbn_wireguard_at(const fbn_wireguard *wireguard, size_t index)
{
        return index < fbn_wireguard_count(wireguard) ? &wireguard->peers[index] : NULL;
}
