/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/address.h"
#include "fabric/run.h"
#include "fabric/words.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <time.h>

/* A session is renewed every two minutes and dead after three. Source: WireGuard's paper, section 6.1, REJECT_AFTER_TIME. */
#define SESSION_NANOSECONDS (INT64_C(180) * 1000000000)

static int by_key(const void *a, const void *b)
{
        const fbn_wireguard_peer *x = *(const fbn_wireguard_peer *const *)a, *y = *(const fbn_wireguard_peer *const *)b;

        return memcmp(&x->public_key, &y->public_key, sizeof(fbn_key));
}

bool peer_index_build(const fbn_wireguard *wireguard, struct peer_index *ret_index)
{
        struct peer_index index = {.n = fbn_wireguard_count(wireguard)};

        index.items = memory_alloc(index.n * sizeof(*index.items));
        if (!index.items)
                return false;
        for (size_t i = 0; i < index.n; i++)
                index.items[i] = fbn_wireguard_at(wireguard, i);
        qsort(index.items, index.n, sizeof(*index.items), by_key);
        *ret_index = index;
        return true;
}

const fbn_wireguard_peer *peer_index_find(const struct peer_index *index, const fbn_key *key)
{
        const fbn_wireguard_peer wanted = {.public_key = *key}, *pointer = &wanted;
        const fbn_wireguard_peer **found = bsearch(&pointer, index->items, index->n, sizeof(*index->items), by_key);

        return found ? *found : NULL;
}

void peer_index_free(struct peer_index *index)
{
        memory_free(index->items);
}

static bool is_alive(const fbn_wireguard_peer *peer)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return peer->endpoint.address.family && (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - peer->last_handshake < SESSION_NANOSECONDS;
}

static fbn_endpoint endpoint_of(const struct addrinfo *info, uint16_t port)
{
        fbn_endpoint endpoint = {.port = port, .address.family = (uint16_t)info->ai_family};

        if (info->ai_family == AF_INET6) {
                const struct sockaddr_in6 *six = (const void *)info->ai_addr;

                memcpy(endpoint.address.bytes, &six->sin6_addr, sizeof(six->sin6_addr));
                endpoint.scope = six->sin6_scope_id;
        } else
                memcpy(endpoint.address.bytes, &((const struct sockaddr_in *)(const void *)info->ai_addr)->sin_addr,
                       sizeof(struct in_addr));
        return endpoint;
}

static void free_addresses(struct addrinfo **list)
{
        if (*list)
                freeaddrinfo(*list);
}

/* Names are asked for as any program of this host would, in the context's namespace. */
static int resolve(struct run *run, const char *host, uint16_t port, const fbn_wireguard_peer *have, fbn_endpoint *ret_endpoint,
                   bool *ret_unresolved)
{
        static const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG};
        _cleanup_(free_addresses) struct addrinfo *list = NULL;
        NAMESPACE_GUARD guard = {.previous = -1};
        int r;

        r = namespace_enter(run->c, &guard);
        if (r < 0)
                return r;
        if (getaddrinfo(host, NULL, &hints, &list) != 0 || !list) {
                list = NULL;
                *ret_unresolved = true;
                return 0;
        }
        *ret_endpoint = endpoint_of(list, port);
        for (const struct addrinfo *next = list; have && next; next = next->ai_next) {
                fbn_endpoint endpoint = endpoint_of(next, port);

                if (endpoint_equal(&endpoint, &have->endpoint))
                        *ret_endpoint = endpoint; /* one of several, and in use */
        }
        return 0;
}

/* An endpoint that works is left alone: it may have been learned, and asking for names in a steady state helps nobody. */
int peer_endpoint(struct run *run, const struct member *member, const fbn_wireguard_peer *have, fbn_endpoint *ret_endpoint,
                  bool *ret_unresolved)
{
        fbn_endpoint endpoint = {.address.family = 0};
        char host[256];
        int r;

        if (!member->endpoint || (have && is_alive(have)))
                return 0;
        word_split_host_port(member->endpoint, host, sizeof(host), &endpoint.port);
        if (fbn_address_parse(host, &endpoint.address) == 0) {
                *ret_endpoint = endpoint;
                return 0;
        }
        r = resolve(run, host, endpoint.port, have, ret_endpoint, ret_unresolved);
        if (*ret_unresolved && have && have->endpoint.address.family)
                *ret_unresolved = false; /* it has one from before; that the name fails just now is no difference */
        return r;
}
