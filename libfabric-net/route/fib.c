/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "route/fib.h"
#include "base/memory.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#define TOS_BITS 0xfc /* the last two are ECN's */

static bool inside(uint32_t address, uint32_t network, uint8_t length)
{
        return length == 0 || (address ^ network) >> (32 - length) == 0;
}

static bool between(uint16_t port, const uint16_t *range)
{
        return range[0] == 0 || (port >= range[0] && port <= range[1]);
}

/* Source: net/core/fib_rules.c, fib_rule_match(); net/ipv4/fib_rules.c, fib4_rule_match(). The user of a packet that comes in is root. */
static bool selects(const struct fib_rule *rule, const struct fib_query *query)
{
        return (!*rule->in_device || streq(rule->in_device, query->in_device)) && !*rule->out_device && !rule->tunnel &&
               ((rule->mark ^ query->mark) & rule->mask) == 0 && (!rule->uid_given || rule->uids[0] == 0) && (!rule->l3mdev || query->vrf_table) &&
               inside(query->from, rule->from, rule->from_length) && inside(query->to, rule->to, rule->to_length) &&
               (!rule->tos || rule->tos == (query->tos & TOS_BITS)) && (!rule->ip_protocol || rule->ip_protocol == query->ip_protocol) &&
               between(query->source_port, rule->source_ports) && between(query->destination_port, rule->destination_ports);
}

static bool alive(const struct fib_route *route)
{
        for (size_t i = 0; i < route->n_ways; i++)
                if (!route->ways[i].dead)
                        return true;
        return false;
}

/* What a lookup in a table or a rule comes to. */
enum step { FOUND, REFUSED, GO_ON };

/* Source: net/ipv4/fib_trie.c, fib_table_lookup(), fib_props; net/ipv4/fib_semantics.c. */
static enum step look(const struct fib *fib, const struct fib_query *query, const uint32_t *tables, size_t n_tables, const struct fib_route **ret_route)
{
        for (size_t i = 0; i < fib->n_routes; i++) {
                const struct fib_route *route = &fib->routes[i];
                bool in_table = false;

                for (size_t j = 0; j < n_tables; j++)
                        in_table |= route->table == tables[j];
                if (!in_table || !inside(query->to, route->destination, route->length) || (route->tos && route->tos != (query->tos & TOS_BITS)))
                        continue;
                if (route->type == RTN_THROW)
                        return GO_ON;
                if (route->type >= RTN_BLACKHOLE)
                        return REFUSED;
                if (!alive(route))
                        continue;
                *ret_route = route;
                return FOUND;
        }
        return GO_ON;
}

static enum step act(const struct fib *fib, const struct fib_rule *rule, const struct fib_query *query, const struct fib_route **ret_route)
{
        uint32_t table = rule->l3mdev ? query->vrf_table : rule->table;
        enum step step;

        if (rule->action != FR_ACT_TO_TBL)
                return rule->action == FR_ACT_NOP ? GO_ON : REFUSED;
        step = look(fib, query, &table, 1, ret_route);
        if (step == FOUND && rule->suppress_length >= 0 && (*ret_route)->length <= rule->suppress_length)
                return GO_ON;
        return step;
}

/* Until somebody adds a rule, the kernel has the tables local and main in one: the longer prefix wins, whichever it is in. */
static const struct fib_route *lookup_merged(const struct fib *fib, const struct fib_query *query)
{
        static const uint32_t merged[] = {RT_TABLE_LOCAL, RT_TABLE_MAIN}, last[] = {RT_TABLE_DEFAULT};
        const struct fib_route *route = NULL;
        enum step step = look(fib, query, merged, 2, &route);

        if (step == GO_ON)
                step = look(fib, query, last, 1, &route);
        return step == FOUND ? route : NULL;
}

const struct fib_route *fib_lookup(const struct fib *fib, const struct fib_query *query)
{
        const struct fib_route *route = NULL;
        uint32_t from = 0; /* a rule's "goto" skips those below */

        if (!fib->custom_rules)
                return lookup_merged(fib, query);
        for (size_t i = 0; i < fib->n_rules; i++) {
                const struct fib_rule *rule = &fib->rules[i];
                enum step step;

                if (rule->priority < from || selects(rule, query) == rule->invert)
                        continue;
                if (rule->action == FR_ACT_GOTO) {
                        from = rule->target;
                        continue;
                }
                step = act(fib, rule, query, &route);
                if (step != GO_ON)
                        return step == FOUND ? route : NULL;
        }
        return NULL;
}
