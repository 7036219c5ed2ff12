/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/network.h"
#include "base/address.h"
#include "base/text.h"

#include <ctype.h>

static int check_networks(fbn_context *c, const char *what, const fbn_prefix *prefixes, size_t count)
{
        char text[FBN_ADDRESS_TEXT];

        for (size_t i = 0; i < count; i++) {
                fbn_prefix network;
                int r = fbn_prefix_network(&prefixes[i], &network);

                if (r < 0)
                        return fail(c, FBN_EINVAL, "%s %zu is not a prefix", what, i + 1);
                if (r > 0)
                        return fail(c, FBN_EINVAL, "%s %s has host bits set", what, fbn_prefix_format(&prefixes[i], text, sizeof(text)));
        }
        return 0;
}

int fbn_wireguard_network_new(fbn_context *c, const fbn_wireguard_network_options *given, fbn_wireguard_network **ret_network)
{
        FBN_CLEANUP(fbn_wireguard_network) network = NULL;
        fbn_wireguard_network_options options;
        int r = OPTIONS_READ(c, fbn_wireguard_network_options, given, &options);

        if (r == 0)
                r = check_networks(c, "prefix", options.prefixes, options.n_prefixes);
        if (r < 0)
                return r;
        if (options.preshared && fbn_secret_length(options.preshared) != KEY_BYTES)
                return fail(c, FBN_EINVAL, "the secret of pre-shared keys has %d bytes, not %zu", KEY_BYTES, fbn_secret_length(options.preshared));
        network = memory_alloc(sizeof(*network));
        if (!network)
                return fail_memory(c);
        network->references = 1;
        network->prefixes = arena_copy(&network->arena, options.prefixes, options.n_prefixes * sizeof(*network->prefixes));
        if (!network->prefixes)
                return fail_memory(c);
        network->n_prefixes = options.n_prefixes;
        if (options.preshared)
                network->preshared = fbn_secret_ref((fbn_secret *)options.preshared);
        *ret_network = TAKE_PTR(network);
        return 0;
}

/* The name goes into a comment, which must not end before its line does. */
static bool is_name(const char *name)
{
        for (const char *byte = name; *byte; byte++)
                if (iscntrl((unsigned char)*byte))
                        return false;
        return *name;
}

static int check_keys(fbn_context *c, fbn_wireguard_member *member)
{
        fbn_key key;
        int r;

        if (!member->private_key)
                return key_is_zero(&member->public_key) ? fail(c, FBN_EINVAL, "neither a public nor a private key") : 0;
        r = fbn_key_public(c, member->private_key, &key);
        if (r < 0)
                return r;
        if (!key_is_zero(&member->public_key) && !key_equal(&member->public_key, &key))
                return fail(c, FBN_EINVAL, "the public key is not that of the private key");
        member->public_key = key;
        return 0;
}

/* Also takes the port to listen on from it. */
static int check_endpoint(fbn_context *c, fbn_wireguard_member *member)
{
        const char *colon = member->endpoint ? strrchr(member->endpoint, ':') : NULL;
        uint64_t port;

        if (!member->endpoint)
                return member->relay ? fail(c, FBN_EINVAL, "a relay needs an endpoint, or nobody reaches it") : 0;
        if (!colon || colon == member->endpoint || !text_to_u64(colon + 1, 1, 65535, &port))
                return fail(c, FBN_EINVAL, "endpoint '%s' is not HOST:PORT", member->endpoint);
        if (!member->listen_port)
                member->listen_port = (uint16_t)port;
        return 0;
}

static int check_member(fbn_context *c, fbn_wireguard_member *member)
{
        int r = check_keys(c, member);

        if (r == 0)
                r = check_endpoint(c, member);
        if (r < 0)
                return r;
        if (member->n_addresses == 0)
                return fail(c, FBN_EINVAL, "no address in the tunnel");
        for (size_t i = 0; i < member->n_addresses; i++)
                if (member->addresses[i].length > family_bits(member->addresses[i].address.family) || !member->addresses[i].address.family)
                        return fail(c, FBN_EINVAL, "address %zu is not ADDRESS/LENGTH", i + 1);
        r = check_networks(c, "announced network", member->announces, member->n_announces);
        return r < 0 ? r : check_networks(c, "connected network", member->connected, member->n_connected);
}

static bool copy_member(struct arena *arena, fbn_wireguard_member *member)
{
        const char **dns = arena_alloc(arena, member->n_dns * sizeof(*dns));

        member->name = arena_strdup(arena, member->name);
        member->addresses = arena_copy(arena, member->addresses, member->n_addresses * sizeof(*member->addresses));
        member->announces = arena_copy(arena, member->announces, member->n_announces * sizeof(*member->announces));
        member->connected = arena_copy(arena, member->connected, member->n_connected * sizeof(*member->connected));
        if (!dns || !member->name || !member->addresses || !member->announces || !member->connected)
                return false;
        for (size_t i = 0; i < member->n_dns; i++)
                if (!(dns[i] = arena_strdup(arena, member->dns[i])))
                        return false;
        member->dns = dns;
        return !member->endpoint || (member->endpoint = arena_strdup(arena, member->endpoint));
}

int fbn_wireguard_network_add(fbn_context *c, fbn_wireguard_network *network, const fbn_wireguard_member *given)
{
        fbn_wireguard_member member;
        int r = OPTIONS_READ(c, fbn_wireguard_member, given, &member);

        if (r < 0)
                return r;
        if (!member.name || !is_name(member.name))
                return fail(c, FBN_EINVAL, "member %zu: no name", network->count + 1);
        r = check_member(c, &member);
        if (r < 0)
                return fail_in(c, r, "member %s", member.name);
        if (!ARRAY_RESERVE(network->members, network->count, network->capacity) || !copy_member(&network->arena, &member))
                return fail_memory(c);
        if (member.private_key)
                member.private_key = fbn_secret_ref((fbn_secret *)member.private_key);
        network->members[network->count++] = member;
        return 0;
}

fbn_wireguard_network *fbn_wireguard_network_ref(fbn_wireguard_network *network)
{
        network->references++;
        return network;
}

fbn_wireguard_network *fbn_wireguard_network_unref(fbn_wireguard_network *network)
{
        if (!network || --network->references > 0)
                return NULL;
        for (size_t i = 0; i < network->count; i++)
                fbn_secret_unref((fbn_secret *)network->members[i].private_key);
        fbn_secret_unref(network->preshared);
        memory_free(network->members);
        arena_free(&network->arena);
        memory_free(network);
        return NULL;
}

size_t fbn_wireguard_network_count(const fbn_wireguard_network *network)
{
        return network ? network->count : 0;
}

const fbn_wireguard_member *fbn_wireguard_network_at(const fbn_wireguard_network *network, size_t index)
{
        return index < fbn_wireguard_network_count(network) ? &network->members[index] : NULL;
}
