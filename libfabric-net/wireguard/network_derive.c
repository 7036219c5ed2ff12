/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/network.h"
#include "wireguard/claims.h"
#include "wireguard/wiped.h"
#include "base/address.h"

#include <sodium.h>
#include <stdio.h>

/* What one member's configuration is made from. */
struct derivation {
        fbn_context *c;
        const fbn_wireguard_network *network;
        const fbn_wireguard_member *self, *relay; /* relay: the first one that is not self, NULL: none */
        size_t n_peers;
        struct peer_draft draft;
        fbn_wireguard *wireguard;
};

static bool are_peers(const fbn_wireguard_member *a, const fbn_wireguard_member *b)
{
        return a != b && (a->endpoint || b->endpoint);
}

static int add_addresses(struct derivation *derivation, const fbn_wireguard_member *member)
{
        int r = 0;

        for (size_t i = 0; i < member->n_addresses && r == 0; i++) {
                fbn_prefix own = member->addresses[i];

                own.length = (uint8_t)family_bits(own.address.family);
                r = draft_allowed_ip(derivation->c, &derivation->draft, &own);
        }
        return r;
}

static bool is_connected(const fbn_wireguard_member *self, const fbn_prefix *network)
{
        for (size_t i = 0; i < self->n_connected; i++)
                if (prefix_equal(&self->connected[i], network))
                        return true;
        return false;
}

static int add_announced(struct derivation *derivation, const fbn_wireguard_member *announcer)
{
        int r = 0;

        for (size_t i = 0; i < announcer->n_announces && r == 0; i++)
                if (!is_connected(derivation->self, &announcer->announces[i]))
                        r = draft_allowed_ip(derivation->c, &derivation->draft, &announcer->announces[i]);
        return r;
}

/* What only the relay can take self to. With no other peer beside it this is the network as a whole, with the relay's own address. */
static int add_relayed(struct derivation *derivation)
{
        const fbn_wireguard_network *network = derivation->network;
        bool whole = derivation->n_peers == 1 && network->n_prefixes > 0;
        int r = 0;

        for (size_t i = 0; whole && i < network->n_prefixes && r == 0; i++)
                r = draft_allowed_ip(derivation->c, &derivation->draft, &network->prefixes[i]);
        for (size_t i = 0; i < network->count && r == 0; i++) {
                const fbn_wireguard_member *other = &network->members[i];

                if (other == derivation->self || are_peers(derivation->self, other))
                        continue;
                if (!whole)
                        r = add_addresses(derivation, other);
                if (r == 0)
                        r = add_announced(derivation, other);
        }
        return r;
}

/* Everything, in the families that the member has an address of. */
static int add_default(struct derivation *derivation)
{
        const fbn_wireguard_member *self = derivation->self;
        int r = 0;

        for (size_t i = 0; i < self->n_addresses && r == 0; i++) {
                fbn_prefix everything = {.address.family = self->addresses[i].address.family};

                r = draft_allowed_ip(derivation->c, &derivation->draft, &everything);
        }
        return r;
}

static int add_allowed_ips(struct derivation *derivation, const fbn_wireguard_member *other)
{
        const fbn_wireguard_member *self = derivation->self;
        bool relayed = other == derivation->relay && !self->endpoint;
        bool whole = relayed && derivation->n_peers == 1 && derivation->network->n_prefixes > 0;
        int r = 0;

        if (self->road_warrior && other == derivation->relay)
                return add_default(derivation);
        if (!whole)
                r = add_addresses(derivation, other);
        if (r == 0)
                r = add_announced(derivation, other);
        return r == 0 && relayed ? add_relayed(derivation) : r;
}

static void add_preshared_key(struct derivation *derivation, const fbn_wireguard_member *other)
{
        static const char purpose[] = "fabricnet preshared 1";
        const fbn_key *low = &derivation->self->public_key, *high = &other->public_key;
        uint8_t text[sizeof(purpose) - 1 + 2 * KEY_BYTES];

        if (!derivation->network->preshared)
                return;
        if (memcmp(low, high, sizeof(*low)) > 0) {
                low = high;
                high = &derivation->self->public_key;
        }
        memcpy(text, purpose, sizeof(purpose) - 1);
        memcpy(text + sizeof(purpose) - 1, low, KEY_BYTES);
        memcpy(text + sizeof(purpose) - 1 + KEY_BYTES, high, KEY_BYTES);
        crypto_generichash(derivation->draft.preshared_key, KEY_BYTES, text, sizeof(text), fbn_secret_bytes(derivation->network->preshared),
                           KEY_BYTES);
}

/* The head of a section with the member's name in front, for fbn_wireguard_format(). */
static int new_layout(fbn_context *c, const char *name, const char *head, fbn_secret **ret_layout)
{
        _cleanup_(wiped_free) struct wiped text = {0};

        wiped_add(&text, streq(head, "[Peer]") ? "\n# " : "# ");
        wiped_add(&text, name);
        wiped_add(&text, "\n");
        wiped_add(&text, head);
        wiped_add(&text, "\n");
        return text.failed ? fail_memory(c) : fbn_secret_new(c, text.bytes, text.length, ret_layout);
}

static int add_peer(struct derivation *derivation, const fbn_wireguard_member *other)
{
        FBN_CLEANUP(fbn_secret) layout = NULL;
        fbn_wireguard_peer *peer = &derivation->draft.peer;
        int r = add_allowed_ips(derivation, other);

        add_preshared_key(derivation, other);
        if (r == 0)
                r = new_layout(derivation->c, other->name, "[Peer]", &layout);
        if (r < 0)
                return r;
        peer->public_key = other->public_key;
        peer->keepalive = derivation->self->keepalive;
        peer->layout = layout;
        if (other->endpoint && fbn_endpoint_parse(other->endpoint, &peer->endpoint) < 0)
                peer->endpoint_name = other->endpoint;
        return fail_in(derivation->c, draft_add(derivation->c, &derivation->draft, derivation->wireguard), "member %s", other->name);
}

static int set_interface(struct derivation *derivation)
{
        const fbn_wireguard_member *self = derivation->self;
        fbn_wireguard_interface interface = {.size = sizeof(interface), .private_key = self->private_key, .public_key = self->public_key,
                                             .listen_port = self->listen_port, .addresses = self->addresses,
                                             .n_addresses = self->n_addresses, .mtu = self->mtu, .dns = self->dns, .n_dns = self->n_dns};
        FBN_CLEANUP(fbn_secret) layout = NULL;
        int r = new_layout(derivation->c, self->name, "[Interface]", &layout);

        if (r < 0)
                return r;
        interface.layout = layout;
        return fbn_wireguard_new(derivation->c, &interface, &derivation->wireguard);
}

/* Of self with any other; those of two others come out as allowed IPs of two peers. */
static int check_member(struct derivation *derivation, const fbn_wireguard_member *other)
{
        const fbn_wireguard_member *self = derivation->self;
        char text[FBN_ADDRESS_TEXT];

        if (streq(self->name, other->name))
                return fail(derivation->c, FBN_EINVAL, "two members are called %s", self->name);
        if (key_equal(&self->public_key, &other->public_key))
                return fail(derivation->c, FBN_EINVAL, "members %s and %s have the same key", self->name, other->name);
        for (size_t i = 0; i < self->n_addresses; i++)
                for (size_t j = 0; j < other->n_addresses; j++)
                        if (address_compare(&self->addresses[i].address, &other->addresses[j].address) == 0)
                                return fail(derivation->c, FBN_EINVAL, "members %s and %s have the same address %s", self->name, other->name,
                                            fbn_address_format(&self->addresses[i].address, text, sizeof(text)));
        return 0;
}

static int survey(struct derivation *derivation)
{
        const fbn_wireguard_network *network = derivation->network;
        int r = 0;

        for (size_t i = 0; i < network->count && r == 0; i++) {
                const fbn_wireguard_member *other = &network->members[i];

                if (other == derivation->self)
                        continue;
                r = check_member(derivation, other);
                derivation->n_peers += are_peers(derivation->self, other);
                if (!derivation->relay && other->relay)
                        derivation->relay = other;
        }
        return r;
}

static int derive(struct derivation *derivation)
{
        const fbn_wireguard_network *network = derivation->network;
        _cleanup_(claims_free) struct claims claims = {0};
        int r = survey(derivation);

        if (r == 0)
                r = set_interface(derivation);
        for (size_t i = 0; i < network->count && r == 0; i++)
                if (are_peers(derivation->self, &network->members[i]))
                        r = add_peer(derivation, &network->members[i]);
        return r < 0 ? r : claims_new(derivation->c, derivation->wireguard, &claims);
}

int fbn_wireguard_network_derive(fbn_context *c, const fbn_wireguard_network *network, const char *name, fbn_wireguard **ret_wireguard)
{
        struct derivation derivation = {.c = c, .network = network};
        int r;

        for (size_t i = 0; i < network->count && !derivation.self; i++)
                if (streq(network->members[i].name, name))
                        derivation.self = &network->members[i];
        if (!derivation.self)
                return fail(c, FBN_ENOENT, "no member is called '%s'", name);
        r = derive(&derivation);
        draft_free(&derivation.draft);
        if (r == 0)
                *ret_wireguard = TAKE_PTR(derivation.wireguard);
        fbn_wireguard_unref(derivation.wireguard);
        return r;
}
