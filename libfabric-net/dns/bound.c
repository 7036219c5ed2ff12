/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/private.h"
#include "dns/stub.h"

#include "base/address.h"

int bound_new(fbn_context *c, fbn_dns_stub *stub, const fbn_dns_stub_options *options)
{
        stub->allow_private = options->allow_private;
        if (options->n_allow == 0)
                return 0;
        stub->allow = memory_alloc(options->n_allow * sizeof(fbn_prefix));
        if (!stub->allow)
                return fail_memory(c);
        for (size_t i = 0; i < options->n_allow; i++)
                if (fbn_prefix_network(&options->allow[i], &stub->allow[i]) < 0)
                        return fail(c, FBN_EINVAL, "DNS stub: allowed prefix %zu is none", i + 1);
        stub->n_allow = options->n_allow;
        return 0;
}

bool bound_loopback(const union socket_address *peer)
{
        return peer->any.sa_family == AF_INET ? ntohl(peer->v4.sin_addr.s_addr) >> 24 == 127 : IN6_IS_ADDR_LOOPBACK(&peer->v6.sin6_addr);
}

bool bound_allows(const fbn_dns_stub *stub, const union socket_address *peer)
{
        fbn_address address;

        if (bound_loopback(peer))
                return true;
        address = socket_address_endpoint(peer).address;
        for (size_t i = 0; i < stub->n_allow; i++)
                if (fbn_prefix_contains(&stub->allow[i], &address))
                        return true;
        return stub->n_allow == 0 && address_private(&address);
}

/* Of what may wait in all, one client may have half, so that it cannot shut out the others; all programs of this host are one
 * address, which is not bounded. Those who share a slot share its bound. */
static unsigned slot_of(const fbn_dns_stub *stub, const union socket_address *peer)
{
        fbn_endpoint from = socket_address_endpoint(peer);
        uint64_t hash;

        if (bound_loopback(peer))
                return 0;
        crypto_shorthash((unsigned char *)&hash, from.address.bytes, sizeof(from.address.bytes), stub->hash_key);
        return 1 + (unsigned)(hash % CLIENT_SLOTS);
}

bool bound_take(fbn_dns_stub *stub, struct query *query, const struct route *route)
{
        size_t most = stub->max_pending, *total = &stub->pending;
        uint32_t *here = &stub->table.pending[route->number];
        const union socket_address *peer = query_peer(query);

        query->slot = peer ? slot_of(stub, peer) : 0;
        /* A route whose servers are silent leaves a quarter to the others. */
        if (*total >= most || *here >= most - most / 4 || (query->slot > 0 && stub->clients_pending[query->slot - 1] >= most - most / 2))
                return false;
        (*total)++;
        (*here)++;
        if (query->slot > 0)
                stub->clients_pending[query->slot - 1]++;
        return true;
}

void bound_give(fbn_dns_stub *stub, const struct query *query)
{
        stub->pending--;
        stub->table.pending[query->exchange->route->number]--;
        if (query->slot > 0)
                stub->clients_pending[query->slot - 1]--;
}
