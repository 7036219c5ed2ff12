/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/stub.h"

#include "base/address.h"

#include <stdio.h>

/* RFC 6761 (localhost, invalid), RFC 7686 (onion). */
enum zone_kind { ZONE_EMPTY, ZONE_LOCALHOST };

struct zone {
        struct suffix suffix;
        enum zone_kind kind;
};

struct local {
        struct arena arena;
        struct suffix_table zones;
};

/* Addresses that mean something else in every network: their names are nobody's business outside (RFC 6303 4, RFC 7793). */
static const char *const private_zones[] = {
        "0.in-addr.arpa", "10.in-addr.arpa", "127.in-addr.arpa", "254.169.in-addr.arpa", "168.192.in-addr.arpa",
        "255.255.255.255.in-addr.arpa",
        "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
        "c.f.ip6.arpa", "d.f.ip6.arpa", "8.e.f.ip6.arpa", "9.e.f.ip6.arpa", "a.e.f.ip6.arpa", "b.e.f.ip6.arpa",
};

static bool add(struct local *local, const char *name, enum zone_kind kind)
{
        struct zone *zone = arena_alloc(&local->arena, sizeof(*zone));

        if (!zone)
                return false;
        zone->kind = kind;
        zone->suffix.self = zone->suffix.below = true;
        return name_parse(name, &zone->suffix.name) && suffix_add(&local->zones, &zone->suffix) != SUFFIX_NO_MEMORY;
}

static bool add_range(struct local *local, unsigned first, unsigned last, unsigned of)
{
        char name[32];

        for (unsigned i = first; i <= last; i++) {
                snprintf(name, sizeof(name), "%u.%u.in-addr.arpa", i, of);
                if (!add(local, name, ZONE_EMPTY))
                        return false;
        }
        return true;
}

static bool add_all(struct local *local)
{
        for (size_t i = 0; i < ARRAY_SIZE(private_zones); i++)
                if (!add(local, private_zones[i], ZONE_EMPTY))
                        return false;
        return add(local, "localhost", ZONE_LOCALHOST) && add(local, "invalid", ZONE_EMPTY) && add(local, "onion", ZONE_EMPTY) &&
               add_range(local, 16, 31, 172) && add_range(local, 64, 127, 100);
}

struct local *local_new(void)
{
        struct local *local = memory_alloc(sizeof(*local));

        return local && !add_all(local) ? local_free(local) : local;
}

struct local *local_free(struct local *local)
{
        if (!local)
                return NULL;
        suffix_table_free(&local->zones);
        arena_free(&local->arena);
        memory_free(local);
        return NULL;
}

#define TTL_LOCAL 10800 /* RFC 6303 3 */

/* RFC 6761 6.3: loopback addresses for address queries, nothing of any other type. */
static size_t answer_localhost(const struct asked *asked, const struct name *zone, uint8_t *buffer)
{
        static const uint8_t v4[4] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
        struct reply reply;

        reply_begin(&reply, asked, buffer);
        if (asked->question.type == TYPE_A || asked->question.type == TYPE_ANY)
                reply_add(&reply, TYPE_A, 0, v4, sizeof(v4));
        else if (asked->question.type == TYPE_AAAA)
                reply_add(&reply, TYPE_AAAA, 0, v6, sizeof(v6));
        return reply.count ? reply_end(&reply) : reply_nothing(asked, RCODE_NOERROR, zone, TTL_LOCAL, buffer);
}

#define TTL 60 /* of what a route says itself: seconds; the next reading of the routes may say otherwise */

bool route_is_local(const struct route *route)
{
        return route->pointer || route->record.n_upstreams == 0;
}

/* Records of the name that was asked, with authority (RFC 1035 4.1.1), or that there are none. */
size_t route_answer(const struct asked *asked, const struct route *route, uint8_t *buffer)
{
        const fbn_dns_route *record = &route->record;
        struct reply reply;

        if (record->blocked)
                return reply_nothing(asked, RCODE_NXDOMAIN, &route->name, TTL, buffer);
        reply_begin(&reply, asked, buffer);
        wire_write16(buffer + 2, wire_read16(buffer + 2) | FLAG_AA);
        if (asked->question.class == CLASS_IN && route->pointer && reply_wants(asked, TYPE_PTR))
                reply_add(&reply, TYPE_PTR, TTL, route->pointer->bytes, route->pointer->length);
        for (size_t i = 0; asked->question.class == CLASS_IN && !route->pointer && i < record->n_addresses; i++) {
                uint16_t type = record->addresses[i].family == AF_INET ? TYPE_A : TYPE_AAAA;

                if (reply_wants(asked, type))
                        reply_add(&reply, type, TTL, record->addresses[i].bytes, family_bytes(record->addresses[i].family));
        }
        return reply.count ? reply_end(&reply) : reply_nothing(asked, RCODE_NOERROR, &route->name, TTL, buffer);
}

size_t local_answer(const struct local *local, const struct asked *asked, const struct name *lowered, const struct route *route,
                    uint8_t *buffer)
{
        const struct suffix *suffix = suffix_find(&local->zones, lowered, 0);

        if (!suffix || asked->question.class != CLASS_IN || (route && route->labels >= suffix->labels))
                return 0;
        if (CONTAINER_OF(suffix, const struct zone, suffix)->kind == ZONE_LOCALHOST)
                return answer_localhost(asked, &suffix->name, buffer);
        return reply_nothing(asked, RCODE_NXDOMAIN, &suffix->name, TTL_LOCAL, buffer);
}
