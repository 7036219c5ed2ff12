/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a packet goes from here, by which route and which rule; or why it goes nowhere.
 *
 * usage: route_why ADDRESS [MARK]
 *        as anybody, for instance: route_why 192.168.20.7 */
#include <fabricnet/fabricnet.h>
#include <stdio.h>
#include <stdlib.h>

static void print_way(const fbn_routes *routes)
{
        const fbn_route *way = fbn_routes_at(routes, 0), *match = fbn_routes_at(routes, 1);
        char gateway[FBN_ADDRESS_TEXT], prefix[FBN_ADDRESS_TEXT];

        fbn_address_format(&way->gateway, gateway, sizeof(gateway));
        printf("through %s%s%s\n", way->device ? way->device : "this host itself", *gateway ? " by " : "", gateway);
        if (match) /* older kernels do not tell it */
                printf("because of the route %s of table %u\n", fbn_prefix_format(&match->destination, prefix, sizeof(prefix)), match->table);
}

static void print_rule(const fbn_rules *rules, uint32_t table)
{
        for (size_t i = 0; i < fbn_rules_count(rules); i++)
                if (fbn_rules_at(rules, i)->table == table) {
                        printf("to which rule %u leads\n", fbn_rules_at(rules, i)->priority);
                        return;
                }
}

int main(int argc, char **argv)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_routes) routes = NULL;
        FBN_CLEANUP(fbn_rules) rules = NULL;
        fbn_route_query query = {.size = sizeof(query)};
        int r;

        if (argc < 2 || fbn_address_parse(argv[1], &query.destination) < 0)
                return fprintf(stderr, "usage: route_why ADDRESS [MARK]\n"), 3;
        query.mark = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 0) : 0;
        r = fbn_context_new(NULL, &c);
        if (r >= 0)
                r = fbn_route_get(c, &query, &routes);
        if (r >= 0)
                r = fbn_rule_match(c, &query, &rules);
        if (r < 0) {
                fprintf(stderr, "%s\n", fbn_context_error(c));
                return 1;
        }
        print_way(routes);
        print_rule(rules, fbn_routes_at(routes, 0)->table);
        return 0;
}
