/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ROUTE_H
#define ROUTE_H

#include "command.h"

/* A route and the memory of its ways. */
struct route_line {
        fbn_route route;
        fbn_route_hop hops[FBN_ROUTE_HOPS];
};

struct nexthop_line {
        fbn_nexthop nexthop;
        fbn_nexthop_member members[FBN_ROUTE_HOPS];
};

/* Each reads what is left of the command line and returns EXIT_DONE or, having said what is wrong, another exit code. */
int route_words(const struct command *command, struct route_line *ret_line);
int query_words(const struct command *command, fbn_route_query *ret_query);
int rule_words(const struct command *command, bool complete, fbn_rule *ret_rule);
int nexthop_words(const struct command *command, struct nexthop_line *ret_line);
int neighbour_words(const struct command *command, fbn_neighbour *ret_neighbour);

const char *route_type_word(fbn_route_type type);
const char *route_scope_word(fbn_route_scope scope);

json_t *route_json(const fbn_route *route);
json_t *rule_json(const fbn_rule *rule);
void route_way(const fbn_route *route, char *text, size_t size); /* "via 10.0.0.1 dev eth0 mtu 1280" */
void rule_selectors(const fbn_rule *rule, char *text, size_t size); /* "from 10.0.0.0/8 fwmark 0x1" */
void rule_result(const fbn_rule *rule, char *text, size_t size); /* "lookup 100" */

/* Second words with words of their own. */
int command_rule(struct command *command);
int command_nexthop(struct command *command);
int command_neighbour(struct command *command);

/* The lines of a file ("-": standard input), blank ones and comments left out, each as a command of its own. Stops at the first that
 * does not return EXIT_DONE, after naming the line. */
int each_line_of_words(struct command *command, const char *path, int (*take)(const struct command *line, void *data), void *data);

#endif
