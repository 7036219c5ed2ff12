/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "route/rpfilter.h"
#include "base/context.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const char *const reasons[] = {
        [FBN_RPFILTER_CLAUSE_MARTIAN] = "no packet may have this source: multicast, broadcast, 0.0.0.0, or loopback without route_localnet",
        [FBN_RPFILTER_CLAUSE_DESTINATION] = "no packet may have this destination: 0.0.0.0, or loopback without route_localnet",
        [FBN_RPFILTER_CLAUSE_UNROUTED] = "no way leads on to the destination, or forwarding is off on the link: the source is not looked at",
        [FBN_RPFILTER_CLAUSE_OFF] = "rp_filter is off",
        [FBN_RPFILTER_CLAUSE_ACCEPT_LOCAL] = "rp_filter is off and accept_local is on",
        [FBN_RPFILTER_CLAUSE_OWN_SOURCE] = "the source is an address of this host, and accept_local is off",
        [FBN_RPFILTER_CLAUSE_SOURCE_TYPE] = "the route to the source is a broadcast, multicast or anycast one",
        [FBN_RPFILTER_CLAUSE_REVERSE_DEVICE] = "the route to the source leads out of the link that the packet came in by",
        [FBN_RPFILTER_CLAUSE_NO_ADDRESS] = "the route to the source leads out of another link, and this one has no IPv4 address",
        [FBN_RPFILTER_CLAUSE_STRICT] = "the route to the source leads out of another link, and rp_filter is strict",
        [FBN_RPFILTER_CLAUSE_LOOSE] = "the route to the source leads out of another link, and rp_filter is not strict",
        [FBN_RPFILTER_CLAUSE_NO_ROUTE] = "no route leads to the source",
};

static fbn_rpfilter_kind settle(fbn_rpfilter_kind kind, fbn_rpfilter_clause clause, fbn_rpfilter_clause *ret_clause)
{
        *ret_clause = clause;
        return kind;
}

static uint32_t number_of(const fbn_address *address)
{
        uint32_t number;

        memcpy(&number, address->bytes, sizeof(number));
        return ntohl(number);
}

static bool loopback(uint32_t address)
{
        return address >> 24 == IN_LOOPBACKNET;
}

/* What needs no route to be refused. Returns whether it is. Source: net/ipv4/route.c, ip_route_input_slow(). */
static bool impossible(const fbn_rpfilter_state *state, fbn_rpfilter_clause *ret_clause)
{
        uint32_t source = number_of(&state->source), destination = number_of(&state->destination);
        bool to_all = destination == INADDR_BROADCAST;

        *ret_clause = FBN_RPFILTER_CLAUSE_MARTIAN;
        if (IN_MULTICAST(source) || source == INADDR_BROADCAST)
                return true;
        if (to_all || (source == 0 && destination == 0))
                return false;
        if (source == 0) /* since Linux 5.3 it alone, no longer all of 0.0.0.0/8 */
                return true;
        if (loopback(source) && !loopback(destination) && !state->route_localnet)
                return true;
        *ret_clause = FBN_RPFILTER_CLAUSE_DESTINATION;
        return destination == 0 || (loopback(destination) && !state->route_localnet);
}

/* Source: net/ipv4/fib_frontend.c, __fib_validate_source(). */
static fbn_rpfilter_kind check_route(const fbn_rpfilter_state *state, unsigned without, fbn_rpfilter_clause *ret_clause)
{
        bool strict = state->rp_filter == 1 ? !(without & PART_STRICT) : state->rp_filter == 2 && without & PART_LOOSE;
        fbn_rpfilter_kind last = state->rp_filter ? FBN_RPFILTER_DROP : FBN_RPFILTER_ACCEPT;

        if (state->reverse == FBN_RPFILTER_REVERSE_NONE)
                return settle(without & PART_NO_ROUTE ? FBN_RPFILTER_ACCEPT : last, FBN_RPFILTER_CLAUSE_NO_ROUTE, ret_clause);
        if (state->reverse == FBN_RPFILTER_REVERSE_OTHER && !(without & PART_SOURCE_TYPE))
                return settle(FBN_RPFILTER_MARTIAN, FBN_RPFILTER_CLAUSE_SOURCE_TYPE, ret_clause);
        if (state->reverse == FBN_RPFILTER_REVERSE_LOCAL && (!state->accept_local || without & PART_ACCEPT_LOCAL))
                return settle(FBN_RPFILTER_MARTIAN, FBN_RPFILTER_CLAUSE_OWN_SOURCE, ret_clause);
        if (state->reverse_device)
                return settle(FBN_RPFILTER_ACCEPT, FBN_RPFILTER_CLAUSE_REVERSE_DEVICE, ret_clause);
        if (state->no_address && !(without & PART_NO_ADDRESS))
                return settle(last, FBN_RPFILTER_CLAUSE_NO_ADDRESS, ret_clause);
        if (strict)
                return settle(FBN_RPFILTER_DROP, FBN_RPFILTER_CLAUSE_STRICT, ret_clause);
        return settle(FBN_RPFILTER_ACCEPT, FBN_RPFILTER_CLAUSE_LOOSE, ret_clause);
}

/* Source: net/ipv4/fib_frontend.c, fib_validate_source(). */
static fbn_rpfilter_kind check_source(const fbn_rpfilter_state *state, unsigned without, fbn_rpfilter_clause *ret_clause)
{
        if (state->rp_filter || (state->redirects && !(without & PART_REDIRECTS)))
                return check_route(state, without, ret_clause);
        if (state->accept_local && !(without & PART_ACCEPT_LOCAL))
                return settle(FBN_RPFILTER_ACCEPT, FBN_RPFILTER_CLAUSE_ACCEPT_LOCAL, ret_clause);
        if (state->policy)
                return check_route(state, without, ret_clause);
        if (state->own_source && !(without & PART_OWN_SOURCE))
                return settle(FBN_RPFILTER_MARTIAN, FBN_RPFILTER_CLAUSE_OWN_SOURCE, ret_clause);
        return settle(FBN_RPFILTER_ACCEPT, FBN_RPFILTER_CLAUSE_OFF, ret_clause);
}

void rpfilter_decide(const fbn_rpfilter_state *state, unsigned without, fbn_rpfilter_result *ret_result)
{
        fbn_rpfilter_result result = {.size = sizeof(result), .state = *state};
        bool zero = number_of(&state->source) == 0;

        if (!(without & PART_MARTIAN) && impossible(state, &result.clause))
                result.kind = FBN_RPFILTER_MARTIAN;
        else if (state->unrouted)
                result.kind = settle(FBN_RPFILTER_UNROUTED, FBN_RPFILTER_CLAUSE_UNROUTED, &result.clause);
        else if (zero) /* a DHCP client's, to everybody: not looked at */
                result.kind = settle(FBN_RPFILTER_ACCEPT, FBN_RPFILTER_CLAUSE_OFF, &result.clause);
        else
                result.kind = check_source(state, without, &result.clause);
        result.why = reasons[result.clause];
        *ret_result = result;
}

int rpfilter_check_addresses(fbn_context *c, const fbn_address *source, const fbn_address *destination)
{
        if (source->family == AF_INET6 || destination->family == AF_INET6)
                return fail(c, FBN_EINVAL, "Linux checks the source of IPv4 packets alone: rp_filter does not exist for IPv6");
        if (source->family != AF_INET || destination->family != AF_INET)
                return fail(c, FBN_EINVAL, "source and destination are needed");
        return 0;
}

int fbn_rpfilter_verdict(fbn_context *c, const fbn_rpfilter_state *state, fbn_rpfilter_result *ret_result)
{
        fbn_rpfilter_state mine;
        int r;

        r = OPTIONS_READ(c, fbn_rpfilter_state, state, &mine);
        if (r == 0)
                r = rpfilter_check_addresses(c, &mine.source, &mine.destination);
        if (r == 0 && mine.rp_filter > 2)
                r = fail(c, FBN_EINVAL, "%u is no value of rp_filter: 0, 1 or 2", mine.rp_filter);
        if (r < 0)
                return r;
        rpfilter_decide(&mine, 0, ret_result);
        return (int)ret_result->kind;
}
